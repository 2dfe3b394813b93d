"""On whose behalf something is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zato.common.config.kind import ROLES, Role


@dataclass(frozen=True, slots=True)
class Principal:
    """name: as the audit trail has it. role: what it may do with admin services; '' for nothing.

    definition: ID of the security definition that let it in, 0 if none of configuration did.
    """

    name: str
    role: Role | Literal['']
    definition: int = 0

    def may(self, role: Role) -> bool:
        """Does its role include `role`?"""
        return self.role != '' and ROLES.index(self.role) >= ROLES.index(role)


#: Whoever calls without credentials.
ANONYMOUS = Principal('anonymous', '')
