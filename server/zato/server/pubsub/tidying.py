"""What one worker of the cluster does in the background: it removes what is not needed any more, and looks for trouble."""

from __future__ import annotations

from typing import Final

from zato.common.odb.lease import Lease, Leases
from zato.server.pubsub.sweeper import Sweeper
from zato.server.pubsub.watch import Watch

LEASE: Final = 'pubsub.tidying'
INTERVAL: Final = 10.0  #: seconds between rounds

_TTL: Final = 3 * INTERVAL
_SWEEP_EVERY: Final = 6  #: rounds


class Tidying:
    """owner: this worker's ID. leases: in the database of the messages."""

    def __init__(self, leases: Leases, owner: str, *, sweeper: Sweeper, watch: Watch) -> None:
        self._leases = leases
        self._owner = owner
        self._sweeper = sweeper
        self._watch = watch
        self._lease: Lease | None = None
        self._rounds = 0

    def step(self) -> None:
        """A round, unless another worker does this. Raises ODBUnavailable."""
        self._lease = self._leases.acquire(LEASE, self._owner, _TTL)
        if self._lease is None:
            self._watch.stop()
            return
        self._watch.look()
        if self._rounds % _SWEEP_EVERY == 0:
            self._sweeper.sweep()
        self._rounds += 1

    def release(self) -> None:
        """Let another worker do it at once. Raises ODBUnavailable."""
        if self._lease is not None:
            self._leases.release(self._lease)
            self._lease = None
