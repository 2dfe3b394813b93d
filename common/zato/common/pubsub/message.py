"""A message of publish/subscribe, as its target, hooks and other systems see it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any, Final

from zato.common.pubsub.moments import MILLISECOND, SECOND, iso

DEFAULT_PRIORITY: Final = 5
MIN_PRIORITY: Final = 1
MAX_PRIORITY: Final = 9

#: Milliseconds, as the expiration of messages that never expire is shown; nothing longer is.
NEVER_EXPIRES: Final = 2_147_483_647_000

TEXT: Final = 'text/plain'
JSON: Final = 'application/json'

_PREFIX: Final = 2048  #: characters
_SHORT_PREFIX: Final = 64

#: What `to_dict` has, by the names that are shown to nobody but services of this cluster.
_OWN: Final = (
    'cluster_id',
    'ctx',
    'data',
    'data_prefix',
    'data_prefix_short',
    'deliver_to_sk',
    'delivery_count',
    'delivery_status',
    'expiration',
    'expiration_time',
    'expiration_time_iso',
    'ext_client_id',
    'ext_pub_time',
    'ext_pub_time_iso',
    'group_id',
    'has_gd',
    'in_reply_to',
    'is_in_sub_queue',
    'mime_type',
    'opaque1',
    'position_in_group',
    'priority',
    'pub_correl_id',
    'pub_msg_id',
    'pub_pattern_matched',
    'pub_time',
    'pub_time_iso',
    'published_by_id',
    'recv_time',
    'recv_time_iso',
    'reply_to_sk',
    'server_name',
    'server_pid',
    'size',
    'sub_key',
    'sub_pattern_matched',
    'topic_id',
    'topic_name',
    'user_ctx',
    'zato_ctx',
)

#: What the external form has only if there is something to tell: key → attribute.
_OPTIONAL: Final = {
    'correl_id': 'pub_correl_id',
    'in_reply_to': 'in_reply_to',
    'ext_client_id': 'ext_client_id',
    'group_id': 'group_id',
    'ext_pub_time_iso': 'ext_pub_time_iso',
    'user_ctx': 'user_ctx',
}


class PubSubMessage:
    """What was published. Times: attributes ending in `_at` are microseconds since 1970, 0 for none; the others follow from
    them, `..._time` as seconds since 1970, None for none, and `..._time_iso` in UTC without a zone, '' for none.

    data: text, bytes, or what was given in place of them, such as a dict. size: of the data in bytes. priority: 1 to 9, 9
    goes first. delivery_count: how often it was attempted to deliver the message before. expiration: milliseconds after its
    publication. serialized: what a hook wants to be sent in place of the message, None for the message itself.

    A message is also a list of one, itself, for services that were written for lists of messages.
    """

    topic_name: str = ''
    topic_id: int = 0
    sub_key: str = ''
    pub_msg_id: str = ''
    pub_correl_id: str = ''
    in_reply_to: str = ''
    ext_client_id: str = ''
    group_id: str = ''
    position_in_group: int = 1
    published_at: int = 0
    ext_published_at: int = 0
    received_at: int = 0
    expires_at: int = 0
    data: Any = ''
    mime_type: str = TEXT
    priority: int = DEFAULT_PRIORITY
    has_gd: bool = True
    delivery_count: int = 0
    delivery_status: int | None = None
    published_by_id: int = 0
    is_in_sub_queue: bool = True
    cluster_id: int = 1
    server_name: str = ''
    server_pid: int = 0
    pub_pattern_matched: str = ''
    sub_pattern_matched: str = ''
    reply_to_sk: Collection[str] = ()
    deliver_to_sk: Collection[str] = ()
    user_ctx: Any = None
    zato_ctx: Any = None
    serialized: Any = None
    opaque1: Any = None

    def __init__(self, **attributes: Any) -> None:
        """Any of the attributes, `size` and `expiration` too. Raises TypeError."""
        if _STORED.issuperset(attributes):
            self.__dict__ = attributes
            return
        expiration = attributes.pop('expiration', None)
        unknown = sorted(attributes.keys() - _STORED)
        if unknown:
            raise TypeError(f'A message has no {", ".join(unknown)} that could be given')
        self.__dict__ = attributes
        if expiration is not None:
            self.expiration = expiration

    def __repr__(self) -> str:
        return f'<PubSubMessage {self.pub_msg_id} topic={self.topic_name} size={self.size}>'

    # A list of one

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[PubSubMessage]:
        yield self

    def __getitem__(self, index: int | slice) -> Any:
        return [self][index]

    # What follows from the rest

    @property
    def topic(self) -> str:
        return self.topic_name

    @property
    def msg_id(self) -> str:
        return self.pub_msg_id

    @property
    def correl_id(self) -> str:
        return self.pub_correl_id

    @cached_property
    def size(self) -> int:
        return len(self.data if isinstance(self.data, bytes) else self._text().encode('utf-8', 'surrogatepass'))

    @property
    def expiration(self) -> int:
        if not self.expires_at:
            return NEVER_EXPIRES
        return min((self.expires_at - self.published_at) // MILLISECOND, NEVER_EXPIRES)

    @expiration.setter
    def expiration(self, value: int) -> None:
        self.expires_at = self.published_at + value * MILLISECOND if value < NEVER_EXPIRES else 0

    @property
    def pub_time(self) -> float | None:
        return _seconds(self.published_at)

    @property
    def ext_pub_time(self) -> float | None:
        return _seconds(self.ext_published_at)

    @property
    def recv_time(self) -> float | None:
        return _seconds(self.received_at)

    @property
    def expiration_time(self) -> float | None:
        return _seconds(self._shown_end())

    @property
    def pub_time_iso(self) -> str:
        return iso(self.published_at)

    @property
    def ext_pub_time_iso(self) -> str:
        return iso(self.ext_published_at)

    @property
    def recv_time_iso(self) -> str:
        return iso(self.received_at)

    @property
    def expiration_time_iso(self) -> str:
        return iso(self._shown_end())

    @property
    def data_prefix(self) -> str:
        """The beginning of the data, as text."""
        return self._text(_PREFIX)

    @property
    def data_prefix_short(self) -> str:
        return self._text(_SHORT_PREFIX)

    @property
    def ctx(self) -> dict[str, Any] | None:
        """What other systems are told besides, None for nothing."""
        return {'reply_to_sk': list(self.reply_to_sk)} if self.reply_to_sk else None

    # Other forms

    def to_dict(
        self,
        skip: Collection[str] = (),
        *,
        needs_utf8_encode: bool = False,
        needs_utf8_decode: bool = False,
        add_id_attrs: bool = False,
    ) -> dict[str, Any]:
        """By name, sorted, without what is None. needs_utf8_encode: text as bytes; needs_utf8_decode: bytes as text.

        add_id_attrs: with `msg_id` and `correl_id`. Raises UnicodeDecodeError.
        """
        found = {name: value for name in _OWN if name not in skip and (value := getattr(self, name)) is not None}
        if add_id_attrs:
            found['msg_id'] = self.pub_msg_id
            found['correl_id'] = self.pub_correl_id
        data = found.get('data')
        if needs_utf8_encode and isinstance(data, str):
            found['data'] = data.encode()
        elif needs_utf8_decode and isinstance(data, bytes):
            found['data'] = data.decode()
        return dict(sorted(found.items()))

    def asdict(self) -> dict[str, Any]:
        """As `to_dict`."""
        return self.to_dict()

    def to_external_dict(self, skip: Collection[str] = ()) -> dict[str, Any]:
        """The form in which other systems and hooks get it, which is JSON.

        Bytes are text in it; those that are not UTF-8 are base64, and `data_encoding` says so.
        """
        found: dict[str, Any] = {
            'msg_id': self.pub_msg_id,
            'topic_name': self.topic_name,
            'sub_key': self.sub_key,
            'data': self.data,
            'mime_type': self.mime_type,
            'size': self.size,
            'priority': self.priority,
            'has_gd': self.has_gd,
            'delivery_count': self.delivery_count,
            'expiration': self.expiration,
            'pub_time_iso': self.pub_time_iso,
            'expiration_time_iso': self.expiration_time_iso,
        }
        if isinstance(self.data, bytes):
            found.update(_bytes_as_text(self.data))
        found.update(self._optional())
        for name in skip:
            found.pop(name, None)
        return found

    def to_json(self, skip: Collection[str] = ()) -> str:
        """What `to_dict` gives; bytes as base64 unless they are UTF-8."""
        found = self.to_dict(skip)
        if isinstance(self.data, bytes) and 'data' in found:
            found.update(_bytes_as_text(self.data))
        return _json(found)

    def to_external_json(self, skip: Collection[str] = ()) -> str:
        return _json(self.to_external_dict(skip))

    def _optional(self) -> dict[str, Any]:
        found = {key: value for key, name in _OPTIONAL.items() if (value := getattr(self, name)) not in ('', None)}
        if self.received_at:
            found['recv_time_iso'] = self.recv_time_iso
        if self.group_id:
            found['position_in_group'] = self.position_in_group
        if self.ctx is not None:
            found['ctx'] = self.ctx
        return found

    def _shown_end(self) -> int:
        return self.expires_at or (self.published_at and self.published_at + NEVER_EXPIRES * MILLISECOND)

    def _text(self, length: int | None = None) -> str:
        """length: characters, None for all of them."""
        data = self.data
        if isinstance(data, bytes):
            return data[: length * 4 if length is not None else None].decode('utf-8', 'replace')[:length]
        return (data if isinstance(data, str) else _json(data))[:length]


#: What is kept as it is given.
_STORED: Final = frozenset({*PubSubMessage.__annotations__, 'size'})


def _json(value: Any) -> str:
    # Imported when first used: commands know what messages are, and make none.
    from msgspec.json import encode

    return encode(value).decode()


def _seconds(at: int) -> float | None:
    return at / SECOND if at else None


def _bytes_as_text(data: bytes) -> dict[str, str]:
    try:
        return {'data': data.decode()}
    except UnicodeDecodeError:
        return {'data': b64encode(data).decode(), 'data_encoding': 'base64'}
