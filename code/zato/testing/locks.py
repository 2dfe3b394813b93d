"""Leases for `self.lock` in tests, where one process is all there is."""

from __future__ import annotations

from zato.common.clock import Clock
from zato.common.odb.lease import Lease, LeaseLost


class MemoryLeases:
    """As `zato.common.odb.lease.Leases`, by a clock of the test's own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, tuple[Lease, float]] = {}

    def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        """ttl: seconds. None if another owner holds it."""
        now = self._clock.monotonic()
        lease, expires = self._held.get(name, (Lease(name, '', 0), 0.0))
        is_held = expires > now
        if is_held and lease.owner != owner:
            return None
        lease = lease if is_held else Lease(name, owner, lease.epoch + 1)
        self._held[name] = lease, now + ttl
        return lease

    def renew(self, lease: Lease, ttl: float) -> None:
        """Raises LeaseLost."""
        held, expires = self._held.get(lease.name, (None, 0.0))
        if held != lease or expires <= self._clock.monotonic():
            raise LeaseLost
        self._held[lease.name] = lease, self._clock.monotonic() + ttl
