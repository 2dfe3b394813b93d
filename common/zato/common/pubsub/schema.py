"""The tables in which messages are, where the ODB is SQLite: a file of their own beside it. In PostgreSQL they are tables of
the ODB, and its migrations make them.

refs: how many rows of queues, of what waits aside, was pulled or is dead refer to a message; it goes with the last of them,
unless it is kept for replay. Times: microseconds since 1970, 0 for none.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from zato.common.exception import ConfigError
from zato.common.lock import FileLock
from zato.common.odb.address import ODBAddress

_ODB_STEM: Final = 'zato'
_STEM: Final = 'pubsub'

#: Statements that lead from one version to the next, oldest first. The version is the file's user_version.
_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        'CREATE TABLE ps_state (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, subs INTEGER NOT NULL)',
        'INSERT INTO ps_state (id, seq, subs) VALUES (1, 0, 1)',
        """CREATE TABLE ps_sub (id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, sub_key TEXT NOT NULL UNIQUE,
        is_removed INTEGER NOT NULL DEFAULT 0)""",
        """CREATE TABLE ps_msg (seq INTEGER PRIMARY KEY, msg_id TEXT NOT NULL UNIQUE, topic_id INTEGER NOT NULL,
        priority INTEGER NOT NULL, pub_time INTEGER NOT NULL, expires_at INTEGER NOT NULL, mime TEXT NOT NULL,
        form TEXT NOT NULL, size INTEGER NOT NULL, endpoint_id INTEGER NOT NULL, keep_until INTEGER NOT NULL,
        refs INTEGER NOT NULL, meta TEXT, data BLOB NOT NULL)""",
        'CREATE INDEX ix_ps_msg_kept ON ps_msg (topic_id, seq) WHERE keep_until > 0',
        'CREATE INDEX ix_ps_msg_keep_until ON ps_msg (keep_until) WHERE keep_until > 0',
        """CREATE TABLE ps_queue (sub_id INTEGER NOT NULL, rank INTEGER NOT NULL, seq INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0,
        error TEXT, PRIMARY KEY (sub_id, rank, seq)) WITHOUT ROWID""",
        """CREATE TABLE ps_retry (sub_id INTEGER NOT NULL, due_at INTEGER NOT NULL, rank INTEGER NOT NULL,
        seq INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0, error TEXT,
        PRIMARY KEY (sub_id, due_at, seq)) WITHOUT ROWID""",
        """CREATE TABLE ps_pulled (sub_id INTEGER NOT NULL, seq INTEGER NOT NULL, rank INTEGER NOT NULL,
        attempts INTEGER NOT NULL, lease_id TEXT NOT NULL, until INTEGER NOT NULL,
        PRIMARY KEY (sub_id, seq)) WITHOUT ROWID""",
        'CREATE INDEX ix_ps_pulled_until ON ps_pulled (sub_id, until)',
        """CREATE TABLE ps_dead (sub_id INTEGER NOT NULL, seq INTEGER NOT NULL, rank INTEGER NOT NULL,
        topic_id INTEGER NOT NULL, sub_key TEXT NOT NULL, attempts INTEGER NOT NULL, reason TEXT NOT NULL,
        error TEXT, died_at INTEGER NOT NULL, PRIMARY KEY (sub_id, seq)) WITHOUT ROWID""",
        """CREATE TABLE ps_seen (msg_id TEXT PRIMARY KEY, topic_id INTEGER NOT NULL, digest INTEGER NOT NULL,
        at INTEGER NOT NULL) WITHOUT ROWID""",
        'CREATE INDEX ix_ps_seen_at ON ps_seen (at)',
        """CREATE TABLE ps_stat (topic_id INTEGER NOT NULL, worker_id TEXT NOT NULL, published INTEGER NOT NULL,
        last_time INTEGER NOT NULL, last_msg_id TEXT NOT NULL, last_endpoint_id INTEGER NOT NULL,
        PRIMARY KEY (topic_id, worker_id)) WITHOUT ROWID""",
        'CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch INTEGER NOT NULL, expires DOUBLE NOT NULL)',
    ),
)


def store_address(odb: ODBAddress) -> ODBAddress:
    """Where messages are: `pubsub.db` beside `zato.db`, `<name>-pubsub.db` beside others; PostgreSQL itself."""
    if not odb.is_sqlite:
        return odb
    path = Path(odb.db_name)
    name = f'{_STEM}.db' if path.stem == _ODB_STEM else f'{path.stem}-{_STEM}.db'
    return ODBAddress(engine='sqlite', db_name=str(path.with_name(name)))


def upgrade_sqlite(path: Path) -> None:
    """Make the file, or bring it to the newest version. Raises OSError, sqlite3.Error, ConfigError."""
    lock = FileLock(Path(f'{path}.lock'))
    lock.acquire(blocking=True)
    try:
        if not path.exists():
            path.touch(mode=0o640)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute('PRAGMA journal_mode=WAL').close()
            version = _version_of(connection, path)
            connection.execute('BEGIN IMMEDIATE')
            for step in _STEPS[version:]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f'PRAGMA user_version={len(_STEPS)}')
            connection.execute('COMMIT')
    finally:
        lock.release()


def check_sqlite(path: Path) -> None:
    """Is it there, of the version that this program knows? Raises ConfigError, which names the command to run."""
    if not path.exists():
        raise ConfigError(f'{path}, which messages are published to, is missing; zato odb upgrade makes it')
    try:
        with closing(sqlite3.connect(f'{path.as_uri()}?mode=ro', uri=True)) as connection:
            version = _version_of(connection, path)
    except sqlite3.Error as e:
        raise ConfigError(f'{path}, which messages are published to, cannot be read: {e}') from e
    if version < len(_STEPS):
        text = f'{path} has version {version} of the schema of messages; zato odb upgrade brings it to {len(_STEPS)}'
        raise ConfigError(text)


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute('PRAGMA user_version').fetchone()
    if version > len(_STEPS):
        raise ConfigError(f'{path} has version {version} of the schema of messages, and this program knows {len(_STEPS)}')
    return int(version)
