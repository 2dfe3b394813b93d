"""Requests that one line of an object's rules has counted, in the window of time that is running."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """source: of the line, such as `10.0.0.0/8` or `*`. seconds: how long its windows are."""

    object_id: int
    source: str
    seconds: int


def window_at(now: float, seconds: int) -> int:
    """When the window of so many seconds began that a moment is in; both since 1970, UTC."""
    return int(now // seconds) * seconds


class Tally:
    """count: of this window, as far as this worker knows. unsaved: those among them that the ODB does not know of.

    window: when it began by the clock that it was counted by, seconds since 1970, UTC. starts, ends: the same window by this
    worker's clock.
    """

    __slots__ = ('count', 'ends', 'key', 'starts', 'unsaved', 'window')

    def __init__(self, key: Key) -> None:
        self.key = key
        self.count = 0
        self.unsaved = 0
        self.window = 0
        self.starts = self.ends = 0.0

    def take(self, now: float, rate: int) -> float:
        """Count a request, unless there were `rate` of them already. Returns 0, or the seconds until there may be more."""
        if not self.starts <= now < self.ends:
            self._begin(now)
        if self.count < rate:
            self.count += 1
            return 0.0
        return self.ends - now

    def wait(self, now: float, rate: int) -> float:
        """What `take` would return; nothing is counted."""
        return self.ends - now if self.count >= rate and self.starts <= now < self.ends else 0.0

    def know(self, window: int, starts: float, total: int) -> None:
        """The ODB has `total` requests in this window, all but those that are unsaved still."""
        self.window = window
        self.starts = starts
        self.ends = starts + self.key.seconds
        self.count = total + self.unsaved

    def _begin(self, now: float) -> None:
        self.window = window_at(now, self.key.seconds)
        self.starts = float(self.window)
        self.ends = self.starts + self.key.seconds
        self.count = self.unsaved = 0
