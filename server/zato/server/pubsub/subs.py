"""Who has subscribed, as those who publish read it: rows of ps_sub, and what becomes of queues when they come and go.

The ODB says first who has subscribed. Everything here may be done again, by several workers at once too, and after it was
cut off in the middle: it goes on from where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection

from zato.server.pubsub.lease_names import lease_name
from zato.server.pubsub.messages import AT_ONCE, MessageTables

#: Values of is_removed. Who joins takes over what waits in the topic's own queue and is not published to before that.
_SUBSCRIBED: Final = 0
_LEAVING: Final = 1
_JOINING: Final = 2

_COLUMNS: Final = 'id, topic_id, sub_key'
_GROWN: Final = 'UPDATE ps_state SET subs = subs + 1 WHERE id = 1'
_QUEUES: Final = ('ps_queue', 'ps_retry')
_GONE: Final = 'The subscription was deleted'
_TOPIC_GONE: Final = 'The topic was deleted'

#: Of a table: what tells its rows apart besides the subscription, in the order of delivery.
_KEYS: Final = {'ps_queue': 'rank, seq', 'ps_retry': 'due_at, seq', 'ps_pulled': 'seq'}


class SubRow(NamedTuple):
    """A row of ps_sub."""

    id: int
    topic_id: int
    sub_key: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found that the ODB does not have any more."""

    subscriptions: Sequence[int]
    topics: Sequence[int]


def _nobody(row: SubRow) -> None:
    """Whoever does not want to know."""


