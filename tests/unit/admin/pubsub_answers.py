"""What servers answer about publish/subscribe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.dashboard import Pages
from tests.unit.admin.object_answers import page_of, shown
from zato.common.config.kind import kinds

HOSTILE = '</pre><script>alert(1)</script>'

TOPIC, SUBSCRIPTION, ENDPOINT = (kinds()[f'pubsub_{name}'] for name in ('topic', 'subscription', 'endpoint'))


def topic(id: int = 3, name: str = '/customer/new', **changed: Any) -> dict[str, Any]:
    """As `zato.pubsub-topic.get` has one."""
    return shown(TOPIC, id=id, name=name, **changed)


def subscription(id: int = 5, name: str = 'CRM wants customers', **changed: Any) -> dict[str, Any]:
    """As `zato.pubsub-subscription.get` has one."""
    told = {'topic': '/customer/new', 'endpoint': 'CRM', 'sub_key': 'zpsk.rest.0123', **changed}
    return {**shown(SUBSCRIPTION, id=id, name=name, **told), 'topic_id': 3, 'endpoint_id': 4}


def topic_state(id: int = 3, **changed: Any) -> dict[str, Any]:
    """As `zato.pubsub.topic.get-state-list` has one."""
    return {
        'id': id,
        'name': '/customer/new',
        'is_active': True,
        'is_internal': False,
        'target_service': '',
        'subscriptions': 1,
        'depth': 12,
        'is_depth_more': False,
        'dead': 0,
        'is_dead_more': False,
        'published': 4711,
        'publish_rate': 2.5,
        'delivery_rate': 1.25,
        'last_time': '2026-05-01T10:11:12.120000',
        'last_msg_id': 'zpsm0123',
        'last_endpoint_id': 8,
        'last_endpoint_name': 'Web shop',
        **changed,
    }


def subscription_state(id: int = 5, **changed: Any) -> dict[str, Any]:
    """As `zato.pubsub.subscription.get-state-list` has one."""
    return {
        'id': id,
        'sub_key': 'zpsk.rest.0123',
        'name': 'CRM wants customers',
        'topic_id': 3,
        'topic_name': '/customer/new',
        'endpoint_id': 4,
        'endpoint_name': 'CRM',
        'endpoint_type': 'rest',
        'delivery_method': 'notify',
        'is_active': True,
        'is_paused': False,
        'state': 'delivering',
        'error': '',
        'depth': 12,
        'is_depth_more': False,
        'retry': 0,
        'is_retry_more': False,
        'pulled': 0,
        'dead': 0,
        'is_dead_more': False,
        'lag': 3.5,
        'in_flight': 1,
        'next_attempt': '',
        'attempts': 0,
        'delivered': 100,
        'failed': 2,
        'delivery_rate': 1.25,
        'server': 'server1',
        'pid': 123,
        'epoch': 2,
        **changed,
    }


def message(number: int = 1, **changed: Any) -> dict[str, Any]:
    """As lists of messages have one."""
    return {
        'msg_id': f'zpsm{number:024}',
        'seq': number,
        'rank': 4,
        'priority': 5,
        'topic_id': 3,
        'topic_name': '/customer/new',
        'sub_id': 5,
        'endpoint_id': 8,
        'endpoint_name': 'Web shop',
        'mime_type': 'application/json',
        'size': 31,
        'pub_time_iso': '2026-05-01T10:11:12.120000',
        'expiration_time_iso': '',
        'is_expired': False,
        'attempts': 0,
        'crashes': 0,
        'not_before_iso': '',
        'due_iso': '',
        'lease_id': '',
        'until_iso': '',
        'error': '',
        'data_prefix': HOSTILE,
        'is_cut': False,
        'data_encoding': 'text',
        'correl_id': '',
        'in_reply_to': '',
        'ext_client_id': '',
        'group_id': '',
        **changed,
    }


def whole(number: int = 1, data: str = HOSTILE, **changed: Any) -> dict[str, Any]:
    """As `zato.pubsub.queue.get-message` answers."""
    return {**message(number), 'data': data, 'meta': {}, **changed}


def letter(number: int = 1, **changed: Any) -> dict[str, Any]:
    """As `zato.pubsub.dead-letter.get-list` has one."""
    died = {'sub_key': 'zpsk.rest.0123', 'reason': 'max-retry', 'died_at_iso': '2026-05-02T10:11:12.120000'}
    return {**message(number, attempts=25, error=f'it failed {HOSTILE}'), **died, 'is_subscribed': True, **changed}


def count(sub_id: int = 5, **changed: Any) -> dict[str, Any]:
    """As `zato.pubsub.dead-letter.get-count-list` has one."""
    topic = {'topic_id': 3, 'topic_name': '/customer/new'}
    counted = {'is_subscribed': True, 'count': 2, 'is_count_more': False}
    return {'sub_id': sub_id, 'sub_key': f'zpsk.rest.{sub_id}', **topic, **counted, **changed}


def know(pages: Pages, *, states: Sequence[Mapping[str, Any]] = (), found: Sequence[Mapping[str, Any]] = ()) -> None:
    """Servers with a topic and a subscription. states: of subscriptions; found: messages, in any list."""
    listed = {'messages': list(found), 'next': '', 'depth': len(found), 'is_depth_more': False, 'last_seq': 9}
    pages.cluster.answers |= {
        'zato.pubsub-topic.get': topic(limit_retention=3600),
        'zato.pubsub-topic.get-list': page_of([topic()]),
        'zato.pubsub-endpoint.get-list': page_of([shown(ENDPOINT, id=8, name='Web shop')]),
        'zato.pubsub-subscription.get': subscription(),
        'zato.pubsub-subscription.get-list': page_of([subscription()]),
        'zato.pubsub.topic.get-state-list': [topic_state()],
        'zato.pubsub.subscription.get-state-list': list(states) or [subscription_state()],
        'zato.pubsub.queue.get-message-list': listed,
        'zato.pubsub.topic.get-message-list': listed,
        'zato.pubsub.queue.get-message': whole(),
        'zato.pubsub.dead-letter.get-list': {'messages': list(found), 'next': ''},
        'zato.pubsub.dead-letter.get-count-list': [count()],
    }
