"""What topics, endpoints and subscriptions a worker has, and who may publish and subscribe to what.

Its contents are those of the ODB, put here by the run-time halves of their kinds. What is published is not here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol, TypeVar

from zato.common.config.kind import kinds
from zato.common.config.kinds.pubsub_endpoint import PUB_ONLY, PUB_SUB, SUB_ONLY, PubSubEndpoint, patterns_of
from zato.common.config.kinds.pubsub_subscription import NOTIFY
from zato.common.config.stored import StoredObject, with_defaults
from zato.common.pubsub.names import INTERNAL_ENDPOINT
from zato.common.pubsub.pattern import EVERY_TOPIC, Action, Patterns
from zato.server.config.cooperation import Bell
from zato.server.config.runtime import ConfigObject

logger = logging.getLogger('zato.pubsub')

T = TypeVar('T')

TOPIC: Final = 'pubsub_topic'
ENDPOINT: Final = 'pubsub_endpoint'
SUBSCRIPTION: Final = 'pubsub_subscription'

#: The endpoint of services that publish: every server has it.
INTERNAL: Final = ConfigObject(
    id=0,
    kind=ENDPOINT,
    name=INTERNAL_ENDPOINT,
    is_active=True,
    version=1,
    settings=PubSubEndpoint(
        endpoint_type='internal', topic_patterns=f'pub={EVERY_TOPIC}\nsub={EVERY_TOPIC}', is_internal=True
    ),
)

_ROLES: Final = {'pub': (PUB_ONLY, PUB_SUB), 'sub': (SUB_ONLY, PUB_SUB)}
_MOST_ANSWERS: Final = 10_000  #: that are remembered: clients may ask for any number of names


class Listener(Protocol):
    """Told of changes, in the greenlet that applies them: it may wait, everything else in the ODB's log waits meanwhile.

    What it raises is logged. The registry has changed already. To apply a change of its own there would never end.
    """

    def subscribed(self, item: ConfigObject) -> None:
        """A subscription is there, or can be used again."""

    def changed(self, old: ConfigObject, new: ConfigObject) -> None:
        """A subscription changed, or something that it refers to did."""

    def suspended(self, item: ConfigObject) -> None:
        """A subscription cannot be used as it is configured now. It is there, and messages for it are to be kept."""

    def unsubscribed(self, item: ConfigObject) -> None:
        """A subscription was deleted."""

    def topic_changed(self, old: ConfigObject | None, new: ConfigObject | None) -> None:
        """A topic is there, changed, or was deleted. Of one that cannot be used now nothing is told."""


class Registry:
    """One worker's. Objects that are inactive are in it, those that are down are not."""

    def __init__(self) -> None:
        self.generation = 0  #: grows with every change
        self._items: dict[str, dict[int, ConfigObject]] = {TOPIC: {}, ENDPOINT: {}, SUBSCRIPTION: {}}
        self._held: dict[int, StoredObject] = {}
        self._by_key: dict[tuple[object, ...], ConfigObject] = {}  # of what only one has, see _keys_of
        self._by_topic: dict[int, tuple[ConfigObject, ...]] = {}
        self._patterns: dict[int, Patterns] = {}
        self._answers: dict[tuple[Action, int, str], str] = {}
        self._listeners: list[Listener] = []
        self._changed = Bell()

    # Topics

    def topic(self, name: str) -> ConfigObject | None:
        return self._by_key.get((TOPIC, 'name', name))

    def topic_by_id(self, id: int) -> ConfigObject | None:
        return self._items[TOPIC].get(id)

    def topics(self) -> list[ConfigObject]:
        """In no order."""
        return list(self._items[TOPIC].values())

    # Endpoints

    def endpoint(self, id: int) -> ConfigObject | None:
        """0 is that of services that publish."""
        return self._items[ENDPOINT].get(id) if id else INTERNAL

    def endpoint_by_name(self, name: str) -> ConfigObject | None:
        return INTERNAL if name == INTERNAL_ENDPOINT else self._by_key.get((ENDPOINT, 'name', name))

    def endpoints(self) -> list[ConfigObject]:
        """In no order; that of services that publish is not among them."""
        return list(self._items[ENDPOINT].values())

    def endpoint_by_security(self, id: int) -> ConfigObject | None:
        """id: of the security definition."""
        return self._by_key.get((ENDPOINT, 'security', id))

    def endpoint_by_service(self, id: int) -> ConfigObject | None:
        """id: of the service as an object of configuration."""
        return self._by_key.get((ENDPOINT, 'service', id))

    # Subscriptions

    def subscription(self, id: int) -> ConfigObject | None:
        return self._items[SUBSCRIPTION].get(id)

    def subscription_by_key(self, sub_key: str) -> ConfigObject | None:
        return self._by_key.get((SUBSCRIPTION, 'sub_key', sub_key))

    def subscriptions_of(self, topic_id: int) -> tuple[ConfigObject, ...]:
        """By ID."""
        return self._by_topic.get(topic_id, ())

    def find_subscription(self, topic_id: int, endpoint_id: int) -> ConfigObject | None:
        return self._by_key.get((SUBSCRIPTION, 'topic', topic_id, endpoint_id))

    def subscriptions(self) -> list[ConfigObject]:
        """In no order."""
        return list(self._items[SUBSCRIPTION].values())

    def is_delivered(self, item: ConfigObject) -> bool:
        """Are a subscription's messages to be delivered now? Not while it is paused, or it or its endpoint inactive."""
        settings = item.settings
        if not item.is_active or settings.is_paused or settings.delivery_method != NOTIFY:
            return False
        endpoint = self.endpoint(settings.endpoint)
        return endpoint is not None and endpoint.is_active and settings.topic in self._items[TOPIC]

    # What cannot be used

    def held(self, kind: str) -> list[StoredObject]:
        """Those that are there and cannot be used as they are configured, in no order."""
        return [item for item in self._held.values() if item.kind == kind]

    # Who may do what

    def may_publish(self, endpoint: ConfigObject, topic: str) -> str:
        """The pattern that allows it, such as `pub=/customer/*`; '' if none does."""
        return self._allowed('pub', endpoint, topic)

    def may_subscribe(self, endpoint: ConfigObject, topic: str) -> str:
        """The same of subscribing."""
        return self._allowed('sub', endpoint, topic)

    # Changes

    def listen(self, listener: Listener) -> None:
        """It is told of what changes from now on."""
        self._listeners.append(listener)

    def wait_for(self, find: Callable[[], T | None], seconds: float) -> T | None:
        """What `find` finds here, as soon as there is something; None if there is nothing in that time."""
        end = monotonic() + seconds
        while (found := find()) is None and (left := end - monotonic()) > 0:
            self._changed.wait(left)
        return found

    def put(self, item: ConfigObject) -> None:
        """The object is there, or changed."""
        old = self._items[item.kind].get(item.id)
        if old is not None:
            self._forget(old)
        self._items[item.kind][item.id] = item
        for key in _keys_of(item):
            self._by_key[key] = item
        self._update(item)
        if item.kind == SUBSCRIPTION:
            if old is None:
                self._tell(lambda listener: listener.subscribed(item))
            else:
                self._tell(lambda listener: listener.changed(old, item))
        elif item.kind == TOPIC:
            self._tell(lambda listener: listener.topic_changed(old, item))

    def remove(self, item: ConfigObject, *, is_gone: bool) -> None:
        """is_gone: was it deleted, or is it down?"""
        old = self._items[item.kind].pop(item.id, None)
        if old is not None:
            self._forget(old)
            self._update(old)
        if is_gone:
            self._tell_gone(item)
        elif item.kind == SUBSCRIPTION:
            self._tell(lambda listener: listener.suspended(item))

    def hold(self, item: StoredObject) -> None:
        """The object is down."""
        self._held[item.id] = item
        self.generation += 1

    def release(self, id: int, *, is_gone: bool) -> None:
        """It no longer is, if it was. is_gone: as it was deleted."""
        held = self._held.pop(id, None)
        if held is not None:
            self.generation += 1
            if is_gone:
                self._tell_gone(as_stored(held))

    def _forget(self, item: ConfigObject) -> None:
        for key in _keys_of(item):
            found = self._by_key.get(key)
            if found is not None and found.id == item.id:  # two may have swapped their names
                del self._by_key[key]

    def _update(self, item: ConfigObject) -> None:
        """What is made of the objects is made anew."""
        if item.kind == SUBSCRIPTION:
            topic = item.settings.topic
            others = [other for other in self._by_topic.pop(topic, ()) if other.id != item.id]
            now = self._items[SUBSCRIPTION].get(item.id)
            found = sorted([*others, now] if now is not None else others, key=lambda one: one.id)
            if found:
                self._by_topic[topic] = tuple(found)
        self._patterns.pop(item.id, None)
        self._answers.clear()
        self.generation += 1
        self._changed.ring()

    def _allowed(self, action: Action, endpoint: ConfigObject, topic: str) -> str:
        key = (action, endpoint.id, topic)
        found = self._answers.get(key)
        if found is None:
            found = self._judge(action, endpoint, topic)
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            self._answers[key] = found
        return found

    def _judge(self, action: Action, endpoint: ConfigObject, topic: str) -> str:
        settings = endpoint.settings
        if not endpoint.is_active or settings.role not in _ROLES[action]:
            return ''
        patterns = self._patterns.get(endpoint.id)
        if patterns is None:
            patterns = self._patterns[endpoint.id] = patterns_of(settings.endpoint_type, settings.topic_patterns)
        return patterns.match(action, topic)

    def _tell_gone(self, item: ConfigObject) -> None:
        if item.kind == SUBSCRIPTION:
            self._tell(lambda listener: listener.unsubscribed(item))
        elif item.kind == TOPIC:
            self._tell(lambda listener: listener.topic_changed(item, None))

    def _tell(self, what: Callable[[Listener], None]) -> None:
        for listener in self._listeners:
            try:
                what(listener)
            except Exception:
                logger.exception('A change of subscriptions was not taken over', extra={'action': 'pubsub.listener_failed'})


def _keys_of(item: ConfigObject) -> list[tuple[object, ...]]:
    """Under which an object is found, each of which only one has: kind, what it is, and its value."""
    settings = item.settings
    if item.kind == TOPIC:
        return [(TOPIC, 'name', item.name)]
    if item.kind == ENDPOINT:
        identities = [(ENDPOINT, name, id) for name in ('security', 'service') if (id := getattr(settings, name))]
        return [(ENDPOINT, 'name', item.name), *identities]
    return [(SUBSCRIPTION, 'sub_key', settings.sub_key), (SUBSCRIPTION, 'topic', settings.topic, settings.endpoint)]


def as_stored(held: StoredObject) -> ConfigObject:
    """Of one that cannot be used: variables are not filled in, what it refers to is right."""
    kind = kinds()[held.kind]
    return ConfigObject(
        id=held.id,
        kind=held.kind,
        name=held.name,
        is_active=held.is_active,
        version=held.version,
        settings=kind.settings(**with_defaults(kind, held.settings)),
    )
