"""Those who subscribe and unsubscribe, in each database: what becomes of messages, also if it is cut off in the middle."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.support.pubsub_tables import OTHER_TOPIC, TOPIC, PubSubTables
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import ODBUnavailable
from zato.server.pubsub import subs
from zato.server.pubsub.subs import SubRow, SubscriptionRows

A, B, C = 7, 8, 9
MANY = 60_000
FIRST, SECOND_ONE = SubRow(A, TOPIC, 'zpsk.a'), SubRow(B, TOPIC, 'zpsk.b')


@pytest.fixture
def store(odb_address: ODBAddress) -> Iterator[PubSubTables]:
    opened = PubSubTables(odb_address)
    yield opened
    opened.check()
    opened.close()


@pytest.fixture
def rows(store: PubSubTables) -> SubscriptionRows:
    return SubscriptionRows(store.tables)


def version(store: PubSubTables) -> int:
    ((found,),) = store.run('SELECT subs FROM ps_state WHERE id = 1')
    return int(found)


def letters(store: PubSubTables, sub_id: int) -> list[tuple[str, str, str, str]]:
    """Message, sub_key, reason, error."""
    sql = 'SELECT m.msg_id, d.sub_key, d.reason, d.error FROM ps_dead d JOIN ps_msg m ON m.seq = d.seq WHERE d.sub_id = :id'
    return sorted(store.run(sql, {'id': sub_id}))


def test_who_subscribes_is_published_to(store: PubSubTables, rows: SubscriptionRows) -> None:
    before = version(store)
    assert rows.ensure([FIRST, SubRow(C, OTHER_TOPIC, 'zpsk.c')]) == [A, C]
    assert store.subscribed() == [A, C]
    assert version(store) > before


def test_to_subscribe_again_changes_nothing(store: PubSubTables, rows: SubscriptionRows) -> None:
    rows.ensure([FIRST])
    before = version(store)
    assert rows.ensure([FIRST]) == []
    assert rows.ensure([]) == []
    assert version(store) == before


def test_the_first_one_takes_over_what_waits(store: PubSubTables, rows: SubscriptionRows) -> None:
    store.publish('m1', 'm2', queues=[-TOPIC])
    store.publish('late', queues=[-TOPIC], due_at=5)
    store.publish('other', queues=[-OTHER_TOPIC], topic_id=OTHER_TOPIC)
    rows.ensure([SECOND_ONE, FIRST])
    assert (store.queue(A), store.ids('ps_retry', A)) == (['m1', 'm2'], ['late'])
    assert (store.queue(B), store.queue(-TOPIC), store.queue(-OTHER_TOPIC)) == ([], [], ['other'])


def test_who_comes_later_takes_nothing(store: PubSubTables, rows: SubscriptionRows) -> None:
    store.publish('m1', queues=[-TOPIC])
    rows.ensure([SECOND_ONE])
    rows.ensure([FIRST])
    assert (store.queue(A), store.queue(B)) == ([], ['m1'])


def test_much_that_waits_is_taken_over_in_its_order(
    store: PubSubTables, rows: SubscriptionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subs, 'AT_ONCE', 2)
    store.publish('low', queues=[-TOPIC], priority=1)
    store.publish('m1', 'm2', 'm3', queues=[-TOPIC])
    store.publish('late', queues=[-TOPIC], due_at=5)
    rows.ensure([FIRST, SECOND_ONE])
    assert store.queue(A) == ['m1', 'm2', 'm3', 'low']
    assert store.ids('ps_retry', A) == ['late']
    assert store.subscribed() == [A, B]


def test_who_has_not_taken_over_all_yet_is_not_published_to(
    store: PubSubTables, rows: SubscriptionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle, it goes on from there."""
    monkeypatch.setattr(subs, 'AT_ONCE', 2)
    store.publish('m1', 'm2', 'm3', queues=[-TOPIC])
    with monkeypatch.context() as cut:
        cut.setattr(store.tables, 'write', _times(store.tables.write, 1))
        with pytest.raises(ODBUnavailable):
            rows.ensure([FIRST])
    assert (store.queue(A), store.queue(-TOPIC), store.subscribed()) == (['m1', 'm2'], ['m3'], [])
    rows.ensure([FIRST])
    assert (store.queue(A), store.subscribed()) == (['m1', 'm2', 'm3'], [A])


