"""Which calls are made again, when, and how often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from zato.common.exception import (
    AnswerCutOff,
    CallFailed,
    CallTimeout,
    CircuitOpen,
    InvalidAnswer,
    NotReachable,
    PoolExhausted,
    TLSFailed,
)
from zato.server.connection.rest.answer_headers import AnswerHeaders
from zato.server.connection.rest.retry import Retries
from zato.server.connection.rest.transport import Inbound

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Time passes only while someone sleeps."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return 1000 + sum(self.pauses)

    def utcnow(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.pauses))

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


class Server:
    """outcomes: what it answers, a status or an error for each call; the last one for ever."""

    def __init__(self, *outcomes: int | Inbound | Exception) -> None:
        self._outcomes = outcomes
        self.calls = 0

    def __call__(self) -> Inbound:
        outcome = self._outcomes[min(self.calls, len(self._outcomes) - 1)]
        self.calls += 1
        if isinstance(outcome, Exception):
            raise outcome
        return inbound(outcome) if isinstance(outcome, int) else outcome


def inbound(status: int, retry_after: str = '') -> Inbound:
    headers = AnswerHeaders([('Retry-After', retry_after)] if retry_after else [])
    return Inbound(status=status, reason='', headers=headers, body=b'', url='http://a/', seconds=0.1)


def retries(clock: FakeClock, most: int = 3, first: float = 2.0, spread: Callable[[], float] = lambda: 1.0) -> Retries:
    return Retries(most, first, clock=clock, sleep=clock.sleep, spread=spread)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize('status', [429, 502, 503, 504])
@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
def test_answers_that_may_pass_are_asked_for_again(clock: FakeClock, status: int, method: str) -> None:
    server = Server(status, status, 200)
    assert retries(clock).run(server, method, None).status == 200
    assert (server.calls, clock.pauses) == (3, [2, 4])


@pytest.mark.parametrize('error', [NotReachable, AnswerCutOff, CallTimeout, PoolExhausted])
def test_errors_that_may_pass_lead_to_another_call(clock: FakeClock, error: type[CallFailed]) -> None:
    server = Server(error(), 503, 200)
    assert retries(clock).run(server, 'GET', None).status == 200
    assert server.calls == 3


@pytest.mark.parametrize('status', [200, 302, 400, 401, 404, 408, 500, 501])
def test_other_answers_are_final(clock: FakeClock, status: int) -> None:
    server = Server(status)
    assert retries(clock).run(server, 'GET', None).status == status
    assert server.calls == 1


@pytest.mark.parametrize('error', [InvalidAnswer, TLSFailed, CircuitOpen, ZeroDivisionError])
def test_other_errors_are_final(clock: FakeClock, error: type[Exception]) -> None:
    server = Server(error())
    with pytest.raises(error):
        retries(clock).run(server, 'GET', None)
    assert server.calls == 1


@pytest.mark.parametrize('method', ['POST', 'PATCH', 'CONNECT', 'get'])
def test_what_may_not_be_done_twice_is_not(clock: FakeClock, method: str) -> None:
    answers, fails = Server(503), Server(NotReachable())
    assert retries(clock).run(answers, method, None).status == 503
    with pytest.raises(NotReachable):
        retries(clock).run(fails, method, None)
    assert (answers.calls, fails.calls, clock.pauses) == (1, 1, [])


def test_the_last_answer_is_what_there_is_if_all_fail(clock: FakeClock) -> None:
    server = Server(503, NotReachable(), 502, 504)
    assert retries(clock).run(server, 'GET', None).status == 504
    assert server.calls == 4


def test_the_last_error_is_raised_if_all_fail(clock: FakeClock) -> None:
    last = CallTimeout()
    with pytest.raises(CallTimeout) as caught:
        retries(clock).run(Server(503, NotReachable(), 502, last), 'GET', None)
    assert caught.value is last


def test_no_retries_are_none(clock: FakeClock) -> None:
    server = Server(503)
    assert retries(clock, most=0).run(server, 'GET', None).status == 503
    assert server.calls == 1


def test_pauses_double_up_to_half_a_minute(clock: FakeClock) -> None:
    retries(clock, most=7).run(Server(503), 'GET', None)
    assert clock.pauses == [2, 4, 8, 16, 30, 30, 30]


def test_a_first_pause_that_is_longer_stays_what_it_is(clock: FakeClock) -> None:
    retries(clock, most=3, first=100).run(Server(503), 'GET', None)
    assert clock.pauses == [100, 100, 100]


def test_pauses_are_varied_from_nothing_to_the_most_they_may_be(clock: FakeClock) -> None:
    spread = iter([0.0, 0.5, 0.25])
    retries(clock, spread=lambda: next(spread)).run(Server(503), 'GET', None)
    assert clock.pauses == [0, 2, 2]


@pytest.mark.parametrize(
    ('value', 'pause'),
    [
        ('7', 7),
        ('30', 30),
        ('1', 2),
        ('0', 2),
        ('Thu, 01 Jan 2026 00:00:12 GMT', 12),
        ('Thu, 01 Jan 2026 00:00:12', 12),
        ('Wed, 31 Dec 2025 23:00:00 GMT', 2),
        ('soon', 2),
        ('-5', 2),
        ('1.5', 2),
        ('\u0663', 2),
        ('Thu, 99 Jan 2026 00:00:12 GMT', 2),
    ],
)
def test_the_server_may_say_when_it_is_there_again(clock: FakeClock, value: str, pause: float) -> None:
    retries(clock, most=1).run(Server(inbound(503, value)), 'GET', None)
    assert clock.pauses == [pause]


@pytest.mark.parametrize('value', ['31', '9' * 5000, 'Thu, 01 Jan 2026 00:00:31 GMT', 'Thu, 01 Jan 9999 00:00:00 GMT'])
def test_what_the_server_wants_much_later_is_not_waited_for(clock: FakeClock, value: str) -> None:
    server = Server(inbound(429, value))
    assert retries(clock).run(server, 'GET', None).status == 429
    assert (server.calls, clock.pauses) == (1, [])


@pytest.mark.parametrize(('seconds', 'calls'), [(0.0, 1), (2.0, 1), (2.1, 2), (6.0, 2), (6.1, 3)])
def test_no_call_begins_after_the_deadline(clock: FakeClock, seconds: float, calls: int) -> None:
    server = Server(503)
    assert retries(clock).run(server, 'GET', 1000 + seconds).status == 503
    assert server.calls == calls
