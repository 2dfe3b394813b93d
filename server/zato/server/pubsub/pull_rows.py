"""The rows that pulling moves about, in one transaction that holds one subscription.

Statements name few rows each, and rows of a queue by their whole key: nothing takes longer because a queue is long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, column, select, table, text

from zato.common.pubsub.dead_letter import Reason
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.store.interface import Row, StoredMessage

_AT_ONCE: Final = 1_000  #: rows that come back to their queue in one transaction
_ERROR: Final = 2_000  #: characters of an error that are kept

_SUB: Final = table('ps_sub', column('id'), column('sub_key'), column('is_removed'))
_FIRST: Final = """SELECT q.rank, q.seq, q.attempts, q.crashes, q.not_before, m.size, m.expires_at
    FROM ps_queue q JOIN ps_msg m ON m.seq = q.seq
    WHERE q.sub_id = :sub_id AND q.not_before <= :now ORDER BY q.rank, q.seq LIMIT :most"""
_HANDED: Final = 'SELECT p.seq, p.rank, p.attempts, m.msg_id, m.topic_id FROM ps_pulled p JOIN ps_msg m ON m.seq = p.seq'
_LATE: Final = f'{_HANDED} WHERE p.sub_id = :sub_id AND p.until <= :now ORDER BY p.rank, p.seq LIMIT {_AT_ONCE}'
_ASIDE: Final = f"""SELECT due_at, seq, rank, attempts, crashes, error FROM ps_retry
    WHERE sub_id = :sub_id AND due_at <= :now ORDER BY due_at, seq LIMIT {_AT_ONCE}"""
_PUT: Final = """INSERT INTO ps_queue (sub_id, rank, seq, attempts, crashes, error)
    VALUES (:sub_id, :rank, :seq, :attempts, :crashes, :error)"""
_PUT_ASIDE: Final = """INSERT INTO ps_retry (sub_id, due_at, rank, seq, attempts, error)
    VALUES (:sub_id, :due_at, :rank, :seq, :attempts, :error)"""
_REMOVE_ASIDE: Final = 'DELETE FROM ps_retry WHERE sub_id = :sub_id AND due_at = :due_at AND seq = :seq'
_HAND_OUT: Final = """INSERT INTO ps_pulled (sub_id, seq, rank, attempts, lease_id, until)
    VALUES (:sub_id, :seq, :rank, :attempts, :lease_id, :until)"""
_BURY: Final = """INSERT INTO ps_dead (sub_id, seq, rank, topic_id, sub_key, attempts, reason, error, died_at)
    VALUES (:sub_id, :seq, :rank, :topic_id, :sub_key, :attempts, :reason, :error, :died_at)"""
_MESSAGES: Final = """SELECT seq, msg_id, topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id,
    keep_until, meta, data FROM ps_msg WHERE """
_BY_ID: Final = text(f'{_HANDED} WHERE m.msg_id IN :msg_ids AND p.sub_id = :sub_id').bindparams(
    bindparam('msg_ids', expanding=True)
)
_BY_LEASE: Final = text(f'{_BY_ID.text} AND p.lease_id = :lease_id').bindparams(bindparam('msg_ids', expanding=True))


class Ready(NamedTuple):
    """The key of a message in the queue, and what is to be known before it is handed out. size: bytes."""

    rank: int
    seq: int
    attempts: int
    crashes: int
    not_before: int
    size: int
    expires_at: int


class Handed(NamedTuple):
    """A message that a client has, or had. attempts: how many have failed."""

    seq: int
    rank: int
    attempts: int
    msg_id: str
    topic_id: int


class Keyed(Protocol):
    """What has the key of a row."""

    @property
    def rank(self) -> int: ...

    @property
    def seq(self) -> int: ...


class PullRows:
    """Those of one subscription. now: when the transaction began, microseconds since 1970."""

    def __init__(self, tables: MessageTables, connection: Connection, sub_id: int) -> None:
        self._tables = tables
        self._connection = connection
        self._sub_id = sub_id
        self._sub_key = ''
        self.now = 0

    def begin(self) -> bool:
        """Wait for one's turn. False if there is no such subscription."""
        query = select(_SUB.c.sub_key).where(_SUB.c.id == self._sub_id, _SUB.c.is_removed == 0)
        found = self._connection.execute(query.with_for_update()).one_or_none()
        if found is None:
            return False
        self._sub_key = found.sub_key
        self.now = self._tables.now(self._connection)
        return True

    def depth(self, most: int) -> int:
        return self._tables.count(self._connection, 'ps_queue', self._sub_id, most)

    # What is ready

    def first(self, most: int) -> list[Ready]:
        return [Ready(*row) for row in self._rows(_FIRST, now=self.now, most=most)]

    def with_messages(self, items: Sequence[Ready]) -> list[Row]:
        """The same rows, with what was published."""
        sql = f'{_MESSAGES} {self._tables.among("seq", "seqs")}'
        found = self._tables.rows(self._connection, sql, seqs=_seqs(items))
        messages = {row.seq: _stored(row) for row in found}
        return [Row(*item[:5], messages[item.seq]) for item in items]

    def remove_ready(self, items: Sequence[Keyed]) -> None:
        """They leave the queue, and nobody has them."""
        self._take_out(items)
        self.release(items)

    def bring_back_due(self) -> None:
        """What waited aside, and has waited long enough, is in the queue again."""
        due = [dict(row._mapping) for row in self._rows(_ASIDE, now=self.now)]
        self._many(_PUT, [{name: value for name, value in row.items() if name != 'due_at'} for row in due])
        self._many(_REMOVE_ASIDE, [{'due_at': row['due_at'], 'seq': row['seq']} for row in due])

    # What clients have

    def hand_out(self, rows: Sequence[Row], lease_id: str, until: int) -> None:
        self._take_out(rows)
        given = {'lease_id': lease_id, 'until': until}
        self._many(_HAND_OUT, [{'seq': row.seq, 'rank': row.rank, 'attempts': row.attempts, **given} for row in rows])

    def handed(self, msg_ids: Sequence[str], lease_id: str) -> list[Handed]:
        """Those that were handed out under a lease, '' for any."""
        if not msg_ids:
            return []
        given: dict[str, Any] = {'sub_id': self._sub_id, 'msg_ids': list(msg_ids)}
        if lease_id:
            given['lease_id'] = lease_id
        return [Handed(*row) for row in self._connection.execute(_BY_LEASE if lease_id else _BY_ID, given)]

    def take_late(self) -> list[Handed]:
        """Those whose leases are over, taken from the clients that had them."""
        late = [Handed(*row) for row in self._rows(_LATE, now=self.now)]
        self.take_back(late)
        return late

    def take_back(self, items: Sequence[Handed]) -> None:
        """No client has them any more."""
        if items:
            sql = f'DELETE FROM ps_pulled WHERE sub_id = :sub_id AND {self._tables.among("seq", "seqs")}'
            self._tables.change(self._connection, sql, sub_id=self._sub_id, seqs=_seqs(items))

    def put_back(self, items: Sequence[Handed], error: str, due: int = 0) -> None:
        """In the queue, or aside until `due`."""
        rows = [{'rank': item.rank, 'seq': item.seq, 'attempts': item.attempts, 'error': error[:_ERROR]} for item in items]
        if due:
            self._many(_PUT_ASIDE, [{**row, 'due_at': due} for row in rows])
        else:
            self._many(_PUT, [{**row, 'crashes': 0} for row in rows])

    def bury(self, items: Sequence[Handed], reason: Reason, error: str) -> None:
        given = {'sub_key': self._sub_key, 'reason': reason, 'error': error[:_ERROR], 'died_at': self.now}
        rows = [
            {'seq': item.seq, 'rank': item.rank, 'topic_id': item.topic_id, 'attempts': item.attempts, **given}
            for item in items
        ]
        self._many(_BURY, rows)

    def release(self, items: Iterable[Keyed]) -> None:
        """They go, unless somebody else has yet to get them."""
        self._tables.release(self._connection, _seqs(items))

    def _take_out(self, items: Sequence[Keyed]) -> None:
        by_rank: dict[int, list[int]] = {}
        for item in items:
            by_rank.setdefault(item.rank, []).append(item.seq)
        sql = f'DELETE FROM ps_queue WHERE sub_id = :sub_id AND rank = :rank AND {self._tables.among("seq", "seqs")}'
        for rank, seqs in by_rank.items():
            self._tables.change(self._connection, sql, sub_id=self._sub_id, rank=rank, seqs=seqs)

    def _rows(self, sql: str, **parameters: Any) -> Sequence[Any]:
        return self._tables.rows(self._connection, sql, sub_id=self._sub_id, **parameters)

    def _many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self._tables.change_many(self._connection, sql, [{'sub_id': self._sub_id, **row} for row in rows])


def _stored(row: Any) -> StoredMessage:
    _, *columns, data = row
    return StoredMessage._make((*columns, bytes(data)))


def late_subscriptions(tables: MessageTables, connection: Connection) -> list[int]:
    """Those of which clients have messages whose leases are over."""
    sql = 'SELECT DISTINCT sub_id FROM ps_pulled WHERE until <= :now ORDER BY sub_id'
    return [row.sub_id for row in tables.rows(connection, sql, now=tables.now(connection))]


def _seqs(items: Iterable[Keyed]) -> list[int]:
    return [item.seq for item in items]
