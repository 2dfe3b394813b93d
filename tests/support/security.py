"""The parts of a worker that have to do with security, without an ODB, and what clients send."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, cast

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.odb.database import ODBUnavailable
from zato.server.propagate.ledger import Actor
from zato.server.security.definitions import SecurityDefinitions
from zato.server.security.groups import Groups
from zato.server.security.jwt import LogIns
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.security.token_codec import TokenCodec
from zato.server.security.token_store import TokenStore
from zato.server.security.tokens import Tokens

TOKEN_KEY = b'k' * 32

Headers = dict[bytes, bytes]


class MemoryTokenStore:
    """As TokenStore, by a clock of the test's own. reads, writes: how many there were. is_away: is the ODB?

    meanwhile: is called in each write that prolongs lives; after_read: when a life was read, and is not yet told.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.clock = clock
        self.rows: dict[str, tuple[int, float]] = {}  # definition, when it expires
        self.inactive: set[int] = set()
        self.reads = self.writes = 0
        self.is_away = False
        self.meanwhile: Callable[[], None] = lambda: None
        self.after_read: Callable[[], None] = lambda: None
        self._event = 0

    def add(self, row_id: str, definition: int, seconds: float) -> bool:
        self._count_write()
        if definition in self.inactive:
            return False
        self.rows[row_id] = definition, self.clock.monotonic() + seconds
        return True

    def life_of(self, row_id: str) -> float | None:
        self._check()
        self.reads += 1
        left = self.rows[row_id][1] - self.clock.monotonic() if row_id in self.rows else None
        self.after_read()
        return left

    def prolong(self, ends: Mapping[str, float]) -> set[str]:
        self._count_write()
        self.meanwhile()
        there = self.rows.keys() & ends.keys()
        for row_id in there:
            definition, expires = self.rows[row_id]
            self.rows[row_id] = definition, max(expires, ends[row_id])
        return set(there)

    def limit(self, most: Mapping[int, float]) -> None:
        self._count_write()
        for row_id, (definition, expires) in self.rows.items():
            if definition in most:
                self.rows[row_id] = definition, min(expires, self.clock.monotonic() + most[definition])

    def remove(self, row_id: str, definition: int, name: str, actor: Actor) -> int:
        self._count_write()
        if (self.life_of(row_id) or 0) <= 0:
            return 0
        del self.rows[row_id]
        self._event += 1
        return self._event

    def _count_write(self) -> None:
        self._check()
        self.writes += 1

    def _check(self) -> None:
        if self.is_away:
            raise ODBUnavailable(msg='The ODB is away')


def tokens_in(store: MemoryTokenStore) -> Tokens:
    """A worker's. Nothing is written unless the test does it."""
    return Tokens(cast(TokenStore, store), TokenCodec(TOKEN_KEY), store.clock)


def security_parts() -> list[Any]:
    """What run-time halves of security kinds ask for."""
    return [SecurityDefinitions(), Groups(), LogIns(tokens_in(MemoryTokenStore())), RateLimits()]


def basic(username: str, password: str) -> Headers:
    return {b'authorization': b'Basic ' + b64encode(f'{username}:{password}'.encode())}


def bearer(token: str) -> Headers:
    return {b'authorization': b'Bearer ' + token.encode()}
