"""Exact limits: workers that count together, in batches, and what they do while the ODB does not answer."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from tests.support.environment import PATIENCE
from tests.support.rate_limits import MIDNIGHT, MemoryCounts, Now, limited
from zato.common.alarm import Alarms
from zato.common.config.rate_limit import EXACT
from zato.common.exception import TooManyRequests
from zato.server.security.rate_limit import exact
from zato.server.security.rate_limit.exact import ExactCounter
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.security.rate_limit.tally import Key, Tally

KEY = Key(1, '*', 60)


class Worker:
    """One of those that count in the same place."""

    def __init__(self, counts: MemoryCounts, clock: Now) -> None:
        self.alarms = Alarms()
        self.counter = ExactCounter(counts, self.alarms, clock)
        self.tally = Tally(KEY)

    def ask(self, rate: int) -> float:
        return self.counter.take(self.tally, rate)

    def ask_at_once(self, number: int, rate: int) -> list[float]:
        greenlets = [gevent.spawn(self.ask, rate) for _ in range(number)]
        gevent.joinall(greenlets, timeout=PATIENCE, raise_error=True)
        return [greenlet.value for greenlet in greenlets]

    @property
    def alarm(self) -> str:
        return ''.join(alarm['what'] for alarm in self.alarms.as_list())


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Nothing waits for ever."""
    with gevent.Timeout(PATIENCE):
        yield


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, '_RETRY', 0.001)


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def counts(now: Now) -> MemoryCounts:
    return MemoryCounts(now)


@pytest.fixture
def worker(counts: MemoryCounts, now: Now) -> Iterator[Worker]:
    created = Worker(counts, now)
    yield created
    created.counter.stop()


@pytest.fixture
def other(counts: MemoryCounts, now: Now) -> Iterator[Worker]:
    created = Worker(counts, now)
    yield created
    created.counter.stop()


def wait_until_back(worker: Worker) -> None:
    while worker.alarm:
        gevent.sleep(0.001)


def test_workers_let_in_together_what_the_rate_says(worker: Worker, other: Worker) -> None:
    found = [one.ask(3) for one in (worker, other, worker, other, worker)]
    assert found == [0, 0, 0, 60, 60]


def test_requests_that_come_at_once_are_counted_in_one_transaction_the_first_ones_let_in(
    worker: Worker, counts: MemoryCounts
) -> None:
    assert worker.ask_at_once(10, 4) == [0] * 4 + [60] * 6
    assert counts.transactions == 1


def test_requests_that_come_during_a_transaction_are_counted_in_the_next_one(worker: Worker, counts: MemoryCounts) -> None:
    late: list[gevent.Greenlet[..., float]] = []

    def during_the_first() -> None:
        counts.meanwhile = lambda: None
        late.extend(gevent.spawn(worker.ask, 100) for _ in range(5))
        gevent.sleep(0)

    counts.meanwhile = during_the_first
    assert worker.ask(100) == 0
    gevent.joinall(late)
    assert [greenlet.value for greenlet in late] == [0] * 5
    assert (counts.transactions, counts.rows) == (2, {(KEY, int(MIDNIGHT)): 6})


def test_what_is_known_to_be_full_is_refused_without_asking_until_the_window_ends(
    worker: Worker, counts: MemoryCounts, now: Now
) -> None:
    worker.ask_at_once(3, 2)
    now.seconds += 59.5
    assert [worker.ask(2) for _ in range(100)] == [0.5] * 100
    assert counts.transactions == 1
    now.seconds += 0.5
    assert worker.ask(2) == 0
    assert counts.transactions == 2


def test_a_rate_that_is_raised_lets_more_in_at_once_and_one_that_is_lowered_none(worker: Worker) -> None:
    assert worker.ask_at_once(3, 2) == [0, 0, 60]
    assert worker.ask(4) == 0
    assert worker.ask(3) == 60


def test_windows_are_those_of_the_odb_whatever_this_workers_clock_says(now: Now) -> None:
    odb = Now(MIDNIGHT + 100_030)
    counts = MemoryCounts(odb, now)
    worker = Worker(counts, now)
    assert worker.ask_at_once(2, 1)[0] == 0
    wait = worker.ask(1)
    left = 60 - odb.seconds % 60
    assert wait == left
    now.seconds += left
    odb.seconds += left
    assert worker.ask(1) == 0


