"""Names that the server gives to objects of publish/subscribe."""

from __future__ import annotations

from typing import Final

#: What topics of services begin with.
SERVICE_TOPICS: Final = '/zato/s/to/'

#: What endpoints that the server makes for services begin with.
SERVICE_ENDPOINTS: Final = 'zato.pubsub.service.'

#: The endpoint of services that publish, which every server has without it being configured.
INTERNAL_ENDPOINT: Final = 'zato.pubsub.internal.default'


def service_topic(service: str) -> str:
    """The topic of messages to a service: its name is in it as it is, so no two services share one."""
    return f'{SERVICE_TOPICS}{service}'


def service_endpoint(service: str) -> str:
    return f'{SERVICE_ENDPOINTS}{service}'
