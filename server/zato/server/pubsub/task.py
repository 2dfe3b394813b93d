"""Delivery: gives one subscription's target its messages, at least once and in order.

One task per subscription in the whole cluster, in the worker that holds its lease; it alone delivers from that queue. Order:
priority, 9 first, then publication. A message that fails stays the first, or waits aside, until it is tried again.

State: idle ⇄ delivering → (retrying ⇄ delivering) → stopping. It ends with `stop`, with the lease, or with its worker.
Not here: who has which subscription (assign.py), what is in memory (head.py), what goes next (choice.py), what is written
(settling.py), what becomes of what failed (retries.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

import gevent

from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.moments import SECOND
from zato.server.config.cooperation import Bell, Slices, TimeLimit
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.choice import next_apart, next_batch, suspects
from zato.server.pubsub.content import group_of, readable
from zato.server.pubsub.failure import described
from zato.server.pubsub.head import MOST_BYTES, MOST_ROWS, Head
from zato.server.pubsub.hook import DeliveryHook
from zato.server.pubsub.retries import CRASHES, Retries
from zato.server.pubsub.settling import PENDING, STORE_PAUSE, Ended, Settling
from zato.server.pubsub.store.interface import Fence, Fetch, Operation, Row
from zato.server.pubsub.surroundings import Surroundings
from zato.server.pubsub.task_figures import TaskFigures

logger = logging.getLogger('zato.pubsub')

_LOOK_EVERY: Final = 1.0  #: seconds, should nobody have told of new messages
_LOOK_IDLE: Final = 5.0  #: the same once there have been none for a while
_IDLE_AFTER: Final = 60.0
_TARGET_PAUSE: Final = 0.25  #: between looks whether a target that was not there has come
_SKIPPED: Final = 1.0  #: seconds after which what a hook skipped is tried again
_MOST_AGAIN: Final = 64_000_000  #: bytes of what is taken that are read with what is not
_LAST_WORD: Final = 1.0  #: seconds for what was in flight to end once it is told to
_NO_GROUPS: Final[frozenset[str]] = frozenset()


class Task:
    """item: the subscription. is_clean: False if its last holder died, maybe of a message, until that is noted."""

    def __init__(self, item: ConfigObject, fence: Fence, surroundings: Surroundings, *, is_clean: bool) -> None:
        self.item = item
        self.fence = fence
        self.figures = TaskFigures()
        self._all = surroundings
        self._target = surroundings.target_of(item)
        self._bell = Bell()
        self._head = Head()
        self._settling = Settling(fence, self._head, surroundings.writer, self._bell, lambda: surroundings.lost(item.id))
        self._retries = Retries(item, self._settling, title=lambda: self._title, now=self._now)
        self.is_clean = is_clean
        settings = item.settings
        self._is_apart = settings.max_in_flight > 1
        self._most_taken = PENDING + settings.max_in_flight * settings.delivery_batch_size
        self._is_stopping = False
        self._is_stale = True  # the queue may have what the head does not
        self._is_fetching = False
        self._missed: int | None = None  # rank of the most urgent that others have published since it began
        self._turn = 0
        self._next_due = 0  # when the first that waits aside is due, microseconds
        self._groups: set[str] = set()  # ordering keys of what is in flight
        self._is_alone = False  # what is in flight may have ended a process: nothing goes beside it
        self._looked_at = self._worked_at = monotonic()
        self._waits_for_target = False
        self._is_eager = False
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def start(self) -> None:
        self._greenlets = [gevent.spawn(self._begin)]

    def stop(self, grace: float) -> None:
        """Finish what is in flight and its acknowledgements, `grace` seconds at most. Twice is safe."""
        end = monotonic() + grace
        self._is_stopping = True
        self._bell.ring()
        gevent.joinall(self._greenlets, timeout=grace)
        gevent.killall(self._greenlets, block=False)
        gevent.joinall(self._greenlets, timeout=_LAST_WORD)
        self._settling.flush(max(_LAST_WORD, end - monotonic()))
        self._settling.is_ended = True

    def kill(self) -> None:
        """Somebody else has the subscription: end at once."""
        self._is_stopping = self._settling.is_ended = True
        gevent.killall(self._greenlets, block=False)
        self._bell.ring()

    def offer(self, row: Row, turn: int = 0) -> None:
        """This worker has published a message, which is in the store; it is read later unless it is among the first.

        turn: another one than before if other workers have published meanwhile.
        """
        if turn != self._turn:
            self._turn = turn
            self.look(row.rank)
        elif not self._is_fetching and self._head.offer(row):  # what is being read has it
            self._bell.ring()

    def look(self, rank: int | None = None) -> None:
        """Others have published. rank: the most urgent of these; None if the queue was changed in other ways too."""
        if rank is None:
            self._head.forget()
            rank = -1
        self._head.miss(rank)
        if self._is_fetching:
            self._missed = rank if self._missed is None else min(rank, self._missed)
        self._bell.ring()

    def be_eager(self) -> None:
        """Where messages go has changed: what failed is tried at once."""
        self._is_eager = True

    def expect(self, due: int) -> None:
        """A message waits aside until then (microseconds)."""
        if not self._next_due or due < self._next_due:
            self._next_due = due
            self._bell.ring()

    @property
    def state(self) -> str:
        if self._is_stopping:
            return 'stopping'
        if self.figures.in_flight:
            return 'delivering'
        return 'retrying' if self.figures.next_attempt else 'idle'

    def as_dict(self) -> dict[str, Any]:
        """What only this worker knows of the subscription. next_attempt: microseconds since 1970, 0 for none."""
        figures, first = self.figures, self._head.first
        return {
            'state': self.state,
            **figures.as_dict(),
            'attempts': first.attempts if first is not None else 0,
            'error': figures.last_error if first is not None and first.attempts else '',
            'epoch': self.fence.epoch,
        }

    @property
    def _title(self) -> str:
        """How logs name the subscription."""
        topic = self._all.topic_of(self.item.settings.topic)
        return f'{self.item.name} of topic {topic.name}' if topic is not None else self.item.name

    # The loop

    def _begin(self) -> None:
        others = self.item.settings.max_in_flight - 1
        if not self.is_clean:
            self._guarded(self._suspect)
        self._greenlets += [gevent.spawn(self._guarded, self._run) for _ in range(others)]
        self._guarded(self._run)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Ended:
            pass
        except Exception:
            logger.exception('Delivery to %s failed', self.item.name, extra={'action': 'pubsub.task_failed'})
            self._all.failed(self.fence.sub_id)

    def _run(self) -> None:
        limit = TimeLimit(self.item.settings.delivery_timeout)
        try:
            self._deliver_all(limit)
        finally:
            limit.close()

    def _deliver_all(self, limit: TimeLimit) -> None:
        """Up to the task's end. limit: of each delivery, this greenlet's."""
        slices = Slices()
        while not self._is_stopping:
            if self._is_stale or self._head.needs_more:
                self._fetch()
            rows, wait = self._next()
            if rows:
                self._deliver(rows, limit)
            elif wait > 0 and not self._is_stopping:
                self._bell.wait(wait)
                slices.begin()
            slices.now_and_then()

    def _now(self) -> int:
        return int(self._all.now() * SECOND)

    def _fetch(self) -> None:
        """In the background, unless there is nothing to do meanwhile."""
        if not self._is_fetching:
            is_fresh = self._is_stale or not self._head.is_known
            limit = MOST_ROWS + len(self._head.taken)  # these stand before all others
            size = MOST_BYTES + min(self._head.taken_bytes, _MOST_AGAIN)
            self._is_fetching, self._is_stale = True, False
            fetch = Fetch(self.fence.sub_id, limit=limit, size=size, now=self._now(), is_fresh=is_fresh)
            fetch.done = self._fetched
            self._all.writer.put(fetch)
        while not len(self._head) and self._is_fetching and not self._is_stopping:
            self._bell.wait(_LOOK_EVERY)

    def _fetched(self, fetch: Operation) -> None:
        assert isinstance(fetch, Fetch)
        if fetch.error is not None:
            logger.warning('Subscription %s: %s', self.item.name, fetch.error, extra={'action': 'pubsub.store_away'})
            gevent.spawn_later(STORE_PAUSE, self._fetch_again)
            return
        self._is_fetching = False
        self._next_due = fetch.next_due
        self._head.replace(fetch.rows, is_all=fetch.is_all)
        if self._missed is not None:
            self._head.miss(self._missed)
            self._missed = None
        if self._is_eager:
            self._is_eager = False
            self._retry_now()
        self._bell.ring()

    def _fetch_again(self) -> None:
        self._is_fetching, self._is_stale = False, True
        self._bell.ring()

    def _next(self) -> tuple[list[Row], float]:
        """What is to be delivered now; if nothing is, seconds after which to look again."""
        now = self._now()
        if self._next_due and self._next_due <= now:
            self._is_stale, self._next_due = True, 0
            return [], 0.0
        if self._is_alone or len(self._head.taken) >= self._most_taken:
            return [], _LOOK_EVERY  # the bell rings once that is over, or the store is no longer behind
        if not self._is_apart:
            rows = next_batch(self._head, now, self.item.settings.delivery_batch_size)
        else:
            is_alone, blocks = not self.figures.in_flight, self.item.settings.delivery_err_should_block
            rows = next_apart(self._head, now, self._groups, blocks=blocks, is_alone=is_alone)
        if rows:
            self._worked_at = monotonic()
            return rows, 0.0
        return [], self._until(now)

    def _until(self, now: int) -> float:
        """Seconds until it is worth looking again, if nobody rings the bell."""
        at = monotonic()
        wait = _LOOK_IDLE if at - self._worked_at > _IDLE_AFTER else _LOOK_EVERY
        if at - self._looked_at >= wait:
            self._looked_at = at
            self._is_stale = True
            return 0.0
        first = self._head.first
        times = [due for due in (self._next_due, first.not_before if first is not None else 0) if due > now]
        self.figures.next_attempt = min(times, default=0)
        if times:
            wait = min(wait, (min(times) - now) / SECOND)
        if self._waits_for_target and first is not None:
            wait = min(wait, _TARGET_PAUSE)
            if self._target.is_there():
                self._waits_for_target = False
                self._retry_now()
                return 0.0
        return wait

    def _retry_now(self) -> None:
        self._head.update([row._replace(not_before=0) for row in self._head])

    # One delivery

    def _deliver(self, rows: Sequence[Row], limit: TimeLimit) -> None:
        figures = self.figures
        self._head.take(rows)
        groups = {group for row in rows if (group := group_of(row))} if self._is_apart else _NO_GROUPS
        self._groups |= groups
        figures.in_flight += len(rows)
        figures.next_attempt = 0
        is_alone = self._is_alone = bool(rows[0].crashes)
        try:
            live = self._without_expired(rows)
            if live:
                self._call(self._settling.mark(live) if is_alone else live, limit)
        finally:
            figures.in_flight -= len(rows)
            self._groups -= groups
            if is_alone:
                self._is_alone = False
                self._bell.ring()

    def _without_expired(self, rows: Sequence[Row]) -> Sequence[Row]:
        if len(rows) == 1 and not rows[0].message.expires_at:  # nearly always
            return rows
        now = self._now()
        expired = {row.key for row in rows if 0 < row.message.expires_at <= now}
        if expired:
            self.figures.expired += len(expired)
            self._settling.acknowledge(list(expired))
        return [row for row in rows if row.key not in expired]

    def _call(self, rows: Sequence[Row], limit: TimeLimit) -> None:
        cid, topic_id = self._all.new_cid(), self.item.settings.topic
        topic, hook, now = self._all.topic_of(topic_id), self._all.hook_of(topic_id), self._now()
        unread, messages = readable(rows, self.item.settings.sub_key, topic, now)
        for row, error in unread:
            self._failed([row], error, cid)
            rows = [other for other in rows if other is not row]
        if hook is not None:
            rows, messages = self._hooked(hook, rows, messages, cid, limit)
        if not rows:
            return
        try:
            with limit:
                refused = frozenset(self._target.deliver(messages, cid))
        except BaseException as e:  # whatever a target raises is a failed delivery, not the end of the task
            self._failed(rows, self._reason(e, limit), cid)
            return
        if refused:
            others = [row for row in rows if row.message.msg_id in refused]
            self._failed(others, ValueError('The target did not take it'), cid)
            rows = [row for row in rows if row.message.msg_id not in refused]
        self._succeeded(rows)

    def _succeeded(self, rows: Sequence[Row]) -> None:
        self.figures.add_delivered(rows)
        self._waits_for_target = False
        if rows:
            is_strict = bool(self.item.settings.ack == 'sync' or rows[0].crashes)  # what has any is alone
            self._settling.acknowledge([row[:2] for row in rows], is_strict=is_strict)

    def _hooked(
        self, hook: DeliveryHook, rows: Sequence[Row], messages: Sequence[PubSubMessage], cid: str, limit: TimeLimit
    ) -> tuple[list[Row], list[PubSubMessage]]:
        """Without those that the topic's hook skips or deletes."""
        kept: list[tuple[Row, PubSubMessage]] = []
        for row, message in zip(rows, messages, strict=True):
            try:
                with limit:
                    action = hook.before_delivery(message, self.item, cid)
            except BaseException as e:  # as of targets
                self._failed([row], self._reason(e, limit), cid)
                continue
            if action == 'delete':
                self._settling.acknowledge([row.key])
            elif action == 'skip':
                at = self._now() + int(_SKIPPED * SECOND)
                self._settling.retry([row], at=at, attempts=row.attempts, text='skipped by a hook', waits_aside=True)
                self.expect(at)
            else:
                kept.append((row, message))
        return [row for row, _ in kept], [message for _, message in kept]

    # Failures

    def _reason(self, e: BaseException, limit: TimeLimit) -> BaseException:
        """Why what users wrote failed. limit: of its time. Raises GreenletExit if it is the task that ends."""
        if self._is_stopping and isinstance(e, gevent.GreenletExit):
            raise e
        return TimeoutError(f'It took longer than {limit.seconds:g} s') if e is limit.error else e

    def _failed(self, rows: Sequence[Row], e: BaseException, cid: str) -> None:
        self.figures.failed += len(rows)
        self.figures.last_error = described(e)
        self._waits_for_target = not self._target.is_there()
        due = self._retries.settle(rows, e, cid)
        if due:
            self.expect(due)

    # After a crash

    def _suspect(self) -> None:
        """The last holder died, maybe of one of the first messages, so they are delivered one by one. Raises Ended."""
        while self._is_stale or self._is_fetching:  # a stop waits for it: whoever is next does not know
            self._fetch()
            if self._is_fetching:
                self._bell.wait(_LOOK_EVERY)
        now, settings = self._now(), self.item.settings
        most = settings.max_in_flight * settings.delivery_batch_size + PENDING
        rows = suspects(self._head, now, most)
        if rows:
            self._settling.suspect(rows)
        dead = [row for row in self._head if row.crashes >= CRASHES]
        for row in dead:
            self._head.take([row])
            self._retries.bury_crashed(row)
        self.is_clean = True
