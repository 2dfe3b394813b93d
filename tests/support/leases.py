"""Leases in memory, by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Collection

from tests.support.clock import HandClock
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.lease import Lease, LeaseState, Taken


class MemoryLeases:
    """As `zato.common.odb.lease.Leases`. calls: names of what was called; is_away: the database does not answer."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.calls: list[str] = []
        self.is_away = False
        self._rows: dict[str, tuple[Lease, float]] = {}

    def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        taken = self.acquire_all([name], owner, ttl)
        return taken[0].lease if taken else None

    def acquire_all(self, names: Collection[str], owner: str, ttl: float, dead: Collection[str] = ()) -> list[Taken]:
        taken = list[Taken]()
        if names:
            self._called('acquire_all')
        for name in names:
            lease, expires = self._rows.get(name, (Lease(name, '', 0), 0.0))
            is_held = expires > self.clock.now and lease.owner not in dead
            if is_held and lease.owner != owner:
                continue
            new = lease if is_held else Lease(name, owner, lease.epoch + 1)
            self._rows[name] = new, self.clock.now + ttl
            taken.append(Taken(new, lease.owner if expires else ''))
        return taken

    def renew_all(self, names: Collection[str], owner: str, ttl: float) -> list[Lease]:
        renewed = list[Lease]()
        if names:
            self._called('renew_all')
        for name in names:
            lease, expires = self._rows.get(name, (Lease(name, '', 0), 0.0))
            if lease.owner == owner and expires > self.clock.now:
                self._rows[name] = lease, self.clock.now + ttl
                renewed.append(lease)
        return renewed

    def release(self, lease: Lease) -> None:
        self.release_all([lease])

    def release_all(self, leases: Collection[Lease]) -> None:
        if leases:
            self._called('release_all')
        for lease in leases:
            if self._rows.get(lease.name, (None, 0.0))[0] == lease:
                self._rows[lease.name] = lease, 0.0

    def find(self, names: Collection[str]) -> dict[str, LeaseState]:
        if names:
            self._called('find')
        rows = {name: self._rows[name] for name in names if name in self._rows}
        return {name: LeaseState(lease.owner, lease.epoch, end - self.clock.now) for name, (lease, end) in rows.items()}

    def prune(self, prefix: str, age: float) -> int:
        self._called('prune')
        old = [name for name, (_, end) in self._rows.items() if name.startswith(prefix) and end < self.clock.now - age]
        for name in old:
            del self._rows[name]
        return len(old)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.is_away:
            raise ODBUnavailable(msg='The database is away')
