"""What services do with queues through `self.pubsub`: take messages, look at them, subscribe (source: classic Zato)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from zato.common.config.kind import find_kind
from zato.common.config.kinds.pubsub_endpoint import REST
from zato.common.config.kinds.pubsub_subscription import PULL
from zato.common.exception import BadRequest, NotFound
from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.moments import SECOND
from zato.server.config.runtime import ConfigObject
from zato.server.propagate.change import make_change
from zato.server.propagate.configuration import Configuration
from zato.server.propagate.ledger import Actor
from zato.server.pubsub.automatic import subscribe, unsubscribe
from zato.server.pubsub.content import as_message, attributes_of
from zato.server.pubsub.listed import Listed
from zato.server.pubsub.pulled import PulledMessages
from zato.server.pubsub.queues import Queues
from zato.server.pubsub.registry import TOPIC, Registry
from zato.server.pubsub.store.interface import Row, StoredMessage

PAGE: Final = 50  #: messages
_ALL: Final = 2**30  #: bytes of data; no message has more


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueParts:
    """One worker's. now: seconds since 1970."""

    registry: Registry
    configuration: Configuration
    pulled: PulledMessages
    queues: Queues
    now: Callable[[], float]


class PubSubQueues:
    """Of one service. actor: who changes configuration on its behalf."""

    def __init__(self, parts: QueueParts, cid: str, actor: Callable[[], Actor]) -> None:
        self._parts = parts
        self._cid = cid
        self._actor = actor

    def take(self, topic_name: str, sub_key: str) -> list[PubSubMessage]:
        """The first messages, as many as the subscription's batch size; they are gone. Raises NotFound, BadRequest."""
        item = self.subscription(sub_key, topic_name)
        if item.settings.delivery_method != PULL:
            text = f'Messages of {sub_key} are delivered, so they cannot be taken; its delivery method is not {PULL}'
            raise BadRequest(self._cid, text, needs_msg=True)
        return self._parts.pulled.drain(item, self._cid, most=item.settings.delivery_batch_size)

    def page(self, topic_name: str, sub_key: str, number: int) -> list[PubSubMessage]:
        """Messages that wait, in the order of delivery. number: of the page, from 1 on. Raises NotFound."""
        item = self.subscription(sub_key, topic_name)
        after: tuple[int, ...] = ()
        for _ in range(number - 1):
            after = self._parts.queues.browse(item.id, 'ready', after=after, limit=PAGE).next
            if not after:
                return []
        found = self._parts.queues.browse(item.id, 'ready', after=after, limit=PAGE).messages
        whole = (self._find(one.msg_id, item) if one.is_cut else one for one in found)
        return [self._shown(one, item) for one in whole if one is not None]  # it may have been delivered meanwhile

    def message(self, msg_id: str, sub_key: str = '') -> PubSubMessage:
        """Raises NotFound."""
        item = self.subscription(sub_key) if sub_key else None
        found = self._find(msg_id, item)
        if found is None:
            raise NotFound(self._cid, f'There is no message {msg_id}')
        return self._shown(found, item)

    def delete(self, sub_key: str, msg_id: str) -> bool:
        """Was it there? Raises NotFound for an unknown subscription."""
        return self._parts.queues.delete(self.subscription(sub_key).id, [msg_id]) > 0

    def subscribe(self, topic: ConfigObject, endpoint_name: str, settings: Mapping[str, Any]) -> str:
        """Its sub key. Raises NotFound, BadRequest."""
        endpoint = self._parts.registry.endpoint_by_name(endpoint_name)
        if endpoint is None:
            raise NotFound(self._cid, f'There is no endpoint {endpoint_name}')
        parts = self._parts
        if endpoint.settings.endpoint_type == REST and not settings.keys() & {'delivery_method', 'rest_connection'}:
            settings = {**settings, 'delivery_method': PULL}
        item = subscribe(parts.configuration, parts.registry, topic, endpoint, actor=self._actor(), **settings)
        return str(item.settings.sub_key)

    def unsubscribe(self, sub_key: str) -> None:
        """Without effect if there is no such subscription. What it has not delivered becomes dead letters."""
        item = self._parts.registry.subscription_by_key(sub_key)
        if item is not None:
            unsubscribe(self._parts.configuration, item, self._actor())

    def create_topic(self, name: str, settings: Mapping[str, Any]) -> ConfigObject:
        """Raises Conflict, BadRequest, NotFound if this worker does not have it in time."""
        change = make_change('create', find_kind(TOPIC), {'name': name, **settings})
        self._parts.configuration.apply([change], self._actor())
        topic = self._parts.registry.topic(name)
        if topic is None:
            raise NotFound(self._cid, f'Topic {name} was created, and cannot be used; see the alarms')
        return topic

    def subscription(self, sub_key: str, topic_name: str = '') -> ConfigObject:
        """topic_name: that it must be to, '' for any. Raises NotFound."""
        registry = self._parts.registry
        item = registry.subscription_by_key(sub_key)
        topic = registry.topic_by_id(item.settings.topic) if item is not None else None
        if item is None or (topic_name and (topic is None or topic.name != topic_name)):
            to = f' to {topic_name}' if topic_name else ''
            raise NotFound(self._cid, f'There is no subscription {sub_key}{to}')
        return item

    def _find(self, msg_id: str, item: ConfigObject | None) -> Listed | None:
        """With all of its data."""
        return self._parts.queues.find(msg_id, most=_ALL, sub_id=item.id if item is not None else 0)

    def _shown(self, found: Listed, item: ConfigObject | None) -> PubSubMessage:
        topic = self._parts.registry.topic_by_id(found.topic_id)
        sub_key = item.settings.sub_key if item is not None else ''
        message = as_message(_row_of(found), sub_key, topic, int(self._parts.now() * SECOND))
        message.__dict__.update(attributes_of(found.meta))
        return message


def _row_of(found: Listed) -> Row:
    stored = StoredMessage(
        msg_id=found.msg_id,
        topic_id=found.topic_id,
        priority=found.priority,
        pub_time=found.pub_time,
        expires_at=found.expires_at,
        mime=found.mime,
        form=found.form,  # type: ignore[arg-type]  # one of them, as it was stored
        size=found.size,
        endpoint_id=found.endpoint_id,
        keep_until=0,
        meta=None,
        data=found.part,
    )
    return Row(found.rank, found.seq, found.attempts, found.crashes, found.not_before, stored)
