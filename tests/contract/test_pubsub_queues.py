"""Looking into queues and changing them by hand, in each database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy import Connection, text

from tests.support.pubsub_tables import OTHER_TOPIC, SECOND, TOPIC, PubSubTables, now
from zato.common.odb.address import ODBAddress
from zato.server.pubsub import copies, queues, replay
from zato.server.pubsub.copies import Copies, Destination, Moves
from zato.server.pubsub.queues import Queues
from zato.server.pubsub.replay import Replay

A, B, C = 7, 8, 9  #: A and B have subscribed to TOPIC, C to OTHER_TOPIC
HERE, THERE = Destination(TOPIC, 0), Destination(OTHER_TOPIC, 0)


@pytest.fixture
def store(odb_address: ODBAddress) -> Iterator[PubSubTables]:
    opened = PubSubTables(odb_address)
    opened.subscribe(A, B)
    opened.subscribe(C, topic_id=OTHER_TOPIC)
    yield opened
    opened.check()
    opened.close()


@pytest.fixture
def own(store: PubSubTables) -> Queues:
    return Queues(store.tables, store.tell)


@pytest.fixture
def moves(store: PubSubTables) -> Moves:
    ids = count(1)
    return Moves(store.tables, Copies(store.tables, lambda: f'new{next(ids)}'), store.tell)


@pytest.fixture
def again(store: PubSubTables) -> Replay:
    return Replay(store.tables, store.tell)


def seen(own: Queues, sub_id: int = A, which: queues.Which = 'ready', limit: int = 10) -> list[str]:
    """IDs, through all pages."""
    found, after = list[str](), ()
    while True:
        page = own.browse(sub_id, which, after=after, limit=limit)
        assert len(page.messages) <= limit
        found += [message.msg_id for message in page.messages]
        if not page.next:
            return found
        after = page.next


def test_pages_are_in_the_order_of_delivery(store: PubSubTables, own: Queues) -> None:
    store.publish('low', queues=[A], priority=1)
    store.publish('m1', 'm2', 'm3', queues=[A])
    store.publish('high', queues=[A], priority=9)
    for limit in (1, 2, 3, 5):
        assert seen(own, limit=limit) == ['high', 'm1', 'm2', 'm3', 'low']


def test_what_waits_aside_and_what_was_pulled_is_listed_apart(store: PubSubTables, own: Queues) -> None:
    store.publish('late', queues=[A], due_at=2 * SECOND)
    store.publish('early', queues=[A], due_at=SECOND)
    (seq,) = store.publish('pulled', refs=1)
    store.run(f"INSERT INTO ps_pulled (sub_id, seq, rank, attempts, lease_id, until) VALUES ({A}, {seq}, 4, 2, 'l1', 99)")
    assert seen(own) == []
    assert seen(own, which='retry', limit=1) == ['early', 'late']
    (pulled,) = own.browse(A, 'pulled', limit=5).messages
    assert (pulled.msg_id, pulled.lease_id, pulled.until, pulled.attempts) == ('pulled', 'l1', 99, 2)


def test_lists_have_the_beginning_of_what_is_long(store: PubSubTables, own: Queues) -> None:
    store.publish('long', queues=[A], data=b'\0\xff' * 5_000, form='b', meta='{"correl_id":"c1"}')
    (found,) = own.browse(A, 'ready', limit=5).messages
    assert found.part == b'\0\xff' * 1_024
    assert (found.is_cut, found.size, found.meta) == (True, 10_000, {'correl_id': 'c1'})
    whole = own.find('long', most=1_000_000)
    assert whole is not None
    assert whole.part == b'\0\xff' * 5_000
    assert not whole.is_cut


def test_one_message_is_found_with_what_its_queue_knows_of_it(store: PubSubTables, own: Queues) -> None:
    store.publish('m1', queues=[A, B])
    store.run(f"UPDATE ps_queue SET attempts = 4, error = 'Down' WHERE sub_id = {A}")
    found = [own.find('m1', most=10, sub_id=id) for id in (A, B, C, 0)]
    assert [(one.sub_id, one.attempts, one.error) for one in found if one] == [
        (A, 4, 'Down'),
        (B, 0, ''),
        (0, 0, ''),
        (0, 0, ''),
    ]
    assert own.find('m2', most=10) is None


def test_what_is_deleted_from_one_queue_is_in_the_other(store: PubSubTables, own: Queues) -> None:
    store.publish('m1', 'm2', 'm3', queues=[A, B])
    assert own.delete(A, ['m1', 'm3', 'unknown', 'm1']) == 2
    assert store.queue(A) == ['m2']
    assert store.queue(B) == ['m1', 'm2', 'm3']
    assert store.changed == [A]
    assert own.delete(B, ['m1']) == 1
    assert store.messages() == ['m2', 'm3']


def test_what_waits_aside_can_be_deleted_too(store: PubSubTables, own: Queues) -> None:
    store.publish('m1', queues=[A], due_at=5)
    assert own.delete(A, ['m1']) == 1
    assert store.messages() == []


def test_what_is_kept_for_replay_stays_when_it_is_deleted(store: PubSubTables, own: Queues) -> None:
    store.publish('m1', queues=[A], keep_until=now() + 60 * SECOND)
    assert own.delete(A, ['m1']) == 1
    assert store.messages() == ['m1']


def test_clearing_a_queue_takes_several_rounds(store: PubSubTables, own: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, 'AT_ONCE', 2)
    store.publish('m1', 'm2', 'm3', 'm4', 'm5', queues=[A, B])
    store.publish('m6', queues=[A], due_at=5)
    assert own.clear(A) == 6
    assert (store.queue(A), store.queue(B)) == ([], ['m1', 'm2', 'm3', 'm4', 'm5'])
    assert set(store.changed) == {A}
    assert own.clear(A) == 0


def test_an_edited_message_is_another_in_all_queues(store: PubSubTables, own: Queues) -> None:
    store.publish('m1', 'm2', queues=[A, B])
    store.publish('m3', queues=[A], due_at=5)
    assert own.edit('m2', priority=9, data=b'other', size=5, expires_at=77) == {A, B, -TOPIC}
    assert (store.queue(A), store.queue(B)) == (['m2', 'm1'], ['m2', 'm1'])
    found = own.find('m2', most=10, sub_id=A)
    assert found is not None
    assert (found.part, found.size, found.priority, found.expires_at, found.rank) == (b'other', 5, 9, 77, 0)
    own.edit('m3', priority=1)
    assert own.browse(A, 'retry', limit=1).messages[0].rank == 8
    assert own.edit('unknown', priority=1) == set()
    assert A in store.changed


def test_what_was_published_to_a_topic_is_found_by_its_seq(store: PubSubTables, own: Queues) -> None:
    first, second = store.publish('m1', 'm2', queues=[A])
    store.publish('m3', queues=[C], topic_id=OTHER_TOPIC)
    (last,) = store.publish('m4', queues=[A])
    found, highest = own.published(TOPIC, after=first, limit=10)
    assert [(message.seq, message.msg_id) for message in found] == [(second, 'm2'), (last, 'm4')]
    assert highest == last
    assert len(own.published(TOPIC, after=0, limit=1)[0]) == 1


def test_what_is_moved_is_published_to_the_other_topic(store: PubSubTables, moves: Moves) -> None:
    store.publish('m1', 'm2', 'm3', queues=[A, B])
    assert moves.move(A, ['m3', 'm1', 'unknown'], THERE, is_copy=False) == 2
    assert (store.queue(A), store.queue(B), store.queue(C)) == (['m2'], ['m1', 'm2', 'm3'], ['new1', 'new2'])
    assert store.run("SELECT data, topic_id FROM ps_msg WHERE msg_id = 'new2'") == [(b'm3', OTHER_TOPIC)]
    assert store.changed == [A, C]


def test_what_is_copied_stays(store: PubSubTables, moves: Moves) -> None:
    store.publish('m1', queues=[A])
    assert moves.move(A, ['m1'], Destination(OTHER_TOPIC, 60), is_copy=True) == 1
    assert (store.queue(A), store.queue(C)) == (['m1'], ['new1'])
    ((keep_until,),) = store.run("SELECT keep_until FROM ps_msg WHERE msg_id = 'new1'")
    assert 50 * SECOND < keep_until - now() < 70 * SECOND


def test_what_is_moved_where_nobody_has_subscribed_waits_there(store: PubSubTables, moves: Moves) -> None:
    store.publish('m1', queues=[A])
    assert moves.move(A, ['m1'], Destination(5, 0), is_copy=False) == 1
    assert store.queue(-5) == ['new1']


def test_a_whole_queue_is_moved_in_its_order(store: PubSubTables, moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, 'AT_ONCE', 10)
    store.publish('m1', 'm2', 'm3', 'm4', queues=[A])
    store.publish('m0', queues=[A], priority=9)
    assert moves.move_all(A, THERE, is_copy=False) == 5
    assert store.queue(A) == []
    sql = f'SELECT m.data FROM ps_queue q JOIN ps_msg m ON m.seq = q.seq WHERE q.sub_id = {C} ORDER BY q.rank, q.seq'
    assert [row[0] for row in store.run(sql)] == [b'm0', b'm1', b'm2', b'm3', b'm4']


def test_a_queue_that_is_copied_to_its_own_topic_ends(
    store: PubSubTables, moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, 'AT_ONCE', 10)
    store.publish('m1', 'm2', 'm3', queues=[A])
    assert moves.move_all(A, HERE, is_copy=True) == 3
    assert len(store.queue(A)) == 6
    assert len(store.queue(B)) == 3


def test_replay_delivers_anew_what_was_kept(store: PubSubTables, again: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, '_AT_ONCE', 2)
    seqs = store.publish('m1', 'm2', 'm3', 'm4', 'm5', keep_until=now() + 60 * SECOND)
    store.publish('gone', refs=0, keep_until=now() + 60 * SECOND, expires_at=5)
    assert again.reset(A, TOPIC, seq=seqs[1]) == 4
    assert (store.queue(A), store.queue(B)) == (['m2', 'm3', 'm4', 'm5'], [])
    assert set(store.changed) == {A}


def test_replay_puts_nothing_twice_into_a_queue(store: PubSubTables, again: Replay) -> None:
    keep = {'keep_until': now() + 60 * SECOND}
    store.publish('waits', queues=[A], **keep)
    store.publish('aside', queues=[A], due_at=5, **keep)
    store.publish('dead', dead_of=[A], **keep)
    (seq,) = store.publish('pulled', refs=1, **keep)
    store.run(f"INSERT INTO ps_pulled (sub_id, seq, rank, attempts, lease_id, until) VALUES ({A}, {seq}, 4, 2, 'l1', 99)")
    store.publish('delivered', **keep)
    assert again.reset(A, TOPIC, seq=1) == 1
    assert store.queue(A) == ['waits', 'delivered']
    assert again.reset(A, TOPIC, seq=1) == 0


def test_replay_from_a_time(store: PubSubTables, again: Replay) -> None:
    keep = {'keep_until': now() + 60 * SECOND}
    store.publish('old', pub_time=100, **keep)
    store.publish('new', pub_time=200, **keep)
    store.publish('other', pub_time=200, topic_id=OTHER_TOPIC, **keep)
    assert again.reset(A, TOPIC, time=150) == 1
    assert store.queue(A) == ['new']


def test_nothing_is_replayed_for_somebody_who_is_gone(store: PubSubTables, again: Replay) -> None:
    store.publish('m1', keep_until=now() + 60 * SECOND)
    assert again.reset(99, TOPIC, seq=1) == 0


@pytest.mark.parametrize('odb_engine', ['sqlite'], indirect=True)
def test_a_message_is_taken_out_of_a_long_queue_in_as_few_steps_as_out_of_a_short_one(store: PubSubTables) -> None:
    store.publish('m1', queues=[A])
    (last,) = store.publish('m2', refs=0, keep_until=1)

    def steps(connection: Connection, seq: int) -> int:
        done = count()
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_progress_handler(lambda: next(done) and None, 100)
        taken = store.tables.take_from_queue(connection, A, [seq])
        raw.set_progress_handler(None, 0)
        assert taken == [seq]
        return next(done)

    def work(connection: Connection) -> None:
        short = steps(connection, 1)
        rows = [{'sub_id': A, 'rank': 4, 'seq': seq} for seq in (1, last, *range(100, 5_100))]
        connection.execute(text('INSERT INTO ps_queue (sub_id, rank, seq) VALUES (:sub_id, :rank, :seq)'), rows)
        assert steps(connection, last) <= short + 1
        connection.execute(text('DELETE FROM ps_queue WHERE seq > 1'))

    store.opened.odb.write(work)


def test_messages_are_read_by_the_databases_clock(store: PubSubTables) -> None:
    assert abs(store.tables.read(store.tables.now) - now()) < 60 * SECOND
