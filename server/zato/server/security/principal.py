"""On whose behalf something is done."""

from __future__ import annotations

from dataclasses import dataclass

from zato.common.config.kind import ROLES, Role


@dataclass(frozen=True, slots=True)
class Principal:
    """name: as the audit trail has it. role: what it may do with admin services."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Does its role include `role`?"""
        return ROLES.index(self.role) >= ROLES.index(role)


#: Whoever calls without credentials.
ANONYMOUS = Principal('anonymous', 'viewer')
