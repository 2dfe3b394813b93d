"""`self.pubsub`: durable messages to topics and to services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Unpack, overload

from zato.common.exception import BadRequest, Forbidden, NotFound
from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.names import service_topic
from zato.server.config.runtime import ConfigObject
from zato.server.pattern.callback import name_of
from zato.server.propagate.ledger import Actor
from zato.server.pubsub.draft import Draft
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.registry import INTERNAL, Registry
from zato.server.service.facade.pubsub_options import Messages, PublishOptions
from zato.server.service.facade.pubsub_queues import PubSubQueues, QueueParts

if TYPE_CHECKING:
    from zato.server.service.base import Service

#: What tells as whom a message is published.
_IDENTITIES: Final = ('endpoint_id', 'endpoint_name', 'security_id', 'security_name')
#: Where a service has what it has published in a block that is not over.
_BATCH: Final = '_pubsub_batch'


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubParts:
    """One worker's. make_topic: of a service, by its name, with its subscription; None if there is no such service.

    security_id: of a security definition by its name, None if there is none.
    """

    publisher: Publisher
    registry: Registry
    queues: QueueParts
    make_topic: Callable[[str], ConfigObject | None]
    security_id: Callable[[str], int | None]


class PubSub:
    """Of one service."""

    def __init__(self, service: Service, parts: PubSubParts) -> None:
        self._service = service
        self._parts = parts

    @overload
    def publish(
        self, name: str | type[Service], data: Any = '', *, data_list: Messages, **options: Unpack[PublishOptions]
    ) -> list[str | None]: ...

    @overload
    def publish(self, name: str | type[Service], data: Any = '', **options: Unpack[PublishOptions]) -> str | None: ...

    def publish(self, name: str | type[Service], data: Any = '', **options: Any) -> Any:
        """Store a message, and return its ID. It is delivered in the background, at least once, also after a restart.

        name: of a topic, or of a service, or its class. A service gets the message as `self.request.raw_request`; its topic
        and subscription appear by themselves. data: text, bytes, or anything that JSON has.

        options: priority (1 to 9, 9 is delivered first; 5), expiration (milliseconds; never), deliver_after (seconds),
        msg_id (publishing it again changes nothing), mime_type, correl_id or cid, in_reply_to, ext_client_id, group_id,
        position_in_group, ext_pub_time, reply_to_sk, deliver_to_sk, user_ctx, zato_ctx; has_gd: False keeps it in memory
        only; data_list: dicts with data and options of each, published together, whose IDs are returned; endpoint_name,
        endpoint_id, security_name or security_id: as whom it is published; service: whose name is the ext_client_id.

        Returns None for what was dropped: nobody has subscribed and the topic drops, or its hook skipped the message.
        Raises Forbidden for an unknown topic or service, and for what the endpoint may not publish to; ServiceUnavailable if
        the topic is inactive; TopicFull, ContentTooLarge, BadRequest, StoreUnavailable; Conflict if there is another message
        with that ID.
        """
        topic = self._topic(name)
        endpoint = self._endpoint(options) if options else INTERNAL
        data_list = options.pop('data_list', None) if options else None
        if data_list is not None:
            return self._publish_all(topic, endpoint, [{**options, **message} for message in data_list])
        if self._batch is not None:
            return self._publish_all(topic, endpoint, [{**options, 'data': data}])[0]
        return self._parts.publisher.publish(topic, endpoint, data, options, self._service.cid)

    def publish_many(
        self, name: str | type[Service], messages: Sequence[Any], **options: Unpack[PublishOptions]
    ) -> list[str | None]:
        """Publish several messages in one commit, all or none. Returns their IDs.

        messages: data of each, or, where they have a key `data`, dicts with that and options of `publish`. options: as in
        `publish`, of all of them.
        """
        given = dict(options)
        topic, endpoint = self._topic(name), self._endpoint(given)
        drafts = [
            {**given, **message} if isinstance(message, Mapping) and 'data' in message else {**given, 'data': message}
            for message in messages
        ]
        return self._publish_all(topic, endpoint, drafts)

    @contextmanager
    def batch(self) -> Iterator[PubSub]:
        """`with self.pubsub.batch():` what the block publishes is stored at its end, in one commit; nothing if it raises.

        The IDs that `publish` returns in the block are those of messages that are not stored yet.
        """
        if self._batch is not None:
            yield self  # the outer block publishes
            return
        namespace = self._service.__dict__
        drafts: list[Draft] = []
        namespace[_BATCH] = drafts
        try:
            yield self
        finally:
            del namespace[_BATCH]
        if drafts:
            self._parts.publisher.send(drafts)

    # Queues

    def get_messages(
        self, topic_name: str, sub_key: str, /, needs_details: bool = False, needs_msg_id: bool = False
    ) -> list[dict[str, Any]]:
        """Take the first messages of a subscription that pulls, as many as its batch size: they are gone then.

        needs_details: all that is known of each. needs_msg_id: with `msg_id`. Raises NotFound, BadRequest.
        """
        return [_shown(message, needs_details, needs_msg_id) for message in self._queues.take(topic_name, sub_key)]

    def read_messages(
        self, topic_name: str, sub_key: str, has_gd: bool = True, paginate: bool = True, query: str = '', cur_page: int = 1
    ) -> list[dict[str, Any]]:
        """Look at messages that wait, without taking them: 50 on a page, of which those that have `query` in the first 2,048
        characters of their data.

        has_gd and paginate have no effect. Raises NotFound.
        """
        found = self._queues.page(topic_name, sub_key, cur_page)
        return [_shown(message, True, True) for message in found if query in message.data_prefix]

    def read_message(
        self, topic_name: str, msg_id: str, has_gd: bool = True, sub_key: str = '', **ignored: Any
    ) -> dict[str, Any]:
        """Look at one message, also one that waits in several queues. Raises NotFound."""
        return _shown(self._queues.message(msg_id, sub_key), True, True)

    def delete_message(self, sub_key: str, msg_id: str, has_gd: bool = True, **ignored: Any) -> bool:
        """Take one message out of one queue. Was it there? Raises NotFound for an unknown subscription."""
        return self._queues.delete(sub_key, msg_id)

    # Topics and subscriptions

    def subscribe(self, topic_name: str, endpoint_name: str, **settings: Any) -> str:
        """Subscribe an endpoint to a topic; returns the sub key, the same one if it has subscribed already.

        settings: of the subscription, such as delivery_method='pull'. Raises NotFound, BadRequest.
        """
        return self._queues.subscribe(self.get_topic_by_name(topic_name), endpoint_name, settings)

    def unsubscribe(self, sub_key: str) -> None:
        """End a subscription; what it has not delivered becomes dead letters. Without effect if there is none."""
        self._queues.unsubscribe(sub_key)

    def create_topic(self, name: str, **settings: Any) -> ConfigObject:
        """Raises Conflict if there is one of that name, BadRequest."""
        return self._queues.create_topic(name, settings)

    def is_subscribed_to(self, endpoint_id: int, topic_name: str) -> bool:
        registry = self._parts.registry
        topic = registry.topic(topic_name)
        return topic is not None and registry.find_subscription(topic.id, endpoint_id) is not None

    def get_subscriptions_by_topic(self, topic_name: str) -> list[ConfigObject]:
        """Raises NotFound."""
        return list(self._parts.registry.subscriptions_of(self.get_topic_by_name(topic_name).id))

    def has_topic_by_name(self, name: str) -> bool:
        return self._parts.registry.topic(name) is not None

    def get_topic_by_name(self, name: str) -> ConfigObject:
        """Raises NotFound."""
        topic = self._parts.registry.topic(name)
        if topic is None:
            raise NotFound(self._service.cid, f'There is no topic {name}')
        return topic

    def wait_for_topic(self, name: str, timeout: float = 600) -> bool:
        """Is it there within so many seconds?"""
        registry = self._parts.registry
        return registry.wait_for(lambda: registry.topic(name), timeout) is not None

    @property
    def _queues(self) -> PubSubQueues:
        return PubSubQueues(self._parts.queues, self._service.cid, self._actor)

    def _actor(self) -> Actor:
        """On whose behalf configuration is changed."""
        principal = self._service._call.acting
        return Actor(principal.name, principal.role)

    @property
    def _batch(self) -> list[Draft] | None:
        """What the block `with self.pubsub.batch()` that we are in has published so far."""
        return self._service.__dict__.get(_BATCH)

    def _publish_all(
        self, topic: ConfigObject, endpoint: ConfigObject, given: Sequence[Mapping[str, Any]]
    ) -> list[str | None]:
        """given: data and options of each."""
        publisher, cid, batch = self._parts.publisher, self._service.cid, self._batch
        if batch is None:
            return publisher.publish_many(topic, endpoint, given, cid)
        drafts = publisher.drafts(topic, endpoint, given, cid)
        batch += [draft for draft in drafts if draft is not None]
        return [draft.message.msg_id if draft is not None else None for draft in drafts]

    def _topic(self, name: str | type[Service]) -> ConfigObject:
        registry = self._parts.registry
        name = name if isinstance(name, str) else name_of(name)
        topic = registry.topic(name)
        if topic is not None:
            return topic
        topic = registry.topic(service_topic(name))
        if topic is None or not registry.subscriptions_of(topic.id):
            topic = self._parts.make_topic(name) or topic
        if topic is None:
            raise Forbidden(self._service.cid, f'There is no topic and no service `{name}`')
        return topic

    def _endpoint(self, options: dict[str, Any]) -> ConfigObject:
        """As whom a message is published; what says so is taken out of the options."""
        service = options.pop('service', None)
        if service is not None:
            options.setdefault('ext_client_id', getattr(service, 'name', service))
        given = {name: options.pop(name) for name in _IDENTITIES if name in options}
        given = {name: value for name, value in given.items() if value}
        if not given:
            return INTERNAL
        registry, found = self._parts.registry, None
        if 'security_name' in given:
            found = registry.endpoint_by_security(self._parts.security_id(given['security_name']) or 0)
        elif 'endpoint_name' in given:
            found = registry.endpoint_by_name(given['endpoint_name'])
        elif 'security_id' in given:
            found = registry.endpoint_by_security(given['security_id'])
        elif 'endpoint_id' in given:
            found = registry.endpoint(given['endpoint_id'])
        if found is None:
            what = ', '.join(f'{name} {value!r:.100}' for name, value in given.items())
            raise BadRequest(self._service.cid, f'There is no endpoint with {what}', needs_msg=True)
        return found


def _shown(message: PubSubMessage, needs_details: bool, needs_msg_id: bool) -> dict[str, Any]:
    if needs_details:
        return message.to_dict(add_id_attrs=needs_msg_id)
    shown = message.to_external_dict()
    return shown if needs_msg_id else {key: value for key, value in shown.items() if key != 'msg_id'}
