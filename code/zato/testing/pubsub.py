"""`self.pubsub` in tests: what is published is checked as a server checks it, and kept for the test to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any, Final, cast

from zato.common.alarm import Alarms
from zato.common.config.kinds.pubsub_topic import PubSubTopic
from zato.common.config.server_conf import PubSub as PubSubConf
from zato.common.exception import NotAvailable
from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.ids import MessageIDs
from zato.common.pubsub.moments import SECOND
from zato.common.pubsub.names import SERVICE_TOPICS, service_topic
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.content import as_message
from zato.server.pubsub.depth import Depths
from zato.server.pubsub.draft import Draft, Drafting
from zato.server.pubsub.published import Published as Figures
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.ram import RAMQueues
from zato.server.pubsub.registry import TOPIC, Registry
from zato.server.pubsub.store.interface import Operation, Publish, Row, StoredMessage
from zato.server.pubsub.store.plan import Known, plan
from zato.server.pubsub.writer import Writer
from zato.server.service import Service
from zato.server.service.facade.pubsub import PubSub, PubSubParts
from zato.server.service.facade.pubsub_queues import PubSubQueues, QueueParts

_SUB_KEY: Final = 'zpsk.srv.test'
_SUB_ID: Final = 1
#: How messages may be told what a message has under another name.
_ALIASES: Final = {'msg_id': 'pub_msg_id', 'correl_id': 'pub_correl_id'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A message. name: of the topic, or of the service, that it was published to. data: as subscribers get it.

    options: those of `publish` that were given, but for whom it was published as. message: with all that subscribers get.
    """

    name: str
    data: Any
    options: Mapping[str, Any]
    msg_id: str
    message: PubSubMessage = field(repr=False)


class TestPubSub:
    """Of one test. exists: is there a service of that name? Every name that begins with a slash is one of a topic."""

    __test__ = False  # it is none, for all its name

    def __init__(self, exists: Callable[[str], bool]) -> None:
        self.published: list[Published] = []
        self._exists = exists
        self._registry = Registry()
        self._drafting = Drafting(MessageIDs(), PubSubConf().max_message_size)
        publisher = _Publisher(self._registry, self._drafting, self.published)
        self._parts = PubSubParts(
            publisher=publisher,
            registry=self._registry,
            queues=cast(QueueParts, None),
            make_topic=self._make_topic,
            security_id=lambda name: None,
        )

    def of(self, service: Service) -> PubSub:
        """What the service has as `self.pubsub`."""
        return _PubSub(service, self._parts)

    def message(self, service: str, data: Any, attributes: Mapping[str, Any]) -> PubSubMessage:
        """As a service gets it that was published to. Raises BadRequest, ContentTooLarge, TypeError for other attributes."""
        stored = self._drafting.make(_topic(service_topic(service)), 0, data, {}).message
        message = _shown(stored, service_topic(service))
        given = {_ALIASES.get(name, name): value for name, value in attributes.items()}
        checked = PubSubMessage(**{'published_at': message.published_at, **given})
        message.__dict__.update(checked.__dict__)
        return message

    def _make_topic(self, name: str) -> ConfigObject | None:
        is_topic = name.startswith('/')
        if not is_topic and not self._exists(name):
            return None
        topic = _topic(name if is_topic else service_topic(name), len(self._registry.topics()) + 1)
        self._registry.put(topic)
        return topic


class _PubSub(PubSub):
    def _topic(self, name: str | type[Service]) -> ConfigObject:
        known = self._parts.registry.topic(name) if isinstance(name, str) else None
        return known or super()._topic(name)

    @property
    def _queues(self) -> PubSubQueues:
        text = "There are no queues and no subscriptions in tests: put something in place of all by fake('pubsub', …)"
        raise NotAvailable(self._service.cid, text)


class _Publisher(Publisher):
    """Keeps what was published, and what options it was given."""

    def __init__(self, registry: Registry, drafting: Drafting, kept: list[Published]) -> None:
        super().__init__(
            registry,
            cast(Writer, _Writer()),
            drafting=drafting,
            depths=Depths(lambda topic_id, most: 0, Alarms()),
            ram=cast(RAMQueues, _NoRAM()),
            deliveries=self,
            published=cast(Figures, _NoFigures()),
            hook_of=lambda topic_id: None,
        )
        self._topic_of = registry.topic_by_id
        self._kept = kept
        self._options: dict[str, Mapping[str, Any]] = {}

    def draft(
        self, topic: ConfigObject, endpoint: ConfigObject, data: Any, options: Mapping[str, Any], cid: str = ''
    ) -> Draft | None:
        made = super().draft(topic, endpoint, data, options, cid)
        if made is not None:
            self._options[made.message.msg_id] = dict(options)
        return made

    def published(self, publish: Publish) -> None:
        for stored, seq in zip(publish.messages, publish.seqs, strict=True):
            topic = self._topic_of(stored.topic_id)
            if seq and topic is not None:
                message = _shown(stored, topic.name)
                name = topic.name.removeprefix(SERVICE_TOPICS)
                options = self._options[stored.msg_id]
                self._kept.append(
                    Published(name=name, data=message.data, options=options, msg_id=message.msg_id, message=message)
                )


class _Writer:
    """Stores nothing, by the rules of those that do: IDs are given once."""

    def __init__(self) -> None:
        self._known: Known = {}
        self._last = 0

    def run(self, operation: Operation) -> Operation:
        assert isinstance(operation, Publish)
        subs = {message.topic_id: (_SUB_ID,) for message in operation.messages}
        operation.only = {}
        plan([operation], subs, self._known, last=self._last)
        self._last += len(operation.messages)
        operation.done(operation)
        if operation.error is not None:
            raise operation.error
        return operation


class _NoRAM:
    def put(self, drafts: Sequence[Draft]) -> list[Draft]:
        return list(drafts)


class _NoFigures:
    rejected = 0

    def add(self, publish: Publish) -> None:
        """Nobody counts."""


def _topic(name: str, id: int = 0) -> ConfigObject:
    settings = PubSubTopic(max_depth_gd=0)
    return ConfigObject(id=id, kind=TOPIC, name=name, is_active=True, version=1, settings=settings)


def _shown(stored: StoredMessage, topic_name: str) -> PubSubMessage:
    topic = _topic(topic_name, stored.topic_id)
    return as_message(Row(0, 0, 0, 0, 0, stored), _SUB_KEY, topic, int(time() * SECOND))
