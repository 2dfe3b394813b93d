"""Messages that a topic kept after they were delivered, put once more into the queue of a subscription."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import Connection

from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.store.interface import HIGHEST

_AT_ONCE: Final = 1_000


class Replay:
    """changed: told which queues have something that they had not. All methods raise ODBUnavailable."""

    def __init__(self, tables: MessageTables, changed: Callable[[Collection[int]], None]) -> None:
        self._tables = tables
        self._changed = changed

    def reset(self, sub_id: int, topic_id: int, *, seq: int = 0, time: int = 0) -> int:
        """Deliver anew what was published from a seq, or a time, on. Returns how many messages that is.

        time: microseconds since 1970. Not what expired meanwhile, and not what the subscription has in its queue still, or
        among its dead letters.
        """
        total, after = 0, seq - 1
        until = self._tables.read(self._tables.last_seq)
        while step := self._tables.write(self._step, sub_id, topic_id, (after, until), time):
            after, added = step
            total += added
            if added:
                self._changed([sub_id])
        return total

    def _step(
        self, connection: Connection, sub_id: int, topic_id: int, within: tuple[int, int], time: int
    ) -> tuple[int, int] | None:
        """The last message that was looked at and how many were put there; None if there is nothing more to look at."""
        tables = self._tables
        tables.hold_subscriptions(connection)
        if not tables.is_subscribed(connection, sub_id):
            return None
        after, until = within
        kept = tables.rows(
            connection,
            f"""SELECT seq, pub_time, expires_at FROM ps_msg WHERE topic_id = :topic_id AND keep_until > 0
            AND seq > :after AND seq <= :until ORDER BY seq LIMIT {_AT_ONCE}""",
            topic_id=topic_id,
            after=after,
            until=until,
        )
        if not kept:
            return None
        now = tables.now(connection)
        wanted = [row.seq for row in kept if row.pub_time >= time and not 0 < row.expires_at <= now]
        return kept[-1].seq, self._add(connection, sub_id, wanted)

    def _add(self, connection: Connection, sub_id: int, seqs: Collection[int]) -> int:
        tables = self._tables
        tables.hold_queue(connection, sub_id)
        tables.hold_messages(connection, seqs)
        these = tables.among('m.seq', 'seqs')
        elsewhere = ' '.join(
            f'AND m.seq NOT IN (SELECT seq FROM {table} WHERE sub_id = :sub_id)'
            for table in ('ps_retry', 'ps_pulled', 'ps_dead')
        )
        sql = f"""INSERT INTO ps_queue (sub_id, rank, seq, attempts, crashes, not_before)
            SELECT :sub_id, {HIGHEST} - m.priority, m.seq, 0, 0, 0 FROM ps_msg m WHERE {these} {elsewhere}
            ON CONFLICT (sub_id, rank, seq) DO NOTHING RETURNING seq"""
        added = [row.seq for row in tables.rows(connection, sql, sub_id=sub_id, seqs=seqs)]
        tables.refer(connection, added)
        return len(added)
