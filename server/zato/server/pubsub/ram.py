"""Messages that need no guarantee (has_gd=False): in this worker's memory only, bounded, lost when it ends.

They are delivered by the worker that they were published in, in its own order, beside those of the store. Where a subscriber
cannot be reached that way (it pulls, is paused, or there is none), the message is stored as any other.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import gevent

from zato.common.exception import PubSubReject, RetryLater, TopicFull
from zato.common.pubsub import PubSubMessage
from zato.server.config.cooperation import Bell
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.backoff import pause
from zato.server.pubsub.content import as_message
from zato.server.pubsub.draft import Draft
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.store.interface import HIGHEST, Row, StoredMessage
from zato.server.pubsub.target import Target

logger = logging.getLogger('zato.pubsub')

_MICROSECONDS: Final = 1_000_000


class RAMQueues:
    """One worker's. target_of: makes where messages of a subscription go. now: seconds since 1970."""

    def __init__(
        self,
        registry: Registry,
        target_of: Callable[[ConfigObject], Target],
        *,
        new_cid: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._target_of = target_of
        self._new_cid = new_cid
        self._now = now
        self._queues: dict[int, _Queue] = {}

    def put(self, draft: Draft) -> bool:
        """False if it has to be stored. Raises TopicFull."""
        topic = self._registry.topic_by_id(draft.message.topic_id)
        subscriptions = self._registry.subscriptions_of(draft.message.topic_id)
        if topic is None or draft.due or draft.only or not subscriptions or not all(map(_is_reachable, subscriptions)):
            return False
        queues = [self._queue_of(item) for item in subscriptions]
        most = topic.settings.max_depth_non_gd
        if any(len(queue) >= most for queue in queues):
            raise TopicFull(msg=f'Topic {topic.name} has {most:,} message(s) in memory that are not delivered yet, its most')
        for queue in queues:
            queue.put(draft.message)
        return True

    def forget(self, item: ConfigObject) -> None:
        """The subscription is gone, or has changed."""
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
        self._target = owner._target_of(item)
        self._ranks: tuple[deque[StoredMessage], ...] = tuple(deque() for _ in range(HIGHEST))
        self._size = 0
        self._bell = Bell()
        self._greenlet = gevent.spawn(self._run)

    def __len__(self) -> int:
        return self._size

    def put(self, message: StoredMessage) -> None:
        self._ranks[HIGHEST - message.priority].append(message)
        self._size += 1
        self._bell.ring()

    def stop(self) -> None:
        if self._size:
            logger.warning('%d message(s) to %s were lost: they were in memory only', self._size, self._item.name)
        self._greenlet.kill(block=False)

    def _run(self) -> None:
        while True:
            while not self._size:
                self._bell.wait()
            rank = next(rank for rank in self._ranks if rank)
            self._deliver(rank[0])
            rank.popleft()
            self._size -= 1

    def _deliver(self, message: StoredMessage) -> None:
        """Until it is delivered, expired, rejected, or was tried as often as it may be."""
        settings = self._item.settings
        attempts = 0
        while not message.expires_at or message.expires_at > self._owner._now() * _MICROSECONDS:
            cid = self._owner._new_cid()
            limit = gevent.Timeout(settings.delivery_timeout)
            try:
                with limit:
                    self._target.deliver([self._shown(message, attempts)], cid)
                return
            except gevent.GreenletExit:
                raise
            except BaseException as e:  # whatever a target raises is a failed delivery
                attempts += 1
                is_over = isinstance(e, PubSubReject) or 0 < settings.delivery_max_retry <= attempts
                seconds = e.seconds if isinstance(e, RetryLater) else pause(attempts, fixed=settings.wait_non_sock_err)
                logger.warning(
                    'Message %s, in memory only, was not delivered to %s (cid: %s, attempt %d): %s: %s; %s',
                    message.msg_id, self._item.name, cid, attempts, type(e).__name__, e,
                    'it is dropped' if is_over else f'it is tried again in {seconds:.1f} s',
                    extra={'action': 'pubsub.not_delivered', 'cid': cid},
                )  # fmt: skip
                if is_over:
                    return
                gevent.sleep(seconds)

    def _shown(self, message: StoredMessage, attempts: int) -> PubSubMessage:
        owner = self._owner
        topic = owner._registry.topic_by_id(message.topic_id)
        row = Row(0, 0, attempts, 0, 0, message)
        shown = as_message(row, self._item.settings.sub_key, topic, int(owner._now() * _MICROSECONDS))
        shown.has_gd = False
        return shown


def _is_reachable(item: ConfigObject) -> bool:
    return item.is_active and not item.settings.is_paused and item.settings.delivery_method == 'notify'
