"""Calls of the ODB that keep nothing else waiting.

SQLite blocks, so its calls run in native threads: writes in one of their own, since each waits there for its turn. The
driver of PostgreSQL waits together with gevent, in a greenlet of its own for each call: were the caller's greenlet killed
in the middle of one, SQLAlchemy would raise another error in place of that, and the greenlet would go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import gevent
from gevent.threadpool import ThreadPool
from sqlalchemy import Connection

from zato.common.odb.database import Database, ODBUnavailable

T = TypeVar('T')

_READERS = 2
_READ_TIMEOUT, _WRITE_TIMEOUT = 10.0, 20.0  #: seconds
_CLOSE_TIMEOUT = 0.5


class ODB:
    """One worker's. Raises ODBUnavailable, also where there is no answer in time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._readers = ThreadPool(_READERS)
        self._writer = ThreadPool(1)

    def read(self, work: Callable[[Connection], T], *, timeout: float = _READ_TIMEOUT) -> T:
        """What `work` returns, in one transaction. timeout: seconds."""

        def run() -> T:
            with self.database.read() as connection:
                return work(connection)

        try:
            return self._run(self._readers, run, timeout)
        except _Late:
            raise ODBUnavailable(msg=f'{self.database.address}: no answer in {timeout:g} s') from None

    def write(self, work: Callable[[Connection], T], *, timeout: float = _WRITE_TIMEOUT) -> T:
        """What `work` returns, once it is committed. timeout: seconds."""
        turn = _Turn()

        def run() -> T:
            with self.database.write(turn.begin) as connection:
                return work(connection)

        try:
            return self._run(self._writer, run, timeout)
        except _Late:
            turn.is_wanted = False
            problem = 'it is not known whether it was written' if turn.has_begun else 'it is locked; nothing was written'
            raise ODBUnavailable(msg=f'{self.database.address}: no answer in {timeout:g} s; {problem}') from None

    def close(self) -> None:
        """A thread that waits for its turn to write ends once it has had it."""
        for pool in (self._readers, self._writer):
            with gevent.Timeout(_CLOSE_TIMEOUT, False):  # type: ignore[arg-type]  # False ends the block without an exception
                pool.kill()
        self.database.close()

    def _run(self, pool: ThreadPool, run: Callable[[], T], timeout: float) -> T:
        limit = gevent.Timeout(timeout)
        try:
            with limit:
                spawn = pool.spawn if self.database.address.is_sqlite else gevent.spawn
                outcome = spawn(_outcome_of, run).get()
        except gevent.Timeout as e:
            if e is not limit:
                raise
            raise _Late from None
        result, error = cast('tuple[T, BaseException | None]', outcome)
        if error is not None:
            raise error
        return result


def _outcome_of(run: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """What it returns or raises: gevent logs all that a native thread raises, as a failure that nobody waits for."""
    try:
        return run(), None
    except BaseException as e:
        return None, e


class _Late(Exception):
    """There was no answer in time"""


class _Turn:
    """A write that waits for its turn. Whether anybody still waits for it is asked when it gets it, in its thread."""

    def __init__(self) -> None:
        self.is_wanted = True
        self.has_begun = False

    def begin(self) -> bool:
        self.has_begun = self.is_wanted
        return self.is_wanted
