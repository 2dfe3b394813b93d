"""What publish/subscribe uses of a worker's other objects: services and connections that messages go to, hooks of topics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zato.common.config.kinds.pubsub_endpoint import SERVICE
from zato.common.config.kinds.pubsub_subscription import PubSubSubscription
from zato.common.exception import ConnectionDown
from zato.server.config.runtime import ConfigObject
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.push import Push
from zato.server.pubsub.registry import SUBSCRIPTION, Registry
from zato.server.pubsub.subs import SubRow
from zato.server.pubsub.target import Target
from zato.server.service.pubsub import ServiceHook, ServiceTarget

if TYPE_CHECKING:
    from zato.server.config.objects import ConfigObjects
    from zato.server.service.invoker import Invoker


class PubSubObjects:
    """One worker's. `use` tells what runs services, before there is anything to deliver."""

    def __init__(self, registry: Registry, objects: ConfigObjects, connections: OutgoingConnections) -> None:
        self.registry = registry
        self._objects = objects
        self._connections = connections
        self._invoker: Invoker | None = None
        self._hooks: dict[int, tuple[int, ServiceHook | None]] = {}  # topic → generation of the registry, hook

    def use(self, invoker: Invoker) -> None:
        self._invoker = invoker

    def target_of(self, item: ConfigObject) -> Target:
        """Raises nothing: what is not there fails when something is delivered to it."""
        assert self._invoker is not None
        endpoint = self.registry.endpoint(item.settings.endpoint)
        settings = item.settings
        if endpoint is not None and endpoint.settings.endpoint_type == SERVICE:
            name = partial(self._name_of, endpoint.settings.service)
            is_single = settings.delivery_batch_size == 1 and (settings.is_internal or not settings.wrap_one_msg_in_list)
            return ServiceTarget(self._invoker, name, wraps=not is_single)
        return Push(
            partial(self._connection, settings.rest_connection),
            method=settings.rest_method,
            is_list=settings.delivery_batch_size > 1 or settings.wrap_one_msg_in_list,
            rejects_4xx=settings.reject_on_4xx,
        )

    def hook_of(self, topic_id: int) -> ServiceHook | None:
        """None if the topic has none."""
        generation = self.registry.generation
        found = self._hooks.get(topic_id)
        if found is None or found[0] != generation:
            topic = self.registry.topic_by_id(topic_id)
            id = topic.settings.hook_service if topic is not None else None
            hook = ServiceHook(self._invoker, self._name_of(id)) if id and self._invoker is not None else None
            found = self._hooks[topic_id] = generation, hook
        return found[1]

    def tell_hook(self, what: str, row: SubRow) -> None:
        """what: 'on_subscribed', 'on_unsubscribed'.

        In the background: whoever applies configuration, or starts a worker, does not wait for a service.
        """
        topic, hook = self.registry.topic_by_id(row.topic_id), self.hook_of(row.topic_id)
        if topic is not None and hook is not None and self._invoker is not None:
            item = self.registry.subscription(row.id) or _as_it_was(row)
            cid = self.new_cid()
            self._invoker.background.spawn(f'{what} of {hook.name}', cid, hook.tell, what, item, topic, cid)

    def new_cid(self) -> str:
        assert self._invoker is not None
        return self._invoker.cids.new()

    def service(self, name: str) -> ConfigObject | None:
        """None if there is none, or it is down."""
        stored = self._objects.find_stored(SERVICE, name)
        return self._objects.get(stored.id) if stored is not None else None

    def security_id(self, name: str) -> int | None:
        """Of a Basic Auth definition, None if there is none."""
        stored = self._objects.find_stored('security_basic_auth', name)
        return stored.id if stored is not None else None

    def _connection(self, id: int) -> RESTConnection:
        """Raises ConnectionDown."""
        found = self._connections.by_id(id)
        if not isinstance(found, RESTConnection):
            raise ConnectionDown(msg=self._objects.error_of(id) or 'The outgoing REST connection is not there')
        return found

    def _name_of(self, id: int) -> str:
        """Of a service, '' if it is no longer there."""
        stored = self._objects.stored.get(id)
        return stored.name if stored is not None else ''


def _as_it_was(row: SubRow) -> ConfigObject:
    """A subscription that was deleted: all that is still known of it."""
    settings = PubSubSubscription(topic=row.topic_id, endpoint=0, sub_key=row.sub_key)
    return ConfigObject(id=row.id, kind=SUBSCRIPTION, name=row.sub_key, is_active=False, version=0, settings=settings)
