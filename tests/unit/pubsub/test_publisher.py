"""Publishing: who may, what is stored, who is told, and what is all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.pubsub.publishing import Hook, Publishing
from tests.unit.pubsub.registered import endpoint, subscription, topic
from zato.common.exception import (
    BadRequest,
    Conflict,
    Forbidden,
    ServiceUnavailable,
    StoreUnavailable,
    TopicFull,
    ZatoException,
)
from zato.server.pubsub.registry import INTERNAL


@pytest.fixture
def bench() -> Iterator[Publishing]:
    made = Publishing()
    yield made
    made.stop()


def publish(bench: Publishing, data: Any = 'x', **options: Any) -> str | None:
    return bench.publisher.publish(bench.topic, INTERNAL, data, options, 'c1')


def many(bench: Publishing, *drafts: Any) -> list[str | None]:
    return bench.publisher.publish_many(bench.topic, INTERNAL, drafts, 'c1')


def test_a_message_is_stored_and_those_who_deliver_and_count_are_told(bench: Publishing) -> None:
    msg_id = publish(bench, {'a': 1}, priority=7)
    (message,) = bench.shown()
    assert (message.msg_id, message.data, message.priority) == (msg_id, {'a': 1}, 7)
    assert bench.deliveries.all == bench.published.all
    (told,) = bench.deliveries.all
    assert (told.seqs, told.subs) == ([1], [(3,)])


def test_several_are_one_commit(bench: Publishing) -> None:
    ids = many(bench, {'data': 'a'}, {'data': 'b', 'priority': 9}, {})
    assert [message.msg_id for message in bench.messages] == ids
    assert bench.data == ['a', 'b', '']
    assert len(bench.store.batches) == len(bench.deliveries.all) == 1


def test_none_of_several_is_stored_if_one_is_wrong(bench: Publishing) -> None:
    with pytest.raises(BadRequest):
        many(bench, {'data': 'a'}, {'data': 'b', 'priority': 10})
    publish(bench, 'first', msg_id='m')
    with pytest.raises(Conflict):
        many(bench, {'data': 'a'}, {'data': 'longer than that', 'msg_id': 'm'})
    assert bench.data == ['first']


def test_the_same_id_is_the_same_message(bench: Publishing) -> None:
    assert publish(bench, 'abc', msg_id='m') == publish(bench, 'abc', msg_id='m') == 'm'
    assert many(bench, {'data': 'abc', 'msg_id': 'm'}, {'data': 'other', 'msg_id': 'n'}) == ['m', 'n']
    assert bench.data == ['abc', 'other']
    with pytest.raises(Conflict, match='There is another message with ID `m`'):
        publish(bench, 'abcd', msg_id='m')


def test_every_option_can_be_given_those_with_names_of_arguments_too(bench: Publishing) -> None:
    publish(bench, 'x', cid='other')
    assert bench.shown()[0].correl_id == 'other'
    for name in ('topic', 'endpoint', 'self'):
        with pytest.raises(BadRequest, match=f'There is no such option of publish: {name}'):
            bench.publisher.publish(bench.topic, INTERNAL, 'x', {name: 5}, 'c1')


def test_some_subscriptions_alone_get_it(bench: Publishing) -> None:
    bench.registered.put(endpoint(id=4, name='f'), subscription(id=5, endpoint=4))
    assert publish(bench, deliver_to_sk='zpsk.rest.5')
    assert publish(bench, deliver_to_sk=['zpsk.rest.3', 'unknown'])
    assert [told.subs for told in bench.deliveries.all] == [[(5,)], [(3,)]]


def test_what_is_for_unknown_subscriptions_alone_is_dropped(bench: Publishing) -> None:
    assert publish(bench, deliver_to_sk='unknown') is None
    assert bench.messages == []


def test_while_nobody_subscribes_it_waits_or_is_dropped_as_the_topic_says(bench: Publishing) -> None:
    bench.registered.put(gone=[3])
    assert publish(bench)
    bench.registered.put(topic(on_no_subs_pub='drop', version=2))
    assert publish(bench) is None
    assert many(bench, {'data': 'a'}, {'data': 'b', 'msg_id': 'm'}) == [None, None]
    assert len(bench.messages) == 1


def test_when_it_is_due(bench: Publishing) -> None:
    publish(bench, deliver_after=5)
    (told,) = bench.deliveries.all
    assert told.due == {0: told.messages[0].pub_time + 5_000_000}


# What is refused


def test_an_inactive_topic_takes_nothing(bench: Publishing) -> None:
    bench.registered.put(topic(is_active=False, version=2))
    with pytest.raises(ServiceUnavailable, match='Topic /a is inactive'):
        publish(bench)


def test_an_endpoint_needs_a_pattern(bench: Publishing) -> None:
    bench.registered.put(endpoint(topic_patterns='pub=/b', version=2))
    own = bench.registry.endpoint(2)
    assert own is not None
    with pytest.raises(Forbidden, match='Endpoint e may not publish to topic /a'):
        bench.publisher.publish(bench.topic, own, 'x', {}, 'c1')


def test_a_full_topic_takes_nothing(bench: Publishing) -> None:
    bench.registered.put(topic(max_depth_gd=3, version=2))
    for _ in range(3):
        publish(bench)
        bench.depth += 1
    with pytest.raises(TopicFull):
        publish(bench)
    assert TopicFull.status == 503


def test_what_the_store_says_is_raised_and_nobody_is_told(bench: Publishing) -> None:
    bench.error = StoreUnavailable(msg='away')
    for run in (lambda: publish(bench), lambda: many(bench, {'data': 'a'})):
        with pytest.raises(StoreUnavailable, match='away'):
            run()
    assert bench.deliveries.all == []


# Hooks


def hooked(bench: Publishing, hook: Hook) -> Publishing:
    bench.registered.put(topic(hook_service=99, version=2))
    bench.hook = hook
    return bench


def test_a_hook_is_asked_once_for_each_message(bench: Publishing) -> None:
    hook = Hook(lambda message: '')
    hooked(bench, hook)
    publish(bench)
    many(bench, {'data': 'a'}, {'data': 'b'})
    assert hook.asked == [('/a', 'c1')] * 3
    assert len(bench.messages) == 3


def test_a_hook_skips_messages(bench: Publishing) -> None:
    hooked(bench, Hook(lambda message: 'skip' if message.data == 'no' else 'publish'))
    assert publish(bench, 'no') is None
    first, second, third = many(bench, {'data': 'a'}, {'data': 'no'}, {'data': 'b'})
    assert second is None
    assert [message.msg_id for message in bench.messages] == [first, third]
    assert many(bench, {'data': 'no'}) == [None]


def test_a_hook_changes_messages(bench: Publishing) -> None:
    def change(message: Any) -> str:
        message.data = {'was': message.data}
        message.priority = 9
        message.user_ctx = 'seen'
        return ''

    hooked(bench, Hook(change))
    publish(bench, 'x')
    (message,) = bench.shown()
    assert (message.data, message.mime_type, message.priority, message.user_ctx) == (
        {'was': 'x'},
        'application/json',
        9,
        'seen',
    )


def test_what_a_hook_raises_is_raised(bench: Publishing) -> None:
    def fail(message: Any) -> str:
        raise ZatoException(msg='not today')

    hooked(bench, Hook(fail))
    with pytest.raises(ZatoException, match='not today'):
        publish(bench)
    assert bench.messages == []


# In memory only


@pytest.fixture
def notified(bench: Publishing) -> Publishing:
    bench.registered.put(subscription(delivery_method='notify', rest_connection=99, version=2))
    return bench


def test_what_needs_no_guarantee_is_not_stored(notified: Publishing) -> None:
    assert publish(notified, has_gd=False)
    ids = many(notified, {'data': 'a', 'has_gd': False}, {'data': 'b'})
    assert [message.msg_id for message in notified.messages] == ids[1:]
    assert notified.ram.depth(3) == 2
    assert all(many(notified, {'has_gd': False}, {'has_gd': False}))
    assert len(notified.store.batches) == 1


def test_it_is_stored_where_the_subscriber_pulls(bench: Publishing) -> None:
    assert publish(bench, has_gd=False)
    assert len(bench.messages) == 1


def test_none_of_several_is_published_if_there_is_no_room_in_memory(notified: Publishing) -> None:
    notified.registered.put(topic(max_depth_non_gd=2, version=2))
    with pytest.raises(TopicFull):
        many(notified, {'data': 'stored'}, *[{'has_gd': False}] * 3)
    assert (notified.ram.depth(3), notified.messages) == (0, [])
