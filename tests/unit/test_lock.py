"""FileLock between processes, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zato.common.lock import FileLock, is_locked, owner_of

HOLDER = """
import os, sys
from pathlib import Path
from zato.common.lock import FileLock

lock = FileLock(Path(sys.argv[1]))
assert lock.acquire()
{then}
os.write(1, b'held %d\\n' % os.getpid())
sys.stdin.readline()
"""

FORK = """
child = os.fork()
if not child:
    {in_child}
    os.write(1, b'child %d\\n' % os.getpid())
    sys.stdin.readline()
    os._exit(0)
"""


@contextmanager
def holder(path: Path, then: str = '') -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, '-c', HOLDER.format(then=then), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said_by(process: subprocess.Popen[str], lines: int = 1) -> dict[str, int]:
    """Process IDs by who printed them."""
    assert process.stdout is not None
    words = [process.stdout.readline().split() for _ in range(lines)]
    return {who: int(pid) for who, pid in words}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'lock'


def test_one_holder_at_a_time(path: Path) -> None:
    first, second = FileLock(path), FileLock(path)
    assert first.acquire()
    assert not second.acquire()
    assert (first.is_held, second.is_held) == (True, False)
    first.release()
    assert second.acquire()
    second.release()


def test_acquiring_and_releasing_twice_is_safe(path: Path) -> None:
    lock = FileLock(path)
    lock.release()
    assert lock.acquire()
    assert lock.acquire()
    lock.release()
    lock.release()
    lock.close()
    assert not is_locked(path)


def test_asking_takes_nothing_and_makes_no_file(path: Path) -> None:
    assert not is_locked(path)
    assert not path.exists()
    lock = FileLock(path)
    lock.acquire()
    assert is_locked(path)
    assert is_locked(path)
    assert lock.is_held
    lock.release()
    assert not is_locked(path)


def test_a_file_that_cannot_be_opened_is_an_error_and_not_a_lock(tmp_path: Path) -> None:
    lock = FileLock(tmp_path)
    with pytest.raises(IsADirectoryError):
        lock.acquire()
    assert not lock.is_held


def test_the_kernel_frees_the_lock_of_a_killed_process(path: Path) -> None:
    with holder(path) as process:
        said_by(process)
        assert is_locked(path)
        assert not FileLock(path).acquire()
        process.send_signal(signal.SIGKILL)
        process.wait()
        lock = FileLock(path)
        assert lock.acquire()
        lock.release()


def test_who_waits_gets_it_when_the_holder_dies(path: Path) -> None:
    with holder(path) as process:
        said_by(process)
        waiting = subprocess.Popen(
            [sys.executable, '-c', HOLDER.format(then='').replace('acquire()', 'acquire(blocking=True)'), path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        process.kill()
        assert said_by(waiting) == {'held': waiting.pid}
        waiting.communicate('\n')
        assert waiting.returncode == 0


def test_forked_children_hold_it_too_until_the_last_one_ends(path: Path) -> None:
    with holder(path, FORK.format(in_child='pass')) as process:
        pids = said_by(process, 2)
        process.kill()
        process.wait()
        assert is_locked(path), 'the child has it'
        child = os.pidfd_open(pids['child'])
        os.kill(pids['child'], signal.SIGKILL)
        lock = FileLock(path)
        assert lock.acquire(blocking=True)
        lock.release()
        os.close(child)


def test_a_child_that_closed_it_does_not_keep_it(path: Path) -> None:
    with holder(path, FORK.format(in_child='lock.close()')) as process:
        pids = said_by(process, 2)
        assert is_locked(path), 'closing it in the child does not take it from the parent'
        process.kill()
        process.wait()
        assert not is_locked(path)
        os.kill(pids['child'], signal.SIGKILL)


def test_releasing_it_in_one_process_releases_it_for_all_that_share_it(path: Path) -> None:
    with holder(path, FORK.format(in_child='lock.release()')) as process:
        said_by(process, 2)
        assert not is_locked(path)
        process.communicate('\n\n')


def test_a_program_that_the_holder_starts_does_not_inherit_it(path: Path) -> None:
    lock = FileLock(path)
    lock.acquire()
    command = [sys.executable, '-c', "print('runs', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b'runs\n'
        lock.close()
        assert not is_locked(path)
        program.communicate(b'\n')


def test_an_owner_that_has_ended_owns_nothing_even_if_its_parent_has_not_noticed(tmp_path: Path) -> None:
    path = tmp_path / 'lock'
    child = subprocess.Popen([sys.executable, '-c', ''])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    path.write_text(str(child.pid))
    lock = FileLock(path)
    assert lock.acquire()
    try:
        assert owner_of(path) == 0
        lock.write_owner()
        assert owner_of(path) == os.getpid()
    finally:
        lock.release()
        child.wait()


def test_a_lock_that_is_passed_on_is_anybodys_and_can_be_had_again(tmp_path: Path) -> None:
    path = tmp_path / 'lock'
    lock, other = FileLock(path), FileLock(path)
    assert lock.acquire()
    lock.pass_on()
    assert not lock.is_held
    assert other.acquire()
    assert not lock.acquire()
    other.release()
    assert lock.acquire()
    lock.release()
    assert not is_locked(path)
