"""What admin services work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from zato.common.config.kind import Role
from zato.common.exception import BadRequest, Forbidden
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import Runtime
from zato.server.deploy.deployer import Deployer
from zato.server.deploy.versions import ModuleStore
from zato.server.propagate.configuration import Configuration
from zato.server.propagate.ledger import Actor
from zato.server.propagate.odb import ODB
from zato.server.security.principal import Principal
from zato.server.service import Service
from zato.server.service.store import ServiceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminContext:
    """One worker's. runtime_of: the run-time half of a kind."""

    configuration: Configuration
    objects: ConfigObjects
    odb: ODB
    services: ServiceStore
    modules: ModuleStore
    deployer: Deployer
    runtime_of: Callable[[str], Runtime | None]


class AdminService(Service):
    """role: that whoever calls it needs."""

    role: ClassVar[Role] = 'admin'
    context: ClassVar[AdminContext]

    @property
    def actor(self) -> Actor:
        """Who is named in the audit trail. Users' services that call this one do so in their own name."""
        call = self._call
        principal = call.principal
        while call.caller is not None:
            call = call.caller
            if not call.service.is_internal:
                return Actor(f'service {call.service.name} (called by {principal.name})', 'admin')
        return Actor(principal.name, principal.role)

    def require(self, key: str) -> Any:
        """What the request has under a key. Raises BadRequest if there is nothing."""
        value = self.request.input.get(key)
        if value in (None, ''):
            raise BadRequest(self.cid, f'Element missing: {key}', needs_msg=True)
        return value


def check_role(principal: Principal, role: Role, service: str, cid: str) -> None:
    """Raises Forbidden."""
    if not principal.may(role):
        raise Forbidden(cid, f'User `{principal.name}` has role {principal.role}, and service {service} needs role {role}')
