"""What clients get that pull: who gets nothing, and what the hook of a topic says of each message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from zato.common.config.kinds.pubsub_subscription import PubSubSubscription
from zato.common.config.kinds.pubsub_topic import PubSubTopic
from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.pull import GiveBack, Pulled, Pulls
from zato.server.pubsub.pulled import PulledMessages
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.store.interface import Row, StoredMessage

TOPIC = ConfigObject(id=1, kind='pubsub_topic', name='/a', is_active=True, version=1, settings=PubSubTopic())
CID = 'c1'


class FakePulls:
    """A queue of messages with these IDs, of which each may be handed out."""

    def __init__(self, *names: str) -> None:
        self.queue = [row(name) for name in names]
        self.calls: list[tuple[Any, ...]] = []
        self.lost: list[str] = []  # whose time was over before they were acknowledged

    def get(self, sub_id: int, *, most: int, visibility: float, max_retry: int) -> Pulled:
        self.calls.append(('get', sub_id, most, visibility, max_retry))
        return Pulled('lease1' if self.queue else '', self.queue)

    def drain(self, sub_id: int, *, most: int, max_retry: int) -> list[Row]:
        self.calls.append(('drain', sub_id, most, max_retry))
        return self.queue

    def acknowledge(self, sub_id: int, msg_ids: Sequence[str], lease_id: str = '') -> list[str]:
        self.calls.append(('acknowledge', sub_id, list(msg_ids), lease_id))
        return self.lost

    def give_back(
        self, sub_id: int, msg_ids: Sequence[str], how: GiveBack, *, max_retry: int, lease_id: str = ''
    ) -> list[str]:
        self.calls.append(('give back', sub_id, list(msg_ids), how, max_retry, lease_id))
        return []

    def late(self) -> list[int]:
        return [9, 10]  # 10 is not known here

    def bring_back(self, sub_id: int, *, max_retry: int) -> None:
        self.calls.append(('bring back', sub_id, max_retry))


class Hook:
    """Answers what `answers` has by the ID of a message, or raises it; changes what it delivers."""

    def __init__(self, **answers: str | Exception) -> None:
        self.answers = answers

    def before_publish(self, message: PubSubMessage, topic: ConfigObject, cid: str) -> str:
        raise AssertionError

    def before_delivery(self, message: PubSubMessage, subscription: ConfigObject, cid: str) -> str:
        assert cid == CID
        answer = self.answers.get(message.msg_id, 'deliver')
        if isinstance(answer, Exception):
            raise answer
        message.data = f'changed {message.data}'
        return answer


def row(name: str) -> Row:
    return Row(4, 1, 2, 0, 0, StoredMessage(name, 1, 5, 1, 0, 'text/plain', 't', 1, 5, 0, '{"correl_id":"x"}', b'd'))


def subscription(*, is_active: bool = True, **settings: Any) -> ConfigObject:
    made = PubSubSubscription(topic=1, endpoint=2, sub_key='zpsk.1', delivery_max_retry=7, **settings)
    return ConfigObject(id=9, kind='pubsub_subscription', name='s', is_active=is_active, version=1, settings=made)


def messages_of(pulls: FakePulls, hook: Hook | None = None) -> PulledMessages:
    registry = Registry()
    registry.put(TOPIC)
    return PulledMessages(cast(Pulls, pulls), registry, lambda topic_id: hook if topic_id == TOPIC.id else None)


def ids(messages: Sequence[PubSubMessage]) -> list[str]:
    return [message.msg_id for message in messages]


def test_messages_say_what_was_published_and_for_whom_they_are() -> None:
    pulls = FakePulls('a')
    lease_id, (message,) = messages_of(pulls).get(subscription(), CID, most=3, visibility=5)
    assert lease_id == 'lease1'
    assert (message.topic_name, message.sub_key, message.data, message.delivery_count) == ('/a', 'zpsk.1', 'd', 2)
    assert message.correl_id == 'x'
    assert pulls.calls == [('get', 9, 3, 5, 7)]


def test_they_are_drained_at_once_where_there_is_no_hook() -> None:
    pulls = FakePulls('a', 'b')
    assert ids(messages_of(pulls).drain(subscription(), CID, most=3)) == ['a', 'b']
    assert pulls.calls == [('drain', 9, 3, 7)]


@pytest.mark.parametrize(
    'stopped', [subscription(is_active=False), subscription(is_paused=True)], ids=['inactive', 'paused']
)
def test_a_subscription_that_is_paused_or_inactive_hands_out_nothing(stopped: ConfigObject) -> None:
    pulls = FakePulls('a')
    pulled = messages_of(pulls)
    assert pulled.get(stopped, CID, most=1, visibility=5) == ('', [])
    assert pulled.drain(stopped, CID, most=1) == []
    assert pulls.calls == []


def test_a_hook_skips_deletes_and_changes_messages() -> None:
    pulls = FakePulls('a', 'b', 'c')
    lease_id, found = messages_of(pulls, Hook(a='skip', b='delete')).get(subscription(), CID, most=3, visibility=5)
    assert (lease_id, [(message.msg_id, message.data) for message in found]) == ('lease1', [('c', 'changed d')])
    skipped = GiveBack(delay=1.0, error='skipped by a hook', is_attempt=False)
    assert pulls.calls[1:] == [('give back', 9, ['a'], skipped, 7, 'lease1'), ('acknowledge', 9, ['b'], 'lease1')]


def test_what_a_hook_fails_with_is_handed_out_again() -> None:
    pulls = FakePulls('a', 'b')
    found = messages_of(pulls, Hook(a=ValueError('no'))).get(subscription(), CID, most=3, visibility=5)[1]
    assert ids(found) == ['b']
    assert pulls.calls[1:] == [('give back', 9, ['a'], GiveBack(delay=1.0, error='ValueError: no'), 7, 'lease1')]


def test_without_a_message_left_there_is_no_lease() -> None:
    pulls = FakePulls('a')
    assert messages_of(pulls, Hook(a='delete')).get(subscription(), CID, most=3, visibility=5) == ('', [])


def test_what_a_hook_skips_is_not_lost_when_a_queue_is_drained() -> None:
    pulls = FakePulls('a', 'b')
    assert ids(messages_of(pulls, Hook(a='skip')).drain(subscription(), CID, most=3)) == ['b']
    assert [call[0] for call in pulls.calls] == ['get', 'give back', 'acknowledge']
    assert pulls.calls[-1] == ('acknowledge', 9, ['b'], 'lease1')


def test_what_somebody_else_got_while_the_hook_ran_is_not_drained_too() -> None:
    pulls = FakePulls('a', 'b')
    pulls.lost = ['a']
    assert ids(messages_of(pulls, Hook()).drain(subscription(), CID, most=3)) == ['b']


def test_what_nobody_asks_for_comes_back_to_queues_that_are_known() -> None:
    pulls = FakePulls()
    registry = Registry()
    registry.put(subscription())
    pulled = PulledMessages(cast(Pulls, pulls), registry, lambda topic_id: None)
    assert pulled.bring_back() == [9]
    assert pulls.calls == [('bring back', 9, 7)]
