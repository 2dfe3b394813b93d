"""Time, injected: what needs the time gets a Clock, so that tests decide what time it is.

Monotonic seconds are for waits and ages, UTC for people and for files. Seconds are floats.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds since some point in the past; never goes backwards."""

    def utcnow(self) -> datetime:
        """Now, in UTC, with its zone set."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def utcnow(self) -> datetime:
        return datetime.now(UTC)


SYSTEM_CLOCK = SystemClock()
