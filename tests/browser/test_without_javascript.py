"""The basics in a browser that runs no scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site, Visit
from tests.browser.test_objects import more, row_of
from tests.support.admin import create, invoke
from tests.support.targets import TargetServer

pytestmark = pytest.mark.xdist_group('browser-2')


def test_logging_in_and_out(site: Site, visit: Visit) -> None:
    visitor = visit(site, '', java_script_enabled=False)
    visitor.go('/zato/servers/')
    visitor.log_in('viewer', site.passwords['viewer'])
    visitor.heading('Servers')
    visitor.press('Log out')
    visitor.heading('Log in')


def test_creating_finding_editing_and_deleting_an_object(site: Site, visit: Visit) -> None:
    admin = visit(site, java_script_enabled=False)
    admin.go('/zato/')
    admin.choose('Connections', 'Outgoing', 'REST')
    admin.follow('Create a new Outgoing REST connection')
    admin.fill('Name', 'Without scripts')
    admin.fill('Host', 'no address')
    with admin.expecting(400):
        admin.press('OK')
        expect(admin.page.get_by_role('alert')).to_contain_text('Host')
    admin.fill('Host', 'http://127.0.0.1:51')
    admin.press('OK')
    expect(row_of(admin, 'Without scripts')).to_contain_text('http://127.0.0.1:51')
    admin.page.get_by_role('searchbox').fill('Without scr')
    admin.press('Find')
    expect(admin.page.get_by_role('row')).to_have_count(2)
    row_of(admin, 'Without scripts').get_by_role('link', name='Edit Without scripts').click()
    admin.fill('Host', 'http://127.0.0.1:52')
    admin.press('OK')
    expect(row_of(admin, 'Without scripts')).to_contain_text('http://127.0.0.1:52')
    more(row_of(admin, 'Without scripts')).get_by_role('link', name='Delete').click()
    admin.press('Delete it')
    admin.sees('has been deleted')
    names = {item['name'] for item in invoke(site.environment, 'zato.outgoing-rest.get-list')}
    assert 'Without scripts' not in names


def test_a_variable_in_place_of_a_choice(site: Site, visit: Visit) -> None:
    created = create(site.environment, 'zato.outgoing-rest', 'Choice', host='http://127.0.0.1:9')
    admin = visit(site, java_script_enabled=False)
    admin.go(f'/zato/kind/outgoing-rest/{created["id"]}/')
    admin.page.get_by_role('combobox', name='Data format', exact=True).select_option('$')
    admin.fill('Name of the variable for Data format', '$NO_FORMAT')
    admin.press('OK')
    expect(row_of(admin, 'Choice')).to_contain_text('NO_FORMAT')


def test_ping_enable_and_disable(site: Site, visit: Visit) -> None:
    with TargetServer() as target:
        create(site.environment, 'zato.outgoing-rest', 'Plainly pinged', host=target.address)
        admin = visit(site, java_script_enabled=False)
        admin.go('/zato/kind/outgoing-rest/?query=Plainly')
        admin.press('Ping Plainly pinged')
        admin.sees('Response time:')
    more(row_of(admin, 'Plainly pinged')).get_by_role('button', name='Disable').click()
    admin.sees('is inactive now')


def test_invoking_a_service_and_reading_logs(site: Site, visit: Visit) -> None:
    operator = visit(site, 'operator', java_script_enabled=False)
    operator.go('/zato/service/')
    operator.page.get_by_role('main').get_by_role('searchbox').fill('demo.get')
    operator.press('Find')
    operator.follow('demo.get-price')
    operator.follow('Invoker')
    operator.fill('Payload', '{"sku": "A-100"}')
    operator.press('Submit')
    operator.sees('Response')
    expect(operator.page.get_by_role('textbox', name='Payload')).to_have_value('{"sku": "A-100"}')
    operator.watch.may_show_tracebacks = True  # of what other tests do
    operator.go('/zato/logs/')
    expect(operator.page.get_by_role('log')).to_contain_text('Started server1')
    operator.page.get_by_label('Text').fill('Deployed 3')
    operator.press('Find')
    expect(operator.page.get_by_role('log')).not_to_contain_text('Started server1')
    expect(operator.page.get_by_role('log')).to_contain_text('Deployed 3 service')
