"""Pulling with leases: POST /zato/pubsub/pull/get, ack and nack.

A message that was got is this client's for a while. Acknowledged, it goes; given back, or when that time is over, it is
handed out again, to whoever asks, with a `delivery_count` one higher.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

from zato.common.config.field import shown
from zato.common.exception import BadRequest, Forbidden
from zato.common.pubsub.ids import may_be_id
from zato.server.admin_api.pubsub_client import ClientService
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.pull import MOST, GiveBack

_USUAL: Final = 100  #: messages
_VISIBILITY: Final = 30.0  #: seconds
_LONGEST: Final = 43_200.0
_LONGEST_DELAY: Final = 604_800.0
_LONGEST_TEXT: Final = 2_000  #: characters


class PullService(ClientService):
    def subscription(self) -> ConfigObject:
        """That which the body names by `topic` or `sub_key`. Raises Forbidden, BadRequest."""
        endpoint, registry = self.endpoint(), self.context.pubsub.registry
        topic, sub_key = self.text('topic'), self.text('sub_key')
        if not sub_key:
            if not topic:
                raise BadRequest(self.cid, 'Element missing: topic or sub_key', needs_msg=True)
            return self.subscription_to(topic, endpoint)
        found = registry.subscription_by_key(sub_key)
        own = registry.topic_by_id(found.settings.topic) if found is not None else None
        if found is None or own is None or found.settings.endpoint != endpoint.id or topic not in ('', own.name):
            raise Forbidden(self.cid)
        return self.subscription_to(own.name, endpoint)

    def text(self, key: str, most: int = _LONGEST_TEXT) -> str:
        """'' if there is nothing. Raises BadRequest."""
        value = self.object().get(key)
        if value is None:
            return ''
        if not isinstance(value, str) or len(value) > most:
            raise self._wrong(key, f'must be text of at most {most:,} characters', value)
        return value

    def seconds(self, key: str, default: float, least: float, most: float) -> float:
        """Raises BadRequest."""
        value = self.object().get(key)
        if value is None:
            return default
        if type(value) not in (int, float) or not isfinite(value) or not least <= value <= most:
            raise self._wrong(key, f'must be a number of seconds from {least:g} to {most:,g}', value)
        return float(value)

    def msg_ids(self) -> list[str]:
        """Raises BadRequest."""
        value = self.object().get('msg_ids')
        if not isinstance(value, list) or not 1 <= len(value) <= MOST or not all(map(may_be_id, value)):
            raise self._wrong('msg_ids', f'must be a list of 1 to {MOST:,} IDs of messages', value)
        return value

    def lease_id(self) -> str:
        """'' if none is given. Raises BadRequest."""
        value = self.text('lease_id')
        if not may_be_id(value):
            raise self._wrong('lease_id', 'must be that of an answer to get', value)
        return value

    def _wrong(self, key: str, rule: str, value: Any) -> BadRequest:
        return BadRequest(self.cid, f'`{key}` {rule}; got {shown(value)}', needs_msg=True)


class PullGet(PullService):
    """`topic` or `sub_key`, `max` (1 to 1000, 100), `visibility` (seconds, 30) → `lease_id`, `messages`."""

    def handle(self) -> None:
        subscription = self.subscription()
        most = self.object().get('max')
        if most is not None and (type(most) is not int or not 1 <= most <= MOST):
            raise self._wrong('max', f'must be a number from 1 to {MOST:,}', most)
        visibility = self.seconds('visibility', _VISIBILITY, 1, _LONGEST)
        lease_id, messages = self.context.pubsub.pulled.get(
            subscription, self.cid, most=_USUAL if most is None else most, visibility=visibility
        )
        self.response.payload = {
            'lease_id': lease_id,
            'messages': [message.to_external_dict() for message in messages],
        }


class PullAck(PullService):
    """`topic` or `sub_key`, `msg_ids`, optional `lease_id` → `count` of those that go, and `lost`: the others' IDs."""

    def handle(self) -> None:
        subscription, msg_ids, lease_id = self.subscription(), self.msg_ids(), self.lease_id()
        lost = self.context.pubsub.pulls.acknowledge(subscription.id, msg_ids, lease_id)
        self.response.payload = {'count': len(set(msg_ids)) - len(lost), 'lost': lost}


class PullNack(PullService):
    """As the ack, for messages that are handed out again: at once, or after `delay` seconds. `reject`: or never again.

    `error` says why, for those who look at dead letters.
    """

    def handle(self) -> None:
        subscription, msg_ids, lease_id = self.subscription(), self.msg_ids(), self.lease_id()
        reject = self.object().get('reject')
        if reject not in (None, True, False):
            raise self._wrong('reject', 'must be true or false', reject)
        delay = self.seconds('delay', 0.0, 0, _LONGEST_DELAY)
        how = GiveBack(delay=delay, is_rejected=bool(reject), error=self.text('error'))
        max_retry = subscription.settings.delivery_max_retry
        lost = self.context.pubsub.pulls.give_back(subscription.id, msg_ids, how, max_retry=max_retry, lease_id=lease_id)
        self.response.payload = {'count': len(set(msg_ids)) - len(lost), 'lost': lost}
