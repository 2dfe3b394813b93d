"""Messages that clients pull, as they get them: what the hook of their topic says of each is done before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time
from typing import Final

from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.moments import SECOND
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.content import as_message
from zato.server.pubsub.failure import described
from zato.server.pubsub.hook import DeliveryHook
from zato.server.pubsub.pull import GiveBack, Pulls
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.store.interface import Row

_VISIBILITY: Final = 60.0  #: seconds that a hook may take for all messages of one call
_PAUSE: Final = 1.0  #: seconds after which what a hook skipped, or failed with, is handed out again


class PulledMessages:
    """hook_of: of a topic, by its ID, None for none. All methods raise StoreUnavailable.

    There are none of a subscription that is paused, or inactive.
    """

    def __init__(self, pulls: Pulls, registry: Registry, hook_of: Callable[[int], DeliveryHook | None]) -> None:
        self._pulls = pulls
        self._registry = registry
        self._hook_of = hook_of

    def get(self, subscription: ConfigObject, cid: str, *, most: int, visibility: float) -> tuple[str, list[PubSubMessage]]:
        """The lease, and the messages that it is of; '' without any. visibility: seconds."""
        if not _hands_out(subscription):
            return '', []
        max_retry = subscription.settings.delivery_max_retry
        lease_id, rows = self._pulls.get(subscription.id, most=most, visibility=visibility, max_retry=max_retry)
        messages = self._messages(rows, subscription)
        hook = self._hook_of(subscription.settings.topic)
        if hook is not None and messages:
            messages = self._hooked(hook, messages, subscription, lease_id, cid)
        return lease_id if messages else '', messages

    def drain(self, subscription: ConfigObject, cid: str, *, most: int) -> list[PubSubMessage]:
        """The first messages, which are gone from the queue."""
        if not _hands_out(subscription):
            return []
        if self._hook_of(subscription.settings.topic) is None:
            rows = self._pulls.drain(subscription.id, most=most, max_retry=subscription.settings.delivery_max_retry)
            return self._messages(rows, subscription)
        lease_id, messages = self.get(subscription, cid, most=most, visibility=_VISIBILITY)
        lost = self._pulls.acknowledge(subscription.id, [message.msg_id for message in messages], lease_id)
        return [message for message in messages if message.msg_id not in lost]

    def bring_back(self) -> list[int]:
        """What clients did not acknowledge in time is in its queue again though nobody asks for it. Returns whose queues."""
        late = [item for id in self._pulls.late() if (item := self._registry.subscription(id)) is not None]
        for item in late:
            self._pulls.bring_back(item.id, max_retry=item.settings.delivery_max_retry)
        return [item.id for item in late]

    def _messages(self, rows: Sequence[Row], subscription: ConfigObject) -> list[PubSubMessage]:
        topic, now = self._registry.topic_by_id(subscription.settings.topic), int(time() * SECOND)
        return [as_message(row, subscription.settings.sub_key, topic, now) for row in rows]

    def _hooked(
        self, hook: DeliveryHook, messages: Sequence[PubSubMessage], subscription: ConfigObject, lease_id: str, cid: str
    ) -> list[PubSubMessage]:
        """Without those that the hook skips or deletes, or fails with."""
        kept: list[PubSubMessage] = []
        deleted: list[str] = []
        for message in messages:
            try:
                action = hook.before_delivery(message, subscription, cid)
            except Exception as e:  # of whatever kind, it is the failure of this delivery
                self._return(subscription, message, lease_id, GiveBack(delay=_PAUSE, error=described(e)))
                continue
            if action == 'delete':
                deleted.append(message.msg_id)
            elif action == 'skip':
                self._return(
                    subscription, message, lease_id, GiveBack(delay=_PAUSE, error='skipped by a hook', is_attempt=False)
                )
            else:
                kept.append(message)
        if deleted:
            self._pulls.acknowledge(subscription.id, deleted, lease_id)
        return kept

    def _return(self, subscription: ConfigObject, message: PubSubMessage, lease_id: str, how: GiveBack) -> None:
        max_retry = subscription.settings.delivery_max_retry
        self._pulls.give_back(subscription.id, [message.msg_id], how, max_retry=max_retry, lease_id=lease_id)


def _hands_out(subscription: ConfigObject) -> bool:
    return subscription.is_active and not subscription.settings.is_paused
