"""Messages that are in memory only: bounded, retried, and stored where they could not be delivered from here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import gevent
import pytest

from tests.unit.pubsub.registered import Registered, endpoint, subscription, topic
from tests.unit.pubsub.rows import stored
from zato.common.exception import PubSubReject, RetryLater, TopicFull
from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.draft import Draft
from zato.server.pubsub.ram import RAMQueues

NOW = 1_700_000_100.0


class Target:
    """answer: what becomes of a delivery; it may raise, and return IDs that are not taken."""

    def __init__(self) -> None:
        self.answer: Callable[[PubSubMessage], Collection[str]] = lambda message: ()
        self.seen: list[PubSubMessage] = []

    def deliver(self, messages: Sequence[PubSubMessage], cid: str) -> Collection[str]:
        (message,) = messages
        self.seen.append(message)
        return self.answer(message)

    def is_there(self) -> bool:
        return True


class Bench:
    """A topic with one subscription that is notified."""

    def __init__(self) -> None:
        self.registered = Registered(topic(), endpoint(), self.subscription())
        self.target = Target()
        self.made: list[ConfigObject] = []
        self.hook: Any = None
        self.queues = RAMQueues(
            self.registered.registry, self._target_of, hook_of=lambda id: self.hook, new_cid=lambda: 'cid', now=lambda: NOW
        )

    def subscription(self, **settings: Any) -> Any:
        return subscription(**{'delivery_method': 'notify', 'rest_connection': 99, 'wait_non_sock_err': 0.001, **settings})

    def change(self, version: int = 2, **settings: Any) -> None:
        self.registered.put(self.subscription(version=version, **settings))
        item = self.registered.registry.subscription(3)
        assert item is not None
        self.queues.changed(item)

    def put(self, *numbers: int, **values: Any) -> list[int]:
        """Numbers of those that have to be stored."""
        drafts = [Draft(stored(number, **values), has_gd=False) for number in numbers]
        return [drafts.index(left) for left in self.queues.put(drafts)]

    def depth(self) -> int:
        return self.queues.depth(3)

    def _target_of(self, item: ConfigObject) -> Target:
        self.made.append(item)
        return self.target


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.queues.stop()


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.001)


def ids(messages: Sequence[PubSubMessage]) -> list[int]:
    return [int(message.msg_id[4:], 16) for message in messages]


def test_messages_arrive_by_priority_and_in_order(bench: Bench) -> None:
    assert bench.put(1, 2) == bench.put(3, priority=9) == []
    assert bench.depth() == 3
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [3, 1, 2]


def test_they_say_what_they_are(bench: Bench) -> None:
    bench.put(1, meta='{"correl_id":"c"}')
    until(lambda: bench.target.seen)
    (message,) = bench.target.seen
    assert (message.topic_name, message.sub_key, message.data, message.correl_id) == ('/a', 'zpsk.rest.3', 'x', 'c')
    assert (message.has_gd, message.delivery_count, message.received_at) == (False, 0, int(NOW * 1_000_000))


def test_what_needs_a_guarantee_or_is_not_for_all_and_now_is_stored(bench: Bench) -> None:
    drafts = [
        Draft(stored(1), has_gd=True),
        Draft(stored(2), has_gd=False),
        Draft(stored(3), has_gd=False, due=5),
        Draft(stored(4), has_gd=False, only=('zpsk.rest.3',)),
    ]
    assert bench.queues.put(drafts) == [drafts[0], drafts[2], drafts[3]]
    until(lambda: bench.target.seen)
    assert ids(bench.target.seen) == [2]


@pytest.mark.parametrize(
    'settings',
    [{'is_paused': True}, {'is_active': False}, {'delivery_method': 'pull', 'rest_connection': None}],
    ids=['paused', 'inactive', 'pulls'],
)
def test_where_a_subscriber_cannot_be_reached_messages_are_stored(bench: Bench, settings: dict[str, Any]) -> None:
    bench.change(**settings)
    assert bench.put(1, 2) == [0, 1]


def test_messages_to_an_endpoint_that_is_inactive_are_stored(bench: Bench) -> None:
    bench.registered.put(endpoint(version=2, is_active=False))
    assert bench.put(1, 2) == [0, 1]


def test_where_one_of_several_subscribers_cannot_be_reached_messages_are_stored(bench: Bench) -> None:
    bench.registered.put(endpoint(id=4, name='f'), subscription(id=5, endpoint=4))
    assert bench.put(1) == [0]


def test_without_a_subscriber_messages_are_stored(bench: Bench) -> None:
    bench.registered.put(gone=[3])
    assert bench.put(1) == [0]


def test_there_may_be_so_many_and_all_are_put_or_none(bench: Bench) -> None:
    bench.registered.put(topic(max_depth_non_gd=3, version=2))
    assert bench.put(1, 2) == []
    with pytest.raises(TopicFull, match=r'Topic /a has 3 message\(s\) in memory that are not delivered yet, its most'):
        bench.put(3, 4)
    assert bench.depth() == 2
    assert bench.put(3) == []
    until(lambda: bench.depth() == 0)
    assert bench.put(4, 5, 6) == []


def test_zero_is_any_number(bench: Bench) -> None:
    bench.registered.put(topic(max_depth_non_gd=0, version=2))
    assert bench.put(*range(2_000)) == []


def test_what_fails_is_tried_again_and_holds_back_the_others(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    errors = [ValueError('no'), ConnectionError('down'), RetryLater(seconds=0.001, msg='busy')]

    def answer(message: PubSubMessage) -> Collection[str]:
        if errors:
            raise errors.pop(0)
        return ()

    bench.change(wait_sock_err=0.001)
    bench.target.answer = answer
    bench.put(1, 2)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [1, 1, 1, 1, 2]
    assert [message.delivery_count for message in bench.target.seen] == [0, 1, 2, 3, 0]
    assert (
        'in memory only, was not delivered to s3 (cid: cid, attempt 1): ValueError: no; it is tried again in' in caplog.text
    )


def test_what_is_not_taken_is_tried_again(bench: Bench) -> None:
    bench.target.answer = lambda message: [message.msg_id] if len(bench.target.seen) == 1 else ()
    bench.put(1)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [1, 1]


def test_after_so_many_attempts_it_is_dropped(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def answer(message: PubSubMessage) -> Collection[str]:
        raise ValueError('no')

    bench.change(delivery_max_retry=3)
    bench.target.answer = answer
    bench.put(1)
    until(lambda: bench.depth() == 0)
    assert len(bench.target.seen) == 3
    assert 'attempt 3): ValueError: no; it is dropped' in caplog.text


def test_what_is_rejected_is_dropped(bench: Bench) -> None:
    def answer(message: PubSubMessage) -> Collection[str]:
        raise PubSubReject(msg='never')

    bench.target.answer = answer
    bench.put(1, 2)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [1, 2]


def test_what_takes_too_long_is_interrupted(bench: Bench) -> None:
    def answer(message: PubSubMessage) -> Collection[str]:
        if len(bench.target.seen) == 1:
            gevent.sleep(60)
        return ()

    bench.change(delivery_timeout=0.01)
    bench.target.answer = answer
    bench.put(1)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [1, 1]


def test_what_has_expired_is_not_delivered(bench: Bench) -> None:
    bench.put(1, expires_at=int(NOW * 1_000_000))
    bench.put(2, expires_at=int(NOW * 1_000_000) + 1)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [2]


class Hook:
    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)

    def before_publish(self, message: PubSubMessage, topic: ConfigObject, cid: str) -> str:
        raise AssertionError

    def before_delivery(self, message: PubSubMessage, subscription: ConfigObject, cid: str) -> str:
        message.data = f'{subscription.name} {cid}'
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_hook_is_asked_before_each_delivery(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('zato.server.pubsub.ram._SKIPPED', 0.001)
    bench.hook = Hook('delete', 'skip', ValueError('no'), 'deliver')
    bench.put(1, 2)
    until(lambda: bench.depth() == 0)
    (message,) = bench.target.seen
    assert (message.data, message.delivery_count) == ('s3 cid', 1)
    assert bench.hook.answers == []


def test_a_change_of_the_subscription_loses_nothing(bench: Bench) -> None:
    bench.put(1)
    bench.change(delivery_timeout=5)
    bench.put(2)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [1, 2]
    assert [item.settings.delivery_timeout for item in bench.made] == [60, 5]


def test_while_it_is_paused_messages_wait(bench: Bench) -> None:
    """What failed before, too."""

    def answer(message: PubSubMessage) -> Collection[str]:
        if len(bench.target.seen) == 1:
            bench.change(is_paused=True)
            raise ValueError('no')
        return ()

    bench.target.answer = answer
    bench.put(1, 2)
    until(lambda: bench.target.seen)
    for _ in range(5):
        gevent.sleep(0.002)
    assert bench.depth() == 2
    bench.change(version=3)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [1, 1, 2]


def test_what_is_in_memory_as_its_subscription_goes_or_the_worker_stops_is_lost_and_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    item = bench.registered.registry.subscription(3)
    assert item is not None
    bench.put(1, 2)
    bench.queues.forget(item)
    assert bench.depth() == 0
    bench.put(3)
    bench.queues.stop()
    bench.queues.stop()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        '2 message(s) to s3 were lost: they were in memory only',
        '1 message(s) to s3 were lost: they were in memory only',
    ]
    assert bench.target.seen == []


def test_even_what_ends_greenlets_is_a_failure_of_the_message(bench: Bench) -> None:
    errors = [gevent.GreenletExit(), SystemExit()]

    def answer(message: PubSubMessage) -> tuple[()]:
        if errors:
            raise errors.pop()
        return ()

    bench.target.answer = answer
    bench.put(1, 2)
    until(lambda: bench.depth() == 0)
    assert ids(bench.target.seen) == [1, 1, 1, 2]
