"""What several greenlets wait for: nobody is forgotten, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import gevent
import pytest
from gevent.event import Event

from zato.server.config.cooperation import Bell, Places, TimeLimit

PATIENCE = 5.0


def wait_for_all(*greenlets: gevent.Greenlet[..., object]) -> None:
    done = gevent.joinall(greenlets, timeout=PATIENCE)
    assert len(done) == len(greenlets), 'somebody was forgotten'


def test_a_bell_wakes_all_that_wait_and_nobody_later() -> None:
    bell, woken = Bell(), []
    waiting = [gevent.spawn(lambda i=i: woken.append((i, bell.wait(PATIENCE)))) for i in range(3)]
    gevent.sleep(0)
    bell.ring()
    wait_for_all(*waiting)
    assert sorted(woken) == [(0, True), (1, True), (2, True)]
    assert bell.wait(0.001) is False


def killed(one: gevent.Greenlet[..., object]) -> None:
    one.kill(block=False)


def interrupted(one: gevent.Greenlet[..., object]) -> None:
    gevent.get_hub().loop.run_callback(one.throw, ValueError('x'))


@pytest.mark.parametrize('end', [killed, interrupted])
def test_who_is_ended_as_a_bell_rings_keeps_nobody_else_waiting(end: Callable[[gevent.Greenlet[..., object]], None]) -> None:
    for position in range(3):
        bell = Bell()
        waiting = [gevent.Greenlet(bell.wait) for _ in range(3)]
        for one in waiting:
            one.start()
        gevent.sleep(0)
        bell.ring()
        end(waiting[position])
        wait_for_all(*waiting)


def test_greenlets_that_look_again_and_again_all_hear_the_bell() -> None:
    """Those that share one of gevent's events do not: their times are over as it is set."""
    for round_ in range(50):
        bell, is_over = Bell(), Event()

        def look(bell: Bell = bell, is_over: Event = is_over) -> None:
            while not is_over.is_set():
                bell.wait(0.001)

        waiting = [gevent.spawn(look) for _ in range(3)]
        gevent.sleep(0.003 + round_ * 0.0001)
        is_over.set()
        bell.ring()
        wait_for_all(*waiting)


def test_as_many_have_a_place_as_there_are_and_the_others_get_one_in_line() -> None:
    places, order = Places(2), []

    def use(name: int) -> None:
        with places:
            order.append(name)
            gevent.sleep(0)

    wait_for_all(*[gevent.spawn(use, name) for name in range(6)])
    assert order == list(range(6))
    assert places.taken == 0


def test_there_may_be_no_place_in_time() -> None:
    places = Places(1)
    assert places.acquire() is True
    assert places.acquire(0.001) is False
    places.release()
    assert places.acquire(0.001) is True


def test_nobody_takes_the_place_that_is_given_to_who_waits() -> None:
    places = Places(1)
    places.acquire()
    first = gevent.spawn(places.acquire)
    gevent.sleep(0)
    places.release()
    assert places.acquire(0) is False
    wait_for_all(first)


@pytest.mark.parametrize('end', [killed, interrupted])
@pytest.mark.parametrize('position', range(3))
def test_who_is_ended_as_a_place_is_given_back_leaves_it_to_the_next(
    end: Callable[[gevent.Greenlet[..., object]], None], position: int
) -> None:
    places = Places(1)
    places.acquire()

    def use() -> None:
        with places:
            pass

    waiting = [gevent.spawn(use) for _ in range(3)]
    gevent.sleep(0)
    places.release()
    end(waiting[position])
    wait_for_all(*waiting)
    assert places.taken == 0


def test_what_takes_too_long_is_interrupted_each_time() -> None:
    limit = TimeLimit(0.01)
    errors = []
    for _ in range(3):
        with pytest.raises(gevent.Timeout, match=r'0\.01 seconds') as raised, limit:
            gevent.sleep(PATIENCE)
        assert raised.value is limit.error
        errors.append(limit.error)
    assert len(set(map(id, errors))) == 3
    limit.close()


def test_each_use_of_a_limit_has_all_of_its_time() -> None:
    limit = TimeLimit(0.5)
    for _ in range(4):
        with limit:
            gevent.sleep(0.15)
    assert limit.error is None
    limit.close()


def test_time_that_was_over_before_it_began_does_not_count() -> None:
    """The event loop's own idea of what time it is may be old."""
    limit = TimeLimit(0.5)
    end = monotonic() + 0.55
    while monotonic() < end:
        pass
    with limit:
        gevent.sleep(0.01)
    assert limit.error is None
    limit.close()
