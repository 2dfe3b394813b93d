"""Pulling, in each database: who gets which messages, for how long, and what becomes of them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

import gevent
import pytest
from sqlalchemy import text

from tests.support.odb import OpenODB
from zato.common.exception import StoreUnavailable
from zato.common.odb.address import ODBAddress
from zato.common.pubsub.schema import store_address, upgrade_sqlite
from zato.server.pubsub import pull, pull_rows
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.pull import GiveBack, Pulled, Pulls

SUB, OTHER, MISSING = 7, 8, 9
TOPIC = 3
NO_LIMIT = 0
SECOND = 1_000_000
_TABLES = ('ps_queue', 'ps_retry', 'ps_pulled', 'ps_dead')


class Store:
    """The tables of messages, with two subscriptions. Two over the same address are as two workers."""

    def __init__(self, address: ODBAddress) -> None:
        self.opened = OpenODB(address)
        self.pulls = Pulls(MessageTables(self.opened.odb))
        self._seqs = count(1)

    def close(self) -> None:
        self.opened.close()

    def run(self, sql: str, *rows: dict[str, Any]) -> list[Any]:
        """The rows, if there are any."""

        def work(connection: Any) -> list[Any]:
            done = connection.execute(text(sql), rows or None)
            return [tuple(row) for row in done] if done.returns_rows else []

        return self.opened.odb.write(work)

    def subscribe(self, *ids: int) -> None:
        rows = [{'id': id, 'topic': TOPIC, 'key': f'zpsk.{id}'} for id in ids]
        self.run('INSERT INTO ps_sub (id, topic_id, sub_key) VALUES (:id, :topic, :key)', *rows)

    def publish(self, *names: str, subs: Sequence[int] = (SUB,), priority: int = 5, **given: Any) -> None:
        """Messages of these IDs."""
        for name in names:
            row = {
                'seq': next(self._seqs),
                'name': name,
                'topic': TOPIC,
                'priority': priority,
                'rank': 9 - priority,
                'expires_at': 0,
                'keep': 0,
                'data': name.encode(),
                'refs': len(subs),
                **given,
            }
            row['size'] = len(row['data'])
            self.run(
                """INSERT INTO ps_msg (seq, msg_id, topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id,
                keep_until, refs, meta, data) VALUES (:seq, :name, :topic, :priority, 1, :expires_at, 'text/plain', 't',
                :size, 5, :keep, :refs, NULL, :data)""",
                row,
            )
            self.run(
                'INSERT INTO ps_queue (sub_id, rank, seq) VALUES (:sub, :rank, :seq)', *({**row, 'sub': sub} for sub in subs)
            )

    def get(self, most: int = 100, visibility: float = 60.0, max_retry: int = NO_LIMIT, sub: int = SUB) -> Pulled:
        return self.pulls.get(sub, most=most, visibility=visibility, max_retry=max_retry)

    def drain(self, most: int = 100, max_retry: int = NO_LIMIT) -> list[str]:
        return [row.message.msg_id for row in self.pulls.drain(SUB, most=most, max_retry=max_retry)]

    def let_leases_end(self) -> None:
        """As if their time had passed."""
        self.run('UPDATE ps_pulled SET until = 1')

    def let_delays_end(self) -> None:
        self.run('UPDATE ps_retry SET due_at = 1')

    def names(self, table: Literal['ps_queue', 'ps_retry', 'ps_pulled', 'ps_dead'], sub: int = SUB) -> list[str]:
        """IDs of messages that have a row there, in order."""
        sql = f'SELECT m.msg_id FROM {table} q JOIN ps_msg m ON m.seq = q.seq WHERE q.sub_id = :sub ORDER BY q.rank, q.seq'
        return [row[0] for row in self.run(sql, {'sub': sub})]

    def dead(self) -> list[Any]:
        """Message, reason, attempts, error."""
        sql = 'SELECT m.msg_id, q.reason, q.attempts, q.error FROM ps_dead q JOIN ps_msg m ON m.seq = q.seq ORDER BY q.seq'
        return self.run(sql)

    def messages(self) -> list[str]:
        return [row[0] for row in self.run('SELECT msg_id FROM ps_msg ORDER BY seq')]

    def check(self) -> None:
        """Each message is there as long as rows refer to it, and knows how many these are."""
        found: Counter[int] = Counter()
        for table in _TABLES:
            found.update(row[0] for row in self.run(f'SELECT seq FROM {table}'))
        assert dict(self.run('SELECT seq, refs FROM ps_msg WHERE keep_until = 0')) == dict(found)


@pytest.fixture
def address(odb_address: ODBAddress) -> ODBAddress:
    found = store_address(odb_address)
    if found.is_sqlite:
        upgrade_sqlite(Path(found.db_name))
    return found


@pytest.fixture
def store(address: ODBAddress) -> Iterator[Store]:
    made = Store(address)
    made.subscribe(SUB, OTHER)
    yield made
    made.check()
    made.close()


def names(pulled: Pulled) -> list[str]:
    return [row.message.msg_id for row in pulled.rows]


def test_what_is_most_urgent_is_first_then_what_was_published_first(store: Store) -> None:
    store.publish('a', 'b')
    store.publish('urgent', priority=9)
    store.publish('later', priority=1)
    assert names(store.get()) == ['urgent', 'a', 'b', 'later']


def test_a_message_comes_as_it_was_published(store: Store) -> None:
    store.publish('a', data='ä\0'.encode())
    (row,) = store.get().rows
    assert (row.attempts, row.rank) == (0, 4)
    assert row.message._replace(pub_time=0) == (('a', TOPIC, 5, 0, 0, 'text/plain', 't', 3, 5, 0, None, 'ä\0'.encode()))


def test_no_more_come_than_were_asked_for(store: Store) -> None:
    store.publish('a', 'b', 'c')
    assert [names(store.get(most=2)), names(store.get(most=2)), names(store.get(most=2))] == [['a', 'b'], ['c'], []]


def test_an_empty_answer_has_no_lease(store: Store) -> None:
    assert store.get() == Pulled('', [])


def test_what_is_handed_out_nobody_else_gets(store: Store) -> None:
    store.publish('a')
    assert names(store.get()) == ['a']
    assert names(store.get()) == []
    assert (store.names('ps_queue'), store.names('ps_pulled')) == ([], ['a'])


def test_each_subscription_has_its_own(store: Store) -> None:
    store.publish('a', subs=(SUB, OTHER))
    assert store.pulls.acknowledge(SUB, ['a'], store.get().lease_id) == []
    assert names(store.get(sub=OTHER)) == ['a']
    assert store.messages() == ['a']
    assert store.pulls.acknowledge(OTHER, ['a']) == []
    assert store.messages() == []


def test_what_was_acknowledged_is_gone(store: Store) -> None:
    store.publish('a', 'b')
    lease = store.get().lease_id
    assert store.pulls.acknowledge(SUB, ['a'], lease) == []
    store.let_leases_end()
    assert names(store.get()) == ['b']
    assert store.messages() == ['b']


def test_what_is_kept_for_replay_stays_when_it_was_acknowledged(store: Store) -> None:
    store.publish('a', keep=2**60)
    store.get()
    store.pulls.acknowledge(SUB, ['a'])
    assert store.messages() == ['a']
    assert store.run('SELECT refs FROM ps_msg') == [(0,)]


def test_what_was_not_acknowledged_in_time_comes_back_with_one_attempt_more(store: Store) -> None:
    store.publish('a', 'b')
    store.get(most=1)
    store.let_leases_end()
    assert [(row.message.msg_id, row.attempts) for row in store.get().rows] == [('a', 1), ('b', 0)]
    store.let_leases_end()
    assert [row.attempts for row in store.get().rows] == [2, 1]


def test_a_lease_ends_by_itself(store: Store) -> None:
    store.publish('a')
    store.get(visibility=0.05)
    end = time.monotonic() + 10
    while not (found := store.get().rows):
        assert time.monotonic() < end
    assert found[0].attempts == 1


def test_what_nobody_asks_for_comes_back_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_rows, '_LATE', pull_rows._LATE.replace(str(pull_rows._AT_ONCE), '2'))
    store.publish('a', 'b', 'c', subs=(SUB, OTHER))
    store.get()
    assert store.pulls.late() == []
    store.let_leases_end()
    store.get(sub=OTHER)
    assert store.pulls.late() == [SUB]
    store.pulls.bring_back(SUB, max_retry=NO_LIMIT)
    assert (store.names('ps_queue'), store.names('ps_pulled')) == (['a', 'b', 'c'], [])
    assert {row.attempts for row in store.get().rows} == {1}
    assert len(store.names('ps_pulled', OTHER)) == 3


def test_attempts_are_kept_through_a_restart(store: Store, address: ODBAddress) -> None:
    store.publish('a')
    store.get()
    store.let_leases_end()
    other = Store(address)
    assert other.get().rows[0].attempts == 1
    other.close()


def test_an_acknowledgement_of_what_somebody_else_has_now_changes_nothing(store: Store) -> None:
    store.publish('a', 'b')
    first = store.get().lease_id
    store.let_leases_end()
    second = store.get(most=1)
    assert store.pulls.acknowledge(SUB, ['a', 'b'], first) == ['a', 'b']  # b waits for anybody by now
    assert (store.names('ps_pulled'), store.names('ps_queue')) == (['a'], ['b'])
    assert store.pulls.acknowledge(SUB, ['a'], second.lease_id) == []


def test_a_late_acknowledgement_counts_while_nobody_else_has_the_message(store: Store) -> None:
    store.publish('a')
    lease = store.get().lease_id
    store.let_leases_end()
    assert store.pulls.acknowledge(SUB, ['a'], lease) == []
    assert store.messages() == []


def test_what_was_never_handed_out_is_named_once_however_often_it_is_acknowledged(store: Store) -> None:
    store.publish('waits')
    assert store.pulls.acknowledge(SUB, ['waits', 'no.such', 'no.such', 'waits']) == ['waits', 'no.such']
    assert store.names('ps_queue') == ['waits']
    assert store.pulls.acknowledge(SUB, []) == []


def test_a_repeated_acknowledgement_counts_once(store: Store) -> None:
    store.publish('a', subs=(SUB, OTHER))
    lease = store.get().lease_id
    assert store.pulls.acknowledge(SUB, ['a', 'a'], lease) == []
    assert store.pulls.acknowledge(SUB, ['a'], lease) == ['a']
    assert store.names('ps_queue', OTHER) == ['a']


def test_what_is_given_back_is_in_its_place_again_with_one_attempt_more(store: Store) -> None:
    store.publish('a', 'b', 'c')
    lease = store.get(most=2).lease_id
    assert store.pulls.give_back(SUB, ['a', 'no.such'], GiveBack(), max_retry=NO_LIMIT, lease_id=lease) == ['no.such']
    assert [(row.message.msg_id, row.attempts) for row in store.get().rows] == [('a', 1), ('c', 0)]
    assert store.run('SELECT error FROM ps_queue') == []


def test_what_is_given_back_with_a_delay_comes_after_it(store: Store) -> None:
    store.publish('a', 'b')
    store.get(most=1)
    store.pulls.give_back(SUB, ['a'], GiveBack(delay=60, error='not now'), max_retry=NO_LIMIT)
    assert store.run('SELECT attempts, error FROM ps_retry') == [(1, 'not now')]
    assert names(store.get()) == ['b']
    store.let_delays_end()
    assert [(row.message.msg_id, row.attempts) for row in store.get().rows] == [('a', 1)]


def test_what_is_given_back_without_having_been_tried_has_no_attempt_more(store: Store) -> None:
    store.publish('a')
    for _ in range(3):
        assert [row.attempts for row in store.get(max_retry=1).rows] == [0]
        store.pulls.give_back(SUB, ['a'], GiveBack(is_attempt=False), max_retry=1)


def test_what_is_rejected_is_a_dead_letter(store: Store) -> None:
    store.publish('a')
    store.get()
    store.pulls.give_back(SUB, ['a'], GiveBack(is_rejected=True, error='bad'), max_retry=NO_LIMIT)
    assert store.dead() == [('a', 'rejected', 1, 'bad')]
    assert store.run('SELECT sub_key, topic_id FROM ps_dead') == [('zpsk.7', TOPIC)]


@pytest.mark.parametrize('how', ['late', 'given back'])
def test_after_so_many_attempts_it_is_a_dead_letter(store: Store, how: str) -> None:
    store.publish('a')
    for attempts in (0, 1, 2):
        (row,) = store.get(max_retry=2).rows
        assert row.attempts == attempts
        if how == 'late':
            store.let_leases_end()
        else:
            store.pulls.give_back(SUB, ['a'], GiveBack(), max_retry=2)
    assert names(store.get(max_retry=2)) == []
    ((name, reason, attempts, error),) = store.dead()
    assert (name, reason, attempts) == ('a', 'max-retry', 3)
    assert error == {'late': 'The client did not acknowledge it in time', 'given back': 'The client gave it back'}[how]


def test_only_the_beginning_of_a_long_error_is_kept(store: Store) -> None:
    store.publish('a')
    store.get()
    store.pulls.give_back(SUB, ['a'], GiveBack(is_rejected=True, error='x' * 5_000), max_retry=NO_LIMIT)
    assert store.dead()[0][3] == 'x' * 2_000


def test_what_has_expired_is_passed_over_and_goes(store: Store) -> None:
    store.publish('old', expires_at=1)
    store.publish('old too', expires_at=1, subs=(SUB, OTHER))
    store.publish('new', expires_at=int((time.time() + 3_600) * SECOND))
    assert names(store.get(most=1)) == ['new']
    assert store.messages() == ['old too', 'new']
    assert store.dead() == []


def test_there_may_be_more_that_has_expired_than_fits_one_call(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, '_ROUNDS', 2)
    store.publish(*(f'old{number}' for number in range(5)), expires_at=1)
    store.publish('new')
    found = [names(store.get(most=1)) for _ in range(4)]
    assert [some for some in found if some] == [['new']]


def test_delayed_messages_come_once_they_are_due(store: Store) -> None:
    store.publish('a')
    now = int(time.time() * SECOND)
    row = {'sub': SUB, 'due': now + 3_600 * SECOND}
    store.run('DELETE FROM ps_queue')
    store.run('INSERT INTO ps_retry (sub_id, due_at, rank, seq) VALUES (:sub, :due, 4, 1)', row)
    assert names(store.get()) == []
    store.let_delays_end()
    assert names(store.get()) == ['a']


def test_an_answer_has_so_many_bytes_at_most_but_always_a_message(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, 'MOST_BYTES', 100)
    store.publish('a', 'b', 'c', data=b'x' * 50)
    store.publish('long', data=b'x' * 500)
    assert [names(store.get()) for _ in range(4)] == [['a', 'b'], ['c'], ['long'], []]


def test_what_comes_back_is_bounded_in_each_call(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    late = pull_rows._LATE.replace(str(pull_rows._AT_ONCE), '2')
    monkeypatch.setattr(pull_rows, '_LATE', late)
    store.publish('a', 'b', 'c')
    store.get()
    store.let_leases_end()
    assert names(store.get()) == ['a', 'b']
    assert names(store.get()) == ['c']


@pytest.mark.parametrize('is_removed', [False, True])
def test_a_subscription_that_is_not_there_has_nothing(store: Store, is_removed: bool) -> None:
    if is_removed:
        store.subscribe(MISSING)
        store.publish('a', subs=(MISSING,))
        store.run('UPDATE ps_sub SET is_removed = 1 WHERE id = 9')
    assert names(store.get(sub=MISSING)) == []
    assert store.pulls.drain(MISSING, most=1, max_retry=NO_LIMIT) == []
    assert store.pulls.acknowledge(MISSING, ['a']) == ['a']
    assert store.pulls.give_back(MISSING, ['a'], GiveBack(), max_retry=NO_LIMIT) == ['a']


def test_what_was_drained_is_gone(store: Store) -> None:
    store.publish('a', 'b', 'c')
    assert [store.drain(most=2), store.drain(), store.drain()] == [['a', 'b'], ['c'], []]
    assert store.messages() == []


def test_what_a_client_did_not_acknowledge_is_drained_too(store: Store) -> None:
    store.publish('a', 'b')
    store.get(most=1)
    assert store.drain() == ['b']
    store.let_leases_end()
    assert store.drain() == ['a']


def test_the_depth_is_of_what_may_be_handed_out(store: Store) -> None:
    store.publish('a', 'b', 'c')
    assert store.pulls.depth(SUB) == 3
    store.get(most=1)
    assert (store.pulls.depth(SUB), store.pulls.depth(SUB, most=1), store.pulls.depth(MISSING)) == (2, 1, 0)


def test_without_a_database_pulling_says_so(address: ODBAddress, store: Store) -> None:
    if address.is_sqlite:
        Path(address.db_name).rename(f'{address.db_name}.away')
    else:
        store.run('ALTER TABLE ps_queue RENAME TO ps_away')
    try:
        for pull_something in (store.get, store.drain, lambda: store.pulls.depth(SUB)):
            with pytest.raises(StoreUnavailable):
                pull_something()
    finally:
        if address.is_sqlite:
            Path(f'{address.db_name}.away').rename(address.db_name)
        else:
            store.run('ALTER TABLE ps_away RENAME TO ps_queue')


def test_several_clients_of_several_workers_never_have_one_message_at_a_time(store: Store, address: ODBAddress) -> None:
    """Each takes some, gives some back, acknowledges some and forgets some; each message is acknowledged once."""
    seed = random.randrange(2**32)
    print(f'seed: {seed}')
    workers = [Store(address) for _ in range(2)]
    store.publish(*(f'm{number}' for number in range(60)), subs=(SUB, OTHER))
    held: set[str] = set()
    done: list[str] = []

    def client(number: int) -> None:
        choose = random.Random(seed + number)
        worker = workers[number % len(workers)]
        while len(done) < 60:
            pulled = worker.get(most=choose.randint(1, 7))
            got = names(pulled)
            assert held.isdisjoint(got)
            held.update(got)
            gevent.sleep(0)
            some = [name for name in got if choose.random() < 0.6]
            rest = [name for name in got if name not in some]
            held.difference_update(got)
            assert worker.pulls.acknowledge(SUB, some, pulled.lease_id) == []
            done.extend(some)
            assert worker.pulls.give_back(SUB, rest, GiveBack(), max_retry=NO_LIMIT, lease_id=pulled.lease_id) == []

    clients = [gevent.spawn(client, number) for number in range(4)]
    gevent.joinall(clients, timeout=60, raise_error=True)
    assert sorted(done) == sorted(f'm{number}' for number in range(60))
    assert store.names('ps_queue', OTHER) == [f'm{number}' for number in range(60)]
    for worker in workers:
        worker.close()
