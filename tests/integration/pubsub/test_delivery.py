"""A subscription's delivery task over a real store: order, retries, dead letters, crashes, leases."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest

from tests.unit.pubsub.rows import row
from zato.common.config.kinds.pubsub_subscription import PubSubSubscription
from zato.common.exception import NotTaken, PubSubReject, RetryLater, ZatoException
from zato.common.pubsub import PubSubMessage
from zato.common.pubsub.schema import upgrade_sqlite
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.failure import without_answer
from zato.server.pubsub.store.interface import Fence, Publish, Row, StoredMessage
from zato.server.pubsub.store.sqlite import SQLiteStore
from zato.server.pubsub.surroundings import Surroundings
from zato.server.pubsub.task import Task
from zato.server.pubsub.writer import Writer

TOPIC, SUB = 1, 7
PATIENCE = 20.0  #: seconds


class Target:
    """answer: what becomes of a delivery; it may raise, and return IDs that are not taken."""

    def __init__(self, answer: Callable[[Sequence[PubSubMessage]], Collection[str]] = lambda messages: ()) -> None:
        self.answer = answer
        self.calls: list[list[PubSubMessage]] = []
        self.is_up = True

    def deliver(self, messages: Sequence[PubSubMessage], cid: str) -> Collection[str]:
        self.calls.append(list(messages))
        return self.answer(messages)

    def is_there(self) -> bool:
        return self.is_up

    @property
    def data(self) -> list[Any]:
        return [message.data for call in self.calls for message in call]


class Bench:
    """A store with one topic and one subscription, whose lease is held."""

    def __init__(self, path: Path) -> None:
        upgrade_sqlite(path)
        self.path = path
        self.sql("INSERT INTO ps_sub (id, topic_id, sub_key) VALUES (7, 1, 'zpsk.srv.1')")
        self.sql('UPDATE ps_state SET subs = subs + 1')
        self.lease('me', 1)
        self.writer = Writer(SQLiteStore(path))
        self.writer.start()
        self.now = 1_700_000_000.0
        self.lost: list[int] = []
        self.failed: list[int] = []
        self.hook: Any = None
        self.tasks: list[Task] = []
        self._numbers = iter(range(1, 1_000_000))

    def lease(self, owner: str, epoch: int) -> None:
        self.sql(f"INSERT OR REPLACE INTO lease VALUES ('pubsub:{SUB}', '{owner}', {epoch}, 1e12)")

    def sql(self, statement: str) -> list[Any]:
        connection = sqlite3.connect(self.path)
        with connection:
            found = connection.execute(statement).fetchall()
        connection.close()
        return found

    def publish(self, *data: str, task: Task | None = None, **values: Any) -> None:
        messages = []
        for one in data:
            given = {'priority': 5, 'expires_at': 0, 'meta': None, **values}
            id = f'zpsm{next(self._numbers):024x}'
            messages.append(
                StoredMessage(
                    id, TOPIC, given['priority'], 1, given['expires_at'], 'text/plain', 't', len(one), 0, 0, given['meta'],
                    one.encode(),
                )
            )  # fmt: skip
        publish = self.writer.run(Publish(messages))
        if task is not None:
            for message, seq in zip(messages, publish.seqs, strict=True):
                task.offer(Row(9 - message.priority, seq, 0, 0, 0, message))

    def task(self, target: Target, *, is_clean: bool = True, epoch: int = 1, **settings: Any) -> Task:
        given = {'delivery_batch_size': 1, 'sub_key': 'zpsk.srv.1', 'wait_non_sock_err': 0.001, **settings}
        item = ConfigObject(
            id=SUB,
            kind='pubsub_subscription',
            name='sub',
            is_active=True,
            version=1,
            settings=PubSubSubscription(topic=TOPIC, endpoint=2, **given),
        )
        surroundings = Surroundings(
            writer=self.writer,
            target_of=lambda item: target,
            topic_of=lambda id: None,
            hook_of=lambda id: self.hook,
            new_cid=lambda: 'cid',
            lost=self.lost.append,
            failed=self.failed.append,
        )
        task = Task(item, Fence(SUB, 'me', epoch), surroundings, is_clean=is_clean)
        self.tasks.append(task)
        task.start()
        return task

    def close(self) -> None:
        for task in self.tasks:
            task.kill()
        self.writer.stop()

    def left(self) -> int:
        return int(self.sql('SELECT count(*) FROM ps_queue')[0][0])

    def dead(self) -> list[tuple[str, str, int]]:
        return self.sql(
            'SELECT CAST(m.data AS TEXT), d.reason, d.attempts FROM ps_dead d JOIN ps_msg m ON m.seq = d.seq ORDER BY d.seq'
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / 'pubsub.db')
    yield made
    made.close()


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(PATIENCE):
        while not condition():
            gevent.sleep(0.002)


def fail(times: int, error: Callable[[], BaseException] = lambda: ValueError('no')) -> Callable[[Any], tuple[()]]:
    left = [times]

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        if left[0]:
            left[0] -= 1
            raise error()
        return ()

    return answer


def test_what_waits_is_delivered_by_priority_and_in_order_and_leaves_the_store(bench: Bench) -> None:
    bench.publish('a', 'b')
    bench.publish('urgent', priority=9)
    target = Target()
    bench.task(target)
    until(lambda: not bench.left())
    assert target.data == ['urgent', 'a', 'b']
    assert bench.sql('SELECT count(*) FROM ps_msg') == [(0,)]


def test_what_is_published_here_is_delivered_without_a_look_at_the_store(bench: Bench) -> None:
    target = Target()
    task = bench.task(target)
    until(lambda: task._head.is_all)
    bench.publish('a', 'b', task=task)
    until(lambda: target.data == ['a', 'b'])


def test_what_other_workers_published_before_goes_before_what_is_published_here(bench: Bench) -> None:
    target = Target()
    task = bench.task(target)
    until(lambda: task._head.is_all)
    bench.publish('of another worker', 'of this worker')
    task.offer(row(2), turn=1)
    until(lambda: not bench.left())
    assert target.data == ['of another worker', 'of this worker']


def test_an_urgent_message_overtakes_a_backlog(bench: Bench) -> None:
    bench.publish(*(f'{number}' for number in range(1_500)))
    target = Target()
    is_sent = []

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        if len(target.calls) == 100 and not is_sent:
            is_sent.append(True)
            bench.publish('urgent', priority=9, task=task)
        return ()

    target.answer = answer
    task = bench.task(target)
    until(lambda: not bench.left())
    assert target.data.index('urgent') == 100
    assert len(target.data) == 1_501


def test_what_raises_is_delivered_again_with_the_number_of_earlier_attempts(bench: Bench) -> None:
    bench.publish('a', 'b')
    target = Target(fail(3))
    bench.task(target)
    until(lambda: not bench.left())
    assert target.data == ['a', 'a', 'a', 'a', 'b']
    assert [call[0].delivery_count for call in target.calls] == [0, 1, 2, 3, 0]


def test_attempts_and_pauses_are_kept_in_the_store(bench: Bench) -> None:
    bench.publish('a')
    target = Target(fail(1))
    task = bench.task(target, wait_non_sock_err=3_600)
    until(lambda: bench.sql('SELECT attempts, error FROM ps_queue') == [(1, 'ValueError: no')])
    task.stop(1)
    other = Target()
    task = bench.task(other, wait_non_sock_err=3_600)
    until(lambda: task.figures.next_attempt)
    assert other.calls == []
    assert task.state == 'retrying'


def test_others_go_first_where_errors_do_not_block(bench: Bench) -> None:
    bench.publish('bad', 'good')
    target = Target()
    target.answer = lambda messages: fail(1)(messages) if messages[0].data == 'bad' and len(target.calls) == 1 else ()
    bench.task(target, delivery_err_should_block=False)
    until(lambda: target.data == ['bad', 'good', 'bad'])
    until(lambda: bench.sql('SELECT count(*) FROM ps_msg') == [(0,)])


def test_after_so_many_attempts_a_message_is_a_dead_letter(bench: Bench) -> None:
    bench.publish('bad', 'good')
    target = Target(lambda messages: fail(1)(messages) if messages[0].data == 'bad' else ())
    bench.task(target, delivery_max_retry=3)
    until(lambda: not bench.left())
    assert target.data == ['bad', 'bad', 'bad', 'good']
    assert bench.dead() == [('bad', 'max-retry', 3)]


def test_what_is_rejected_is_a_dead_letter_at_once(bench: Bench) -> None:
    bench.publish('bad')
    bench.task(target := Target(fail(1, lambda: PubSubReject(msg='not mine'))), delivery_max_retry=0)
    until(lambda: not bench.left())
    assert len(target.calls) == 1
    assert bench.dead() == [('bad', 'rejected', 1)]


def test_a_target_says_when_it_is_to_be_tried_again(bench: Bench) -> None:
    bench.publish('a')
    task = bench.task(Target(fail(1, lambda: RetryLater(3_600.0, 'later'))))
    until(lambda: task.figures.next_attempt)
    (due,) = bench.sql('SELECT not_before FROM ps_queue')[0]
    assert due > (task._all.now() + 3_000) * 1_000_000


def test_what_takes_too_long_is_interrupted_and_tried_again(bench: Bench) -> None:
    bench.publish('a')
    target = Target()
    target.answer = lambda messages: (gevent.sleep(60) if len(target.calls) == 1 else None) or ()
    bench.task(target, delivery_timeout=0.05)
    until(lambda: not bench.left())
    assert len(target.calls) == 2


@pytest.mark.parametrize('error', [SystemExit, KeyboardInterrupt, gevent.GreenletExit, gevent.Timeout])
def test_even_what_ends_greenlets_is_a_failure_of_the_message(bench: Bench, error: type[BaseException]) -> None:
    bench.publish('a')
    target = Target(fail(1, error))
    bench.task(target)
    until(lambda: not bench.left())
    assert len(target.calls) == 2


@pytest.mark.parametrize('error', [SystemExit, gevent.GreenletExit])
def test_what_ends_greenlets_in_a_hook_is_a_failure_of_the_message_too(bench: Bench, error: type[BaseException]) -> None:
    bench.hook = FailingHook(error)
    bench.publish('a')
    target = Target()
    bench.task(target)
    until(lambda: not bench.left())
    assert (bench.hook.calls, len(target.calls)) == (2, 1)


def test_a_hook_that_takes_too_long_is_interrupted_and_asked_again(bench: Bench) -> None:
    bench.hook = FailingHook(lambda: gevent.sleep(PATIENCE))
    bench.publish('a')
    target = Target()
    task = bench.task(target, delivery_timeout=0.05)
    until(lambda: not bench.left())
    assert (bench.hook.calls, len(target.calls)) == (2, 1)
    assert task.figures.last_error == 'TimeoutError: It took longer than 0.05 s'


class Textless(Exception):
    def __str__(self) -> str:
        raise ValueError('no text')


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (Textless(), 'Textless: (making its text raised ValueError)'),
        (ZatoException(msg='a\0b \ud800'), 'ZatoException: a\\x00b \\ud800'),
        (KeyError(), 'KeyError'),
    ],
    ids=['without a text', 'not storable', 'empty'],
)
def test_whatever_the_text_of_an_error_is_it_is_kept_and_told(
    bench: Bench, error: Exception, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    def deliver(messages: Any) -> tuple[()]:
        raise error

    bench.publish('a')
    target = Target(deliver)
    task = bench.task(target, delivery_max_retry=1)
    until(lambda: not bench.left())
    assert len(target.calls) == 1
    assert bench.sql('SELECT error FROM ps_dead') == [(text,)]
    assert task.figures.last_error == text
    assert f'attempt 1): {text}; it is a dead letter' in caplog.messages[0]


def test_what_another_system_answered_is_kept_with_the_message_and_told_nobody_else(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    error = NotTaken('the answer is 400', status_code=400, answer='bad: card 4111')
    bench.publish('a')
    task = bench.task(Target(fail(99, lambda: error)), delivery_max_retry=1)
    until(lambda: not bench.left())
    kept = bench.sql('SELECT error FROM ps_dead')[0][0]
    assert kept == 'NotTaken: the answer is 400; it answered: bad: card 4111'
    assert task.figures.last_error == without_answer(kept) == 'NotTaken: the answer is 400'
    assert '4111' not in caplog.text


def test_several_messages_are_delivered_at_once_and_those_that_are_not_taken_again(bench: Bench) -> None:
    bench.publish('a', 'b', 'c')
    target = Target()
    target.answer = lambda messages: (
        [message.pub_msg_id for message in messages if message.data == 'b'] if len(target.calls) == 1 else ()
    )
    bench.task(target, delivery_batch_size=10)
    until(lambda: not bench.left())
    assert [[message.data for message in call] for call in target.calls] == [['a', 'b', 'c'], ['b']]


def test_a_target_whose_answer_makes_no_sense_has_not_taken_them(bench: Bench) -> None:
    bench.publish('a')
    target = Target()
    target.answer = lambda messages: [{'a': 1}] if len(target.calls) == 1 else ()  # type: ignore[list-item, return-value]
    bench.task(target)
    until(lambda: not bench.left())
    assert (target.data, bench.failed) == (['a', 'a'], [])


def test_one_bad_message_of_many_ends_up_alone(bench: Bench) -> None:
    bench.publish(*'abcdefgh')
    target = Target(lambda messages: fail(1)(messages) if any(message.data == 'c' for message in messages) else ())
    bench.task(target, delivery_batch_size=8, delivery_max_retry=6)
    until(lambda: not bench.left())
    assert bench.dead() == [('c', 'max-retry', 6)]
    delivered = [message.data for call in target.calls for message in call if 'c' not in [one.data for one in call]]
    assert sorted(delivered) == list('abdefgh')


def test_what_has_expired_is_not_delivered(bench: Bench) -> None:
    bench.publish('old', expires_at=1)
    bench.publish('new')
    target = Target()
    task = bench.task(target)
    until(lambda: not bench.left())
    assert target.data == ['new']
    assert task.figures.expired == 1


def test_with_several_in_flight_the_order_of_each_group_is_kept(bench: Bench) -> None:
    for number in range(30):
        bench.publish(f'{number}', meta=f'{{"group_id":"{number % 3}"}}')
    running: set[str] = set()
    most = []

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        group = messages[0].group_id
        assert group not in running
        running.add(group)
        most.append(len(running))
        gevent.sleep(0.001)
        running.discard(group)
        return ()

    bench.task(target := Target(answer), max_in_flight=5)
    until(lambda: not bench.left())
    for group in range(3):
        assert [int(one) for one in target.data if int(one) % 3 == group] == list(range(group, 30, 3))
    assert max(most) == 3


def test_whoever_has_lost_the_lease_changes_nothing(bench: Bench) -> None:
    bench.publish('a')

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        bench.lease('another', 2)
        return ()

    bench.task(Target(answer))
    until(lambda: bench.lost)
    assert bench.left() == 1
    assert bench.lost[0] == SUB


def test_a_failure_under_a_lost_lease_changes_nothing(bench: Bench) -> None:
    bench.publish('a')

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        bench.lease('another', 2)
        raise ValueError('no')

    bench.task(Target(answer))
    until(lambda: bench.lost)
    assert bench.sql('SELECT attempts FROM ps_queue') == [(0,)]


def test_a_stop_waits_for_what_is_in_flight_and_its_acknowledgement(bench: Bench) -> None:
    bench.publish('a', 'b')
    may_end = gevent.event.Event()
    target = Target(lambda messages: may_end.wait() and ())
    task = bench.task(target)
    until(lambda: target.calls)
    stopping = gevent.spawn(task.stop, 10)
    gevent.sleep(0)
    may_end.set()
    stopping.get(timeout=PATIENCE)
    assert target.data == ['a']
    assert bench.left() == 1


def test_what_ended_its_process_three_times_is_a_dead_letter_and_the_rest_is_delivered(bench: Bench) -> None:
    bench.publish('good', 'killer', 'other')

    def dies(messages: Sequence[PubSubMessage]) -> tuple[()]:
        if messages[0].data == 'killer':
            gevent.sleep(3_600)
        return ()

    for epoch in range(1, 4):
        bench.lease('me', epoch)
        target = Target(dies)
        task = bench.task(target, is_clean=epoch == 1, epoch=epoch)
        until(lambda target=target: 'killer' in target.data)  # type: ignore[misc]  # of this turn
        task._settling.flush(PATIENCE)
        task.kill()  # as if its process had ended
    bench.lease('me', 4)
    last = Target(dies)
    bench.task(last, is_clean=False, epoch=4)
    until(lambda: not bench.left())
    assert last.data == ['other']
    assert bench.dead() == [('killer', 'crash', 0)]


def test_urgent_messages_that_come_while_one_ends_processes_cost_no_other_its_delivery(bench: Bench) -> None:
    bench.publish('killer', 'good', 'other')

    def dies(messages: Sequence[PubSubMessage]) -> tuple[()]:
        if messages[0].data == 'killer':
            gevent.sleep(3_600)
        return ()

    for epoch in range(1, 4):
        bench.lease('me', epoch)
        target = Target(dies)
        task = bench.task(target, is_clean=epoch == 1, epoch=epoch)
        until(lambda target=target: 'killer' in target.data)  # type: ignore[misc]  # of this turn
        task._settling.flush(PATIENCE)
        task.kill()  # as if its process had ended
        bench.publish('urgent', priority=9)
    bench.lease('me', 4)
    last = Target(dies)
    bench.task(last, is_clean=False, epoch=4)
    until(lambda: not bench.left())
    assert last.data == ['urgent', 'good', 'other']
    assert bench.dead() == [('killer', 'crash', 0)]


def test_what_waits_behind_a_message_that_fails_outlives_any_number_of_crashes(bench: Bench) -> None:
    bench.publish('fails', 'waits')
    for epoch in range(1, 6):
        bench.lease('me', epoch)
        failing = Target(fail(1, lambda: RetryLater(3_600, 'busy')))
        task = bench.task(failing, is_clean=epoch == 1, epoch=epoch)
        until(lambda task=task: task.figures.next_attempt)  # type: ignore[misc]  # of this turn
        task.kill()  # as if its process had ended
    bench.sql('UPDATE ps_queue SET not_before = 0')
    bench.lease('me', 6)
    last = Target()
    bench.task(last, is_clean=False, epoch=6)
    until(lambda: not bench.left())
    assert last.data == ['fails', 'waits']
    assert bench.dead() == []


def test_what_may_have_ended_a_process_and_then_fails_has_not_ended_another(bench: Bench) -> None:
    bench.publish('a')
    started = Target(lambda messages: gevent.sleep(3_600))  # type: ignore[func-returns-value]
    first = bench.task(started)
    until(lambda: started.calls)
    first.kill()  # as if its process had ended
    bench.lease('me', 2)
    bench.task(Target(fail(5)), is_clean=False, epoch=2)
    until(lambda: not bench.left())
    assert bench.dead() == []


def test_a_task_that_is_stopped_as_it_begins_has_noted_what_may_have_ended_the_last_holder(bench: Bench) -> None:
    bench.publish('a', 'b')
    target = Target()
    task = bench.task(target, is_clean=False)
    task.stop(PATIENCE)
    assert bench.sql('SELECT crashes FROM ps_queue') == [(1,), (1,)]
    assert (task.is_clean, target.calls) == (True, [])


def test_a_target_that_was_not_there_is_tried_as_soon_as_it_is(bench: Bench) -> None:
    bench.publish('a')
    target = Target(fail(1))
    target.is_up = False
    task = bench.task(target, wait_non_sock_err=3_600)
    until(lambda: task.figures.next_attempt)
    target.is_up = True
    until(lambda: not bench.left())
    assert len(target.calls) == 2


def test_what_waits_aside_comes_when_it_is_due(bench: Bench) -> None:
    task = bench.task(target := Target())
    publish = Publish([StoredMessage('zpsm1', TOPIC, 5, 1, 0, 'text/plain', 't', 1, 0, 0, None, b'a')])
    due = int((task._all.now() + 0.3) * 1_000_000)
    publish.due = {0: due}
    bench.writer.run(publish)
    task.expect(due)
    until(lambda: target.calls)
    assert task._all.now() * 1_000_000 >= due


class FailingHook:
    """does: the first time it is asked; what that returns is raised, if anything."""

    def __init__(self, does: Callable[[], BaseException | None]) -> None:
        self.calls = 0
        self._does = does

    def before_delivery(self, message: PubSubMessage, item: ConfigObject, cid: str) -> str:
        self.calls += 1
        if self.calls == 1 and (error := self._does()) is not None:
            raise error
        return 'deliver'


class Hook:
    """actions: by the data of a message."""

    def __init__(self, **actions: str) -> None:
        self.actions = actions

    def before_delivery(self, message: PubSubMessage, item: ConfigObject, cid: str) -> str:
        action = self.actions.pop(message.data, 'deliver')
        if action == 'raise':
            raise ValueError('the hook')
        return action


def test_a_hook_deletes_skips_and_fails(bench: Bench) -> None:
    bench.publish('deleted', 'skipped', 'raised', 'plain')
    bench.hook = Hook(deleted='delete', skipped='skip', raised='raise')
    bench.task(target := Target(), delivery_batch_size=4)
    until(lambda: sorted(target.data) == ['plain', 'raised', 'skipped'])
    until(lambda: bench.sql('SELECT count(*) FROM ps_msg') == [(0,)])


def test_a_task_that_cannot_go_on_is_told_of(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('zato.server.pubsub.task.readable', lambda *arguments: 1 / 0)
    bench.publish('a')
    bench.task(Target())
    until(lambda: bench.failed)


def test_a_store_that_is_away_is_waited_for(bench: Bench, tmp_path: Path) -> None:
    bench.publish('a')
    target = Target()

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        bench.path.rename(tmp_path / 'away.db')
        gevent.spawn_later(0.2, (tmp_path / 'away.db').rename, bench.path)
        raise ValueError('no')

    target.answer = lambda messages: answer(messages) if len(target.calls) == 1 else ()
    bench.task(target)
    until(lambda: len(target.calls) == 2)
    assert target.calls[1][0].delivery_count == 1
