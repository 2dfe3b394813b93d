"""Calls that an administrator cancels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import AsyncResult, Event
from greenlet import greenlet

from tests.unit.service.invoking import (
    PATIENCE,
    call_of,
    caller_of,
    echo,
    failing,
    finish,
    invoke,
    invoker_of,
    service,
)
from zato.server.service import Service
from zato.server.service.compiled import CompiledService
from zato.server.service.data import Request
from zato.server.service.invoker import Cancelled, Invoker


class Sleeper:
    """A service that waits for ever. ended: the cids of the calls whose `finally` has run."""

    def __init__(self) -> None:
        self.started = Event()
        self.ended: list[str] = []

    def service(self, name: str = 'sleeper', wait: Callable[[], Any] = lambda: gevent.sleep(PATIENCE)) -> CompiledService:
        def handle(service_: Service) -> None:
            self.started.set()
            try:
                wait()
            finally:
                self.ended.append(service_.cid)

        return service(name, handle)


def start(invoker: Invoker, name: str, cid: str = 'c1') -> gevent.Greenlet[..., BaseException | Any]:
    """A request of its own. Its result is the service's answer, or the exception."""

    def run() -> Any:
        try:
            return invoker.run(call_of(invoker, name, cid=cid), Request('', '')).payload
        except BaseException as e:
            return e

    return gevent.spawn(run)


def sleeping(name: str = 'sleeper', *others: CompiledService) -> tuple[Sleeper, Invoker, gevent.Greenlet[..., Any]]:
    """A call that waits."""
    sleeper = Sleeper()
    invoker = invoker_of(sleeper.service(), *others)
    request = start(invoker, name)
    assert sleeper.started.wait(PATIENCE)
    return sleeper, invoker, request


def test_a_sleeping_service_ends_and_its_finally_blocks_run(caplog: pytest.LogCaptureFixture) -> None:
    sleeper, invoker, request = sleeping()
    assert invoker.cancel('c1', 'root') == 1
    error = request.get(timeout=PATIENCE)
    assert isinstance(error, Cancelled)
    assert str(error) == 'The call with cid c1 was cancelled'
    assert sleeper.ended == ['c1']
    assert invoker.running == set()
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, 'Cancelled by root: sleeper (cid: c1)')


@pytest.mark.parametrize(
    'wait',
    [
        lambda: Event().wait(PATIENCE),
        lambda: AsyncResult().get(timeout=PATIENCE),
        lambda: gevent.spawn(gevent.sleep, PATIENCE).join(),
        lambda: gevent.get_hub().threadpool.apply(Event().is_set) or gevent.sleep(PATIENCE),
        lambda: [gevent.sleep(0) for _ in iter(int, 1)],
    ],
)
def test_it_ends_wherever_it_waits(wait: Callable[[], Any]) -> None:
    sleeper = Sleeper()
    invoker = invoker_of(sleeper.service(wait=wait))
    request = start(invoker, 'sleeper')
    assert sleeper.started.wait(PATIENCE)
    assert invoker.cancel('c1', 'root') == 1
    assert isinstance(request.get(timeout=PATIENCE), Cancelled)
    assert sleeper.ended == ['c1']


def test_services_cannot_catch_it_by_mistake() -> None:
    def handle(self: Service) -> None:
        try:
            self.invoke('sleeper', timeout=PATIENCE)
        except Exception:
            self.response.payload = 'caught'

    sleeper, invoker, request = sleeping('caller', service('caller', handle))
    assert [call.cid for call in invoker.running] == ['c1', 'c1']
    assert invoker.cancel('c1', 'root') == 1, 'one greenlet, however many services wait in it for one another'
    assert isinstance(request.get(timeout=PATIENCE), Cancelled)
    assert sleeper.ended == ['c1']


def test_calls_with_other_cids_go_on() -> None:
    sleeper = Sleeper()
    invoker = invoker_of(sleeper.service())
    requests = {cid: start(invoker, 'sleeper', cid) for cid in ('c1', 'c2', 'c3')}
    gevent.sleep(0)
    assert invoker.cancel('c2', 'root') == 1
    assert isinstance(requests['c2'].get(timeout=PATIENCE), Cancelled)
    assert sleeper.ended == ['c2']
    assert sorted(call.cid for call in invoker.running) == ['c1', 'c3']
    gevent.killall(list(requests.values()))


@pytest.mark.parametrize('cid', ['', 'c', 'c11', 'C1', 'nothing'])
def test_a_cid_that_is_not_running_does_nothing(cid: str, caplog: pytest.LogCaptureFixture) -> None:
    sleeper, invoker, request = sleeping()
    assert invoker.cancel(cid, 'root') == 0
    gevent.sleep(0)
    assert sleeper.ended == []
    assert caplog.records == []
    request.kill()


def test_what_has_ended_by_the_time_is_left_alone() -> None:
    invoker = invoker_of(echo())
    request = start(invoker, 'echo')
    request.join(PATIENCE)
    assert invoker.cancel('c1', 'root') == 0
    assert request.get() == ''


def test_a_greenlet_that_has_moved_on_to_another_request_is_left_alone() -> None:
    go_on, next_started = Event(), Event()

    def second(self: Service) -> None:
        next_started.set()
        gevent.sleep(0)
        self.response.payload = 'whole'

    sleeper = Sleeper()
    invoker = invoker_of(sleeper.service(wait=lambda: go_on.wait(PATIENCE)), service('second', second))

    def connection() -> list[Any]:
        calls = [call_of(invoker, 'sleeper', cid='c1'), call_of(invoker, 'second', cid='c2')]
        return [invoker.run(call, Request('', '')).payload for call in calls]

    both = gevent.spawn(connection)
    assert sleeper.started.wait(PATIENCE)
    # The first call ends before the hub comes to what was asked of it.
    go_on.set()
    assert invoker.cancel('c1', 'root') == 1
    assert both.get(timeout=PATIENCE) == ['', 'whole']
    assert sleeper.ended == ['c1']


