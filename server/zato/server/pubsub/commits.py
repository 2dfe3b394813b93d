"""How long the latest commits of a worker took, and how many operations each had."""

from __future__ import annotations

from collections import deque
from statistics import quantiles
from typing import Any, Final

_KEPT: Final = 1_000  #: commits
_MS: Final = 1_000


class Commits:
    """Written by the store's thread, read by others."""

    def __init__(self) -> None:
        self._count = 0
        self._latest: deque[tuple[float, int]] = deque(maxlen=_KEPT)

    def add(self, seconds: float, operations: int) -> None:
        self._count += 1
        self._latest.append((seconds, operations))

    def as_dict(self) -> dict[str, Any]:
        """All commits there were; of the latest 1,000, milliseconds that half and 99 of 100 took at most, and their size."""
        latest = list(self._latest)
        seconds = [took for took, _ in latest]
        cuts = quantiles(seconds, n=100, method='inclusive') if len(seconds) > 1 else [sum(seconds)] * 99
        return {
            'commits': self._count,
            'operations_per_commit': round(sum(size for _, size in latest) / len(latest), 1) if latest else 0.0,
            'commit_ms_p50': round(cuts[49] * _MS, 3),
            'commit_ms_p99': round(cuts[98] * _MS, 3),
        }
