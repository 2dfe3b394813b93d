"""Built-in services: those of `_BUILTIN`, and those that each kind's declaration brings."""

from __future__ import annotations

from zato.server.admin_api import config, helpers, ping
from zato.server.admin_api import service as service_admin
from zato.server.admin_api.context import AdminContext, AdminService
from zato.server.admin_api.objects import object_services
from zato.server.service.base import Service
from zato.server.service.compiled import CompiledService, compile_service

_BUILTIN: dict[str, type[Service]] = {
    'zato.ping': ping.Ping,
    'pub.zato.ping': ping.PubPing,
    'zato.helpers.echo': helpers.Echo,
    'helpers.echo': helpers.HelpersEcho,
    'pub.helpers.echo': helpers.PubEcho,
    'zato.config.apply': config.Apply,
    'zato.config.export': config.Export,
    'zato.audit.get-list': config.AuditList,
    'zato.worker.get-list': config.WorkerList,
    'zato.service.invoke': service_admin.Invoke,
    'zato.service.cancel': service_admin.Cancel,
    'zato.service.get-list': service_admin.GetList,
    'zato.service.get-module-list': service_admin.GetModules,
    'zato.service.get-version-list': service_admin.GetVersions,
    'zato.service.get-receipt': service_admin.GetReceipt,
    'zato.service.rollback': service_admin.Rollback,
    'zato.service.undeploy': service_admin.Undeploy,
    'zato.service.delete': service_admin.Delete,
}


def builtin_names() -> frozenset[str]:
    return frozenset({*_BUILTIN, *(name for name, _ in object_services())})


def plain_services() -> dict[str, CompiledService]:
    """Those that know nothing of a server."""
    plain = {name: cls for name, cls in _BUILTIN.items() if not issubclass(cls, AdminService)}
    return {name: compile_service(cls, name=name, is_internal=True) for name, cls in plain.items()}


def builtin_services(context: AdminContext) -> dict[str, CompiledService]:
    """By name. A name that is not the class's own derived one is what users know it by."""
    classes: dict[str, type[Service]] = {**dict(object_services()), **_BUILTIN}
    return {name: compile_service(_with_context(cls, context), name=name, is_internal=True) for name, cls in classes.items()}


def _with_context(cls: type[Service], context: AdminContext) -> type[Service]:
    if not issubclass(cls, AdminService):
        return cls

    def handle(self: AdminService) -> None:
        self.check_role()
        cls.handle(self)

    attributes = {'context': context, 'handle': handle, '__module__': cls.__module__, '__doc__': cls.__doc__}
    return type(cls.__name__, (cls,), attributes)
