"""Topics, endpoints and subscriptions that come and go by themselves: as a service is published to, as a client subscribes.

Workers may make the same at once: one of them succeeds, and the others find what it made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from zato.common.config.kind import find_kind
from zato.common.config.kinds.pubsub_endpoint import SERVICE
from zato.common.exception import Conflict, NotFound, ServiceUnavailable
from zato.common.pubsub.ids import new_sub_key
from zato.common.pubsub.names import service_endpoint, service_topic
from zato.server.config.runtime import ConfigObject
from zato.server.propagate.change import Change, make_change
from zato.server.propagate.configuration import Configuration
from zato.server.propagate.ledger import Actor
from zato.server.pubsub.registry import ENDPOINT, SUBSCRIPTION, TOPIC, Registry

_ACTOR: Final = Actor('pub/sub', 'admin')
_TRIES: Final = 3
_PATIENCE: Final = 3.0  #: seconds, after each try: workers look each second for what others wrote


def ensure_service_subscription(configuration: Configuration, registry: Registry, service: ConfigObject) -> ConfigObject:
    """The topic for messages to a service, an object of that kind, which has subscribed to it when this returns.

    Raises BadRequest (its name is too long, or its endpoint may not subscribe), ServiceUnavailable, ODBUnavailable.
    """
    wanted = _ServiceSubscription(registry, service)
    return wanted.find() or _make(configuration, registry, wanted.find, wanted.changes, wanted.title)


def subscribe(
    configuration: Configuration,
    registry: Registry,
    topic: ConfigObject,
    endpoint: ConfigObject,
    *,
    actor: Actor = _ACTOR,
    **settings: Any,
) -> ConfigObject:
    """The endpoint's subscription to the topic; if there is none, a new one with these settings.

    Raises BadRequest (the settings do not fit, or the endpoint may not subscribe), ServiceUnavailable, ODBUnavailable.
    """

    def find() -> ConfigObject | None:
        return registry.find_subscription(topic.id, endpoint.id)

    def changes() -> Iterator[Change]:
        check_not_held(registry, SUBSCRIPTION, topic=topic.id, endpoint=endpoint.id)
        key = new_sub_key(endpoint.settings.endpoint_type)
        yield _create(SUBSCRIPTION, key, sub_key=key, topic_id=topic.id, endpoint_id=endpoint.id, **settings)

    title = f'The subscription of endpoint {endpoint.name} to topic {topic.name}'
    return find() or _make(configuration, registry, find, changes, title, actor=actor)


def unsubscribe(configuration: Configuration, subscription: ConfigObject, actor: Actor) -> None:
    """What it has not delivered becomes dead letters. Without effect if it is gone already. Raises ODBUnavailable."""
    change = make_change('delete', find_kind(SUBSCRIPTION), {'id': subscription.id})
    try:
        configuration.apply([change], actor, is_system=True)
    except NotFound:
        pass  # another worker did the same


@dataclass(frozen=True, slots=True)
class _ServiceSubscription:
    registry: Registry
    service: ConfigObject

    @property
    def topic_name(self) -> str:
        return service_topic(self.service.name)

    @property
    def title(self) -> str:
        return f'Topic {self.topic_name}'

    def find(self) -> ConfigObject | None:
        """The topic, once all three are there."""
        topic, endpoint = self._found()
        if topic is None or endpoint is None or self.registry.find_subscription(topic.id, endpoint.id) is None:
            return None
        return topic

    def changes(self) -> Iterator[Change]:
        """What creates those that are missing. Raises ServiceUnavailable."""
        service, registry = self.service, self.registry
        topic, endpoint = self._found()
        if topic is None:
            check_not_held(registry, TOPIC, target_service=service.id)
            yield _create(TOPIC, self.topic_name, target_service_id=service.id, is_internal=True)
        if endpoint is None:
            check_not_held(registry, ENDPOINT, service=service.id)
            name = service_endpoint(service.name)
            yield _create(ENDPOINT, name, endpoint_type=SERVICE, service_id=service.id, is_internal=True)
        if topic is not None and endpoint is not None:
            check_not_held(registry, SUBSCRIPTION, topic=topic.id, endpoint=endpoint.id)
        sub_key = new_sub_key(SERVICE)
        yield _create(
            SUBSCRIPTION,
            sub_key,
            sub_key=sub_key,
            topic=self.topic_name,
            endpoint=endpoint.name if endpoint is not None else service_endpoint(service.name),
            delivery_batch_size=1,
            wrap_one_msg_in_list=False,
            delivery_max_retry=0,
            is_internal=True,
        )

    def _found(self) -> tuple[ConfigObject | None, ConfigObject | None]:
        """Topic and endpoint."""
        return self.registry.topic(self.topic_name), self.registry.endpoint_by_service(self.service.id)


def _make(
    configuration: Configuration,
    registry: Registry,
    find: Callable[[], ConfigObject | None],
    changes: Callable[[], Iterator[Change]],
    title: str,
    *,
    actor: Actor = _ACTOR,
) -> ConfigObject:
    """What `find` finds once the changes are made. Raises as the functions above do."""
    for _ in range(_TRIES):
        try:
            configuration.apply([*changes()], actor, is_system=True)
        except Conflict:
            pass  # another worker has made some of it
        found = registry.wait_for(find, _PATIENCE)
        if found is not None:
            return found
    raise ServiceUnavailable(msg=f'{title} is not there in this worker, though it was created; try again')


def _create(kind: str, name: str, **settings: Any) -> Change:
    return make_change('create', find_kind(kind), {'name': name, **settings})


def check_not_held(registry: Registry, kind: str, **settings: int) -> None:
    """Raises ServiceUnavailable if there is such an object, and it is down."""
    for item in registry.held(kind):
        if all(item.settings.get(name) == value for name, value in settings.items()):
            raise ServiceUnavailable(msg=f'{find_kind(kind).title(item.name)} cannot be used as it is configured now')
