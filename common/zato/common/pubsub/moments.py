"""Moments of publish/subscribe: whole microseconds since 1970 in UTC, 0 for none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000

_START: Final = datetime(1970, 1, 1)
_FIRST: Final = (datetime.min - _START) // timedelta(microseconds=1)
_LAST: Final = (datetime.max - _START) // timedelta(microseconds=1)


def iso(at: int) -> str:
    """ISO 8601 without a zone, '' for none. What is outside the years 1 to 9999 is shown as their first or last moment."""
    if not at:
        return ''
    return (_START + timedelta(microseconds=max(_FIRST, min(at, _LAST)))).isoformat(timespec='microseconds')
