"""Who is told that somebody has subscribed or unsubscribed, in each database: one worker of all, once."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from tests.support.pubsub_tables import TOPIC, PubSubTables
from zato.common.odb.address import ODBAddress
from zato.server.pubsub import subs
from zato.server.pubsub.subs import SubRow, SubscriptionRows

ROWS = [SubRow(id, TOPIC, f'zpsk.{id}') for id in range(7, 12)]


class Worker:
    def __init__(self, odb: ODBAddress) -> None:
        self.store = PubSubTables(odb)
        self.joined: list[SubRow] = []
        self.left: list[SubRow] = []
        self.rows = SubscriptionRows(self.store.tables, self.joined.append, self.left.append)


@pytest.fixture
def workers(odb_address: ODBAddress) -> Iterator[list[Worker]]:
    made = [Worker(odb_address) for _ in range(3)]
    yield made
    made[0].store.check()
    for worker in made:
        worker.store.close()


def test_of_all_workers_that_see_a_subscription_come_and_go_one_is_told(workers: list[Worker]) -> None:
    gevent.joinall([gevent.spawn(worker.rows.ensure, ROWS) for worker in workers], raise_error=True)
    assert sorted(row for worker in workers for row in worker.joined) == ROWS
    gevent.joinall([gevent.spawn(worker.rows.remove, row.id) for worker in workers for row in ROWS], raise_error=True)
    assert sorted(row for worker in workers for row in worker.left) == ROWS


def test_nobody_is_told_again(workers: list[Worker]) -> None:
    first, second, _ = workers
    first.rows.ensure(ROWS[:1])
    second.rows.ensure(ROWS[:1])
    second.rows.ensure([])
    assert (first.joined, second.joined) == (ROWS[:1], [])
    second.rows.remove(7)
    first.rows.remove(7)
    assert (first.left, second.left) == ([], ROWS[:1])


def test_who_takes_over_much_has_subscribed_once_all_of_it_is_there(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subs, 'AT_ONCE', 2)
    worker = workers[0]
    worker.store.publish('m1', 'm2', 'm3', 'm4', 'm5', queues=[-TOPIC])
    worker.rows.ensure(ROWS[:2])
    assert worker.joined == ROWS[:2]


def test_a_subscription_that_the_odb_does_not_have_any_more_is_told_of(workers: list[Worker]) -> None:
    workers[0].rows.ensure(ROWS[:2])
    workers[1].rows.reconcile(lambda ids: [8, TOPIC])
    assert (workers[0].left, workers[1].left) == ([], ROWS[:1])
