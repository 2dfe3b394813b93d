"""REST channels that users configured."""

from __future__ import annotations

from dataclasses import replace

from zato.common.api import CHANNEL
from zato.common.config.field import is_variable
from zato.common.config.kinds.channel_rest import MESSAGE_FIRST, PARAM, PATH_FIRST, ChannelREST
from zato.common.config.origins import parse_origins
from zato.common.config.stored import StoredObject
from zato.common.exception import Conflict, NotFound, ServiceUnavailable
from zato.server.audit_log.recorder import Recorder
from zato.server.channel.audit import ChannelAudit
from zato.server.channel.channel import NO_LIMIT, Channel, ChannelDown
from zato.server.channel.cors import CORS
from zato.server.channel.format.registry import data_format
from zato.server.channel.routes import Routes
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.definitions import Authenticator, SecurityDefinitions
from zato.server.security.groups import GroupAuth, Groups
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.service.channel_info import OPEN, ChannelInfo, ChannelSecurityInfo
from zato.server.service.compiled import CompiledService
from zato.server.service.store import ServiceStore


@runtime('channel_rest')
class RESTChannels(Runtime):
    def __init__(
        self,
        routes: Routes,
        services: ServiceStore,
        definitions: SecurityDefinitions,
        groups: Groups,
        objects: ConfigObjects,
        limits: RateLimits,
        recorder: Recorder,
    ) -> None:
        self._routes = routes
        self._services = services
        self._definitions = definitions
        self._groups = groups
        self._objects = objects
        self._limits = limits
        self._recorder = recorder
        self._channels: dict[int, Channel] = {}
        self._held: dict[int, Channel] = {}
        self._guessed: set[int] = set()  # of those that are held, some may be for other requests

    def start(self, item: ConfigObject) -> None:
        channel = self._make(item)
        try:
            self._routes.add(channel)
        except Conflict:
            if not self._give_way(channel):
                raise
            self._routes.add(channel)
        self._channels[item.id] = channel
        self._limits.put(item)

    def stop(self, item: ConfigObject) -> None:
        channel = self._channels.pop(item.id, None)
        if channel is not None:
            self._routes.remove(channel)
            self._limits.remove(item)

    def hold(self, item: StoredObject) -> None:
        """Its path answers 503: without that, a less specific channel might answer there, and let others in.

        Where a variable should say for which requests, that is so for all of which no channel of the same path is certain.
        """
        settings = item.settings
        path, method, accept = settings['url_path'], settings.get('method', ''), settings.get('http_accept', '*/*')
        if is_variable(path):
            return
        if is_variable(method) or is_variable(accept):
            self._guessed.add(item.id)
            method, accept = '' if is_variable(method) else method, '*/*' if is_variable(accept) else accept
        channel = Channel(
            name=item.name,
            path=path,
            method=method,
            http_accept=accept,
            match_slash=settings.get('match_slash', True),
            resolve=_down,
            format=data_format(''),
            shown_path=self._shown_path(path),
        )
        try:
            self._routes.add(channel)
        except Conflict:
            return  # the path is another channel's already
        self._held[item.id] = channel

    def release(self, id: int) -> None:
        self._guessed.discard(id)
        channel = self._held.pop(id, None)
        if channel is not None:
            self._routes.remove(channel)

    def _give_way(self, channel: Channel) -> bool:
        """Let go of what is held in the channel's place by mere guess. False if nothing is."""
        found = [id for id in self._guessed & self._held.keys() if _place_of(self._held[id]) == _place_of(channel)]
        for id in found:
            self.release(id)
        return bool(found)

    def _make(self, item: ConfigObject) -> Channel:
        settings = item.settings
        service = self._objects.get(settings.service)
        assert service is not None  # it would be down otherwise, and so would the channel
        info = self._info(item)
        return Channel(
            name=item.name,
            path=settings.url_path,
            method=settings.method,
            http_accept=settings.http_accept,
            match_slash=settings.match_slash,
            is_active=item.is_active,
            security=self._security(settings),
            resolve=_Resolve(self._services, service.name),
            format=data_format(settings.data_format),
            info=info,
            info_of=_InfoOf(info, self._objects) if settings.security_groups else None,
            merges_params=settings.merge_url_params_req,
            is_path_first=settings.url_params_pri == PATH_FIRST,
            is_message_first=settings.params_pri == MESSAGE_FIRST,
            is_query_payload=settings.data_format == 'json' and settings.merge_url_params_req,
            content_type=settings.content_type.encode('latin-1'),
            is_gzip=settings.content_encoding == 'gzip',
            timeout=settings.service_timeout,
            max_body=settings.max_body or NO_LIMIT,
            shown_path=self._shown_path(settings.url_path),
            cors=_cors(settings),
            audit=self._audit(item, service.name),
        )

    def _audit(self, item: ConfigObject, service: str) -> ChannelAudit | None:
        settings = item.settings
        if settings.is_audit_log_received_active or settings.is_audit_log_sent_active:
            return ChannelAudit(self._recorder, item, lambda: self._services.get(service))
        return None

    def _shown_path(self, path: str) -> bytes:
        """A path such as /reset/{token} is shown as it is configured, without what clients fill in."""
        return path.encode() if any(map(self._recorder.masker.is_secret, PARAM.findall(path))) else b''

    def _security(self, settings: ChannelREST) -> Authenticator | None:
        own = self._definitions.get(settings.security) if settings.security else None
        return GroupAuth([self._groups.get(id) for id in settings.security_groups], own) if settings.security_groups else own

    def _info(self, item: ConfigObject) -> ChannelInfo:
        """What services see as `self.channel`."""
        settings = item.settings
        return ChannelInfo(
            id=item.id,
            name=item.name,
            type=CHANNEL.HTTP_SOAP,
            data_format=settings.data_format,
            match_target=settings.url_path,
            security=_security_info(self._objects, settings.security or 0),
        )


def _security_info(objects: ConfigObjects, definition: int) -> ChannelSecurityInfo:
    found = objects.get(definition)
    if found is None:
        return OPEN
    return ChannelSecurityInfo(
        id=found.id,
        name=found.name,
        type=found.kind.removeprefix('security_'),
        username=getattr(found.settings, 'username', ''),
    )


class _InfoOf:
    """What services see as `self.channel`, by the definition that let the client in.

    Made when it is first needed: groups may have thousands of members. What changes in one starts the channel anew.
    """

    __slots__ = ('_info', '_known', '_objects')

    def __init__(self, info: ChannelInfo, objects: ConfigObjects) -> None:
        self._info = info
        self._objects = objects
        self._known: dict[int, ChannelInfo] = {}

    def __call__(self, definition: int) -> ChannelInfo:
        found = self._known.get(definition)
        if found is None:
            found = replace(self._info, security=_security_info(self._objects, definition))
            self._known[definition] = found
        return found


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


def _place_of(channel: Channel) -> tuple[str, str, str]:
    """What no two channels have."""
    return PARAM.sub('{}', channel.path), channel.method, channel.http_accept


def _down(params: dict[str, str], cid: str) -> CompiledService:
    raise ChannelDown(cid, 'The channel is down; the log of the server says why')


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
