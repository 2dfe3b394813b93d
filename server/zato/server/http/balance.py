"""Spreads connections over workers that accept from one socket: who is ahead waits a moment, so that others go first.

Left alone, the worker that wakes first takes all that wait, and a client that keeps its connection stays with it. Each
worker writes how many connections it has into memory that all of them share; it was made before they were forked.
"""

from __future__ import annotations

from mmap import mmap
from typing import Final

_UNUSED: Final = -1
_AHEAD: Final = 2  #: how many connections more than the least busy worker make one wait


class ConnectionCounts:
    """slots: the most workers there may be at a time, old ones that still finish included. Made by the arbiter."""

    def __init__(self, slots: int) -> None:
        self._counts = memoryview(mmap(-1, 4 * slots)).cast('i')
        for slot in range(slots):
            self._counts[slot] = _UNUSED

    def share(self, slot: int) -> Share:
        """What one worker uses."""
        return Share(self._counts, slot)

    def free(self, used: set[int]) -> int:
        """A slot that is not in `used`. All such slots are cleared: their workers are gone."""
        unused = [slot for slot in range(len(self._counts)) if slot not in used]
        for slot in unused:
            self._counts[slot] = _UNUSED
        return unused[0]


class Share:
    """One worker's place among the others. It takes part once it has said how many connections it has."""

    __slots__ = ('_counts', '_slot', '_stuck')

    def __init__(self, counts: memoryview[int], slot: int) -> None:
        self._counts = counts
        self._slot = slot
        self._stuck: dict[int, int] = {}  # slot → its count when waiting for it was in vain

    def update(self, connections: int) -> None:
        self._counts[self._slot] = connections

    def leave(self) -> None:
        """Others no longer wait for this worker to accept."""
        self._counts[self._slot] = _UNUSED

    def is_ahead(self) -> bool:
        """Is there a worker with fewer connections that is worth waiting for?"""
        return bool(self._behind())

    def stop_waiting(self) -> None:
        """Those that are behind have not accepted: do not wait for them again until their counts change."""
        self._stuck = {slot: self._counts[slot] for slot in self._behind()} | self._stuck

    def _behind(self) -> list[int]:
        limit = self._counts[self._slot] - _AHEAD
        if limit <= _UNUSED:
            return []
        slots = [slot for slot, count in enumerate(self._counts) if _UNUSED < count <= limit]
        return [slot for slot in slots if self._stuck.get(slot) != self._counts[slot]]
