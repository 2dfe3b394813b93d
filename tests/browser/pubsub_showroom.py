"""Topics, subscriptions of all states, messages that wait and dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.environment import Environment, eventually
from zato.client.admin import AdminClient

ORDERS = """from zato.common.pubsub import PubSubReject
from zato.server.service import Service


class Bill(Service):
    \"\"\"Bills an order.\"\"\"

    def handle(self):
        for message in self.request.raw_request:
            if not message.data['total']:
                raise PubSubReject(msg='An order without a total cannot be billed')


class Ship(Service):
    \"\"\"Has an order shipped.\"\"\"

    def handle(self):
        self.logger.info('Order %s is shipped', self.request.raw_request.data['order'])


class Confirm(Service):
    \"\"\"Confirms an order to its customer.\"\"\"

    def handle(self):
        self.pubsub.publish('orders.ship', data={'order': self.request.payload['order']})
"""

#: name, type, settings.
_ENDPOINTS: list[tuple[str, dict[str, Any]]] = [
    ('Web shop', {'role': 'pub-only', 'security': 'Web shop', 'topic_patterns': 'pub=/orders/**'}),
    ('Billing', {'endpoint_type': 'service', 'role': 'sub-only', 'service': 'orders.bill'}),
    ('CRM', {'role': 'sub-only', 'topic_patterns': 'sub=/orders/*'}),
    ('Reports', {'role': 'sub-only', 'topic_patterns': 'sub=/orders/*'}),
]
_SUBSCRIPTIONS: list[tuple[str, dict[str, Any]]] = [
    ('Billing of orders', {'endpoint': 'Billing', 'delivery_batch_size': 1}),
    ('Orders for the CRM', {'endpoint': 'CRM', 'rest_connection': 'CRM of orders'}),
    ('Orders for reports', {'endpoint': 'Reports', 'delivery_method': 'pull'}),
]


def furnish_pubsub(environment: Environment, jane: AdminClient) -> Mapping[str, str]:
    """Needs security definition Web shop. Returns addresses of pages by what they show."""
    assert environment.deploy('orders.py', ORDERS).code == 0
    topic = jane.invoke('zato.pubsub.topic.create', {'name': '/orders/new', 'limit_retention': 86_400})['id']
    jane.invoke('zato.pubsub.topic.create', {'name': '/orders/cancelled'})
    jane.invoke('zato.outgoing-rest.create', {'name': 'CRM of orders', 'host': 'http://127.0.0.1:9', 'url_path': '/'})
    for name, settings in _ENDPOINTS:
        jane.invoke('zato.pubsub.endpoint.create', {'name': name, **settings})
    subscriptions = [
        jane.invoke('zato.pubsub.subscription.create', {'name': name, 'topic': '/orders/new', **settings})['id']
        for name, settings in _SUBSCRIPTIONS
    ]
    for number in range(4711, 4719):
        order = {'order': number, 'customer': 'Jane Miller', 'total': 19.9 if number % 4 else 0}
        msg_id = publish(jane, '/orders/new', order, endpoint_name='Web shop')
    environment.invoke('orders.confirm', {'order': 4711})
    eventually(lambda: jane.invoke('zato.pubsub.dead-letter.get-count-list'), 'dead letters')
    eventually(lambda: _is_retried(jane, subscriptions[1]), 'a delivery that failed')
    return pages_of(topic, subscriptions, msg_id)


def publish(client: AdminClient, topic: str, data: Any, **options: Any) -> str:
    """Returns the message's ID."""
    return str(client.invoke('zato.pubsub.publish.publish', {'topic_name': topic, 'data': data, **options})['msg_id'])


def pages_of(topic: int, subscriptions: list[int], msg_id: str) -> dict[str, str]:
    billing, crm, reports = (f'/zato/pubsub/subscription/{id}/' for id in subscriptions)
    return {
        'topic': f'/zato/pubsub/topic/{topic}/',
        'topic-messages': f'/zato/pubsub/topic/{topic}/messages/',
        'topic-queue': f'/zato/pubsub/topic/{topic}/queue/',
        'topic-publish': f'/zato/pubsub/topic/{topic}/publish/',
        'topic-clear': f'/zato/pubsub/topic/{topic}/clear/',
        'topic-delete': f'/zato/kind/pubsub-topic/{topic}/delete/',
        'billing': billing,
        'crm': crm,
        'crm-queue': f'{crm}queue/',
        'reports-queue': f'{reports}queue/',
        'reports-clear': f'{reports}clear-queue/',
        'reports-replay': f'{reports}replay/',
        'message': f'{reports}message/?msg_id={msg_id}',
        'message-edit': f'{reports}message-edit/?msg_id={msg_id}',
        'requeue': '/zato/pubsub/dead-letter/requeue/?all=yes',
        'letters-delete': '/zato/pubsub/dead-letter/delete/?all=yes',
    }


def _is_retried(client: AdminClient, id: int) -> bool:
    (state,) = client.invoke('zato.pubsub.subscription.get-state-list', {'ids': [id]})
    return bool(state['attempts'])
