"""What a publisher gives, checked, as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Any, Final

import msgspec

from zato.common.exception import BadRequest, ContentTooLarge
from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.ids import MessageIDs
from zato.common.pubsub.message import DEFAULT_PRIORITY, JSON, MAX_PRIORITY, MIN_PRIORITY, NEVER_EXPIRES, TEXT
from zato.common.pubsub.moments import MILLISECOND, SECOND
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.store.interface import Form, StoredMessage

_LONGEST_ID: Final = 200  #: characters
_LONGEST_TEXT: Final = 1_000
_LONGEST_MIME: Final = 200
_LONGEST_DELAY: Final = 10 * 365 * 86_400  #: seconds
_BYTES: Final = 'application/octet-stream'
_LAST: Final = 2**62  #: microseconds since 1970, and milliseconds that a message may live
_NOTHING: Final[tuple[Any, ...]] = (None, '', [], {}, ())

_TEXTS: Final = ('correl_id', 'in_reply_to', 'ext_client_id', 'group_id')
_KEYS: Final = ('reply_to_sk', 'deliver_to_sk')
#: Options that are kept in the message's `meta`.
_META: Final = (*_TEXTS, 'position_in_group', *_KEYS, 'user_ctx', 'zato_ctx')
#: All of them.
OPTIONS: Final = frozenset(
    {*_META, 'msg_id', 'priority', 'expiration', 'mime_type', 'ext_pub_time', 'has_gd', 'deliver_after', 'cid'}
)
#: Of a message, what a hook may change of its `meta` → the option that it is.
_OF_MESSAGE: Final = {'pub_correl_id': 'correl_id', **{name: name for name in _META if name not in ('correl_id', *_KEYS)}}


def _plain(value: Any) -> Any:
    """For what JSON does not know."""
    if hasattr(type(value), 'to_dict'):
        return value.to_dict()
    raise TypeError(f'{type(value).__name__} cannot be written as JSON')


_encode: Final = msgspec.json.Encoder(enc_hook=_plain).encode
_decode: Final = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Draft:
    """due: when it may be delivered, microseconds since 1970, 0 for at once. only: keys of subscriptions that get it, if not
    all. has_own_id: did the publisher give the ID? drops: is it dropped where nobody has subscribed?
    """

    message: StoredMessage
    due: int = 0
    only: tuple[str, ...] = ()
    has_own_id: bool = False
    has_gd: bool = True
    drops: bool = False

    @property
    def is_special(self) -> bool:
        """Is there anything to tell of it but the message?"""
        return bool(self.due or self.only or self.has_own_id or self.drops)


class Drafting:
    """One worker's. ids: gives IDs. max_size: bytes of data in one message."""

    def __init__(self, ids: MessageIDs, max_size: int) -> None:
        self._ids = ids
        self._max_size = max_size

    def make(self, topic: ConfigObject, endpoint_id: int, data: Any, options: Mapping[str, Any], *, cid: str = '') -> Draft:
        """cid: 24 hex digits, the correlation ID unless one is given; '' for none. Raises BadRequest, ContentTooLarge."""
        settings = topic.settings
        form, raw, mime = self._encoded(data)
        now = int(time() * SECOND)
        keep_until = now + settings.limit_retention * SECOND if settings.limit_retention else 0
        if not options:
            expires = now + settings.limit_message_expiry * SECOND if settings.limit_message_expiry else 0
            id = self._ids.new()
            meta = f'{{"correl_id":"{cid}"}}' if cid else None
            stored = StoredMessage(
                id, topic.id, DEFAULT_PRIORITY, now, expires, mime, form, len(raw), endpoint_id, keep_until, meta, raw
            )
            return Draft(stored, has_gd=settings.has_gd, drops=settings.on_no_subs_pub == 'drop')
        if cid and not (options.get('correl_id') or options.get('cid')):
            options = {**options, 'correl_id': cid}
        return self._with_options(topic, options, StoredMessage(
            '', topic.id, DEFAULT_PRIORITY, now, 0, mime, form, len(raw), endpoint_id, keep_until, None, raw
        ))  # fmt: skip

    def changed(self, draft: Draft, message: PubSubMessage) -> None:
        """The draft becomes what a hook has made of its message. Raises BadRequest, ContentTooLarge."""
        stored = draft.message
        form, raw, mime = self._encoded(message.data)
        if form == stored.form or message.mime_type != stored.mime:
            mime = mime_type({'mime_type': message.mime_type}) or mime
        before = _decode(stored.meta) if stored.meta is not None else {}
        given = {option: getattr(message, name) for name, option in _OF_MESSAGE.items() if name in message.__dict__}
        meta = {name: value for name, value in before.items() if name not in given} | _meta_of(given)
        draft.message = stored._replace(
            priority=_priority({'priority': message.priority}),
            expires_at=int(_number({'expires_at': message.expires_at}, 'expires_at', 0, 0, _LAST)),
            mime=mime,
            form=form,
            size=len(raw),
            meta=_meta_text(meta) if meta else None,
            data=raw,
        )

    def _encoded(self, data: Any) -> tuple[Form, bytes, str]:
        """Form, bytes, and the MIME type unless one is given. Raises BadRequest, ContentTooLarge."""
        form, raw, mime = _encoded(data)
        if len(raw) > self._max_size:
            raise ContentTooLarge(msg=f'A message may have {self._max_size:,} bytes of data; this one has {len(raw):,}')
        return form, raw, mime

    def _with_options(self, topic: ConfigObject, options: Mapping[str, Any], stored: StoredMessage) -> Draft:
        if unknown := options.keys() - OPTIONS:
            names = ', '.join(sorted(map(str, unknown)))
            raise BadRequest(msg=f'There is no such option of publish: {names}', needs_msg=True)
        settings = topic.settings
        own_id = _text(options, 'msg_id', _LONGEST_ID)
        meta = _meta_of(options)
        if 'correl_id' not in meta and (cid := _text(options, 'cid')):
            meta['correl_id'] = cid
        if ext_pub_time := options.get('ext_pub_time'):
            meta['ext_pub_time'] = _as_microseconds(ext_pub_time)
        delay = _number(options, 'deliver_after', 0, 0, _LONGEST_DELAY)
        has_gd = options.get('has_gd')
        if has_gd not in (None, '', True, False):
            raise _wrong('has_gd', 'must be true or false', has_gd)
        message = stored._replace(
            msg_id=own_id or self._ids.new(),
            priority=_priority(options),
            expires_at=_expires(options, stored.pub_time, settings.limit_message_expiry),
            mime=mime_type(options) or stored.mime,
            meta=_meta_text(meta) if meta else None,
        )
        only = meta.get('deliver_to_sk') or ()
        return Draft(
            message,
            stored.pub_time + int(delay * SECOND) if delay else 0,
            tuple(only),
            bool(own_id),
            settings.has_gd if has_gd in (None, '') else bool(has_gd),
            settings.on_no_subs_pub == 'drop',
        )


