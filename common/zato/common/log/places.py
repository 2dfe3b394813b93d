"""The log files of a directory, and places in them that stay known while the files are rotated.

Only plain files that are directly in the directory can be opened, whatever name is asked for: no links, no pipes.
A place names a file by its inode, and by what the file begins with, since inodes are used again and files are truncated and
grow again.
Units: bytes; seconds since 1970.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self
from zlib import crc32

from zato.common.config.field import shown
from zato.common.exception import NotFound
from zato.common.log.record import find_head, match_head

_ROTATED: Final = re.compile(r'(.+)\.(\d{1,4})')
_MARKED: Final = 256  #: of a file's first bytes, as many as are before a place: they tell the file from another one
_SAMPLE: Final = 65_536  #: of a file's first bytes, where heads are looked for
_PLACE: Final = re.compile(r'([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{1,8})-([0-9a-f]{1,16})')


@dataclass(frozen=True, slots=True)
class LogFile:
    """modified: seconds since 1970."""

    name: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Place:
    """mark: of what the file has before it. modified: nanoseconds since 1970, of the file, when the place was made."""

    inode: int
    offset: int
    mark: int
    modified: int

    def __str__(self) -> str:
        return f'{self.inode:x}-{self.offset:x}-{self.mark:x}-{self.modified:x}'

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ValueError('must be a position from an earlier answer')
        inode, offset, mark, modified = (int(part, 16) for part in match.groups())
        return cls(inode, offset, mark, modified)


class OpenLog:
    """A log file, open for reading. size: as it was when it was opened, what is written later is not looked at."""

    def __init__(self, name: str, fd: int, status: os.stat_result) -> None:
        self.name = name
        self.inode = status.st_ino
        self.size = status.st_size
        self.modified = status.st_mtime_ns
        self._fd = fd

    @cached_property
    def has_heads(self) -> bool:
        """Are its records lines with our heads and what follows them, or else single lines?"""
        sample = self.read(0, _SAMPLE)
        return match_head(sample) is not None or find_head(sample) is not None

    def read(self, begin: int, end: int) -> bytes:
        """Less, where the file was truncated meanwhile."""
        end = min(end, self.size)
        parts = []
        while begin < end:
            part = os.pread(self._fd, end - begin, begin)
            if not part:
                break
            parts.append(part)
            begin += len(part)
        return b''.join(parts)

    def place(self, offset: int) -> Place:
        return Place(self.inode, offset, self._mark(offset), self.modified)

    def has(self, place: Place) -> bool:
        """Does the place name this file, and is what was before it still there?"""
        return self.inode == place.inode and place.offset <= self.size and self._mark(place.offset) == place.mark

    def _mark(self, offset: int) -> int:
        return crc32(self._start[:offset])

    @cached_property
    def _start(self) -> bytes:
        return self.read(0, _MARKED)


def list_logs(directory: Path) -> list[LogFile]:
    """By name. Raises OSError."""
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if _is_log(entry.name) and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                found.append(LogFile(entry.name, status.st_size, status.st_mtime))
    return sorted(found, key=lambda file: file.name)


@contextmanager
def open_logs(directory: Path, name: str) -> Iterator[list[OpenLog]]:
    """The file of that name and those that it was rotated to, the newest first; of a rotated one, itself alone.

    Raises NotFound if there is none, OSError.
    """
    with ExitStack() as opened:
        logs: list[OpenLog] = []
        for member in _family(directory, name):
            try:
                fd = os.open(directory / member, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # renamed just now: it is found by its next name, or was the oldest
            opened.callback(os.close, fd)
            log = OpenLog(member, fd, os.fstat(fd))
            if stat.S_ISREG(os.fstat(fd).st_mode) and all(log.inode != other.inode for other in logs):
                logs.append(log)
        if not logs:
            raise NotFound(msg=f'There is no log file {shown(name)} on this server')
        yield logs


def _family(directory: Path, name: str) -> list[str]:
    names = {file.name for file in list_logs(directory)}
    if _ROTATED.fullmatch(name):
        return [name] if name in names else []
    rotated = [match for match in map(_ROTATED.fullmatch, names) if match is not None and match[1] == name]
    numbers = sorted(int(match[2]) for match in rotated)
    if name not in names and not numbers:
        return []
    next_one = numbers[-1] + 1 if numbers else 1  # where the last one is, should they be rotated now
    return [name, *(f'{name}.{number}' for number in [*numbers, next_one])]


def _is_log(name: str) -> bool:
    return not name.startswith('.') and not name.endswith('.lock')
