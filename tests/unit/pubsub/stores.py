"""A store in memory, and a writer over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Lock

from zato.server.pubsub.store.interface import Operation


class FakeStore:
    """carry_out: what becomes of each operation. While `blocked` is set, commits wait for `free`."""

    def __init__(self, carry_out: Callable[[Operation], None] = lambda operation: None) -> None:
        self.batches: list[list[Operation]] = []
        self.is_open = False
        self.free = Event()
        self.free.set()
        self.began = Event()
        self._carry_out = carry_out
        self._lock = Lock()

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def commit(self, take: Callable[[], Sequence[Operation]]) -> Sequence[Operation]:
        operations = take()
        self.began.set()
        self.free.wait(10)
        with self._lock:
            self.batches.append(list(operations))
        for operation in operations:
            self._carry_out(operation)
        return operations
