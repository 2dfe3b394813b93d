"""Who waits before accepting, when several workers accept from one socket."""

from __future__ import annotations

from zato.server.http.balance import ConnectionCounts


def test_a_worker_two_connections_ahead_of_the_least_busy_one_waits() -> None:
    counts = ConnectionCounts(4)
    first, second = counts.share(0), counts.share(1)
    first.update(2)
    second.update(0)
    assert first.is_ahead()
    assert not second.is_ahead()
    second.update(1)
    assert not first.is_ahead()


def test_nobody_waits_for_a_worker_that_does_not_accept_yet_or_any_more() -> None:
    counts = ConnectionCounts(4)
    first, second = counts.share(0), counts.share(1)
    first.update(100)
    assert not first.is_ahead()
    second.update(0)
    assert first.is_ahead()
    second.leave()
    assert not first.is_ahead()


def test_the_slot_of_a_worker_that_died_is_cleared_and_given_to_another() -> None:
    counts = ConnectionCounts(3)
    first = counts.share(counts.free(set()))
    assert counts.free({0}) == 1
    counts.share(1).update(0)
    first.update(5)
    assert first.is_ahead()
    assert counts.free({0}) == 1
    assert not first.is_ahead()


def test_nobody_waits_twice_for_a_worker_that_does_not_accept() -> None:
    counts = ConnectionCounts(4)
    first, frozen = counts.share(0), counts.share(1)
    first.update(5)
    frozen.update(1)
    assert first.is_ahead()
    first.stop_waiting()
    assert not first.is_ahead()
    frozen.update(2)
    assert first.is_ahead(), 'it accepts again'