def test_what_was_not_delivered_to_who_leaves_becomes_dead_letters(
    store: PubSubTables, rows: SubscriptionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subs, 'AT_ONCE', 2)
    rows.ensure([FIRST, SECOND_ONE])
    store.publish('m1', 'm2', 'm3', queues=[A, B])
    store.run(f"UPDATE ps_queue SET attempts = 2, error = 'Down' WHERE sub_id = {A} AND seq = 1")
    store.publish('m4', queues=[A], due_at=5)
    (seq,) = store.publish('m5', refs=1)
    store.run(f"INSERT INTO ps_pulled (sub_id, seq, rank, attempts, lease_id, until) VALUES ({A}, {seq}, 4, 2, 'l1', 99)")
    store.run(f"INSERT INTO lease (name, owner, epoch, expires) VALUES ('pubsub:{A}', 'w1', 3, 5)")
    before = version(store)
    assert rows.remove(A) == 5
    gone = 'The subscription was deleted'
    assert letters(store, A) == [
        ('m1', 'zpsk.a', 'deleted-sub', 'Down'),
        *((f'm{number}', 'zpsk.a', 'deleted-sub', gone) for number in (2, 3, 4, 5)),
    ]
    assert (store.queue(A), store.queue(B)) == ([], ['m1', 'm2', 'm3'])
    assert version(store) > before
    assert store.run('SELECT id FROM ps_sub') == [(B,)]
    assert store.run(f"SELECT name FROM lease WHERE name = 'pubsub:{A}'") == []


def test_a_large_queue_that_the_database_knows_nothing_of_yet_is_left_and_taken_over_in_good_time(
    store: PubSubTables, rows: SubscriptionRows
) -> None:
    """PostgreSQL thought of such a queue as one row, and looked for the first 2,000 anew for each one that there was."""
    first, *_ = store.publish(*map(str, range(100)), queues=[C])
    more = store.opened.odb.write(lambda connection: store.tables.next_seqs(connection, MANY))
    numbers = f'WITH RECURSIVE n(seq) AS (SELECT {more[0]} UNION ALL SELECT seq + 1 FROM n WHERE seq < {more[-1]})'
    kept = 'topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id, keep_until, refs, data'
    store.run(f"""INSERT INTO ps_msg (seq, msg_id, {kept})
        {numbers} SELECT n.seq, 'm' || n.seq, {kept} FROM n JOIN ps_msg m ON m.seq = {first}""")
    store.run('ANALYZE')
    store.run(f'INSERT INTO ps_queue (sub_id, rank, seq) {numbers} SELECT {-TOPIC}, 4, seq FROM n')
    assert rows.ensure([FIRST]) == [A]
    assert len(store.queue(A)) == MANY
    assert rows.remove(A) == MANY


def test_to_leave_again_or_without_having_come_changes_nothing(store: PubSubTables, rows: SubscriptionRows) -> None:
    rows.ensure([FIRST])
    assert rows.remove(A) == 0
    before = version(store)
    assert (rows.remove(A), rows.remove(99)) == (0, 0)
    assert version(store) == before


def test_leaving_that_was_cut_off_goes_on(
    store: PubSubTables, rows: SubscriptionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subs, 'AT_ONCE', 2)
    rows.ensure([FIRST])
    store.publish('m1', 'm2', 'm3', queues=[A])
    with monkeypatch.context() as cut:
        cut.setattr(store.tables, 'write', _times(store.tables.write, 2))
        with pytest.raises(ODBUnavailable):
            rows.remove(A)
    assert (len(store.dead(A)), store.subscribed()) == (2, [])
    assert rows.remove(A) == 1
    assert store.dead(A) == ['m1', 'm2', 'm3']
    assert store.run('SELECT id FROM ps_sub') == []


