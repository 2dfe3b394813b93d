"""Topics of publish/subscribe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zato.common.config.field import reference, setting
from zato.common.config.kind import kind
from zato.common.pubsub.names import SERVICE_TOPICS

ACCEPT, DROP = 'accept', 'drop'

_LIMITS: Final = 'Limits'
_LONGEST: Final = 10 * 366 * 86_400  #: seconds
_MOST: Final = 1_000_000_000


def check_name(name: str) -> None:
    """Raises ValueError."""
    if not name.startswith('/'):
        raise ValueError('must begin with a slash')


@kind(
    'pubsub_topic',
    label='Topic',
    menu=('Pub/sub', 'Topics'),
    services='zato.pubsub.topic',
    enmasse=('pubsub_topic',),
    check_name=check_name,
    reserved=(SERVICE_TOPICS,),
    ignored={
        'depth_check_freq': None,
        'task_sync_interval': None,
        'task_delivery_interval': None,
        'pub_buffer_size_gd': None,
        'current_depth_gd': None,
        'last_pub_time': None,
        'limit_sub_inactivity': None,
    },
)
@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubTopic:
    """What messages are published to, and what those who want them subscribe to."""

    has_gd: bool = setting(
        True,
        label='GD enabled',
        is_listed=True,
        help='Guaranteed delivery: are messages stored before a publisher is answered, unless it says otherwise?',
    )
    is_api_sub_allowed: bool = setting(
        True, label='API sub. allowed', help='May clients subscribe by themselves, through the API?'
    )
    on_no_subs_pub: str = setting(
        ACCEPT,
        label='On no sub.',
        help='What becomes of messages while nobody subscribes: they are kept for the first subscriber, or dropped',
        choices=(ACCEPT, DROP),
    )
    hook_service: int | None = reference(
        'service', label='Hook service', help='A service of class PubSubHook, asked about each message', default=None
    )
    max_depth_gd: int = setting(
        1_000_000,
        label='Max depth GD',
        is_listed=True,
        group=_LIMITS,
        help='How many stored messages may wait to be delivered; publishers are answered with 503 then. 0: any number',
        minimum=0,
        maximum=_MOST,
    )
    max_depth_non_gd: int = setting(
        1_000,
        label='Max depth RAM',
        group=_LIMITS,
        help='How many messages in RAM alone may wait in each worker; the same',
        minimum=0,
        maximum=_MOST,
    )
    limit_retention: int = setting(
        0,
        label='Retention',
        group=_LIMITS,
        help='How long delivered messages are kept, so that subscribers can be given them again; 0: they are not',
        unit='seconds',
        minimum=0,
        maximum=_LONGEST,
    )
    limit_message_expiry: int = setting(
        0,
        label='Expiry',
        group=_LIMITS,
        help='After which time messages expire that were not delivered, unless they say an earlier one; 0: they do not',
        unit='seconds',
        minimum=0,
        maximum=_LONGEST,
    )
    target_service: int | None = reference(
        'service', label='Target service', help='Whose topic it is', default=None, is_read_only=True
    )
    is_internal: bool = setting(
        False, label='Is internal', help='Did the server make it, for messages to a service?', is_read_only=True
    )
