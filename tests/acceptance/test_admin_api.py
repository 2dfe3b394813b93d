"""The admin API as a dashboard uses it: on behalf of its users, page by page, with errors that say which field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.admin import create, invoke, pids, refusal
from tests.support.environment import Environment, eventually
from zato.cli.component import client_of
from zato.client.admin import AdminClient, ServerError

SERVICES = """
from zato.server.service import Service

class Create(Service):
    name = 'my.create'

    def handle(self):
        self.invoke('zato.security-basic-auth.create', {'name': self.request.input.name, 'username': 'x'})
"""

CREATE = 'zato.security-basic-auth.create'


@pytest.fixture(scope='module')
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two workers and the services above, shared by the tests of this module; each has objects of its own names."""
    created = Environment(tmp_path_factory.mktemp('served') / 'qs-1', workers=2)
    try:
        created.start()
        assert created.deploy('my.py', SERVICES).code == 0
        yield created
    finally:
        created.close()


def acting(environment: Environment, user: str, role: str) -> AdminClient:
    return replace(client_of(environment.server), user=user, role=role)


def refused(client: AdminClient, service: str, payload: Any = None, **options: Any) -> ServerError:
    with pytest.raises(ServerError) as info:
        client.call(service, payload, **options)
    return info.value


def trail(environment: Environment, name: str) -> list[tuple[str, str, str]]:
    return [(row['who'], row['role'], row['action']) for row in invoke(environment, 'zato.audit.get-list', {'name': name})]


def test_a_users_role_limits_what_is_done_for_them_and_the_audit_trail_names_them(served: Environment) -> None:
    for role in ('viewer', 'operator'):
        client = acting(served, 'jane', role)
        error = refused(client, CREATE, {'name': 'of.jane', 'username': 'x'})
        assert (error.http_status, error.details) == (
            403,
            f'User `jane` has role {role}, and service {CREATE} needs role admin',
        )
        assert client.invoke('zato.security-basic-auth.get-list') is not None
    assert refused(acting(served, 'jane', 'viewer'), 'helpers.echo').http_status == 403
    assert acting(served, 'jane', 'operator').invoke('helpers.echo', {'a': 1}) == {'a': 1}
    acting(served, 'jané', 'admin').invoke(CREATE, {'name': 'of.jane', 'username': 'x'})
    assert trail(served, 'of.jane') == [('jané', 'admin', 'create')]
    assert refused(acting(served, 'jane', 'root'), 'zato.ping').http_status == 400


@pytest.mark.parametrize('how', ['is_async', 'all_pids', 'pid'])
def test_so_it_does_in_the_background_and_in_other_workers(served: Environment, how: str) -> None:
    option = {how: min(pids(served)) if how == 'pid' else True}
    name = f'by.{how}'
    assert refused(acting(served, 'eve', 'viewer'), 'helpers.echo', {}, **option).http_status == 403
    expected = f'Forbidden: User `eve` has role operator, and service {CREATE} needs role admin'
    before = served.log().count(expected)
    acting(served, 'eve', 'operator').call(CREATE, {'name': name, 'username': 'x'}, **option)
    eventually(lambda: served.log().count(expected) > before, 'the refusal in the log')
    assert trail(served, name) == []
    acting(served, 'amy', 'admin').call(CREATE, {'name': name, 'username': 'x'}, **option)
    assert eventually(lambda: trail(served, name), 'the change') == [('amy', 'admin', 'create')]


def test_a_users_service_acts_for_itself_whoever_it_was_called_by(served: Environment) -> None:
    acting(served, 'bob', 'operator').invoke('my.create', {'name': 'of.service'})
    assert trail(served, 'of.service') == [('service my.create (called by bob)', 'admin', 'create')]


def test_who_is_called_admin_invoke_elsewhere_names_nobody(served: Environment) -> None:
    create(served, 'zato.security-basic-auth', 'impostor', username='admin.invoke', password='secret')
    settings = {'url_path': '/impostor', 'service': 'zato.service.invoke', 'data_format': 'json', 'security': 'impostor'}
    create(served, 'zato.channel-rest', 'impostor', **settings)
    named = {'X-Zato-Admin-User': 'root', 'X-Zato-Admin-Role': 'admin'}
    body = json.dumps({'name': CREATE}).encode()
    answer = served.request('POST', '/impostor', body, user='admin.invoke', password='secret', headers=named)
    assert answer.status == 403, answer.body


