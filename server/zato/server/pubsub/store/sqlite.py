"""Messages in SQLite: a file in WAL mode, synchronous=FULL, so that what is committed survives a power cut.

Writers of all processes take turns by the lock beside the file, in which the kernel lets them stand in line and which it
frees if one of them is killed; SQLite's own waiting starves some. Each statement handles many rows: Python's lock is let go
and taken again for each step of a statement, and a busy event loop makes a thread wait for that.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from zato.common.exception import StoreUnavailable
from zato.common.lock import FileLock
from zato.server.pubsub.store.interface import (
    Fetch,
    Operation,
    Publish,
    Row,
    Settle,
    StoredMessage,
    StoreFull,
)
from zato.server.pubsub.store.plan import (
    LATE_COLUMNS,
    MESSAGE_COLUMNS,
    QUEUE_COLUMNS,
    SEEN_COLUMNS,
    Known,
    digest_of,
    own_ids,
    plan,
)
from zato.server.pubsub.store.reserve import SIZE, Reserve
from zato.server.pubsub.store.sqlite_settling import Execute, settle
from zato.server.pubsub.store.turn import carry_out, fail

_BUSY_TIMEOUT: Final = 5.0  #: seconds that SQLite waits for what is not ours, such as somebody's shell
_MOST_ROWS: Final = 64  #: of one INSERT: each number of rows is a statement of its own, which stays prepared
_DUE_AT_ONCE: Final = 500  #: rows that come back to their queue in one transaction
_PAGE: Final = 4096  #: bytes
_PRAGMAS: Final = (
    'journal_mode=WAL',
    'synchronous=FULL',
    'cache_size=-32000',
    'wal_autocheckpoint=3000',
    f'journal_size_limit={4 * SIZE}',
    'temp_store=MEMORY',
)
#: What is raised where there is no space: ENOSPC, or another reason why a file must not grow.
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
#: What is wrong with what was given, not with the database.
_FAULTS: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)

_FETCH: Final = """
    SELECT CAST(json_group_array(json_array(q.rank, q.seq, q.attempts, q.crashes, q.not_before, m.msg_id, m.topic_id,
        m.priority, m.pub_time, m.expires_at, m.mime, m.form, m.size, m.endpoint_id, m.keep_until, m.meta,
        CASE WHEN ? OR m.form = 'b' OR instr(m.data, x'00') THEN json_array(hex(m.data)) ELSE CAST(m.data AS TEXT) END
    )) AS BLOB)
    FROM (
        SELECT *, sum(size) OVER (ORDER BY rank, seq) - size AS before
        FROM (
            SELECT q.sub_id, q.rank, q.seq, q.attempts, q.crashes, q.not_before, m.size
            FROM ps_queue q CROSS JOIN ps_msg m ON m.seq = q.seq
            WHERE q.sub_id = ? ORDER BY q.rank, q.seq LIMIT ?
        )
    ) q CROSS JOIN ps_msg m ON m.seq = q.seq
    WHERE q.before < ?
