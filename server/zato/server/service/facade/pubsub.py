"""`self.pubsub`: durable messages to topics and to services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zato.common.exception import BadRequest, Forbidden, NotFound
from zato.common.pubsub.names import service_topic
from zato.server.config.runtime import ConfigObject
from zato.server.pattern.callback import name_of
from zato.server.pubsub.draft import Draft
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.registry import INTERNAL, Registry

if TYPE_CHECKING:
    from zato.server.service.base import Service

#: What tells as whom a message is published.
_IDENTITIES = ('endpoint_id', 'endpoint_name', 'security_id', 'security_name')


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubParts:
    """One worker's. make_topic: of a service, by its name, with its subscription; None if there is no such service.

    security_id: of a security definition by its name, None if there is none.
    """

    publisher: Publisher
    registry: Registry
    make_topic: Callable[[str], ConfigObject | None]
    security_id: Callable[[str], int | None]


class Batch:
    """Messages that are published together when the block ends, or not at all if it raises."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []


class PubSub:
    """Of one service."""

    def __init__(self, service: Service, parts: PubSubParts) -> None:
        self._service = service
        self._parts = parts

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
            return self._publish_all(topic, endpoint, data_list, options)
        parts, batch = self._parts, self._service.__dict__.get('_pubsub_batch')
        if batch is None:
            return parts.publisher.publish(topic, endpoint, data, self._service.cid, **options)
        draft = parts.publisher.draft(topic, endpoint, data, options, self._service.cid)
        if draft is None:
            return None
        batch.drafts.append(draft)
        return draft.message.msg_id

    def publish_many(self, name: str | type[Service], messages: Sequence[Any], **options: Any) -> list[str | None]:
        """Publish several messages in one commit, all or none. Returns their IDs.

        messages: data of each, or Mappings with `data` and options of `publish`; options here are those of all.
        """
        drafts = [
            {**options, **message} if isinstance(message, Mapping) and 'data' in message else {**options, 'data': message}
            for message in messages
        ]
        endpoint = self._endpoint(options)
        return self._publish_all(self._topic(name), endpoint, drafts, {})

    @contextmanager
    def batch(self) -> Iterator[PubSub]:
        """`with self.pubsub.batch():` what the block publishes is stored at its end, in one commit; nothing if it raises.

        The IDs that `publish` returns in the block are those of messages that are not stored yet.
        """
        namespace = self._service.__dict__
        if '_pubsub_batch' in namespace:
            yield self  # the outer block publishes
            return
        batch = namespace['_pubsub_batch'] = Batch()
        try:
            yield self
        finally:
            del namespace['_pubsub_batch']
        if batch.drafts:
            self._parts.publisher.send(batch.drafts)

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

    def _publish_all(
        self, topic: ConfigObject, endpoint: ConfigObject, drafts: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> list[str | None]:
        given = [{**options, **draft} for draft in drafts]
        return self._parts.publisher.publish_many(topic, endpoint, given, self._service.cid)

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
            options.setdefault('ext_client_id', service.name)
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
