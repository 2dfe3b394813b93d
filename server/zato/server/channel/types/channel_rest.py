"""REST channels that users configured."""

from __future__ import annotations

from zato.common.api import CHANNEL
from zato.common.config.field import is_variable
from zato.common.config.kinds.channel_rest import MESSAGE_FIRST, PATH_FIRST, ChannelREST
from zato.common.config.origins import parse_origins
from zato.common.config.stored import StoredObject
from zato.common.exception import Conflict, NotFound, ServiceUnavailable
from zato.server.channel.channel import NO_LIMIT, Channel
from zato.server.channel.cors import CORS
from zato.server.channel.format.registry import data_format
from zato.server.channel.routes import Routes
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.definitions import SecurityDefinitions
from zato.server.service.channel_info import OPEN, ChannelInfo, ChannelSecurityInfo
from zato.server.service.compiled import CompiledService
from zato.server.service.store import ServiceStore


@runtime('channel_rest')
class RESTChannels(Runtime):
    def __init__(
        self, routes: Routes, services: ServiceStore, definitions: SecurityDefinitions, objects: ConfigObjects
    ) -> None:
        self._routes = routes
        self._services = services
        self._definitions = definitions
        self._objects = objects
        self._channels: dict[int, Channel] = {}
        self._held: dict[int, Channel] = {}

    def start(self, item: ConfigObject) -> None:
        channel = self._make(item)
        self._routes.add(channel)
        self._channels[item.id] = channel

    def stop(self, item: ConfigObject) -> None:
        channel = self._channels.pop(item.id, None)
        if channel is not None:
            self._routes.remove(channel)

    def hold(self, item: StoredObject) -> None:
        """Its path answers 503: without that, a less specific channel might answer there, and let others in."""
        settings = item.settings
        path, method, accept = settings['url_path'], settings.get('method', ''), settings.get('http_accept', '*/*')
        if is_variable(path) or is_variable(method) or is_variable(accept):
            return
        channel = Channel(
            name=item.name,
            path=path,
            method=method,
            http_accept=accept,
            match_slash=settings.get('match_slash', True),
            resolve=_down,
            format=data_format(''),
        )
        try:
            self._routes.add(channel)
        except Conflict:
            return  # the path is another channel's already
        self._held[item.id] = channel

    def release(self, id: int) -> None:
        channel = self._held.pop(id, None)
        if channel is not None:
            self._routes.remove(channel)

    def _make(self, item: ConfigObject) -> Channel:
        settings = item.settings
        service = self._objects.get(settings.service)
        assert service is not None  # it would be down otherwise, and so would the channel
        return Channel(
            name=item.name,
            path=settings.url_path,
            method=settings.method,
            http_accept=settings.http_accept,
            match_slash=settings.match_slash,
            is_active=item.is_active,
            security=self._definitions.get(settings.security) if settings.security else None,
            resolve=_Resolve(self._services, service.name),
            format=data_format(settings.data_format),
            info=self._info(item),
            merges_params=settings.merge_url_params_req,
            is_path_first=settings.url_params_pri == PATH_FIRST,
            is_message_first=settings.params_pri == MESSAGE_FIRST,
            is_query_payload=settings.data_format == 'json' and settings.merge_url_params_req,
            content_type=settings.content_type.encode('latin-1'),
            is_gzip=settings.content_encoding == 'gzip',
            timeout=settings.service_timeout,
            max_body=settings.max_body or NO_LIMIT,
            cors=_cors(settings),
        )

    def _info(self, item: ConfigObject) -> ChannelInfo:
        """What services see as `self.channel`."""
        settings = item.settings
        definition = self._objects.get(settings.security) if settings.security else None
        security = OPEN
        if definition is not None:
            security = ChannelSecurityInfo(
                id=definition.id,
                name=definition.name,
                type=definition.kind.removeprefix('security_'),
                username=getattr(definition.settings, 'username', ''),
            )
        return ChannelInfo(
            id=item.id,
            name=item.name,
            type=CHANNEL.HTTP_SOAP,
            data_format=settings.data_format,
            match_target=settings.url_path,
            security=security,
        )


def _cors(settings: ChannelREST) -> CORS | None:
    origins = parse_origins(settings.cors_origins)
    if not origins:
        return None
    return CORS(
        origins=origins,
        headers=tuple(settings.cors_headers.replace(',', ' ').split()),
        expose=tuple(settings.cors_expose_headers.replace(',', ' ').split()),
        credentials=settings.cors_credentials,
        max_age=settings.cors_max_age,
    )


def _down(params: dict[str, str], cid: str) -> CompiledService:
    raise ServiceUnavailable(cid, 'The channel is down; the log of the server says why')


class _Resolve:
    """Finds the channel's service as it is deployed now."""

    __slots__ = ('_name', '_services')

    def __init__(self, services: ServiceStore, name: str) -> None:
        self._services = services
        self._name = name

    def __call__(self, params: dict[str, str], cid: str) -> CompiledService:
        found = self._services.get(self._name)
        if found is not None:
            return found
        if self._services.is_inactive(self._name):
            raise NotFound(cid, f'Service `{self._name}` is inactive')
        raise ServiceUnavailable(cid, f'Service `{self._name}` is not deployed')
