"""What servers say of themselves, read for pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.admin.server_answers import alarm, info, worker
from zato.admin.cluster import Failure, Server
from zato.admin.servers.state import State, read_state
from zato.client.admin import Answer, ServerError, ServerUnreachable

SERVER = Server('server1', 'http://127.0.0.1:1', lambda: ('', 0, None))


def _state(payload: Any) -> State:
    return read_state(SERVER, Answer(payload=payload, text='', cid='', seconds=0, headers={}, environment={}))


def test_a_server_is_its_workers_together() -> None:
    calls = [{'service': 'a', 'cid': 'c1', 'seconds': 1.0}]
    other = [{'service': 'b', 'cid': 'c2', 'seconds': 5.0}]
    state = _state(info('server1', worker(1, running=calls), worker(2, running=other, applied_event=47, is_ready=False)))
    assert (state.ready, state.running, state.invoked, state.memory, state.lag) == (1, 2, 20, 120_000_000, 3)
    assert [(worker.pid, call.service) for worker, call in state.calls] == [(2, 'b'), (1, 'a')]
    assert state.has_problems


def test_a_worker_ahead_of_what_was_read_first_is_not_behind() -> None:
    assert _state(info('server1', worker(applied_event=60))).lag == 0


def test_without_an_odb_nobody_knows_who_is_behind() -> None:
    state = _state(info(last_event=None, odb_error='no route'))
    assert state.lag is None
    assert state.odb_problem == 'no route'


def test_a_worker_that_does_not_answer_is_shown_with_the_reason() -> None:
    state = _state(info('server1', worker(1), {'pid': 2, 'error': 'no answer in 2 s'}))
    assert [worker.error for worker in state.workers] == ['', 'no answer in 2 s']
    assert state.ready == 1


def test_alarms_of_several_workers_are_one() -> None:
    one, two = alarm('ODB', 'away'), alarm('ODB', 'another')
    state = _state(info('server1', worker(1, alarms=[one]), worker(2, alarms=[one, two])))
    assert [(found.what, pids) for found, pids in state.alarms] == [('away', [1, 2]), ('another', [2])]


def test_alarms_are_called_what_people_call_them() -> None:
    raised = [alarm('deploy:/a/b.py', 'deploy:/a/b.py: bad'), alarm('REST channel `a:b`', 'down')]
    state = _state(info('server1', worker(alarms=raised)))
    assert [(found.title, found.text) for found, _ in state.alarms] == [
        ('Not deployed: /a/b.py', 'bad'),
        ('REST channel `a:b`', 'down'),
    ]


def test_modules_that_workers_cannot_load_are_one_each() -> None:
    broken = [{'module': 'm', 'error': 'bad', 'services': []}, {'module': 'fine', 'error': '', 'services': []}]
    state = _state(info('server1', worker(1, modules=broken), worker(2, modules=broken)))
    assert state.module_problems == [('m', 'bad', [1, 2])]


@pytest.mark.parametrize('garbage', [None, 'text', [], {}, {'server': 'x'}, info(workers=[{}]), info(uptime_seconds='soon')])
def test_a_server_that_answers_something_else_says_so(garbage: Any) -> None:
    state = _state(garbage)
    assert state.problem is not None
    assert state.problem.title == 'The server answers with something else'
    assert not state.problem.is_away


@pytest.mark.parametrize(
    ('error', 'is_away'),
    [
        (ServerUnreachable('No answer from 127.0.0.1:1: refused', was_sent=False), True),
        (ServerError('c', 200, '<html>'), False),
        (ServerError('c', 401, 'no'), False),
    ],
    ids=['refused', 'garbage', 'password'],
)
def test_a_server_that_fails_has_a_reason(error: Any, is_away: bool) -> None:
    state = read_state(SERVER, Failure('server1', error))
    assert state.problem is not None
    assert state.problem.is_away is is_away
    assert state.problem.text
    assert (state.ready, state.lag, state.alarms) == (0, None, [])


def test_what_is_no_server_is_not_called_an_error_of_one() -> None:
    state = read_state(SERVER, Failure('server1', ServerError('c', 200, '<html>')))
    assert state.problem is not None
    assert state.problem.title == 'The server answers with something else'
    assert 'Is the address in web-admin.conf' in state.problem.hint
