"""Queues that people change by hand while messages are published and delivered: all of it still fits together then."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from threading import Event, Thread

import pytest

from tests.support.pubsub_store import EPOCH, ME, TOPIC, Messages
from tests.support.pubsub_tables import PubSubTables, now
from zato.common.odb.address import ODBAddress
from zato.server.pubsub.copies import Copies, Destination, Moves
from zato.server.pubsub.dead import Chosen, DeadLetters
from zato.server.pubsub.queues import Queues
from zato.server.pubsub.replay import Replay
from zato.server.pubsub.store.interface import Ack, Bury, Fence, Fetch, Operation, Publish, Retry
from zato.server.pubsub.subs import SubRow, SubscriptionRows
from zato.server.pubsub.sweeper import Sweeper

A, B, COMES_AND_GOES = 11, 12, 13
SEED = 20_261_122
ROUNDS = 60
MINUTE = 60_000_000


class Server:
    """Publishes and delivers as a worker does, in a thread, until it is told to stop."""

    def __init__(self, address: ODBAddress) -> None:
        self.messages = Messages(address)
        self.problems: list[str] = []
        self.done: Counter[str] = Counter()
        self._random = random.Random(SEED)
        self._is_stopping = Event()
        self._thread = Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        self._thread.join()
        self.messages.close()

    def _run(self) -> None:
        try:
            while not self._is_stopping.is_set():
                self._turn()
        except BaseException as e:
            self.problems.append(repr(e))

    def _turn(self) -> None:
        keep = now() + MINUTE if self._random.random() < 0.3 else 0
        made = [
            self.messages.message(b'data', priority=self._random.randint(4, 6), keep_until=keep)._replace(pub_time=now())
            for _ in range(5)
        ]
        operations: list[Operation] = [Publish(made)]
        for sub_id in (A, B):
            fetched = self.messages.fetched(sub_id, limit=4, now=now())
            keys = [row.key for row in fetched.rows]
            if keys:
                operations.append(self._settle(Fence(sub_id, ME, EPOCH), keys))
            operations.append(Fetch(sub_id, limit=4, size=10_000, now=now()))
        for operation in self.messages.store.commit(lambda: operations):
            self.done[type(operation).__name__] += 1
            if operation.error is not None:
                self.problems.append(repr(operation.error))

    def _settle(self, fence: Fence, keys: list[tuple[int, int]]) -> Operation:
        chance = self._random.random()
        if chance < 0.6:
            return Ack(fence, keys)
        if chance < 0.8:
            return Bury(fence, keys, at=now(), attempts=1, reason='rejected', text='No')
        aside = self._random.random() < 0.5
        return Retry(fence, keys, at=now(), attempts=1, text='Down', waits_aside=aside)


class Hands:
    """What people do, at random."""

    def __init__(self, store: PubSubTables) -> None:
        self._random = random.Random(SEED + 1)
        ids = count(1)
        copies = Copies(store.tables, lambda: f'copy{next(ids)}')
        self._queues = Queues(store.tables, store.tell)
        self._moves = Moves(store.tables, copies, store.tell)
        self._dead = DeadLetters(store.tables, copies, store.tell)
        self._replay = Replay(store.tables, store.tell)
        self._subs = SubscriptionRows(store.tables)
        self._sweeper = Sweeper(store.tables, pulled=lambda: [A], live=tuple)
        self.done: Counter[str] = Counter()

    def do(self) -> None:
        acts: list[Callable[[], object]] = [
            self.delete, self.move, self.edit, self.requeue, self.requeue_as_new, self.requeue_elsewhere, self.bury_no_more,
            self.replay, self.subscribe, self.unsubscribe, self.clear, self.sweep,
        ]  # fmt: skip
        act = self._random.choice(acts)
        act()
        self.done[act.__name__] += 1

    def delete(self) -> None:
        self._queues.delete(A, self._some(A))

    def move(self) -> None:
        self._moves.move(A, self._some(A), Destination(TOPIC, 0), is_copy=self._random.random() < 0.3)

    def edit(self) -> None:
        for id in self._some(B):
            self._queues.edit(id, priority=self._random.randint(4, 6), data=b'other', size=5)

    def requeue(self) -> None:
        self._dead.requeue_all(Chosen(sub_id=A))

    def requeue_as_new(self) -> None:
        letters, _ = self._dead.browse(Chosen(sub_id=B), limit=5, prefix=5)
        self._dead.requeue([(letter.sub_id, letter.seq) for letter in letters], as_new=True)

    def requeue_elsewhere(self) -> None:
        letters, _ = self._dead.browse(Chosen(), limit=5, prefix=5)
        self._dead.requeue([(letter.sub_id, letter.seq) for letter in letters], to=Destination(TOPIC, 60))

    def bury_no_more(self) -> None:
        self._dead.delete_all(Chosen(reason='deleted-sub'))

    def replay(self) -> None:
        self._replay.reset(B, TOPIC, time=now() - 200_000)

    def subscribe(self) -> None:
        self._subs.ensure([SubRow(COMES_AND_GOES, TOPIC, 'zpsk.comes')])

    def unsubscribe(self) -> None:
        self._subs.remove(COMES_AND_GOES)

    def clear(self) -> None:
        if self._random.random() < 0.3:
            self._queues.clear(self._random.choice((A, B, COMES_AND_GOES)))

    def sweep(self) -> None:
        self._sweeper.sweep()

    def _some(self, sub_id: int) -> list[str]:
        page = self._queues.browse(sub_id, self._random.choice(('ready', 'retry')), limit=10)
        return [message.msg_id for message in page.messages]


@pytest.fixture
def store(odb_address: ODBAddress) -> Iterator[PubSubTables]:
    opened = PubSubTables(odb_address)
    yield opened
    opened.close()


def test_nothing_contradicts_anything_else_afterwards(odb_address: ODBAddress, store: PubSubTables) -> None:
    server, hands = Server(odb_address), Hands(store)
    server.messages.subscribe(A, B)
    server.start()
    try:
        for _ in range(ROUNDS):
            hands.do()
    finally:
        server.stop()
    print(f'seed {SEED}; the server: {dict(server.done)}; people: {dict(hands.done)}')
    assert server.problems == []
    store.check()
    check = Messages(odb_address)
    check.check()
    check.close()
    assert server.done['Publish'] > 5
