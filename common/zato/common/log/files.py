"""Log files that several processes write to and rotate together.

Promises, for any number of processes and threads: a line is written once and whole, wherever rotation happens to be; a
line is never lost without a trace; and no failure of a log file reaches the code that logs. How:

- A write is one `write(2)` to a descriptor opened O_APPEND, which is atomic on local file systems of Linux. Only a disk
  that fills up in the middle of a line can tear it; the line is then counted as lost.
- Once a second, at most, a write first looks whether its path still names the open file, and reopens it if another
  process rotated it, or logrotate or a person moved it. If the old file is deleted by now, what this process wrote to
  it since the previous look is written again; until then it is kept in memory.
- To rotate takes an flock on `<path>.lock`. Who does not get it goes on writing: somebody else is rotating just then.

Nothing here switches greenlets, so a lock is only ever waited for by another thread of the operating system.
Not here: who writes (writers.py), which logger writes to which file (config.py).
Units: bytes; monotonic seconds.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sys
import time
from _thread import RLock  # gevent leaves this one alone, see above
from collections.abc import Callable
from weakref import WeakSet

LINE_FORMAT = '%(asctime)s - %(levelname)s - %(process)d:%(threadName)s - %(name)s:%(lineno)d - %(message)s'

CHECK_EVERY = 1.0  #: seconds between two looks at what the path names and how large the file is
MAX_BYTES = 1_000_000_000  #: of a file, before it is rotated
MAX_RECENT = 10_000  #: length of a write up to which it is kept in memory until the next look
BACKUP_COUNT = 2  #: rotated files that are kept
MODE = 0o640  #: of new files

_formatter = logging.Formatter(LINE_FORMAT)


def own_line(text: str) -> bytes:
    """A line about the log itself, to be written where the lines it is about belong."""
    return encode(_formatter.format(logging.LogRecord(__name__, logging.ERROR, __file__, 0, text, None, None)))


def encode(text: str) -> bytes:
    """Text as one or more whole lines of a log file. Never fails: what UTF-8 cannot hold becomes `\\udc80` and such."""
    return (text + '\n').encode('utf-8', 'backslashreplace')


class AppendFile:
    """An append-only file shared by several processes, rotated to `path.1`, `path.2` and so on, the newest first.

    It is opened by the first write, also after close(). After a fork both processes may go on using it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        max_bytes: int = MAX_BYTES,
        backup_count: int = BACKUP_COUNT,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """max_bytes: size past which the file is rotated.  backup_count: rotated files to keep.  0 in either: never
        rotate. Raises ValueError if one is no such number.
        """
        for name, value in (('max_bytes', max_bytes), ('backup_count', backup_count)):
            if not isinstance(value, int) or value < 0:
                raise ValueError(f'{name} must be 0 (never rotate) or more, got {value!r}')
        self.path = os.path.abspath(path)
        self.max_bytes = max_bytes
        self.backup_count = backup_count
        self._clock = clock
        self._fd = -1
        self._next_check = 0.0
        self._recent: list[bytes] = []  # what was written since the last check
        self._trouble = ''  # why the file could not be reopened or rotated; '' = it could
        self._lost_lines = 0  # since the last successful write
        self._lost_bytes = 0
        self._lost_why = ''
        self._torn = False  # the file ends in the middle of a line of ours
        self.lock = RLock()  # reentrant: a signal handler may log while a line is being written
        self.when_forked: list[Callable[[], None]] = []  #: called in a forked child
        _files.add(self)

    def write(self, data: bytes) -> None:
        """Append whole lines, ending in a newline, in one piece. Never raises OSError.

        Lines that cannot be written are counted; once writing works again, a line in their place says how many they
        were and why, and standard error says at once that lines are being lost.
        """
        with self.lock:
            if self._clock() >= self._next_check:
                self._check()
            if self._lost_lines:
                self._write_after_loss(data)
                return
            try:
                done = os.write(self._fd, data)
            except OSError:
                done = 0
            if done == len(data):
                self._recent.append(data)
            else:
                self._put(data, done)
            if done > MAX_RECENT:
                self._next_check = 0.0  # so that the next write lets go of it

    def reopen(self) -> None:
        """Open what the path names now, created if need be. Raises OSError; the file open until then stays in use."""
        with self.lock:
            self._follow()
            self._next_check = self._clock() + CHECK_EVERY

    def close(self) -> None:
        """Close the descriptor, having looked after recent and lost lines once more. To close twice does nothing."""
        with self.lock:
            if self._recent:
                self._check()
            if self._lost_lines:
                self._write_after_loss(b'')
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = -1
            self._recent = []
            self._next_check = 0.0

    def _put(self, data: bytes, done: int = 0) -> None:
        """Write `data` from `done` on, or count it as lost."""
        done, error = self._append(data, done)
        if error:
            self._count_loss(data, done, error)
        else:
            self._recent.append(data)

    def _append(self, data: bytes, done: int = 0) -> tuple[int, OSError | None]:
        """Write `data` from `done` on. Returns how much of it is written, and what went wrong."""
        try:
            if self._fd < 0:
                self._open()
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as error:
            if error.errno == errno.EBADF:
                self._fd = -1  # closed behind our back: the next write opens it again
            if done:
                self._torn = data[done - 1 : done] != b'\n'
            return done, error
        return done, None

    def _write_after_loss(self, data: bytes) -> None:
        notice = own_line(f'{self._lost_lines} lines ({self._lost_bytes} bytes) lost here: {self._lost_why}')
        if self._torn:
            notice = b'\n' + notice
        done, error = self._append(notice + data)
        if done >= len(notice):
            self._lost_lines = self._lost_bytes = 0
        if not error:
            self._torn = False
            self._recent.append(notice + data)
        elif data:
            self._count_loss(data, max(0, done - len(notice)), error)

    def _count_loss(self, data: bytes, done: int, error: OSError) -> None:
        if not self._lost_lines:
            self._lost_why = str(error)
            _tell_stderr(f'{self.path}: log lines are being lost: {error}')
        self._lost_lines += max(1, data.count(b'\n', done))
        self._lost_bytes += len(data) - done

    def _check(self) -> None:
        """Follow the path, and rotate the file if it is too large."""
        self._next_check = self._clock() + CHECK_EVERY
        try:
            self._follow()
            if self._is_full():
                self._rotate()
        except OSError as error:
            self._tell(f'This log cannot be reopened or rotated: {error}')
        else:
            self._trouble = ''

    def _tell(self, trouble: str) -> None:
        """Say once, in the log and on standard error, that the file is not what it should be. Lines still go there."""
        if trouble != self._trouble:
            self._trouble = trouble
            _tell_stderr(f'{self.path}: {trouble}')
            self._append(own_line(trouble))

    def _follow(self) -> None:
        """Open what the path names, if it is not the open file. Lines that went to a deleted file are written again."""
        recent, self._recent = self._recent, []
        if self._is_current():
            return
        if recent and self._fd >= 0 and not os.fstat(self._fd).st_nlink:
            os.close(self._fd)
            self._fd = -1
            self._put(b''.join(recent))
        if not self._is_current():
            self._open()

    def _open(self) -> None:
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        old, self._fd = self._fd, fd
        if old >= 0:
            os.close(old)

    def _is_current(self) -> bool:
        """Does the path still name the file that is open?"""
        if self._fd < 0:
            return False
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except FileNotFoundError:
            return False

    def _is_full(self) -> bool:
        limit = self.max_bytes if self.backup_count else 0
        return 0 < limit < os.fstat(self._fd).st_size

    def _rotate(self) -> None:
        """Rename the file unless another process did, or is doing, just that; then open the new one.

        It does not wait for the lock: it would stop every greenlet, and for good if the holder is suspended.
        """
        path = os.path.realpath(self.path)
        lock = os.open(f'{path}.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_current() and self._is_full():
                _shift(path, self.backup_count)
            self._open()
        except BlockingIOError:
            pass
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough if a process was forked meanwhile
            os.close(lock)

    def after_fork(self) -> None:
        """In a forked child: what the parent's threads were doing here, and what it lost, is the parent's."""
        self.lock = RLock()
        self._recent = []
        self._lost_lines = self._lost_bytes = 0
        self._torn = False
        for call in self.when_forked:
            call()


_files: WeakSet[AppendFile] = WeakSet()


def _after_fork() -> None:
    for file in _files:
        file.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _shift(path: str, count: int) -> None:
    """Rename path to path.1, path.1 to path.2 and so on, over path.`count`.

    A gap, which a process killed half-way leaves, is filled before anything is overwritten.
    """
    names = [path, *(f'{path}.{number}' for number in range(1, count + 1))]
    free = next((index for index, name in enumerate(names) if not os.path.lexists(name)), count)
    for index in range(free, 0, -1):
        try:
            os.replace(names[index - 1], names[index])
        except FileNotFoundError:  # others, who know nothing of our lock, took it first
            continue


def _tell_stderr(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):  # closed, or None in a process without one
        return
