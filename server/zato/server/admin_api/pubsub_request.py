"""What requests about publish/subscribe name, and how messages are answered."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from time import time
from typing import Any, Final

from zato.common.config.field import shown
from zato.common.exception import BadRequest, NotFound
from zato.common.pubsub.ids import may_be_id
from zato.common.pubsub.moments import SECOND, iso
from zato.common.pubsub.names import INTERNAL_ENDPOINT
from zato.server.admin_api.context import AdminService
from zato.server.admin_api.pubsub_context import PubSubContext
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.copies import Destination
from zato.server.pubsub.listed import Listed
from zato.server.pubsub.store.interface import HIGHEST

MOST_IN_PAGE: Final = 1_000
PAGE: Final = 50

_SHOWN_OF_META: Final = ('correl_id', 'in_reply_to', 'ext_client_id', 'group_id')


class PubSubService(AdminService):
    """A topic is named by `topic_id` or `topic_name`, a subscription by `sub_key`, `sub_id` or `id`."""

    @property
    def parts(self) -> PubSubContext:
        return self.context.pubsub

    def topic(self) -> ConfigObject:
        """Raises BadRequest, NotFound."""
        found = self.optional_topic()
        if found is None:
            raise BadRequest(self.cid, 'Element missing: topic_name', needs_msg=True)
        return found

    def optional_topic(self) -> ConfigObject | None:
        """None if the request names none. Raises BadRequest, NotFound."""
        return self._topic_of(self.request.input.get('topic_name'), self.number('topic_id'))

    def destination(self) -> Destination | None:
        """The topic that `to_topic` names; None if there is none. Raises NotFound."""
        name = self.request.input.get('to_topic')
        found = self._topic_of(name, 0) if name else None
        return Destination(found.id, found.settings.limit_retention) if found is not None else None

    def subscription(self) -> ConfigObject:
        """Raises BadRequest, NotFound."""
        found = self.optional_subscription()
        if found is None:
            raise BadRequest(self.cid, 'Element missing: sub_key', needs_msg=True)
        return found

    def optional_subscription(self) -> ConfigObject | None:
        """None if the request names none. Raises BadRequest, NotFound."""
        registry = self.parts.registry
        sub_key = self.request.input.get('sub_key')
        id = self.number('sub_id') or self.number('id')
        if not sub_key and not id:
            return None
        found = registry.subscription_by_key(str(sub_key)) if sub_key else registry.subscription(id)
        if found is None:
            which = f'`{sub_key}`' if sub_key else f'with ID {id}'
            raise NotFound(self.cid, f'There is no subscription {which}, or it is down')
        return found

    def queue(self) -> int:
        """Its ID: that of a subscription, or of a topic below zero. Raises BadRequest, NotFound."""
        subscription = self.optional_subscription()
        return subscription.id if subscription is not None else -self.topic().id

    def ids(self) -> list[int] | None:
        """Those of `ids`; None if there are none in the request. Raises BadRequest."""
        raw = self.request.input.get('ids')
        if raw in (None, ''):
            return None
        if not isinstance(raw, list) or len(raw) > MOST_IN_PAGE or not all(type(id) is int for id in raw):
            raise BadRequest(self.cid, f'`ids` must be a list of at most {MOST_IN_PAGE:,} numbers', needs_msg=True)
        return raw

    def msg_id(self) -> str:
        """Raises BadRequest."""
        value = self.require('msg_id')
        if not may_be_id(value):
            raise BadRequest(self.cid, f'`msg_id` must be the ID of a message; got {shown(value)}', needs_msg=True)
        return str(value)

    def msg_ids(self) -> list[str]:
        """Those of `msg_ids`, or the one of `msg_id`. Raises BadRequest."""
        raw = self.request.input.get('msg_ids') or [self.msg_id()]
        if not isinstance(raw, list) or len(raw) > MOST_IN_PAGE or not all(map(may_be_id, raw)):
            raise BadRequest(
                self.cid, f'`msg_ids` must be a list of at most {MOST_IN_PAGE:,} IDs of messages', needs_msg=True
            )
        return raw

    def place(self, key: str, size: int) -> tuple[int, ...]:
        """Where a page begins: what an answer had as `next`, () for the beginning. Raises BadRequest."""
        raw = self.request.input.get(key) or ''
        try:
            found = tuple(int(part) for part in str(raw).split('/')) if raw else ()
        except ValueError:
            found = (0,) * (size + 1)
        if len(found) not in (0, size):
            raise BadRequest(self.cid, f'`{key}` must be `next` of an answer; got {shown(raw)}', needs_msg=True)
        return found

    def limit(self, default: int = PAGE) -> int:
        """Raises BadRequest."""
        return self.number('limit', default=default, most=MOST_IN_PAGE)

    def shown(self, messages: Iterable[Listed]) -> list[dict[str, Any]]:
        """As answers have them."""
        now = int(time() * SECOND)
        return [self._shown(message, now) for message in messages]

    def endpoint_name(self, id: int) -> str:
        """'' if it is gone."""
        found = self.parts.registry.endpoint(id)
        return INTERNAL_ENDPOINT if not id else found.name if found is not None else ''

    def topic_name(self, id: int) -> str:
        """'' if it is gone."""
        found = self.parts.registry.topic_by_id(id)
        return found.name if found is not None else ''

    def _topic_of(self, name: Any, id: int) -> ConfigObject | None:
        if not name and not id:
            return None
        registry = self.parts.registry
        found = registry.topic(str(name)) if name else registry.topic_by_id(id)
        if found is None:
            which = shown(name) if name else f'with ID {id}'
            raise NotFound(self.cid, f'There is no topic {which}, or it is down')
        return found

    def _shown(self, message: Listed, now: int) -> dict[str, Any]:
        data, encoding = text_of(message.part, is_cut=message.is_cut)
        return {
            'msg_id': message.msg_id,
            'seq': message.seq,
            'rank': HIGHEST - message.priority,
            'priority': message.priority,
            'topic_id': message.topic_id,
            'topic_name': self.topic_name(message.topic_id),
            'sub_id': message.sub_id,
            'endpoint_id': message.endpoint_id,
            'endpoint_name': self.endpoint_name(message.endpoint_id),
            'mime_type': message.mime,
            'size': message.size,
            'pub_time_iso': iso(message.pub_time),
            'expiration_time_iso': iso(message.expires_at),
            'is_expired': 0 < message.expires_at <= now,
            'attempts': message.attempts,
            'crashes': message.crashes,
            'not_before_iso': iso(message.not_before),
            'due_iso': iso(message.due_at),
            'lease_id': message.lease_id,
            'until_iso': iso(message.until),
            'error': message.error,
            'data_prefix': data,
            'is_cut': message.is_cut,
            'data_encoding': encoding,
            **{name: message.meta.get(name, '') for name in _SHOWN_OF_META},
        }


def text_of(data: bytes, *, is_cut: bool) -> tuple[str, str]:
    """Data as an answer has it, and `text`, or `base64` if it is no text. is_cut: its last character may be half there."""
    for end in range(len(data), max(-1, len(data) - 4 if is_cut else len(data) - 1), -1):
        try:
            return data[:end].decode(), 'text'
        except UnicodeDecodeError:
            pass
    return b64encode(data).decode(), 'base64'


def next_place(key: Sequence[int]) -> str:
    """As `place` reads it."""
    return '/'.join(map(str, key))


def bounded(name: str, count: int, most: int) -> Mapping[str, Any]:
    """A count that went no further than one more than `most`."""
    return {name: min(count, most), f'is_{name}_more': count > most}
