"""REST channels that users configured."""

from __future__ import annotations

from zato.common.config.field import is_variable
from zato.common.config.stored import StoredObject
from zato.common.exception import Conflict, NotFound, ServiceUnavailable
from zato.server.channel import json_format, raw_format
from zato.server.channel.channel import Channel
from zato.server.channel.routes import Routes
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.definitions import SecurityDefinitions
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
        path, method = item.settings['url_path'], item.settings.get('method', '')
        if is_variable(path) or is_variable(method):
            return
        channel = Channel(
            name=item.name, path=path, method=method, resolve=_down, parse=raw_format.parse, render=raw_format.render
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
        format_ = json_format if settings.data_format == 'json' else raw_format
        return Channel(
            name=item.name,
            path=settings.url_path,
            method=settings.method,
            is_active=item.is_active,
            security=self._definitions.get(settings.security) if settings.security else None,
            resolve=_Resolve(self._services, service.name),
            parse=format_.parse,
            render=format_.render,
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
