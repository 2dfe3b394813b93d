"""The list of services, and the problems of deployments on top of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from tests.support.dashboard import Pages, set_up_once
from tests.support.dashboard import pages as make_pages
from tests.unit.admin.service_answers import PATH, listed, service
from zato.admin.listing import Choice
from zato.admin.services.files import without_path
from zato.client.admin import ServerError, ServerUnreachable

REFUSED = ServerUnreachable('No answer from 127.0.0.1:1: refused', was_sent=False)


@pytest.fixture(autouse=True, scope='module')
def _settings() -> None:
    set_up_once()


def deployed(**changed: Any) -> dict[str, Any]:
    return {
        'path': PATH,
        'module': 'crm',
        'state': 'deployed',
        'error': '',
        'warnings': [],
        'saved': '2026-02-03T10:11:12+00:00',
        'deployed': '2026-02-03T10:11:12+00:00',
        'number': 4,
        **changed,
    }


def text_of(pages: Pages, path: str, role: str = 'viewer', **headers: str) -> str:
    answer = pages.client(role).get(path, headers=headers)
    assert answer.status_code == 200, answer.content.decode()
    return str(answer.content.decode())


def test_the_list_says_what_is_deployed_since_when_and_what_is_wrong(pages: Pages) -> None:
    broken = service('crm.delete', is_active=False, problem='Not deployed: line 3; version 4 goes on')
    pages.cluster.answers['zato.service.get-list'] = listed(service(), broken)
    text = text_of(pages, '/zato/service/')
    for expected in ('2 services', 'crm.get-customer', 'crm.GetCustomer', '2026-02-03 10:11:12', 'version 4'):
        assert expected in text
    assert 'line 3; version 4 goes on' in text
    assert '/zato/service/overview/crm.get-customer/' in text


def test_a_name_is_text_and_never_markup(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-list'] = listed(service('<b>x', docs='<i>y', problem='<u>z'))
    text = text_of(pages, '/zato/service/')
    assert not any(tag in text for tag in ('<b>x', '<i>y', '<u>z'))
    assert '/zato/service/overview/%3Cb%3Ex/' in text


def test_what_the_address_says_is_what_the_server_is_asked(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-list'] = listed(service())
    text_of(pages, '/zato/service/?query=crm&show=inactive&sort=-deployed&page=3&internal=yes')
    assert pages.cluster.asked('zato.service.get-list') == [
        {
            'paginate': True,
            'cur_page': 3,
            'page_size': 50,
            'query': 'crm',
            'sort': '-deployed',
            'should_include_internal': True,
            'is_active': False,
        }
    ]


@pytest.mark.parametrize('query', ['page=x', 'page=0', 'page=-1', 'page=²', 'show=x', 'sort=path', 'internal=x', ''])
def test_what_makes_no_sense_in_an_address_is_as_if_it_was_not_there(pages: Pages, query: str) -> None:
    pages.cluster.answers['zato.service.get-list'] = listed(service())
    text_of(pages, f'/zato/service/?{query}')
    text_of(pages, '/zato/service/')
    first, second = pages.cluster.asked('zato.service.get-list')
    assert first == second


def test_addresses_have_what_is_not_usual_alone() -> None:
    assert Choice().text() == ''
    choice = Choice(query='a b', show='active', page=2)
    assert choice.text(page=1) == 'query=a+b&show=active'
    assert Choice.read(QueryDict(choice.text()), ['name'], {'all': {}, 'active': {}}) == choice


def test_columns_lead_to_the_other_order() -> None:
    choice = Choice(sort='-problem', page=7)
    name, problem = (choice.column('/x/', key, key) for key in ('name', 'problem'))
    assert (name.url, name.order) == ('/x/', '')
    assert (problem.url, problem.order) == ('/x/?sort=problem', 'descending')


def test_pages_of_the_list_lead_to_one_another(pages: Pages) -> None:
    meta = {'num_pages': 3, 'cur_page': 2, 'has_prev_page': True, 'prev_page': 1, 'has_next_page': True, 'next_page': 3}
    pages.cluster.answers['zato.service.get-list'] = listed(service(), **meta)
    text = text_of(pages, '/zato/service/?query=crm&page=2')
    assert 'href="/zato/service/?query=crm" rel="prev"' in text
    assert 'href="/zato/service/?query=crm&amp;page=3" rel="next"' in text


def test_an_empty_list_says_what_to_do_next(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-list'] = listed()
    assert 'class Hello(Service)' in text_of(pages, '/zato/service/')
    assert '/zato/service/upload/' in text_of(pages, '/zato/service/', 'admin')
    assert '/zato/service/upload/' not in text_of(pages, '/zato/service/', 'operator')
    narrowed = text_of(pages, '/zato/service/?query=x')
    assert 'class Hello' not in narrowed
    assert 'internal=yes' in narrowed


def test_the_polled_part_is_the_list_alone_and_polls_the_same_list_again(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-list'] = listed(service())
    for path in ('/zato/service/list/?query=crm', '/zato/service/?query=crm'):
        text = text_of(pages, path, **{'HX-Request': 'true'})
        assert '<h1>' not in text
        assert 'hx-get="/zato/service/list/?query=crm" hx-trigger="every 10s"' in text


def test_going_back_in_the_browser_brings_the_whole_page(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-list'] = listed(service())
    headers = {'HX-Request': 'true', 'HX-History-Restore-Request': 'true'}
    assert '<h1>' in text_of(pages, '/zato/service/?query=crm', **headers)


@pytest.mark.parametrize('error', [REFUSED, ServerError('cid-1', 500, 'it failed')], ids=['away', 'failed'])
def test_a_poll_that_fails_says_so_and_goes_on(pages: Pages, error: Exception) -> None:
    pages.cluster.answers['zato.service.get-list'] = error
    text = text_of(pages, '/zato/service/list/?query=crm', **{'HX-Request': 'true'})
    assert 'role="alert"' in text
    assert 'hx-get="/zato/service/list/?query=crm" hx-trigger="every 10s"' in text


def test_problems_of_deployments_name_file_line_server_and_what_goes_on() -> None:
    refused = deployed(state='refused', error=f'{PATH}:3: SyntaxError: expected ":"')
    with make_pages(servers=3) as pages:
        pages.cluster.answers_of |= {
            ('server1', 'zato.service.get-deployment-list'): [refused, deployed(path='/x/good.py')],
            ('server2', 'zato.service.get-deployment-list'): [deployed(state='replaced', warnings=['was renamed'])],
            ('server3', 'zato.service.get-deployment-list'): REFUSED,
        }
        text = text_of(pages, '/zato/service/deployment-problems/')
        assert '2 files need attention' in text
        for expected in (
            'Line 3: SyntaxError',
            'on server1',
            'Version 4 of module crm goes on',
            'on server2',
            'was renamed',
        ):
            assert expected in text
        assert 'on server3 is not known: No answer' in text
        assert 'good.py' not in text
        files = text_of(pages, '/zato/service/deployments/')
        assert 'good.py' in files
        assert '/zato/service/versions/crm/' in files


def test_nothing_is_shown_of_deployments_that_are_well(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-deployment-list'] = [deployed()]
    assert text_of(pages, '/zato/service/deployment-problems/').strip() == ''


def test_of_many_problems_the_list_shows_some_and_leads_to_all(pages: Pages) -> None:
    files = [deployed(path=f'/x/bad{i}.py', state='refused', error='no') for i in range(9)]
    pages.cluster.answers['zato.service.get-deployment-list'] = files
    text = text_of(pages, '/zato/service/deployment-problems/')
    assert '9 files need attention' in text
    assert text.count('<li ') == 5
    assert '/zato/service/deployments/' in text


def test_a_state_of_a_newer_server_is_shown(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-deployment-list'] = [deployed(state='dreaming')]
    assert 'Unknown' in text_of(pages, '/zato/service/deployments/')


def test_without_files_the_page_says_what_to_do(pages: Pages) -> None:
    pages.cluster.answers['zato.service.get-deployment-list'] = []
    assert 'There are no files yet' in text_of(pages, '/zato/service/deployments/')


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        ('/x/a.py:3: SyntaxError: no', 'Line 3: SyntaxError: no'),
        ('/x/a.py: it is too long', 'it is too long'),
        ('/x/b.py:3: SyntaxError: no', '/x/b.py:3: SyntaxError: no'),
        ('took too long', 'took too long'),
    ],
)
def test_an_error_beside_its_file_does_not_name_it_again(error: str, text: str) -> None:
    assert without_path(error, '/x/a.py') == text
