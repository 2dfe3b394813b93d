"""What the home page says is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.unit.admin.server_answers import SINCE, alarm, change, info, worker
from zato.admin.changes.trail import read_trail
from zato.admin.cluster import Failure, Server
from zato.admin.home.concerns import MOMENT, Concern, find_concerns, lasting
from zato.admin.home.figures import cards, is_first_run
from zato.admin.servers.state import State, read_state
from zato.client.admin import Answer, ServerUnreachable


@pytest.fixture(autouse=True)
def _addresses(pages: Pages) -> None:
    """Links need Django to be set up."""


def _state(payload: Any, name: str = 'server1') -> State:
    server = Server(name, 'http://127.0.0.1:1', lambda: ('', 0, None))
    if isinstance(payload, Exception):
        return read_state(server, Failure(name, payload))  # type: ignore[arg-type]  # all that tests give are ours
    return read_state(server, Answer(payload=payload, text='', cid='', seconds=0, headers={}, environment={}))


def _concerns(*states: State, peers: Iterable[str] | None = None, after: float = MOMENT) -> list[Concern]:
    """Those that are left when all have lasted for so many seconds."""
    found = find_concerns(states, peers)
    return lasting(found, {concern.key: 1_000.0 for concern in found}, 1_000.0 + after)


def test_a_cluster_that_works_has_no_concerns() -> None:
    assert (
        _concerns(_state(info('server1')), _state(info('server2'), 'server2'), peers=['server1', 'server2'], after=0) == []
    )


def test_a_server_that_does_not_answer_is_one_at_once() -> None:
    (found,) = _concerns(_state(ServerUnreachable('No answer: refused', was_sent=False)), after=0)
    assert (found.what, list(found.where), found.is_noticed) == ('The server did not answer', ['server1'], True)
    assert found.page == '/zato/servers/server/server1/'
    assert found.what_to_do


@pytest.mark.parametrize(
    ('wrong', 'what'),
    [
        ({'is_ready': False}, 'A worker is not ready'),
        ({'applied_event': 48}, 'A worker is behind'),
        ({'error': 'no answer in 2 s'}, 'A worker does not answer'),
    ],
)
def test_workers_are_one_if_it_lasts(wrong: dict[str, Any], what: str) -> None:
    state = _state(info('server1', worker(7, **wrong)))
    assert _concerns(state, after=MOMENT - 1) == []
    (found,) = _concerns(state)
    assert (found.what, found.where) == (what, ['server1, worker 7'])


def test_a_worker_that_gets_on_is_not_stuck() -> None:
    (first,) = find_concerns([_state(info('server1', worker(7, applied_event=40)))], None)
    (second,) = find_concerns([_state(info('server1', worker(7, applied_event=45)))], None)
    assert first.key != second.key


def test_an_alarm_of_many_workers_is_one() -> None:
    raised = alarm('Outgoing REST connection `CRM`', 'Outgoing REST connection `CRM`: no variable')
    (found,) = _concerns(
        _state(info('server1', worker(1, alarms=[raised]), worker(2, alarms=[raised]))),
        _state(info('server2', worker(3, alarms=[{**raised, 'since': '2026-11-22T10:00:00+00:00'}]), worker(4)), 'server2'),
        after=0,
    )
    assert found.where == ['server1', 'server2, worker 3']
    assert found.since == '2026-11-22T10:00:00+00:00'
    assert found.text == 'no variable'
    assert found.page == '/zato/kind/outgoing-rest/?query=CRM'
    assert not found.is_noticed


@pytest.mark.parametrize(
    ('subject', 'page'),
    [
        ('deploy:/a/b.py', '/zato/service/'),
        ('module:my_module', '/zato/service/'),
        ('Service `my.service`', '/zato/service/overview/my.service/'),
        ('Subscription zpsk.rest.01 to /customer/new', '/zato/pubsub/subscription/?query=zpsk.rest.01'),
        ('ODB', '/zato/servers/server/server1/'),
        ('Nothing known `x`', '/zato/servers/server/server1/'),
        ('REST channel `a` b`', '/zato/kind/channel-rest/?query=a%60+b'),
    ],
)
def test_alarms_lead_to_where_something_can_be_done(subject: str, page: str) -> None:
    (found,) = _concerns(_state(info('server1', worker(alarms=[alarm(subject, 'bad')]))))
    assert (found.page, found.since) == (page, SINCE)


def test_different_versions_are_one() -> None:
    (found,) = _concerns(_state(info('server1')), _state(info('server2', version='4.1.0'), 'server2'), after=0)
    assert found.text == 'server1: 4.0.0\nserver2: 4.1.0'


def test_one_server_under_two_names_is_one() -> None:
    (found,) = _concerns(_state(info('server1')), _state(info('server1'), 'other'), after=0)
    assert found.what == 'web-admin.conf names one server twice'


def test_a_server_that_the_configuration_does_not_name_is_one() -> None:
    (found,) = _concerns(_state(info('server1')), peers=['server1', 'server9'])
    assert found.where == ['server9']
    assert found.what == 'web-admin.conf does not name a server of the cluster'


def test_a_server_of_another_cluster_is_one() -> None:
    (found,) = _concerns(_state(info('server1')), _state(info('server2'), 'server2'), peers=['server1'])
    assert (found.what, found.where) == ('A server is not in the cluster', ['server2'])


def test_a_server_that_is_away_may_still_be_in_the_odb() -> None:
    found = _concerns(_state(ServerUnreachable('refused', was_sent=False)), peers=['server1'])
    assert [concern.key for concern in found] == ['server:server1']


def test_cards_count_servers_that_are_up() -> None:
    away = _state(ServerUnreachable('refused', was_sent=False), 'server2')
    figures = {
        card.label: (card.figure, card.note) for card in cards([_state(info('server1', worker(), worker(102))), away])
    }
    assert figures['Servers'] == ('1 of 2', 'up')
    assert figures['Workers'] == ('2 of 2', 'ready')
    assert figures['Services'] == ('3', 'in 1 module')
    assert figures['Memory'][0] == '120 MB'
    assert figures['Requests running'] == ('0', '20 since the start')


def test_cards_without_any_server_are_zeros() -> None:
    assert cards([])[0].figure == '0 of 0'


def test_the_first_run_ends_with_the_first_deployment_or_change() -> None:
    made = read_trail([change(who='server'), change(who='pickup on server1')])
    fresh = [_state(info('server1'))]
    assert is_first_run(fresh, made)
    assert not is_first_run(fresh, [*made, *read_trail([change(who='joan')])])
    assert not is_first_run([_state(info('server1', worker(module_count=2)))], made)
    assert not is_first_run([_state(ServerUnreachable('refused', was_sent=False))], [])
