"""The channels of publish/subscribe for REST clients (source of paths: classic Zato 3.2, but for pulling with leases).

Topics' names begin with a slash, so their URLs have two: /zato/pubsub/topic//customer/new. What merged these on its way,
as some proxies do, finds the topic all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from zato.common.api import CHANNEL
from zato.common.exception import Forbidden, HTTPException
from zato.server.channel.channel import Channel
from zato.server.channel.format.registry import data_format
from zato.server.pubsub.registry import Registry
from zato.server.security.basic_auth import HEADER, BasicAuth, basic_digest, plain_of
from zato.server.security.definitions import SecurityDefinitions
from zato.server.security.groups import Group
from zato.server.security.principal import Principal
from zato.server.service.channel_info import ChannelInfo
from zato.server.service.compiled import CompiledService
from zato.server.service.store import ServiceStore

TOPIC_PARAM: Final = 'topic_name'
_MOST_VERIFIED: Final = 10_000  #: headers

#: Path → method, '' for what the service handles; service.
_CHANNELS: Final = {
    f'/zato/pubsub/topic/{{{TOPIC_PARAM}}}': ('', 'zato.pubsub.pubapi.topic-service'),
    f'/zato/pubsub/subscribe/topic/{{{TOPIC_PARAM}}}': ('', 'zato.pubsub.pubapi.subscribe-service'),
    '/zato/pubsub/pull/get': ('POST', 'zato.pubsub.pubapi.pull-get'),
    '/zato/pubsub/pull/ack': ('POST', 'zato.pubsub.pubapi.pull-ack'),
    '/zato/pubsub/pull/nack': ('POST', 'zato.pubsub.pubapi.pull-nack'),
}


def pubsub_channels(store: ServiceStore, registry: Registry, definitions: SecurityDefinitions) -> list[Channel]:
    """Their services check what each client may do."""
    security = EndpointAuth(registry, definitions)
    return [_channel(store, security, path, *served) for path, served in _CHANNELS.items()]


class EndpointAuth:
    """Lets in who logs in with a Basic Auth definition that an active endpoint of a REST client has: 403 for anybody else.

    A look-up takes as long among many endpoints as among few.
    """

    def __init__(self, registry: Registry, definitions: SecurityDefinitions) -> None:
        self._registry = registry
        self._definitions = definitions
        self._generation = -1
        self._by_digest: dict[bytes, Principal] = {}
        self._verified: dict[bytes, Principal] = {}  # headers that let somebody in, whatever way they are written

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        if self._generation != self._registry.generation:  # it grows with each definition of an endpoint, too
            self._look_anew()
        header = headers.get(HEADER, b'')
        found = self._verified.get(header)
        if found is None and (plain := plain_of(header)):
            found = self._by_digest.get(basic_digest(plain))
            if found is not None and len(self._verified) < _MOST_VERIFIED:
                self._verified[header] = found
        return found

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return Forbidden(cid)

    def _look_anew(self) -> None:
        self._generation = self._registry.generation
        self._verified.clear()
        found = [
            self._definitions.find(item.settings.security)
            for item in sorted(self._registry.endpoints(), key=lambda item: item.id)
            if item.is_active and item.settings.security
        ]
        self._by_digest = Group(member for member in found if isinstance(member, BasicAuth)).by_digest


def _channel(store: ServiceStore, security: EndpointAuth, path: str, method: str, service: str) -> Channel:
    def resolve(params: dict[str, str], cid: str) -> CompiledService:
        found = store.get(service)
        assert found is not None  # a built-in one, which stays
        return found

    name = path.partition('/{')[0].strip('/').replace('/', '.')
    return Channel(
        name=name,
        path=path,
        method=method,
        match_slash='{' in path,
        is_path_first=True,
        security=security,
        resolve=resolve,
        format=data_format('json'),
        info=ChannelInfo(name=name, type=CHANNEL.HTTP_SOAP, data_format='json', is_internal=True, match_target=path),
    )
