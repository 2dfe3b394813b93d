"""Dead letters in each database: which there are, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.pubsub_tables import OTHER_TOPIC, TOPIC, PubSubTables
from zato.common.odb.address import ODBAddress
from zato.server.pubsub import dead
from zato.server.pubsub.copies import Copies, Destination
from zato.server.pubsub.dead import Chosen, DeadLetters, Group

A, B, GONE = 7, 8, 99
THERE = Destination(OTHER_TOPIC, 0)
ANY = Chosen()


@pytest.fixture
def store(odb_address: ODBAddress) -> Iterator[PubSubTables]:
    opened = PubSubTables(odb_address)
    opened.subscribe(A, B)
    yield opened
    opened.check()
    opened.close()


@pytest.fixture
def letters(store: PubSubTables) -> DeadLetters:
    ids = count(1)
    return DeadLetters(store.tables, Copies(store.tables, lambda: f'new{next(ids)}'), store.tell)


def seen(letters: DeadLetters, chosen: Chosen = ANY, limit: int = 10, size: int = 0) -> list[tuple[str, int]]:
    """Message and subscription, through all pages."""
    found, before = list[tuple[str, int]](), ()
    while True:
        page, before = letters.browse(chosen, before=before, limit=limit, prefix=100, size=size)
        assert len(page) <= limit
        found += [(letter.msg_id, letter.sub_id) for letter in page]
        if not before:
            return found


def test_the_latest_published_are_the_first(store: PubSubTables, letters: DeadLetters) -> None:
    store.publish('m1', dead_of=[A])
    store.publish('m2', dead_of=[A, B, GONE])
    store.publish('m3', dead_of=[B])
    for limit in (1, 2, 3, 10):
        assert seen(letters, limit=limit) == [('m3', B), ('m2', GONE), ('m2', B), ('m2', A), ('m1', A)]
    assert seen(letters, size=3) == seen(letters)


def test_they_tell_why_they_died(store: PubSubTables, letters: DeadLetters) -> None:
    store.publish('m1', dead_of=[A])
    ((letter,), _) = letters.browse(Chosen(), limit=5, prefix=1)
    assert (letter.sub_key, letter.reason, letter.error, letter.attempts, letter.died_at) == (
        'zpsk.dead',
        'rejected',
        'It failed',
        3,
        1,
    )
    assert (letter.part, letter.is_cut) == (b'm', True)


def test_they_are_chosen_by_topic_subscription_and_reason(store: PubSubTables, letters: DeadLetters) -> None:
    store.publish('m1', dead_of=[A])
    store.publish('m2', dead_of=[A], reason='crash')
    store.publish('m3', dead_of=[GONE], topic_id=OTHER_TOPIC)
    assert seen(letters, Chosen(topic_id=TOPIC)) == [('m2', A), ('m1', A)]
    assert seen(letters, Chosen(topic_id=OTHER_TOPIC)) == [('m3', GONE)]
    assert seen(letters, Chosen(sub_id=A, reason='crash')) == [('m2', A)]
    assert seen(letters, Chosen(sub_id=B)) == []
    assert seen(letters, Chosen(topic_id=OTHER_TOPIC, sub_id=A)) == []


def test_they_are_counted_by_subscription(
    store: PubSubTables, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead, 'MOST_COUNTED', 2)
    assert letters.groups() == []
    store.publish('m1', 'm2', 'm3', 'm4', dead_of=[A])
    store.publish('m5', dead_of=[-TOPIC, GONE])
    assert letters.groups() == [
        Group(-TOPIC, 'zpsk.dead', TOPIC, 1, False),
        Group(A, 'zpsk.dead', TOPIC, 3, True),
        Group(GONE, 'zpsk.dead', TOPIC, 1, False),
    ]


def test_what_is_requeued_is_in_its_old_place_as_if_for_the_first_time(store: PubSubTables, letters: DeadLetters) -> None:
    (seq,) = store.publish('m1', dead_of=[A])
    store.publish('m2', queues=[A])
    assert letters.requeue([(A, seq), (A, 12345), (GONE, seq)]) == 1
    assert (store.queue(A), store.dead(A)) == (['m1', 'm2'], [])
    assert store.run(f'SELECT attempts, crashes, not_before FROM ps_queue WHERE seq = {seq}') == [(0, 0, 0)]
    assert store.changed == [A]


def test_what_is_requeued_as_new_is_at_the_end(store: PubSubTables, letters: DeadLetters) -> None:
    first, second = store.publish('m1', 'm2', dead_of=[A])
    (shared,) = store.publish('m3', queues=[B], dead_of=[A])
    store.publish('m4', queues=[A])
    assert letters.requeue([(A, second), (A, first), (A, shared)], as_new=True) == 3
    assert store.queue(A) == ['m4', 'm1', 'm2', 'new1'], 'one that others have too is another message'
    assert (store.queue(B), store.dead(A)) == (['m3'], [])


def test_what_has_expired_does_not_once_it_is_requeued(store: PubSubTables, letters: DeadLetters) -> None:
    (expired,) = store.publish('m1', dead_of=[A], expires_at=5)
    (lives,) = store.publish('m2', dead_of=[A], expires_at=2**60)
    letters.requeue([(A, expired), (A, lives)])
    assert store.run('SELECT expires_at FROM ps_msg ORDER BY seq') == [(0,), (2**60,)]


def test_those_of_a_subscription_that_is_gone_go_to_a_topic(store: PubSubTables, letters: DeadLetters) -> None:
    first, second = store.publish('m1', 'm2', dead_of=[GONE])
    assert letters.requeue([(GONE, first)]) == 0
    assert letters.requeue([(GONE, second), (GONE, first)], to=THERE) == 2
    assert store.queue(-OTHER_TOPIC) == ['new1', 'new2']
    assert store.messages() == ['new1', 'new2']


def test_all_are_requeued_but_those_without_a_subscription(
    store: PubSubTables, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead, '_AT_ONCE', 2)
    store.publish('m1', 'm2', 'm3', 'm4', 'm5', dead_of=[A, GONE])
    store.publish('m6', dead_of=[A], reason='crash')
    assert letters.requeue_all(Chosen(reason='rejected')) == (5, 5)
    assert (store.queue(A), store.dead(A)) == (['m1', 'm2', 'm3', 'm4', 'm5'], ['m6'])
    assert letters.requeue_all(Chosen(), to=THERE) == (6, 0)
    assert len(store.queue(-OTHER_TOPIC)) == 6


def test_what_is_deleted_is_gone_for_that_subscription(store: PubSubTables, letters: DeadLetters) -> None:
    first, second = store.publish('m1', 'm2', dead_of=[A, B])
    assert letters.delete([(A, first), (B, second), (GONE, first)]) == 2
    assert (store.dead(A), store.dead(B)) == (['m2'], ['m1'])


def test_all_that_are_chosen_are_deleted(store: PubSubTables, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead, '_AT_ONCE', 2)
    store.publish('m1', 'm2', 'm3', dead_of=[A])
    store.publish('m4', dead_of=[B])
    assert letters.delete_all(Chosen(sub_id=A)) == 3
    assert store.messages() == ['m4']