"""
_encode_json: Final = msgspec.json.Encoder().encode
_decode_rows: Final = msgspec.json.Decoder(list[list[Any]]).decode


class SQLiteStore:
    """path: of the file, which is there already."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(Path(f'{path}.lock'))
        self._reserve = Reserve(Path(f'{path}.reserve'))
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._subs_version = 0
        self._subs: dict[int, tuple[int, ...]] = {}  # topic → those who have subscribed

    def open(self) -> None:
        connection = None
        try:
            self._file = self._identity()
            connection = sqlite3.connect(
                f'{self._path.as_uri()}?mode=rw',
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=_BUSY_TIMEOUT,
                cached_statements=512,
            )
            for pragma in _PRAGMAS:
                connection.execute(f'PRAGMA {pragma}').close()
        except (sqlite3.Error, OSError) as e:
            if connection is not None:
                connection.close()
            raise self._unavailable(e) from e
        self._connection = connection
        self._subs_version = 0

    def close(self) -> None:
        self._disconnect()
        self._lock.close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def commit(self, take: Callable[[], Sequence[Operation]]) -> Sequence[Operation]:
        file = self._file
        try:
            self._lock.acquire(blocking=True)
        except OSError as e:
            operations = take()
            fail(operations, self._unavailable(e))
            return operations
        try:
            operations = take()
            if operations:
                carry_out(self._transaction, operations)
        finally:
            if self._file == file:
                self._lock.pass_on()
            else:
                self._lock.release()  # that of the other file may be another one, too
        for operation in operations:
            if type(operation) is Fetch and operation.error is None:
                self._read(operation)
        return operations

    # One transaction

    def _transaction(self, operations: Sequence[Operation]) -> None:
        """Raises as turn.carry_out wants it."""
        try:
            self._write(self._usable().execute, operations)
        except sqlite3.Error as e:
            self._roll_back()
            if getattr(e, 'sqlite_errorcode', 0) in _FULL:
                self._find_space(operations, e)
            elif isinstance(e, _FAULTS):
                raise
            else:
                self._disconnect()
                raise self._unavailable(e) from e
        except Exception:
            self._roll_back()
            raise

    def _write(self, execute: Execute, operations: Sequence[Operation]) -> None:
        published: list[Publish] = []
        settled: list[Settle] = []
        fetched: list[Fetch] = []
        for operation in operations:
            if isinstance(operation, Publish):
                published.append(operation)
            elif isinstance(operation, Settle):
                settled.append(operation)
            elif isinstance(operation, Fetch):
                fetched.append(operation)
        if not published and not settled and not any(_is_due(execute, fetch) for fetch in fetched):
            return
        if published:
            self._ask_for_space(execute)
        execute('BEGIN IMMEDIATE')
        if published:
            self._publish(execute, published)
        if settled:
            settle(execute, settled)
        for fetch in fetched:
            _bring_back(execute, fetch)
        execute('COMMIT')

    def _usable(self) -> sqlite3.Connection:
        """Raises StoreUnavailable."""
        if self._connection is not None and self._file != self._identity():
            self._disconnect()  # what was written there would be lost
        if self._connection is None:
            self.open()
        assert self._connection is not None
        return self._connection

    def _roll_back(self) -> None:
        connection = self._connection
        try:
            if connection is not None and connection.in_transaction:
                connection.execute('ROLLBACK')
        except sqlite3.Error:
            self._disconnect()

    # Space

    def _ask_for_space(self, execute: Execute) -> None:
        """Raises StoreFull unless there is some for messages, on the disk or in the file."""
        if not self._reserve.is_there():
            ((free,),) = execute('PRAGMA freelist_count').fetchall()
            if free * _PAGE < SIZE:
                raise self._full('the disk is full')

    def _find_space(self, operations: Sequence[Operation], e: sqlite3.Error) -> None:
        """Carries them out by means of the reserve, if they need no more than that. Raises as turn.carry_out wants it."""
        was_there = self._reserve.give_up()
        if any(isinstance(operation, Publish) for operation in operations) or not was_there:
            raise self._full(str(e)) from e
        self._transaction(operations)

    def _full(self, reason: str) -> StoreFull:
        return StoreFull(msg=f'{self._path}: {reason}; free some disk space; nothing was written')

    # Publishing

    def _publish(self, execute: Execute, operations: Sequence[Publish]) -> None:
        count = sum(len(operation.messages) for operation in operations)
        ((seq, version),) = execute(
            'UPDATE ps_state SET seq = seq + ? WHERE id = 1 RETURNING seq, subs', (count,)
        ).fetchall()
        if version != self._subs_version:
            self._read_subs(execute, version)
        made = plan(operations, self._subs, _known(execute, operations), last=seq - count)
        _insert(execute, f'INSERT INTO ps_msg ({MESSAGE_COLUMNS})', 14, made.messages)
        _insert(execute, f'INSERT INTO ps_queue ({QUEUE_COLUMNS})', 3, made.queue)
        _insert(execute, f'INSERT INTO ps_retry ({LATE_COLUMNS})', 4, made.late)
        _insert(execute, f'INSERT INTO ps_seen ({SEEN_COLUMNS})', 4, made.seen)

    def _read_subs(self, execute: Execute, version: int) -> None:
        found: dict[int, tuple[int, ...]] = {}
        for id, topic_id in execute('SELECT id, topic_id FROM ps_sub WHERE is_removed = 0 ORDER BY id').fetchall():
            found[topic_id] = (*found.get(topic_id, ()), id)
        self._subs = found
        self._subs_version = version

    # Reading

    def _read(self, fetch: Fetch) -> None:
        """Each sees all that was committed before. Raises nothing."""
        try:
            execute = self._usable().execute
            fetch.next_due = _next_due(execute, fetch.sub_id)
            fetch.rows = _rows(execute, fetch)
        except sqlite3.Error as e:
            fetch.error = self._unavailable(e)
            self._disconnect()
        except StoreUnavailable as e:
            fetch.error = e
        else:
            is_cut = bool(fetch.rows) and sum(row.message.size for row in fetch.rows) >= fetch.size
            fetch.is_all = len(fetch.rows) < fetch.limit and not is_cut

    def _identity(self) -> tuple[int, int]:
        """Of the file of that name."""
        try:
            status = os.stat(self._path)
        except OSError:
            return (0, 0)
        return status.st_dev, status.st_ino

    def _unavailable(self, e: Exception) -> StoreUnavailable:
        reason = str(e) if self._path.exists() else 'the file is missing'
        return StoreUnavailable(msg=f'{self._path}: {reason}; nothing was written')


