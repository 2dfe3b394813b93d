"""Rate limits of objects that tests make up, a clock that they set, and counts in memory in place of the ODB's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from zato.common.config.rate_limit import RateLimited
from zato.common.odb.database import ODBUnavailable
from zato.server.config.runtime import ConfigObject
from zato.server.security.rate_limit.store import Asked, Counted, Unsaved
from zato.server.security.rate_limit.tally import Key, window_at

MIDNIGHT = 1_800_000_000 // 86_400 * 86_400.0


class Now:
    """A clock: seconds since 1970."""

    def __init__(self, seconds: float = MIDNIGHT) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class MemoryCounts:
    """As StoredCounts. clock: that of the ODB; here: that of the worker. is_away: is the ODB?

    meanwhile: is called in each transaction, before it is committed.
    """

    def __init__(self, clock: Callable[[], float], here: Callable[[], float] | None = None) -> None:
        self.rows: dict[tuple[Key, int], int] = {}
        self.transactions = 0
        self.is_away = False
        self.meanwhile: Callable[[], None] = lambda: None
        self._clock = clock
        self._here = here or clock

    def add(self, asked: Mapping[Key, Asked], unsaved: Iterable[Unsaved], *, timeout: float) -> Counted:
        self.transactions += 1
        here, now = self._here(), self._clock()
        unsaved = list(unsaved)
        self.meanwhile()
        if self.is_away:
            raise ODBUnavailable(msg='it is away')
        before: dict[Key, int] = {}
        after: dict[Key, int] = {}
        for one in unsaved:
            if one.window >= window_at(now, one.key.seconds) and one.requests:
                before[one.key] = after[one.key] = self._change(one.key, now, one.requests)
        for key, wanted in asked.items():
            before[key] = self._change(key, now, 0)
            after[key] = self._change(key, now, min(wanted.requests, max(wanted.rate - before[key], 0)))
        return Counted(now, here, before, after)

    def _change(self, key: Key, now: float, requests: int) -> int:
        row = key, window_at(now, key.seconds)
        self.rows[row] = self.rows.get(row, 0) + requests
        return self.rows[row]


@dataclass(frozen=True, kw_only=True)
class Settings(RateLimited):
    """Of an object that has nothing but limits."""


def limited(rules: str, *, id: int = 1, kind: str = 'channel_rest', name: str = 'mine', **settings: object) -> ConfigObject:
    """An object with these rules, a line each. settings: others of its limits."""
    made = Settings(rate_limit_def=rules, **{'is_rate_limit_active': True, **settings})  # type: ignore[arg-type]
    return ConfigObject(id=id, kind=kind, name=name, is_active=True, version=1, settings=made)
