"""The store of messages as a worker's writer has it, with subscriptions and leases, and what must hold in it at any time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text

from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.pubsub.schema import store_address
from zato.server.pubsub.store.interface import (
    Ack,
    Fence,
    Fetch,
    Form,
    Key,
    Operation,
    Publish,
    Row,
    Settle,
    Store,
    StoredMessage,
)
from zato.server.pubsub.store.postgresql import PostgreSQLStore
from zato.server.pubsub.store.sqlite import SQLiteStore

O = TypeVar('O', bound=Operation)  # noqa: E741  # it stands for any operation

TOPIC = 1
ME = 'me'
EPOCH = 3
MEGABYTE = 1024 * 1024

_ROWS = ' UNION ALL '.join(
    f"SELECT '{table}' AS place, sub_id, seq FROM {table}" for table in ('ps_queue', 'ps_retry', 'ps_pulled', 'ps_dead')
)
#: What contradicts itself: each finds nothing.
_CONTRADICTIONS = {
    'refs is not the number of rows that refer to it': f"""SELECT m.seq, m.refs, r.times FROM ps_msg m
        LEFT JOIN (SELECT seq, count(*) AS times FROM ({_ROWS}) every GROUP BY seq) r ON r.seq = m.seq
        WHERE m.refs <> coalesce(r.times, 0)""",
    'nothing refers to it': 'SELECT seq FROM ps_msg WHERE refs <= 0 AND keep_until = 0',
    'there is no such message': f'SELECT r.* FROM ({_ROWS}) r LEFT JOIN ps_msg m ON m.seq = r.seq WHERE m.seq IS NULL',
    'it is twice in one subscription': f"""SELECT sub_id, seq FROM ({_ROWS}) r WHERE place <> 'ps_dead'
        GROUP BY sub_id, seq HAVING count(*) > 1""",
    'nobody is there who it is for': f"""SELECT r.* FROM ({_ROWS}) r LEFT JOIN ps_sub s ON s.id = r.sub_id
        WHERE r.sub_id > 0 AND r.place <> 'ps_dead' AND s.id IS NULL""",
    'it waits for the first subscriber, though there are some': f"""SELECT r.* FROM ({_ROWS}) r
        JOIN ps_sub s ON s.topic_id = -r.sub_id AND s.is_removed = 0 WHERE r.place <> 'ps_dead'""",
}


def open_store(address: ODBAddress) -> Store:
    """address: of the ODB."""
    store = SQLiteStore(Path(store_address(address).db_name)) if address.is_sqlite else PostgreSQLStore(address)
    store.open()
    return store


def check_store(address: ODBAddress) -> None:
    """address: of the ODB. Fails if anything in the store contradicts anything else."""
    with closing(Database(store_address(address))) as database, database.read() as connection:
        if not address.is_sqlite:  # which may believe that a table is as empty as it was
            connection.execute(text('SET LOCAL enable_nestloop = off'))
        for what, query in _CONTRADICTIONS.items():
            found = connection.execute(text(f'{query} LIMIT 5')).all()
            assert not found, f'{what}: {found}'


class Messages:
    """A store over an ODB with its schema. What is settled is so under leases of ME in EPOCH unless a fence is given."""

    def __init__(self, address: ODBAddress) -> None:
        self.address = address
        self.store = open_store(address)
        self._database = Database(store_address(address))
        self._ids = count(1)

    def close(self) -> None:
        self.store.close()
        self._database.close()

    def check(self) -> None:
        check_store(self.address)

    def run(self, sql: str, **parameters: Any) -> list[Any]:
        """In a transaction of its own. Returns the rows, if any."""
        with self._database.write() as connection:
            result = connection.execute(text(sql), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def subscribe(self, *sub_ids: int, topic_id: int = TOPIC) -> None:
        """While nobody else uses the store."""
        for id in sub_ids:
            self.run(
                'INSERT INTO ps_sub (id, topic_id, sub_key) VALUES (:id, :topic, :key)', id=id, topic=topic_id, key=f'k{id}'
            )
            self.lease(id)
        self.run('UPDATE ps_state SET subs = subs + 1')

    def lease(self, sub_id: int, owner: str = ME, epoch: int = EPOCH) -> None:
        self.run('DELETE FROM lease WHERE name = :name', name=f'pubsub:{sub_id}')
        sql = 'INSERT INTO lease (name, owner, epoch, expires) VALUES (:name, :owner, :epoch, 9e9)'
        self.run(sql, name=f'pubsub:{sub_id}', owner=owner, epoch=epoch)

    def message(
        self,
        data: bytes = b'one',
        *,
        msg_id: str = '',
        topic_id: int = TOPIC,
        priority: int = 5,
        form: Form = 't',
        meta: str | None = None,
        keep_until: int = 0,
    ) -> StoredMessage:
        msg_id = msg_id or f'm{next(self._ids)}'
        return StoredMessage(msg_id, topic_id, priority, 1_000, 0, 'text/plain', form, len(data), 5, keep_until, meta, data)

    def carry_out(self, *operations: O) -> tuple[O, ...]:
        """In one turn."""
        assert self.store.commit(lambda: operations) == operations
        return operations

    def publish(self, *messages: StoredMessage) -> Publish:
        """In one operation."""
        (done,) = self.carry_out(Publish(messages or (self.message(),)))
        assert done.error is None, done.error
        return done

    def fetch(
        self, sub_id: int, *, limit: int = 100, size: int = MEGABYTE, now: int = 0, is_fresh: bool = True
    ) -> list[Row]:
        return self.fetched(sub_id, limit=limit, size=size, now=now, is_fresh=is_fresh).rows

    def fetched(self, sub_id: int, **options: Any) -> Fetch:
        (done,) = self.carry_out(Fetch(sub_id, **{'limit': 100, 'size': MEGABYTE, 'now': 0, **options}))
        assert done.error is None, done.error
        return done

    def settle(self, operation: Settle) -> None:
        """It is not lost."""
        self.carry_out(operation)
        assert operation.error is None, operation.error
        assert not operation.is_lost

    def ack(self, sub_id: int, *rows: Row) -> None:
        self.settle(Ack(fence(sub_id), keys(rows)))

    def seqs(self, table: str, sub_id: int) -> list[int]:
        """Of what is in it, in order."""
        return [seq for (seq,) in self.run(f'SELECT seq FROM {table} WHERE sub_id = :id ORDER BY seq', id=sub_id)]

    def stored(self) -> list[str]:
        """IDs of all messages, in order."""
        return [msg_id for (msg_id,) in self.run('SELECT msg_id FROM ps_msg ORDER BY seq')]


def fence(sub_id: int, owner: str = ME, epoch: int = EPOCH) -> Fence:
    return Fence(sub_id, owner, epoch)


def keys(rows: Iterable[Row]) -> list[Key]:
    return [row.key for row in rows]


def ids(rows: Sequence[Row]) -> list[str]:
    return [row.message.msg_id for row in rows]
