"""Homes of subscriptions: evenly spread, and moved only by whom it concerns."""

from __future__ import annotations

from collections import Counter

import pytest

from zato.server.pubsub.placement import Placement

SUBS = range(1, 1_001)
WORKERS = {f'worker{number}': f'server{number % 4}' for number in range(16)}


def homes(workers: dict[str, str]) -> dict[int, str]:
    placement = Placement(workers)
    return {sub_id: placement.home_of(sub_id) for sub_id in SUBS}


def test_homes_are_spread_evenly() -> None:
    counts = Counter(homes(WORKERS).values())
    assert len(counts) == 16
    assert min(counts.values()) > 62.5 / 2
    assert max(counts.values()) < 62.5 * 1.6


def test_the_order_of_workers_does_not_matter() -> None:
    assert homes(WORKERS) == homes(dict(reversed(WORKERS.items())))


@pytest.mark.parametrize('gone', ['worker0', 'worker7'])
def test_a_worker_that_goes_moves_only_what_it_had_and_to_all_others(gone: str) -> None:
    before = homes(WORKERS)
    after = homes({worker: server for worker, server in WORKERS.items() if worker != gone})
    moved = {sub_id for sub_id in SUBS if before[sub_id] != after[sub_id]}
    assert moved == {sub_id for sub_id, worker in before.items() if worker == gone}
    assert len({after[sub_id] for sub_id in moved}) > 8


def test_a_worker_that_comes_moves_only_what_it_gets() -> None:
    before, after = homes(WORKERS), homes({**WORKERS, 'new': 'server1'})
    assert {after[sub_id] for sub_id in SUBS if before[sub_id] != after[sub_id]} == {'new'}


def test_a_preferred_server_is_the_home_as_long_as_it_has_a_worker() -> None:
    on_two = {worker: server for worker, server in WORKERS.items() if server == 'server2'}
    assert {Placement(WORKERS).home_of(sub_id, 'server2') for sub_id in SUBS} == set(on_two)
    without = Placement({worker: server for worker, server in WORKERS.items() if worker not in on_two})
    assert len({without.home_of(sub_id, 'server2') for sub_id in SUBS}) == 12


def test_no_preference_is_not_one_for_a_server_without_a_name() -> None:
    placement = Placement({'a': '', 'b': 'server1'})
    assert {placement.home_of(sub_id) for sub_id in SUBS} == {'a', 'b'}


@pytest.mark.parametrize('server', ['', 'server2'])
def test_each_worker_has_its_place_in_the_order_and_those_of_a_preferred_server_come_first(server: str) -> None:
    placement = Placement(WORKERS)
    for sub_id in range(1, 20):
        order = sorted(WORKERS, key=lambda worker: placement.place_of(worker, sub_id, server))
        assert [placement.place_of(worker, sub_id, server) for worker in order] == list(range(16))
        assert order[0] == placement.home_of(sub_id, server)
        if server:
            assert {WORKERS[worker] for worker in order[:4]} == {server}


def test_without_workers_there_is_no_home() -> None:
    assert Placement({}).home_of(1) == ''
