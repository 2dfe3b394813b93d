"""A cluster as one finds it at work, with something of everything, and the addresses of the pages that show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.browser.conftest import Site
from tests.browser.pubsub_showroom import furnish_pubsub
from zato.cli.component import client_of

CUSTOMERS = """from zato.server.service import Service


class GetCustomer(Service):
    \"\"\"One customer, as the CRM knows it.\"\"\"

    input = 'customer_id'
    output = 'name', 'city', '-phone'

    def handle(self):
        self.logger.info('Customer %s is asked for', self.request.input.customer_id)
        self.response.payload = {'name': 'Jane Miller', 'city': 'Hamburg'}


class FindCustomers(Service):
    \"\"\"Customers of a city.\"\"\"

    input = 'city'

    def handle(self):
        self.response.payload = [{'name': 'Jane Miller'}, {'name': 'Ömer Şahin'}]
"""

CUSTOMERS_2 = CUSTOMERS.replace("'city': 'Hamburg'}", "'city': 'Hamburg', 'phone': '+49 40 123456'}").replace(
    'is asked for', 'is wanted'
)

INVOICES = """from zato.server.service import Service


class SendInvoice(Service):
    \"\"\"Sends an invoice to the accounting system.\"\"\"

    input = 'order_number'

    def handle(self):
        self.logger.info('Sending the invoice of order %s', self.request.input.order_number)
        self.logger.warning('Accounting has not confirmed order %s yet', self.request.input.order_number)


class Remind(Service):
    \"\"\"Reminds customers of what they owe.\"\"\"

    def handle(self):
        raise KeyError('customer_id')
"""

BROKEN = 'from zato.server.service import Service\n\nclass Stock(Service)\n    def handle(self):\n        pass\n'

SECRETS = ('Showroom-9915', 'Showroom-3481', 'Showroom-7720')
_SECURITY: Mapping[str, list[dict[str, Any]]] = {
    'zato.security-basic-auth': [
        {'name': 'CRM', 'username': 'crm', 'password': SECRETS[0]},
        {'name': 'Web shop', 'username': 'shop', 'password': SECRETS[1]},
    ],
    'zato.security-apikey': [{'name': 'Logistics partner', 'header': 'X-API-Key', 'password': SECRETS[2]}],
    'zato.security-group': [{'name': 'Partners', 'members': ['Web shop', 'Logistics partner']}],
}
_CHANNELS: list[tuple[str, str, str, str | None, dict[str, Any]]] = [
    ('Customers: find', '/customers', 'customers.find-customers', 'Web shop', {}),
    ('Customers: get', '/customers/{customer_id}', 'customers.get-customer', 'Web shop', {'method': 'GET'}),
    ('Invoices: send', '/invoices', 'invoices.send-invoice', None, {'security_groups': ['Partners'], 'method': 'POST'}),
    ('Reminders', '/reminders', 'invoices.remind', None, {'is_active': False}),
]
_OUTGOING: list[tuple[str, str, str, dict[str, Any]]] = [
    ('Accounting', 'https://accounting.example.com', '/api/v2/invoices', {}),
    ('CRM', 'https://crm.example.com:8443', '/customers/{customer_id}', {'timeout': 5}),
    ('Parcel tracking', '$PARCEL_TRACKING_HOST', '/parcels', {'data_format': 'json'}),
    ('Weather', 'https://weather.example.com', '', {'is_active': False}),
]


def furnish(site: Site) -> Mapping[str, str]:
    """Returns addresses of pages by what they show."""
    environment = site.environment
    for name, source in (('customers.py', CUSTOMERS), ('customers.py', CUSTOMERS_2), ('invoices.py', INVOICES)):
        assert environment.deploy(name, source).code == 0
    environment.deploy('stock.py', BROKEN)
    jane = replace(client_of(environment.server), user='jane', role='admin')
    for prefix, items in _SECURITY.items():
        for item in items:
            jane.invoke(f'{prefix}.create', item)
    ids: dict[str, int] = {}
    for name, url_path, service, security, more in _CHANNELS:
        settings = {'url_path': url_path, 'service': service, 'data_format': 'json', **more}
        if security:
            settings['security'] = security
        ids[name] = jane.invoke('zato.channel-rest.create', {'name': name, **settings})['id']
    for name, host, url_path, more in _OUTGOING:
        settings = {'name': name, 'host': host, 'url_path': url_path, **more}
        ids[name] = jane.invoke('zato.outgoing-rest.create', settings)['id']
    basic_auth = jane.invoke('zato.security-basic-auth.get', {'name': 'Web shop'})['id']
    for number in (4711, 4712, 4713):
        environment.invoke('customers.get-customer', {'customer_id': number})
        environment.invoke('invoices.send-invoice', {'order_number': number})
    return {**pages_of(ids, basic_auth), **furnish_pubsub(environment, jane)}


def pages_of(ids: Mapping[str, int], basic_auth: int) -> dict[str, str]:
    channel = f'/zato/kind/channel-rest/{ids["Customers: get"]}/'
    outgoing = f'/zato/kind/outgoing-rest/{ids["Parcel tracking"]}/'
    service = 'customers.get-customer'
    return {
        **EMPTY_PAGES,
        'channel': channel,
        'channel-yaml': f'{channel}yaml/',
        'channel-history': f'{channel}history/',
        'channel-clone': f'/zato/kind/channel-rest/create/?clone={ids["Customers: get"]}',
        'outgoing': outgoing,
        'outgoing-delete': f'{outgoing}delete/',
        'basic-auth-delete': f'/zato/kind/security-basic-auth/{basic_auth}/delete/',
        'basic-auth-password': f'/zato/kind/security-basic-auth/{basic_auth}/password/',
        'service': f'/zato/service/overview/{service}/',
        'service-invoker': f'/zato/service/invoker/{service}/',
        'service-source': f'/zato/service/source/{service}/',
        'service-versions': f'/zato/service/versions/{service}/',
        'service-difference': f'/zato/service/difference/{service}/',
        'service-rollback': f'/zato/service/rollback/{service}/?number=1',
        'service-undeploy': f'/zato/service/undeploy/{service}/',
    }


#: Pages that there are in any environment.
EMPTY_PAGES: Mapping[str, str] = {
    'home': '/zato/',
    'services': '/zato/service/',
    'service-upload': '/zato/service/upload/',
    'deployments': '/zato/service/deployments/',
    'channels': '/zato/kind/channel-rest/',
    'channel-create': '/zato/kind/channel-rest/create/',
    'outgoings': '/zato/kind/outgoing-rest/',
    'basic-auths': '/zato/kind/security-basic-auth/',
    'groups': '/zato/kind/security-group/',
    'group-create': '/zato/kind/security-group/create/',
    'topics': '/zato/pubsub/topic/',
    'topic-create': '/zato/kind/pubsub-topic/create/',
    'endpoints': '/zato/kind/pubsub-endpoint/',
    'subscriptions': '/zato/pubsub/subscription/',
    'subscription-create': '/zato/kind/pubsub-subscription/create/',
    'dead-letters': '/zato/pubsub/dead-letter/',
    'servers': '/zato/servers/',
    'server': '/zato/servers/server/server1/',
    'logs': '/zato/logs/',
    'changes': '/zato/changes/',
    'users': '/zato/users/',
    'user-create': '/zato/users/create/',
    'settings': '/account/settings/basic/',
    'totp': '/account/settings/totp/',
}
