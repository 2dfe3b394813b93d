"""Pulling: clients ask for what is in the queue of a subscription, instead of being sent it.

A message that was handed out is the client's for a while, and nobody else gets it; then it is back in its place, with one
attempt more, unless the client has acknowledged it. `drain` is the other way: what it returns is gone from the queue.
Each method is one transaction, and those of one subscription take turns, so no two clients have one message at a time,
whichever workers they are connected to. Times in the store: microseconds since 1970, by the clock of the database's host.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection

from zato.common.exception import StoreUnavailable
from zato.common.odb.database import ODBUnavailable
from zato.common.pubsub.moments import SECOND
from zato.server.pubsub.figures import MOST_COUNTED
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.pull_rows import Handed, PullRows, late_subscriptions
from zato.server.pubsub.store.interface import Row, storable

MOST: Final = 1_000  #: messages of one call
MOST_BYTES: Final = 8_000_000  #: of data in one call; a single message may be larger

_ROUNDS: Final = 10  #: how often what has expired is passed over in one call
_LEASE_BYTES: Final = 12
_LATE: Final = 'The client did not acknowledge it in time'

T = TypeVar('T')


class Pulled(NamedTuple):
    """lease_id: '' if there are no rows."""

    lease_id: str
    rows: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """What becomes of messages that a client does not want now. delay: seconds until they are handed out again.

    is_rejected: they are dead letters at once. error: why, in the client's words. is_attempt: does it count as a failed one?
    """

    delay: float = 0.0
    is_rejected: bool = False
    error: str = ''
    is_attempt: bool = True


class Pulls:
    """All methods raise StoreUnavailable. A subscription that is not in the store yet, or no more, has no messages.

    max_retry: how often a message may be handed out again before it becomes a dead letter, 0 for any number of times.
    """

    def __init__(self, tables: MessageTables) -> None:
        self._tables = tables

    def get(self, sub_id: int, *, most: int, visibility: float, max_retry: int) -> Pulled:
        """The first messages of the queue, `most` at most, handed out for `visibility` seconds."""
        lease_id = secrets.token_hex(_LEASE_BYTES)

        def work(queue: PullRows) -> list[Row]:
            rows = _head(queue, most, max_retry)
            if rows:
                queue.hand_out(rows, lease_id, queue.now + int(visibility * SECOND))
            return rows

        rows = self._run(sub_id, work, list[Row]())
        return Pulled(lease_id if rows else '', rows)

    def drain(self, sub_id: int, *, most: int, max_retry: int) -> list[Row]:
        """The first messages of the queue, `most` at most, which are gone from it: whoever loses them has lost them."""

        def work(queue: PullRows) -> list[Row]:
            rows = _head(queue, most, max_retry)
            queue.remove_ready(rows)
            return rows

        return self._run(sub_id, work, [])

    def acknowledge(self, sub_id: int, msg_ids: Sequence[str], lease_id: str = '') -> list[str]:
        """They were taken, and go. Returns the IDs of those that this client has no more, or never had; these stay.

        lease_id: under which they were handed out, '' for whoever has them. A lease that is over still counts until its
        messages are back in the queue.
        """

        def work(queue: PullRows) -> list[str]:
            found = queue.handed(msg_ids, lease_id)
            queue.take_back(found)
            queue.release(found)
            return _others(msg_ids, found)

        return self._run(sub_id, work, list(msg_ids))

    def give_back(
        self, sub_id: int, msg_ids: Sequence[str], how: GiveBack, *, max_retry: int, lease_id: str = ''
    ) -> list[str]:
        """They were not taken. Returns, and lease_id is, as in `acknowledge`."""

        def work(queue: PullRows) -> list[str]:
            found = queue.handed(msg_ids, lease_id)
            queue.take_back(found)
            if how.is_rejected:
                rejected = [item._replace(attempts=item.attempts + 1) for item in found]
                queue.bury(rejected, 'rejected', storable(how.error) or 'The client rejected it')
            else:
                due = queue.now + int(how.delay * SECOND) if how.delay else 0
                if how.is_attempt:
                    _return(queue, found, max_retry, storable(how.error) or 'The client gave it back', due)
                else:
                    queue.put_back(found, storable(how.error), due)
            return _others(msg_ids, found)

        return self._run(sub_id, work, list(msg_ids))

    def late(self) -> list[int]:
        """Subscriptions whose clients have messages that they did not acknowledge in time."""
        return self._errors(lambda: self._tables.read(partial(late_subscriptions, self._tables)))

    def bring_back(self, sub_id: int, *, max_retry: int) -> None:
        """These are in their place again, as they would be once somebody asks for them."""

        def work(queue: PullRows) -> int:
            late = queue.take_late()
            _return(queue, late, max_retry, _LATE)
            return len(late)

        while self._run(sub_id, work, 0):
            pass

    def depth(self, sub_id: int, most: int = MOST_COUNTED) -> int:
        """How many messages are in the queue, `most` at most: without those that are handed out or wait for a time."""
        return self._errors(
            lambda: self._tables.read(lambda connection: PullRows(self._tables, connection, sub_id).depth(most))
        )

    def _run(self, sub_id: int, work: Callable[[PullRows], T], nothing: T) -> T:
        def run(connection: Connection) -> T:
            queue = PullRows(self._tables, connection, sub_id)
            return work(queue) if queue.begin() else nothing

        return self._errors(lambda: self._tables.write(run))

    @staticmethod
    def _errors(run: Callable[[], T]) -> T:
        try:
            return run()
        except ODBUnavailable as e:
            raise StoreUnavailable(msg=e.msg) from None


def _head(queue: PullRows, most: int, max_retry: int) -> list[Row]:
    """The first rows that may be handed out. What is due comes back before; what has expired goes."""
    _return(queue, queue.take_late(), max_retry, _LATE)
    queue.bring_back_due()
    for _ in range(_ROUNDS):
        sizes = queue.first(most)
        expired = [item for item in sizes if 0 < item.expires_at <= queue.now]
        if not expired:
            break
        queue.remove_ready(expired)
    live = [item for item in sizes if not 0 < item.expires_at <= queue.now]
    total = 0
    for count, item in enumerate(live):
        total += item.size
        if count and total > MOST_BYTES:
            live = live[:count]
            break
    return queue.with_messages(live)


def _return(queue: PullRows, items: Sequence[Handed], max_retry: int, error: str, due: int = 0) -> None:
    """They have one attempt more, and are in their place again, or at `due`; or are dead letters after so many."""
    tried = [item._replace(attempts=item.attempts + 1) for item in items]
    queue.bury([item for item in tried if 0 < max_retry < item.attempts], 'max-retry', error)
    queue.put_back([item for item in tried if not 0 < max_retry < item.attempts], error, due)


def _others(msg_ids: Sequence[str], found: Sequence[Handed]) -> list[str]:
    known = {item.msg_id for item in found}
    return [id for id in dict.fromkeys(msg_ids) if id not in known]
