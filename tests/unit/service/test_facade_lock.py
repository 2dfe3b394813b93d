"""`self.lock`: who waits how, what becomes of a lock whose holder or database is gone. Real databases: contract tests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.support.environment import PATIENCE
from zato.common.exception import LockTimeout, ZatoException
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.lease import Lease, LeaseLost
from zato.server.config.cooperation import Interrupted
from zato.server.service.facade import lock as module
from zato.server.service.facade.lock import Lock, Locks


@dataclass
class Held:
    owner: str
    epoch: int
    is_held: bool


class FakeLeases:
    """Held until they are ended here. may_answer: the database is slow while it is not set. is_away: it does not answer."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.asked: list[str] = []
        self.is_away = False
        self.may_answer = Event()
        self.may_answer.set()

    def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        self.asked.append(owner)
        self._answer()
        held = self.held.get(name)
        if held is not None and held.is_held and held.owner != owner:
            return None
        epoch = held.epoch + 1 if held is not None else 1
        self.held[name] = Held(owner, epoch, True)
        return Lease(name, owner, epoch)

    def renew(self, lease: Lease, ttl: float) -> None:
        self._answer()
        held = self.held[lease.name]
        if (held.owner, held.epoch, held.is_held) != (lease.owner, lease.epoch, True):
            raise LeaseLost(msg='lost')
        held.is_held = ttl > 0

    def end(self, name: str) -> None:
        """Its time has passed."""
        self.held[f'lock:{name}'].is_held = False

    def is_held(self, name: str) -> bool:
        held = self.held.get(f'lock:{name}')
        return held is not None and held.is_held

    def _answer(self) -> None:
        assert self.may_answer.wait(PATIENCE)
        if self.is_away:
            raise ODBUnavailable(msg='away')


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


def locks_of(leases: FakeLeases, owner: str = 'worker1') -> Locks:
    return Locks(leases, owner)  # type: ignore[arg-type]  # it has what is used


