"""Publish/subscribe in tests of users' services: what they publish, and how they get messages."""

from __future__ import annotations

from typing import Any

import pytest

from zato.common.exception import BadRequest, Conflict, ContentTooLarge, Forbidden, NotAvailable
from zato.common.pubsub import PubSubMessage, PubSubReject
from zato.server.service import Service
from zato.testing import LocalServer, Published


class Source(Service):
    name = 'my.source'

    def handle(self) -> None:
        self.response.payload = self.pubsub.publish('my.target', data={'abc': 'Hello World'}, priority=9)


class Target(Service):
    name = 'my.target'

    def handle(self) -> None:
        message: PubSubMessage = self.request.raw_request
        if message.data == 'bad':
            raise PubSubReject(self.cid, 'It is bad')
        self.response.payload = self.invoke('log', {'data': message.data, 'attempt': message.delivery_count})


def run(zato: LocalServer, handle: Any) -> Any:
    """What a service returns whose `handle` it is."""

    def own(self: Service) -> None:
        self.response.payload = handle(self)

    return zato.invoke(type('Runner', (Service,), {'name': 'runner', 'handle': own}))


def test_what_a_service_publishes_can_be_looked_at(zato: LocalServer) -> None:
    zato.deploy(Target)
    msg_id = zato.invoke(Source)
    (published,) = zato.published
    assert isinstance(published, Published)
    assert (published.name, published.data) == ('my.target', {'abc': 'Hello World'})
    assert (published.options, published.msg_id) == ({'priority': 9}, msg_id)
    assert (published.message.topic_name, published.message.priority) == ('/zato/s/to/my.target', 9)
    assert zato.payloads('my.target') == []


def test_a_service_gets_a_message_as_from_a_subscription(zato: LocalServer) -> None:
    zato.fake_service('log')
    message = zato.deliver(Target, {'abc': (1, 2)}, delivery_count=2)
    assert zato.payloads('log') == [{'data': {'abc': [1, 2]}, 'attempt': 2}]
    (invocation, _) = zato.invocations
    assert (invocation.channel, invocation.payload) == ('publish', {'abc': [1, 2]})
    assert (message.topic_name, message.mime_type, message.priority) == ('/zato/s/to/my.target', 'application/json', 5)
    assert message.msg_id.startswith('zpsm')


def test_what_was_published_can_be_delivered(zato: LocalServer) -> None:
    zato.deploy(Target)
    zato.fake_service('log')
    zato.invoke(Source)
    for each in zato.published:
        zato.deliver(each.name, each.data)
    assert zato.payloads('log') == [{'data': {'abc': 'Hello World'}, 'attempt': 0}]


def test_what_a_target_raises_comes_through(zato: LocalServer) -> None:
    with pytest.raises(PubSubReject, match='It is bad'):
        zato.deliver(Target, 'bad')


def test_attributes_are_those_of_messages(zato: LocalServer) -> None:
    zato.fake_service('target')
    message = zato.deliver(
        'target', b'x', msg_id='m1', correl_id='c1', priority=9, expiration=1_500, user_ctx={'a': 1}, mime_type='text/xml'
    )
    assert (message.msg_id, message.correl_id, message.priority, message.user_ctx) == ('m1', 'c1', 9, {'a': 1})
    assert (message.mime_type, message.expiration, message.size) == ('text/xml', 1_500, 1)
    with pytest.raises(TypeError, match='A message has no prio that could be given'):
        zato.deliver('target', 'x', prio=9)
    with pytest.raises(BadRequest, match='cannot be written as JSON'):
        zato.deliver('target', object())


def test_topics_are_there_and_services_have_to_be(zato: LocalServer) -> None:
    zato.fake_service('crm.update')
    run(zato, lambda self: [self.pubsub.publish(name, 'x') for name in ('/orders/new', 'crm.update', '/orders/new')])
    assert [each.name for each in zato.published] == ['/orders/new', 'crm.update', '/orders/new']
    with pytest.raises(Forbidden, match=r'There is no topic and no service `crm\.delete`'):
        run(zato, lambda self: self.pubsub.publish('crm.delete', 'x'))
    assert run(zato, lambda self: [self.pubsub.has_topic_by_name(name) for name in ('/orders/new', '/other')]) == [
        True,
        False,
    ]


def test_several_messages(zato: LocalServer) -> None:
    def handle(self: Any) -> Any:
        with self.pubsub.batch():
            self.pubsub.publish_many('/a', ['a', {'data': 'b', 'priority': 1}], correl_id='c')
            self.pubsub.publish('/b', data_list=[{'data': 'c'}], deliver_to_sk='zpsk.rest.1', has_gd=False)
            assert zato.published == []

    run(zato, handle)
    assert [(each.name, each.data, dict(each.options)) for each in zato.published] == [
        ('/a', 'a', {'correl_id': 'c'}),
        ('/a', 'b', {'correl_id': 'c', 'priority': 1}),
        ('/b', 'c', {'deliver_to_sk': 'zpsk.rest.1', 'has_gd': False}),
    ]


def test_a_block_that_raises_publishes_nothing(zato: LocalServer) -> None:
    def handle(self: Any) -> Any:
        with self.pubsub.batch():
            self.pubsub.publish('/a', 'a')
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(zato, handle)
    assert zato.published == []


def test_an_id_is_that_of_one_message(zato: LocalServer) -> None:
    def publish(data: Any) -> Any:
        return run(zato, lambda self: self.pubsub.publish('/a', data, msg_id='m1'))

    assert publish('abc') == publish('abc') == 'm1'
    assert len(zato.published) == 1
    with pytest.raises(Conflict):
        publish('abcd')


def test_mistakes_are_errors_as_in_a_server(zato: LocalServer) -> None:
    with pytest.raises(BadRequest, match='There is no such option of publish: prio'):
        run(zato, lambda self: self.pubsub.publish('/a', 'x', prio=1))
    with pytest.raises(BadRequest, match='`priority` must be a number from 1 to 9; got 10'):
        run(zato, lambda self: self.pubsub.publish('/a', 'x', priority=10))
    with pytest.raises(ContentTooLarge):
        run(zato, lambda self: self.pubsub.publish('/a', 'x' * 10_485_761))
    assert zato.published == []


@pytest.mark.parametrize(
    'use',
    [
        lambda pubsub: pubsub.get_messages('/a', 'zpsk.1'),
        lambda pubsub: pubsub.delete_message('zpsk.1', 'm1'),
        lambda pubsub: pubsub.unsubscribe('zpsk.1'),
        lambda pubsub: pubsub.create_topic('/a'),
    ],
    ids=['take', 'delete', 'unsubscribe', 'create'],
)
def test_queues_and_subscriptions_are_not_there(zato: LocalServer, use: Any) -> None:
    with pytest.raises(NotAvailable, match='There are no queues and no subscriptions in tests'):
        run(zato, lambda self: use(self.pubsub))


def test_each_test_begins_without_messages(zato: LocalServer) -> None:
    assert zato.published == []
