"""What queues and topics tell of themselves, and what is removed in the background, in each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pubsub_tables import OTHER_TOPIC, SECOND, TOPIC, PubSubTables, now
from zato.common.odb.address import ODBAddress
from zato.server.pubsub import figures as figures_module
from zato.server.pubsub import sweeper as sweeper_module
from zato.server.pubsub.figures import Figures, QueueFigures
from zato.server.pubsub.sweeper import Sweeper

A, B = 7, 8


class Time:
    """Seconds, as long as nobody says so the same."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def store(odb_address: ODBAddress) -> Iterator[PubSubTables]:
    opened = PubSubTables(odb_address)
    opened.subscribe(A, B)
    yield opened
    opened.check()
    opened.close()


@pytest.fixture
def figures(store: PubSubTables, clock: Time) -> Figures:
    return Figures(store.tables, clock)


@pytest.fixture
def sweeper(store: PubSubTables) -> Sweeper:
    return Sweeper(store.tables, pulled=lambda: [A], live=lambda: ['w1'])


def published(store: PubSubTables, topic_id: int, worker: str, number: int, at: int) -> None:
    store.run(
        f"""INSERT INTO ps_stat VALUES ({topic_id}, '{worker}', {number}, {at}, '{worker}-{at}', 5)
        ON CONFLICT (topic_id, worker_id) DO UPDATE SET published = excluded.published"""
    )


def test_a_queue_tells_how_much_waits_and_for_how_long(store: PubSubTables, figures: Figures) -> None:
    store.publish('new', queues=[A], priority=9)
    store.publish('old', queues=[A], pub_time=now() - 60 * SECOND, priority=1)
    store.run('UPDATE ps_msg SET seq = 0 WHERE seq = 2')
    store.run("UPDATE ps_queue SET seq = 0, rank = 8, error = 'Down', attempts = 2 WHERE seq = 2")
    store.publish('late', 'later', queues=[A], due_at=5)
    store.publish('dead', dead_of=[A, -TOPIC])
    store.run(f"UPDATE ps_queue SET attempts = 4, not_before = 9, error = 'No' WHERE sub_id = {A} AND rank = 0")
    found = figures.queues([A, B, -TOPIC])
    queue = found[A]
    assert (queue.ready, queue.retry, queue.pulled, queue.dead, queue.depth) == (2, 2, 0, 1, 4)
    assert 50 < queue.lag < 120, 'of the one that was published first'
    assert (queue.attempts, queue.not_before, queue.error) == (4, 9, 'No'), 'of the one that is delivered first'
    assert (found[B].depth, found[B].lag, found[-TOPIC].dead) == (0, 0.0, 1)


def test_counts_end(store: PubSubTables, figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_module, 'MOST_COUNTED', 2)
    store.publish('m1', 'm2', 'm3', 'm4', queues=[A])
    assert figures.queues([A])[A].ready == 3
    assert figures.queues([A])[A].depth == 3


def test_figures_are_kept_for_a_second(store: PubSubTables, figures: Figures, clock: Time) -> None:
    store.publish('m1', queues=[A])
    assert figures.queues([A])[A].ready == 1
    store.publish('m2', queues=[A])
    clock.now += 0.9
    assert figures.queues([A])[A].ready == 1
    clock.now += 0.2
    assert figures.queues([A, B]) == {A: figures.queues([A])[A], B: figures.queues([B])[B]}
    assert figures.queues([A])[A].ready == 2
    assert figures.queues([]) == {}


def test_queues_that_are_not_there_are_empty(figures: Figures) -> None:
    assert figures.queues([12345])[12345]._replace(now=0) == QueueFigures()


def test_the_longest_queue_of_a_topic_is_counted_with_all_that_is_not_delivered(
    store: PubSubTables, figures: Figures
) -> None:
    assert figures.longest(TOPIC, 100) == 0
    store.publish('own', queues=[-TOPIC])
    assert figures.longest(TOPIC, 100) == 1
    store.publish('m1', 'm2', queues=[A])
    store.publish('late', queues=[A], due_at=5)
    store.publish('m3', queues=[B])
    assert figures.longest(TOPIC, 100) == 3
    assert figures.longest(TOPIC, 2) == 2
    assert figures.longest(OTHER_TOPIC, 100) == 0


def test_a_topic_tells_what_all_workers_have_published(store: PubSubTables, figures: Figures, clock: Time) -> None:
    assert figures.topics() == {}
    published(store, TOPIC, 'w1', 10, 100)
    published(store, TOPIC, 'w2', 5, 200)
    first = figures.topics()[TOPIC]
    assert (first.published, first.last_time, first.last_msg_id, first.last_endpoint_id) == (15, 200, 'w2-200', 5)
    assert first.rate is None, 'it was looked at just once when something was published'


