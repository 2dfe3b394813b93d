"""What becomes of the messages that a task has taken: written under its lease, so that a former holder changes nothing.

Acknowledgements are not waited for: they go to the store while the next messages are delivered. What failed is, so that the
number of attempts is never forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

import gevent

from zato.common.exception import StoreUnavailable
from zato.common.pubsub.dead_letter import Reason
from zato.server.config.cooperation import Bell
from zato.server.pubsub.head import Head
from zato.server.pubsub.store.interface import Ack, Bury, Fence, Key, Operation, Retry, Row, Settle, Suspect
from zato.server.pubsub.writer import Writer

logger = logging.getLogger('zato.pubsub')

PENDING: Final = 100  #: acknowledgements that may be on their way
STORE_PAUSE: Final = 1.0  #: seconds after the store did not answer
_LOOK_EVERY: Final = 1.0


class Ended(Exception):
    """The lease is lost, or the task is to stop"""


class Settling:
    """Of one task. head: what it has in memory. bell: rung as there is room for more. lost: the lease is somebody else's."""

    def __init__(self, fence: Fence, head: Head, writer: Writer, bell: Bell, lost: Callable[[], None]) -> None:
        self.fence = fence
        self._head = head
        self._writer = writer
        self._bell = bell
        self._lost = lost
        self._ack = Ack(fence)
        self._is_ack_put = False
        self._strict = 0  # greenlets that wait for their acknowledgements
        self.is_ended = False

    def acknowledge(self, keys: Sequence[Key], *, is_strict: bool = False) -> None:
        """They leave the queue. is_strict: return only once they have."""
        self._ack.more.extend(keys)
        self._put_ack()
        if not is_strict:
            return
        self._strict += 1
        try:
            while not self.is_ended and not self._head.taken.isdisjoint(keys):
                self._bell.wait(_LOOK_EVERY)
        finally:
            self._strict -= 1

    def retry(self, rows: Sequence[Row], *, at: int, attempts: int, text: str, waits_aside: bool) -> None:
        """They are tried again from `at` on (microseconds), in their place or aside. Raises Ended."""
        keys = [row.key for row in rows]
        self._run(Retry(self.fence, keys, at=at, attempts=attempts, text=text, waits_aside=waits_aside))
        if waits_aside:
            self._head.settled(keys)
            return
        for row in rows:
            self._head.put_back(row._replace(attempts=attempts, not_before=at, crashes=max(row.crashes - 1, 0)))

    def bury(self, rows: Sequence[Row], reason: Reason, *, at: int, attempts: int, text: str) -> None:
        """They become dead letters. Raises Ended."""
        keys = [row.key for row in rows]
        self._run(Bury(self.fence, keys, at=at, attempts=attempts, reason=reason, text=text))
        self._head.settled(keys)

    def suspect(self, rows: Sequence[Row]) -> None:
        """They may have ended the process of the last holder. They are still in the head. Raises Ended."""
        marked = {row.key: row for row in self.mark(rows)}
        self._head.update([marked.get(row.key, row) for row in self._head])

    def mark(self, rows: Sequence[Row]) -> list[Row]:
        """It was one of them if this process ends before anything else is written of them. Returns them so. Raises Ended.

        rows: at least one; of all of them the same is known so far.
        """
        crashes = rows[0].crashes + 1
        self._run(Suspect(self.fence, [row.key for row in rows], crashes=crashes))
        return [row._replace(crashes=crashes) for row in rows]

    def flush(self, seconds: float) -> None:
        """Wait until the acknowledgements are written, for so long at most."""
        end = monotonic() + seconds
        self._strict += 1  # the bell is rung for each
        while self._ack.more or self._is_ack_put:
            left = end - monotonic()
            if left <= 0:
                text = 'Subscription %d: acknowledgements were not written in time, so some messages will come again'
                logger.warning(text, self.fence.sub_id, extra={'action': 'pubsub.ack_lost'})
                return
            self._bell.wait(min(left, _LOOK_EVERY))

    def _run(self, operation: Settle) -> None:
        """Until it is written: what failed must not be forgotten because the store was away."""
        while not self.is_ended:
            try:
                self._writer.run(operation)
            except StoreUnavailable as e:
                logger.warning('Subscription %d: %s', self.fence.sub_id, e, extra={'action': 'pubsub.store_away'})
                self._bell.wait(STORE_PAUSE)
                operation = operation.again()
                continue
            if operation.is_lost:
                self._tell_lost()
                raise Ended
            return
        raise Ended

    def _tell_lost(self) -> None:
        """Once it has ended this is no news, and the subscription may be this worker's again, under another lease."""
        if not self.is_ended:
            self._lost()

    def _put_ack(self) -> None:
        if not self._is_ack_put and not self.is_ended:
            self._is_ack_put = True
            self._ack.keys = []
            self._ack.done = self._acknowledged
            self._writer.put(self._ack)

    def _acknowledged(self, ack: Operation) -> None:
        assert isinstance(ack, Ack)
        self._is_ack_put = False
        if ack.is_lost:
            ack.more.clear()
            self._tell_lost()
            self._bell.ring()
            return
        if ack.error is not None:
            ack.more.extendleft(reversed(ack.keys))
            ack.error = None
            self._is_ack_put = True
            gevent.spawn_later(STORE_PAUSE, self._put_again)
            return
        is_full = len(self._head.taken) >= PENDING
        self._head.settled(ack.keys)
        if ack.more:
            self._put_ack()
        if is_full or self._strict:
            self._bell.ring()

    def _put_again(self) -> None:
        self._is_ack_put = False
        self._put_ack()