def test_who_is_cancelled_twice_ends_once() -> None:
    sleeper, invoker, request = sleeping()
    assert [invoker.cancel('c1', 'root'), invoker.cancel('c1', 'root')] == [1, 1]
    assert isinstance(request.get(timeout=PATIENCE), Cancelled)
    assert sleeper.ended == ['c1']
    assert invoker.cancel('c1', 'root') == 0


def test_a_service_may_cancel_its_own_call() -> None:
    def handle(self: Any) -> None:
        self.response.payload = self._invoker.cancel(self.cid, 'root')
        gevent.sleep(0)

    assert isinstance(start(invoker_of(service('x', handle)), 'x').get(timeout=PATIENCE), Cancelled)


def test_a_call_in_the_background_is_logged_and_its_callbacks_are_told(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []
    sleeper = Sleeper()
    invoker = invoker_of(
        caller_of(lambda self: self.invoke_async('sleeper', callback='callback')),
        sleeper.service(),
        service('callback', lambda self: told.append(self.request.input)),
    )
    cid = invoke(invoker, 'caller')
    assert sleeper.started.wait(PATIENCE)
    assert invoker.cancel(cid, 'root') == 1
    finish(invoker)
    assert sleeper.ended == [cid]
    assert [(item.ok, type(item.exception)) for item in told] == [(False, Cancelled)]
    assert [record.getMessage() for record in caplog.records] == [
        f'Cancelled by root: sleeper (cid: {cid})',
        f'Service sleeper failed in the background (cid: {cid})',
    ]


def test_targets_of_a_pattern_share_a_cid_and_end_together() -> None:
    told: list[Any] = []
    sleepers = {name: Sleeper() for name in 'ab'}
    invoker = invoker_of(
        caller_of(lambda self: self.patterns.fanout.invoke(dict.fromkeys('ab'), 'callback')),
        *(sleeper.service(name) for name, sleeper in sleepers.items()),
        service('callback', lambda self: told.append(self.request.input)),
    )
    cid = invoke(invoker, 'caller')
    for sleeper in sleepers.values():
        assert sleeper.started.wait(PATIENCE)
    assert invoker.cancel(cid, 'root') == 2
    finish(invoker)
    [data] = [each.data for each in told]
    assert {item.target: type(item.exception) for item in data} == {'a': Cancelled, 'b': Cancelled}


@pytest.mark.parametrize('method', ['invoke', 'invoke_async'])
def test_what_is_cancelled_is_not_repeated(method: str) -> None:
    told: list[Any] = []
    sleeper = Sleeper()

    def use(self: Service) -> Any:
        retry = self.patterns.invoke_retry
        return getattr(retry, method)('sleeper', repeats=3, seconds=0.0001, callback='callback', cid='c1')

    callback = service('callback', lambda self: told.append((self.request.input.ok, self.request.input.exception)))
    invoker = invoker_of(caller_of(use), sleeper.service(), callback)
    request = start(invoker, 'caller')
    assert sleeper.started.wait(PATIENCE)
    assert invoker.cancel('c1', 'root') == 1
    outcome = request.get(timeout=PATIENCE)
    finish(invoker)
    assert sleeper.ended == ['c1']
    if method == 'invoke':
        assert isinstance(outcome, Cancelled)
    else:
        assert [(ok, type(error)) for ok, error in told] == [(False, Cancelled)]


def test_a_response_that_is_being_streamed_counts_as_running_and_can_be_cancelled() -> None:
    started, closed = Event(), list[bool]()

    def pieces() -> Iterator[bytes]:
        try:
            started.set()
            gevent.sleep(PATIENCE)
            yield b'piece'
        finally:
            closed.append(True)

    invoker = invoker_of(echo())

    def connection() -> Any:
        call = call_of(invoker, 'echo')
        invoker.run(call, Request('', ''))
        try:
            return list(invoker.running_while(call, pieces()))
        except BaseException as e:
            return e

    request = gevent.spawn(connection)
    assert started.wait(PATIENCE)
    assert invoker.cancel('c1', 'root') == 1
    assert isinstance(request.get(timeout=PATIENCE), Cancelled)
    assert closed == [True]
    assert invoker.running == set()


def test_a_plain_greenlet_can_be_cancelled_too() -> None:
    sleeper = Sleeper()
    invoker = invoker_of(sleeper.service())
    outcome: AsyncResult[Any] = AsyncResult()

    def run() -> None:
        try:
            invoke(invoker, 'sleeper')
        except Cancelled as e:
            outcome.set(e)

    gevent.get_hub().loop.run_callback(greenlet(run, gevent.get_hub()).switch)
    assert sleeper.started.wait(PATIENCE)
    assert invoker.cancel('c1', 'root') == 1
    assert isinstance(outcome.get(timeout=PATIENCE), Cancelled)


def test_an_error_of_the_service_wins_over_a_cancellation_that_comes_too_late() -> None:
    error = ValueError('no')
    invoker = invoker_of(failing('bad', error))
    request = start(invoker, 'bad')
    assert invoker.cancel('c1', 'root') == 0, 'it has not begun yet'
    assert request.get(timeout=PATIENCE) is error
