"""A publisher over a store in memory, which follows the rules of the real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tests.unit.pubsub.registered import Registered, endpoint, subscription, topic
from tests.unit.pubsub.stores import FakeStore
from zato.common.alarm import Alarms
from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.ids import MessageIDs
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.content import as_message
from zato.server.pubsub.depth import Depths
from zato.server.pubsub.draft import Drafting
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.ram import RAMQueues
from zato.server.pubsub.store.interface import Operation, Publish, Row, StoredMessage
from zato.server.pubsub.store.plan import Known, plan
from zato.server.pubsub.target import Target
from zato.server.pubsub.writer import Writer

NOW = 1_700_000_000.0


class Hook:
    """answer: what it says of a message that is published, which it may change."""

    def __init__(self, answer: Callable[[PubSubMessage], str]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def before_publish(self, message: PubSubMessage, topic: ConfigObject, cid: str) -> str:
        self.asked.append((topic.name, cid))
        return self.answer(message)

    def before_delivery(self, message: PubSubMessage, subscription: ConfigObject, cid: str) -> str:
        return 'deliver'


class Told:
    """Those who are told of what was published."""

    rejected = 0

    def __init__(self) -> None:
        self.all: list[Publish] = []

    def published(self, publish: Publish) -> None:
        self.all.append(publish)

    def add(self, publish: Publish) -> None:
        self.published(publish)


class Publishing:
    """Topic /a, endpoint `e` that has subscribed to it and pulls. messages: what is stored, in order. most: bytes of one."""

    def __init__(self, most: int = 1_000) -> None:
        self.registered = Registered(topic(), endpoint(), subscription())
        self.registry = self.registered.registry
        self.hook: Hook | None = None
        self.messages: list[StoredMessage] = []
        self.error: Any = None
        self.depth = 0
        self.deliveries, self.published = Told(), Told()
        self._known: Known = {}
        self.store = FakeStore(self._carry_out)
        self.writer = Writer(self.store)
        self.writer.start()
        self.ram = RAMQueues(
            self.registry,
            lambda item: cast(Target, None),
            hook_of=lambda id: None,
            new_cid=lambda: 'cid',
            now=lambda: NOW,
        )
        self.publisher = Publisher(
            self.registry,
            self.writer,
            drafting=Drafting(MessageIDs(), most),
            depths=Depths(lambda topic_id, most: self.depth, Alarms()),
            ram=self.ram,
            deliveries=self.deliveries,
            published=cast(Any, self.published),
            hook_of=lambda topic_id: self.hook,
        )

    @property
    def topic(self) -> ConfigObject:
        found = self.registry.topic('/a')
        assert found is not None
        return found

    @property
    def data(self) -> list[Any]:
        return [message.data for message in self.shown()]

    def shown(self) -> list[PubSubMessage]:
        """As subscribers get them."""
        return [as_message(Row(0, 0, 0, 0, 0, message), '', self.topic, 0) for message in self.messages]

    def stop(self) -> None:
        self.ram.stop()
        self.writer.stop()

    def _carry_out(self, operation: Operation) -> None:
        assert isinstance(operation, Publish)
        if self.error is not None:
            operation.error = self.error
            return
        by_topic = {
            item.id: tuple(sub.id for sub in self.registry.subscriptions_of(item.id)) for item in self.registry.topics()
        }
        plan([operation], by_topic, self._known, last=len(self.messages))
        if operation.error is None:
            self.messages += [message for message, seq in zip(operation.messages, operation.seqs, strict=True) if seq]
