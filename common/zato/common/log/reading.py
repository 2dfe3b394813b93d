"""Reading logs from their end, back, and on from a place, however large they are and however often they are rotated.

A call looks at MOST_READ bytes at most, at MOST_PARSED records closely, and answers with what it found and the place to go
on from. A record that is longer than that comes in pieces. Whoever goes on from the `last` place of each answer gets each
record once, in the order in which it was written: a rotated file is left for the next one only when nobody can be writing
to it any more.
Not here: what a record is (record.py), which ones are wanted (choice.py), where they are (places.py).
Units: bytes; seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zato.common.log.choice import Choice
from zato.common.log.parts import Part, Scanner
from zato.common.log.places import OpenLog, Place
from zato.common.log.record import MOST_TEXT, Record, parse

MOST_READ: Final = 16_777_216
MOST_ANSWERED: Final = 2_000_000  #: of records in one answer
MOST_PARSED: Final = 20_000  #: records that one call looks at more closely, which takes a microsecond or more each
STILL_WRITTEN: Final = 2.0  #: seconds after the last write to a rotated file: all writers look once a second (files.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A record, and the file that it is in."""

    log: OpenLog
    record: Record

    @property
    def place(self) -> Place:
        return self.log.place(self.record.begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """records: in the order in which they were written. first, last: places to go back from, and on.

    is_complete: there is nothing more in the direction that was read. was_reset: the place that was asked for is gone, since
    the file was truncated or deleted; what was written since is here from its beginning on. searched: bytes.
    """

    records: list[Found]
    first: Place
    last: Place
    is_complete: bool
    was_reset: bool
    searched: int


class LogReader:
    """logs: newest first, at least one. limit: of records, from 1 on. now: seconds since 1970."""

    def __init__(self, logs: list[OpenLog], choice: Choice, limit: int, *, now: float, scanner: Scanner) -> None:
        self._logs = logs
        self._choice = choice
        self._limit = limit
        self._now = now
        self._scanner = scanner
        self._size = 0
        self._left = MOST_PARSED
        self._has_moved = False  # a long record is begun only by a call that has nothing else
        self._records: list[Found] = []

    def latest(self) -> Page:
        """The last records."""
        index = 0
        while index + 1 < len(self._logs) and self._is_still_written(index + 1):
            index += 1
        log = self._logs[index]
        end = self._scanner.last_line(log)
        return self._back(index, end, last=log.place(end))

    def before(self, place: Place) -> Page:
        """Those that end before a place."""
        for index, log in enumerate(self._logs):
            if log.has(place):
                return self._back(index, place.offset, last=place)
        return self._page(place, place, is_complete=True, was_reset=True)

    def after(self, place: Place) -> Page:
        """What was written since."""
        for index, log in enumerate(self._logs):
            if log.has(place):
                return self._on(index, place.offset)
        later = [
            index
            for index, log in enumerate(self._logs)
            if log.modified > place.modified or log.inode == place.inode  # truncated, perhaps within one tick of the clock
        ]
        if later:
            return self._on(later[-1], 0, was_reset=True)
        return self._page(place, place, is_complete=True)  # deleted, and nothing was written since

    def _back(self, index: int, end: int, *, last: Place) -> Page:
        log = self._logs[index]
        while True:
            while end > 0:
                part = self._scanner.before(log, end)
                if not part.is_whole and self._has_moved:
                    return self._page(log.place(end), last, is_complete=False)
                self._has_moved = True
                end = part.begin
                for record in reversed(self._wanted(part)):
                    if self._add(log, record):
                        return self._page(log.place(record.begin), last, is_complete=False)
                if self._has_done_enough():
                    return self._page(log.place(end), last, is_complete=False)
            index += 1
            if index == len(self._logs):
                return self._page(log.place(0), last, is_complete=True)
            log = self._logs[index]
            end = log.size

    def _on(self, index: int, begin: int, *, was_reset: bool = False) -> Page:
        first = self._logs[index].place(begin)
        while True:
            log = self._logs[index]
            is_last = index == 0 or self._is_still_written(index)
            end = self._scanner.last_line(log, begin) if is_last else log.size
            while begin < end:
                part = self._scanner.after(log, begin, end)
                if not part.is_whole and self._has_moved:
                    return self._page(first, log.place(begin), is_complete=False, was_reset=was_reset)
                self._has_moved = True
                begin = part.end
                for record in self._wanted(part):
                    if self._add(log, record):
                        return self._page(first, log.place(record.end), is_complete=False, was_reset=was_reset)
                if self._has_done_enough():
                    return self._page(first, log.place(begin), is_complete=False, was_reset=was_reset)
            if is_last:
                return self._page(first, log.place(begin), is_complete=True, was_reset=was_reset)
            index, begin = index - 1, 0

    def _has_done_enough(self) -> bool:
        return self._scanner.left <= 0 or self._left <= 0

    def _is_still_written(self, index: int) -> bool:
        """Does some process perhaps not know yet that this file was rotated?"""
        return self._now - self._logs[index].modified / 1e9 < STILL_WRITTEN

    def _wanted(self, part: Part) -> list[Record]:
        choice = self._choice
        if not choice.may_have(part.data):
            return []
        found = []
        for begin, end in part.bounds():
            data = part.data[begin:end]
            if choice.may_have(data):
                self._left -= 1
                record = parse(data, part.begin + begin, part.begin + end)
                if choice.has(record):
                    found.append(record)
        return found

    def _add(self, log: OpenLog, record: Record) -> bool:
        """True if the answer is full now."""
        self._size += min(record.end - record.begin, MOST_TEXT)
        self._records.append(Found(log=log, record=record))
        return len(self._records) == self._limit or self._size >= MOST_ANSWERED

    def _page(self, first: Place, last: Place, *, is_complete: bool, was_reset: bool = False) -> Page:
        self._records.sort(key=lambda found: (-self._logs.index(found.log), found.record.begin))
        return Page(
            records=self._records,
            first=first,
            last=last,
            is_complete=is_complete,
            was_reset=was_reset,
            searched=self._scanner.searched,
        )
