"""A cluster of workers that share out subscriptions, in memory, each of whose steps a test takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import gevent
from gevent.event import Event

from tests.support.clock import HandClock
from tests.support.leases import MemoryLeases
from zato.common.lock import FileLock
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.lease import Lease, Leases
from zato.server.propagate.presence import Peer, Progress
from zato.server.pubsub.assign import Assignment


class Worker:
    """Records what it is told in `said`, and delivers by saying so. slow: its tasks end when `done` is set."""

    def __init__(self, cluster: Cluster, id: str, *, server: str = 'server1', is_here: bool = True) -> None:
        self.id, self.cluster = id, cluster
        self.lock = FileLock(cluster.directory / f'worker-{id}.lock')
        self.lock.acquire()
        progress = Progress(applied=0, loaded=0, failed={})
        path = str(cluster.directory / f'worker-{id}.lock')
        self.peer = Peer(id=id, server=server, pid=1, is_here=is_here, socket='', lock=path, progress=progress)
        self.said: list[tuple[str, int]] = []
        self.clean: dict[int, bool] = {}
        self.delivers: dict[int, int] = {}
        self.unwanted: set[int] = set()
        self.fails_to: set[str] = set()
        self.slow: set[int] = set()
        self.done = Event()
        self.claimed = Event()
        self.assignment = Assignment(cast(Leases, cluster.leases), id, self, others=self, clock=cluster.clock)

    # Tasks

    def wanted(self) -> Mapping[int, str]:
        return {sub_id: server for sub_id, server in self.cluster.wanted.items() if sub_id not in self.unwanted}

    def on_claimed(self, sub_id: int, lease: Lease, *, is_clean: bool) -> None:
        self._say('claimed', sub_id)
        self.delivers[sub_id] = lease.epoch
        self.clean[sub_id] = is_clean
        self.claimed.set()

    def on_release(self, sub_id: int) -> None:
        self._say('release', sub_id)
        if sub_id in self.slow:
            self.done.wait()
        self.delivers.pop(sub_id, None)
        self._say('released', sub_id)

    def on_lost(self, sub_id: int) -> None:
        self._say('lost', sub_id)
        self.delivers.pop(sub_id, None)

    def _say(self, what: str, sub_id: int) -> None:
        self.said.append((what, sub_id))
        if what in self.fails_to:
            raise RuntimeError(what)

    # Others

    def peers(self) -> Sequence[Peer]:
        if self.cluster.odb_is_away:
            raise ODBUnavailable(msg='The ODB is away')
        return [worker.peer for worker in self.cluster.known]

    def died_alone(self, peer: Peer) -> bool:
        return not self.cluster.died_with_server

    def tell(self, peers: Sequence[Peer]) -> None:
        for worker in self.cluster.known:
            if worker is not self:
                worker.assignment.wake()

    def die(self) -> None:
        """As the kernel sees it; on another host, as others see it once its heartbeats fail."""
        self.lock.release()
        self.cluster.workers.remove(self)
        if not self.peer.is_here:
            self.cluster.known.remove(self)


class Cluster:
    """workers: those that run; known: those that have a row, dead or alive. wanted: subscription → preferred server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = HandClock()
        self.leases = MemoryLeases(self.clock)
        self.wanted: dict[int, str] = {}
        self.workers: list[Worker] = []
        self.known: list[Worker] = []
        self.odb_is_away = False
        self.died_with_server = False

    def want(self, sub_ids: Iterable[int], server: str = '') -> None:
        self.wanted.update(dict.fromkeys(sub_ids, server))

    def join(self, id: str, *, server: str = 'server1', is_here: bool = True) -> Worker:
        worker = Worker(self, id, server=server, is_here=is_here)
        self.workers.append(worker)
        self.known.append(worker)
        return worker

    def tick(self, *workers: Worker) -> None:
        """Of all workers unless some are given; what ends meanwhile in the background ends."""
        for worker in workers or list(self.workers):
            worker.assignment.tick()
            gevent.sleep(0)

    def settle(self, *workers: Worker) -> None:
        """Without time passing."""
        for _ in range(8):
            self.tick(*workers)

    def later(self, seconds: float, *workers: Worker) -> None:
        """With a tick each half second, at the end too."""
        for _ in range(round(seconds * 2)):
            self.clock.now += 0.5
            self.tick(*workers)

    @property
    def holders(self) -> dict[int, list[str]]:
        """Who delivers each subscription."""
        found: dict[int, list[str]] = {sub_id: [] for sub_id in self.wanted}
        for worker in self.workers:
            for sub_id in worker.delivers:
                found.setdefault(sub_id, []).append(worker.id)
        return found

    @property
    def is_complete(self) -> bool:
        """Does each subscription have one worker?"""
        return all(len(workers) == 1 for workers in self.holders.values())
