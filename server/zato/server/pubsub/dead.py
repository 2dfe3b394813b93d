"""Dead letters: messages that are not delivered any more, until somebody says what becomes of them.

Those of a subscription stay after it was deleted. They are named by it and the seq of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from zato.server.pubsub.copies import Copies, Destination
from zato.server.pubsub.figures import MOST_COUNTED
from zato.server.pubsub.listed import MESSAGE, Listed, listed
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.store.interface import HIGHEST

_AT_ONCE: Final = 1_000

Letter = tuple[int, int]  #: sub_id, seq


@dataclass(frozen=True, slots=True)
class Group:
    """The dead letters of one subscription. count: MOST_COUNTED + 1 if there are more. is_subscribed: is it there still?"""

    sub_id: int
    sub_key: str
    topic_id: int
    count: int
    is_subscribed: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which dead letters: 0 and '' for any."""

    topic_id: int = 0
    sub_id: int = 0
    reason: str = ''


class DeadLetters:
    """changed: told which queues have something that they had not. All methods raise ODBUnavailable."""

    def __init__(self, tables: MessageTables, copies: Copies, changed: Callable[[Collection[int]], None]) -> None:
        self._tables = tables
        self._copies = copies
        self._changed = changed

    def groups(self, chosen: Chosen = Chosen()) -> list[Group]:
        """By subscription. Counts are of all reasons."""
        return self._tables.read(self._groups, chosen)

    def browse(
        self, chosen: Chosen, *, before: Sequence[int] = (), limit: int, prefix: int, size: int = 0
    ) -> tuple[list[Listed], tuple[int, ...]]:
        """The latest published first, and where the next page begins, () if there is none.

        prefix: bytes of data of each. size: of all data, after which the page ends, 0 for any.
        """

        def work(connection: Connection) -> tuple[list[Listed], bool]:
            keys = list[Letter]()
            for sub_id in self._subscriptions(connection, chosen):
                keys += self._keys(connection, sub_id, chosen.reason, before=before, limit=limit + 1)
            keys.sort(key=lambda key: (key[1], key[0]), reverse=True)
            found, total = list[Listed](), 0
            for key in keys[:limit]:
                letter = self._letter(connection, key, prefix)
                if letter is not None:
                    found.append(letter)
                    total += len(letter.part)
                if size and total >= size:
                    break
            return found, len(found) < len(keys)

        letters, more = self._tables.read(work)
        return letters, (letters[-1].seq, letters[-1].sub_id) if more and letters else ()

    def requeue(self, letters: Collection[Letter], *, as_new: bool = False, to: Destination | None = None) -> int:
        """Have them delivered again, as if for the first time, those of subscriptions that are there. Returns how many.

        In their old place of the order, or as_new at its end. to: to all who have subscribed to a topic instead, which is
        for those too whose subscription is gone. What has expired does not expire any more.
        """
        return sum(self._requeue(sub_id, seqs, as_new=as_new, to=to) for sub_id, seqs in _by_subscription(letters).items())

    def requeue_all(self, chosen: Chosen, *, as_new: bool = False, to: Destination | None = None) -> tuple[int, int]:
        """As `requeue`. Returns how many, and how many there are of subscriptions that are gone."""
        total = left = 0
        for group in self.groups(chosen):
            if to is None and not group.is_subscribed:
                left += group.count
                continue
            after = 0
            while seqs := self._some(group.sub_id, chosen.reason, after):
                total += self._requeue(group.sub_id, seqs, as_new=as_new, to=to)
                after = seqs[-1]
        return total, left

    def delete(self, letters: Collection[Letter]) -> int:
        """Returns how many there were."""
        return sum(self._tables.write(self._drop, sub_id, seqs) for sub_id, seqs in _by_subscription(letters).items())

    def delete_all(self, chosen: Chosen) -> int:
        """Returns how many there were."""
        total = 0
        for group in self.groups(chosen):
            while seqs := self._some(group.sub_id, chosen.reason, 0):
                total += self.delete([(group.sub_id, seq) for seq in seqs])
        return total

    # Reading

    def _subscriptions(self, connection: Connection, chosen: Chosen) -> list[int]:
        """Those that have dead letters, by ID. Each is of one topic."""
        tables = self._tables
        found = [chosen.sub_id] if chosen.sub_id else [row.sub_id for row in tables.rows(connection, _SUBSCRIPTIONS)]
        if not chosen.topic_id:
            return found
        sql = 'SELECT topic_id FROM ps_dead WHERE sub_id = :sub_id ORDER BY seq LIMIT 1'
        return [sub_id for sub_id in found if tables.value(connection, sql, sub_id=sub_id) == chosen.topic_id]

    def _groups(self, connection: Connection, chosen: Chosen) -> list[Group]:
        found = []
        for sub_id in self._subscriptions(connection, chosen):
            for row in self._tables.rows(connection, _GROUP, sub_id=sub_id, most=MOST_COUNTED + 1):
                found.append(Group(sub_id, row.sub_key, row.topic_id, row.count_, bool(row.subscribed)))
        return found

    def _keys(self, connection: Connection, sub_id: int, reason: str, *, before: Sequence[int], limit: int) -> list[Letter]:
        where = 'AND reason = :reason' if reason else ''
        if before:
            seq, id = before
            where += ' AND seq <= :seq' if sub_id < id else ' AND seq < :seq'
        sql = f'SELECT seq FROM ps_dead WHERE sub_id = :sub_id {where} ORDER BY seq DESC LIMIT :limit'
        given = {**({'reason': reason} if reason else {}), **({'seq': seq} if before else {})}
        return [(sub_id, row.seq) for row in self._tables.rows(connection, sql, sub_id=sub_id, limit=limit, **given)]

    def _letter(self, connection: Connection, key: Letter, prefix: int) -> Listed | None:
        rows = self._tables.rows(connection, _LETTER, sub_id=key[0], seq=key[1], prefix=prefix)
        return listed(rows[0]) if rows else None

    def _some(self, sub_id: int, reason: str, after: int) -> list[int]:
        where = 'AND reason = :reason' if reason else ''
        given = {'reason': reason} if reason else {}
        sql = f'SELECT seq FROM ps_dead WHERE sub_id = :sub_id AND seq > :after {where} ORDER BY seq LIMIT {_AT_ONCE}'
        rows = self._tables.read(self._tables.rows, sql, sub_id=sub_id, after=after, **given)
        return [row.seq for row in rows]

    # Changing

    def _requeue(self, sub_id: int, seqs: Sequence[int], *, as_new: bool, to: Destination | None) -> int:
        def work(connection: Connection) -> tuple[int, Collection[int]]:
            tables = self._tables
            tables.hold_subscriptions(connection)
            if to is None and not tables.is_subscribed(connection, sub_id):
                return 0, ()
            found = self._take(connection, sub_id, seqs)
            if not found:
                return 0, ()
            lasting = f'UPDATE ps_msg SET expires_at = 0 WHERE {tables.among("seq", "seqs")} AND expires_at <= :now'
            tables.change(connection, lasting, seqs=found, now=tables.now(connection))
            if to is not None:
                subs = self._copies.to_topic(connection, found, to)
                tables.release(connection, found)
                return len(found), subs
            if as_new:
                self._copies.to_end(connection, sub_id, found)
            else:
                back = f"""INSERT INTO ps_queue (sub_id, rank, seq, attempts, crashes, not_before)
                    SELECT :sub_id, {HIGHEST} - priority, seq, 0, 0, 0 FROM ps_msg WHERE {tables.among('seq', 'seqs')}"""
                tables.change(connection, back, sub_id=sub_id, seqs=found)
            return len(found), [sub_id]

        count, subs = self._tables.write(work)
        if count:
            self._changed([id for id in subs if id > 0])
        return count

    def _take(self, connection: Connection, sub_id: int, seqs: Collection[int]) -> list[int]:
        """Those of them that are there, which are no dead letters then."""
        tables = self._tables
        tables.hold_messages(connection, seqs)
        sql = f'DELETE FROM ps_dead WHERE sub_id = :sub_id AND {tables.among("seq", "seqs")} RETURNING seq'
        return sorted(row.seq for row in tables.rows(connection, sql, sub_id=sub_id, seqs=seqs))

    def _drop(self, connection: Connection, sub_id: int, seqs: Collection[int]) -> int:
        found = self._take(connection, sub_id, seqs)
        self._tables.release(connection, found)
        return len(found)