def test_what_is_wrong_with_a_form_is_told_field_by_field(served: Environment) -> None:
    settings = {'url_path': 'x', 'method': 'FETCH', 'service': 'helpers.ecko', 'service_timeout': -1, 'colour': 'red'}
    error = refused(client_of(served.server), 'zato.channel-rest.create', {'name': 'form', **settings})
    assert error.http_status == 400
    assert {(each['change'], each['key']) for each in error.errors} == {(0, key) for key in settings}
    assert {each['key']: each['text'] for each in error.errors}['url_path'] == 'must begin with a slash; got `x`'
    assert all(str(each['text']) in error.details for each in error.errors)
    changes = [
        {'action': 'create', 'kind': 'security_basic_auth', 'name': 'form', 'username': 'x'},
        {'action': 'make', 'kind': 'channel_rest'},
        {'action': 'edit', 'kind': 'channel_rest', 'name': 'form', 'version': 'x'},
    ]
    error = refused(client_of(served.server), 'zato.config.apply', {'changes': changes})
    assert [(each['change'], each['key']) for each in error.errors] == [(1, ''), (2, 'version')]


def test_an_object_is_found_on_its_page_and_deleted_with_what_depends_on_it(served: Environment) -> None:
    create(served, 'zato.security-basic-auth', 'page', username='x')
    for number in range(5):
        create(served, 'zato.channel-rest', f'page{number}', url_path=f'/page/{number}', security='page')
    asked = {'paginate': True, 'query': 'PAGE /page', 'sort': '-url_path', 'page_size': 2, 'cur_page': 2}
    answer = acting(served, 'eve', 'viewer').invoke('zato.http-soap.get-list', {'connection': 'channel', **asked})
    assert [item['name'] for item in answer['response']] == ['page2', 'page1']
    assert (answer['_meta']['total'], answer['_meta']['num_pages'], answer['_meta']['next_page']) == (5, 3, 3)
    stale = invoke(served, 'zato.config.get-dependents', {'kind': 'security_basic_auth', 'name': 'page'})
    create(served, 'zato.channel-rest', 'page5', url_path='/page/5', security='page')
    assert refusal(served, 'zato.config.apply', {'changes': stale['changes']}).text == (
        'Basic Auth `page` cannot be deleted: it is used by REST channel `page5`'
    )
    found = acting(served, 'eve', 'viewer').invoke(
        'zato.config.get-dependents', {'kind': 'security_basic_auth', 'name': 'page'}
    )
    assert [item['name'] for item in found['dependents']] == [f'page{number}' for number in range(6)]
    outcome = invoke(served, 'zato.config.apply', {'changes': found['changes']})
    assert (len(outcome['results']), outcome['pending'], outcome['failed']) == (7, [], {})
    assert invoke(served, 'zato.channel-rest.get-list', asked)['_meta']['total'] == 0


def test_each_worker_tells_which_objects_are_down_and_why(served: Environment) -> None:
    answer = invoke(served, CREATE, {'name': 'down', 'username': '$NOT_SET_ANYWHERE'})
    answers = client_of(served.server).call('zato.config.get-error-list', {}, all_pids=True).payload
    assert len(answers) == 2
    for pid, found in answers.items():
        assert (found['pid_data']['pid'], found['pid_data']['server']) == (int(pid), 'server1')
        assert 'NOT_SET_ANYWHERE' in found['pid_data']['errors'][str(answer['id'])]
    listed = invoke(served, 'zato.security-basic-auth.get-list', {'paginate': True, 'is_down': True})
    assert [item['username'] for item in listed['response']] == ['$NOT_SET_ANYWHERE']
    invoke(served, 'zato.security-basic-auth.delete', {'name': 'down'})
    assert str(answer['id']) not in invoke(served, 'zato.config.get-error-list')['errors']
