"""When calls fail at once, and when they are made again."""

from __future__ import annotations

import logging

import pytest

from tests.support.clock import HandClock
from zato.common.exception import CircuitOpen
from zato.server.connection.rest.breaker import Breaker


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> Breaker:
    return Breaker('Outgoing REST connection `CRM`', 3, 30.0, clock=clock)


def fail(breaker: Breaker, count: int = 1) -> None:
    for _ in range(count):
        breaker.allow()
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.allow()
    breaker.succeeded()
    fail(breaker, 3)
    with pytest.raises(CircuitOpen, match=r'`CRM` failed 3 times in a row; it is tried again in 30\.0 s') as caught:
        breaker.allow()
    assert caught.value.status == 503


def test_it_lets_one_call_through_after_its_pause(breaker: Breaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.now += 29.9
    with pytest.raises(CircuitOpen):
        breaker.allow()
    clock.now += 0.1
    breaker.allow()
    with pytest.raises(CircuitOpen):
        breaker.allow()


def test_it_closes_if_that_call_succeeds(breaker: Breaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.now += 30
    breaker.allow()
    breaker.succeeded()
    fail(breaker, 2)
    breaker.allow()


def test_it_stays_open_for_another_pause_if_that_call_fails(breaker: Breaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.now += 30
    breaker.allow()
    clock.now += 10
    breaker.failed()
    clock.now += 29.9
    with pytest.raises(CircuitOpen):
        breaker.allow()
    clock.now += 0.1
    breaker.allow()


def test_a_trial_that_nothing_is_heard_of_is_followed_by_another(breaker: Breaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.now += 30
    breaker.allow()
    clock.now += 30
    breaker.allow()
    with pytest.raises(CircuitOpen):
        breaker.allow()


def test_calls_that_ran_when_it_opened_do_not_keep_it_open(breaker: Breaker, clock: HandClock) -> None:
    for _ in range(5):
        breaker.allow()
    for _ in range(3):
        breaker.failed()
    clock.now += 20
    for _ in range(2):
        breaker.failed()
    clock.now += 10
    breaker.allow()


def test_it_never_opens_if_it_is_off(clock: HandClock) -> None:
    breaker = Breaker('X', 0, 30.0, clock=clock)
    fail(breaker, 1000)
    breaker.allow()


def test_the_log_says_once_that_it_opens_and_once_that_it_closes(
    breaker: Breaker, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fail(breaker, 3)
    clock.now += 30
    fail(breaker)
    clock.now += 30
    breaker.allow()
    breaker.succeeded()
    breaker.succeeded()
    assert [getattr(record, 'action', '') for record in caplog.records] == ['breaker.open', 'breaker.closed']
