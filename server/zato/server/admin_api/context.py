"""What admin services work with."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from zato.common.component import ServerDirectory
from zato.common.config.field import is_id, shown
from zato.common.config.kind import Kind, Role
from zato.common.config.option import to_bool
from zato.common.config.stored import StoredObject
from zato.common.exception import BadRequest, Forbidden, NotFound
from zato.server.admin_api.log_files import LogFiles
from zato.server.admin_api.pubsub_context import PubSubContext
from zato.server.audit_log.store import AuditStore
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import Runtime
from zato.server.deploy.applier import Applier
from zato.server.deploy.deployer import Deployer
from zato.server.deploy.pickup import PickupFolders
from zato.server.deploy.upload import Uploads
from zato.server.deploy.versions import ModuleStore
from zato.server.propagate.configuration import Configuration
from zato.server.propagate.ledger import Actor
from zato.server.propagate.odb import ODB
from zato.server.security.jwt import LogIns
from zato.server.security.principal import Principal
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.service import Service
from zato.server.service.store import ServiceStore
from zato.server.service.workers import WorkerCalls

_MOST_ID: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What all workers of a server have in common. name: its own, in its cluster."""

    name: str
    cluster: str
    directory: ServerDirectory

    @property
    def arbiter(self) -> int:
        """Its process ID."""
        return os.getppid()

    def started(self) -> datetime | None:
        """UTC; None while it is being stopped."""
        try:
            return datetime.fromtimestamp(self.directory.pidfile.stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def address(self) -> str:
        """host:port that it listens on, '' while it is being stopped."""
        try:
            return self.directory.address.read_text(encoding='utf-8').strip()
        except FileNotFoundError:
            return ''


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminContext:
    """One worker's. runtime_of: the run-time half of a kind."""

    configuration: Configuration
    objects: ConfigObjects
    odb: ODB
    services: ServiceStore
    modules: ModuleStore
    deployer: Deployer
    applier: Applier
    uploads: Uploads
    pickup: PickupFolders
    calls: WorkerCalls
    runtime_of: Callable[[str], Runtime | None]
    messages: AuditStore
    log_ins: LogIns
    limits: RateLimits
    facts: ServerFacts
    logs: LogFiles
    pubsub: PubSubContext


class ContextService(Service):
    """A built-in service that knows of the server. Whoever reaches it may call it."""

    context: ClassVar[AdminContext]


class AdminService(ContextService):
    """role: that whoever calls it needs, through whatever channel. Users' services may call all of them."""

    role: ClassVar[Role] = 'admin'

    @property
    def actor(self) -> Actor:
        """Who is named in the audit trail."""
        principal = self._acting
        return Actor(principal.name, principal.role)

    @property
    def _acting(self) -> Principal:
        call = self._call
        return call.caller.acting if call.caller is not None else call.principal

    def check_role(self) -> None:
        """Raises Forbidden."""
        check_role(self._acting, self.role, self.name, self.cid)

    def stored(self, kind: Kind) -> StoredObject:
        """The object that the request names by `id` or `name`. Raises NotFound."""
        request = self.request.input
        objects = self.context.objects
        if request.get('id'):
            found = objects.stored.get(int(request['id'])) if is_id(request['id']) else None
        else:
            found = objects.find_stored(kind.name, str(request.get('name') or ''))
        if found is not None and found.kind == kind.name:
            return found
        which = f'with ID {request["id"]}' if request.get('id') else shown(request.get('name') or '')
        raise NotFound(self.cid, f'There is no {kind.label} {which}')

    def require(self, key: str) -> Any:
        """What the request has under a key. Raises BadRequest if there is nothing."""
        value = self.request.input.get(key)
        if value in (None, ''):
            raise BadRequest(self.cid, f'Element missing: {key}', needs_msg=True)
        return value

    def number(self, key: str, *, default: int = 0, most: int = _MOST_ID) -> int:
        """What the request has under a key, from 1 on; `default` if there is nothing. Raises BadRequest."""
        raw = self.request.input.get(key)
        if raw in (None, '', 0):
            return default
        if not is_id(raw) or not 1 <= int(raw) <= most:
            raise BadRequest(self.cid, f'`{key}` must be a number from 1 to {most:,}; got {shown(raw)}', needs_msg=True)
        return int(raw)

    def boolean(self, key: str) -> bool | None:
        """What the request has under a key; None if there is nothing. Raises BadRequest."""
        raw = self.request.input.get(key)
        if raw in (None, ''):
            return None
        try:
            return to_bool(raw)
        except ValueError as e:
            raise BadRequest(self.cid, f'`{key}` {e}; got {shown(raw)}', needs_msg=True) from None


def check_role(principal: Principal, role: Role, service: str, cid: str) -> None:
    """Raises Forbidden."""
    if not principal.may(role):
        raise Forbidden(
            cid, f'User `{principal.name}` has role {principal.role or "none"}, and service {service} needs role {role}'
        )
