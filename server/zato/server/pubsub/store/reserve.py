"""Disk space that is kept for acknowledgements: a file that is given up when the disk is full, and made again later."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

SIZE: Final = 16 * 1024 * 1024  #: bytes: as many as the write-ahead log has when it is written back to the database
_PAUSE: Final = 1.0  #: seconds between attempts to make it again


class Reserve:
    """Used under the lock of the database it is for, by one process at a time; all processes look whether it is there."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._clock = clock
        self._next_attempt = 0.0

    def is_there(self) -> bool:
        """Made now if it can be."""
        try:
            if os.stat(self._path).st_size == SIZE:
                return True
        except OSError:
            pass
        if self._clock() < self._next_attempt:
            return False
        self._next_attempt = self._clock() + _PAUSE
        return self._make()

    def give_up(self) -> bool:
        """False if it was not there."""
        self._next_attempt = self._clock() + _PAUSE
        return self._remove()

    def _make(self) -> bool:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError:
            return False
        try:
            os.posix_fallocate(fd, 0, SIZE)
        except OSError:
            self._remove()
            return False
        finally:
            os.close(fd)
        return True

    def _remove(self) -> bool:
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
