"""The workers there are, of all servers: a row each, kept alive by a heartbeat.

A worker is dead 12 seconds after its last heartbeat by the database's clock. On the same host a lock on a file tells, which
the kernel frees when its process ends: at once, and also after the ODB was away and nobody could say that it lives.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from socket import gethostname
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select, update

from zato.common.lock import FileLock, is_locked, process_identity
from zato.common.odb.tables import worker as table
from zato.server.propagate.odb import ODB

HEARTBEAT = 3.0  #: seconds between heartbeats
DEAD_AFTER = 12.0
_MOST, _LONGEST = 100, 400  #: failures, and characters of each, that workers tell each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a worker is. applied: all events up to this one, but for those of modules; loaded: those too.

    failed: object → event that could not be applied, why. changes: grows with each change of `failed`.
    """

    applied: int
    loaded: int
    failed: Mapping[str, tuple[int, str]]
    changes: int = 0

    def is_past(self, event: int, *, with_modules: bool) -> bool:
        return (self.loaded if with_modules else self.applied) >= event

    def failed_since(self, event: int) -> dict[str, str]:
        """Why what was told by this event, or later, could not be applied, by object."""
        return {name: error for name, (at, error) in self.failed.items() if at >= event}

    def shortened(self, event: int = 0) -> dict[str, tuple[int, str]]:
        """`failed` since an event, as far as it fits into a message."""
        since = [(name, (at, error[:_LONGEST])) for name, (at, error) in self.failed.items() if at >= event]
        return dict(since[-_MOST:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A live worker. is_here: is it on this host?"""

    id: str
    server: str
    pid: int
    is_here: bool
    socket: str
    lock: str
    progress: Progress

    @property
    def name(self) -> str:
        """As answers name it."""
        return f'{self.server}:{self.pid}'


@cache
def this_host() -> str:
    """Tells hosts apart that have the same name, and this one from itself before it was restarted."""
    try:
        boot = Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()
    except OSError:
        boot = ''
    try:
        mounts = os.readlink('/proc/self/ns/mnt')  # containers with one name see each other's files only if it is the same
    except OSError:
        mounts = ''
    return f'{gethostname()} {boot} {mounts}'.strip()


class Presence:
    """This worker's row. progress: says how far it is."""

    def __init__(self, odb: ODB, server: str, sockets: Path, progress: Callable[[], Progress]) -> None:
        self.id = uuid4().hex
        self.name = f'{server}:{os.getpid()}'
        self.socket = sockets / f'wake-{os.getpid()}.sock'
        self._odb = odb
        self._server = server
        self._lock = FileLock(sockets / f'worker-{self.id}.lock')
        self._progress = progress
        self._lock_path = sockets / f'worker-{self.id}.lock'
        self._told = (-1, -1, 0)  # what the row says: applied, loaded, changes of what failed
        # A forked child must not keep this worker alive after it has died.
        os.register_at_fork(after_in_child=self._lock.close)

    def appear(self) -> None:
        """From now on changes wait for this worker. Raises ODBUnavailable."""
        self._lock.acquire()
        self._lock.write(process_identity(os.getppid()))
        self.beat()

    def beat(self) -> None:
        """Say that this worker lives, and how far it is. Raises ODBUnavailable."""
        progress = self._progress()
        self._odb.write(lambda connection: self._beat(connection, progress))
        self._told = (progress.applied, progress.loaded, progress.changes)

    def beat_if_new(self) -> None:
        """Say how far this worker is, if that has not been said. Raises ODBUnavailable."""
        progress = self._progress()
        if (progress.applied, progress.loaded, progress.changes) != self._told:
            self.beat()

    def disappear(self) -> None:
        """Nobody waits for this worker any more. Twice is safe. Raises ODBUnavailable."""
        is_known = self._lock.is_held
        self._lock.release()
        self._lock_path.unlink(missing_ok=True)
        if is_known:
            self._odb.write(lambda connection: connection.execute(delete(table).where(table.c.id == self.id)), timeout=2.0)

    def _beat(self, connection: Connection, progress: Progress) -> None:
        now = self._odb.database.now
        values = {
            'heartbeat': now,
            'applied_event': progress.applied,
            'loaded_event': progress.loaded,
            'failed': json.dumps(progress.shortened(), ensure_ascii=False),
        }
        if connection.execute(update(table).where(table.c.id == self.id).values(values)).rowcount:
            return
        connection.execute(
            insert(table).values(
                id=self.id,
                server=self._server,
                pid=os.getpid(),
                host=this_host(),
                socket=str(self.socket),
                lock=str(self._lock_path),
                **values,
            )
        )


def live_workers(odb: ODB) -> list[Peer]:
    """Raises ODBUnavailable."""
    return [peer for peer in known_workers(odb) if is_alive(peer)]


def known_workers(odb: ODB) -> list[Peer]:
    """Those that gave a sign of life in time, and all of this host that have a row, dead or alive. Raises ODBUnavailable."""

    def read(connection: Connection) -> list[Row[tuple[object, ...]]]:
        is_recent = table.c.heartbeat > odb.database.now - DEAD_AFTER
        return list(connection.execute(select(table).where(is_recent | (table.c.host == this_host()))))

    return [_peer_from(row) for row in odb.read(read)]


def died_alone(peer: Peer) -> bool:
    """Of a worker of this host that is dead: did its server go on? False if that is not known."""
    try:
        parent = Path(peer.lock).read_text(encoding='ascii')
    except (OSError, ValueError):
        return False
    pid, _, _ = parent.partition(' ')
    return pid.isdigit() and process_identity(int(pid)) == parent


def is_alive(peer: Peer) -> bool:
    """As far as this process can tell."""
    try:
        return not peer.is_here or is_locked(Path(peer.lock))
    except PermissionError:
        return True  # another user's, on this host


def _peer_from(row: Row[tuple[object, ...]]) -> Peer:
    return Peer(
        id=row.id,
        server=row.server,
        pid=row.pid,
        is_here=row.host == this_host(),
        socket=row.socket,
        lock=row.lock,
        progress=Progress(applied=row.applied_event, loaded=row.loaded_event, failed=json.loads(row.failed)),
    )


def dead_workers(connection: Connection, now: float, after: float) -> int:
    """Remove rows of workers whose last heartbeat is `after` seconds ago. Returns how many there were."""
    return connection.execute(delete(table).where(table.c.heartbeat < now - after)).rowcount
