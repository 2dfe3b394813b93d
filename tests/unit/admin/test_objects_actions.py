"""What can be done to objects besides editing them, and what of them can be looked at: YAML and history."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages
from tests.support.html_form import HTMLForm
from tests.unit.admin.object_answers import objects_of, saved, shown
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.config.kind import kinds

OUTGOING = kinds()['outgoing_rest']
API_KEY = kinds()['security_apikey']
BASIC_AUTH = kinds()['security_basic_auth']

OBJECT, LIST = '/zato/kind/outgoing-rest/1/', '/zato/kind/outgoing-rest/'
PING, EDIT, APPLY = 'zato.outgoing-rest.ping', 'zato.outgoing-rest.edit', 'zato.config.apply'
GONE = ServerError('cid-1', 404, 'There is no such object')

PLAN: dict[str, Any] = {
    'changes': [
        {'action': 'edit', 'kind': 'security_group', 'id': 3, 'version': 1, 'members': []},
        {'action': 'delete', 'kind': 'channel_rest', 'id': 2, 'name': 'Mine', 'version': 1},
        {'action': 'delete', 'kind': 'security_basic_auth', 'id': 1, 'name': 'My object', 'version': 3},
    ],
    'dependents': [
        {
            'kind': 'channel_rest',
            'label': 'REST channel',
            'id': 2,
            'name': 'Mine',
            'action': 'delete',
            'field': 'Security definition',
            'why': 'Basic Auth `My object`',
        },
        {
            'kind': 'security_group',
            'label': 'Security group',
            'id': 3,
            'name': 'Group',
            'action': 'edit',
            'field': 'Members',
            'why': 'Basic Auth `My object`',
        },
    ],
}


@pytest.fixture(autouse=True)
def _objects(pages: Pages) -> None:
    objects_of(pages.cluster)
    for kind in kinds().values():
        pages.cluster.answers[f'{kind.derived_services}.get'] = shown(kind)


def test_a_ping_tells_its_time(pages: Pages) -> None:
    pages.cluster.answers[PING] = {'is_success': True, 'status_code': 404, 'response_time': '8.412 ms', 'info': 'more'}
    client = pages.client('operator')
    text = client.post(f'{OBJECT}ping/', headers={'HX-Request': 'true'}).content.decode()
    assert 'Response time: 8.412 ms, status 404' in text
    assert '<html' not in text
    answer = client.post(f'{OBJECT}ping/', {'back': 'query=x&page=2'})
    assert answer.headers['Location'] == f'{LIST}?query=x&page=2&highlight=1'
    assert 'Response time: 8.412 ms' in client.get(LIST).content.decode()


def test_a_ping_of_a_kind_that_tells_no_time_has_that_of_the_call_and_nothing_of_its_answer(pages: Pages) -> None:
    pages.cluster.answers[PING] = {'pong': 'planted-secret'}
    text = pages.client('operator').post(f'{OBJECT}ping/', headers={'HX-Request': 'true'}).content.decode()
    assert 'Response time: 1.000 ms' in text
    assert 'planted-secret' not in text


def test_a_ping_is_made_from_each_server() -> None:
    with make_pages(servers=2) as pages:
        pages.cluster.answers[PING] = {'response_time': '1.000 ms'}
        pages.cluster.answers_of['server2', PING] = ServerError('c', 400, 'Outgoing REST connection `a`: no route')
        text = pages.client('operator').post(f'{OBJECT}ping/', headers={'HX-Request': 'true'}).content.decode()
    assert 'server1: Response time: 1.000 ms' in text
    assert 'server2: no route' in text


def test_an_object_is_enabled_and_disabled(pages: Pages) -> None:
    pages.cluster.answers[EDIT] = saved()
    client = pages.client('admin')
    answer = client.post(f'{OBJECT}active/', {'is_active': 'no', 'back': 'show=active'})
    assert answer.headers['Location'] == f'{LIST}?show=active&highlight=1'
    client.post(f'{OBJECT}active/', {'is_active': 'yes', 'back': 'object'})
    assert pages.cluster.asked(EDIT) == [{'id': 1, 'is_active': False}, {'id': 1, 'is_active': True}]
    assert '`My object` is inactive now.' in client.get(LIST).content.decode()


def test_the_way_back_leads_nowhere_else(pages: Pages) -> None:
    pages.cluster.answers[EDIT] = saved()
    for back in ('https://example.com/', '//example.com', '/zato/', '\r\nX: y'):
        answer = pages.client('admin').post(f'{OBJECT}active/', {'is_active': 'yes', 'back': back})
        assert answer.headers['Location'].startswith(f'{LIST}?')
        assert 'X' not in answer.headers


def test_an_operator_may_ping_and_nothing_more(pages: Pages) -> None:
    client = pages.client('operator')
    for path in ('active', 'delete', 'password'):
        assert client.post(f'/zato/kind/security-basic-auth/1/{path}/').status_code == 403
    assert client.post(OBJECT).status_code == 403
    assert client.post(f'{LIST}create/').status_code == 403
    assert pages.cluster.calls == []


def test_a_password_is_changed(pages: Pages) -> None:
    service = 'zato.security-apikey.change-password'
    pages.cluster.answers[service] = saved()
    client = pages.client('admin')
    path = '/zato/kind/security-apikey/1/password/'
    text = client.get(path).content.decode()
    assert '<label for="password1">API key</label>' in text
    assert '>Change password</button>' in text
    answer = client.post(path, {'password1': '$KEY', 'password2': '$KEY'})
    assert answer.headers['Location'] == '/zato/kind/security-apikey/?highlight=1'
    assert pages.cluster.asked(service) == [{'id': 1, 'password1': '$KEY', 'password2': '$KEY'}]
    assert 'API key of API key `My object` has been changed.' in client.get('/zato/kind/security-apikey/').content.decode()


def test_what_is_wrong_with_a_password_is_told_without_it(pages: Pages) -> None:
    service = 'zato.security-apikey.change-password'
    pages.cluster.answers[service] = ServerError('c', 400, '****** stands for a password and cannot be one')
    client = pages.client('admin')
    for sent in ({'password1': 'planted', 'password2': 'other'}, {'password1': 'planted', 'password2': 'planted'}):
        answer = client.post('/zato/kind/security-apikey/1/password/', sent)
        assert answer.status_code == 400
        assert 'planted' not in answer.content.decode()
        assert 'class="error"' in answer.content.decode()
    assert len(pages.cluster.asked(service)) == 1


@pytest.mark.parametrize(
    ('first', 'second', 'expected'),
    [('', '', 'Password must not be empty'), ('a', 'b', 'The two are not the same'), (' a', ' a', '')],
    ids=['empty', 'different', 'the same'],
)
def test_both_passwords_must_be_there_and_the_same(first: str, second: str, expected: str) -> None:
    from zato.admin.objects.password import problem_of

    assert problem_of('Password', {'password1': first, 'password2': second}) == expected


def _delete_form(
    pages: Pages, client: Any, path: str = '/zato/kind/security-basic-auth/1/delete/'
) -> tuple[dict[str, Any], str]:
    text = client.get(path).content.decode()
    return HTMLForm(text, 'data-plan').values, text


def test_what_depends_on_an_object_is_shown_before_it_is_deleted(pages: Pages) -> None:
    pages.cluster.answers['zato.config.get-dependents'] = PLAN
    pages.cluster.answers[APPLY] = {'results': [], 'pending': [], 'failed': {}}
    client = pages.client('admin')
    form, text = _delete_form(pages, client)
    assert '<a href="/zato/kind/channel-rest/2/">Mine</a>' in text
    assert 'Security definition: Basic Auth `My object`' in text
    assert 'Deleted too' in text
    assert 'Loses a member' in text
    assert 'Delete it and 1 other<' in text
    assert pages.cluster.asked(APPLY) == []
    answer = client.post('/zato/kind/security-basic-auth/1/delete/', form)
    assert answer.headers['Location'] == '/zato/kind/security-basic-auth/'
    assert pages.cluster.asked(APPLY) == [{'changes': PLAN['changes']}]


def test_nothing_is_deleted_that_was_not_shown(pages: Pages) -> None:
    pages.cluster.answers['zato.config.get-dependents'] = PLAN
    client = pages.client('admin')
    form, _ = _delete_form(pages, client)
    newer = [{**change, 'version': change['version'] + 1} for change in PLAN['changes']]
    another = [{'action': 'delete', 'kind': 'channel_rest', 'id': 9, 'name': 'x', 'version': 1}, *PLAN['changes']]
    for changes in (newer, another, PLAN['changes'][2:]):
        pages.cluster.answers['zato.config.get-dependents'] = {**PLAN, 'changes': changes}
        answer = client.post('/zato/kind/security-basic-auth/1/delete/', form)
        assert answer.status_code == 409
        assert 'Nothing has been deleted. Look again.' in answer.content.decode()
    assert pages.cluster.asked(APPLY) == []


def test_a_plan_that_is_not_of_a_page_deletes_nothing(pages: Pages) -> None:
    pages.cluster.answers['zato.config.get-dependents'] = PLAN
    for sent in ({}, {'plan': ''}, {'plan': 'x'}):
        assert pages.client('admin').post('/zato/kind/security-basic-auth/1/delete/', sent).status_code == 409
    assert pages.cluster.asked(APPLY) == []


def test_why_something_cannot_be_deleted_is_told_on_the_page(pages: Pages) -> None:
    pages.cluster.answers['zato.config.get-dependents'] = ServerError('c', 409, 'It is used by what cannot be deleted')
    answer = pages.client('admin').get('/zato/kind/security-basic-auth/1/delete/')
    assert answer.status_code == 409
    text = answer.content.decode()
    assert 'It is used by what cannot be deleted' in text
    assert 'Delete it<' not in text
    pages.cluster.answers['zato.config.get-dependents'] = PLAN
    pages.cluster.answers[APPLY] = ServerError('c', 409, 'it is used by REST channel `New`')
    client = pages.client('admin')
    form, _ = _delete_form(pages, client)
    answer = client.post('/zato/kind/security-basic-auth/1/delete/', form)
    assert answer.status_code == 409
    assert 'it is used by REST channel `New`' in answer.content.decode()


def test_pages_of_an_object_that_is_gone_say_so(pages: Pages) -> None:
    pages.cluster.answers.update({'zato.security-basic-auth.get': GONE, 'zato.security-basic-auth.edit': GONE})
    pages.cluster.answers['zato.audit.get-list'] = []
    client = pages.client('admin')
    base = '/zato/kind/security-basic-auth/1/'
    for path in ('', 'delete/', 'password/', 'yaml/', 'history/'):
        assert client.get(f'{base}{path}').status_code == 404
    for path in ('delete/', 'password/', 'active/'):
        answer = client.post(f'{base}{path}')
        assert answer.status_code == 404
        assert 'There is no such Basic Auth' in answer.content.decode()


EXPORTED = [
    {'kind': kind, 'name': name, 'is_active': True, 'version': 1, 'error': '', 'settings': settings}
    for kind, name, settings in (
        ('channel_rest', 'Mine', {'url_path': '/x', 'security': 'security_basic_auth/My object', 'security_groups': ['g']}),
        ('channel_rest', 'Other', {'url_path': '/y', 'service': 'not.exported'}),
        ('security_basic_auth', 'My object', {'username': 'u'}),
        ('security_apikey', 'My object', {}),
        ('security_apikey', 'key', {}),
        ('security_group', 'g', {'members': ['key']}),
    )
]


def test_an_object_is_shown_as_yaml_that_can_be_imported(pages: Pages) -> None:
    pages.cluster.answers['zato.config.export'] = {'objects': EXPORTED}
    client = pages.client('viewer')
    text = client.get('/zato/kind/security-basic-auth/1/yaml/').content.decode()
    assert 'username: u' in text
    assert 'API key' not in text.split('<pre')[1]
    answer = client.get('/zato/kind/security-basic-auth/1/yaml/?download=yes')
    assert answer.headers['Content-Disposition'] == 'attachment; filename="security-basic-auth-My-object.yaml"'
    assert yaml.safe_load(answer.content) == {'security': [{'name': 'My object', 'type': 'basic_auth', 'username': 'u'}]}


def test_a_list_as_yaml_has_all_that_it_refers_to(pages: Pages) -> None:
    from zato.admin.objects.export import with_targets

    found = {(item['kind'], item['name']) for item in with_targets('channel_rest', EXPORTED)}
    everything = {(item['kind'], item['name']) for item in EXPORTED}
    assert found == everything - {('security_apikey', 'My object')}
    pages.cluster.answers['zato.config.export'] = {'objects': EXPORTED}
    answer = pages.client('viewer').get('/zato/kind/channel-rest/yaml/?download=yes')
    assert [item['name'] for item in yaml.safe_load(answer.content)['channel_rest']] == ['Mine', 'Other']


@pytest.mark.parametrize(
    ('stem', 'expected'),
    [('a b', 'a-b.yaml'), ('../../x"\r\n', 'x.yaml'), ('é/', 'objects.yaml'), ('...', 'objects.yaml')],
    ids=['a space', 'a path', 'nothing left', 'dots'],
)
def test_names_of_files_are_harmless(stem: str, expected: str) -> None:
    from zato.admin.objects.export import file_name

    assert file_name(stem) == expected


def test_the_history_of_an_object_is_there_page_by_page_even_once_it_is_gone(pages: Pages) -> None:
    entries = [
        {
            'event': 100 - number,
            'at': '2026-11-22T11:00:00+00:00',
            'who': 'joe',
            'role': 'admin',
            'action': 'delete' if number == 0 else 'edit',
            'kind': 'outgoing_rest',
            'object_id': 1,
            'name': 'Mine',
            'before': {'host': 'http://before', 'pool_size': 20},
            'after': None if number == 0 else {'host': 'http://after', 'pool_size': 20},
        }
        for number in range(51)
    ]
    pages.cluster.answers['zato.audit.get-list'] = entries
    pages.cluster.answers['zato.outgoing-rest.get'] = GONE
    text = pages.client('viewer').get(f'{OBJECT}history/').content.decode()
    assert '<h1>Mine</h1>' in text
    assert 'http://before</del>' in text
    assert 'http://after</ins>' in text
    assert f'href="{OBJECT}history/?before_event=51">Older<' in text
    assert pages.cluster.asked('zato.audit.get-list') == [{'object_id': 1, 'kind': 'outgoing_rest', 'limit': 51}]


def test_what_came_of_a_change_is_told_once_for_all_workers() -> None:
    from zato.admin.outcome import troubles

    title = 'X `a`'
    failed = {
        'server1:1': {title: f'{title}: why', 'Y `b`': 'Y `b`: X `a`, which it uses, is down'},
        'server1:2': {title: f'{title}: why'},
    }
    found = troubles({'failed': failed, 'pending': ['server2:3']}, title)
    assert found == [
        'It is down on server1: why',
        'Y `b` is down on server1: X `a`, which it uses, is down',
        'These workers do not have the change yet: server2:3',
    ]
    assert troubles({'failed': {}, 'pending': []}, title) == []


def test_a_change_that_may_have_arrived_is_not_made_again() -> None:
    with make_pages(servers=2) as pages:
        pages.cluster.answers[EDIT] = ServerUnreachable('No answer: timed out', was_sent=True)
        answer = pages.client('admin').post(f'{OBJECT}active/', {'is_active': 'no'})
        assert answer.status_code == 503
        assert len(pages.cluster.asked(EDIT)) == 1
