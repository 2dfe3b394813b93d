"""What services ask of publish/subscribe by invoking it, under classic names; most have `self.pubsub` for that.

They act for the server, which may publish and subscribe to everything, so they take the role that such calls need.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from zato.common.config.field import shown
from zato.common.config.kind import Role
from zato.common.config.kinds.pubsub_subscription import PULL
from zato.common.exception import BadRequest, NotFound
from zato.server.admin_api.context import AdminService
from zato.server.admin_api.pubsub_client import OPTIONS
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.automatic import unsubscribe
from zato.server.pubsub.pull import MOST

_VISIBILITY: Final = 30.0  #: seconds
#: Clients are known that give the same `msg_id` each time, which used to say nothing.
_TAKEN: Final = OPTIONS - {'msg_id'}


class SubscriptionService(AdminService):
    role: ClassVar[Role] = 'operator'

    def subscription(self, sub_key: Any) -> ConfigObject:
        """Raises NotFound."""
        found = self.context.pubsub.registry.subscription_by_key(sub_key) if isinstance(sub_key, str) else None
        if found is None:
            raise NotFound(self.cid, f'There is no subscription with sub_key {shown(sub_key)}')
        return found

    def pulled(self) -> ConfigObject:
        """That of `sub_key`, which is one to be pulled from. Raises NotFound, BadRequest."""
        found = self.subscription(self.require('sub_key'))
        if found.settings.delivery_method != PULL:
            text = f'Messages of subscription {found.settings.sub_key} are delivered, so they cannot be pulled'
            raise BadRequest(self.cid, text, needs_msg=True)
        return found

    def texts(self, key: str) -> list[str]:
        """Raises BadRequest."""
        value = self.require(key)
        if not isinstance(value, list) or len(value) > MOST or not all(isinstance(item, str) for item in value):
            text = f'`{key}` must be a list of at most {MOST:,} texts; got {shown(value)}'
            raise BadRequest(self.cid, text, needs_msg=True)
        return value


class PublishMessage(AdminService):
    """`topic_name`, `data` and options of a message → `msg_id`."""

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        request = self.request.input
        name, data = self.require('topic_name'), self.require('data')
        options = {key: request[key] for key in _TAKEN if request.get(key) not in (None, '')}
        msg_id = self.pubsub.publish(name, data, **options)
        self.response.payload = {'msg_id': msg_id} if msg_id is not None else {}


class GetMessages(SubscriptionService):
    """`sub_key` → the first messages of its queue, which are gone from it."""

    def handle(self) -> None:
        subscription = self.pulled()
        most = min(subscription.settings.delivery_batch_size, MOST)
        messages = self.context.pubsub.pulled.drain(subscription, self.cid, most=most)
        self.response.payload = [message.to_external_dict() for message in messages]


class GetEndpointMessages(SubscriptionService):
    """`sub_key`, `batch_size` (100) → the first messages; what is not acknowledged in 30 s is handed out again."""

    def handle(self) -> None:
        subscription, most = self.pulled(), self.number('batch_size', default=100, most=MOST)
        _, messages = self.context.pubsub.pulled.get(subscription, self.cid, most=most, visibility=_VISIBILITY)
        self.response.payload = [message.to_external_dict() for message in messages]


class AcknowledgeDelivery(SubscriptionService):
    """`sub_key`, `msg_id_list` → `count` of those that go, and `lost`: the IDs of the others."""

    def handle(self) -> None:
        subscription, msg_ids = self.pulled(), self.texts('msg_id_list')
        lost = self.context.pubsub.pulls.acknowledge(subscription.id, msg_ids)
        self.response.payload = {'count': len(set(msg_ids)) - len(lost), 'lost': lost}


class GetQueueDepthBySubKey(SubscriptionService):
    """`sub_key`, or several in `sub_key_list` → `queue_depth`: messages that wait, by key; 100,000 may be more."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        keys = self.texts('sub_key_list') if self.request.input.get('sub_key_list') else [self.require('sub_key')]
        found = {key: self.subscription(key) for key in keys}
        pulls = self.context.pubsub.pulls
        self.response.payload = {'queue_depth': {key: pulls.depth(item.id) for key, item in found.items()}}


class Unsubscribe(SubscriptionService):
    """`sub_key`. What waits in its queue becomes dead letters."""

    role: ClassVar[Role] = 'admin'

    def handle(self) -> None:
        unsubscribe(self.context.configuration, self.subscription(self.require('sub_key')), self.actor)
        self.response.payload = {}


class DeleteEndpointQueue(Unsubscribe):
    """The same."""