def test_rates_are_those_between_two_looks(store: PubSubTables, figures: Figures, clock: Time) -> None:
    published(store, TOPIC, 'w1', 10, 100)
    figures.topics()
    published(store, TOPIC, 'w1', 40, 300)
    clock.now += 2
    assert figures.topics()[TOPIC].rate is None, 'too soon after the first look'
    clock.now += 8
    assert figures.topics()[TOPIC].rate == 3.0
    clock.now += 1
    assert figures.topics()[TOPIC].rate == 3.0
    clock.now += 9
    assert figures.topics()[TOPIC].rate == 0.0


def test_what_was_kept_long_enough_goes(store: PubSubTables, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper_module, '_AT_ONCE', 2)
    store.publish('m1', 'm2', 'm3', 'm4', 'm5', keep_until=5)
    store.publish('waits', queues=[A], keep_until=5)
    store.publish('kept', keep_until=now() + 60 * SECOND)
    sweeper.sweep()
    assert store.messages() == ['waits', 'kept']
    assert store.run("SELECT keep_until FROM ps_msg WHERE msg_id = 'waits'") == [(0,)], 'it goes once it is delivered'


def test_ids_that_callers_gave_are_forgotten_after_a_day(store: PubSubTables, sweeper: Sweeper) -> None:
    day = 86_400 * SECOND
    rows = [{'id': f'm{n}', 'at': at} for n, at in enumerate((5, now() - day - SECOND, now() - day + 60 * SECOND))]
    store.run('INSERT INTO ps_seen (msg_id, topic_id, digest, at) VALUES (:id, 3, 1, :at)', *rows)
    sweeper.sweep()
    assert store.run('SELECT msg_id FROM ps_seen') == [('m2',)]


def test_what_expires_where_nobody_looks_is_deleted(store: PubSubTables, sweeper: Sweeper) -> None:
    store.publish('m1', queues=[A, B], expires_at=5)
    store.publish('m2', queues=[-TOPIC], expires_at=5)
    store.publish('m3', queues=[A, -TOPIC], expires_at=now() + 60 * SECOND)
    sweeper.sweep()
    assert (store.queue(A), store.dead(A)) == (['m3'], [])
    assert store.queue(B) == ['m1'], 'that is for its delivery task to see'
    assert (store.queue(-TOPIC), store.dead(-TOPIC)) == (['m3'], [])
    assert store.messages() == ['m1', 'm3']


def test_a_long_queue_is_looked_through_in_several_sweeps(
    store: PubSubTables, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper_module, '_AT_ONCE', 2)
    monkeypatch.setattr(sweeper_module, '_LOOKED_AT', 3)
    store.publish('m1', 'm2', 'm3', 'm4', queues=[-TOPIC])
    store.publish('m5', queues=[-TOPIC], expires_at=5)
    store.publish('m6', queues=[A], expires_at=5)
    ids = 'SELECT msg_id FROM ps_msg ORDER BY msg_id'
    sweeper.sweep()
    assert len(store.run(ids)) == 6
    sweeper.sweep()
    sweeper.sweep()
    assert store.run(ids) == [('m1',), ('m2',), ('m3',), ('m4',)]
    assert (store.dead(-TOPIC), store.dead(A)) == ([], []), 'who wanted them to expire does not want them any more'
    store.publish('m7', queues=[-TOPIC], expires_at=5)
    for _ in range(3):
        sweeper.sweep()
    assert len(store.run(ids)) == 4, 'it begins anew'


def test_what_workers_that_are_gone_published_is_still_told(store: PubSubTables, sweeper: Sweeper, figures: Figures) -> None:
    published(store, TOPIC, 'w1', 1, 300)
    published(store, TOPIC, 'gone', 10, 400)
    published(store, TOPIC, 'gone too', 100, 200)
    published(store, OTHER_TOPIC, 'gone', 5, 50)
    sweeper.sweep()
    sweeper.sweep()
    rows = store.run('SELECT topic_id, worker_id, published, last_msg_id FROM ps_stat ORDER BY topic_id, worker_id')
    assert rows == [(TOPIC, '', 110, 'gone-400'), (TOPIC, 'w1', 1, 'w1-300'), (OTHER_TOPIC, '', 5, 'gone-50')]
    assert figures.topics()[TOPIC].published == 111
