"""Exact counts of requests: what several workers let in together, on every kind of database."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import insert, update

from tests.support.environment import PATIENCE
from tests.support.odb import OpenODB
from tests.support.rate_limits import MemoryCounts, Now
from zato.common.config.kind import find_kind
from zato.common.odb.address import ODBAddress
from zato.common.odb.tables import rate_limit
from zato.server.propagate.change import Change
from zato.server.propagate.housekeeping import Housekeeping
from zato.server.security.rate_limit.store import Asked, Counted, Counts, StoredCounts, Unsaved
from zato.server.security.rate_limit.tally import Key, window_at

Start = Callable[..., subprocess.Popen[str]]

DAY = 86_400
AGE = 1_000_000_000  #: seconds of a window that does not end in the middle of a test
KEY, OTHER = Key(1, '*', AGE), Key(1, '10.0.0.0/8', AGE)
KEYS = {'key': KEY, 'other': OTHER}

#: Asks for a number of keys in 16 greenlets for some seconds, and says each time at once when it was let in, and for which.
_WORKER = """
from gevent import monkey; monkey.patch_all()
from time import monotonic
import gevent
from zato.common.alarm import Alarms
from zato.server.propagate.odb import ODB
from zato.server.security.rate_limit.exact import ExactCounter
from zato.server.security.rate_limit.store import StoredCounts
from zato.server.security.rate_limit.tally import Key, Tally

rate, keys, window, seconds = map(int, arguments)
counter = ExactCounter(StoredCounts(ODB(database)), Alarms())
tallies = [Tally(Key(1, f'10.0.0.{number}/32', window)) for number in range(keys)]

def ask(number):
    while monotonic() < end:
        number = (number + 1) % keys
        if not counter.take(tallies[number], rate):
            print(number, flush=True)
        gevent.sleep(0.001)

