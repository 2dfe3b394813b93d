"""Queues of subscriptions and topics for those who look into them and change them by hand.

A queue is named by the ID of its subscription; a topic's own one, where messages wait while nobody has subscribed, by that
of the topic below zero. Pages are found by the key of the last message of the page before, never by counting. What is
changed here a delivery task may have in hand already: it is delivered as it was then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection

from zato.server.pubsub.listed import MESSAGE, PREFIX, Listed, listed
from zato.server.pubsub.messages import AT_ONCE, MessageTables
from zato.server.pubsub.store.interface import HIGHEST

#: Messages that wait to be delivered, that wait aside until they are due, that clients have pulled.
Which = Literal['ready', 'retry', 'pulled']

#: Table, columns of it that tell what is behind what, and what there is of a row.
_TABLES: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    'ready': ('ps_queue', ('rank', 'seq'), 'q.rank, q.attempts, q.crashes, q.not_before, q.error'),
    'retry': ('ps_retry', ('due_at', 'seq'), 'q.due_at, q.rank, q.attempts, q.crashes, q.error'),
    'pulled': ('ps_pulled', ('seq',), 'q.rank, q.attempts, q.lease_id, q.until'),
}

Changed = Callable[[Collection[int]], None]


@dataclass(frozen=True, slots=True)
class Page:
    """next: where the next one begins, () if there is none."""

    messages: Sequence[Listed]
    next: tuple[int, ...]


class Queues:
    """changed: told which queues are not as their delivery tasks know them. All methods raise ODBUnavailable."""

    def __init__(self, tables: MessageTables, changed: Changed) -> None:
        self._tables = tables
        self._changed = changed

    def browse(self, sub_id: int, which: Which, *, after: Sequence[int] = (), limit: int) -> Page:
        """In the order of delivery. after: `next` of the page before."""
        table, keys, columns = _TABLES[which]
        names = ', '.join(keys)
        behind = f'AND ({names}) > ({", ".join(f":k{i}" for i in range(len(keys)))})' if after else ''
        sql = f"""SELECT {MESSAGE}, q.sub_id, {columns} FROM (
            SELECT * FROM {table} WHERE sub_id = :sub_id {behind} ORDER BY {names} LIMIT :limit
            ) q JOIN ps_msg m ON m.seq = q.seq ORDER BY {', '.join(f'q.{name}' for name in keys)}"""
        given = {f'k{i}': value for i, value in enumerate(after)}
        rows = self._tables.read(
            lambda connection: self._tables.rows(connection, sql, sub_id=sub_id, prefix=PREFIX, limit=limit + 1, **given)
        )
        found = [listed(row) for row in rows]
        more = len(found) > limit
        last = found[limit - 1] if more else None
        return Page(found[:limit], tuple(getattr(last, name) for name in keys) if last is not None else ())

    def find(self, msg_id: str, *, most: int, sub_id: int = 0) -> Listed | None:
        """One message. most: bytes of its data. sub_id: the queue that attempts and the like are of, 0 for none."""

        def work(connection: Connection) -> Listed | None:
            tables = self._tables
            sql = f'SELECT {MESSAGE} FROM ps_msg m WHERE m.msg_id = :msg_id'
            rows = tables.rows(connection, sql, msg_id=msg_id, prefix=most)
            if not rows or not sub_id:
                return listed(rows[0]) if rows else None
            for table, _, columns in _TABLES.values():
                in_rank = f' AND q.rank = {HIGHEST} - m.priority' if table == 'ps_queue' else ''
                sql = f"""SELECT {MESSAGE}, q.sub_id, {columns} FROM ps_msg m
                    JOIN {table} q ON q.sub_id = :sub_id AND q.seq = m.seq{in_rank} WHERE m.seq = :seq"""
                found = tables.rows(connection, sql, sub_id=sub_id, seq=rows[0].seq, prefix=most)
                if found:
                    return listed(found[0])
            return listed(rows[0])

        return self._tables.read(work)

    def published(self, topic_id: int, *, after: int, limit: int) -> tuple[list[Listed], int]:
        """What there still is of a topic, from the first message after `after` on, and the last seq that any message has."""

        def work(connection: Connection) -> tuple[list[Listed], int]:
            tables = self._tables
            last = tables.last_seq(connection)
            sql = f"""SELECT {MESSAGE} FROM ps_msg m
                WHERE m.topic_id = :topic_id AND m.seq > :after ORDER BY m.seq LIMIT :limit"""
            rows = tables.rows(connection, sql, topic_id=topic_id, after=after, limit=limit, prefix=PREFIX)
            return [listed(row) for row in rows], last

        return self._tables.read(work)

    def delete(self, sub_id: int, msg_ids: Collection[str]) -> int:
        """Of these messages, those that are in the queue, or wait aside, or were pulled. Returns how many."""

        def work(connection: Connection) -> int:
            seqs = self._seqs_of(connection, msg_ids)
            return sum(self._delete_these(connection, table, sub_id, seqs) for table, _, _ in _TABLES.values())

        deleted = self._tables.write(work)
        self._tell(sub_id, deleted)
        return deleted

    def clear(self, sub_id: int) -> int:
        """All that waits there, but for what clients have pulled. Returns how many there were."""
        total = 0
        for which in ('ready', 'retry'):
            table, keys, _ = _TABLES[which]
            while deleted := self._tables.write(self._delete_some, table, keys, sub_id):
                total += deleted
                self._tell(sub_id, deleted)
        return total

    def edit(self, msg_id: str, *, priority: int | None = None, **values: Any) -> Collection[int]:
        """Change a message in all queues that have it, which are returned. values: columns of ps_msg."""

        def work(connection: Connection) -> set[int]:
            tables = self._tables
            sql = 'SELECT seq, topic_id, priority FROM ps_msg WHERE msg_id = :msg_id'
            found = tables.rows(connection, sql, msg_id=msg_id)
            if not found:
                return set()
            (message,) = found
            tables.hold_messages(connection, [message.seq])
            given = {**values, **({} if priority is None else {'priority': priority})}
            columns = ', '.join(f'{name} = :{name}' for name in given)
            tables.change(connection, f'UPDATE ps_msg SET {columns} WHERE seq = :seq', seq=message.seq, **given)
            sql = 'SELECT id FROM ps_sub WHERE topic_id = :topic_id'
            subs = {row.id for row in tables.rows(connection, sql, topic_id=message.topic_id)} | {-message.topic_id}
            if priority is not None:
                self._rank(connection, subs, message.seq, (HIGHEST - message.priority, HIGHEST - priority))
            return subs

        subs = self._tables.write(work)
        if subs:
            self._changed(subs)
        return subs

    def _rank(self, connection: Connection, subs: Collection[int], seq: int, ranks: tuple[int, int]) -> None:
        """Its new place in the order, in all queues that have it."""
        these = f'{self._tables.among("sub_id", "subs")} AND seq = :seq'
        old, new = ranks
        for table in ('ps_queue', 'ps_retry', 'ps_pulled', 'ps_dead'):
            of_rank = f'UPDATE {table} SET rank = :new WHERE {these} AND rank = :old'
            self._tables.change(connection, of_rank, subs=subs, seq=seq, old=old, new=new)

    def _seqs_of(self, connection: Connection, msg_ids: Collection[str]) -> list[int]:
        sql = 'SELECT seq FROM ps_msg WHERE msg_id = :id'
        found = (self._tables.value(connection, sql, id=id) for id in dict.fromkeys(msg_ids))
        return [seq for seq in found if seq is not None]

    def _delete_these(self, connection: Connection, table: str, sub_id: int, seqs: Collection[int]) -> int:
        tables = self._tables
        if table == 'ps_queue':
            deleted = tables.take_from_queue(connection, sub_id, seqs)
        else:
            sql = f'DELETE FROM {table} WHERE sub_id = :sub_id AND {tables.among("seq", "seqs")} RETURNING seq'
            deleted = [row.seq for row in tables.rows(connection, sql, sub_id=sub_id, seqs=seqs)]
        self._tables.release(connection, deleted)
        return len(deleted)

    def _delete_some(self, connection: Connection, table: str, keys: Sequence[str], sub_id: int) -> int:
        names = ', '.join(keys)
        sql = f"""DELETE FROM {table} WHERE sub_id = :sub_id AND ({names}) IN (
            SELECT {names} FROM {table} WHERE sub_id = :sub_id ORDER BY {names} LIMIT {AT_ONCE}) RETURNING seq"""
        deleted = [row.seq for row in self._tables.rows(connection, sql, sub_id=sub_id)]
        self._tables.release(connection, deleted)
        return len(deleted)

    def _tell(self, sub_id: int, deleted: int) -> None:
        if deleted and sub_id > 0:
            self._changed([sub_id])
