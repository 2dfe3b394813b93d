"""What a new user does on the first day, from the password that quickstart has printed to a call seen in the log."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site, Visit

pytestmark = pytest.mark.xdist_group('browser-1')

GREETING = """
from zato.server.service import Service

class Greet(Service):
    \"\"\"Greets whom it is told to.\"\"\"
    name = 'greeting.greet'
    input = 'whom'

    def handle(self):
        self.logger.info('Greeting %s', self.request.input.whom)
        self.response.payload = {'greeting': f'Hello {self.request.input.whom}'}
"""


def test_a_service_is_deployed_given_a_channel_called_and_seen_in_the_live_log(own_site: Site, visit: Visit) -> None:
    environment = own_site.environment
    admin = visit(own_site, '')
    page = admin.page
    admin.go('/')
    admin.log_in('admin', environment.admin_password)
    admin.heading('Everything works')

    assert environment.deploy('greeting.py', GREETING).code == 0
    admin.choose('Services')
    page.get_by_role('main').get_by_role('searchbox').fill('greet')
    page.get_by_role('link', name='greeting.greet', exact=True).click()
    admin.heading('greeting.greet')
    admin.sees('Greets whom it is told to.')

    admin.choose('Connections', 'Channels', 'REST')
    admin.follow('Create a new REST channel')
    admin.fill('Name', 'Greetings')
    admin.fill('URL path', '/greet')
    page.get_by_role('combobox', name='Service', exact=True).select_option('greeting.greet')
    page.get_by_role('combobox', name='Data format', exact=True).select_option('json')
    admin.press('OK')
    row = page.get_by_role('row', name='Greetings')
    expect(row).to_contain_text('/greet')
    expect(row).to_contain_text('Up')

    admin.choose('Cluster', 'Logs')
    log = page.get_by_role('log')
    expect(log).to_contain_text('Deployed 1 service')
    expect(log).not_to_contain_text('Greeting Jane')
    answer = environment.request('POST', '/greet', b'{"whom": "Jane"}')
    assert answer.json == {'greeting': 'Hello Jane'}
    expect(log).to_contain_text('Greeting Jane')
    cid = answer.headers['x-zato-cid']
    log.get_by_role('link', name=cid).first.click()
    expect(page.get_by_label('cid')).to_have_value(cid)
    expect(page.get_by_role('log')).to_contain_text('Greeting Jane')
    expect(page.get_by_role('log')).not_to_contain_text('Deployed 1 service')
