"""How long queues are, how long their messages wait, and how much is published, as the tables tell.

Nothing here takes longer because a queue is long: what is counted is counted up to a limit, and is kept for a second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row

from zato.common.pubsub.moments import SECOND
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.store.interface import RANKS

#: What is counted; one more stands for any higher number.
MOST_COUNTED: Final = 100_000

_KEPT: Final = 1.0  #: seconds
_MOST_KEPT: Final = 10_000
_SAMPLED: Final = 5.0  #: seconds between samples, at least
_COUNTED: Final = ('ps_queue', 'ps_retry', 'ps_pulled', 'ps_dead')


class QueueFigures(NamedTuple):
    """Of one queue. ready, retry, pulled, dead: how many messages, MOST_COUNTED + 1 if there are more.

    oldest: when the message that waits the longest was published, microseconds since 1970, 0 for none. attempts, not_before,
    error: of the first message that is ready. now: when this was looked at.
    """

    ready: int = 0
    retry: int = 0
    pulled: int = 0
    dead: int = 0
    oldest: int = 0
    attempts: int = 0
    not_before: int = 0
    error: str = ''
    now: int = 0

    @property
    def depth(self) -> int:
        """Messages that are not delivered yet."""
        return min(self.ready + self.retry + self.pulled, MOST_COUNTED + 1)

    @property
    def lag(self) -> float:
        """Seconds."""
        return max(0.0, (self.now - self.oldest) / SECOND) if self.oldest else 0.0


@dataclass(frozen=True, slots=True)
class TopicFigures:
    """last_time: microseconds since 1970, 0 if nothing was published. rate: messages per second, None if not known yet."""

    published: int = 0
    rate: float | None = None
    last_time: int = 0
    last_msg_id: str = ''
    last_endpoint_id: int = 0


class Figures:
    """One worker's. All methods raise ODBUnavailable."""

    def __init__(self, tables: MessageTables, clock: Callable[[], float] = monotonic) -> None:
        self._tables = tables
        self._clock = clock
        self._queues: dict[int, tuple[float, QueueFigures]] = {}
        self._before: tuple[float, Mapping[int, int]] | None = None
        self._latest: tuple[float, Mapping[int, int]] | None = None

    def queues(self, sub_ids: Collection[int]) -> dict[int, QueueFigures]:
        """By subscription; of topics' own queues, by the ID of the topic below zero."""
        now = self._clock()
        wanted = [id for id in sub_ids if now - self._queues.get(id, (now - 2 * _KEPT,))[0] > _KEPT]
        if wanted:
            found = self._tables.read(self._read, wanted)
            if len(self._queues) > _MOST_KEPT:
                self._queues.clear()
            self._queues.update((id, (now, found.get(id, QueueFigures()))) for id in wanted)
        kept = self._queues
        return {id: kept[id][1] if id in kept else QueueFigures() for id in sub_ids}

    def longest(self, topic_id: int, most: int) -> int:
        """Messages that are not delivered yet in the longest queue of a topic, counted up to `most`."""

        def work(connection: Connection) -> int:
            tables = self._tables
            subs = tables.rows(connection, 'SELECT id FROM ps_sub WHERE topic_id = :id', id=topic_id)
            longest = 0
            for sub_id in (-topic_id, *(row.id for row in subs)):
                count = 0
                for table in ('ps_queue', 'ps_retry', 'ps_pulled'):
                    count += tables.count(connection, table, sub_id, max(0, most - count))
                longest = max(longest, count)
            return longest

        return self._tables.read(work)

    def topics(self) -> dict[int, TopicFigures]:
        """Those that were published to, by ID."""
        rows = self._tables.read(self._tables.rows, _PUBLISHED)
        totals: dict[int, int] = {}
        last: dict[int, Row[Any]] = {}
        for row in rows:
            totals[row.topic_id] = totals.get(row.topic_id, 0) + row.published
            if row.topic_id not in last or row.last_time > last[row.topic_id].last_time:
                last[row.topic_id] = row
        rate_of = self._rates(totals)
        return {
            id: TopicFigures(totals[id], rate_of(id), row.last_time, row.last_msg_id, row.last_endpoint_id)
            for id, row in last.items()
        }

    def _rates(self, totals: Mapping[int, int]) -> Callable[[int], float | None]:
        """Since the sample before the latest one, which is not too young."""
        now = self._clock()
        if self._latest is None or now - self._latest[0] >= _SAMPLED:
            self._before, self._latest = self._latest, (now, totals)
        before, latest = self._before, self._latest
        if before is None:
            return lambda id: None
        seconds = latest[0] - before[0]
        return lambda id: max(0.0, (latest[1].get(id, 0) - before[1].get(id, 0)) / seconds)

    def _read(self, connection: Connection, ids: Iterable[int]) -> dict[int, QueueFigures]:
        tables = self._tables
        rows = tables.rows(connection, _figures_of(ids), most=MOST_COUNTED + 1)
        seqs = [row.oldest for row in rows if row.oldest is not None]
        sql = f'SELECT seq, pub_time FROM ps_msg WHERE {tables.among("seq", "seqs")}'
        times = {row.seq: row.pub_time for row in tables.rows(connection, sql, seqs=seqs)} if seqs else {}
        now = tables.now(connection)
        return {
            row.id: QueueFigures(
                ready=row.ps_queue,
                retry=row.ps_retry,
                pulled=row.ps_pulled,
                dead=row.ps_dead,
                oldest=times.get(row.oldest, 0),
                attempts=row.attempts or 0,
                not_before=row.not_before or 0,
                error=row.error or '',
                now=now,
            )
            for row in rows
        }


_PUBLISHED: Final = 'SELECT topic_id, published, last_time, last_msg_id, last_endpoint_id FROM ps_stat'
_FIRST: Final = 'SELECT q.{} FROM ps_queue q WHERE q.sub_id = s.id ORDER BY q.rank, q.seq LIMIT 1'


def _figures_of(ids: Iterable[int]) -> str:
    """SQL. The oldest message is the one with the lowest seq, which is the first of its rank."""
    listed = ', '.join(f'({int(id)})' for id in ids)
    counts = ', '.join(
        f'(SELECT count(*) FROM (SELECT 1 FROM {table} q WHERE q.sub_id = s.id LIMIT :most) c) AS {table}'
        for table in _COUNTED
    )
    ranks = ' UNION ALL '.join(
        f'SELECT (SELECT min(q.seq) FROM ps_queue q WHERE q.sub_id = s.id AND q.rank = {rank}) AS seq' for rank in RANKS
    )
    first = ', '.join(f'({_FIRST.format(name)}) AS {name}' for name in ('attempts', 'not_before', 'error'))
    return f"""WITH s(id) AS (VALUES {listed})
        SELECT s.id, {counts}, (SELECT min(seq) FROM ({ranks}) o) AS oldest, {first} FROM s"""
