"""Who delivers which subscription: the rules, with workers whose steps and time are the test's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from tests.support.assigned import Cluster
from tests.support.leases import MemoryLeases
from zato.common.odb.lease import Lease, LeaseState
from zato.server.pubsub.assign import TTL
from zato.server.pubsub.lease_names import lease_name, worker_lease_name
from zato.server.pubsub.placement import Placement

PATIENCE = 5.0
SUBS = range(1, 41)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Nothing waits for ever."""
    with gevent.Timeout(4 * PATIENCE):
        yield


def test_a_worker_alone_delivers_all_in_its_first_tick(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one = cluster.join('one')
    cluster.tick()
    assert one.delivers == dict.fromkeys(SUBS, 1)
    assert set(one.clean.values()) == {True}


def test_several_workers_share_them_out_by_their_homes(cluster: Cluster) -> None:
    cluster.want(SUBS)
    workers = [cluster.join(id) for id in ('one', 'two', 'three')]
    cluster.settle()
    placement = Placement({worker.id: '' for worker in workers})
    assert cluster.holders == {sub_id: [placement.home_of(sub_id)] for sub_id in SUBS}


def test_a_new_worker_gets_its_own_and_nothing_else_moves(cluster: Cluster) -> None:
    cluster.want(SUBS)
    cluster.join('one')
    cluster.join('two')
    cluster.settle()
    before = cluster.holders
    cluster.join('three')
    cluster.settle()
    after = cluster.holders
    assert cluster.is_complete
    assert {after[sub_id][0] for sub_id in SUBS if before[sub_id] != after[sub_id]} == {'three'}


def test_what_is_given_away_is_held_until_what_is_in_hand_is_done(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one = cluster.join('one')
    cluster.settle()
    one.slow = set(SUBS)
    two = cluster.join('two')
    cluster.later(2 * TTL)
    leaving = {sub_id for what, sub_id in one.said if what == 'release'}
    assert leaving
    assert two.delivers == {}
    assert one.assignment.holds(min(leaving)) == Lease(lease_name(min(leaving)), 'one', 1)
    one.done.set()
    gevent.sleep(0)
    cluster.settle()
    assert set(two.delivers) == leaving
    assert set(two.clean.values()) == {True}
    assert {two.delivers[sub_id] for sub_id in leaving} == {2}
    assert not [said for said in one.said if said[0] == 'lost']


def test_what_a_killed_worker_of_this_host_had_is_taken_over_at_the_next_tick(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two')
    cluster.settle()
    had = dict(two.delivers)
    two.die()
    cluster.tick()
    assert set(one.delivers) == set(SUBS)
    assert {sub_id for sub_id, is_clean in one.clean.items() if not is_clean} == set(had)
    assert {sub_id: one.delivers[sub_id] for sub_id in had} == {sub_id: epoch + 1 for sub_id, epoch in had.items()}


def test_a_worker_that_starts_after_all_of_this_host_were_killed_waits_for_no_lease(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one = cluster.join('one')
    cluster.settle()
    one.die()
    two = cluster.join('two')
    cluster.tick()
    assert two.delivers == dict.fromkeys(SUBS, 2)
    assert set(two.clean.values()) == {False}


def test_what_died_together_with_its_server_did_not_die_of_what_it_delivered(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one = cluster.join('one')
    cluster.settle()
    one.die()
    cluster.died_with_server = True
    two = cluster.join('two')
    cluster.tick()
    assert set(two.clean.values()) == {True}


def test_what_a_worker_of_another_host_had_is_taken_over_when_its_lease_has_expired(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two', is_here=False)
    cluster.settle()
    had = set(two.delivers)
    two.die()
    cluster.later(TTL - 1)
    assert set(one.delivers) == set(SUBS) - had
    cluster.later(1)
    assert set(one.delivers) == set(SUBS)
    assert {sub_id for sub_id, is_clean in one.clean.items() if not is_clean} == had


def test_what_a_hung_worker_had_is_taken_over_when_its_lease_has_expired(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two')
    cluster.settle()
    had = set(two.delivers)
    cluster.later(TTL - 1, one)
    assert set(one.delivers) == set(SUBS) - had
    cluster.later(1, one)
    assert set(one.delivers) == set(SUBS)
    assert not any(one.clean[sub_id] for sub_id in had), 'what it delivered may be what made it hang'


def test_a_hung_worker_that_goes_on_drops_what_it_had_and_gets_it_back_from_who_took_it(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two')
    cluster.settle()
    had = dict(two.delivers)
    cluster.later(TTL + 1, one)
    assert two.assignment.holds(min(had)) is None
    two.assignment.check()
    assert {sub_id for what, sub_id in two.said if what == 'lost'} == set(had)
    assert two.delivers == {}
    cluster.settle()
    assert cluster.is_complete
    assert two.delivers == {sub_id: epoch + 2 for sub_id, epoch in had.items()}, 'taken by the other one in between'
    assert all(two.clean[sub_id] for sub_id in had)


def test_a_lease_that_somebody_else_took_is_lost_at_the_next_renewal(cluster: Cluster) -> None:
    cluster.want([1])
    one = cluster.join('one')
    cluster.settle()
    cluster.leases.acquire_all([lease_name(1)], 'somebody', TTL, dead={'one'})
    cluster.later(TTL / 4)
    assert one.said == [('claimed', 1), ('lost', 1)]
    assert one.assignment.owner_of(1) == ('somebody', 2)


def test_all_is_kept_while_the_store_is_away_until_the_leases_may_end_by_the_own_clock(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.want(SUBS)
    one = cluster.join('one')
    cluster.settle()
    cluster.leases.is_away = True
    cluster.later(TTL - 2.5)
    assert set(one.delivers) == set(SUBS)
    cluster.later(0.5)
    assert one.delivers == {}
    assert len([said for said in one.said if said[0] == 'lost']) == len(SUBS)
    cluster.later(TTL)
    assert len([record for record in caplog.records if 'it is not known who delivers them' in record.message]) == 1


def test_when_the_store_is_back_each_worker_takes_its_own_again_and_no_crash_is_seen_in_that(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two')
    cluster.settle()
    before = cluster.holders
    one.said.clear()
    two.said.clear()
    cluster.leases.is_away = True
    cluster.later(2 * TTL)
    cluster.leases.is_away = False
    cluster.tick(one)
    cluster.clock.now += 0.5
    cluster.tick(two)
    assert cluster.holders == before
    assert set(one.clean.values()) == set(two.clean.values()) == {True}
    assert {what for what, _ in one.said + two.said} == {'claimed', 'lost'}, 'nothing is given away'


def test_a_worker_that_died_while_the_store_was_away_is_missed_soon(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two, far = cluster.join('one'), cluster.join('two'), cluster.join('far', is_here=False)
    cluster.settle()
    had_two, had_far = set(two.delivers), set(far.delivers)
    cluster.leases.is_away = True
    cluster.later(2 * TTL)
    two.die()
    far.die()
    cluster.leases.is_away = False
    cluster.later(TTL / 2)
    assert set(one.delivers) == set(SUBS)
    assert not any(one.clean[sub_id] for sub_id in had_two)
    assert all(one.clean[sub_id] for sub_id in had_far), 'all leases expired, which says nothing of a worker out of sight'


def test_the_odb_away_alone_changes_nothing(cluster: Cluster) -> None:
    cluster.want(SUBS)
    cluster.join('one')
    two = cluster.join('two')
    cluster.settle()
    before = cluster.holders
    cluster.odb_is_away = True
    cluster.later(3 * TTL)
    assert cluster.holders == before
    cluster.odb_is_away = False
    two.die()
    cluster.later(1)
    assert cluster.is_complete


def test_a_preferred_server_has_them_while_it_has_a_worker(cluster: Cluster) -> None:
    cluster.want(SUBS, 'server2')
    one = cluster.join('one')
    cluster.settle()
    assert set(one.delivers) == set(SUBS)
    two = cluster.join('two', server='server2')
    cluster.settle()
    assert set(two.delivers) == set(SUBS)
    two.die()
    cluster.settle()
    assert set(one.delivers) == set(SUBS)


def test_what_its_home_does_not_want_the_next_one_takes_in_time_and_keeps(cluster: Cluster) -> None:
    workers = {worker.id: worker for worker in (cluster.join('one'), cluster.join('two'))}
    home = workers.pop(Placement({'one': '', 'two': ''}).home_of(7))
    (other,) = workers.values()
    home.unwanted = {7}
    cluster.settle()
    cluster.want([7])
    cluster.later(TTL / 4 + TTL * 5 / 12 - 0.5)
    assert cluster.holders == {7: []}
    cluster.later(0.5)
    assert cluster.holders == {7: [other.id]}
    cluster.later(3 * TTL)
    home.unwanted = set()
    cluster.later(3 * TTL)
    assert cluster.holders == {7: [other.id]}
    assert ('release', 7) not in other.said
    cluster.join('three').unwanted = {7}
    cluster.later(2 * TTL)
    assert cluster.holders == {7: [home.id]}, 'others take part now'


def test_a_new_home_has_the_same_time_to_take_it_however_long_it_was_free_before(cluster: Cluster) -> None:
    former, later = Placement({'one': '', 'two': ''}), Placement({'one': '', 'three': ''})
    sub_id = next(id for id in SUBS if former.home_of(id) == 'two' and later.home_of(id) == 'three')
    cluster.join('one')
    two = cluster.join('two')
    two.unwanted = {sub_id}
    cluster.settle()
    cluster.want([sub_id])
    cluster.later(TTL / 4 + 4)
    two.die()
    three = cluster.join('three')
    three.unwanted = {sub_id}
    cluster.settle(three)
    cluster.later(4)
    assert cluster.holders == {sub_id: []}
    three.unwanted = set()
    three.assignment.wake()
    cluster.settle()
    assert cluster.holders == {sub_id: ['three']}


def test_what_is_no_longer_wanted_is_let_go(cluster: Cluster) -> None:
    cluster.want([1, 2])
    one = cluster.join('one')
    cluster.settle()
    del cluster.wanted[1]
    one.assignment.wake()
    cluster.settle()
    assert one.said[2:] == [('release', 1), ('released', 1)]
    assert set(one.delivers) == {2}
    assert not cluster.leases.find([lease_name(1)])[lease_name(1)].is_held
    cluster.want([1])
    one.assignment.wake()
    cluster.settle()
    assert one.delivers == {1: 2, 2: 1}


def test_what_is_wanted_again_while_it_ends_is_taken_anew_once_it_has(cluster: Cluster) -> None:
    cluster.want([1])
    one = cluster.join('one')
    cluster.settle()
    one.slow = {1}
    del cluster.wanted[1]
    one.assignment.wake()
    cluster.settle()
    cluster.want([1])
    one.assignment.wake()
    cluster.settle()
    assert one.said[-1] == ('release', 1)
    one.done.set()
    cluster.settle()
    assert one.said[-2:] == [('released', 1), ('claimed', 1)]
    assert one.delivers == {1: 2}


def test_when_nothing_changes_there_is_one_renewal_and_one_look_in_three_seconds(cluster: Cluster) -> None:
    cluster.want(SUBS)
    cluster.join('one')
    cluster.join('two')
    cluster.settle()
    cluster.later(3)
    cluster.leases.calls.clear()
    cluster.later(27)
    assert Counter(cluster.leases.calls) == {'renew_all': 2 * 9, 'find': 2 * 9}


def test_a_stop_lets_go_of_all_and_others_have_it_without_time_passing(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two')
    cluster.settle()
    had = set(two.delivers)
    two.assignment.start()
    two.assignment.stop(PATIENCE)
    two.assignment.stop(PATIENCE)
    cluster.workers.remove(two)
    assert {sub_id for what, sub_id in two.said if what == 'released'} == had
    assert ('lost', min(had)) not in two.said
    cluster.tick(one)
    assert set(one.delivers) == set(SUBS), 'although the other one still has its row'
    assert set(one.clean.values()) == {True}
    cluster.later(TTL)
    assert set(one.delivers) == set(SUBS)


def test_what_is_not_done_in_the_time_to_stop_is_dropped_and_let_go_all_the_same(cluster: Cluster) -> None:
    cluster.want([1, 2])
    one = cluster.join('one')
    cluster.settle()
    one.slow = {1}
    one.assignment.start()
    one.assignment.stop(0.05)
    assert one.said[2:] == [('release', 1), ('release', 2), ('released', 2), ('lost', 1)]
    assert not any(state.is_held for state in cluster.leases.find([lease_name(1), lease_name(2)]).values())


def test_a_stop_while_the_store_is_away_waits_for_what_is_in_hand_and_no_longer(cluster: Cluster) -> None:
    cluster.want([1, 2])
    one = cluster.join('one')
    cluster.settle()
    one.slow = {1}
    cluster.leases.is_away = True
    one.assignment.start()
    stop = gevent.spawn(one.assignment.stop, 20 * PATIENCE)
    for _ in range(3):
        gevent.sleep(0)
    assert one.said[2:] == [('release', 1), ('release', 2), ('released', 2)]
    assert not stop.ready()
    one.done.set()
    stop.get(timeout=PATIENCE)
    assert one.said[5:] == [('released', 1)]


def test_a_stop_in_the_middle_of_a_look_lets_go_of_what_that_takes(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.want(SUBS)
    one = cluster.join('one')
    looks, goes_on = Event(), Event()

    def find(names: Collection[str]) -> dict[str, LeaseState]:
        looks.set()
        goes_on.wait()
        return MemoryLeases.find(cluster.leases, names)

    monkeypatch.setattr(cluster.leases, 'find', find)
    one.assignment.start()
    assert looks.wait(PATIENCE)
    stop = gevent.spawn(one.assignment.stop, PATIENCE)
    gevent.sleep(0)
    goes_on.set()
    stop.get(timeout=PATIENCE)
    monkeypatch.undo()
    assert caplog.records == []
    assert one.delivers == {}
    states = cluster.leases.find([*map(lease_name, SUBS), worker_lease_name('one')])
    assert not any(state.is_held for state in states.values())


def test_who_has_what_a_stopping_worker_had_is_not_known_to_it(cluster: Cluster) -> None:
    """Whoever wakes the one that delivers wakes all workers then, instead of a wrong one."""
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two')
    cluster.settle()
    one.assignment.start()
    one.assignment.stop(PATIENCE)
    cluster.tick(two)
    assert {one.assignment.owner_of(sub_id) for sub_id in SUBS} == {None}


def test_one_that_was_never_started_stops_too(cluster: Cluster) -> None:
    cluster.join('one').assignment.stop(PATIENCE)


def test_a_delivery_that_does_not_begin_is_let_go_and_tried_again_later(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.want([1])
    one = cluster.join('one')
    one.fails_to = {'claimed'}
    cluster.later(4)
    assert one.said == [('claimed', 1)]
    assert 'Subscription 1: its delivery did not begin' in caplog.text
    assert one.assignment.holds(1) is None
    one.fails_to = set()
    cluster.later(2)
    assert one.delivers == {1: 2}


def test_a_delivery_that_does_not_end_well_is_let_go(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    cluster.want([1])
    one = cluster.join('one')
    cluster.settle()
    one.fails_to = {'release'}
    cluster.wanted.clear()
    one.assignment.wake()
    cluster.settle()
    assert 'Subscription 1: its delivery did not end well' in caplog.text
    assert not cluster.leases.find([lease_name(1)])[lease_name(1)].is_held


def test_what_is_lost_while_it_ends_stops_at_once(cluster: Cluster) -> None:
    cluster.want([1])
    one = cluster.join('one')
    cluster.settle()
    one.slow = {1}
    cluster.wanted.clear()
    one.assignment.wake()
    cluster.settle()
    cluster.leases.is_away = True
    cluster.later(TTL)
    one.done.set()
    gevent.sleep(0)
    assert one.said == [('claimed', 1), ('release', 1), ('lost', 1)]


def test_what_the_store_says_is_lost_is_dropped_and_taken_again_if_it_was_not(cluster: Cluster) -> None:
    cluster.want([1, 2])
    one = cluster.join('one')
    cluster.settle()
    cluster.leases.acquire_all([lease_name(1)], 'somebody', TTL, dead={'one'})
    one.assignment.doubt(1)
    one.assignment.doubt(2)
    one.assignment.doubt(999)
    assert one.delivers == {}
    cluster.tick()
    assert one.delivers == {2: 1}
    assert one.assignment.owner_of(1) == ('somebody', 2)


def test_who_delivers_is_known_to_all(cluster: Cluster) -> None:
    cluster.want(SUBS)
    one, two = cluster.join('one'), cluster.join('two')
    cluster.settle()
    cluster.settle()
    for sub_id, (owner,) in cluster.holders.items():
        epoch = {**one.delivers, **two.delivers}[sub_id]
        assert one.assignment.owner_of(sub_id) == two.assignment.owner_of(sub_id) == (owner, epoch)
        assert [worker.id for worker in (one, two) if worker.assignment.holds(sub_id)] == [owner]
    assert one.assignment.owner_of(999) is None
    assert {peer.id for peer in one.assignment.peers} == {'one', 'two'}
    two.die()
    cluster.tick()
    assert {peer.id for peer in one.assignment.peers} == {'one'}


def test_leases_of_workers_that_are_long_gone_are_removed(cluster: Cluster) -> None:
    cluster.leases.acquire('pubsub:worker:gone', 'gone', TTL)
    cluster.join('one')
    cluster.clock.now += 3_700
    cluster.tick()
    assert set(cluster.leases.find(['pubsub:worker:gone', 'pubsub:worker:one'])) == {'pubsub:worker:one'}


def test_a_wake_up_is_looked_at_at_once(cluster: Cluster) -> None:
    one = cluster.join('one')
    one.assignment.start()
    gevent.sleep(0)
    cluster.want([1])
    with gevent.Timeout(0.25):  # no tick is due by then
        one.assignment.wake()
        one.claimed.wait()
    one.assignment.stop(PATIENCE)


def test_a_store_that_hangs_does_not_keep_what_is_lost_from_being_dropped(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.want([1])
    one = cluster.join('one')
    cluster.settle()
    hangs, answer = Event(), Event()

    def renew_all(*arguments: object) -> list[Lease]:
        hangs.set()
        answer.wait()
        return [Lease(lease_name(1), 'one', 1)]

    monkeypatch.setattr(cluster.leases, 'renew_all', renew_all)
    one.assignment.start()
    cluster.clock.now += 3
    assert hangs.wait(PATIENCE)
    cluster.clock.now += TTL
    deadline = gevent.Timeout(PATIENCE)
    with deadline:
        while one.delivers:
            gevent.sleep(0.01)
    answer.set()
    one.assignment.stop(PATIENCE)
    assert one.said[:2] == [('claimed', 1), ('lost', 1)]


def test_an_error_in_a_tick_does_not_end_them(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = cluster.join('one')
    cluster.want([1])
    monkeypatch.setattr(one, 'peers', lambda: [None])
    one.assignment.start()
    gevent.sleep(0)
    monkeypatch.undo()
    one.assignment.wake()
    assert one.claimed.wait(PATIENCE)
    one.assignment.stop(PATIENCE)
    assert 'It was not looked who delivers which subscription' in caplog.text
