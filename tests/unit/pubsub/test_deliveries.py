"""The delivery tasks of a worker: which there are, what they are told of, and how they begin anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, cast

import gevent
import pytest

from tests.unit.pubsub.registered import Registered, endpoint, subscription, topic
from tests.unit.pubsub.rows import stored
from zato.common.odb.lease import Lease
from zato.server.pubsub import deliveries as module
from zato.server.pubsub.deliveries import Deliveries
from zato.server.pubsub.pokes import Pokes
from zato.server.pubsub.store.interface import Fence, Publish
from zato.server.pubsub.surroundings import Surroundings

LEASE = Lease('pubsub:3', 'me', 5)


class FakeTask:
    """made: all of them. stop waits for `may_stop`."""

    made: ClassVar[list[FakeTask]] = []

    def __init__(self, item: Any, fence: Fence, surroundings: Surroundings, *, is_clean: bool) -> None:
        self.item, self.fence, self.is_clean = item, fence, is_clean
        self.told: list[Any] = []
        self.may_stop = gevent.event.Event()
        self.may_stop.set()
        self.made.append(self)

    def start(self) -> None:
        self.told.append('start')

    def stop(self, grace: float) -> None:
        self.may_stop.wait(10)
        self.told.append(('stop', grace))

    def kill(self) -> None:
        self.told.append('kill')

    def offer(self, row: Any, turn: int) -> None:
        self.told.append(('offer', row.seq, row.rank, turn))

    def look(self, rank: int | None) -> None:
        self.told.append(('look', rank))

    def expect(self, due: int) -> None:
        self.told.append(('expect', due))

    def as_dict(self) -> dict[str, Any]:
        return {'state': 'idle'}


class FakePokes:
    def __init__(self) -> None:
        self.others: list[Any] = []

    def tell_others(self, news: Any) -> None:
        self.others.append(dict(news))


class Bench:
    def __init__(self) -> None:
        self.registered = Registered(topic(), endpoint(), notified())
        self.deliveries = Deliveries(self.registered.registry, lambda own: cast(Surroundings, None), grace=7)
        self.pokes = FakePokes()
        self.deliveries.pokes = cast(Pokes, self.pokes)

    def claim(self, *, is_clean: bool = True) -> FakeTask:
        self.deliveries.on_claimed(3, LEASE, is_clean=is_clean)
        return FakeTask.made[-1]

    def item(self) -> Any:
        return self.registered.registry.subscription(3)


def notified(id: int = 3, **settings: Any) -> Any:
    return subscription(id=id, **{'delivery_method': 'notify', 'rest_connection': 99, **settings})


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(module, 'Task', FakeTask)
    monkeypatch.setattr(module, '_FAILED_PAUSE', 0.001)
    yield Bench()
    FakeTask.made.clear()


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.001)


def published(*seqs: int, subs: tuple[int, ...] = (3,), **values: Any) -> Publish:
    made = Publish([stored(seq, **values) for seq in seqs])
    made.seqs, made.subs = list(seqs), [subs for _ in seqs]
    return made


def test_a_task_begins_with_its_lease_and_ends_with_it(bench: Bench) -> None:
    task = bench.claim(is_clean=False)
    assert (task.item, task.fence, task.is_clean, task.told) == (bench.item(), Fence(3, 'me', 5), False, ['start'])
    assert bench.deliveries.states() == {'3': {'state': 'idle'}}
    bench.deliveries.on_release(3)
    assert task.told == ['start', ('stop', 7)]
    other = bench.claim()
    bench.deliveries.on_lost(3)
    bench.deliveries.on_lost(3)
    bench.deliveries.on_release(3)
    assert other.told == ['start', 'kill']
    assert bench.deliveries.states() == {}


def test_a_subscription_that_was_deleted_meanwhile_gets_no_task(bench: Bench) -> None:
    bench.registered.put(gone=[3])
    bench.deliveries.on_claimed(3, LEASE, is_clean=True)
    assert FakeTask.made == []


@pytest.mark.parametrize(
    'changed',
    [
        notified(version=2, is_active=False),
        notified(version=2, is_paused=True),
        subscription(version=2),
        endpoint(version=2, is_active=False),
    ],
    ids=['inactive', 'paused', 'pulls', 'endpoint inactive'],
)
def test_what_needs_no_task_is_not_wanted(bench: Bench, changed: Any) -> None:
    assert bench.deliveries.wanted() == {3: ''}
    bench.registered.put(changed)
    assert bench.deliveries.wanted() == {}


def test_a_subscription_says_which_server_is_best(bench: Bench) -> None:
    bench.registered.put(notified(version=2, delivery_server='server2'))
    assert bench.deliveries.wanted() == {3: 'server2'}


def test_its_task_is_offered_what_is_published(bench: Bench) -> None:
    task = bench.claim()
    bench.deliveries.published(published(1, 2))
    bench.deliveries.published(published(3, priority=9))
    assert task.told[1:] == [('offer', 1, 4, 0), ('offer', 2, 4, 0), ('offer', 3, 0, 0)]
    assert bench.pokes.others == []


def test_a_message_for_later_is_expected(bench: Bench) -> None:
    task = bench.claim()
    publish = published(1)
    publish.due = {0: 99}
    bench.deliveries.published(publish)
    assert task.told[1:] == [('expect', 99)]


def test_once_others_have_published_it_is_not_known_what_lies_between(bench: Bench) -> None:
    task = bench.claim()
    bench.deliveries.published(published(1))
    bench.deliveries.published(published(3))
    bench.deliveries.published(published(4))
    turns = [told[3] for told in task.told[1:]]
    assert turns[0] == 0
    assert 0 < turns[1] < turns[2]


def test_what_other_workers_deliver_they_are_told_of_by_the_most_urgent(bench: Bench) -> None:
    bench.deliveries.published(published(1, subs=(4, 5)))
    publish = Publish([stored(1, priority=2), stored(2, priority=8), stored(3)])
    publish.seqs, publish.subs = [1, 2, 3], [(4,), (4,), (-1,)]
    bench.deliveries.published(publish)
    assert bench.pokes.others == [{4: 4, 5: 4}, {4: 1}]


def test_what_nobody_gets_is_told_to_nobody(bench: Bench) -> None:
    bench.deliveries.published(published(1, subs=()))
    bench.deliveries.published(published(2, subs=(-1,)))
    assert bench.pokes.others == []


def test_whoever_says_that_there_is_something_new_is_heard_if_the_task_is_here(bench: Bench) -> None:
    task = bench.claim()
    assert bench.deliveries.look(3, 4)
    assert bench.deliveries.look(3, None)
    assert not bench.deliveries.look(4, 4)
    assert task.told[1:] == [('look', 4), ('look', None)]


def test_after_a_change_another_task_goes_on_under_the_same_lease(bench: Bench) -> None:
    old = bench.claim()
    bench.registered.put(notified(version=2, delivery_timeout=5))
    bench.deliveries.restart(bench.item())
    until(lambda: len(FakeTask.made) == 2)
    new = FakeTask.made[1]
    assert old.told == ['start', ('stop', 7)]
    assert (new.fence, new.is_clean, new.item.settings.delivery_timeout, new.told) == (old.fence, True, 5, ['start'])
    bench.deliveries.restart(cast(Any, notified(id=9)))
    gevent.sleep(0)
    assert len(FakeTask.made) == 2


@pytest.mark.parametrize('end', ['changed', 'failed'])
@pytest.mark.parametrize('is_noted', [True, False])
def test_what_may_have_ended_the_last_holder_is_noted_by_another_task_unless_it_was(
    bench: Bench, end: str, is_noted: bool
) -> None:
    old = bench.claim(is_clean=False)
    old.is_clean = is_noted
    if end == 'changed':
        bench.deliveries.restart(bench.item())
    else:
        bench.deliveries.failed(3)
    until(lambda: len(FakeTask.made) == 2)
    assert FakeTask.made[1].is_clean == is_noted


@pytest.mark.parametrize('end', ['lost', 'deleted'])
def test_a_task_whose_lease_is_lost_as_it_is_replaced_stays_away(bench: Bench, end: str) -> None:
    old = bench.claim()
    old.may_stop.clear()
    bench.deliveries.restart(bench.item())
    gevent.sleep(0)
    if end == 'lost':
        bench.deliveries.on_lost(3)
    else:
        bench.registered.put(gone=[3])
    old.may_stop.set()
    until(lambda: ('stop', 7) in old.told)
    gevent.sleep(0.002)
    assert FakeTask.made == [old]


def test_a_task_that_cannot_go_on_begins_again(bench: Bench) -> None:
    old = bench.claim()
    bench.deliveries.failed(3)
    bench.deliveries.failed(9)
    assert old.told == ['start', 'kill']
    until(lambda: len(FakeTask.made) == 2)
    assert FakeTask.made[1].told == ['start']


def test_a_task_that_failed_and_lost_its_lease_does_not_begin_again(bench: Bench) -> None:
    old = bench.claim()
    bench.deliveries.failed(3)
    bench.deliveries.on_lost(3)
    gevent.sleep(0.005)
    assert FakeTask.made == [old]


def test_a_task_that_is_let_go_of_while_it_is_replaced_stays_away(bench: Bench) -> None:
    old = bench.claim()
    old.may_stop.clear()
    bench.deliveries.restart(bench.item())
    gevent.sleep(0)
    releasing = gevent.spawn(bench.deliveries.on_release, 3)
    gevent.sleep(0)
    old.may_stop.set()
    releasing.get(timeout=10)
    gevent.sleep(0.002)
    assert FakeTask.made == [old]
    assert bench.deliveries.states() == {}


def test_what_is_paused_is_not_begun_anew_until_it_is_resumed(bench: Bench) -> None:
    old = bench.claim()
    bench.registered.put(notified(version=2, is_paused=True))
    bench.deliveries.restart(bench.item())
    until(lambda: ('stop', 7) in old.told)
    gevent.sleep(0.002)
    assert FakeTask.made == [old]
    bench.registered.put(notified(version=3))
    bench.deliveries.restart(bench.item())
    until(lambda: len(FakeTask.made) == 2)
    assert FakeTask.made[1].fence == old.fence


def test_what_was_not_there_when_it_was_claimed_is_delivered_once_it_is(bench: Bench) -> None:
    bench.registered.put(gone=[3])
    bench.deliveries.on_claimed(3, LEASE, is_clean=False)
    bench.registered.put(notified(version=2))
    bench.deliveries.restart(bench.item())
    assert [(task.fence, task.is_clean, task.told) for task in FakeTask.made] == [(Fence(3, 'me', 5), False, ['start'])]


@pytest.mark.parametrize('end', ['on_lost', 'on_release'])
def test_what_was_not_there_when_it_was_claimed_is_not_delivered_under_a_lease_that_is_gone(bench: Bench, end: str) -> None:
    bench.registered.put(gone=[3])
    bench.deliveries.on_claimed(3, LEASE, is_clean=True)
    getattr(bench.deliveries, end)(3)
    bench.registered.put(notified(version=2))
    bench.deliveries.restart(bench.item())
    assert FakeTask.made == []
