"""Brings an ODB to the newest schema, and with it the file beside one in SQLite that messages are in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from zato.common.lock import FileLock
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.odb.schema import current_revision
from zato.common.pubsub.schema import store_address, upgrade_sqlite

_LOCK = 0x7A61746F  #: key of PostgreSQL's advisory lock


def upgrade(address: ODBAddress) -> tuple[str, str]:
    """Run what is missing, all or nothing, one command at a time. Returns the revisions before ('' for none) and after.

    Raises ODBUnavailable, OSError, ConfigError.
    """
    if address.is_sqlite:
        _make_sqlite(Path(address.db_name))
    before, after = _migrate(address)
    if address.is_sqlite:
        path = Path(store_address(address).db_name)
        try:
            upgrade_sqlite(path)
        except sqlite3.Error as e:
            raise ODBUnavailable(msg=f'{path}, which messages are published to, cannot be upgraded: {e}') from e
    return before, after


def _migrate(address: ODBAddress) -> tuple[str, str]:
    database = Database(address, foreign_keys=False)
    try:
        with database.write() as connection:
            if not address.is_sqlite:
                connection.execute(text('SELECT pg_advisory_xact_lock(:key)'), {'key': _LOCK})
            before = current_revision(connection)
            command.upgrade(config(connection), 'head')
            if address.is_sqlite and (rows := connection.execute(text('PRAGMA foreign_key_check')).all()):
                raise RuntimeError(f'{address}: rows refer to what is not there: {rows[:10]}')
            return before, current_revision(connection)
    finally:
        database.close()


def config(connection: Connection) -> Config:
    """Alembic's, for use on this connection."""
    found = Config()
    found.set_main_option('script_location', str(Path(__file__).parent).replace('%', '%%'))
    found.attributes['connection'] = connection
    return found


def _make_sqlite(path: Path) -> None:
    """Connections never create the file, or a wrong path would go unnoticed."""
    lock = FileLock(Path(f'{path}.lock'))
    lock.acquire(blocking=True)
    try:
        if not path.exists():
            path.touch(mode=0o640)
            with closing(sqlite3.connect(path)) as connection:
                connection.execute('PRAGMA journal_mode=WAL').close()
    finally:
        lock.release()
