"""Whether there is room in a topic."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from tests.unit.pubsub.rows import stored
from tests.unit.pubsub.topics import topic
from zato.common.alarm import Alarms
from zato.common.exception import StoreUnavailable, TopicFull
from zato.common.odb.database import ODBUnavailable
from zato.server.pubsub import depth as module
from zato.server.pubsub.depth import Depths
from zato.server.pubsub.store.interface import Publish

FULL = r'Topic /a has 10 message\(s\) that are not delivered yet, its most'


class Queue:
    """waiting: messages that are in it. What counts them waits for `may_count`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waiting = 0
        self.counts = 0
        self.raises: Exception | None = None
        self.alarms = Alarms()
        self.may_count = Event()
        self.may_count.set()
        self.alarms = Alarms()
        self.depths = Depths(self._count, self.alarms)

    def publish(self, count: int = 1) -> None:
        """Raises TopicFull."""
        for _ in range(count):
            self.depths.check(topic(max_depth_gd=10))
            self.waiting += 1
            made = Publish([stored()])
            made.seqs = [1]
            self.depths.add(made)

    def _count(self, topic_id: int, most: int) -> int:
        self.counts += 1
        assert self.may_count.wait(10)
        if self.raises is not None:
            raise self.raises
        return min(self.waiting, most)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    made = Queue()
    monkeypatch.setattr(module, 'monotonic', lambda: made.now)
    return made


def until(condition: Callable[[], object]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.001)


def test_a_topic_without_a_limit_is_not_counted(queue: Queue) -> None:
    queue.depths.check(topic(max_depth_gd=0))
    gevent.sleep(0)
    assert queue.counts == 0


def test_as_many_as_there_may_be_and_no_more(queue: Queue) -> None:
    queue.publish(10)
    for _ in range(3):
        with pytest.raises(TopicFull, match=FULL):
            queue.publish()
    assert queue.waiting == 10


def test_there_is_room_again_once_messages_were_delivered(queue: Queue) -> None:
    queue.publish(10)
    with pytest.raises(TopicFull):
        queue.publish()
    queue.waiting = 3
    queue.now += 1.1
    queue.publish(7)
    with pytest.raises(TopicFull):
        queue.publish()


def test_nobody_is_turned_away_for_messages_that_were_delivered_since_the_last_count(queue: Queue) -> None:
    """A topic whose messages are delivered as fast as they come is never full, however many these are in a second."""
    for _ in range(100):
        queue.publish()
        queue.waiting = 0
        queue.now += 0.001
    assert queue.counts < 20


def test_a_full_topic_is_counted_once_a_second(queue: Queue) -> None:
    queue.publish(10)
    queue.now += 0.001
    for _ in range(50):
        with pytest.raises(TopicFull):
            queue.publish()
        queue.now += 0.01
    assert queue.counts <= 3


def test_those_who_come_while_it_is_counted_wait_for_that(queue: Queue) -> None:
    queue.publish(10)
    gevent.sleep(0)
    queue.waiting = 0
    queue.now += 2
    queue.may_count.clear()
    counts = queue.counts
    publishers = [gevent.spawn(queue.publish) for _ in range(5)]
    until(lambda: queue.counts > counts)
    assert not any(publisher.ready() for publisher in publishers)
    queue.may_count.set()
    gevent.joinall(publishers, timeout=10, raise_error=True)
    assert queue.counts == counts + 1
    assert queue.waiting == 5


def test_far_from_the_limit_nobody_waits(queue: Queue) -> None:
    queue.may_count.clear()
    queue.publish(5)
    until(lambda: queue.counts == 1)
    queue.publish(3)
    queue.may_count.set()


@pytest.mark.parametrize('error', [ODBUnavailable(msg='away'), StoreUnavailable(msg='away')], ids=lambda e: type(e).__name__)
def test_what_cannot_be_counted_is_as_it_was_known(queue: Queue, error: Exception) -> None:
    queue.raises = error
    queue.publish(10)
    with pytest.raises(TopicFull):
        queue.publish()


def test_what_was_published_while_it_was_counted_is_not_forgotten(queue: Queue) -> None:
    queue.may_count.clear()
    queue.publish(1)
    until(lambda: queue.counts == 1)
    queue.publish(2)
    queue.may_count.set()
    gevent.sleep(0.001)
    queue.now += 0.001
    queue.publish(7)
    with pytest.raises(TopicFull):
        queue.publish()


def test_a_topic_that_is_gone_is_forgotten(queue: Queue) -> None:
    queue.publish(10)
    queue.depths.forget(1)
    queue.waiting = 0
    queue.publish(9)


def test_a_full_topic_is_one_alarm_until_there_is_room_again(queue: Queue) -> None:
    queue.waiting = 10
    until(lambda: queue.counts or queue.depths.check(topic(max_depth_gd=10)))
    for _ in range(3):
        with pytest.raises(TopicFull, match=FULL):
            queue.publish()
    assert [alarm['subject'] for alarm in queue.alarms.as_list()] == ['Topic /a']
    queue.waiting = 0
    queue.now += 60
    queue.depths.look()
    assert queue.alarms.as_list() == []


def test_a_full_topic_is_an_alarm_until_there_is_room(queue: Queue) -> None:
    queue.publish(10)
    with pytest.raises(TopicFull):
        queue.publish()
    assert [alarm['subject'] for alarm in queue.alarms.as_list()] == ['Topic /a']
    queue.waiting = 3
    queue.now += 1.1
    queue.depths.look()
    assert queue.alarms.as_list() == []


def test_a_topic_that_is_gone_is_no_alarm(queue: Queue) -> None:
    queue.publish(10)
    with pytest.raises(TopicFull):
        queue.publish()
    queue.depths.forget(1)
    assert queue.alarms.as_list() == []
