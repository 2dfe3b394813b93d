"""What clients do over REST: publish, subscribe, and take messages so that they are gone (source of answers: classic Zato).

Who calls is the endpoint whose Basic Auth definition let them in. Whatever an endpoint may not do, or does not exist, it is
answered alike: so nobody finds out what topics there are.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from zato.common.config.field import shown
from zato.common.config.kinds.pubsub_subscription import PULL
from zato.common.exception import BadRequest, Forbidden
from zato.common.pubsub.ids import MESSAGE
from zato.server.admin_api.context import ContextService
from zato.server.config.runtime import ConfigObject
from zato.server.propagate.ledger import Actor
from zato.server.pubsub import draft
from zato.server.pubsub.automatic import check_not_held, subscribe, unsubscribe
from zato.server.pubsub.pull import MOST
from zato.server.pubsub.registry import SUBSCRIPTION

#: Keys beside `data` that say something of a message. Others are ignored.
OPTIONS: Final = draft.OPTIONS - {'cid', 'zato_ctx'}

_IDEMPOTENCY_KEY: Final = b'idempotency-key'
_LONGEST_KEY: Final = 255  #: bytes
_NEWEST, _OLDEST = 'newest', 'oldest'


class ClientService(ContextService):
    """A service behind one of the channels of publish/subscribe."""

    def endpoint(self) -> ConfigObject:
        """Whose credentials let the client in. Raises Forbidden."""
        found = self.context.pubsub.registry.endpoint_by_security(self._call.principal.definition)
        if found is None or not found.is_active:
            raise Forbidden(self.cid)
        return found

    def subscription_to(self, name: str, endpoint: ConfigObject) -> ConfigObject:
        """The endpoint's own, to a topic that it may subscribe to.

        Raises Forbidden, BadRequest if there is none, ServiceUnavailable if it cannot be used as it is configured.
        """
        topic = self.readable(name, endpoint)
        registry = self.context.pubsub.registry
        found = registry.find_subscription(topic.id, endpoint.id)
        if found is None:
            check_not_held(registry, SUBSCRIPTION, topic=topic.id, endpoint=endpoint.id)
            raise BadRequest(self.cid, f'You are not subscribed to topic `{topic.name}`', needs_msg=True)
        if found.settings.delivery_method != PULL:
            text = f'Messages of topic `{topic.name}` are delivered to you, so they cannot be pulled'
            raise BadRequest(self.cid, text, needs_msg=True)
        return found

    def readable(self, name: str, endpoint: ConfigObject) -> ConfigObject:
        """A topic that the endpoint may subscribe to. Raises Forbidden."""
        registry = self.context.pubsub.registry
        topic = registry.topic(name)
        if topic is None or not registry.may_subscribe(endpoint, topic.name):
            raise Forbidden(self.cid)
        return topic

    def topic_name(self) -> str:
        """Of the URL's path."""
        name = (self.request.channel_params or {}).get('topic_name', '')
        return name if name.startswith('/') else f'/{name}'

    def object(self) -> dict[str, Any]:
        """The body. Raises BadRequest."""
        payload = self.request.payload
        if payload is None:
            return {}
        if type(payload) is not dict:
            raise BadRequest(self.cid, f'The body must be a JSON object; got {shown(payload)}', needs_msg=True)
        return payload


class TopicService(ClientService):
    """POST /zato/pubsub/topic/{topic_name} publishes a message, PATCH takes those of the client's subscription."""

    def handle_POST(self) -> None:  # noqa: N802  # the name that services have it by
        pubsub = self.context.pubsub
        endpoint = self.endpoint()
        topic = pubsub.registry.topic(self.topic_name())
        if topic is None or not pubsub.registry.may_publish(endpoint, topic.name):
            raise Forbidden(self.cid)
        body = self.object()
        data = body.get('data')
        if data is None or data == '':
            raise BadRequest(self.cid, 'No data sent on input', needs_msg=True)
        options = self._options(body) if len(body) > 1 else {}
        if (key := self._idempotency_key()) and not options.get('msg_id'):
            options['msg_id'] = _msg_id(endpoint, topic, key)
        msg_id = pubsub.publisher.publish(topic, endpoint, data, options, self.cid)
        self.response.payload = {'msg_id': msg_id} if msg_id is not None else {}

    def handle_PATCH(self) -> None:  # noqa: N802
        """They are gone before the client has them: whoever cannot lose any pulls them with leases."""
        order = (self.request.channel_params or {}).get('order', _NEWEST)
        if order not in (_NEWEST, _OLDEST):
            raise BadRequest(self.cid, f'`order` must be {_NEWEST} or {_OLDEST}; got {shown(order)}', needs_msg=True)
        subscription = self.subscription_to(self.topic_name(), self.endpoint())
        most = min(subscription.settings.delivery_batch_size, MOST)
        messages = self.context.pubsub.pulled.drain(subscription, self.cid, most=most)
        if order == _NEWEST:
            messages.reverse()
        self.response.payload = [message.to_external_dict() for message in messages]

    def _options(self, body: dict[str, Any]) -> dict[str, Any]:
        """Raises BadRequest."""
        options = {name: value for name, value in body.items() if name in OPTIONS}
        if options.get('has_gd') not in (None, True, False):
            raise BadRequest(self.cid, f'`has_gd` must be true or false; got {shown(options["has_gd"])}', needs_msg=True)
        return options

    def _idempotency_key(self) -> bytes:
        """b'' if there is none. Raises BadRequest."""
        message = self._call.message
        if message is None or _IDEMPOTENCY_KEY not in message.headers:
            return b''
        key = message.headers[_IDEMPOTENCY_KEY].strip()
        if len(key) > _LONGEST_KEY:
            raise BadRequest(self.cid, f'Idempotency-Key may have {_LONGEST_KEY} characters', needs_msg=True)
        return key


class SubscribeService(ClientService):
    """POST /zato/pubsub/subscribe/topic/{topic_name} subscribes the client, DELETE ends that."""

    def handle_POST(self) -> None:  # noqa: N802
        endpoint = self.endpoint()
        topic = self.readable(self.topic_name(), endpoint)
        if not topic.settings.is_api_sub_allowed:
            raise Forbidden(self.cid)
        method = self.object().get('delivery_method') or PULL
        if method != PULL:
            text = f'`delivery_method` must be {PULL}, others are set up by administrators; got {shown(method)}'
            raise BadRequest(self.cid, text, needs_msg=True)
        pubsub = self.context.pubsub
        if pubsub.registry.find_subscription(topic.id, endpoint.id) is not None:
            self.response.payload = {}
            return
        configuration = self.context.configuration
        made = subscribe(configuration, pubsub.registry, topic, endpoint, actor=_actor(endpoint), delivery_method=PULL)
        self.response.payload = {'sub_key': made.settings.sub_key, 'queue_depth': pubsub.pulls.depth(made.id)}

    def handle_DELETE(self) -> None:  # noqa: N802
        endpoint = self.endpoint()
        topic = self.readable(self.topic_name(), endpoint)
        found = self.context.pubsub.registry.find_subscription(topic.id, endpoint.id)
        if found is not None:
            unsubscribe(self.context.configuration, found, _actor(endpoint))
        self.response.payload = {}


def _actor(endpoint: ConfigObject) -> Actor:
    return Actor(f'pub/sub endpoint {endpoint.name}', 'admin')


def _msg_id(endpoint: ConfigObject, topic: ConfigObject, key: bytes) -> str:
    """The same key of the same client names the same message of a topic, and nobody else's."""
    return MESSAGE + blake2b(b'%d %d %b' % (endpoint.id, topic.id, key), digest_size=12).hexdigest()
