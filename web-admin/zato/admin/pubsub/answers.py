"""What servers answer about topics, subscriptions and messages, as pages show it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from zato.admin.objects.asking import Garbled
from zato.admin.objects.states import without_title
from zato.common.config.kind import kinds

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

A = TypeVar('A', bound='DataclassInstance')

#: State of a subscription → what it is called, its badge's class.
STATES: Final[Mapping[str, tuple[str, str]]] = {
    'delivering': ('Delivering', 'good'),
    'idle': ('Idle', 'good'),
    'retrying': ('Retrying', 'warn'),
    'paused': ('Paused', 'warn'),
    'inactive': ('Inactive', ''),
    'down': ('Down', 'bad'),
    'no-owner': ('No server delivers', 'bad'),
    'pull': ('Clients ask for messages', 'good'),
    '': ('Not known yet', ''),
}
#: Why a message is a dead letter → the same in words.
REASONS: Final[Mapping[str, str]] = {
    'max-retry': 'Failed too often',
    'crash': 'Its process died',
    'rejected': 'Rejected',
    'deleted-sub': 'Subscription deleted',
}
_SHOWN: Final = 120  #: characters of data in a list


@dataclass(frozen=True, slots=True)
class Count:
    """is_more: did whoever counted stop there? Templates show it as text and may ask for its plural."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f'{self.number:,}+' if self.is_more else f'{self.number:,}'

    def __float__(self) -> float:
        return float(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """As `zato.pubsub.topic.get-state-list` has it. Rates: per second, None if not known. last_time: UTC, ISO 8601, or ''.

    depth: of the longest of its queues.
    """

    id: int
    name: str
    is_active: bool
    is_internal: bool
    target_service: str | None
    subscriptions: int
    depth: int
    is_depth_more: bool
    dead: int
    is_dead_more: bool
    published: int
    publish_rate: float | None
    delivery_rate: float | None
    last_time: str
    last_msg_id: str
    last_endpoint_id: int | None
    last_endpoint_name: str

    @property
    def depth_count(self) -> Count:
        return Count(self.depth, self.is_depth_more)

    @property
    def dead_count(self) -> Count:
        return Count(self.dead, self.is_dead_more)

    @property
    def published_text(self) -> str:
        return rate_text(self.publish_rate)

    @property
    def delivered_text(self) -> str:
        return rate_text(self.delivery_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState:
    """As `zato.pubsub.subscription.get-state-list` has it. lag: seconds. None: only the server knows that delivers.

    is_known: or is this only what its object says, since servers have nothing of it running?
    """

    id: int
    sub_key: str
    name: str
    topic_id: int
    topic_name: str
    endpoint_id: int | None
    endpoint_name: str
    endpoint_type: str
    delivery_method: str
    is_active: bool
    is_paused: bool
    state: str
    depth: int
    error: str = ''
    is_depth_more: bool = False
    retry: int = 0
    is_retry_more: bool = False
    pulled: int = 0
    dead: int = 0
    is_dead_more: bool = False
    lag: float = 0
    in_flight: int | None = None
    next_attempt: str = ''
    attempts: int = 0
    delivered: int | None = None
    failed: int | None = None
    delivery_rate: float | None = None
    server: str = ''
    pid: int = 0
    epoch: int = 0
    is_known: bool = True

    @property
    def word(self) -> str:
        return STATES.get(self.state, (self.state, ''))[0]

    @property
    def reason(self) -> str:
        """Why it is down, or what went wrong last."""
        return without_title(kinds()['pubsub_subscription'], self.error) if self.state == 'down' else self.error

    @property
    def badge(self) -> str:
        return STATES.get(self.state, ('', 'warn'))[1]

    @property
    def depth_count(self) -> Count:
        return Count(self.depth, self.is_depth_more)

    @property
    def retry_count(self) -> Count:
        return Count(self.retry, self.is_retry_more)

    @property
    def dead_count(self) -> Count:
        return Count(self.dead, self.is_dead_more)

    @property
    def delivered_text(self) -> str:
        return rate_text(self.delivery_rate)

    @property
    def undelivered(self) -> int:
        """All that would become dead letters if the subscription was deleted."""
        return self.depth + self.retry + self.pulled


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """As lists of messages have one. data: all of it, or its beginning if is_cut; text, or base64 of what is none.

    Times: UTC, ISO 8601, or ''. sub_id, and what follows attempts, only of a message that was looked up in a queue.
    """

    msg_id: str
    seq: int
    priority: int
    topic_id: int
    topic_name: str
    endpoint_name: str
    mime_type: str
    size: int
    pub_time_iso: str
    expiration_time_iso: str
    is_expired: bool
    is_cut: bool
    data_encoding: str
    data: str = ''
    data_prefix: str = ''
    sub_id: int = 0
    attempts: int = 0
    crashes: int = 0
    not_before_iso: str = ''
    due_iso: str = ''
    lease_id: str = ''
    until_iso: str = ''
    error: str = ''
    correl_id: str = ''
    in_reply_to: str = ''
    ext_client_id: str = ''
    group_id: str = ''
    meta: Mapping[str, Any] = field(default_factory=dict)
    sub_key: str = ''
    reason: str = ''
    died_at_iso: str = ''
    is_subscribed: bool = True

    @property
    def is_text(self) -> bool:
        return self.data_encoding == 'text'

    @property
    def preview(self) -> str:
        """A line of text, '' of what is none."""
        if not self.is_text:
            return ''
        line = ' '.join(self.data_prefix[: 2 * _SHOWN].split())
        return line if len(line) <= _SHOWN and len(self.data_prefix) <= 2 * _SHOWN else f'{line[:_SHOWN]}…'

    @property
    def reason_text(self) -> str:
        return REASONS.get(self.reason, self.reason)

    @property
    def letter(self) -> str:
        """What tells a dead letter from others."""
        return f'{self.sub_id}:{self.seq}'

    @property
    def more(self) -> list[tuple[str, str]]:
        """What few messages have, such as user_ctx, as JSON unless it is text."""
        shown = ('correl_id', 'in_reply_to', 'ext_client_id', 'group_id')
        return [
            (key, _clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
            for key, value in self.meta.items()
            if key not in shown and value not in (None, '', [], {})
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadCount:
    """As `zato.pubsub.dead-letter.get-count-list` has it. is_subscribed: does the subscription exist?"""

    sub_id: int
    sub_key: str
    topic_id: int
    topic_name: str
    is_subscribed: bool
    count: int
    is_count_more: bool

    @property
    def counted(self) -> Count:
        return Count(self.count, self.is_count_more)


def state_of_object(item: Mapping[str, Any]) -> SubscriptionState:
    """Of a subscription that servers do not run, since it is down, or is but a moment old. item: as `get-list` has it."""
    return SubscriptionState(
        id=int(item['id']),
        sub_key=str(item['sub_key']),
        name=str(item['name']),
        topic_id=int(item['topic_id']),
        topic_name=str(item['topic']),
        endpoint_id=int(item['endpoint_id']),
        endpoint_name=str(item['endpoint']),
        endpoint_type='',
        delivery_method=str(item['delivery_method']),
        is_active=bool(item['is_active']),
        is_paused=bool(item['is_paused']),
        state='down' if item['error'] else '' if item['is_active'] else 'inactive',
        error=_clean(str(item['error'])),
        depth=0,
        is_known=False,
    )


def read(cls: type[A], raw: Any) -> A:
    """raw: a dict, of which keys without a default are needed. Raises Garbled."""
    found: dict[str, Any] = {}
    try:
        for item in fields(cls):
            is_needed = item.default is MISSING and item.default_factory is MISSING
            value = raw[item.name] if is_needed else raw.get(item.name)
            if value is not None or is_needed:
                found[item.name] = _clean(value) if isinstance(value, str) else value
        return cls(**found)
    except (AttributeError, KeyError, TypeError) as e:
        raise Garbled(msg=f'The server answered with something else than a {cls.__name__}: {e!r:.200}') from e


def read_list(cls: type[A], raw: Any) -> list[A]:
    """Raises Garbled."""
    if not isinstance(raw, list):
        raise Garbled(msg=f'The server answered with something else than a list of {cls.__name__}')
    return [read(cls, item) for item in raw]


def rate_text(rate: float | None) -> str:
    """Of something per second."""
    if rate is None:
        return '–'
    return f'{rate:,.0f}' if rate >= 10 or not rate else f'{rate:.2g}'


def _clean(text: str) -> str:
    """Without halves of characters, which messages may have and pages may not."""
    return text if text.isascii() else text.encode('utf-8', 'replace').decode()
