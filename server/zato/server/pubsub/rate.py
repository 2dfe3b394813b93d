"""How fast a count grows."""

from __future__ import annotations

from time import monotonic
from typing import Final

_SPAN: Final = 1.0  #: seconds that a rate is measured over, at least


class Rate:
    """Over the time between two looks at it."""

    def __init__(self) -> None:
        self._count = 0
        self._at = monotonic()
        self._last = 0.0

    def per_second(self, count: int) -> float:
        """count: as it is now."""
        now = monotonic()
        if now - self._at >= _SPAN:
            self._last = (count - self._count) / (now - self._at)
            self._count, self._at = count, now
        return round(self._last, 1)
