"""The first rows of a subscription's queue, as the worker that delivers them has them in memory.

They are a prefix of the queue in the store, without gaps: all rows up to `bound`, or all there are. What this worker
publishes, or puts back, goes in without a look at the store; what lies beyond the bound is read once it is reached. If
others have published it is no longer known what lies between, so nothing goes in any more until the queue was read again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, KeysView, Sequence
from typing import Final

from zato.server.pubsub.store.interface import Key, Row

_NOWHERE: Final[Key] = (-1, -1)
MOST_ROWS: Final = 500
MOST_BYTES: Final = 2_000_000  #: of data; a single message may be larger


class Head:
    """Rows that wait here, and keys of those that were taken and may still be in the store."""

    def __init__(self, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._rows: list[Row] = []
        self._bytes = 0
        self._bound: Key | None = _NOWHERE  # None: there is nothing beyond
        self._missed: int | None = None  # rank of the most urgent rows that are in the store and not here
        self._taken: dict[Key, int] = {}  # bytes of each
        self.taken_bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    @property
    def taken(self) -> KeysView[Key]:
        return self._taken.keys()

    @property
    def is_all(self) -> bool:
        """Is there nothing beyond?"""
        return self._bound is None and self._missed is None

    @property
    def needs_more(self) -> bool:
        """Is it worth reading on?"""
        return not self.is_all and len(self._rows) < self._most_rows // 4 and self._bytes < self._most_bytes // 4

    @property
    def is_known(self) -> bool:
        """Was the queue read, with nothing before what lies beyond that is not here?"""
        return self._missed is None and self._bound != _NOWHERE

    @property
    def first(self) -> Row | None:
        return self._rows[0] if self._rows else None

    def offer(self, row: Row) -> bool:
        """A row that is in the store now. Returns whether it is among the first ones."""
        if self._missed is not None:
            self.miss(row.rank)
            return False
        return self._insert(row)

    def _insert(self, row: Row) -> bool:
        key = row[:2]
        if (self._bound is not None and key > self._bound) or key in self._taken:
            return False
        rows = self._rows
        if not rows or rows[-1] < row:
            rows.append(row)
        else:
            at = bisect_left(rows, row[:2])
            if rows[at][:2] == key:
                return True
            rows.insert(at, row)
        self._bytes += row.message.size
        self._trim()
        return True

    def miss(self, rank: int) -> None:
        """Rows of that rank are in the store and not here: what is less urgent must not be delivered before them."""
        self._missed = rank if self._missed is None else min(rank, self._missed)
        at = bisect_left(self._rows, (rank + 1,))
        self._bytes -= sum(row.message.size for row in self._rows[at:])
        del self._rows[at:]

    def replace(self, rows: Sequence[Row], *, is_all: bool) -> None:
        """What was read from the very beginning of the queue."""
        self._missed = None
        self._bound = None if is_all else rows[-1].key if rows else _NOWHERE
        self._rows = [row for row in rows if row[:2] not in self._taken]
        self._bytes = sum(row.message.size for row in self._rows)

    def forget(self) -> None:
        """The queue was changed behind our back: it is to be read anew."""
        self._rows = []
        self._bytes = 0
        self._bound = _NOWHERE

    def take(self, rows: Iterable[Row]) -> None:
        """Some of those that wait here are about to be delivered."""
        for row in rows:
            if self._rows and self._rows[0] is row:
                del self._rows[0]
            else:
                self._rows.remove(row)
            size = row.message.size
            self._bytes -= size
            self._taken[row[:2]] = size
            self.taken_bytes += size

    def settled(self, keys: Iterable[Key]) -> None:
        """They are no longer in the queue."""
        for key in keys:
            self.taken_bytes -= self._taken.pop(key, 0)

    def put_back(self, row: Row) -> None:
        """It was taken and stays in the queue, as it is here: before those that were behind it."""
        self.settled([row[:2]])
        if self._missed is None or row.rank <= self._missed:
            self._insert(row)

    def update(self, rows: Sequence[Row]) -> None:
        """The same rows with other values."""
        self._rows = sorted(rows)

    def _trim(self) -> None:
        rows = self._rows
        while len(rows) > 1 and (len(rows) > 2 * self._most_rows or self._bytes > 2 * self._most_bytes):
            last = rows.pop()
            self._bytes -= last.message.size
            self._bound = rows[-1][:2]
