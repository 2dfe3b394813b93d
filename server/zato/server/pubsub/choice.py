"""Which of the first messages of a queue are delivered next. Pure: it is told all that it goes by."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from zato.server.pubsub.content import group_of
from zato.server.pubsub.store.interface import Row

_WHOLE: Final = 2  #: attempts with as many messages at once as there may be; then half of them, a quarter, …


def next_batch(rows: Iterable[Row], now: int, limit: int) -> list[Row]:
    """The first of them, `limit` at most, if it may be delivered now (microseconds). What has failed is not mixed with what
    has not, so that one bad message ends up alone.
    """
    chosen: list[Row] = []
    for row in rows:
        if row.not_before > now or (chosen and (row.crashes or row.attempts != chosen[0].attempts)):
            break
        chosen.append(row)
        if limit == 1 or len(chosen) >= _size(limit, row):
            break
    return chosen


def next_apart(rows: Iterable[Row], now: int, busy: Collection[str], *, blocks: bool, is_alone: bool) -> list[Row]:
    """One message that may be delivered beside those in flight: none with its ordering key is, or comes before it.

    busy: ordering keys of what is in flight. is_alone: nothing is. blocks: does one that waits for its next attempt hold
    back those that have no ordering key either?
    """
    earlier: set[str] = set()
    for row in rows:
        if row.crashes:
            return [row] if is_alone and row.not_before <= now else []
        group = group_of(row)
        is_waiting = row.not_before > now
        if is_waiting and blocks and not group:
            return []
        if not is_waiting and not (group and (group in busy or group in earlier)):
            return [row]
        if group:
            earlier.add(group)
    return []


def suspects(rows: Iterable[Row], now: int, most: int) -> list[Row]:
    """Of which the last holder may have died without its being noted. It had `most` on their way at most.

    What was suspected before is delivered alone, in its turn, which is noted first: nothing after it was on its way.
    """
    found: list[Row] = []
    for row in rows:
        if row.crashes or len(found) >= most:
            break
        if row.not_before <= now:
            found.append(row)
    return found


def _size(limit: int, row: Row) -> int:
    """What may have ended a process is delivered alone."""
    return 1 if row.crashes else max(1, limit >> max(0, row.attempts - _WHOLE + 1))
