"""Transactions on the ODB. Calls block; a server makes them where that does no harm.

SQLite: writers take turns by a lock on a file beside the database, since SQLite's own waiting starves some of them, and
begin with BEGIN IMMEDIATE: SQLAlchemy's default transactions lose updates there without an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Double, Engine, create_engine, event, func, literal_column
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement

from zato.common.exception import ZatoException
from zato.common.lock import FileLock
from zato.common.odb.address import ODBAddress

_CONNECT_TIMEOUT = 5  #: seconds
_BUSY_TIMEOUT = 5_000  #: milliseconds that SQLite waits for what is not ours, such as somebody's shell
#: How connections to PostgreSQL notice that it is gone, or that somebody holds what they wait for.
POSTGRESQL = {
    'connect_timeout': _CONNECT_TIMEOUT,
    'keepalives_idle': 10,
    'tcp_user_timeout': 15_000,
    'options': '-c lock_timeout=10s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s',
    'application_name': 'zato',
}
_WRITES = 'zato_writes'


class ODBUnavailable(ZatoException):
    """The ODB did not answer. Nothing was written, unless the text says that this is not known"""

    status = 503
    retryable = True


class Database:
    """One pool of connections. Make it after a fork."""

    def __init__(self, address: ODBAddress, *, foreign_keys: bool = True) -> None:
        self.address = address
        self._engine = _make_engine(address)
        if address.is_sqlite and not foreign_keys:
            event.listen(
                self._engine, 'connect', lambda connection, _: connection.execute('PRAGMA foreign_keys=OFF').close()
            )
        self._lock_path = Path(f'{address.db_name}.lock') if address.is_sqlite else None

    @property
    def now(self) -> ColumnElement[float]:
        """The database's own clock in a statement: seconds since 1970, UTC."""
        if self.address.is_sqlite:
            return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Double())
        return func.extract('epoch', func.clock_timestamp()).cast(Double())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees the database as it is at its first statement. Raises ODBUnavailable."""
        with self._errors('reading'), self._engine.connect() as connection:
            if not self.address.is_sqlite:
                connection = connection.execution_options(isolation_level='REPEATABLE READ', postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, is_wanted: Callable[[], bool] = lambda: True) -> Iterator[Connection]:
        """A transaction that is committed at the end of the block, rolled back if the block raises.

        is_wanted: asked once it is this writer's turn; whoever waited for it may have given up. Raises ODBUnavailable.
        """
        with self._errors('writing'), self._turn():
            if not is_wanted():
                raise ODBUnavailable(msg=f'{self.address}: nobody waits for this any more; nothing was written')
            with self._engine.connect() as connection:
                connection = connection.execution_options(**{_WRITES: True})
                with self._commit(connection):
                    yield connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._lock_path is None:
            yield
            return
        lock = FileLock(self._lock_path)
        try:
            lock.acquire(blocking=True)
        except OSError as e:
            raise ODBUnavailable(msg=f'{self._lock_path} cannot be locked: {e.strerror or e}; nothing was written') from e
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _commit(self, connection: Connection) -> Iterator[None]:
        transaction = connection.begin()
        try:
            yield
        except BaseException:
            try:
                transaction.rollback()
            except SQLAlchemyError:
                pass  # the connection is lost, and with it the transaction
            raise
        try:
            transaction.commit()
        except DBAPIError as e:
            if self.address.is_sqlite or not e.connection_invalidated:
                raise
            raise ODBUnavailable(
                msg=f'{self.address}: the connection was lost during the commit; it is not known whether it was written'
            ) from e

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as e:
            raise ODBUnavailable(msg=f'{self.address}: {doing} failed: {_reason(e)}{_advice(self.address, e)}') from e


def _make_engine(address: ODBAddress) -> Engine:
    if not address.is_sqlite:
        return create_engine(
            address.url,
            hide_parameters=True,
            pool_size=4,
            max_overflow=4,
            pool_timeout=10,
            pool_pre_ping=True,
            connect_args=POSTGRESQL,
        )
    engine = create_engine(
        address.url,
        hide_parameters=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=10,
        connect_args={'isolation_level': None, 'check_same_thread': False, 'timeout': _BUSY_TIMEOUT / 1_000},
    )
    event.listen(engine, 'connect', _set_up_sqlite)
    event.listen(engine, 'begin', _begin_sqlite)
    _watch_file(engine, address.db_name)
    return engine


def _watch_file(engine: Engine, path: str) -> None:
    """No connection is used once its file is no longer the one of that name: what it wrote there would be lost."""

    def identity() -> tuple[int, int] | None:
        try:
            status = os.stat(path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def connected(connection: Any, record: Any) -> None:
        record.info['file'] = identity()

    def taken(connection: Any, record: Any, proxy: Any) -> None:
        if record.info['file'] != identity():
            raise DisconnectionError('the file has been moved or replaced')

    event.listen(engine, 'connect', connected)
    event.listen(engine, 'checkout', taken)


def _set_up_sqlite(connection: Any, record: Any) -> None:
    for pragma in ('journal_mode=WAL', 'synchronous=FULL', 'foreign_keys=ON', f'busy_timeout={_BUSY_TIMEOUT}'):
        connection.execute(f'PRAGMA {pragma}').close()


def _begin_sqlite(connection: Connection) -> None:
    is_write = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql('BEGIN IMMEDIATE' if is_write else 'BEGIN')


def _reason(e: SQLAlchemyError) -> str:
    text = str(e.orig if isinstance(e, DBAPIError) else e).strip()
    return ' '.join(text.split()) or type(e).__name__


def _advice(address: ODBAddress, e: SQLAlchemyError) -> str:
    """What to do about the common reasons."""
    text = _reason(e)
    if address.is_sqlite:
        if 'unable to open' in text:
            reason = 'the file is missing' if not Path(address.db_name).exists() else 'the file or its directory is not ours'
            return f' ({reason}; zato create odb makes a new one)'
        if 'locked' in text:
            return ' (another program holds it; close that program)'
        if 'full' in text:
            return ' (free some disk space)'
    if 'no such table' in text or 'does not exist' in text:
        return ' (zato create odb creates what is in it)'
    return ''
