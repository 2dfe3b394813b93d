"""The registry: what is found in it, who may do what, and who is told of changes."""

from __future__ import annotations

import logging
from typing import Any

import gevent
import pytest

from tests.unit.pubsub.registered import Registered, endpoint, subscription, topic
from zato.server.pubsub.registry import INTERNAL, SUBSCRIPTION, TOPIC


def names(items: Any) -> list[str]:
    return [item.name for item in items]


def test_objects_are_found_by_what_only_one_of_them_has() -> None:
    registry = Registered(
        topic(1, '/a'),
        topic(4, '/b'),
        endpoint(2, 'e', security=10),
        endpoint(5, 'f', endpoint_type='service', service=11),
        subscription(3, sub_key='zpsk.rest.abc'),
        subscription(6, endpoint=5),
        subscription(7, topic=4),
    ).registry
    assert (registry.topic('/a'), registry.topic('/c')) == (registry.topic_by_id(1), None)
    assert sorted(names(registry.topics())) == ['/a', '/b']
    assert (registry.endpoint(2), registry.endpoint(9)) == (registry.endpoint_by_name('e'), None)
    assert registry.endpoint_by_security(10) == registry.endpoint(2)
    assert registry.endpoint_by_service(11) == registry.endpoint(5)
    assert registry.endpoint_by_service(10) is registry.endpoint_by_security(11) is None
    assert registry.subscription_by_key('zpsk.rest.abc') == registry.subscription(3)
    assert registry.find_subscription(1, 5) == registry.subscription(6)
    assert registry.find_subscription(4, 5) is None
    assert names(registry.subscriptions_of(1)) == ['s3', 's6']
    assert names(registry.subscriptions_of(4)) == ['s7']
    assert registry.subscriptions_of(9) == ()
    assert sorted(names(registry.subscriptions())) == ['s3', 's6', 's7']


def test_services_that_publish_have_an_endpoint_that_is_not_configured() -> None:
    registry = Registered().registry
    assert registry.endpoint(0) is registry.endpoint_by_name('zato.pubsub.internal.default') is INTERNAL
    assert registry.may_publish(INTERNAL, '/any/topic') == 'pub=/*'


def test_what_is_gone_is_no_longer_found() -> None:
    parts = Registered(topic(), endpoint(security=10), subscription())
    parts.put(gone=[3])
    assert parts.registry.subscription(3) is parts.registry.subscription_by_key('zpsk.rest.3') is None
    assert parts.registry.find_subscription(1, 2) is None
    assert parts.registry.subscriptions_of(1) == ()
    parts.put(gone=[1, 2])
    assert parts.registry.topic('/a') is parts.registry.endpoint(2) is parts.registry.endpoint_by_security(10) is None


def test_a_renamed_topic_is_found_by_its_new_name_and_two_may_swap_them() -> None:
    parts = Registered(topic(1, '/a'), topic(4, '/b'))
    parts.put(topic(1, '/b', version=2), topic(4, '/a', version=2))
    found = [parts.registry.topic(name) for name in ('/a', '/b')]
    assert [item and item.id for item in found] == [4, 1]
    parts.put(topic(1, '/c', version=3))
    assert parts.registry.topic('/b') is None
    assert names(parts.registry.topics()) == ['/c', '/a']


def test_an_inactive_object_is_there_and_says_so() -> None:
    registry = Registered(topic(is_active=False)).registry
    found = registry.topic('/a')
    assert found is not None
    assert not found.is_active


def test_the_generation_grows_with_every_change() -> None:
    parts = Registered(topic(), endpoint(), subscription())
    seen = [parts.registry.generation]
    for changed, gone in (
        ([topic(version=2, has_gd=False)], []),
        ([endpoint(version=2, role='pub-only')], []),
        ([subscription(version=2, delivery_timeout='$X')], []),
        ([], [3]),
    ):
        parts.put(*changed, gone=gone)
        seen.append(parts.registry.generation)
    assert seen == sorted(set(seen))


# Who may do what


def test_who_may_publish_and_subscribe_is_said_by_role_and_patterns() -> None:
    parts = Registered()
    for role, pub, sub in (('pub-sub', True, True), ('pub-only', True, False), ('sub-only', False, True)):
        parts.put(endpoint(role=role, topic_patterns='sub=/a/**\npub=/a/*', version=2))
        found = parts.registry.endpoint(2)
        assert found is not None
        assert parts.registry.may_publish(found, '/a/b') == ('pub=/a/*' if pub else '')
        assert parts.registry.may_publish(found, '/a/b/c') == ''
        assert parts.registry.may_subscribe(found, '/a/b/c') == ('sub=/a/**' if sub else '')
        assert parts.registry.may_subscribe(found, '/b') == ''


