"""Turns for others in long loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gevent
import pytest

from zato.server.config import cooperation
from zato.server.http.turns import MANY, Turns, in_turns


@pytest.fixture(autouse=True)
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at it takes a second."""
    now = iter(range(10**9))
    monkeypatch.setattr(cooperation, 'monotonic', lambda: next(now))


def others_ran(work: Callable[[], object]) -> bool:
    ran: list[bool] = []
    job = gevent.spawn(ran.append, True)
    work()
    found = bool(ran)
    job.join()
    return found


def steps(turns: Turns, count: int) -> None:
    for _ in range(count):
        turns.took(1)


@pytest.mark.parametrize('items', [[], [1], range(1000), iter('abc'), {'a': 1}.items()])
def test_items_are_all_there_and_in_order(items: Iterable[object]) -> None:
    expected = list(items)
    assert list(in_turns(expected)) == list(Turns().over(expected)) == expected


def test_others_run_in_a_long_loop() -> None:
    assert others_ran(lambda: list(in_turns(range(100))))
    assert others_ran(lambda: list(Turns().over(range(MANY + 1))))


def test_others_run_in_short_loops_that_are_many() -> None:
    turns = Turns()
    assert others_ran(lambda: [list(turns.over(range(10))) for _ in range(MANY)])
    assert others_ran(lambda: steps(Turns(), MANY))


def test_short_work_is_not_interrupted() -> None:
    assert not others_ran(lambda: list(Turns().over(range(MANY - 1))))
    assert not others_ran(lambda: steps(Turns(), MANY - 1))


def test_what_the_items_raise_ends_the_loop() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_turns(1 // number for number in (1, 0)))
