"""Built-in services. Each module's classes are found by `builtin_services`."""

from __future__ import annotations

from zato.server.admin_api import helpers, ping
from zato.server.admin_api import service as service_admin
from zato.server.service.base import Service
from zato.server.service.compiled import CompiledService, compile_service

_BUILTIN: dict[str, type[Service]] = {
    'zato.ping': ping.Ping,
    'pub.zato.ping': ping.PubPing,
    'zato.helpers.echo': helpers.Echo,
    'helpers.echo': helpers.HelpersEcho,
    'pub.helpers.echo': helpers.PubEcho,
    'zato.service.invoke': service_admin.Invoke,
    'zato.service.get-list': service_admin.GetList,
}


def builtin_services() -> dict[str, CompiledService]:
    """By name. A name that is not the class's own derived one is what users know it by."""
    return {name: compile_service(cls, name=name, is_internal=True) for name, cls in _BUILTIN.items()}