@pytest.fixture
def locks(leases: FakeLeases) -> Locks:
    return locks_of(leases)


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Nothing waits for ever."""
    with gevent.Timeout(2 * PATIENCE):
        yield


def until(check: Callable[[], Any]) -> None:
    while not check():
        gevent.sleep(0.001)


def take(locks: Locks, name: str = 'a', **options: Any) -> Lock:
    with locks.lock(name, **options) as held:
        return held


# Holding


def test_a_lock_is_held_during_the_block_and_has_its_name_and_epoch(leases: FakeLeases, locks: Locks) -> None:
    with locks.lock('a') as held:
        assert (held.name, held.epoch) == ('a', 1)
        assert leases.is_held('a')
    assert not leases.is_held('a')
    assert take(locks).epoch == 2


def test_each_holder_has_an_owner_of_its_own(leases: FakeLeases, locks: Locks) -> None:
    take(locks)
    take(locks)
    take(locks_of(leases, 'worker2'))
    assert leases.asked == ['worker1:1', 'worker1:2', 'worker2:1']


def test_locks_of_different_names_do_not_hinder_each_other(leases: FakeLeases, locks: Locks) -> None:
    with locks.lock('a'), locks.lock('b', block=0):
        assert leases.is_held('a')
        assert leases.is_held('b')


def test_an_error_in_the_block_lets_go_and_comes_through(leases: FakeLeases, locks: Locks) -> None:
    with pytest.raises(ZeroDivisionError), locks.lock('a'):
        raise ZeroDivisionError
    assert not leases.is_held('a')


def test_nothing_is_kept_of_locks_that_nobody_holds_or_waits_for(leases: FakeLeases, locks: Locks) -> None:
    with locks.lock('a'), pytest.raises(LockTimeout):
        take(locks, block=0)
    assert locks._lines == {}


@pytest.mark.parametrize('name', ['', 'a' * 201, 'a\nb', 'a\0', '\udcff', 5, b'a'])
def test_a_name_that_a_database_cannot_hold_is_refused(locks: Locks, name: Any) -> None:
    with pytest.raises(ValueError, match='The name of a lock'):
        take(locks, name)


@pytest.mark.parametrize('options', [{'ttl': ttl} for ttl in (0, -1, float('nan'), float('inf'), '20', None)])
def test_a_time_to_live_that_is_none_is_refused(locks: Locks, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='Lock `a`: ttl is in seconds'):
        take(locks, **options)


@pytest.mark.parametrize('block', [-1, float('nan'), float('inf'), '10', None])
def test_a_time_to_wait_that_is_none_is_refused(locks: Locks, block: Any) -> None:
    with pytest.raises(ValueError, match='Lock `a`: block is in seconds'):
        take(locks, block=block)


# Waiting


@pytest.mark.parametrize(
    ('block', 'text'),
    [
        (0, 'Lock `a` is not free'),
        (False, 'Lock `a` is not free'),
        (0.02, 'Lock `a` was not free within 0.02 s'),
    ],
)
@pytest.mark.parametrize('is_same_process', [True, False])
def test_a_lock_that_is_not_free_in_time_is_an_error_that_names_it(
    leases: FakeLeases, block: float, text: str, is_same_process: bool
) -> None:
    holder = locks_of(leases)
    other = holder if is_same_process else locks_of(leases, 'worker2')
    with holder.lock('a'), pytest.raises(LockTimeout) as info:
        take(other, block=block)
    assert str(info.value) == text
    assert (info.value.name, info.value.seconds) == ('a', block)
    assert isinstance(info.value, ZatoException)
    assert (info.value.retryable, info.value.status) == (True, 503)


def test_those_that_wait_in_one_process_get_it_in_their_order_and_the_database_is_not_asked_in_vain(
    leases: FakeLeases, locks: Locks
) -> None:
    order = list[int]()

    def wait(number: int) -> None:
        with locks.lock('a', block=PATIENCE):
            order.append(number)
            gevent.sleep(0)

    with locks.lock('a'):
        waiting = [gevent.spawn(wait, number) for number in range(5)]
        until(lambda: len(locks._lines['a'].waiting) == 5)
        assert order == []
    gevent.joinall(waiting, raise_error=True)
    assert order == [0, 1, 2, 3, 4]
    assert len(leases.asked) == 6
    assert locks._lines == {}


def test_who_comes_later_does_not_overtake_those_that_wait(leases: FakeLeases, locks: Locks) -> None:
    order = list[str]()

    def wait(name: str) -> None:
        with locks.lock('a', block=PATIENCE):
            order.append(name)

    with locks.lock('a'):
        first = gevent.spawn(wait, 'first')
        until(lambda: len(locks._lines['a'].waiting) == 1)
    wait('later')
    first.get()
    assert order == ['first', 'later']


def test_only_the_first_of_those_that_wait_asks_the_database(leases: FakeLeases, locks: Locks) -> None:
    take(locks_of(leases, 'other'))
    leases.held['lock:a'].is_held = True
    waiting = [gevent.spawn(take, locks, block=PATIENCE) for _ in range(5)]
    until(lambda: len(leases.asked) >= 6)
    assert len(locks._lines['a'].waiting) == 5
    leases.asked.clear()
    leases.end('a')
    gevent.joinall(waiting, raise_error=True)
    assert len(leases.asked) < 5 + 5, 'each asks about once when it is its turn'


def test_pauses_between_questions_grow_and_differ(leases: FakeLeases, locks: Locks, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges = list[tuple[float, float]]()

    def uniform(low: float, high: float) -> float:
        ranges.append((low, high))
        return 0.0001

    monkeypatch.setattr(module.random, 'uniform', uniform)
    take(locks_of(leases, 'other'))
    leases.held['lock:a'].is_held = True
    waiting = gevent.spawn(take, locks, block=PATIENCE)
    until(lambda: len(ranges) >= 8)
    leases.end('a')
    waiting.get()
    assert ranges[0] == (0.01, 0.02)
    assert ranges[7] == (0.125, 0.25)
    assert all(low <= after for (low, _), (after, _) in pairwise(ranges))


def test_one_whose_time_has_passed_does_not_keep_it_from_others_in_its_process(
    leases: FakeLeases, locks: Locks, caplog: pytest.LogCaptureFixture
) -> None:
    with locks.lock('a', ttl=0.01) as late:
        waiting = gevent.spawn(take, locks, block=PATIENCE)
        until(lambda: len(leases.asked) >= 3)
        leases.end('a')
        assert waiting.get().epoch == late.epoch + 1
    assert 'Lock `a`: its time had passed' in caplog.text


def test_the_end_of_one_whose_time_has_passed_takes_nothing_from_the_next_holder(
    leases: FakeLeases, locks: Locks, caplog: pytest.LogCaptureFixture
) -> None:
    late = locks.lock('a', ttl=0.01)
    late.__enter__()
    leases.end('a')
    with locks.lock('a', block=PATIENCE):
        late.__exit__(None, None, None)
        assert leases.is_held('a')
        asked = len(leases.asked)
        with pytest.raises(LockTimeout):
            take(locks, block=0)
        assert len(leases.asked) == asked, 'it is known here that it is held'
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.records[0].action == 'lock.expired'  # type: ignore[attr-defined]  # from `extra`


# The database is away


def test_without_the_database_nobody_holds_a_lock(leases: FakeLeases, locks: Locks) -> None:
    leases.is_away = True
    with pytest.raises(ODBUnavailable):
        take(locks)
    leases.is_away = False
    take(locks, block=0)


def test_a_lock_that_cannot_be_let_go_is_a_warning(
    leases: FakeLeases, locks: Locks, caplog: pytest.LogCaptureFixture
) -> None:
    with locks.lock('a'):
        leases.is_away = True
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert 'Lock `a` was not let go; it is free once its time has passed: away' in caplog.text
    assert locks._lines == {}


def test_a_lock_that_cannot_be_let_go_for_a_reason_of_our_own_is_a_warning_with_its_traceback(
    leases: FakeLeases, locks: Locks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def renew(lease: Lease, ttl: float) -> None:
        raise ZeroDivisionError('no')

    monkeypatch.setattr(leases, 'renew', renew)
    take(locks)
    [record] = caplog.records
    assert record.getMessage() == 'Lock `a` was not let go; it is free once its time has passed: no'
    assert record.exc_info is not None
    assert locks._lines == {}


# Killed


def test_who_is_killed_while_it_waits_is_left_out(leases: FakeLeases, locks: Locks) -> None:
    order = list[int]()

    def wait(number: int) -> None:
        with locks.lock('a', block=PATIENCE):
            order.append(number)

    with locks.lock('a'):
        waiting = [gevent.spawn(wait, number) for number in range(4)]
        until(lambda: len(locks._lines['a'].waiting) == 4)
        for number in (0, 2):
            waiting[number].kill()
    gevent.joinall(waiting)
    assert order == [1, 3]
    assert locks._lines == {}


def test_what_the_database_gives_to_one_that_was_killed_meanwhile_is_let_go(leases: FakeLeases, locks: Locks) -> None:
    leases.may_answer.clear()
    greenlet = gevent.spawn(take, locks)
    until(lambda: leases.asked)
    greenlet.kill()
    leases.may_answer.set()
    until(lambda: 'lock:a' in leases.held and not leases.is_held('a'))
    assert take(locks, block=0).epoch == 2


def test_one_that_is_killed_lets_go(leases: FakeLeases, locks: Locks) -> None:
    is_held = Event()

    def hold() -> None:
        with locks.lock('a'):
            is_held.set()
            Event().wait(PATIENCE)

    greenlet = gevent.spawn(hold)
    is_held.wait()
    greenlet.kill()
    assert not leases.is_held('a')
    take(locks, block=0)


@pytest.mark.parametrize('error', [gevent.Timeout(1), gevent.GreenletExit(), Interrupted()])
def test_what_is_interrupted_while_it_lets_go_has_let_go_all_the_same(
    leases: FakeLeases, locks: Locks, error: BaseException
) -> None:
    def hold() -> BaseException | None:
        try:
            with locks.lock('a'):
                leases.may_answer.clear()
        except BaseException as e:
            return e
        return None

    greenlet = gevent.spawn(hold)
    until(lambda: not leases.may_answer.is_set())
    greenlet.kill(error)  # type: ignore[arg-type]  # an instance will do
    assert greenlet.get() is error
    assert leases.is_held('a')
    leases.may_answer.set()
    until(lambda: not leases.is_held('a'))
    take(locks, block=0)
    assert locks._lines == {}


def test_who_gives_up_by_itself_lets_others_have_it(leases: FakeLeases, locks: Locks) -> None:
    with locks.lock('a'):
        limit = gevent.Timeout(0.01)
        with pytest.raises(gevent.Timeout) as info, limit:
            take(locks, block=PATIENCE)
        assert info.value is limit
    take(locks, block=0)
