"""Lists of objects: what is in them, which part of them is shown, and what is known of who is up and who is down."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages
from tests.unit.admin.object_answers import page_of, shown
from zato.admin.cluster import Failure
from zato.admin.menu import OWN_PAGES
from zato.admin.objects.rows import cell_of
from zato.admin.objects.states import INACTIVE, UP, Reason, State, silent, state_of, variable_notes
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.config.kind import kinds

CHANNEL = kinds()['channel_rest']
OUTGOING = kinds()['outgoing_rest']
GROUP = kinds()['security_group']

LIST, STATES = '/zato/kind/outgoing-rest/', '/zato/kind/outgoing-rest/states/'
SERVICE, ERRORS = 'zato.outgoing-rest.get-list', 'zato.config.get-error-list'

WHY = 'Outgoing REST connection `a`: `host` is $HOST, and the server has no environment variable HOST'
AWAY = ServerUnreachable('No answer from 127.0.0.1:1: refused', was_sent=False)


def _text(pages: Pages, path: str = LIST, role: str = 'admin', **kwargs: Any) -> str:
    answer = pages.client(role).get(path, **kwargs)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_each_kind_has_its_list(pages: Pages) -> None:
    client = pages.client('viewer')
    for kind in kinds().values():
        pages.cluster.answers[f'{kind.derived_services}.get-list'] = page_of([shown(kind)])
        answer = client.get(f'/zato/kind/{kind.slug}/')
        if kind.name in OWN_PAGES:
            assert answer.headers['Location'] == reverse(OWN_PAGES[kind.name])
            continue
        text = answer.content.decode()
        assert f'<h1>{kind.menu_path[-1]}</h1>' in text
        headings = re.findall(r'<th scope="col"[^>]*><a[^>]*>([^<(]*)', text)
        assert [heading.strip() for heading in headings] == [
            'Name',
            'Active',
            *(item.label for item in kind.listed),
            'State',
        ]


def test_the_page_that_is_asked_for_is_asked_of_a_server(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = page_of([])
    _text(pages, f'{LIST}?query=abc+def&sort=-host&show=down&page=3')
    expected = {'query': 'abc def', 'sort': '-host', 'cur_page': 3, 'page_size': 50, 'is_down': True, 'paginate': True}
    assert pages.cluster.asked(SERVICE) == [expected]


def test_what_cannot_be_understood_of_an_address_is_as_if_it_was_not_there(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = page_of([])
    _text(pages, f'{LIST}?sort=password&show=x&page=-1&highlight=x')
    assert pages.cluster.asked(SERVICE) == [{'query': '', 'sort': 'name', 'cur_page': 1, 'page_size': 50, 'paginate': True}]


def test_links_lead_to_other_pages_and_orders_of_the_same_search(pages: Pages) -> None:
    meta = {'total': 300, 'num_pages': 6, 'cur_page': 2}
    pages.cluster.answers[SERVICE] = page_of([shown(OUTGOING)], **meta)
    text = _text(pages, f'{LIST}?query=x&sort=host&page=2')
    assert f'href="{LIST}?query=x&amp;sort=host&amp;page=3" rel="next"' in text
    assert f'href="{LIST}?query=x&amp;sort=host" rel="prev"' in text
    assert f'href="{LIST}?query=x&amp;sort=-host"' in text
    assert '<th scope="col" aria-sort="ascending"><a' in text
    assert f'href="{LIST}?query=x&amp;sort=host&amp;show=inactive"' in text
    assert '300 found, page 2 of 6' in text


def test_an_empty_list_says_what_the_kind_is_and_how_to_make_one(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = page_of([])
    text = _text(pages)
    assert 'An HTTP server that services call' in text
    assert text.count('Create a new Outgoing REST connection') == 2
    assert 'Create a new' not in _text(pages, role='viewer')
    assert 'Nothing is found for “x &amp; y”' in _text(pages, f'{LIST}?query=x+%26+y')


def test_who_may_do_nothing_has_no_buttons(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = page_of([shown(OUTGOING)])
    viewer = _text(pages, role='viewer').split('<tbody>')[1]
    operator = _text(pages, role='operator').split('<tbody>')[1]
    admin = _text(pages).split('<tbody>')[1]
    assert 'button' not in viewer
    assert 'More' not in viewer
    assert 'Ping' in operator
    assert 'Edit' not in operator
    assert all(word in admin for word in ('Edit', 'Ping', 'Disable', 'Clone', 'Delete'))
    assert 'Change password' not in admin, 'the kind has none'


def test_references_are_links(pages: Pages) -> None:
    pages.cluster.answers['zato.channel-rest.get-list'] = page_of([shown(CHANNEL, service='my.service', security='joe')])
    text = _text(pages, '/zato/kind/channel-rest/')
    assert '<a href="/zato/service/overview/my.service/">my.service</a>' in text
    assert '<a href="/zato/kind/security-basic-auth/100/">joe</a>' in text


def test_of_many_members_some_are_shown() -> None:
    cell = cell_of(GROUP.fields['members'], shown(GROUP, members=[f'm{number}' for number in range(9)]))
    assert [text for text, _ in cell.links] == ['m0', 'm1', 'm2', 'm3', 'm4']
    assert cell.more == 4


def test_a_thousand_objects_make_small_pages(pages: Pages) -> None:
    items = [shown(OUTGOING, id=number, name=f'Connection number {number}') for number in range(1_000)]
    meta = {'total': 1_000, 'num_pages': 20}
    pages.cluster.answers[SERVICE] = page_of(items[:50], **meta)
    assert len(_text(pages)) < 200_000
    pages.cluster.answers[SERVICE] = page_of(items[:500], total=1_000, num_pages=2)
    text = _text(pages)
    assert len(text) < 1_000_000
    assert f'hx-get="{STATES}?' in text


def test_an_object_that_was_just_saved_is_there_wherever_it_is_in_the_list(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = page_of([shown(OUTGOING, id=1)])
    pages.cluster.answers['zato.outgoing-rest.get'] = shown(OUTGOING, id=9, name='Zebra')
    text = _text(pages, f'{LIST}?highlight=9')
    assert '<tr class="highlight"><th scope="row"><a href="/zato/kind/outgoing-rest/9/">Zebra</a>' in text
    pages.cluster.answers['zato.outgoing-rest.get'] = ServerError('cid-1', 404, 'There is none')
    assert 'class="highlight"' not in _text(pages, f'{LIST}?highlight=9')


def test_htmx_is_given_the_list_alone(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = page_of([shown(OUTGOING)])
    text = _text(pages, headers={'HX-Request': 'true'})
    assert '<table' in text
    assert '<html' not in text
    assert '<form method="get"' not in text


def test_why_an_object_is_down_is_told_without_its_name() -> None:
    errors = {'server1': {1: WHY}}
    state = state_of(OUTGOING, 1, errors, is_active=True)
    assert (state.word, state.badge) == ('Down', 'bad')
    assert state.reasons == (Reason('', '“Host” is $HOST, and the server has no environment variable HOST'),)
    assert state_of(OUTGOING, 1, errors, is_active=False) == State('Inactive', '', state.reasons)
    assert state_of(OUTGOING, 2, errors, is_active=True) == UP
    assert state_of(OUTGOING, 2, errors, is_active=False) == INACTIVE


@pytest.mark.parametrize(
    ('errors', 'servers'),
    [
        ({'server1': {1: WHY}, 'server2': {1: WHY}}, ['server1, server2']),
        ({'server1': {}, 'server2': {1: WHY}}, ['server2']),
        ({'server1': {1: 'a'}, 'server2': {1: 'b'}}, ['server1', 'server2']),
        ({'server1': {1: 'a'}, 'server2': Failure('server2', AWAY)}, ['server1']),
    ],
    ids=['all', 'one', 'differently', 'the only one that answers'],
)
def test_it_is_told_where_an_object_is_down(errors: Any, servers: list[str]) -> None:
    assert [reason.servers for reason in state_of(OUTGOING, 1, errors, is_active=True).reasons] == servers


def test_servers_that_do_not_answer_are_named_and_the_rest_of_the_page_is_there() -> None:
    with make_pages(servers=3) as pages:
        pages.cluster.answers[SERVICE] = page_of([shown(OUTGOING, name='Mine')])
        pages.cluster.answers[ERRORS] = {'errors': {}}
        pages.cluster.answers_of['server2', ERRORS] = AWAY
        pages.cluster.answers_of['server3', ERRORS] = {'something': 'else'}
        text = _text(pages)
        assert 'Mine' in text
        assert 'server2 does not answer: No answer from 127.0.0.1:1: refused' in text
        assert 'server3 does not answer: It answered with something else than a list of errors' in text


def test_a_server_that_answers_with_an_error_is_not_said_to_be_away() -> None:
    assert silent({'s': Failure('s', ServerError('c', 500, 'it failed'))}) == ['s answers with an error: 500: it failed']


def test_states_are_asked_for_again_and_sent_only_if_they_differ(pages: Pages) -> None:
    pages.cluster.answers[SERVICE] = page_of([shown(OUTGOING, id=1), shown(OUTGOING, id=2) | {'is_active': False}])
    pages.cluster.answers[ERRORS] = {'errors': {}}
    client = pages.client('viewer')
    found = re.search(r'hx-get="([^"]*)" hx-trigger="every 10s"', client.get(LIST).content.decode())
    assert found is not None
    address = found[1].replace('&amp;', '&')
    assert client.get(address).status_code == 204
    pages.cluster.answers[ERRORS] = {'errors': {'1': WHY, '3': WHY}}
    text = client.get(address).content.decode()
    assert '<div id="state-1" hx-swap-oob="true"><span class="badge bad">Down</span>' in text
    assert '<div id="state-2" hx-swap-oob="true"><span class="badge ">Inactive</span>' in text
    assert 'state-3' not in text
    again = re.search(r'hx-get="([^"]*)"', text)
    assert again is not None
    assert client.get(again[1].replace('&amp;', '&')).status_code == 204
    assert {service for _, service, _, _, _ in pages.cluster.calls} == {SERVICE, ERRORS}


def test_a_server_that_goes_away_while_a_list_is_looked_at_is_told(pages: Pages) -> None:
    pages.cluster.answers[ERRORS] = AWAY
    answer = pages.client('viewer').get(f'{STATES}?active=1&inactive=&seen=x')
    assert answer.status_code == 200
    assert 'server1 does not answer' in answer.content.decode()


def test_looking_at_states_does_not_keep_a_session_alive() -> None:
    from django.urls import resolve

    from zato.admin.page import page_of as declared_of

    declared = declared_of(resolve(STATES).func)
    assert declared is not None
    assert declared.is_polled


@pytest.mark.parametrize(
    ('errors', 'expected'),
    [
        ({'s1': {}, 's2': {1: WHY}}, ('Set on s1', 'Missing on s2')),
        (
            {'s1': {1: 'X `a`: `host`, from environment variable H, must be an address'}},
            ('On s1 it from environment variable',),
        ),
        ({'s1': {1: 'X `a`: `timeout` is $T, and the server has no environment variable T'}}, ()),
        ({'s1': Failure('s1', AWAY)}, ()),
    ],
    ids=['set and missing', 'wrong', 'another one', 'away'],
)
def test_what_is_known_of_a_variable(errors: Any, expected: tuple[str, ...]) -> None:
    notes = variable_notes('host', 1, errors)
    assert len(notes) == len(expected)
    assert all(note.startswith(text) for note, text in zip(notes, expected, strict=True))


def test_an_answer_that_is_no_list_makes_a_page_that_says_so(pages: Pages) -> None:
    for garbage in ('text', [], {'response': 1, '_meta': {}}, None):
        pages.cluster.answers[SERVICE] = garbage
        answer = pages.client('admin').get(LIST)
        assert answer.status_code == 502
        assert 'with something else than a list' in answer.content.decode()