def _known(execute: Execute, operations: Sequence[Publish]) -> Known:
    """Of the IDs that callers gave, those that were published already."""
    ids = own_ids(operations)
    known: Known = {}
    if ids:
        wanted = _encode_json(ids).decode()
        these = 'WHERE msg_id IN (SELECT value FROM json_each(?))'
        stored = execute(f'SELECT msg_id, topic_id, data FROM ps_msg {these}', (wanted,)).fetchall()
        known.update({id: (topic_id, digest_of(data)) for id, topic_id, data in stored})
        seen = execute(f'SELECT msg_id, topic_id, digest FROM ps_seen {these}', (wanted,)).fetchall()
        known.update({id: (topic_id, digest) for id, topic_id, digest in seen})
    return known


def _insert(execute: Execute, into: str, width: int, values: Sequence[Any]) -> None:
    """values: of all rows, one after the other; width: of each."""
    at, end = 0, len(values)
    row = f'({",".join("?" * width)})'
    while at < end:
        rows = min((end - at) // width, _MOST_ROWS)
        execute(f'{into} VALUES {",".join([row] * rows)}', values[at : at + rows * width])
        at += rows * width


def _bring_back(execute: Execute, fetch: Fetch) -> None:
    """What waits aside and is due goes back to its queue."""
    fetch.error = None
    columns = 'sub_id, rank, seq, attempts, crashes, error'
    due = 'FROM ps_retry WHERE sub_id = ? AND due_at <= ? ORDER BY due_at, seq'
    if _is_due(execute, fetch):
        these = (fetch.sub_id, fetch.now)
        execute(f'INSERT INTO ps_queue ({columns}) SELECT {columns} {due} LIMIT {_DUE_AT_ONCE}', these)
        execute(
            f'DELETE FROM ps_retry WHERE (sub_id, due_at, seq) IN (SELECT sub_id, due_at, seq {due} LIMIT {_DUE_AT_ONCE})',
            these,
        )


def _is_due(execute: Execute, fetch: Fetch) -> bool:
    return 0 < _next_due(execute, fetch.sub_id) <= fetch.now


def _next_due(execute: Execute, sub_id: int) -> int:
    ((due,),) = execute('SELECT min(due_at) FROM ps_retry WHERE sub_id = ?', (sub_id,)).fetchall()
    return due or 0


def _rows(execute: Execute, fetch: Fetch) -> list[Row]:
    try:
        return _rows_from(execute, fetch, as_hex=0)
    except (msgspec.DecodeError, UnicodeDecodeError):  # what is said to be text is not
        return _rows_from(execute, fetch, as_hex=1)


def _rows_from(execute: Execute, fetch: Fetch, *, as_hex: int) -> list[Row]:
    ((found,),) = execute(_FETCH, (as_hex, fetch.sub_id, fetch.limit, fetch.size)).fetchall()
    return sorted(map(_row_from, _decode_rows(found)))


def _row_from(values: list[Any]) -> Row:
    data = values[16]
    raw = bytes.fromhex(data[0]) if type(data) is list else data.encode()
    return Row._make((*values[:5], StoredMessage._make((*values[5:16], raw))))
