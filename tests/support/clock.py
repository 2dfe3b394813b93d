"""A clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime


class HandClock:
    """Time is what the test says: `now`, in seconds, since 1970 for people and files."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def utcnow(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)
