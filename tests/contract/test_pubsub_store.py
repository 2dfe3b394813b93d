"""What the store of messages promises, whichever database it is in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pubsub_store import ME, MEGABYTE, TOPIC, Messages, fence, ids, keys
from zato.common.exception import BadRequest, Conflict, StoreUnavailable
from zato.common.odb.address import ODBAddress
from zato.server.pubsub.store.interface import Ack, Bury, Fetch, Operation, Publish, Retry, Settle, StoredMessage, Suspect
from zato.server.pubsub.store.plan import digest_of

A, B, C = 7, 8, 9


@pytest.fixture
def messages(odb_address: ODBAddress) -> Iterator[Messages]:
    opened = Messages(odb_address)
    yield opened
    opened.check()
    opened.close()


# Publishing


def test_all_who_subscribed_get_a_message_and_its_data_is_stored_once(messages: Messages) -> None:
    messages.subscribe(A, B, C)
    sent = messages.message(b'one', meta='{"correl_id":"c"}')
    published = messages.publish(sent)
    assert list(published.subs[0]) == [A, B, C]
    for sub_id in (A, B, C):
        (row,) = messages.fetch(sub_id)
        assert (row.rank, row.seq, row.attempts, row.crashes, row.not_before) == (4, published.seqs[0], 0, 0, 0)
        assert row.message == sent
    assert messages.run('SELECT msg_id, refs FROM ps_msg') == [('m1', 3)]


def test_what_nobody_subscribes_to_waits_in_the_queue_of_its_topic(messages: Messages) -> None:
    published = messages.publish(messages.message())
    assert list(published.subs[0]) == [-TOPIC]
    assert ids(messages.fetch(-TOPIC)) == ['m1']


def test_what_nobody_subscribes_to_is_dropped_where_the_topic_says_so(messages: Messages) -> None:
    messages.subscribe(A, topic_id=2)
    publish = Publish([messages.message(), messages.message(topic_id=2)])
    publish.drops = frozenset({TOPIC, 2})
    messages.carry_out(publish)
    assert publish.error is None
    assert [bool(seq) for seq in publish.seqs] == [False, True]
    assert [list(subs) for subs in publish.subs] == [[], [A]]
    assert messages.stored() == ['m2']


def test_a_message_may_be_for_some_subscriptions_only(messages: Messages) -> None:
    messages.subscribe(A, B)
    publish = Publish([messages.message(), messages.message(), messages.message()])
    publish.only = {0: frozenset({B, 99}), 1: frozenset({99})}
    messages.carry_out(publish)
    assert [list(subs) for subs in publish.subs] == [[B], [], [A, B]]
    assert publish.seqs[1] == 0
    assert (ids(messages.fetch(A)), ids(messages.fetch(B))) == (['m3'], ['m1', 'm3'])


def test_who_is_leaving_gets_nothing_any_more(messages: Messages) -> None:
    messages.subscribe(A, B)
    messages.publish()
    messages.run('UPDATE ps_sub SET is_removed = 1 WHERE id = :id', id=A)
    messages.run('UPDATE ps_state SET subs = subs + 1')
    assert list(messages.publish().subs[0]) == [B]


def test_who_subscribed_meanwhile_gets_what_is_published_next(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish()
    messages.subscribe(B)
    assert list(messages.publish().subs[0]) == [A, B]


def test_many_messages_of_many_operations_are_numbered_in_their_order(messages: Messages) -> None:
    messages.subscribe(A)
    operations = [Publish([messages.message() for _ in range(number % 4 + 1)]) for number in range(100)]
    messages.carry_out(*operations)
    assert all(operation.error is None for operation in operations)
    seqs = [seq for operation in operations for seq in operation.seqs]
    assert seqs == sorted(set(seqs))
    assert ids(messages.fetch(A, limit=1_000)) == [one.msg_id for operation in operations for one in operation.messages]


def test_what_is_published_after_something_else_has_a_higher_number(messages: Messages) -> None:
    messages.subscribe(A)
    other = Messages(messages.address)
    seqs = [each.publish(messages.message()).seqs[0] for _ in range(5) for each in (messages, other)]
    other.close()
    assert seqs == sorted(set(seqs))


def test_no_messages_are_published_without_an_error(messages: Messages) -> None:
    messages.carry_out(empty := Publish([]))
    assert (empty.error, list(empty.seqs)) == (None, [])
    assert messages.carry_out() == ()


@pytest.mark.parametrize(
    ('form', 'data'),
    [
        ('b', b''),
        ('t', b''),
        ('b', bytes(range(256))),
        ('t', b'one\0two'),
        ('t', 'zażółć 😀 " \\ \u2028 \x1f'.encode()),
        ('j', b'{"a":"\\u0000"}'),
        ('t', b'\xff\xfe is no text'),
        ('b', b'\xff' * 3 * MEGABYTE),
        ('t', b'x' * 3 * MEGABYTE),
    ],
    ids=['no bytes', 'no text', 'bytes', 'NUL', 'characters', 'JSON', 'not text', 'many bytes', 'long text'],
)
def test_data_comes_back_as_it_was(messages: Messages, form: str, data: bytes) -> None:
    messages.subscribe(A)
    assert form in ('b', 't', 'j')
    sent = messages.message(data, form=form, meta='{"user_ctx":"\\u0000 zażółć"}')  # type: ignore[arg-type]
    messages.publish(sent, messages.message())
    first, second = messages.fetch(A, size=10 * MEGABYTE)
    assert first.message == sent
    assert second.message.data == b'one'


def test_what_cannot_be_stored_is_refused_alone(messages: Messages) -> None:
    messages.subscribe(A)
    good = [Publish([messages.message()]) for _ in range(5)]
    surrogate = Publish([messages.message(), messages.message(msg_id='\ud800')])
    huge = Publish([messages.message()._replace(expires_at=2**70)])
    nothing = Publish([messages.message()._replace(data=None)])  # type: ignore[arg-type]
    messages.carry_out(*good[:2], surrogate, good[2], huge, nothing, *good[3:])
    assert [operation.error for operation in good] == [None] * 5
    for operation in (surrogate, huge, nothing):
        assert isinstance(operation.error, BadRequest), operation.error
        assert 'The message cannot be stored: ' in str(operation.error)
    assert ids(messages.fetch(A)) == [operation.messages[0].msg_id for operation in good]


# IDs that callers give


def own(*given: StoredMessage) -> Publish:
    publish = Publish(given)
    publish.own_ids = frozenset(range(len(given)))
    return publish


def test_what_is_published_again_with_the_same_id_is_there_once(messages: Messages) -> None:
    messages.subscribe(A)
    (first,) = messages.carry_out(own(messages.message(msg_id='x')))
    (again,) = messages.carry_out(own(messages.message(msg_id='x')))
    assert (first.error, first.repeated, again.error, again.repeated) == (None, frozenset(), None, frozenset({0}))
    assert (again.seqs, [list(subs) for subs in again.subs]) == ([0], [[]])
    assert ids(messages.fetch(A)) == ['x']


def test_it_is_there_once_after_it_was_delivered_too(messages: Messages) -> None:
    messages.subscribe(A)
    messages.carry_out(own(messages.message(msg_id='x')))
    messages.ack(A, *messages.fetch(A))
    (again,) = messages.carry_out(own(messages.message(msg_id='x')))
    assert (again.error, again.repeated) == (None, frozenset({0}))
    assert messages.fetch(A) == []


def test_an_id_that_the_server_gave_can_be_repeated(messages: Messages) -> None:
    """A caller learned it from an answer, say, and is not sure of that."""
    messages.subscribe(A)
    messages.publish(messages.message(msg_id='x'))
    (again,) = messages.carry_out(own(messages.message(msg_id='x')))
    assert (again.error, again.repeated) == (None, frozenset({0}))
    assert ids(messages.fetch(A)) == ['x']


def test_another_message_with_that_id_is_refused_alone(messages: Messages) -> None:
    messages.subscribe(A)
    messages.carry_out(own(messages.message(msg_id='x')))
    others = [own(messages.message(msg_id='x', topic_id=2)), own(messages.message(b'longer', msg_id='x'))]
    beside = [Publish([messages.message()]), own(messages.message(msg_id='y'))]
    messages.carry_out(beside[0], *others, beside[1])
    for operation in others:
        assert isinstance(operation.error, Conflict)
        assert 'There is another message with ID `x`' in str(operation.error)
    assert [operation.error for operation in beside] == [None, None]
    assert ids(messages.fetch(A)) == ['x', 'm1', 'y']


def test_in_one_turn_the_first_with_an_id_is_stored(messages: Messages) -> None:
    messages.subscribe(A)
    operations = [
        own(messages.message(msg_id='x'), messages.message(msg_id='y'), messages.message(msg_id='x')),
        own(messages.message(msg_id='x')),
        own(messages.message(msg_id='x', topic_id=2)),
        own(messages.message(msg_id='y'), messages.message(msg_id='z')),
    ]
    messages.carry_out(*operations)
    assert [operation.repeated for operation in operations if operation.error is None] == [{2}, {0}, {0}]
    assert isinstance(operations[2].error, Conflict)
    assert ids(messages.fetch(A)) == ['x', 'y', 'z']


def test_the_ids_of_what_was_refused_remain_free(messages: Messages) -> None:
    messages.subscribe(A)
    messages.carry_out(own(messages.message(msg_id='x')))
    refused = own(messages.message(msg_id='free'), messages.message(b'another', msg_id='x'))
    (_, later) = messages.carry_out(refused, own(messages.message(msg_id='free')))
    assert isinstance(refused.error, Conflict)
    assert (later.error, later.repeated) == (None, frozenset())
    assert ids(messages.fetch(A)) == ['x', 'free']


def test_the_id_of_what_was_dropped_remains_free(messages: Messages) -> None:
    dropped, again = own(messages.message(msg_id='x')), own(messages.message(msg_id='x'))
    dropped.drops = frozenset({TOPIC})
    messages.carry_out(dropped)
    assert dropped.seqs == [0]
    messages.subscribe(A)
    messages.carry_out(again)
    assert (again.error, again.repeated) == (None, frozenset())
    assert ids(messages.fetch(A)) == ['x']


def test_what_is_remembered_of_an_id_names_its_message(messages: Messages) -> None:
    messages.subscribe(A)
    messages.carry_out(own(messages.message(), messages.message(), messages.message(b'longer')))
    found = messages.run('SELECT msg_id, topic_id, digest, at FROM ps_seen ORDER BY msg_id')
    same, other = digest_of(messages.message().data), digest_of(b'longer')
    assert found == [('m1', 1, same, 1_000), ('m2', 1, same, 1_000), ('m3', 1, other, 1_000)]


def test_an_id_that_is_given_twice_by_the_server_is_refused_alone(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(messages.message(msg_id='x'))
    operations = [Publish([messages.message(msg_id=msg_id)]) for msg_id in ('a', 'x', 'b')]
    messages.carry_out(*operations)
    assert [operation.error is None for operation in operations] == [True, False, True]
    assert ids(messages.fetch(A)) == ['x', 'a', 'b']


# Reading


def test_a_higher_priority_goes_first_and_what_is_equal_in_order(messages: Messages) -> None:
    messages.subscribe(A)
    for priority in (5, 1, 9, 5, 9, 1):
        messages.publish(messages.message(msg_id='', priority=priority))
    assert ids(messages.fetch(A)) == ['m3', 'm5', 'm1', 'm4', 'm2', 'm6']
    assert ids(messages.fetch(A, limit=3)) == ['m3', 'm5', 'm1']


def test_no_more_rows_are_read_than_asked_for(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(*[messages.message() for _ in range(5)])
    found = messages.fetched(A, limit=5)
    assert (len(found.rows), found.is_all) == (5, False)
    found = messages.fetched(A, limit=6)
    assert (len(found.rows), found.is_all) == (5, True)
    empty = messages.fetched(B)
    assert (empty.rows, empty.is_all, empty.next_due) == ([], True, 0)


def test_no_more_data_is_read_than_asked_for_but_one_message(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(*[messages.message(b'x' * 100) for _ in range(5)])
    messages.publish(messages.message(b'x' * 10_000, priority=9))
    assert ids(messages.fetch(A, size=50)) == ['m6']
    messages.ack(A, *messages.fetch(A, limit=1))
    for size, expected in ((1, 1), (100, 1), (101, 2), (250, 3), (500, 5), (501, 5)):
        found = messages.fetched(A, size=size)
        assert len(found.rows) == expected, size
        assert found.is_all == (size > 500)


def test_what_is_written_in_a_turn_is_read_in_it(messages: Messages) -> None:
    messages.subscribe(A)
    first = messages.publish()
    operations: tuple[Operation, ...] = (
        Publish([messages.message()]),
        Ack(fence(A), [(4, first.seqs[0])]),
        found := Fetch(A, limit=5, size=MEGABYTE, now=0),
    )
    messages.carry_out(*operations)
    assert [operation.error for operation in operations] == [None] * 3
    assert ids(found.rows) == ['m2']


@pytest.mark.parametrize('is_fresh', [True, False], ids=['from the beginning', 'from where it was'])
def test_all_that_is_there_is_read_in_order_while_it_is_settled(messages: Messages, is_fresh: bool) -> None:
    messages.subscribe(A)
    messages.publish(*[messages.message(priority=priority) for _ in range(20) for priority in (3, 5, 8)])
    found = list[str]()
    while rows := messages.fetch(A, limit=7, is_fresh=is_fresh):
        found += ids(rows)
        messages.ack(A, *rows)
        if len(found) == 35:
            messages.publish(messages.message(msg_id='first', priority=9), messages.message(msg_id='last', priority=3))
    expected = [f'm{number}' for start in (3, 2, 1) for number in range(start, 61, 3)]
    expected.insert(35, 'first')
    assert found == [*expected, 'last']


# Settling


def test_what_is_acknowledged_is_gone_with_the_last_who_had_it(messages: Messages) -> None:
    messages.subscribe(A, B, C)
    messages.publish()
    for sub_id, refs in ((A, [(2,)]), (B, [(1,)]), (C, [])):
        messages.ack(sub_id, *messages.fetch(sub_id))
        assert messages.fetch(sub_id) == []
        assert messages.run('SELECT refs FROM ps_msg') == refs


def test_several_subscriptions_acknowledge_the_same_messages_in_one_turn(messages: Messages) -> None:
    messages.subscribe(A, B, C)
    messages.publish(*[messages.message() for _ in range(5)])
    rows = messages.fetch(A)
    messages.carry_out(Ack(fence(A), keys(rows)), Ack(fence(B), keys(rows[:3])))
    assert messages.run('SELECT refs FROM ps_msg ORDER BY seq') == [(1,)] * 3 + [(2,)] * 2
    messages.carry_out(Ack(fence(C), keys(rows)), Ack(fence(B), keys(rows[3:])))
    assert messages.stored() == []


def test_what_is_kept_for_replay_remains(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(messages.message(keep_until=5_000), messages.message())
    messages.ack(A, *messages.fetch(A))
    assert messages.run('SELECT msg_id, refs FROM ps_msg') == [('m1', 0)]
    messages.run('DELETE FROM ps_msg')


def test_acknowledging_twice_and_what_is_not_there_changes_nothing(messages: Messages) -> None:
    messages.subscribe(A, B)
    messages.publish(messages.message(), messages.message())
    first, second = messages.fetch(A)
    messages.settle(Ack(fence(A), [first.key, first.key, (4, 10_000), (0, second.seq)]))
    messages.settle(Ack(fence(A), [first.key]))
    messages.settle(Ack(fence(A), []))
    assert messages.run('SELECT refs FROM ps_msg ORDER BY seq') == [(1,), (2,)]
    assert (ids(messages.fetch(A)), ids(messages.fetch(B))) == (['m2'], ['m1', 'm2'])


def test_what_was_added_to_an_acknowledgement_until_its_turn_is_acknowledged_too(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(messages.message(), messages.message())
    first, second = messages.fetch(A)
    ack = Ack(fence(A), [first.key])
    ack.more.append(second.key)
    messages.store.commit(lambda: [ack] if ack.begin() else [])
    assert messages.stored() == []


def test_what_failed_is_tried_again_in_its_place(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(messages.message(), messages.message())
    first = messages.fetch(A)[0]
    messages.settle(Suspect(fence(A), [first.key], crashes=2))
    retry = Retry(fence(A), [first.key], at=5_000, attempts=2, text='it\0 failed \ud800', waits_aside=False)
    messages.settle(retry)
    rows = messages.fetch(A)
    assert [(row.message.msg_id, row.attempts, row.not_before) for row in rows] == [('m1', 2, 5_000), ('m2', 0, 0)]
    assert [row.crashes for row in rows] == [1, 0]
    ((error,),) = messages.run('SELECT error FROM ps_queue WHERE seq = :seq', seq=first.seq)
    assert error.startswith('it')
    assert ' failed ' in error


def test_what_failed_waits_aside_until_it_is_due(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(messages.message(), messages.message(), messages.message(priority=9))
    _, first, second = messages.fetch(A)
    messages.settle(Suspect(fence(A), [first.key], crashes=2))
    messages.settle(Retry(fence(A), [first.key], at=5_000, attempts=1, text='no', waits_aside=True))
    messages.settle(Retry(fence(A), [second.key], at=6_000, attempts=2, text='no', waits_aside=True))
    early = messages.fetched(A, now=4_999)
    assert (ids(early.rows), early.next_due) == (['m3'], 5_000)
    due = messages.fetched(A, now=5_000, is_fresh=False)
    assert [(row.message.msg_id, row.attempts, row.crashes) for row in due.rows] == [('m3', 0, 0), ('m1', 1, 1)]
    assert due.next_due == 6_000
    late = messages.fetched(A, now=7_000, is_fresh=False)
    assert (ids(late.rows), late.next_due) == (['m3', 'm1', 'm2'], 0)
    assert messages.run('SELECT DISTINCT error FROM ps_queue WHERE attempts > 0') == [('no',)]


def test_what_comes_back_is_found_by_who_reads_from_where_it_was(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(*[messages.message() for _ in range(6)])
    first, second, *rest = messages.fetch(A, limit=4)
    messages.settle(Retry(fence(A), [first.key], at=5_000, attempts=1, text='no', waits_aside=True))
    messages.ack(A, second, *rest)
    assert ids(messages.fetch(A, is_fresh=False)) == ['m5', 'm6']
    assert ids(messages.fetch(A, is_fresh=False, now=5_000)) == ['m1', 'm5', 'm6']
    assert ids(messages.fetch(A, is_fresh=False)) == ['m1', 'm5', 'm6']


def test_many_that_are_due_come_back_in_several_turns(messages: Messages) -> None:
    messages.subscribe(A)
    publish = Publish([messages.message() for _ in range(1_200)])
    publish.due = {index: 5_000 + index for index in range(1_200)}
    messages.carry_out(publish)
    counts = list[int]()
    while not counts or counts[-1] < 1_200:
        counts.append(len(messages.fetch(A, limit=2_000, now=10_000)))
    assert counts == [500, 1_000, 1_200]


def test_what_is_for_later_waits_until_it_is_due(messages: Messages) -> None:
    messages.subscribe(A, B)
    publish = Publish([messages.message(), messages.message(priority=9), messages.message()])
    publish.due = {1: 5_000, 2: 6_000}
    messages.carry_out(publish)
    assert publish.error is None
    for sub_id in (A, B):
        found = messages.fetched(sub_id, now=4_000)
        assert (ids(found.rows), found.next_due) == (['m1'], 5_000)
        assert ids(messages.fetch(sub_id, now=6_000)) == ['m2', 'm1', 'm3']


def test_what_is_for_later_waits_for_the_first_subscriber_too(messages: Messages) -> None:
    publish = Publish([messages.message()])
    publish.due = {0: 5_000}
    messages.carry_out(publish)
    assert messages.seqs('ps_retry', -TOPIC) == publish.seqs


def test_dead_letters_have_what_is_known_of_them(messages: Messages) -> None:
    messages.subscribe(A, B)
    messages.publish(messages.message(), messages.message(priority=9))
    high, low = messages.fetch(A)
    messages.settle(Bury(fence(A), keys([high, low]), at=9_000, attempts=25, reason='max-retry', text='it\0 failed'))
    assert messages.fetch(A) == []
    assert ids(messages.fetch(B)) == ['m2', 'm1']
    found = messages.run('SELECT seq, rank, topic_id, sub_key, attempts, reason, died_at FROM ps_dead ORDER BY seq')
    assert found == [
        (low.seq, 4, TOPIC, 'k7', 25, 'max-retry', 9_000),
        (high.seq, 0, TOPIC, 'k7', 25, 'max-retry', 9_000),
    ]
    assert messages.run('SELECT refs FROM ps_msg') == [(2,), (2,)]


def test_what_dies_again_after_a_replay_is_a_dead_letter_once(messages: Messages) -> None:
    messages.subscribe(A, B)
    messages.publish(messages.message(keep_until=9_000))
    (row,) = messages.fetch(A)
    messages.settle(Bury(fence(A), [row.key], at=1, attempts=1, reason='max-retry', text='first'))
    messages.run('INSERT INTO ps_queue (sub_id, rank, seq) VALUES (:sub, 4, :seq)', sub=A, seq=row.seq)
    messages.run('UPDATE ps_msg SET refs = refs + 1')
    messages.settle(Bury(fence(A), [row.key], at=2, attempts=3, reason='rejected', text='second'))
    found = messages.run('SELECT seq, attempts, reason, error, died_at FROM ps_dead')
    assert found == [(row.seq, 3, 'rejected', 'second', 2)]
    assert messages.run('SELECT refs FROM ps_msg') == [(2,)]


def test_a_suspicion_that_is_written_twice_counts_once(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(messages.message(), messages.message())
    first = messages.fetch(A)[0]
    messages.settle(Suspect(fence(A), [first.key], crashes=1))
    for _ in range(2):
        messages.settle(Suspect(fence(A), [first.key], crashes=2))
    assert [row.crashes for row in messages.fetch(A)] == [2, 0]


def settlements(sub_id: int, key: tuple[int, int], owner: str, epoch: int) -> list[Settle]:
    lost = fence(sub_id, owner, epoch)
    return [
        Ack(lost, [key]),
        Retry(lost, [key], at=1, attempts=1, text='', waits_aside=False),
        Retry(lost, [key], at=1, attempts=1, text='', waits_aside=True),
        Bury(lost, [key], at=1, attempts=1, reason='rejected', text=''),
        Suspect(lost, [key], crashes=1),
    ]


@pytest.mark.parametrize(('owner', 'epoch'), [('other', 3), (ME, 2), (ME, 4)], ids=['owner', 'earlier', 'later'])
def test_who_lost_the_lease_changes_nothing(messages: Messages, owner: str, epoch: int) -> None:
    messages.subscribe(A, B)
    messages.publish()
    (row,) = messages.fetch(A)
    (other,) = messages.fetch(B)
    stale = settlements(A, row.key, owner, epoch)
    good = Ack(fence(B), [other.key])
    messages.carry_out(*stale[:3], good, *stale[3:])
    assert [(operation.is_lost, operation.error) for operation in stale] == [(True, None)] * len(stale)
    assert (good.is_lost, good.error) == (False, None)
    assert (messages.fetch(A), messages.fetch(B)) == ([row], [])


def test_without_a_lease_nothing_is_changed(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish()
    (row,) = messages.fetch(A)
    messages.run('DELETE FROM lease')
    stale = settlements(A, row.key, ME, 3)
    messages.carry_out(*stale)
    assert all(operation.is_lost for operation in stale)
    assert messages.fetch(A) == [row]


def test_of_two_leases_of_a_subscription_in_one_turn_the_one_that_stands_counts(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish(messages.message(), messages.message())
    first, second = messages.fetch(A)
    stale, good = Ack(fence(A, ME, 2), [first.key]), Ack(fence(A), [second.key])
    messages.carry_out(stale, good)
    assert (stale.is_lost, good.is_lost) == (True, False)
    assert messages.fetch(A) == [first]


def test_a_store_can_be_closed_twice_and_is_opened_by_its_next_turn(messages: Messages) -> None:
    messages.subscribe(A)
    messages.store.close()
    messages.store.close()
    messages.publish()
    assert ids(messages.fetch(A)) == ['m1']


def test_an_operation_that_cannot_be_carried_out_fails_alone(messages: Messages) -> None:
    messages.subscribe(A)
    messages.publish()
    (row,) = messages.fetch(A)
    wrong = Retry(fence(A), [row.key], at=2**70, attempts=1, text='', waits_aside=False)
    good = Suspect(fence(A), [row.key], crashes=1)
    messages.carry_out(wrong, Fetch(A, limit=1, size=1, now=0), good)
    assert isinstance(wrong.error, StoreUnavailable)
    assert 'Retry of messages cannot be carried out' in str(wrong.error)
    assert good.error is None
    assert [row.crashes for row in messages.fetch(A)] == [1]