@pytest.mark.parametrize(('type_', 'answer'), [('service', 'pub=/*'), ('rest', '')])
def test_without_patterns_services_may_use_every_topic_and_others_none(type_: str, answer: str) -> None:
    parts = Registered(endpoint(endpoint_type=type_, service=1 if type_ == 'service' else None, topic_patterns=''))
    found = parts.registry.endpoint(2)
    assert found is not None
    assert parts.registry.may_publish(found, '/a') == answer


def test_an_inactive_endpoint_may_do_nothing() -> None:
    found = (registry := Registered(endpoint(is_active=False)).registry).endpoint(2)
    assert found is not None
    assert registry.may_publish(found, '/a') == registry.may_subscribe(found, '/a') == ''


def test_what_was_allowed_is_judged_anew_after_a_change() -> None:
    parts = Registered(endpoint())
    for version, patterns, answer in ((2, 'pub=/b', ''), (3, 'pub=/a', 'pub=/a')):
        before = parts.registry.endpoint(2)
        assert before is not None
        parts.registry.may_publish(before, '/a')
        parts.put(endpoint(topic_patterns=patterns, version=version))
        now = parts.registry.endpoint(2)
        assert now is not None
        assert parts.registry.may_publish(now, '/a') == answer


def test_answers_of_any_number_of_names_take_a_bounded_amount_of_memory() -> None:
    registry = Registered(endpoint()).registry
    found = registry.endpoint(2)
    assert found is not None
    for i in range(20_001):
        registry.may_publish(found, f'/{i}')
    assert len(registry._answers) <= 10_000


# Who is told


def test_a_listener_is_told_of_subscriptions_and_topics() -> None:
    parts = Registered()
    assert parts.put(topic(), endpoint(), subscription()) == [('topic', None, '/a'), ('subscribed', 's3')]
    assert parts.put(subscription(version=2, name='t', is_paused=True)) == [('changed', 's3', 't')]
    assert parts.put(gone=[1, 2, 3]) == [('unsubscribed', 't'), ('topic', '/a', None)]


def test_a_listener_is_told_of_a_subscription_whose_topic_or_endpoint_changed() -> None:
    parts = Registered(topic(), endpoint(), subscription())
    assert parts.put(endpoint(version=2, role='pub-only')) == [('changed', 's3', 's3')]
    assert parts.put(topic(version=2, name='/b')) == [('topic', '/a', '/b'), ('changed', 's3', 's3')]


def test_a_subscription_that_cannot_be_used_is_suspended_and_not_gone() -> None:
    parts = Registered(topic(), endpoint(), subscription())
    assert parts.put(subscription(version=2, delivery_timeout='$NOWHERE')) == [('suspended', 's3')]
    assert parts.registry.subscription(3) is None
    assert names(parts.registry.held(SUBSCRIPTION)) == ['s3']
    assert parts.put(subscription(version=3)) == [('subscribed', 's3')]
    assert parts.registry.held(SUBSCRIPTION) == []


def test_a_subscription_to_what_cannot_be_used_is_suspended_and_comes_back_with_it() -> None:
    parts = Registered(topic(), endpoint(), subscription())
    assert parts.put(topic(version=2, max_depth_gd='$NOWHERE')) == [('suspended', 's3')]
    assert parts.registry.topic('/a') is None
    assert names(parts.registry.held(TOPIC)) == ['/a']
    assert parts.put(topic(version=3)) == [('topic', None, '/a'), ('subscribed', 's3')]


def test_what_is_deleted_while_it_cannot_be_used_is_told_as_gone() -> None:
    broken = subscription(delivery_timeout='$NOWHERE'), topic(4, '/d', max_depth_gd='$NOWHERE')
    parts = Registered(topic(), endpoint())
    assert parts.put(*broken) == []
    told: list[Any] = []
    parts.told.unsubscribed = lambda item: told.append((item.id, item.settings.topic, item.settings.sub_key))  # type: ignore[method-assign]
    assert parts.put(gone=[3, 4]) == [('topic', '/d', None)]
    assert told == [(3, 1, 'zpsk.rest.3')]


def test_a_listener_that_fails_is_logged_and_others_are_told_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    parts = Registered()
    parts.told.fails = True
    second = Registered().told
    parts.registry.listen(second)
    parts.put(topic())
    assert second.all == [('topic', None, '/a')]
    assert parts.registry.topic('/a') is not None
    assert [(record.name, record.levelno) for record in caplog.records] == [('zato.pubsub', logging.ERROR)]


def test_a_change_is_waited_for() -> None:
    parts = Registered()
    waiting = gevent.spawn(parts.registry.wait_for, lambda: parts.registry.topic('/b'), 30)
    gevent.sleep(0)
    parts.put(topic(1, '/a'))
    gevent.sleep(0)
    assert not waiting.ready()
    parts.put(topic(4, '/b'))
    assert waiting.get(timeout=30) == parts.registry.topic_by_id(4)
    assert parts.registry.wait_for(lambda: parts.registry.topic('/c'), 0.001) is None
