"""Subscriptions: who gets the messages of which topic, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from zato.common.config.field import TargetOf, is_variable, reference, setting
from zato.common.config.kind import kind
from zato.common.config.kinds.pubsub_endpoint import PUB_ONLY, REST, WSX, patterns_of
from zato.common.pubsub.ids import SUBSCRIPTION, new_sub_key

NOTIFY, PULL, WEB_SOCKET = 'notify', 'pull', 'web-socket'
PIPELINED, SYNC = 'pipelined', 'sync'

_DELIVERY: Final = 'Delivery'
_FAILURES: Final = 'Failures'
_KEY: Final = re.compile(rf'{SUBSCRIPTION}\.[A-Za-z0-9_.-]+')


def check_sub_key(value: Any) -> None:
    """Raises ValueError."""
    if value and not _KEY.fullmatch(value):
        raise ValueError(f'must begin with {SUBSCRIPTION}. and have letters, digits, dots, hyphens and underscores')


def check_targets(subscription: PubSubSubscription, target_of: TargetOf) -> None:
    """Raises ValueError."""
    topic, endpoint = target_of('topic'), target_of('endpoint')
    if topic is None or endpoint is None:
        return
    type_, method = endpoint.settings.get('endpoint_type', REST), subscription.delivery_method
    if endpoint.settings.get('role') == PUB_ONLY:
        raise ValueError(f'`endpoint` must be one that may subscribe, and the role of `{endpoint.name}` is {PUB_ONLY}')
    if (method == WEB_SOCKET and type_ != WSX) or (method == NOTIFY and type_ == WSX):
        raise ValueError(f'`delivery_method` {method} is not for endpoints of type {type_}, such as `{endpoint.name}`')
    if method == NOTIFY and type_ == REST and not subscription.rest_connection:
        raise ValueError(f'`rest_connection` is required, through which messages go to `{endpoint.name}`')
    if subscription.rest_connection and (method != NOTIFY or type_ != REST):
        raise ValueError(f'`rest_connection` is for delivery method {NOTIFY} to endpoints of type {REST} alone')
    patterns = endpoint.settings.get('topic_patterns', '')
    if not is_variable(patterns) and not patterns_of(type_, patterns).match('sub', topic.name):
        raise ValueError(
            f'`topic` must be one that `{endpoint.name}` is allowed: none of its patterns is for `{topic.name}`'
        )


def _new_sub_key(target_of: TargetOf) -> str:
    endpoint = target_of('endpoint')
    return new_sub_key(endpoint.settings.get('endpoint_type', REST) if endpoint is not None else REST)


@kind(
    'pubsub_subscription',
    label='Subscription',
    menu=('Pub/sub', 'Subscriptions'),
    services='zato.pubsub.subscription',
    enmasse=('pubsub_subscription',),
    unique=(('sub_key',), ('topic', 'endpoint')),
    same_by=('topic', 'endpoint'),
    item_lists={'topic_list': 'topic'},
    check_targets=check_targets,
    ignored={
        'endpoint_type': None,
        'active_status': ('pub-sub', '', None),
        'has_gd': None,
        'is_durable': None,
        'is_staging_enabled': (False, None),
        'delivery_max_size': None,
        'delivery_data_format': ('json', '', None),
        'delivery_endpoint': ('', None),
        'out_amqp_id': ('', 0, None),
        'amqp_exchange': ('', None),
        'amqp_routing_key': ('', None),
        'unsub_on_wsx_close': None,
        'should_ignore_if_sub_exists': None,
    },
)
@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubSubscription:
    """That an endpoint gets the messages of a topic. Until they are delivered they are in a queue of its own."""

    topic: int = reference('pubsub_topic', label='Topic', is_listed=True, help='Whose messages', is_fixed=True)
    endpoint: int = reference('pubsub_endpoint', label='Endpoint', is_listed=True, help='Who gets them', is_fixed=True)
    sub_key: str = setting(
        '',
        label='Sub key',
        help='By which clients name it; a new one is made unless it is given',
        max_length=200,
        check=check_sub_key,
        made=_new_sub_key,
    )
    delivery_method: str = setting(
        NOTIFY,
        label='Delivery method',
        is_listed=True,
        help='notify: the server delivers messages; pull: clients ask for them; web-socket: a channel sends them to clients',
        choices=(NOTIFY, PULL, WEB_SOCKET),
    )
    rest_connection: int | None = reference(
        'outgoing_rest',
        label='REST connection',
        help='Through which messages go to endpoints of type rest',
        default=None,
        none_names=('',),
        aliases=('out_http_soap_id', 'out_rest_http_soap_id'),
    )
    rest_method: str = setting(
        'POST',
        label='REST method',
        help='With which method',
        choices=('POST', 'PUT', 'PATCH'),
        aliases=('out_http_method', 'out_rest_http_method'),
    )
    is_paused: bool = setting(
        False, label='Paused', is_listed=True, help='Do messages wait in the queue until this is no longer so?'
    )
    delivery_batch_size: int = setting(
        500,
        label='Delivery batch size',
        group=_DELIVERY,
        help='How many messages are delivered at once, as a list, at most',
        minimum=1,
        maximum=10_000,
    )
    wrap_one_msg_in_list: bool = setting(
        True,
        label='As list',
        group=_DELIVERY,
        help='Is a message a list of one where no more than one is delivered at once?',
    )
    max_in_flight: int = setting(
        1,
        label='Max in flight',
        group=_DELIVERY,
        help='How many deliveries run at the same time. With 1 messages arrive in order, with more those of each group do',
        minimum=1,
        maximum=1_000,
    )
    ack: str = setting(
        PIPELINED,
        label='Ack',
        group=_DELIVERY,
        help='pipelined: the next message is delivered while it is stored that the last ones were, so up to a hundred may '
        'arrive twice if the server is killed; sync: each is stored first',
        choices=(PIPELINED, SYNC),
    )
    delivery_timeout: float = setting(
        60.0,
        label='Delivery timeout',
        group=_DELIVERY,
        help='How long a delivery may take before it is interrupted, and counts as failed',
        unit='seconds',
        minimum=0.001,
        maximum=86_400,
    )
    delivery_server: str = setting(
        '',
        label='Delivery server',
        group=_DELIVERY,
        help='Which server delivers, while it runs; empty for any',
        max_length=200,
        aliases=('server_name',),
    )
    delivery_max_retry: int = setting(
        25,
        label='Max retries',
        group=_FAILURES,
        help='After how many failed deliveries a message goes to the dead letters; 0: never, until one succeeds',
        minimum=0,
        maximum=2_147_483_647,
    )
    delivery_err_should_block: bool = setting(
        True,
        label='Block on errors',
        group=_FAILURES,
        help='Do other messages wait for one that failed, so that their order is kept?',
    )
    wait_sock_err: float = setting(
        0.0,
        label='Sleep on socket error',
        group=_FAILURES,
        help='Pause after a delivery that failed since there was no connection; 0: one that grows, up to 5 minutes',
        unit='seconds',
        minimum=0,
        maximum=86_400,
        aliases=('wait_sock_err_sec',),
    )
    wait_non_sock_err: float = setting(
        0.0,
        label='Sleep on other errors',
        group=_FAILURES,
        help='The same of one that failed for any other reason',
        unit='seconds',
        minimum=0,
        maximum=86_400,
        aliases=('wait_non_sock_err_sec',),
    )
    reject_on_4xx: bool = setting(
        False,
        label='Reject on 4xx',
        group=_FAILURES,
        help='Does a message go to the dead letters at once if a REST server answers 4xx, other than 408, 425 and 429?',
    )
    is_internal: bool = setting(
        False, label='Is internal', help='Did the server make it, for messages to a service?', is_read_only=True
    )
