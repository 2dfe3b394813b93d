"""Lists and forms: what is created, edited, pinged, cloned and deleted, by one person and by two."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Site, Visit
from tests.support.admin import create, invoke
from tests.support.browser import Visitor
from tests.support.targets import TargetServer

pytestmark = pytest.mark.xdist_group('browser-2')


def test_an_object_whose_variable_is_not_set_is_saved_and_down_and_says_why(site: Site, visit: Visit) -> None:
    admin = visit(site)
    admin.go('/zato/kind/outgoing-rest/create/')
    admin.fill('Name', 'Unset CRM')
    admin.fill('Host', '$UNSET_CRM_HOST')
    admin.press('OK')
    row = row_of(admin, 'Unset CRM')
    expect(row).to_contain_text('Down')
    expect(row).to_contain_text('UNSET_CRM_HOST')
    status = admin.page.get_by_role('status').first
    expect(status).to_contain_text('has been created')
    expect(status).to_contain_text('UNSET_CRM_HOST')


def test_a_double_click_sends_a_form_once(site: Site, visit: Visit) -> None:
    admin = visit(site)
    admin.go('/zato/kind/security-basic-auth/create/')
    admin.fill('Name', 'Clicked twice')
    admin.fill('Username', 'clicked-twice')
    sent: list[str] = []
    admin.page.on('request', lambda request: sent.append(request.url) if request.method == 'POST' else None)
    admin.page.get_by_role('button', name='OK').evaluate('button => { button.click(); button.click(); }')
    expect(row_of(admin, 'Clicked twice')).to_contain_text('Up')
    assert len(sent) == 1


def test_the_payload_of_the_invoker_is_there_again_after_a_look_at_the_log(site: Site, visit: Visit) -> None:
    admin = visit(site)
    admin.go('/zato/service/invoker/demo.get-price/')
    admin.fill('Payload', '{"sku": "A-100"}')
    admin.press('Submit')
    admin.follow('its log')
    admin.page.wait_for_url('**/zato/logs/**')
    admin.page.go_back()
    expect(admin.page.get_by_role('textbox', name='Payload')).to_have_value('{"sku": "A-100"}')


def test_a_variable_that_one_server_has_and_another_has_not_is_told_of_each(site: Site, visit: Visit) -> None:
    created = create(site.environment, 'zato.outgoing-rest', 'Half CRM', host='http://127.0.0.1:9')
    admin = visit(site)
    admin.go(f'/zato/kind/outgoing-rest/{created["id"]}/')
    admin.fill('Host', '$ON_SERVER1')
    admin.press('OK')
    row = row_of(admin, 'Half CRM')
    expect(row).to_contain_text('Down')
    expect(row).to_contain_text('server2: ')
    expect(row).not_to_contain_text('server1: ')
    admin.follow('Half CRM')
    admin.sees('Missing on server2')


def test_five_errors_are_shown_beside_their_fields(site: Site, visit: Visit) -> None:
    wrong = {
        'URL path': 'no-slash',
        'Service timeout seconds': 'soon',
        'Max body bytes': '-1',
        'Max received messages': '0',
        'Max size of a sent message kB': '99999999',
    }
    admin = visit(site)
    admin.go('/zato/kind/channel-rest/create/')
    open_groups(admin)
    admin.fill('Name', 'Five errors')
    for label, text in wrong.items():
        admin.fill(label, text)
    with admin.expecting(400):
        admin.press('OK')
        summary = admin.page.get_by_role('alert')
        expect(summary).to_contain_text('There are 5 problems')
    for label, text in wrong.items():
        field = admin.page.get_by_role('textbox', name=label, exact=True)
        expect(field).to_be_visible()
        expect(field).to_have_value(text)
        expect(field).to_have_attribute('aria-invalid', 'true')
        described = field.get_attribute('aria-describedby') or ''
        assert any(admin.page.locator(f'#{id}').inner_text().strip() for id in described.split() if id.endswith('errors'))
    expect(admin.page.get_by_role('textbox', name='Name', exact=True)).to_have_value('Five errors')
    summary.get_by_role('link', name='URL path').click()
    expect(admin.page.get_by_role('textbox', name='URL path', exact=True)).to_be_focused()


def test_who_saves_second_is_shown_what_the_first_has_changed(site: Site, visit: Visit) -> None:
    created = create(site.environment, 'zato.outgoing-rest', 'Both edit', host='http://127.0.0.1:9')
    address = f'/zato/kind/outgoing-rest/{created["id"]}/'
    first, second = visit(site), visit(site, 'jane')
    for person in (first, second):
        person.go(address)
    first.fill('Host', 'http://127.0.0.1:11')
    first.press('OK')
    expect(row_of(first, 'Both edit')).to_contain_text('http://127.0.0.1:11')

    second.fill('Host', 'http://127.0.0.1:12')
    with second.expecting(409):
        second.press('OK')
        second.sees('Somebody else has changed it meanwhile')
    second.sees('admin did, at')
    conflict = second.page.get_by_role('row', name='Host')
    expect(conflict).to_contain_text('http://127.0.0.1:11')
    expect(conflict).to_contain_text('http://127.0.0.1:12')
    second.press('Save mine anyway')
    expect(row_of(second, 'Both edit')).to_contain_text('http://127.0.0.1:12')


def test_theirs_can_be_taken_and_what_is_gone_is_said_to_be(site: Site, visit: Visit) -> None:
    created = create(site.environment, 'zato.outgoing-rest', 'Both edit again', host='http://127.0.0.1:9')
    address = f'/zato/kind/outgoing-rest/{created["id"]}/'
    jane = visit(site, 'jane')
    jane.go(address)
    invoke(site.environment, 'zato.outgoing-rest.edit', {'id': created['id'], 'host': 'http://127.0.0.1:21'})
    jane.fill('Host', 'http://127.0.0.1:22')
    with jane.expecting(409):
        jane.press('OK')
        jane.sees('Somebody else has changed it meanwhile')
    jane.follow('Take theirs')
    expect(jane.page.get_by_role('textbox', name='Host', exact=True)).to_have_value('http://127.0.0.1:21')

    invoke(site.environment, 'zato.outgoing-rest.delete', {'id': created['id']})
    with jane.expecting(404):
        jane.press('OK')
        jane.sees('There is no Outgoing REST connection')
        jane.press('Create it anew')
    jane.sees('has been created')
    jane.go(address, status=404)
    jane.sees('has been deleted meanwhile')


def test_a_ping_says_how_long_it_took_or_why_there_was_no_answer(site: Site, visit: Visit) -> None:
    with TargetServer() as target:
        create(site.environment, 'zato.outgoing-rest', 'Pinged', host=target.address)
        create(site.environment, 'zato.outgoing-rest', 'Unreachable', host='http://127.0.0.1:9')
        operator = visit(site, 'operator')
        operator.go('/zato/kind/outgoing-rest/?query=ping')
        row = row_of(operator, 'Pinged')
        row.get_by_role('button', name='Ping Pinged').click()
        expect(row.get_by_role('status')).to_contain_text(re.compile(r'Response time: [\d.]+ ms'))
    operator.go('/zato/kind/outgoing-rest/?query=Unreach')
    row = row_of(operator, 'Unreachable')
    with operator.expecting(502, 503):
        row.get_by_role('button', name='Ping Unreachable').click()
        expect(row.get_by_role('status')).to_contain_text('127.0.0.1:9')


def test_a_clone_has_the_settings_and_another_name(site: Site, visit: Visit) -> None:
    create(site.environment, 'zato.outgoing-rest', 'Original', host='http://127.0.0.1:31', timeout=3.5)
    admin = visit(site)
    admin.go('/zato/kind/outgoing-rest/?query=Original')
    more(row_of(admin, 'Original')).get_by_role('link', name='Clone').click()
    expect(admin.page.get_by_role('textbox', name='Host', exact=True)).to_have_value('http://127.0.0.1:31')
    admin.fill('Name', 'The clone')
    admin.press('OK')
    expect(row_of(admin, 'The clone')).to_contain_text('http://127.0.0.1:31')
    made = invoke(site.environment, 'zato.outgoing-rest.get', {'name': 'The clone'})
    assert made['timeout'] == 3.5


def test_deleting_shows_what_depends_on_it_and_deletes_that_too(site: Site, visit: Visit) -> None:
    environment = site.environment
    create(environment, 'zato.security.basic-auth', 'Partner', username='partner', password='Partner-2b')
    create(environment, 'zato.security-group', 'Partners', members=['security_basic_auth/Partner'])
    create(environment, 'zato.channel-rest', 'Of partner', url_path='/of/partner', security='Partner')
    admin = visit(site)
    admin.go('/zato/kind/security-basic-auth/')
    more(row_of(admin, 'Partner')).get_by_role('link', name='Delete').click()
    expect(admin.page.get_by_role('row', name='Of partner')).to_contain_text('Deleted too')
    expect(admin.page.get_by_role('row', name='Partners')).to_contain_text('Loses a member')
    admin.press('Delete it and 1 other')
    admin.heading('HTTP Basic Auth')
    expect(admin.page.get_by_role('row', name='Partner')).to_have_count(0)
    names = {item['name'] for item in invoke(environment, 'zato.channel-rest.get-list')}
    assert 'Of partner' not in names


def test_a_changed_password_is_the_one_that_counts(site: Site, visit: Visit) -> None:
    environment = site.environment
    create(environment, 'zato.security.basic-auth', 'Caller', username='caller', password='Planted-before-1')
    create(environment, 'zato.channel-rest', 'For callers', url_path='/for/callers', security='Caller')
    admin = visit(site)
    admin.watch.secrets |= {'Planted-before-1': 'a former password', 'Planted-after-2': 'a password'}
    admin.go('/zato/kind/security-basic-auth/')
    more(row_of(admin, 'Caller')).get_by_role('link', name='Change password').click()
    for label in ('Password', 'Password, once more'):
        admin.fill(label, 'Planted-after-2')
    admin.press('Change password')
    admin.sees('has been changed')
    answers = [
        environment.request('GET', '/for/callers', user='caller', password=password).status
        for password in ('Planted-before-1', 'Planted-after-2')
    ]
    assert answers == [401, 200]


def test_a_disabled_channel_is_not_reached_until_it_is_enabled(site: Site, visit: Visit) -> None:
    environment = site.environment
    create(environment, 'zato.channel-rest', 'Switched', url_path='/switched')
    admin = visit(site)
    admin.go('/zato/kind/channel-rest/?query=Switched')
    more(row_of(admin, 'Switched')).get_by_role('button', name='Disable').click()
    admin.sees('is inactive now')
    expect(row_of(admin, 'Switched')).to_contain_text('Inactive')
    assert environment.request('GET', '/switched').status == 404
    more(row_of(admin, 'Switched')).get_by_role('button', name='Enable').click()
    admin.sees('is active now')
    assert environment.request('GET', '/switched').status == 200


def test_an_object_has_its_yaml_and_its_history(site: Site, visit: Visit) -> None:
    created = create(site.environment, 'zato.outgoing-rest', 'With history', host='http://127.0.0.1:41')
    jane = visit(site, 'jane')
    jane.go(f'/zato/kind/outgoing-rest/{created["id"]}/')
    jane.fill('Host', 'http://127.0.0.1:42')
    jane.press('OK')
    jane.follow('With history')
    jane.follow('History')
    latest = jane.page.get_by_role('row').nth(1)
    for text in ('jane', 'edit', 'http://127.0.0.1:41', 'http://127.0.0.1:42'):
        expect(latest).to_contain_text(text)
    jane.follow('YAML')
    expect(jane.page.get_by_role('region', name='YAML')).to_contain_text('host: http://127.0.0.1:42')


def test_a_list_is_searched_as_one_types(site: Site, visit: Visit) -> None:
    for name in ('Searched one', 'Searched two'):
        create(site.environment, 'zato.outgoing-rest', name, host='http://127.0.0.1:9')
    viewer = visit(site, 'viewer')
    viewer.go('/zato/kind/outgoing-rest/?query=Searched')
    expect(viewer.page.get_by_role('row')).to_have_count(3)
    viewer.page.get_by_role('searchbox').press('End')
    viewer.page.keyboard.type(' two')
    expect(viewer.page.get_by_role('row')).to_have_count(2)
    expect(row_of(viewer, 'Searched two')).to_be_visible()
    assert 'query=Searched+two' in viewer.page.url or 'query=Searched%20two' in viewer.page.url


def row_of(visitor: Visitor, name: str) -> Locator:
    """The row of the object of that name, in a list."""
    return visitor.page.get_by_role('row').filter(has=visitor.page.get_by_role('rowheader', name=name, exact=True))


def more(row: Locator) -> Locator:
    """What else can be done to an object, opened."""
    row.locator('summary').click()
    return row.locator('details')


def open_groups(visitor: Visitor) -> None:
    """Of the form."""
    closed = visitor.page.locator('form details:not([open]) > summary')
    while closed.count():
        closed.first.click()
