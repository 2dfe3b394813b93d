"""Topics for tests, as workers have them."""

from __future__ import annotations

from typing import Any

from zato.common.config.kinds.pubsub_topic import PubSubTopic
from zato.server.config.runtime import ConfigObject


def topic(*, is_active: bool = True, **settings: Any) -> ConfigObject:
    return ConfigObject(
        id=1, kind='pubsub_topic', name='/a', is_active=is_active, version=1, settings=PubSubTopic(**settings)
    )
