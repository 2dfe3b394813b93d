"""What is removed in the background, by one worker of the cluster: what was kept long enough, and what nobody waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row

from zato.common.pubsub.moments import SECOND
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.subs import own_queues

logger = logging.getLogger('zato.pubsub')

_AT_ONCE: Final = 500  #: rows of one transaction
_LOOKED_AT: Final = 20_000  #: rows of queues in one sweep, to find what has expired
_KEEP_SEEN: Final = 86_400 * SECOND
_MERGED: Final = ''  #: worker_id of what workers that are gone have published


class Sweeper:
    """pulled: subscriptions whose queues nobody looks at by himself. live: IDs of the workers there are.

    All methods raise ODBUnavailable.
    """

    def __init__(
        self, tables: MessageTables, pulled: Callable[[], Collection[int]], live: Callable[[], Collection[str]]
    ) -> None:
        self._tables = tables
        self._pulled = pulled
        self._live = live
        self._looked_at: tuple[int, int, int] | None = None  # the last row of queues: sub_id, rank, seq

    def sweep(self) -> None:
        """A round of everything. It lets others write after every few rows."""
        found = {
            'kept long enough': self._repeat(self._forget_kept),
            'IDs': self._repeat(self._forget_seen),
            'expired': self._expire(),
        }
        self._tables.write(self._merge, {*self._live(), _MERGED})
        if any(found.values()):
            text = ', '.join(f'{what}: {count}' for what, count in found.items() if count)
            logger.info('Removed what is not needed any more: %s', text, extra={'action': 'pubsub.swept'})

    def _repeat(self, step: Callable[[Connection], int]) -> int:
        total = 0
        while count := self._tables.write(step):
            total += count
        return total

    def _forget_kept(self, connection: Connection) -> int:
        """Messages whose time is over; those that are still to be delivered go then."""
        tables = self._tables
        sql = f"""SELECT seq FROM ps_msg WHERE keep_until > 0 AND keep_until <= :now
            ORDER BY keep_until LIMIT {_AT_ONCE}"""
        seqs = sorted(row.seq for row in tables.rows(connection, sql, now=tables.now(connection)))
        if seqs:
            these = tables.among('seq', 'seqs')
            tables.hold_messages(connection, seqs)
            tables.change(connection, f'DELETE FROM ps_msg WHERE {these} AND refs <= 0', seqs=seqs)
            tables.change(connection, f'UPDATE ps_msg SET keep_until = 0 WHERE {these}', seqs=seqs)
        return len(seqs)

    def _forget_seen(self, connection: Connection) -> int:
        tables = self._tables
        before = tables.now(connection) - _KEEP_SEEN
        find = f'SELECT at FROM ps_seen WHERE at < :before ORDER BY at LIMIT 1 OFFSET {_AT_ONCE - 1}'
        last = tables.value(connection, find, before=before)
        return tables.change(
            connection, 'DELETE FROM ps_seen WHERE at < :before', before=before if last is None else last + 1
        )

    # What has expired

    def _expire(self) -> int:
        """In queues that no delivery task looks at, as many rows as one sweep may; the next one goes on from there."""
        tables, total, left = self._tables, 0, _LOOKED_AT
        queues = sorted({*self._pulled(), *self._own()})
        start = self._looked_at or (queues[0] if queues else 0, -1, -1)
        for sub_id in (id for id in queues if id >= start[0]):
            after = start[1:] if sub_id == start[0] else (-1, -1)
            while left > 0 and (rows := tables.read(self._look, sub_id, after)):
                left -= len(rows)
                after = (rows[-1].rank, rows[-1].seq)
                self._looked_at = (sub_id, *after)
                expired = [row.seq for row in rows if row.is_expired]
                if expired:
                    total += tables.write(self._drop, sub_id, expired)
            if left <= 0:
                return total
        self._looked_at = None
        return total

    def _own(self) -> list[int]:
        return [row.sub_id for row in self._tables.read(self._tables.rows, own_queues('ps_queue'))]

    def _look(self, connection: Connection, sub_id: int, after: Sequence[int]) -> Sequence[Row[Any]]:
        tables = self._tables
        return tables.rows(
            connection,
            f"""SELECT q.rank, q.seq, m.expires_at > 0 AND m.expires_at <= :now AS is_expired FROM (
            SELECT rank, seq FROM ps_queue WHERE sub_id = :sub_id AND (rank, seq) > (:rank, :seq)
            ORDER BY rank, seq LIMIT {_AT_ONCE}) q JOIN ps_msg m ON m.seq = q.seq ORDER BY q.rank, q.seq""",
            sub_id=sub_id,
            now=tables.now(connection),
            rank=after[0],
            seq=after[1],
        )

    def _drop(self, connection: Connection, sub_id: int, seqs: Collection[int]) -> int:
        """They are deleted, as those are that a delivery task finds."""
        tables = self._tables
        taken = tables.take_from_queue(connection, sub_id, seqs)
        tables.release(connection, taken)
        return len(taken)

    # What was published

    def _merge(self, connection: Connection, live: Collection[str]) -> None:
        """Rows of workers that are gone become one for each topic."""
        tables = self._tables
        ids = [row.worker_id for row in tables.rows(connection, 'SELECT DISTINCT worker_id FROM ps_stat')]
        for worker_id in sorted(set(ids) - set(live)):
            tables.change(connection, _ADD_UP, worker_id=worker_id)
            tables.change(connection, 'DELETE FROM ps_stat WHERE worker_id = :worker_id', worker_id=worker_id)


_LATER: Final = 'CASE WHEN excluded.last_time > ps_stat.last_time THEN excluded.{0} ELSE ps_stat.{0} END'
_ADD_UP: Final = f"""
    INSERT INTO ps_stat (topic_id, worker_id, published, last_time, last_msg_id, last_endpoint_id)
    SELECT topic_id, '{_MERGED}', published, last_time, last_msg_id, last_endpoint_id FROM ps_stat
    WHERE worker_id = :worker_id
    ON CONFLICT (topic_id, worker_id) DO UPDATE SET published = ps_stat.published + excluded.published,
        last_time = {_LATER.format('last_time')}, last_msg_id = {_LATER.format('last_msg_id')},
        last_endpoint_id = {_LATER.format('last_endpoint_id')}"""