def test_a_request_that_is_cut_off_while_it_waits_harms_no_other(worker: Worker, counts: MemoryCounts) -> None:
    counts.meanwhile = lambda: gevent.sleep(0.005)
    first, second = gevent.spawn(worker.ask, 5), gevent.spawn(worker.ask, 5)
    gevent.sleep(0)
    first.kill()
    assert second.get() == 0
    assert worker.ask_at_once(5, 5).count(0) == 3


def test_without_the_odb_each_worker_goes_on_counting_for_itself_and_says_so(
    worker: Worker, other: Worker, counts: MemoryCounts
) -> None:
    assert [worker.ask(5), worker.ask(5), other.ask(5)] == [0, 0, 0]
    counts.is_away = True
    assert [worker.ask(5) for _ in range(5)] == [0, 0, 0, 60, 60], 'it knew of two'
    assert [other.ask(5) for _ in range(5)] == [0, 0, 60, 60, 60], 'it knew of three'
    assert worker.alarm == 'each worker counts for itself, since the ODB does not answer: it is away'


def test_requests_that_wait_as_the_odb_goes_away_do_not_wait_for_its_return(worker: Worker, counts: MemoryCounts) -> None:
    late: list[gevent.Greenlet[..., float]] = []

    def goes_away() -> None:
        counts.meanwhile = lambda: None
        counts.is_away = True
        late.append(gevent.spawn(worker.ask, 2))
        gevent.sleep(0)

    counts.meanwhile = goes_away
    assert worker.ask(2) == 0
    assert late[0].get() == 0
    assert worker.ask(2) == 60


def test_what_was_counted_meanwhile_counts_once_the_odb_is_back(worker: Worker, other: Worker, counts: MemoryCounts) -> None:
    assert worker.ask(5) == 0
    counts.is_away = True
    assert [worker.ask(5) for _ in range(3)] == [0] * 3
    counts.is_away = False
    wait_until_back(worker)
    assert counts.rows == {(KEY, int(MIDNIGHT)): 4}
    assert [other.ask(5), other.ask(5), worker.ask(5)] == [0, 60, 60]


def test_what_was_counted_in_a_window_that_has_ended_is_forgotten(worker: Worker, counts: MemoryCounts, now: Now) -> None:
    counts.is_away = True
    assert worker.ask(5) == 0
    now.seconds += 60
    counts.is_away = False
    wait_until_back(worker)
    assert counts.rows == {}
    assert worker.ask_at_once(6, 5).count(0) == 5


def test_what_is_counted_here_during_the_transaction_that_brings_the_odb_back_is_not_lost(
    worker: Worker, counts: MemoryCounts
) -> None:
    counts.is_away = True
    assert worker.ask(9) == 0
    asked = []

    def comes_back() -> None:
        counts.is_away = False
        if not asked:
            asked.append(worker.ask(9))

    counts.meanwhile = comes_back
    while counts.rows != {(KEY, int(MIDNIGHT)): 2}:
        gevent.sleep(0.001)
    assert asked == [0]
    assert worker.ask_at_once(10, 9).count(0) == 7


def test_a_stop_lets_go_of_requests_that_wait_and_twice_is_safe(worker: Worker, counts: MemoryCounts) -> None:
    counts.meanwhile = lambda: gevent.sleep(PATIENCE)
    waiting = gevent.spawn(worker.ask, 5)
    gevent.sleep(0.001)
    worker.counter.stop()
    worker.counter.stop()
    assert waiting.get() == 0


def test_nothing_runs_while_nothing_is_counted(worker: Worker) -> None:
    worker.ask(5)
    gevent.sleep(0)
    assert worker.counter._writer is not None
    assert worker.counter._writer.dead


def test_an_object_says_whether_its_limits_are_exact(counts: MemoryCounts, worker: Worker) -> None:
    limits = RateLimits(worker.counter)
    limits.put(limited('*=1/d'))
    limits.check(1, '', 'cid')
    assert counts.transactions == 0
    limits.put(limited('*=1/d', rate_limit_type=EXACT))
    limits.check(1, '', 'cid')
    assert list(counts.rows) == [(Key(1, '*', 86_400), int(MIDNIGHT))]
    with pytest.raises(TooManyRequests):
        limits.look(1, '', 'cid')
