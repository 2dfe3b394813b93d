"""Who gets a connection, and when: without connections, and without a network."""

from __future__ import annotations

from dataclasses import dataclass

import gevent
import pytest

from zato.server.config.cooperation import Interrupted
from zato.server.connection.rest import pool as module
from zato.server.connection.rest.origin import Origin
from zato.server.connection.rest.pool import Pool

HERE, THERE = Origin('http', 'here', 80, 'here'), Origin('http', 'there', 80, 'there')


@dataclass
class FakeConnection:
    origin: Origin = HERE
    is_usable: bool = True
    is_open: bool = True

    def close(self) -> None:
        self.is_open = False


def used(pool: Pool[FakeConnection], origin: Origin = HERE) -> FakeConnection:
    """One that is idle after a call."""
    assert pool.acquire(0)
    connection = pool.take(origin) or FakeConnection(origin)
    pool.put(connection)
    pool.release()
    return connection


def test_there_are_so_many_places_and_no_more() -> None:
    pool: Pool[FakeConnection] = Pool(2)
    assert [pool.acquire(0) for _ in range(3)] == [True, True, False]
    pool.release()
    assert [pool.acquire(0) for _ in range(2)] == [True, False]


def test_who_waits_first_is_served_first_even_by_one_who_comes_back_at_once() -> None:
    served: list[int] = []

    def use(number: int) -> None:
        for _ in range(3):
            assert pool.acquire(30)
            served.append(number)
            gevent.sleep(0)
            pool.release()

    pool: Pool[FakeConnection] = Pool(1)
    gevent.joinall([gevent.spawn(use, number) for number in range(3)], raise_error=True)
    assert served == [0, 1, 2] * 3


@pytest.mark.parametrize('is_given', [False, True])
def test_a_place_is_not_lost_with_who_was_interrupted_while_waiting_for_it(is_given: bool) -> None:
    pool: Pool[FakeConnection] = Pool(1)
    assert pool.acquire(0)
    waiting = gevent.spawn(pool.acquire, 30)
    gevent.sleep(0)
    waiting.kill(Interrupted, block=False)
    if is_given:
        pool.release()
    with pytest.raises(Interrupted):
        waiting.get()
    if not is_given:
        pool.release()
    assert [pool.acquire(0), pool.acquire(0)] == [True, False]


def test_the_place_of_who_has_given_up_goes_to_the_next() -> None:
    pool: Pool[FakeConnection] = Pool(1)
    assert pool.acquire(0)
    impatient, patient = gevent.spawn(pool.acquire, 0.001), gevent.spawn(pool.acquire, 30)
    assert not impatient.get()
    pool.release()
    assert patient.get()


def test_the_connection_that_was_used_last_is_used_next() -> None:
    pool: Pool[FakeConnection] = Pool(3)
    assert [pool.acquire(0), pool.acquire(0)] == [True, True]
    first, second = FakeConnection(), FakeConnection()
    for connection in (first, second):
        pool.put(connection)
        pool.release()
    assert pool.acquire(0)
    assert pool.take(HERE) is second


def test_connections_that_cannot_be_used_any_more_are_closed() -> None:
    pool: Pool[FakeConnection] = Pool(3)
    connection = used(pool)
    connection.is_usable = False
    assert used(pool) is not connection
    assert not connection.is_open


def test_connections_that_were_idle_for_long_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    pool: Pool[FakeConnection] = Pool(3)
    connection = used(pool)
    monkeypatch.setattr(module, 'LONGEST_IDLE', 0.0)
    assert used(pool) is not connection
    assert not connection.is_open


def test_an_idle_connection_makes_room_for_one_to_another_origin_only_if_it_has_to() -> None:
    pool: Pool[FakeConnection] = Pool(2)
    oldest, other = used(pool), used(pool, THERE)
    assert (oldest.is_open, other.is_open) == (True, True)
    third = used(pool, Origin('https', 'here', 443, 'here'))
    assert (oldest.is_open, other.is_open, third.is_open) == (False, True, True)


def test_nothing_is_idle_in_a_pool_that_is_closed() -> None:
    pool: Pool[FakeConnection] = Pool(2)
    idle = used(pool)
    assert pool.acquire(0)
    pool.close()
    pool.close()
    late = FakeConnection()
    pool.put(late)
    pool.release()
    assert (idle.is_open, late.is_open) == (False, False)
    assert not used(pool).is_open