class SubscriptionRows:
    """joined, left: told of each subscription that is new or gone, once in the cluster: by the worker whose write it was.

    All methods raise ODBUnavailable.
    """

    def __init__(
        self,
        tables: MessageTables,
        joined: Callable[[SubRow], None] = _nobody,
        left: Callable[[SubRow], None] = _nobody,
    ) -> None:
        self._tables = tables
        self._joined = joined
        self._left = left

    def ensure(self, subs: Collection[SubRow]) -> list[int]:
        """Messages that are published from now on are queued for them. Returns those for whom that is new.

        The first one of a topic, by ID, takes over what waits in the topic's own queue.
        """
        known = self._tables.read(self._states, subs)
        missing = sorted(sub for sub in subs if known.get(sub.id, _JOINING) == _JOINING)
        late = missing
        while late:
            late, new = self._tables.write(self._join, late)
            for row in new:
                self._joined(row)
        return [sub.id for sub in missing]

    def remove(self, sub_id: int) -> int:
        """Nothing is queued for it any more, and what was not delivered becomes dead letters. Returns how many."""
        tables = self._tables
        leave = 'UPDATE ps_sub SET is_removed = :leaving WHERE id = :id AND is_removed <> :leaving'
        if not tables.write(self._set, leave, id=sub_id, leaving=_LEAVING):
            known = 'SELECT 1 FROM ps_sub WHERE id = :id'
            if not tables.read(tables.value, known, id=sub_id):
                return 0
        total = self._bury_all(sub_id, _GONE)
        buried, gone = tables.write(self._forget, sub_id)
        for row in gone:
            self._left(row)
        return total + buried

    def remove_topic(self, topic_id: int) -> int:
        """What waits in its own queue becomes dead letters; what is known of it goes. Returns how many."""
        tables = self._tables
        buried = self._bury_all(-topic_id, _TOPIC_GONE)
        tables.write(tables.change, 'DELETE FROM ps_stat WHERE topic_id = :id', id=topic_id)
        while tables.write(self._no_longer_kept, topic_id) == AT_ONCE:
            pass
        return buried

    def _no_longer_kept(self, connection: Connection, topic_id: int) -> int:
        tables = self._tables
        kept = f'SELECT seq FROM ps_msg WHERE topic_id = :id AND keep_until > 1 ORDER BY seq LIMIT {AT_ONCE}'
        seqs = [row.seq for row in tables.rows(connection, kept, id=topic_id)]
        return tables.change(connection, f'UPDATE ps_msg SET keep_until = 1 WHERE {tables.among("seq", "seqs")}', seqs=seqs)

    def reconcile(self, existing: Callable[[Collection[int]], Collection[int]]) -> Reconciled:
        """Remove what the ODB does not have any more: subscriptions, and own queues of topics.

        existing: which of the IDs there are objects of in the ODB. It is asked after the rows were read, since objects are
        in the ODB before there are rows.
        """
        subs, topics = self._tables.read(self._known)
        there = set(existing({*subs, *topics})) if subs or topics else set[int]()
        gone = Reconciled([id for id in subs if id not in there], [id for id in topics if id not in there])
        for sub_id in gone.subscriptions:
            self.remove(sub_id)
        for topic_id in gone.topics:
            self.remove_topic(topic_id)
        return gone

    # Joining

    def _states(self, connection: Connection, subs: Iterable[SubRow]) -> dict[int, int]:
        sql = f'SELECT id, is_removed FROM ps_sub WHERE {self._tables.among("id", "ids")}'
        rows = self._tables.rows(connection, sql, ids=[sub.id for sub in subs])
        return {row.id: row.is_removed for row in rows}

    def _join(self, connection: Connection, subs: Sequence[SubRow]) -> tuple[list[SubRow], list[SubRow]]:
        """A part of it. Returns those that have not subscribed yet, as there is more to take over, and those that have."""
        tables = self._tables
        tables.hold_subscriptions(connection)
        insert = f"""INSERT INTO ps_sub (id, topic_id, sub_key, is_removed)
            VALUES (:id, :topic_id, :sub_key, {_JOINING}) ON CONFLICT (id) DO NOTHING"""
        tables.change_many(connection, insert, [sub._asdict() for sub in subs])
        left, late = AT_ONCE, list[SubRow]()
        joined = list[int]()
        for topic_id, ids in _by_topic(subs).items():
            if not self._has_subscribers(connection, topic_id):
                left -= self._take_over(connection, -topic_id, ids[0], left)
            if left > 0:
                joined += ids
            else:
                late += [sub for sub in subs if sub.topic_id == topic_id]
        join = f"""UPDATE ps_sub SET is_removed = {_SUBSCRIBED}
            WHERE {tables.among('id', 'ids')} AND is_removed = {_JOINING} RETURNING {_COLUMNS}"""
        new = [SubRow._make(row) for row in tables.rows(connection, join, ids=joined)]
        if new:
            tables.change(connection, _GROWN)
        return late, new

    def _has_subscribers(self, connection: Connection, topic_id: int) -> bool:
        sql = f'SELECT 1 FROM ps_sub WHERE topic_id = :id AND is_removed = {_SUBSCRIBED} LIMIT 1'
        return bool(self._tables.value(connection, sql, id=topic_id))

    def _take_over(self, connection: Connection, source: int, sub_id: int, limit: int) -> int:
        """How many rows; fewer than `limit` if that was all."""
        taken = 0
        for table in _QUEUES:
            if taken < limit:
                these, last = self._first(connection, table, source, limit - taken)
                sql = f'UPDATE {table} SET sub_id = :sub_id WHERE {these}'
                taken += self._tables.change(connection, sql, source=source, sub_id=sub_id, **last)
        return taken

    def _first(self, connection: Connection, table: str, source: int, limit: int) -> tuple[str, dict[str, int]]:
        """What tells the first rows of a queue, `source`, apart from the others, and its parameters: a range of keys.

        A subquery with a limit may be carried out anew for each row of the queue, where PostgreSQL does not know yet how
        many there are.
        """
        keys = _KEYS[table].split(', ')
        order = ', '.join(keys)
        find = f'SELECT {order} FROM {table} WHERE sub_id = :source ORDER BY {order} LIMIT 1 OFFSET :before'
        found = self._tables.rows(connection, find, source=source, before=limit - 1)
        if not found:
            return 'sub_id = :source', {}
        last = {f'last_{key}': value for key, value in zip(keys, found[0], strict=True)}
        return f'sub_id = :source AND ({order}) <= ({", ".join(f":{name}" for name in last)})', last

    def _set(self, connection: Connection, sql: str, /, **parameters: object) -> int:
        """A change of ps_sub that those who publish are to see."""
        tables = self._tables
        tables.hold_subscriptions(connection)
        changed = tables.change(connection, sql, **parameters)
        if changed:
            tables.change(connection, _GROWN)
        return changed

    # Leaving

    def _bury_all(self, sub_id: int, why: str) -> int:
        total = 0
        while buried := self._tables.write(self._bury_some, sub_id, why):
            total += buried
        return total

    def _bury_some(self, connection: Connection, sub_id: int, why: str) -> int:
        """In the order of delivery, so that dead letters have it too if this is cut off."""
        return sum(self._bury(connection, table, sub_id, why) for table in _KEYS)

    def _bury(self, connection: Connection, table: str, sub_id: int, why: str) -> int:
        tables = self._tables
        error = 'NULL' if table == 'ps_pulled' else 'error'
        these, last = self._first(connection, table, sub_id, AT_ONCE)
        sql = f'DELETE FROM {table} WHERE {these} RETURNING seq, rank, attempts, {error} AS error'
        taken = tables.rows(connection, sql, source=sub_id, **last)
        if taken:
            died_at = tables.now(connection)
            tables.change_many(
                connection,
                """INSERT INTO ps_dead (sub_id, seq, rank, topic_id, sub_key, attempts, reason, error, died_at)
                SELECT :sub_id, m.seq, :rank, m.topic_id,
                    coalesce((SELECT sub_key FROM ps_sub WHERE id = :sub_id), ''), :attempts, 'deleted-sub', :error, :died_at
                FROM ps_msg m WHERE m.seq = :seq""",
                [{**row._mapping, 'error': row.error or why, 'sub_id': sub_id, 'died_at': died_at} for row in taken],
            )
        return len(taken)

    def _forget(self, connection: Connection, sub_id: int) -> tuple[int, list[SubRow]]:
        """Its delivery task may have moved rows meanwhile: how many of them became dead letters; the row that is gone."""
        tables = self._tables
        tables.hold_subscriptions(connection)
        buried = 0
        while some := self._bury_some(connection, sub_id, _GONE):
            buried += some
        forget = f'DELETE FROM ps_sub WHERE id = :id AND is_removed = {_LEAVING} RETURNING {_COLUMNS}'
        gone = [SubRow._make(row) for row in tables.rows(connection, forget, id=sub_id)]
        tables.change(connection, 'DELETE FROM lease WHERE name = :name', name=lease_name(sub_id))
        return buried, gone

    def _known(self, connection: Connection) -> tuple[list[int], list[int]]:
        """Subscriptions, and topics whose own queue has something."""
        tables = self._tables
        subs = [row.id for row in tables.rows(connection, 'SELECT id FROM ps_sub ORDER BY id')]
        topics = set[int]()
        for table in _QUEUES:
            topics.update(-row.sub_id for row in tables.rows(connection, own_queues(table)))
        return subs, sorted(topics)


def own_queues(table: str) -> str:
    """SQL: the sub_ids below 0 that a table has rows of, by looking just once at each."""
    return f"""WITH RECURSIVE found(sub_id) AS (
        SELECT (SELECT min(sub_id) FROM {table} WHERE sub_id < 0)
        UNION ALL SELECT (SELECT min(t.sub_id) FROM {table} t WHERE t.sub_id > f.sub_id AND t.sub_id < 0)
            FROM found f WHERE f.sub_id IS NOT NULL
    ) SELECT sub_id FROM found WHERE sub_id IS NOT NULL"""


def _by_topic(subs: Iterable[SubRow]) -> dict[int, list[int]]:
    """IDs of subscriptions, in order."""
    found: dict[int, list[int]] = {}
    for sub in sorted(subs):
        found.setdefault(sub.topic_id, []).append(sub.id)
    return found
