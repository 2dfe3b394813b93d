"""Messages that are published once more, by those who administer them: to another topic, or at the end of a queue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from zato.common.pubsub.moments import SECOND
from zato.server.pubsub.messages import AT_ONCE, MessageTables
from zato.server.pubsub.store.interface import HIGHEST

_QUEUE: Final = (
    'INSERT INTO ps_queue (sub_id, rank, seq, attempts, crashes, not_before) VALUES (:sub_id, :rank, :seq, 0, 0, 0)'
)
_COPY: Final = """INSERT INTO ps_msg (seq, msg_id, topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id,
        keep_until, refs, meta, data)
    SELECT :seq, :msg_id, :topic_id, priority, :now, expires_at, mime, form, size, endpoint_id, :keep_until, :refs,
        meta, data FROM ps_msg WHERE seq = :old"""


@dataclass(frozen=True, slots=True)
class Destination:
    """A topic. keep_for: seconds that its messages are kept for replay, 0 for not at all."""

    topic_id: int
    keep_for: int


class Copies:
    """new_id: makes IDs of messages. Methods are for transactions that write."""

    def __init__(self, tables: MessageTables, new_id: Callable[[], str]) -> None:
        self._tables = tables
        self._new_id = new_id

    def to_topic(self, connection: Connection, seqs: Sequence[int], to: Destination) -> list[int]:
        """Publish copies of messages, in that order, to all who have subscribed to a topic. Returns these queues."""
        tables = self._tables
        tables.hold_subscriptions(connection)
        sql = 'SELECT id FROM ps_sub WHERE topic_id = :id AND is_removed = 0 ORDER BY id'
        subs = [row.id for row in tables.rows(connection, sql, id=to.topic_id)] or [-to.topic_id]
        ranks = self._ranks(connection, seqs)
        now = tables.now(connection)
        new = dict(zip(seqs, tables.next_seqs(connection, len(seqs)), strict=True))
        shared = {
            'topic_id': to.topic_id,
            'now': now,
            'keep_until': now + to.keep_for * SECOND if to.keep_for else 0,
            'refs': len(subs),
        }
        there = [seq for seq in seqs if seq in ranks]
        tables.change_many(
            connection, _COPY, [{**shared, 'old': seq, 'seq': new[seq], 'msg_id': self._new_id()} for seq in there]
        )
        rows = [{'sub_id': sub_id, 'rank': ranks[seq], 'seq': new[seq]} for sub_id in subs for seq in there]
        tables.change_many(connection, _QUEUE, rows)
        return subs

    def to_end(self, connection: Connection, sub_id: int, seqs: Sequence[int]) -> None:
        """Put messages, of which one row that referred to each has just been removed, at the end of a queue, in that order.

        Each keeps its ID unless others refer to it too.
        """
        tables = self._tables
        tables.hold_messages(connection, seqs)
        ranks = self._ranks(connection, seqs)
        now = tables.now(connection)
        move = 'UPDATE ps_msg SET seq = :seq WHERE seq = :old AND refs = 1 AND keep_until = 0'
        topic = 'SELECT topic_id FROM ps_msg WHERE seq = :old'
        rows = []
        for old, seq in zip(seqs, tables.next_seqs(connection, len(seqs)), strict=True):
            if not tables.change(connection, move, old=old, seq=seq):
                topic_id = tables.value(connection, topic, old=old)
                values = {'topic_id': topic_id, 'now': now, 'keep_until': 0, 'refs': 1, 'msg_id': self._new_id()}
                tables.change_many(connection, _COPY, [{**values, 'old': old, 'seq': seq}])
                tables.release(connection, [old])
            rows.append({'sub_id': sub_id, 'rank': ranks[old], 'seq': seq})
        tables.change_many(connection, _QUEUE, rows)

    def _ranks(self, connection: Connection, seqs: Collection[int]) -> dict[int, int]:
        tables = self._tables
        sql = f'SELECT seq, priority FROM ps_msg WHERE {tables.among("seq", "seqs")}'
        return {row.seq: HIGHEST - row.priority for row in tables.rows(connection, sql, seqs=seqs)}


class Moves:
    """From queues to topics. changed: told which queues are not as they were. All methods raise ODBUnavailable."""

    def __init__(self, tables: MessageTables, copies: Copies, changed: Callable[[Collection[int]], None]) -> None:
        self._tables = tables
        self._copies = copies
        self._changed = changed

    def move(self, sub_id: int, msg_ids: Collection[str], to: Destination, *, is_copy: bool) -> int:
        """Of these messages, those that wait in a queue. Returns how many."""

        def work(connection: Connection) -> tuple[int, list[int]]:
            tables = self._tables
            find = f"""SELECT m.seq FROM ps_msg m JOIN ps_queue q ON q.sub_id = :sub_id AND q.rank = {HIGHEST} - m.priority
                AND q.seq = m.seq WHERE m.msg_id = :id"""
            found = [tables.value(connection, find, sub_id=sub_id, id=id) for id in msg_ids]
            return self._move(connection, sub_id, sorted({seq for seq in found if seq is not None}), to, is_copy=is_copy)

        return self._tell(sub_id, self._tables.write(work))

    def move_all(self, sub_id: int, to: Destination, *, is_copy: bool) -> int:
        """All that wait in a queue now, in the order of delivery. Returns how many."""
        total, after = 0, (-1, -1)
        until = self._tables.read(self._tables.last_seq)  # what is published meanwhile stays, also what is copied there
        find = f"""SELECT rank, seq FROM ps_queue WHERE sub_id = :sub_id AND (rank, seq) > (:rank, :after) AND seq <= :until
            ORDER BY rank, seq LIMIT {AT_ONCE // 5}"""

        def work(connection: Connection) -> tuple[tuple[int, list[int]], tuple[int, int] | None]:
            parameters = {'sub_id': sub_id, 'rank': after[0], 'after': after[1], 'until': until}
            rows = self._tables.rows(connection, find, **parameters)
            if not rows:
                return (0, []), None
            moved = self._move(connection, sub_id, [row.seq for row in rows], to, is_copy=is_copy)
            return moved, (rows[-1].rank, rows[-1].seq)

        while True:
            moved, last = self._tables.write(work)
            if last is None:
                return total
            total += self._tell(sub_id, moved)
            after = last

    def _move(
        self, connection: Connection, sub_id: int, seqs: Sequence[int], to: Destination, *, is_copy: bool
    ) -> tuple[int, list[int]]:
        """How many, and the queues that they are in now."""
        tables = self._tables
        if not is_copy:
            deleted = set(tables.take_from_queue(connection, sub_id, seqs))
            seqs = [seq for seq in seqs if seq in deleted]
        subs = self._copies.to_topic(connection, seqs, to) if seqs else []
        if not is_copy:
            tables.release(connection, seqs)
        return len(seqs), subs

    def _tell(self, sub_id: int, moved: tuple[int, list[int]]) -> int:
        count, subs = moved
        if count:
            self._changed([id for id in (sub_id, *subs) if id > 0])
        return count