_SUBSCRIPTIONS: Final = """WITH RECURSIVE found(sub_id) AS (
        SELECT (SELECT min(sub_id) FROM ps_dead)
        UNION ALL SELECT (SELECT min(d.sub_id) FROM ps_dead d WHERE d.sub_id > f.sub_id)
            FROM found f WHERE f.sub_id IS NOT NULL
    ) SELECT sub_id FROM found WHERE sub_id IS NOT NULL"""
_GROUP: Final = """SELECT d.topic_id, d.sub_key,
        (SELECT count(*) FROM (SELECT 1 FROM ps_dead WHERE sub_id = :sub_id LIMIT :most) counted) AS count_,
        (SELECT count(*) FROM ps_sub s WHERE s.id = :sub_id AND s.is_removed = 0) AS subscribed
    FROM ps_dead d WHERE d.sub_id = :sub_id ORDER BY d.seq LIMIT 1"""
_LETTER: Final = f"""SELECT {MESSAGE}, d.sub_id, d.rank, d.attempts, d.error, d.sub_key, d.reason, d.died_at
    FROM ps_dead d JOIN ps_msg m ON m.seq = d.seq WHERE d.sub_id = :sub_id AND d.seq = :seq"""


def _by_subscription(letters: Collection[Letter]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for sub_id, seq in sorted(letters):
        found.setdefault(sub_id, []).append(seq)
    return found