def mime_type(options: Mapping[str, Any]) -> str:
    """Which of them says what the data is, '' if none does. Raises BadRequest."""
    return _text(options, 'mime_type', _LONGEST_MIME)


def _encoded(data: Any) -> tuple[Form, bytes, str]:
    if isinstance(data, str):
        try:
            return 't', data.encode(), TEXT
        except UnicodeEncodeError as e:
            text = f'`data` has a character that is not valid Unicode, at position {e.start}'
            raise BadRequest(msg=text, needs_msg=True) from None
    if isinstance(data, bytes | bytearray | memoryview):
        return 'b', bytes(data), _BYTES
    try:
        return 'j', _encode(data), JSON
    except (TypeError, ValueError, UnicodeEncodeError, OverflowError, RecursionError) as e:
        raise BadRequest(msg=f'`data` cannot be written as JSON: {e}', needs_msg=True) from None


def _meta_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that say anything. Raises BadRequest."""
    found = {name: value for name in _META if (value := options.get(name)) not in _NOTHING}
    for name, value in found.items():
        if name in _TEXTS and not (isinstance(value, str) and len(value) <= _LONGEST_TEXT):
            raise _wrong(name, f'must be text of at most {_LONGEST_TEXT:,} characters', value)
        if name in _KEYS and not _are_keys(value):
            raise _wrong(name, 'must be a sub key, or a list of them', value)
        if name == 'position_in_group' and not isinstance(value, int):
            raise _wrong(name, 'must be a whole number', value)
    return {name: [value] if name in _KEYS and isinstance(value, str) else value for name, value in found.items()}


def _are_keys(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(key, str) for key in value))


def _meta_text(meta: Mapping[str, Any]) -> str:
    try:
        return _encode(meta).decode()
    except (TypeError, ValueError, UnicodeEncodeError, OverflowError, RecursionError) as e:
        raise BadRequest(msg=f'{", ".join(sorted(meta))} cannot be written as JSON: {e}', needs_msg=True) from None


def _priority(options: Mapping[str, Any]) -> int:
    return int(_number(options, 'priority', DEFAULT_PRIORITY, MIN_PRIORITY, MAX_PRIORITY))


def _expires(options: Mapping[str, Any], now: int, most: int) -> int:
    """When a message expires. most: seconds that the topic lets messages live, 0 for no limit."""
    expiration = _number(options, 'expiration', 0, 0, _LAST) or NEVER_EXPIRES
    last = now + most * SECOND if most else 0
    if expiration >= NEVER_EXPIRES:
        return last
    own = now + int(expiration * MILLISECOND)
    return min(own, last) if last else own


def _as_microseconds(value: Any) -> int:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong('ext_pub_time', 'must be a time in ISO 8601', value) from None
    try:
        moment = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        raise _wrong('ext_pub_time', 'must be a time from the years 1 to 9999 in UTC', value) from None
    return int(moment.timestamp() * SECOND)


def _number(options: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = options.get(name)
    if value is None or value == '':
        return default
    try:
        number = value if isinstance(value, int | float) else float(value)
        if least <= number <= most and not isinstance(value, bool):
            return number
    except (TypeError, ValueError):
        pass
    raise _wrong(name, f'must be a number from {least:,} to {most:,}', value)


def _text(options: Mapping[str, Any], name: str, most: int = _LONGEST_TEXT) -> str:
    value = options.get(name)
    if value is None or value == '':
        return ''
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise _wrong(name, f'must be printable text of at most {most} characters', value)
    return value


def _wrong(name: str, rule: str, value: Any) -> BadRequest:
    return BadRequest(msg=f'`{name}` {rule}; got {value!r:.100}', needs_msg=True)
