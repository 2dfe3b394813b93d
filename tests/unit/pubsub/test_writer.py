"""Group commit."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from threading import Event
from weakref import ref

import gevent
import pytest

from tests.unit.pubsub.rows import stored
from tests.unit.pubsub.stores import FakeStore
from zato.common.exception import Conflict, StoreUnavailable
from zato.server.pubsub.store.interface import Ack, Fence, Fetch, Operation, Publish
from zato.server.pubsub.writer import Writer

FENCE = Fence(1, 'me', 1)


def publish(number: int = 1) -> Publish:
    return Publish([stored(number)])


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def writer(store: FakeStore) -> Iterator[Writer]:
    made = Writer(store, patience=0.1)
    made.start()
    yield made
    store.free.set()
    made.stop()


def until(condition: object) -> None:
    with gevent.Timeout(10):
        while not condition():  # type: ignore[operator]  # a function
            gevent.sleep(0.001)


def test_whoever_publishes_goes_on_once_it_is_written(writer: Writer, store: FakeStore) -> None:
    operation = publish()
    assert writer.run(operation) is operation
    assert store.batches == [[operation]]


def test_what_comes_during_a_commit_shares_the_next_one(writer: Writer, store: FakeStore) -> None:
    store.free.clear()
    first = gevent.spawn(writer.run, publish())
    until(store.began.is_set)
    others = [gevent.spawn(writer.run, publish(number)) for number in range(2, 66)]
    gevent.sleep(0)
    store.free.set()
    gevent.joinall([first, *others], raise_error=True)
    assert [len(batch) for batch in store.batches] == [1, 64]


def test_an_error_is_that_of_its_own_operation() -> None:
    def carry_out(operation: Operation) -> None:
        if isinstance(operation, Publish) and operation.messages[0].msg_id.endswith('2'):
            operation.error = Conflict(msg='there is another one')

    writer = Writer(FakeStore(carry_out))
    writer.start()
    greenlets = [gevent.spawn(writer.run, publish(number)) for number in (1, 2, 3)]
    gevent.joinall(greenlets)
    assert [type(greenlet.exception) for greenlet in greenlets] == [type(None), Conflict, type(None)]
    writer.stop()


def test_a_store_that_fails_is_told_to_everybody_and_goes_on() -> None:
    class Broken(FakeStore):
        def commit(self, take):  # type: ignore[no-untyped-def]  # as in FakeStore
            if not self.batches:
                self.batches.append(list(take()))
                raise RuntimeError('boom')
            return super().commit(take)

    writer = Writer(Broken())
    writer.start()
    with pytest.raises(StoreUnavailable, match='it is not known whether it was written'):
        writer.run(publish())
    writer.run(publish(2))
    writer.stop()


def test_whoever_waits_too_long_is_told_that_nothing_was_written(writer: Writer, store: FakeStore) -> None:
    store.free.clear()
    gevent.spawn(writer.put, publish())
    until(store.began.is_set)
    with pytest.raises(StoreUnavailable, match='nothing was written'):
        writer.run(late := publish(2))
    store.free.set()
    writer.run(publish(3))
    assert all(late not in batch for batch in store.batches)


def test_whoever_waits_too_long_for_what_has_begun_is_told_that_this_is_not_known(writer: Writer, store: FakeStore) -> None:
    store.free.clear()
    with pytest.raises(StoreUnavailable, match='it is not known whether it was written'):
        writer.run(publish())


def test_what_a_killed_greenlet_wanted_is_not_begun(writer: Writer, store: FakeStore) -> None:
    store.free.clear()
    gevent.spawn(writer.put, publish())
    until(store.began.is_set)
    killed = publish(2)
    greenlet = gevent.spawn(writer.run, killed)
    gevent.sleep(0)
    greenlet.kill()
    store.free.set()
    writer.run(publish(3))
    assert all(killed not in batch for batch in store.batches)


def test_acknowledgements_that_come_while_one_waits_are_carried_out_with_it(writer: Writer, store: FakeStore) -> None:
    store.free.clear()
    writer.put(publish())
    until(store.began.is_set)
    ack = Ack(FENCE)
    ack.more.append((4, 1))
    writer.put(ack)
    ack.more.append((4, 2))
    store.free.set()
    writer.run(publish(2))
    assert ack.keys == [(4, 1), (4, 2)]
    assert not ack.more


def test_whoever_reads_is_told_after_those_who_wrote(writer: Writer, store: FakeStore) -> None:
    told: list[Operation] = []
    store.free.clear()
    writer.put(publish())
    until(store.began.is_set)
    operations = [Fetch(1, limit=1, size=1, now=0), Ack(FENCE, [(4, 1)]), publish(2)]
    for operation in operations:
        operation.done = told.append
        writer.put(operation)
    store.free.set()
    until(lambda: len(told) == 3)
    assert told == [operations[2], operations[1], operations[0]]


def test_a_stop_carries_out_what_was_put_and_takes_nothing_more(writer: Writer, store: FakeStore) -> None:
    operations = [publish(number) for number in range(3)]
    for operation in operations:
        writer.put(operation)
    writer.stop()
    assert [operation for batch in store.batches for operation in batch] == operations
    assert not store.is_open
    with pytest.raises(StoreUnavailable, match='stops'):
        writer.run(publish())
    writer.stop()


def test_a_stop_waits_for_what_was_put_though_others_before_it_are_not_wanted_any_more() -> None:
    last = publish(3)
    store = FakeStore(lambda operation: Event().wait(0.05) if operation is last else None)
    writer = Writer(store)
    writer.start()
    store.free.clear()
    writer.put(publish(1))
    until(store.began.is_set)
    unwanted = publish(2)
    unwanted.is_wanted = False
    writer.put(unwanted)
    gevent.sleep(0)
    stopping = gevent.spawn(writer.stop)
    gevent.sleep(0)
    writer.put(last)
    gevent.sleep(0)
    store.free.set()
    stopping.get(timeout=10)
    assert not store.is_open


def test_the_event_loop_goes_on_while_the_store_blocks(writer: Writer, store: FakeStore) -> None:
    store.free.clear()
    writer.put(publish())
    until(store.began.is_set)
    turns = 0
    for _ in range(100):
        gevent.sleep(0)
        turns += 1
    assert turns == 100


def test_what_is_finished_is_forgotten_at_once_and_is_not_left_to_the_collector_of_garbage(
    writer: Writer, store: FakeStore
) -> None:
    operation = publish()
    operation.done = lambda done: None
    left = ref(operation)
    gc.disable()
    try:
        writer.run(operation)
        del operation
        store.batches.clear()
        until(lambda: left() is None)
    finally:
        gc.enable()


def test_somebody_alone_who_publishes_does_not_wait_for_the_event_loop(writer: Writer, store: FakeStore) -> None:
    gevent.spawn(writer.run, publish())
    gevent.get_hub().loop.run_callback(lambda: asked.append(store.began.wait(10)))
    asked: list[bool] = []
    until(lambda: asked)
    assert asked == [True]


def test_a_failed_listener_does_not_leave_whoever_published_waiting(writer: Writer) -> None:
    def fail(operation: Operation) -> None:
        raise RuntimeError('boom')

    operation = publish()
    operation.done = fail
    assert gevent.spawn(writer.run, operation).get(timeout=10) is operation
