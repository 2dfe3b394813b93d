"""The admin services of a worker that has objects and nothing else, called without HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from zato.common.alarm import Alarms
from zato.common.config.kind import kinds
from zato.common.config.stored import StoredObject
from zato.server.admin_api import builtin_services
from zato.server.admin_api.context import AdminContext
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import Runtime
from zato.server.http.message import Request as HTTPMessage
from zato.server.security.principal import Principal
from zato.server.service.call import Call
from zato.server.service.channel_info import INVOKE
from zato.server.service.compiled import CompiledService
from zato.server.service.data import Request
from zato.server.service.facades import Facades
from zato.server.service.invoker import Invoker
from zato.server.service.store import ServiceStore

ADMIN = Principal('admin.invoke', 'admin')
MESSAGE = HTTPMessage(b'POST', b'/zato/admin/invoke', b'', b'HTTP/1.1', {}, '127.0.0.1')


class AdminServices:
    """parts: what services find in their context besides `objects` and `services`. environ: of the server's process."""

    def __init__(self, *own: CompiledService, environ: Mapping[str, str] | None = None, **parts: Any) -> None:
        self.objects = ConfigObjects({} if environ is None else environ, lambda text: text, Alarms())
        self.objects.use(dict.fromkeys(kinds(), Runtime()))
        store = ServiceStore()
        context = SimpleNamespace(objects=self.objects, services=store, **parts)
        self.compiled = builtin_services(cast(AdminContext, context))
        store.add_internal(self.compiled)
        store.swap({'own': {service.name: service for service in own}})
        facades = Facades({'server': lambda service: SimpleNamespace(name='server1', pid=17)})
        self.invoker = Invoker(store, facades)

    def put(self, *items: StoredObject) -> None:
        """Objects that are down are no news."""
        logging.disable(logging.ERROR)
        try:
            self.objects.put(items)
        finally:
            logging.disable(logging.NOTSET)

    def call(self, name: str, request: Any = None, *, principal: Principal = ADMIN, is_http: bool = True) -> Any:
        """What the service answers. Its exceptions come through as they are."""
        message = MESSAGE if is_http else None
        call = Call(self.invoker.find(name), 'c1', INVOKE, message, None, principal)
        return self.invoker.run(call, Request(request or {}, request or {})).payload


def stored(id: int, kind: str, name: str, *, is_active: bool = True, version: int = 1, **settings: Any) -> StoredObject:
    return StoredObject(id=id, kind=kind, name=name, is_active=is_active, version=version, settings=settings)
