"""What is in a message, between what users give and get and what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from zato.common.exception import PubSubReject
from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.store.interface import Row, StoredMessage

#: What few messages have: attribute of the message → key of its `meta`, which is the same unless it is given here.
_NAMES: Final = {'pub_correl_id': 'correl_id', 'ext_published_at': 'ext_pub_time'}

_decode: Final = msgspec.json.Decoder().decode
_GROUP: Final = '"group_id":'


def as_message(row: Row, sub_key: str, topic: ConfigObject | None, now: int) -> PubSubMessage:
    """As its target sees it. now: microseconds since 1970."""
    stored = row.message
    message = PubSubMessage.__new__(PubSubMessage)  # what is below is known to be right
    message.__dict__ = {
        'topic_name': topic.name if topic is not None else '',
        'topic_id': stored.topic_id,
        'sub_key': sub_key,
        'pub_msg_id': stored.msg_id,
        'published_at': stored.pub_time,
        'received_at': now,
        'expires_at': stored.expires_at,
        'data': data_of(stored),
        'mime_type': stored.mime,
        'priority': stored.priority,
        'size': stored.size,
        'delivery_count': row.attempts,
        'published_by_id': stored.endpoint_id,
    }
    if stored.meta is not None:
        apply_meta(message, stored.meta)
    return message


def readable(
    rows: Sequence[Row], sub_key: str, topic: ConfigObject | None, now: int
) -> tuple[list[tuple[Row, PubSubReject]], list[PubSubMessage]]:
    """What is not of the form that it is said to be, which nobody can deliver, and why; and the messages of the others."""
    unread: list[tuple[Row, PubSubReject]] = []
    messages: list[PubSubMessage] = []
    for row in rows:
        try:
            messages.append(as_message(row, sub_key, topic, now))
        except (msgspec.MsgspecError, ValueError) as e:
            unread.append((row, PubSubReject(msg=f'What is stored of it cannot be read: {e}')))
    return unread, messages


def apply_meta(message: PubSubMessage, meta: str) -> None:
    """meta: as it is stored."""
    message.__dict__.update(attributes_of(_decode(meta)))


def attributes_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Of a message, as its meta has them."""
    values = dict(meta)
    for name, key in _NAMES.items():
        if key in values:
            values[name] = values.pop(key)
    return values


def data_of(stored: StoredMessage) -> Any:
    """Text, bytes, or what was given in place of them."""
    if stored.form == 'j':
        return _decode(stored.data)
    return stored.data.decode() if stored.form == 't' else stored.data


def group_of(row: Row) -> str:
    """Its ordering key, '' for none."""
    meta = row.message.meta
    return str(_decode(meta).get('group_id', '')) if meta is not None and _GROUP in meta else ''
