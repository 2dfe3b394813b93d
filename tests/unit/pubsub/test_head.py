"""What a task has of its queue in memory."""

from __future__ import annotations

import random

import pytest

from tests.unit.pubsub.rows import row
from zato.server.pubsub.head import Head
from zato.server.pubsub.store.interface import Key, Row


def seqs(head: Head) -> list[int]:
    return [one.seq for one in head]


def test_nothing_is_kept_before_the_queue_was_read() -> None:
    head = Head()
    assert not head.offer(row(1))
    assert head.needs_more
    assert seqs(head) == []


def test_what_is_published_once_all_was_read_is_kept_in_order() -> None:
    head = Head()
    head.replace([], is_all=True)
    assert head.offer(row(2))
    assert head.offer(row(5))
    assert head.offer(row(3))
    assert head.offer(row(9, rank=0))
    assert seqs(head) == [9, 2, 3, 5]


def test_a_row_is_in_it_once() -> None:
    head = Head()
    head.replace([row(1), row(2)], is_all=True)
    assert head.offer(row(1))
    assert head.offer(row(2))
    assert seqs(head) == [1, 2]


def test_what_was_taken_does_not_come_back_with_what_is_read() -> None:
    head = Head()
    rows = [row(1), row(2)]
    head.replace(rows, is_all=True)
    head.take(rows[:1])
    head.replace([row(1), row(2), row(3)], is_all=True)
    assert seqs(head) == [2, 3]
    assert not head.offer(row(1))


def test_beyond_what_was_read_only_what_is_more_urgent_is_kept() -> None:
    head = Head()
    head.replace([row(1), row(2)], is_all=False)
    assert not head.offer(row(10))
    assert head.offer(row(11, rank=0))
    assert seqs(head) == [11, 1, 2]
    assert not head.is_all


def test_what_is_too_much_is_left_in_the_store() -> None:
    head = Head(most_rows=2)
    head.replace([], is_all=True)
    for seq in range(1, 8):
        head.offer(row(seq))
    assert seqs(head) == [1, 2, 3, 4]
    assert not head.is_all
    assert not head.offer(row(6)), 'there would be a gap'


def test_much_data_is_left_in_the_store_but_for_one_message() -> None:
    head = Head(most_bytes=10)
    head.replace([], is_all=True)
    head.offer(row(1, size=1_000))
    head.offer(row(2, size=1_000))
    assert seqs(head) == [1]


def test_as_much_data_as_there_may_be_is_enough_however_few_messages_it_is() -> None:
    head = Head(most_bytes=10)
    head.replace([row(1, size=8), row(2, size=8)], is_all=False)
    assert not head.needs_more
    head.take(list(head))
    assert head.needs_more
    assert head.taken_bytes == 16
    head.settled([(4, 1)])
    assert head.taken_bytes == 8


def test_what_is_put_back_is_in_its_place() -> None:
    head = Head()
    rows = [row(1), row(2)]
    head.replace(rows, is_all=True)
    head.take(rows[:1])
    head.put_back(rows[0]._replace(attempts=1))
    assert [(one.seq, one.attempts) for one in head] == [(1, 1), (2, 0)]
    assert not head.taken


@pytest.mark.parametrize('missed', [4, 5])
def test_what_is_put_back_stays_before_the_rest_also_while_others_publish(missed: int) -> None:
    head = Head()
    rows = [row(1), row(2)]
    head.replace(rows, is_all=True)
    head.take(rows[:1])
    head.miss(missed)
    head.put_back(rows[0])
    assert seqs(head) == [1, 2]


def test_what_is_put_back_does_not_go_before_what_is_more_urgent_and_not_read_yet() -> None:
    head = Head()
    rows = [row(1), row(2)]
    head.replace(rows, is_all=True)
    head.take(rows[:1])
    head.miss(3)
    head.miss(5)
    head.put_back(rows[0])
    assert seqs(head) == []


def test_what_is_put_back_into_a_queue_that_was_changed_is_read_with_the_rest() -> None:
    head = Head()
    rows = [row(1), row(2)]
    head.replace(rows, is_all=True)
    head.take(rows[:1])
    head.forget()
    head.put_back(rows[0])
    assert seqs(head) == []


def test_a_queue_that_was_changed_is_read_anew() -> None:
    head = Head()
    head.replace([row(1)], is_all=True)
    head.forget()
    assert head.needs_more
    assert not head.offer(row(2))


@pytest.mark.parametrize('seed', range(30))
def test_whatever_comes_in_between_each_row_is_delivered_once_and_in_order(seed: int) -> None:
    """The store as a set of keys, told of in the order in which it was changed."""
    own = random.Random(seed)
    head = Head(most_rows=4)
    store: dict[Key, Row] = {}
    delivered: list[Key] = []
    in_flight: list[Row] = []
    seq = 0
    for _ in range(400):
        what = own.choice(('publish', 'publish', 'elsewhere', 'read', 'take', 'take', 'settle', 'fail'))
        if what in ('publish', 'elsewhere'):
            seq += 1
            new = row(seq, rank=own.choice((0, 4, 4, 4)))
            store[new.key] = new
            if what == 'publish':
                head.offer(new)
        elif what == 'read':
            first = sorted(store.values())[:4]
            head.replace(first, is_all=len(first) == len(store))
        elif what == 'take' and head.first is not None:
            taken = head.first
            known = [key for key in store if key not in head.taken]
            assert taken.key in known, 'it was delivered before'
            in_flight.append(taken)
            head.take([taken])
        elif what == 'settle' and in_flight:
            done = in_flight.pop(own.randrange(len(in_flight)))
            delivered.append(done.key)
            del store[done.key]
            head.settled([done.key])
        elif what == 'fail' and in_flight:
            failed = in_flight.pop(own.randrange(len(in_flight)))
            head.put_back(failed)
        read = [one.key for one in head]
        assert read == sorted(read)
        assert set(read) <= set(store) - head.taken
    while store:
        first = sorted(store.values())[: 4 + len(head.taken)]
        head.replace(first, is_all=len(first) == len(store))
        for one in [*head, *in_flight]:
            delivered.append(one.key)
            del store[one.key]
        head.take(list(head))
        head.settled([one.key for one in first])
        in_flight = []
    assert len(delivered) == len(set(delivered)) == seq


def test_nothing_goes_in_beside_what_others_have_published_until_it_is_read() -> None:
    head = Head()
    head.replace([row(1), row(2)], is_all=True)
    head.miss(4)
    assert not head.offer(row(4))
    assert head.needs_more
    assert seqs(head) == [1, 2]
    head.replace([row(1), row(2), row(3), row(4)], is_all=True)
    assert head.offer(row(5))
    assert seqs(head) == [1, 2, 3, 4, 5]


def test_what_is_less_urgent_than_what_others_have_published_waits_for_it() -> None:
    head = Head()
    head.replace([row(3, rank=0), row(1), row(2)], is_all=True)
    head.miss(0)
    assert seqs(head) == [3]
    assert not head.offer(row(5))
    assert seqs(head) == [3]
