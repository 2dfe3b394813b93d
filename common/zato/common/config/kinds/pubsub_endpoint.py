"""Endpoints: who publishes and subscribes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zato.common.config.field import reference, setting
from zato.common.config.kind import kind
from zato.common.pubsub.names import INTERNAL_ENDPOINT, SERVICE_ENDPOINTS
from zato.common.pubsub.pattern import EVERY_TOPIC, Patterns, check_patterns

REST, SERVICE, WSX = 'rest', 'service', 'wsx'
PUB_ONLY, SUB_ONLY, PUB_SUB = 'pub-only', 'sub-only', 'pub-sub'

#: Type → the setting that says who it is, and the only one of these that it may have.
_IDENTITIES: Final = {REST: 'security', SERVICE: 'service', WSX: 'ws_channel_name'}

#: Of those, which an endpoint can do without: nobody is it then, and it is delivered to all the same.
_OPTIONAL: Final = (REST,)


def patterns_of(endpoint_type: str, topic_patterns: str) -> Patterns:
    """Services may use every topic unless something else is said. Raises ValueError."""
    if endpoint_type == SERVICE and not topic_patterns.strip():
        return Patterns(f'pub={EVERY_TOPIC}\nsub={EVERY_TOPIC}')
    return Patterns(topic_patterns)


def check_identity(endpoint: PubSubEndpoint) -> None:
    """Raises ValueError."""
    for type_, name in _IDENTITIES.items():
        is_given = bool(getattr(endpoint, name))
        if is_given and endpoint.endpoint_type != type_:
            raise ValueError(f'`{name}` is for endpoints of type {type_}, and this one is of type {endpoint.endpoint_type}')
        if not is_given and endpoint.endpoint_type == type_ and type_ not in _OPTIONAL:
            raise ValueError(f'`{name}` is required of endpoints of type {type_}')


@kind(
    'pubsub_endpoint',
    label='Pub/sub endpoint',
    menu=('Pub/sub', 'Endpoints'),
    services='zato.pubsub.endpoint',
    enmasse=('pubsub_endpoint',),
    unique=(('security',), ('service',), ('ws_channel_name',)),
    same_by=('service',),
    check=check_identity,
    reserved=(SERVICE_ENDPOINTS, INTERNAL_ENDPOINT),
    ignored={
        'ws_channel_id': None,
        'gen_conn_id': None,
        'tags': None,
        'pub_tag_patterns': None,
        'message_tag_patterns': None,
        'last_seen': None,
        'last_pub_time': None,
        'last_sub_time': None,
        'last_deliv_time': None,
    },
)
@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubEndpoint:
    """Who publishes to topics and subscribes to them: a client, a service, or a WebSocket channel with all its clients."""

    endpoint_type: str = setting(
        REST,
        label='Type',
        is_listed=True,
        help='What it is: a REST client or server, a service, or a WebSocket channel',
        choices=tuple(_IDENTITIES),
        synonyms={'srv': SERVICE, 'websockets': WSX, 'web-socket': WSX},
        is_fixed=True,
    )
    role: str = setting(PUB_SUB, label='Role', is_listed=True, help='What it may do', choices=(PUB_ONLY, SUB_ONLY, PUB_SUB))
    security: int | None = reference(
        'security_basic_auth',
        label='Security definition',
        is_listed=True,
        help='Of type rest: who logs in with it is this endpoint',
        default=None,
        aliases=('sec_def', 'sec_name'),
        none_names=('zato-no-security', 'ZATO_NONE', ''),
    )
    service: int | None = reference(
        'service', label='Service', is_listed=True, help='Of type service: which one', default=None, none_names=('',)
    )
    ws_channel_name: str = setting(
        '',
        label='WSX channel',
        help='Of type wsx: the name of the WebSocket channel',
        max_length=200,
        aliases=('ws_channel',),
    )
    topic_patterns: str = setting(
        '',
        label='Topics allowed',
        help='Lines such as pub=/customer/* or sub=/order/**: * is one part of a name, ** any number, /* alone every topic. '
        'Without any, services may use every topic, and others none',
        is_multiline=True,
        max_length=100_000,
        check=check_patterns,
    )
    is_internal: bool = setting(False, label='Is internal', help='Did the server make it?', is_read_only=True)
