"""The tables of messages for all that is not on the hot path: SQL that both databases understand, and how they differ.

Statements are text with named parameters; lists of numbers are one parameter, however many there are.
Invariant that whoever writes keeps: `refs` of a message is the number of rows of queues, of what waits aside, was pulled or
is dead that refer to it, and a message that is not kept for replay goes with the last of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Row, select, text

from zato.common.odb.database import ODBUnavailable
from zato.common.pubsub.moments import SECOND
from zato.server.propagate.odb import ODB
from zato.server.pubsub.lease_names import lease_name
from zato.server.pubsub.store.interface import RANKS
from zato.server.pubsub.store.subscription_lock import HOLD_ALONE

P = ParamSpec('P')
T = TypeVar('T')

AT_ONCE: Final = 2_000  #: rows that one transaction moves or deletes: whoever publishes waits meanwhile

_RANKS: Final = ', '.join(map(str, RANKS))
_DEADLOCK: Final = '40P01'
_ATTEMPTS: Final = 4


class MessageTables:
    """One worker's. odb: over the database in which the messages are."""

    def __init__(self, odb: ODB) -> None:
        self.odb = odb
        self._is_sqlite = odb.database.address.is_sqlite

    def read(self, work: Callable[Concatenate[Connection, P], T], *given: P.args, **named: P.kwargs) -> T:
        """What `work` returns, in one transaction. given, named: its other arguments. Raises ODBUnavailable."""
        return self.odb.read(lambda connection: work(connection, *given, **named))

    def write(self, work: Callable[Concatenate[Connection, P], T], *given: P.args, **named: P.kwargs) -> T:
        """The same once it is committed. It is done again after a deadlock. Raises ODBUnavailable."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self.odb.write(lambda connection: work(connection, *given, **named))
            except ODBUnavailable as e:
                if not _is_deadlock(e):
                    raise
        return self.odb.write(lambda connection: work(connection, *given, **named))

    def rows(self, connection: Connection, sql: str, /, **parameters: Any) -> Sequence[Row[Any]]:
        """All rows. Parameters that are lists of numbers are for `among`."""
        return connection.execute(text(sql), self._parameters(parameters)).all()

    def value(self, connection: Connection, sql: str, /, **parameters: Any) -> Any:
        """The first column of the first row, None without one."""
        return connection.execute(text(sql), self._parameters(parameters)).scalar()

    def change(self, connection: Connection, sql: str, /, **parameters: Any) -> int:
        """How many rows it was."""
        return connection.execute(text(sql), self._parameters(parameters)).rowcount

    def change_many(self, connection: Connection, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            connection.execute(text(sql), rows)

    def among(self, column: str, parameter: str) -> str:
        """The condition that a column is one of the numbers of a parameter."""
        if self._is_sqlite:
            return f'{column} IN (SELECT value FROM json_each(:{parameter}))'
        return f'{column} = ANY(CAST(:{parameter} AS BIGINT[]))'

    def now(self, connection: Connection) -> int:
        """Microseconds since 1970 by the database's clock."""
        return int(connection.execute(select(self.odb.database.now)).scalar_one() * SECOND)

    # What several of those that write do

    def hold_subscriptions(self, connection: Connection) -> None:
        """Until the transaction ends nobody else subscribes, unsubscribes or publishes."""
        if not self._is_sqlite:
            connection.execute(text(HOLD_ALONE))

    def hold_queue(self, connection: Connection, sub_id: int) -> None:
        """Until the transaction ends nobody else says what becomes of messages of a subscription."""
        if not self._is_sqlite:
            self.rows(connection, 'SELECT id FROM ps_sub WHERE id = :id FOR UPDATE', id=sub_id)
            self.rows(connection, 'SELECT name FROM lease WHERE name = :name FOR UPDATE', name=lease_name(sub_id))

    def next_seqs(self, connection: Connection, count: int) -> list[int]:
        """Of messages that are published in this transaction, in order."""
        if self._is_sqlite:
            last = self.value(connection, 'UPDATE ps_state SET seq = seq + :count WHERE id = 1 RETURNING seq', count=count)
            return list(range(last - count + 1, last + 1))
        rows = self.rows(connection, "SELECT nextval('ps_seq') FROM generate_series(1, :count)", count=count)
        return sorted(row[0] for row in rows)

    def last_seq(self, connection: Connection) -> int:
        """The highest that was given."""
        of_sqlite, of_postgresql = 'SELECT seq FROM ps_state WHERE id = 1', 'SELECT last_value FROM ps_seq'
        return int(self.value(connection, of_sqlite if self._is_sqlite else of_postgresql))

    def is_subscribed(self, connection: Connection, sub_id: int) -> bool:
        """Is there such a subscription, and is it not about to go?"""
        sql = 'SELECT 1 FROM ps_sub WHERE id = :id AND is_removed = 0'
        return bool(self.value(connection, sql, id=sub_id))

    def count(self, connection: Connection, table: str, sub_id: int, most: int) -> int:
        """How many rows a queue has in a table, `most` at most."""
        sql = f'SELECT count(*) FROM (SELECT 1 FROM {table} WHERE sub_id = :sub_id LIMIT :most) counted'
        return int(self.value(connection, sql, sub_id=sub_id, most=most))

    def take_from_queue(self, connection: Connection, sub_id: int, seqs: Collection[int]) -> list[int]:
        """Of these messages, those that were ready in a queue, which they are no more: they are still referred to.

        Every rank is named, so that rows are found by their whole key, however long the queue is.
        """
        these = f'sub_id = :sub_id AND rank IN ({_RANKS}) AND {self.among("seq", "seqs")}'
        sql = f'DELETE FROM ps_queue WHERE {these} RETURNING seq'
        return [row.seq for row in self.rows(connection, sql, sub_id=sub_id, seqs=seqs)]

    def release(self, connection: Connection, seqs: Collection[int]) -> None:
        """One row that referred to each of these messages was removed."""
        if not seqs:
            return
        these = self.among('seq', 'seqs')
        self.hold_messages(connection, seqs)
        self.change(connection, f'DELETE FROM ps_msg WHERE {these} AND refs <= 1 AND keep_until = 0', seqs=seqs)
        self.change(connection, f'UPDATE ps_msg SET refs = refs - 1 WHERE {these}', seqs=seqs)

    def refer(self, connection: Connection, seqs: Collection[int]) -> None:
        """One row that refers to each of these messages was added."""
        self.change(connection, f'UPDATE ps_msg SET refs = refs + 1 WHERE {self.among("seq", "seqs")}', seqs=seqs)

    def hold_messages(self, connection: Connection, seqs: Collection[int]) -> None:
        """Nobody else changes them until the transaction ends. In one order, so that two never wait for each other."""
        if not self._is_sqlite:
            sql = f'SELECT seq FROM ps_msg WHERE {self.among("seq", "seqs")} ORDER BY seq FOR UPDATE'
            self.rows(connection, sql, seqs=seqs)

    def _parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._numbers(value) if _is_list(value) else value for name, value in given.items()}

    def _numbers(self, values: Iterable[int]) -> Any:
        return json.dumps(list(values)) if self._is_sqlite else list(values)


def _is_list(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes)


def _is_deadlock(e: ODBUnavailable) -> bool:
    return getattr(getattr(e.__cause__, 'orig', None), 'sqlstate', '') == _DEADLOCK