def test_a_topic_that_is_deleted_leaves_dead_letters(store: PubSubTables, rows: SubscriptionRows) -> None:
    store.publish('m1', queues=[-TOPIC])
    store.publish('kept', keep_until=2**60)
    store.run(f"INSERT INTO ps_stat VALUES ({TOPIC}, 'w1', 1, 2, 'm1', 5)")
    assert rows.remove_topic(TOPIC) == 1
    assert letters(store, -TOPIC) == [('m1', '', 'deleted-sub', 'The topic was deleted')]
    assert store.run('SELECT * FROM ps_stat') == []
    assert store.run("SELECT keep_until FROM ps_msg WHERE msg_id = 'kept'") == [(1,)]
    assert rows.remove_topic(TOPIC) == 0


def test_what_the_odb_does_not_have_any_more_goes(store: PubSubTables, rows: SubscriptionRows) -> None:
    rows.ensure([FIRST, SECOND_ONE])
    store.publish('m1', queues=[A])
    store.publish('m2', 'm3', queues=[-OTHER_TOPIC], topic_id=OTHER_TOPIC)
    store.publish('m4', queues=[-5], topic_id=5, due_at=9)
    store.publish('m5', queues=[-6], topic_id=6)
    asked = list[int]()
    found = rows.reconcile(lambda ids: asked.extend(ids) or [B, 6])  # type: ignore[func-returns-value]  # None
    assert (found.subscriptions, found.topics) == ([A], [OTHER_TOPIC, 5])
    assert sorted(asked) == [OTHER_TOPIC, 5, 6, A, B]
    assert store.subscribed() == [B]
    assert (store.dead(A), store.dead(-OTHER_TOPIC), store.dead(-5), store.queue(-6)) == (
        ['m1'],
        ['m2', 'm3'],
        ['m4'],
        ['m5'],
    )


def test_many_subscribe_in_one_transaction(
    store: PubSubTables, rows: SubscriptionRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.tables, 'write', _times(store.tables.write, 1))
    rows.ensure([SubRow(100 + number, 50 + number % 10, f'zpsk.{number}') for number in range(300)])
    assert len(store.subscribed()) == 300


_SUBSCRIBE = """
from pathlib import Path
from zato.server.propagate.odb import ODB
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.subs import SubRow
from zato.server.pubsub.subs import SubscriptionRows

rows = SubscriptionRows(MessageTables(ODB(database)))
print('ready', flush=True)
sys.stdin.readline()
for round in range(20):
    for id in json.loads(arguments[0]):
        rows.ensure([SubRow(id, 3, f'zpsk.{id}')])
    for id in json.loads(arguments[0]):
        rows.remove(id)
print('done', flush=True)
"""


def test_processes_that_come_and_go_at_once_leave_nothing_behind(
    store: PubSubTables, odb_process: Callable[..., subprocess.Popen[str]]
) -> None:
    """The same subscriptions in both, as workers do that hear of the same changes."""
    store.publish('m1', 'm2', 'm3', queues=[-TOPIC])
    address = store.tables.odb.database.address
    processes = [odb_process(address, _SUBSCRIBE, json.dumps(ids)) for ids in ([A, B], [B, A])]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
    for process in processes:
        assert process.stdin is not None
        process.stdin.write('\n')
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == 'done\n'
    rows = SubscriptionRows(store.tables)
    rows.reconcile(lambda ids: ())
    assert store.run('SELECT id FROM ps_sub') == []
    assert sorted([*store.dead(A), *store.dead(B)]) == ['m1', 'm2', 'm3']


def _times(write: Callable[..., object], times: int) -> Callable[..., object]:
    """The process is killed after so many transactions."""
    left = iter(range(times))

    def run(*arguments: object, **named: object) -> object:
        if next(left, None) is None:
            raise ODBUnavailable(msg='killed')
        return write(*arguments, **named)

    return run
