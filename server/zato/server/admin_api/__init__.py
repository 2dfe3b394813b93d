"""Built-in services: those of `_BUILTIN`, and those that each kind's declaration brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zato.server.admin_api import (
    audit_log,
    config,
    dependents,
    helpers,
    jwt,
    logs,
    ping,
    server,
    service_list,
    service_modules,
    service_upload,
)
from zato.server.admin_api import service as service_admin
from zato.server.admin_api.context import AdminContext, AdminService, ContextService
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
    'zato.config.get-dependents': dependents.GetDependents,
    'zato.config.get-error-list': config.ErrorList,
    'zato.audit.get-list': config.AuditList,
    'zato.audit-log.event.get-list': audit_log.GetList,
    'zato.audit-log.event.clear': audit_log.Clear,
    'zato.worker.get-list': config.WorkerList,
    'zato.server.get-info': server.GetInfo,
    'zato.log.get-list': logs.GetList,
    'zato.log.read': logs.Read,
    jwt.LOG_IN: jwt.LogIn,
    jwt.LOG_OUT: jwt.LogOut,
    'zato.service.invoke': service_admin.Invoke,
    'zato.service.cancel': service_admin.Cancel,
    'zato.service.get-list': service_list.GetList,
    'zato.service.get-module-list': service_modules.GetModules,
    'zato.service.get-version-list': service_modules.GetVersions,
    'zato.service.get-source': service_modules.GetSource,
    'zato.service.get-receipt': service_modules.GetReceipt,
    'zato.service.get-deployment-list': service_upload.GetDeploymentList,
    'zato.service.upload-package': service_upload.UploadPackage,
    'zato.service.rollback': service_modules.Rollback,
    'zato.service.undeploy': service_modules.Undeploy,
    'zato.service.delete': service_modules.Delete,
}


def builtin_names() -> frozenset[str]:
    return frozenset({*_BUILTIN, *(name for name, _ in object_services())})


def plain_services() -> dict[str, CompiledService]:
    """Those that know nothing of a server."""
    plain = {name: cls for name, cls in _BUILTIN.items() if not issubclass(cls, ContextService)}
    return {name: compile_service(cls, name=name, is_internal=True) for name, cls in plain.items()}


def builtin_services(context: AdminContext) -> dict[str, CompiledService]:
    """By name. A name that is not the class's own derived one is what users know it by."""
    classes: dict[str, type[Service]] = {**dict(object_services()), **_BUILTIN}
    return {name: compile_service(_with_context(cls, context), name=name, is_internal=True) for name, cls in classes.items()}


def _with_context(cls: type[Service], context: AdminContext) -> type[Service]:
    if not issubclass(cls, ContextService):
        return cls
    attributes: dict[str, Any] = {'context': context, '__module__': cls.__module__, '__doc__': cls.__doc__}
    if issubclass(cls, AdminService):
        attributes['handle'] = _with_check(cls)
    return type(cls.__name__, (cls,), attributes)


def _with_check(cls: type[AdminService]) -> Callable[[AdminService], None]:
    def handle(self: AdminService) -> None:
        self.check_role()
        cls.handle(self)

    return handle
