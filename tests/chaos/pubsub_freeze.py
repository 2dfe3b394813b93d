"""Processes that are stopped by SIGSTOP while others go on, and continue later as if nothing had happened."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.pubsub_cluster import Cluster, kill
from tests.support.environment import PATIENCE, eventually
from zato.common.odb.address import ODBAddress


def freeze(pid: int) -> None:
    """Returns once it does nothing any more."""
    kill([pid], signal.SIGSTOP)
    eventually(lambda: _state(pid) == 'T', f'process {pid} to be stopped')


def thaw(pid: int) -> None:
    kill([pid], signal.SIGCONT)


@contextmanager
def writers_lock(store: ODBAddress) -> Iterator[None]:
    """Of SQLite's file: nobody else writes, or holds it, while the block lasts. Without effect for PostgreSQL."""
    if not store.is_sqlite:
        yield
        return
    fd = os.open(lock_of(store), os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def freeze_without_lock(cluster: Cluster, pid: int) -> None:
    with writers_lock(cluster.address):
        freeze(pid)


def freeze_with_lock(cluster: Cluster) -> int:
    """Stop the worker that holds SQLite's writers' lock, whichever it is, while they write. Returns which."""
    inode = lock_of(cluster.address).stat().st_ino
    workers = sorted(cluster.workers)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for pid in workers:
            freeze(pid)
            if pid in _holders(inode):
                return pid
            thaw(pid)
    raise AssertionError(f'none of {workers} held the lock when it was stopped')


def lock_of(store: ODBAddress) -> Path:
    return Path(f'{store.db_name}.lock')


def _holders(inode: int) -> set[int]:
    """Of the kernel's flock of that file."""
    found = set()
    for line in Path('/proc/locks').read_text(encoding='ascii').splitlines():
        fields = line.split()
        if '->' not in fields and fields[1] == 'FLOCK' and int(fields[5].rpartition(':')[2]) == inode:
            found.add(int(fields[4]))
    return found


def _state(pid: int) -> str:
    return Path(f'/proc/{pid}/stat').read_text(encoding='latin-1').rpartition(')')[2].split()[0]
