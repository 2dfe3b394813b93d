"""Locks on files that the kernel frees when the last process holding them ends, however it ends (flock)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

_ENDED: Final = 'Z'  #: state of a process whose parent has not looked at it yet
_STARTED: Final = 19  #: index of the time at which a process began, counted from its state on


class FileLock:
    """Not reentrant. Forked children hold it too, until they close it or end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self.is_held = False

    def acquire(self, *, blocking: bool = False) -> bool:
        """Returns whether it is held now. Raises OSError if the file cannot be opened."""
        if self.is_held:
            return True
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX if blocking else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            return False
        except BaseException:
            self.close()
            raise
        self.is_held = True
        return True

    def write_owner(self) -> None:
        """Write this process's ID into the file, for `owner_of`."""
        self.write(str(os.getpid()))

    def write(self, text: str) -> None:
        """Into the file, for whoever reads it; while it is held."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def pass_on(self) -> None:
        """As `release`, but the file stays open: the next `acquire` is quicker, and takes the lock of the same file."""
        if self.is_held:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            self.is_held = False

    def release(self) -> None:
        """For all processes that share it. Twice is safe."""
        self.pass_on()
        self.close()

    def close(self) -> None:
        """For this process alone: others that inherited it go on holding it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self.is_held = False


def owner_of(path: Path) -> int:
    """The process that wrote itself into a locked file, 0 if there is none or it has ended, whoever else holds the lock."""
    try:
        pid = int(path.read_text(encoding='ascii'))
        os.kill(pid, 0)
    except PermissionError:
        pass  # it is there, and somebody else's
    except (OSError, ValueError):
        return 0
    return pid if not _has_ended(pid) and is_locked(path) else 0


def process_identity(pid: int) -> str:
    """Tells a process from others that have its ID later; '' if there is none (Linux; elsewhere always)."""
    fields = _stat(pid)
    return f'{pid} {fields[_STARTED]}' if fields and fields[0] != _ENDED else ''


def _has_ended(pid: int) -> bool:
    """Is it there only since its parent has not looked at it yet (Linux only)?"""
    return _stat(pid)[:1] == [_ENDED]


def _stat(pid: int) -> list[str]:
    """What Linux says of a process, from its state on; [] for nothing."""
    try:
        return Path(f'/proc/{pid}/stat').read_text(encoding='latin-1').rpartition(')')[2].split()
    except OSError:
        return []


def is_locked(path: Path) -> bool:
    """Does any process hold the lock?"""
    if not path.exists():
        return False
    lock = FileLock(path)
    if lock.acquire():
        lock.release()
        return False
    return True
