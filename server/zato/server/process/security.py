"""How one worker knows who calls it, and how often it lets them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zato.server.security.definitions import SecurityDefinitions
from zato.server.security.groups import Groups
from zato.server.security.jwt import LogIns
from zato.server.security.rate_limit.exact import ExactCounter
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.security.rate_limit.store import StoredCounts
from zato.server.security.token_codec import TokenCodec
from zato.server.security.token_store import TokenStore
from zato.server.security.tokens import Tokens

if TYPE_CHECKING:
    from zato.common.alarm import Alarms
    from zato.server.process.settings import Settings
    from zato.server.propagate.configuration import Writer
    from zato.server.propagate.odb import ODB


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    definitions: SecurityDefinitions
    groups: Groups
    tokens: Tokens
    log_ins: LogIns
    exact: ExactCounter
    limits: RateLimits

    @property
    def parts(self) -> tuple[object, ...]:
        """What run-time halves are made with."""
        return self.definitions, self.groups, self.log_ins, self.limits


def make_security(settings: Settings, odb: ODB, *, writer: Writer, alarms: Alarms) -> Security:
    tokens = Tokens(TokenStore(odb, writer), TokenCodec(settings.cipher.derive('tokens')))
    exact = ExactCounter(StoredCounts(odb), alarms)
    return Security(
        definitions=SecurityDefinitions(),
        groups=Groups(),
        tokens=tokens,
        log_ins=LogIns(tokens),
        exact=exact,
        limits=RateLimits(exact),
    )
