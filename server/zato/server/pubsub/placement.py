"""Which worker is to deliver which subscription: all workers work it out alike, without a word between them.

By rendezvous hashing: each worker has a weight for each subscription, and the heaviest one is its home. So homes are spread
evenly, and a worker that comes or goes moves only what it gets or had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b


class Placement:
    """On one set of workers. workers: the server that each is one of, by the worker's ID."""

    def __init__(self, workers: Mapping[str, str]) -> None:
        self.workers = dict(workers)
        self._homes: dict[tuple[int, str], str] = {}

    def home_of(self, sub_id: int, server: str = '') -> str:
        """The ID of the worker that is to deliver it, '' if there is none. server: preferred while it has one, '' if any."""
        home = self._homes.get((sub_id, server))
        if home is None:
            preferred = [worker for worker, its_server in self.workers.items() if server and its_server == server]
            home = _heaviest(sub_id, preferred or self.workers)
            self._homes[sub_id, server] = home
        return home

    def place_of(self, worker: str, sub_id: int, server: str = '') -> int:
        """How many others come before this worker: 0 if it is its home."""
        if self.home_of(sub_id, server) == worker:
            return 0

        def key(other: str) -> tuple[bool, tuple[bytes, str]]:
            return self.workers[other] == server, _weight(sub_id, other)

        return sorted(self.workers, key=key, reverse=True).index(worker)


def _heaviest(sub_id: int, workers: Iterable[str]) -> str:
    return max(workers, key=lambda worker: _weight(sub_id, worker), default='')


def _weight(sub_id: int, worker: str) -> tuple[bytes, str]:
    return blake2b(f'{sub_id} {worker}'.encode(), digest_size=8).digest(), worker
