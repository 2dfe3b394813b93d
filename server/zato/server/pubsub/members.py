"""The workers that take part in delivering: those that live, as far as this one can tell, and hold a lease for it.

One that hangs does not renew its lease, and one that stops lets go of it first, so nothing is left to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from zato.common.odb.lease import LeaseState
from zato.server.propagate.presence import Peer, is_alive
from zato.server.pubsub.lease_names import worker_lease_name
from zato.server.pubsub.placement import Placement


class Others(Protocol):
    """The other workers of the cluster."""

    def peers(self) -> Sequence[Peer]:
        """Those that gave a sign of life in time, and dead ones of this host. May have this one. Raises ODBUnavailable."""

    def died_alone(self, peer: Peer) -> bool:
        """Of one of this host that has ended: did its server go on, so that what it did may have been what it died of?"""

    def tell(self, peers: Sequence[Peer]) -> None:
        """Have them look at once (`Assignment.wake`). Must neither wait nor raise."""


class Members:
    """As last seen. owner: this worker's ID. dead: workers of this host that have ended."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._peers: Sequence[Peer] = ()
        self.dead: frozenset[str] = frozenset()
        self.placement = Placement({})

    @property
    def live(self) -> list[Peer]:
        return [peer for peer in self._peers if peer.id not in self.dead]

    def dead_peer(self, id: str) -> Peer | None:
        """A worker of this host that has ended."""
        return next((peer for peer in self._peers if peer.id == id and id in self.dead), None)

    def has_one_died(self) -> bool:
        """Of this host, since they were last seen."""
        return any(peer.id not in self.dead and self._has_ended(peer) for peer in self._peers)

    def see(self, peers: Sequence[Peer], leases: Mapping[str, LeaseState], *, keep: bool) -> bool:
        """Are those that take part others now? This worker always does.

        leases: those of workers, by name. keep: those that took part still do, unless they are known to have ended.
        """
        self._peers = peers
        self.dead = frozenset(peer.id for peer in peers if self._has_ended(peer))
        workers = dict(self.placement.workers) if keep else {}
        for peer in peers:
            state = leases.get(worker_lease_name(peer.id))
            if state is not None and state.is_held:
                workers[peer.id] = peer.server
        workers.setdefault(self._owner, '')
        workers = {worker: server for worker, server in workers.items() if worker not in self.dead}
        if workers == self.placement.workers:
            return False
        self.placement = Placement(workers)
        return True

    def _has_ended(self, peer: Peer) -> bool:
        return peer.is_here and peer.id != self._owner and not is_alive(peer)
