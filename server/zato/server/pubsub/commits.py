"""How long the latest commits of a worker took, and how many operations each had."""

from __future__ import annotations

from collections import deque
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
        latest = sorted(self._latest) or [(0.0, 0)]
        return {
            'commits': self._count,
            'operations_per_commit': round(sum(size for _, size in latest) / len(latest), 1),
            'commit_ms_p50': round(latest[len(latest) // 2][0] * _MS, 3),
            'commit_ms_p99': round(latest[len(latest) * 99 // 100][0] * _MS, 3),
        }
