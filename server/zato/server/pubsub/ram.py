"""Messages that need no guarantee (has_gd=False): in this worker's memory only, bounded, lost when it ends.

They are delivered by the worker that they were published in, in its own order, beside those of the store. Where a subscriber
cannot be reached that way (it pulls, is paused, or there is none), the message is stored as any other; what is in memory
already waits until it can be reached again.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

import gevent

from zato.common.exception import PubSubReject, TopicFull
from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.moments import SECOND
from zato.server.config.cooperation import Bell, Slices, Stopped
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.backoff import pause_after
from zato.server.pubsub.content import as_message
from zato.server.pubsub.draft import Draft
from zato.server.pubsub.failure import described
from zato.server.pubsub.hook import DeliveryHook
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.store.interface import HIGHEST, Row, StoredMessage
from zato.server.pubsub.target import Target

logger = logging.getLogger('zato.pubsub')

_SKIPPED: Final = 1.0  #: seconds after which what a hook skipped is tried again


class RAMQueues:
    """One worker's. target_of: makes where messages of a subscription go. hook_of: of a topic, by its ID.

    now: seconds since 1970.
    """

    def __init__(
        self,
        registry: Registry,
        target_of: Callable[[ConfigObject], Target],
        *,
        hook_of: Callable[[int], DeliveryHook | None],
        new_cid: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self.registry = registry
        self.target_of = target_of
        self.hook_of = hook_of
        self.new_cid = new_cid
        self.now = now
        self._queues: dict[int, _Queue] = {}

    def put(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Those that need no guarantee. Returns the others, and what cannot be delivered from here: it has to be stored.

        Raises TopicFull, and then none was put.
        """
        here = [draft for draft in drafts if not draft.has_gd and self._can_take(draft)]
        if not here:
            return list(drafts)
        for topic_id, count in Counter(draft.message.topic_id for draft in here).items():
            self._check_room(topic_id, count)
        for draft in here:
            for item in self.registry.subscriptions_of(draft.message.topic_id):
                self._queue_of(item).put(draft.message)
        these = set(map(id, here))
        return [draft for draft in drafts if id(draft) not in these]

    def changed(self, item: ConfigObject) -> None:
        """The subscription can, or cannot, be reached, or in another way."""
        queue = self._queues.get(item.id)
        if queue is not None:
            queue.wake()

    def forget(self, item: ConfigObject) -> None:
        """The subscription is gone."""
        queue = self._queues.pop(item.id, None)
        if queue is not None:
            queue.stop()

    def depth(self, sub_id: int) -> int:
        queue = self._queues.get(sub_id)
        return len(queue) if queue is not None else 0

    def stop(self) -> None:
        for queue in self._queues.values():
            queue.stop()
        self._queues.clear()

    def _can_take(self, draft: Draft) -> bool:
        subscriptions = self.registry.subscriptions_of(draft.message.topic_id)
        is_special = draft.due or draft.only
        return bool(subscriptions) and not is_special and all(map(self.registry.is_delivered, subscriptions))

    def _check_room(self, topic_id: int, count: int) -> None:
        """Raises TopicFull."""
        topic = self.registry.topic_by_id(topic_id)
        most = topic.settings.max_depth_non_gd if topic is not None else 0
        if most and any(self.depth(item.id) + count > most for item in self.registry.subscriptions_of(topic_id)):
            name = topic.name if topic is not None else ''
            raise TopicFull(msg=f'Topic {name} has {most:,} message(s) in memory that are not delivered yet, its most')

    def _queue_of(self, item: ConfigObject) -> _Queue:
        queue = self._queues.get(item.id)
        if queue is None:
            queue = self._queues[item.id] = _Queue(self, item)
        return queue


class _Queue:
    """Of one subscription: by priority, then in order."""

    def __init__(self, owner: RAMQueues, item: ConfigObject) -> None:
        self._owner = owner
        self._item = item
        self._target = owner.target_of(item)
        self._ranks: tuple[deque[StoredMessage], ...] = tuple(deque() for _ in range(HIGHEST))
        self._size = 0
        self._bell = Bell()
        self._is_stopping = False
        self._greenlet = gevent.spawn(self._run)

    def __len__(self) -> int:
        return self._size

    def put(self, message: StoredMessage) -> None:
        self._ranks[HIGHEST - message.priority].append(message)
        self._size += 1
        self._bell.ring()

    def wake(self) -> None:
        self._bell.ring()

    def stop(self) -> None:
        if self._size:
            text = '%d message(s) to %s were lost: they were in memory only'
            logger.warning(text, self._size, self._item.name, extra={'action': 'pubsub.ram_lost'})
        self._is_stopping = True
        self._greenlet.kill(block=False)

    def _run(self) -> None:
        slices = Slices()
        while True:
            while not self._size or not self._is_reachable():
                self._bell.wait()
            rank = next(rank for rank in self._ranks if rank)
            self._deliver(rank[0])
            rank.popleft()
            self._size -= 1
            slices.now_and_then()

    def _is_reachable(self) -> bool:
        """As the subscription is now, which is how messages are delivered from here on."""
        item = self._owner.registry.subscription(self._item.id)
        if item is None or not self._owner.registry.is_delivered(item):
            return False
        if item is not self._item:
            self._item, self._target = item, self._owner.target_of(item)
        return True

    def _deliver(self, message: StoredMessage) -> None:
        """Until it is delivered, expired, rejected, or was tried as often as it may be."""
        owner, attempts = self._owner, 0
        while not message.expires_at or message.expires_at > owner.now() * SECOND:
            cid = owner.new_cid()
            limit = gevent.Timeout(self._item.settings.delivery_timeout)
            try:
                with limit:
                    is_over = self._attempt(self._shown(message, attempts), cid)
                seconds = _SKIPPED
            except BaseException as e:  # whatever a target raises is a failed delivery
                if isinstance(e, Stopped) or (self._is_stopping and isinstance(e, gevent.GreenletExit)):
                    raise
                attempts += 1
                seconds = pause_after(e, attempts, self._item.settings)
                is_over = isinstance(e, PubSubReject) or 0 < self._item.settings.delivery_max_retry <= attempts
                self._log(message, attempts, e, cid, 'it is dropped' if is_over else f'it is tried again in {seconds:.1f} s')
            if is_over:
                return
            gevent.sleep(seconds)
            while not self._is_reachable():
                self._bell.wait()

    def _attempt(self, message: PubSubMessage, cid: str) -> bool:
        """Is it over? It is not if a hook skips the message for now. Raises what the target and the hook raise."""
        hook = self._owner.hook_of(message.topic_id)
        action = hook.before_delivery(message, self._item, cid) if hook is not None else 'deliver'
        if action == 'deliver' and self._target.deliver([message], cid):
            raise ValueError('The target did not take it')
        return action != 'skip'

    def _log(self, message: StoredMessage, attempts: int, e: BaseException, cid: str, what: str) -> None:
        logger.warning(
            'Message %s, in memory only, was not delivered to %s (cid: %s, attempt %d): %s; %s',
            message.msg_id,
            self._item.name,
            cid,
            attempts,
            described(e),
            what,
            extra={'action': 'pubsub.not_delivered', 'cid': cid},
        )

    def _shown(self, message: StoredMessage, attempts: int) -> PubSubMessage:
        owner = self._owner
        topic = owner.registry.topic_by_id(message.topic_id)
        row = Row(0, 0, attempts, 0, 0, message)
        shown = as_message(row, self._item.settings.sub_key, topic, int(owner.now() * SECOND))
        shown.has_gd = False
        return shown
