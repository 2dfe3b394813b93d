"""Parts of a log file that have whole records, found back or on from a place, block by block.

Not here: which records of a part are wanted, what an answer has (reading.py).
Units: bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from zato.common.log.places import OpenLog
from zato.common.log.record import LONGEST_HEAD, MOST_TEXT, find_head, find_line, match_head

BLOCK: Final = 65_536
_FIRST_STEP: Final = 4_096


@dataclass(frozen=True, slots=True)
class Part:
    """data: of all its records, or the first MOST_TEXT bytes of one that is long.

    is_whole: False for a piece of one that is longer than what was left to read; without data if it is not the first one.
    """

    log: OpenLog
    begin: int
    end: int
    data: bytes
    is_whole: bool = True

    def bounds(self) -> list[tuple[int, int]]:
        """Where records begin and end in `data`, or would end if it had all of them."""
        if not self.data:
            return []
        find = find_head if self.log.has_heads else find_line
        begins = [0]
        while (match := find(self.data, begins[-1])) is not None:
            begins.append(match.start() + 1)
        return list(pairwise([*begins, self.end - self.begin]))


class Scanner:
    """most: bytes that may be read; `left` of them tells when to stop. Parts of files may be a block longer than that.

    pause: called between blocks, which take a few milliseconds at most, so that others have their turn.
    """

    def __init__(self, most: int, block: int = BLOCK, pause: Callable[[], object] = lambda: None) -> None:
        self.left = most
        self.searched = 0
        self._block = max(block, 2 * LONGEST_HEAD)
        self._pause = pause

    def last_line(self, log: OpenLog, begin: int = 0) -> int:
        """Where the last whole line after `begin` ends: what comes after it is being written."""
        end, step = log.size, _FIRST_STEP
        while end > begin and self.left > 0:
            at = max(begin, end - step)
            newline = self._read(log, at, end).rfind(b'\n')
            if newline >= 0:
                return at + newline + 1
            end, step = at, self._block
        return begin

    def before(self, log: OpenLog, end: int) -> Part:
        """The part that ends there."""
        begin = end - self._block
        if begin <= 0:
            return Part(log, 0, end, self._read(log, 0, end))
        data = self._read(log, begin - 1, end)
        match = (find_head if log.has_heads else find_line)(data)
        if match is None:
            return self._long_before(log, begin, end)
        return Part(log, begin + match.start(), end, data[match.start() + 1 :])

    def after(self, log: OpenLog, begin: int, end: int) -> Part:
        """The part that begins there. end: of the file, as far as it is looked at."""
        stop = min(end, begin + self._block)
        data = self._read(log, begin, stop)
        if stop == end:
            return Part(log, begin, end, data)
        last = _last_begin(data, log)
        if last <= 0:
            return self._long_after(log, begin, end, data[:MOST_TEXT])
        return Part(log, begin, begin + last, data[:last])

    def _long_before(self, log: OpenLog, stop: int, end: int) -> Part:
        """One record that begins before `stop`; its end alone if that is too far away."""
        while self.left > 0:
            begin = max(0, stop - self._block)
            data = self._read(log, begin, min(end, stop + LONGEST_HEAD))
            last = _last_begin(data, log)
            if last > 0 or begin == 0:
                begin += max(0, last)
                return Part(log, begin, end, self._read(log, begin, min(end, begin + MOST_TEXT)))
            stop = begin
        return Part(log, min(end, stop + LONGEST_HEAD), end, b'', is_whole=False)

    def _long_after(self, log: OpenLog, begin: int, end: int, data: bytes) -> Part:
        """One record that does not end in the first block; its beginning alone if the end is too far away."""
        at = begin + self._block - LONGEST_HEAD
        while self.left > 0:
            stop = min(end, at + self._block)
            match = (find_head if log.has_heads else find_line)(self._read(log, at - 1, stop))
            if match is not None:
                return Part(log, begin, at + match.start(), data)
            if stop == end:
                return Part(log, begin, end, data)
            at = stop - LONGEST_HEAD
        return Part(log, begin, at, data, is_whole=False)

    def _read(self, log: OpenLog, begin: int, end: int) -> bytes:
        self.left -= end - begin
        self.searched += end - begin
        self._pause()
        return log.read(begin, end)


def _last_begin(data: bytes, log: OpenLog) -> int:
    """Of the last record that begins in the data; -1 if none but the first does."""
    at = data.rfind(b'\n', 0, len(data) - 1)
    while at >= 0 and log.has_heads and match_head(data, at + 1) is None:
        at = data.rfind(b'\n', 0, at)
    return at + 1 if at >= 0 else -1
