"""Pages of one service: overview, undeploying it, source code, versions, rollback."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages

from tests.support.dashboard import Pages
from tests.unit.admin.object_answers import objects_of, shown
from tests.unit.admin.service_answers import PATH, built_in, know, service, version
from zato.client.admin import ServerError
from zato.common.config.kind import kinds

TABS = {
    'viewer': ['overview', 'source', 'versions'],
    'operator': ['overview', 'invoker', 'source', 'versions'],
    'admin': ['overview', 'invoker', 'source', 'versions'],
}


def text_of(pages: Pages, path: str, role: str = 'viewer') -> str:
    answer = pages.client(role).get(path)
    assert answer.status_code == 200, answer.content.decode()
    return str(answer.content.decode())


def messages_after(pages: Pages, path: str, data: dict[str, Any]) -> tuple[str, str]:
    """Where a POST of an administrator leads to, and what the next page says of it."""
    client = pages.client('admin')
    answer = client.post(path, data)
    assert answer.status_code == 302, answer.content.decode()
    said = '\n'.join(str(message) for message in get_messages(answer.wsgi_request))
    return answer.headers['Location'], said


@pytest.mark.parametrize('role', TABS)
def test_tabs_are_those_that_the_role_may_see(pages: Pages, role: str) -> None:
    know(pages)
    text = text_of(pages, '/zato/service/overview/crm.get-customer/', role)
    found = [tab for tab in TABS['admin'] if f'/zato/service/{tab}/crm.get-customer/"' in text]
    assert found == TABS[role]
    assert ('/zato/service/undeploy/' in text) == (role == 'admin')
    assert ('>Disable<' in text) == (role == 'admin')


def test_pages_of_a_service_and_of_its_object_have_the_same_tabs(pages: Pages) -> None:
    know(pages)
    objects_of(pages.cluster)
    pages.cluster.answers['zato.service.get'] = shown(kinds()['service'], id=7, name='crm.get-customer', is_internal=False)
    pages.cluster.answers['zato.service.get-list'] = [service(id=7)]
    bars = [
        re.findall(
            r'<a href="([^"]+)"[^>]*>([^<]+)</a></li>',
            text_of(pages, path, 'admin').partition('class="tabs"')[2].partition('</ul>')[0],
        )
        for path in ('/zato/service/overview/crm.get-customer/', '/zato/kind/service/7/')
    ]
    assert bars[0] == bars[1]
    assert [label for _, label in bars[0]] == ['Overview', 'Invoker', 'Source code', 'Versions', 'Form', 'History']


def test_the_overview_says_where_a_service_comes_from(pages: Pages) -> None:
    know(pages)
    text = text_of(pages, '/zato/service/overview/crm.get-customer/')
    for expected in (PATH, 'line 12', 'crm.GetCustomer', 'version 4', 'jane', 'server1', 'Answers with one customer.'):
        assert expected in text
    assert '/zato/service/workers/crm.get-customer/' in text
    assert pages.cluster.asked('zato.service.get-receipt') == [], 'that may take seconds'


def test_the_overview_lists_what_uses_the_service_itself(pages: Pages) -> None:
    know(pages)
    channel = {'id': 3, 'name': 'Customers', 'is_active': True, 'error': 'it is $UNSET', 'service': 'crm.get-customer'}
    other = {**channel, 'id': 4, 'name': 'Others', 'service': 'crm.get-customer-list'}
    pages.cluster.answers['zato.channel-rest.get-list'] = {'response': [channel, other], '_meta': {}}
    text = text_of(pages, '/zato/service/overview/crm.get-customer/')
    assert '/zato/kind/channel-rest/3/' in text
    assert 'it is $UNSET' in text
    assert 'Others' not in text


def test_workers_that_do_not_serve_it_are_named(pages: Pages) -> None:
    know(pages)
    receipt = {'applied': ['server1:1'], 'pending': ['server2:7'], 'failed': {'server1:2': {'Module `crm`': 'no disk'}}}
    pages.cluster.answers['zato.service.get-receipt'] = {**version(), **receipt}
    for path in ('workers/crm.get-customer/', 'overview/crm.get-customer/?workers=yes'):
        text = text_of(pages, f'/zato/service/{path}')
        assert all(expected in text for expected in ('server1:1', 'server2:7', 'server1:2', 'no disk', 'every 5s'))


def test_what_else_is_down_on_a_worker_is_not_told_of_a_service(pages: Pages) -> None:
    know(pages)
    failed = {'server1:1': {'Outgoing REST connection `CRM`': 'it is down'}}
    receipt = {'applied': ['server1:1'], 'pending': [], 'failed': failed}
    pages.cluster.answers['zato.service.get-receipt'] = {**version(), **receipt}
    assert 'CRM' not in text_of(pages, '/zato/service/workers/crm.get-customer/')


def test_a_built_in_service_has_neither_source_nor_versions(pages: Pages) -> None:
    know(pages, built_in())
    text = text_of(pages, '/zato/service/overview/zato.ping/', 'admin')
    assert 'it came with the server' in text
    assert '/zato/service/source/' not in text
    assert '/zato/service/undeploy/' not in text
    assert '>Disable<' not in text, 'pages like this one may need it'
    for page in ('source', 'versions', 'difference', 'rollback', 'undeploy'):
        answer = pages.client('admin').get(f'/zato/service/{page}/zato.ping/')
        assert answer.status_code == 404
        assert 'built in' in answer.content.decode()


def test_a_service_that_is_not_there_is_404(pages: Pages) -> None:
    know(pages)
    answer = pages.client('viewer').get('/zato/service/overview/nope/')
    assert answer.status_code == 404
    assert 'There is no service nope' in answer.content.decode()


@pytest.mark.parametrize('role', TABS)
def test_admins_are_led_from_a_service_to_the_form_of_a_channel_for_it(pages: Pages, role: str) -> None:
    know(pages)
    address = '/zato/kind/channel-rest/create/?service=crm.get-customer'
    text = text_of(pages, '/zato/service/overview/crm.get-customer/', role)
    assert (f'href="{address}"' in text) == (role == 'admin')
    assert 'Create a new Topic' not in text, 'a service is only the hook of one'
    if role == 'admin':
        objects_of(pages.cluster)
        assert '<option value="crm.get-customer" selected>' in text_of(pages, address, role)


def test_a_service_that_is_not_deployed_has_an_overview(pages: Pages) -> None:
    problem = 'Not deployed: no active module has it'
    know(pages, service(is_deployed=False, number=0, path='', deployed='', problem=problem))
    pages.cluster.answers['zato.service.get-version-list'] = ServerError('c', 404, 'There is no module `crm`')
    text = text_of(pages, '/zato/service/overview/crm.get-customer/', 'admin')
    assert problem in text
    assert '>Delete<' in text
    assert '/zato/service/workers/' not in text


def test_disabling_sends_the_version_that_was_shown_and_names_workers_that_wait(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.service.edit'] = {'pending': ['server1:9'], 'failed': {}}
    form = {'id': '7', 'version': '3', 'is_active': 'no'}
    location, said = messages_after(pages, '/zato/service/set-active/crm.get-customer/', form)
    assert pages.cluster.asked('zato.service.edit') == [{'id': '7', 'version': '3', 'is_active': False}]
    assert location == '/zato/service/overview/crm.get-customer/'
    assert 'is inactive' in said
    assert 'server1:9' in said


def test_disabling_what_somebody_has_changed_meanwhile_changes_nothing_and_says_so(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.service.edit'] = ServerError('c', 409, 'has been changed meanwhile')
    _, said = messages_after(pages, '/zato/service/set-active/crm.get-customer/', {'id': '7', 'version': '3'})
    assert said == 'Nothing has changed: has been changed meanwhile'


def test_undeploying_says_first_what_goes(pages: Pages) -> None:
    know(pages)
    both = ['crm.get-customer', 'crm.delete']
    pages.cluster.answers['zato.service.get-version-list'] = [version(services=both)]
    text = text_of(pages, '/zato/service/undeploy/crm.get-customer/', 'admin')
    assert 'All 2 services of the module stop being served: crm.get-customer, crm.delete' in text
    assert '<input type="hidden" name="number" value="4">' in text


def test_what_is_used_cannot_be_undeployed_and_the_page_says_by_what(pages: Pages) -> None:
    know(pages)
    channel = {'id': 3, 'name': 'Customers', 'is_active': True, 'error': '', 'service': 'crm.get-customer'}
    pages.cluster.answers['zato.channel-rest.get-list'] = {'response': [channel], '_meta': {}}
    text = text_of(pages, '/zato/service/undeploy/crm.get-customer/', 'admin')
    assert '/zato/kind/channel-rest/3/' in text
    assert 'class="danger"' not in text


def test_undeploying_leads_to_the_versions_which_stay(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.service.undeploy'] = {'module': 'crm', 'pending': [], 'failed': {}}
    location, said = messages_after(pages, '/zato/service/undeploy/crm.get-customer/', {'number': '4'})
    assert location == '/zato/service/versions/crm/'
    assert said == f'Module crm is undeployed. Its file stays: {PATH}'
    assert pages.cluster.asked('zato.service.undeploy') == [{'name': 'crm'}]


@pytest.mark.parametrize(
    ('path', 'form'), [('undeploy', {'number': '3'}), ('undeploy', {}), ('rollback', {'number': '3', 'active': '2'})]
)
def test_what_somebody_has_deployed_meanwhile_is_shown_first(pages: Pages, path: str, form: dict[str, str]) -> None:
    know(pages)
    answer = pages.client('admin').post(f'/zato/service/{path}/crm.get-customer/', form)
    assert answer.status_code == 200
    assert 'Somebody has deployed another version meanwhile' in answer.content.decode()
    assert not pages.cluster.asked('zato.service.undeploy') + pages.cluster.asked('zato.service.rollback')


def test_what_is_left_of_a_service_is_deleted_itself(pages: Pages) -> None:
    know(pages, service(is_deployed=False, number=0))
    pages.cluster.answers['zato.service.get-version-list'] = [version(is_active=False)]
    pages.cluster.answers['zato.service.delete'] = {}
    text = text_of(pages, '/zato/service/undeploy/crm.get-customer/', 'admin')
    assert 'Delete crm.get-customer?' in text
    location, _ = messages_after(pages, '/zato/service/undeploy/crm.get-customer/', {'number': '0'})
    assert location == '/zato/service/'
    assert pages.cluster.asked('zato.service.delete') == [{'name': 'crm.get-customer'}]


def test_source_code_has_numbered_lines_and_no_markup(pages: Pages) -> None:
    know(pages, sources=('', 'x = "<b>"\r\n\n\ty\n'))
    text = text_of(pages, '/zato/service/source/crm.get-customer/')
    assert '<span class="line" id="L1">x = &quot;&lt;b&gt;&quot;\n</span>' in text.replace('\r', '')
    assert '<span class="line" id="L2">\n</span><span class="line" id="L3">\ty\n</span></pre>' in text
    assert 'href="#L2"' in text


def test_the_source_of_an_earlier_version_can_be_read_and_rolled_back_to(pages: Pages) -> None:
    know(pages, sources=('old', 'new'))
    path = '/zato/service/source/crm.get-customer/?number=3'
    text = text_of(pages, path, 'admin')
    assert '>old\n<' in text
    assert '/zato/service/rollback/crm.get-customer/?number=3' in text
    assert '/zato/service/rollback/' not in text_of(pages, path, 'operator')


def test_long_sources_are_cut_on_the_page_and_whole_in_the_file(pages: Pages) -> None:
    source = ''.join(f'x = {i}\n' for i in range(6_000))
    know(pages, sources=('', source))
    text = text_of(pages, '/zato/service/source/crm.get-customer/')
    assert 'This is the beginning of the file' in text
    assert 'id="L5000"' in text
    assert 'id="L5001"' not in text
    answer = pages.client('viewer').get('/zato/service/file/crm.get-customer/?number=4')
    assert answer.content.decode() == source
    assert answer.headers['Content-Disposition'] == 'attachment; filename="crm.py"'
    assert answer.headers['Content-Type'].startswith('text/plain')


def test_versions_offer_the_active_one_and_the_one_before_to_be_compared(pages: Pages) -> None:
    know(pages, sources=('a', 'b', 'c'))
    text = text_of(pages, '/zato/service/versions/crm.get-customer/', 'admin')
    assert 'name="old" value="3" aria-label="Version 3 is the old one" checked' in text
    assert 'name="new" value="4" aria-label="Version 4 is the new one" checked' in text
    assert '?number=4" aria-label="Roll back' not in text, 'it is active'
    assert '?number=5" aria-label="Roll back' in text
    assert 'Roll back' not in text_of(pages, '/zato/service/versions/crm.get-customer/', 'operator')


def test_a_module_without_services_has_versions_too(pages: Pages) -> None:
    know(pages)
    text = text_of(pages, '/zato/service/versions/crm/', 'admin')
    assert '<h1>Module crm</h1>' in text
    assert 'class="tabs"' not in text


@pytest.mark.parametrize(
    ('query', 'numbers'), [('', (3, 4)), ('?old=4&new=3', (4, 3)), ('?new=3', (3, 3)), ('?old=x&new=', (3, 4))]
)
def test_any_two_versions_can_be_compared(pages: Pages, query: str, numbers: tuple[int, int]) -> None:
    know(pages)
    text = text_of(pages, f'/zato/service/difference/crm.get-customer/{query}')
    assert [item['number'] for item in pages.cluster.asked('zato.service.get-source')] == list(numbers)
    if numbers == (3, 4):
        assert '<span class="removed">-b\n</span><span class="added">+c\n</span>' in text
        assert '1 line added, 1 removed.' in text
    if numbers == (3, 3):
        assert 'There is no difference' in text


def test_a_rollback_shows_what_would_change(pages: Pages) -> None:
    know(pages)
    text = text_of(pages, '/zato/service/rollback/crm.get-customer/?number=3', 'admin')
    assert '<span class="removed">-c\n</span><span class="added">+b\n</span>' in text
    assert '<input type="hidden" name="number" value="3"><input type="hidden" name="active" value="4">' in text


def test_a_rollback_without_a_number_is_to_the_version_before(pages: Pages) -> None:
    know(pages)
    assert 'Roll back to version 3?' in text_of(pages, '/zato/service/rollback/crm.get-customer/', 'admin')


def test_an_undeployed_module_is_rolled_back_to_its_last_version(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.service.get-version-list'] = [version(4, is_active=False), version(3)]
    text = text_of(pages, '/zato/service/rollback/crm/', 'admin')
    assert 'Roll back to version 4?' in text
    assert 'No version of the module is deployed now' in text
    assert '<input type="hidden" name="active" value="">' in text


def test_a_rollback_says_what_came_of_it(pages: Pages) -> None:
    know(pages)
    failed = {'server1:2': {'Module `crm`': 'no disk'}}
    pages.cluster.answers['zato.service.rollback'] = {**version(3), 'pending': ['server2:1'], 'failed': failed}
    path, form = '/zato/service/rollback/crm.get-customer/', {'number': '3', 'active': '4'}
    location, said = messages_after(pages, path, form)
    assert location == '/zato/service/versions/crm.get-customer/'
    assert all(expected in said for expected in ('Version 3 of module crm is active again', 'server2:1', 'no disk'))
    pages.cluster.answers['zato.service.rollback'] = ServerError('c', 409, 'That version cannot be deployed any more: why')
    assert messages_after(pages, path, form)[1] == 'Nothing has changed: That version cannot be deployed any more: why'


def test_a_version_that_is_not_kept_is_404(pages: Pages) -> None:
    know(pages)
    pages.cluster.answers['zato.service.get-source'] = ServerError('c', 404, 'Module `crm` has no version 9; it has: 4, 3')
    answer = pages.client('viewer').get('/zato/service/source/crm.get-customer/?number=9')
    assert answer.status_code == 404
    assert 'it has: 4, 3' in answer.content.decode()