print('ready', flush=True)
sys.stdin.readline()
end = monotonic() + seconds
gevent.joinall([gevent.spawn(ask, number) for number in range(16)])
"""


@dataclass
class Place:
    """end_window: makes what was counted so far part of a window that has ended."""

    counts: Counts
    end_window: Callable[[], None]

    def add(self, *unsaved: Unsaved, **asked: Asked) -> Counted:
        """asked: of KEY, and of `other` sources."""
        return self.counts.add({KEYS[name]: one for name, one in asked.items()}, unsaved, timeout=PATIENCE)


@pytest.fixture
def opened(odb_address: ODBAddress) -> Iterator[OpenODB]:
    created = OpenODB(odb_address)
    yield created
    created.close()


@pytest.fixture
def place(odb_engine: str, request: pytest.FixtureRequest) -> Place:
    if odb_engine == 'memory':
        now = Now()
        return Place(MemoryCounts(now, lambda: 0.0), lambda: setattr(now, 'seconds', now.seconds + AGE))
    opened: OpenODB = request.getfixturevalue('opened')

    def end_window() -> None:
        with opened.database.write() as connection:
            connection.execute(update(rate_limit).values(window=rate_limit.c.window - AGE))

    return Place(StoredCounts(opened.odb, lambda: 0.0), end_window)


everywhere = pytest.mark.parametrize('odb_engine', ['memory', 'sqlite', 'postgresql'], indirect=True)


def workers(start: Start, address: ODBAddress, number: int, *arguments: int) -> list[subprocess.Popen[str]]:
    """Processes that begin at the same time."""
    started = [start(address, _WORKER, *arguments) for _ in range(number)]
    for process in started:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == 'ready\n'
    for process in started:
        assert process.stdin is not None
        process.stdin.write('go\n')
        process.stdin.flush()
    return started


def let_in(process: subprocess.Popen[str]) -> list[int]:
    """Which keys its requests were let in for, until its end."""
    assert process.stdout is not None
    lines = process.stdout.read().split()
    assert process.wait(PATIENCE) in (0, -signal.SIGKILL)
    return [int(line) for line in lines]


def test_workers_together_let_in_exactly_the_rate(odb_address: ODBAddress, odb_process: Start) -> None:
    rate, keys = 50, 3
    found = [key for process in workers(odb_process, odb_address, 4, rate, keys, AGE, 1) for key in let_in(process)]
    assert [found.count(key) for key in range(keys)] == [rate] * keys


def test_workers_together_let_in_exactly_the_rate_in_each_of_several_windows(
    opened: OpenODB, odb_address: ODBAddress, odb_process: Start
) -> None:
    rate = 20
    found = [key for process in workers(odb_process, odb_address, 3, rate, 1, 1, 3) for key in let_in(process)]
    counts = [row['requests'] for row in opened.rows(rate_limit)]
    assert len(counts) >= 2
    assert len(found) == sum(counts)
    assert max(counts) == rate


def test_a_worker_that_is_killed_loses_no_request_that_it_let_in(odb_address: ODBAddress, odb_process: Start) -> None:
    rate = 400
    first, second = workers(odb_process, odb_address, 2, rate, 1, AGE, 3)
    assert first.stdout is not None
    seen = [first.stdout.readline() for _ in range(20)]
    first.kill()
    found = len(seen) + len(let_in(first)) + len(let_in(second))
    assert rate - 16 <= found <= rate, 'each of its greenlets had one request that was counted, and did not get to say so'


@everywhere
def test_requests_are_counted_as_long_as_there_are_fewer_than_the_rate(place: Place) -> None:
    first = place.add(key=Asked(3, 10))
    assert (first.before, first.after) == ({KEY: 0}, {KEY: 3})
    second = place.add(key=Asked(20, 10), other=Asked(1, 5))
    assert (second.before, second.after) == ({KEY: 3, OTHER: 0}, {KEY: 10, OTHER: 1})
    third = place.add(key=Asked(4, 12), other=Asked(1, 1))
    assert (third.before, third.after) == ({KEY: 10, OTHER: 1}, {KEY: 12, OTHER: 1})
    lowered = place.add(key=Asked(4, 5))
    assert (lowered.before, lowered.after) == ({KEY: 12}, {KEY: 12})


@everywhere
def test_each_window_has_its_own_count(place: Place) -> None:
    place.add(key=Asked(3, 10))
    place.end_window()
    assert place.add(key=Asked(1, 10)).after == {KEY: 1}
    nothing = place.add()
    assert (nothing.before, nothing.after) == ({}, {})


@everywhere
def test_what_was_let_in_without_the_odb_counts_whatever_the_rate_unless_its_window_has_ended(place: Place) -> None:
    window = place.add().window(KEY)
    found = place.add(Unsaved(KEY, 5, window), Unsaved(OTHER, 1, window), key=Asked(2, 6))
    assert (found.before, found.after) == ({KEY: 5, OTHER: 1}, {KEY: 6, OTHER: 1})
    found = place.add(Unsaved(KEY, 5, window - AGE), key=Asked(1, 100))
    assert (found.before, found.after) == ({KEY: 6}, {KEY: 7})
    found = place.add(Unsaved(KEY, 3, window + AGE), Unsaved(KEY, 2, window))
    assert found.after == {KEY: 12}, 'some worker’s clock is ahead'
    assert place.add(Unsaved(KEY, 5, window - AGE)).after == {}


@everywhere
def test_it_says_when_it_was_by_both_clocks(place: Place) -> None:
    found = place.add(key=Asked(1, 1))
    assert found.here == 0.0
    assert 0 <= found.now - found.window(KEY) < AGE


def test_the_clock_of_the_odb_says_which_window_it_is(opened: OpenODB) -> None:
    found = StoredCounts(opened.odb, lambda: 0.0).add({KEY: Asked(1, 1)}, [], timeout=PATIENCE)
    assert [row['window'] for row in opened.rows(rate_limit)] == [found.window(KEY)]
    assert abs(found.now - time.time()) < PATIENCE


def test_counts_of_windows_that_ended_and_of_objects_that_are_gone_are_pruned(opened: OpenODB) -> None:
    given = {'username': 'a', 'password': 'b'}
    [made] = opened.apply(Change(action='create', kind=find_kind('security_basic_auth'), name='a', given=given))
    now = StoredCounts(opened.odb).add({}, [], timeout=PATIENCE).now
    minute, day = window_at(now, 60), window_at(now, DAY)
    rows = [
        (made.id, 'ended', 60, minute - 3_600),
        (made.id, 'just ended', 60, minute - 120),
        (made.id, 'running', DAY, day),
        (made.id + 1, 'running', DAY, day),
    ]
    with opened.database.write() as connection:
        names = ('object_id', 'source', 'seconds', 'window')
        connection.execute(insert(rate_limit), [{**dict(zip(names, row, strict=True)), 'requests': 1} for row in rows])
    Housekeeping(opened.odb, 'me').prune()
    left = {(row['object_id'], row['source']) for row in opened.rows(rate_limit)}
    assert left == {(made.id, 'just ended'), (made.id, 'running')}
