"""`self.pubsub`, as services use it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import pytest

from tests.unit.pubsub.publishing import NOW, Hook, Publishing
from tests.unit.pubsub.registered import endpoint, subscription, topic
from tests.unit.service.invoking import caller_of, invoke, invoker_of, service
from zato.common.exception import BadRequest, Conflict, Forbidden, NotFound
from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject
from zato.server.propagate.configuration import Configuration
from zato.server.pubsub.listed import Listed
from zato.server.pubsub.pulled import PulledMessages
from zato.server.pubsub.queues import Page, Queues
from zato.server.service import Service
from zato.server.service.facade.pubsub import PubSub, PubSubParts
from zato.server.service.facade.pubsub_queues import QueueParts

KEY = 'zpsk.rest.3'


def listed(number: int, **values: Any) -> Listed:
    given = {
        'seq': number, 'msg_id': f'm{number}', 'topic_id': 1, 'priority': 5, 'pub_time': 1_700_000_000_000_000,
        'expires_at': 0, 'mime': 'text/plain', 'form': 't', 'size': 2, 'endpoint_id': 0, 'meta': {}, 'part': b'd%d' % number,
        'rank': 4, 'attempts': 1, **values,
    }  # fmt: skip
    return Listed(**given)


class FakeQueues:
    """waiting: what there is in the queue of subscription 3."""

    def __init__(self) -> None:
        self.waiting: list[Listed] = []
        self.whole: dict[str, Listed] = {}
        self.delivered: list[str] = []

    def browse(self, sub_id: int, which: str, *, after: Sequence[int] = (), limit: int) -> Page:
        assert (sub_id, which) == (3, 'ready')
        start = after[0] if after else 0
        found = self.waiting[start : start + limit]
        is_last = start + limit >= len(self.waiting)
        return Page(found, () if is_last else (start + limit,))

    def find(self, msg_id: str, *, most: int, sub_id: int = 0) -> Listed | None:
        assert sub_id in (0, 3)
        return self.whole.get(msg_id)

    def delete(self, sub_id: int, msg_ids: Sequence[str]) -> int:
        assert sub_id == 3
        return sum(1 for item in self.waiting if item.msg_id in msg_ids)


class FakePulled:
    def drain(self, item: ConfigObject, cid: str, *, most: int) -> list[PubSubMessage]:
        message = PubSubMessage(
            pub_msg_id='m1',
            topic_name='/a',
            sub_key=item.settings.sub_key,
            data={'a': 1},
            pub_correl_id=cid,
            position_in_group=most,
        )
        return [message]


class FakeConfiguration:
    """changes: that were applied, each with who wanted it."""

    def __init__(self) -> None:
        self.changes: list[tuple[Any, ...]] = []
        self.apply_to: Callable[[], None] = lambda: None
        self.error: Exception | None = None

    def apply(self, changes: Sequence[Any], actor: Any, *, is_system: bool = False) -> None:
        for change in changes:
            self.changes.append(
                (change.action, change.kind.name, {'name': change.name, **change.given}, actor.name, is_system)
            )
        if self.error is not None:
            raise self.error
        self.apply_to()


class Bench(Publishing):
    def __init__(self) -> None:
        super().__init__()
        self.queues = FakeQueues()
        self.configuration = FakeConfiguration()
        self.asked: list[str] = []
        self.target: ConfigObject | None = None
        self.parts = PubSubParts(
            publisher=self.publisher,
            registry=self.registry,
            queues=QueueParts(
                registry=self.registry,
                configuration=cast(Configuration, self.configuration),
                pulled=cast(PulledMessages, FakePulled()),
                queues=cast(Queues, self.queues),
                now=lambda: NOW,
            ),
            make_topic=self._make_topic,
            security_id={'alice': 77}.get,
        )

    def run(self, function: Callable[[Any], Any], *services: Any) -> Any:
        """What it returns as the `handle` of a service `caller`."""
        invoker = invoker_of(caller_of(function), *services)
        invoker.facades.put('pubsub', lambda service: PubSub(service, self.parts))
        return invoke(invoker, 'caller')

    def _make_topic(self, name: str) -> ConfigObject | None:
        self.asked.append(name)
        return self.target


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.stop()


# Publishing


def test_what_a_service_publishes_is_stored(bench: Bench) -> None:
    msg_id = bench.run(lambda self: self.pubsub.publish('/a', data={'abc': 'Hello World'}, priority=8))
    (message,) = bench.shown()
    assert (message.msg_id, message.data, message.priority) == (msg_id, {'abc': 'Hello World'}, 8)


def test_data_is_the_second_argument_and_text_without_anything_by_default(bench: Bench) -> None:
    bench.run(lambda self: (self.pubsub.publish('/a', 'x'), self.pubsub.publish('/a')))
    assert bench.data == ['x', '']


class Target(Service):
    name = 'my.target'


@pytest.mark.parametrize('name', ['my.target', Target], ids=['name', 'class'])
def test_the_topic_of_a_service_is_made_as_it_is_published_to(bench: Bench, name: Any) -> None:
    bench.target = bench.topic
    assert bench.run(lambda self: self.pubsub.publish(name, 'x'))
    assert bench.asked == ['my.target']
    assert bench.data == ['x']


def test_a_topic_of_a_service_that_is_there_is_used(bench: Bench) -> None:
    bench.registered.put(topic(id=9, name='/zato/s/to/my.target'), subscription(id=8, topic=9))
    bench.run(lambda self: self.pubsub.publish('my.target', 'x'))
    assert bench.messages[0].topic_id == 9
    assert bench.asked == []


def test_a_topic_of_a_service_without_a_subscription_gets_one_and_keeps_messages_meanwhile(bench: Bench) -> None:
    bench.registered.put(topic(id=9, name='/zato/s/to/my.target'))
    bench.run(lambda self: self.pubsub.publish('my.target', 'x'))
    assert bench.messages[0].topic_id == 9
    assert bench.asked == ['my.target']


def test_what_is_neither_a_topic_nor_a_service_is_forbidden(bench: Bench) -> None:
    with pytest.raises(Forbidden, match='There is no topic and no service `nothing`'):
        bench.run(lambda self: self.pubsub.publish('nothing', 'x'))


def test_what_is_no_name_is_an_error(bench: Bench) -> None:
    with pytest.raises(TypeError, match='A service is invoked by its name or its class, not by 5'):
        bench.run(lambda self: self.pubsub.publish(5, 'x'))


def test_several_in_one_commit(bench: Bench) -> None:
    def handle(self: Any) -> Any:
        return self.pubsub.publish_many('/a', ['a', {'b': 1}, {'data': 'c', 'priority': 9}], correl_id='c')

    ids = bench.run(handle)
    assert [message.msg_id for message in bench.shown()] == ids
    assert bench.data == ['a', {'b': 1}, 'c']
    assert [message.priority for message in bench.messages] == [5, 5, 9]
    assert {message.correl_id for message in bench.shown()} == {'c'}
    assert len(bench.store.batches) == 1


def test_a_list_of_messages_is_published_together(bench: Bench) -> None:
    def handle(self: Any) -> Any:
        return self.pubsub.publish('/a', data_list=[{'data': 'a'}, {'data': 'b', 'priority': 1}], priority=2)

    assert len(bench.run(handle)) == 2
    assert [(message.data, message.priority) for message in bench.messages] == [(b'a', 2), (b'b', 1)]
    assert bench.run(lambda self: self.pubsub.publish('/a', data_list=[])) == []


def test_a_block_is_one_commit_at_its_end(bench: Bench) -> None:
    def handle(self: Any) -> Any:
        with self.pubsub.batch() as pubsub:
            first = pubsub.publish('/a', 'a', priority=3)
            self.pubsub.publish_many('/a', ['b', 'c'])
            self.pubsub.publish('/a', data_list=[{'data': 'd'}])
            with self.pubsub.batch():
                self.pubsub.publish('/a', 'e')
            assert bench.messages == []
        return first

    first = bench.run(handle)
    assert bench.data == ['a', 'b', 'c', 'd', 'e']
    assert (bench.messages[0].msg_id, bench.messages[0].priority) == (first, 3)
    assert len(bench.store.batches) == 1


def test_a_block_that_raises_publishes_nothing_and_is_over(bench: Bench) -> None:
    def handle(self: Any) -> Any:
        with contextlib.suppress(ZeroDivisionError), self.pubsub.batch():
            self.pubsub.publish('/a', 'a')
            raise ZeroDivisionError
        self.pubsub.publish('/a', 'b')
        with self.pubsub.batch():
            pass

    bench.run(handle)
    assert bench.data == ['b']


def test_a_block_is_of_its_own_service_alone(bench: Bench) -> None:
    def other(self: Any) -> None:
        self.pubsub.publish('/a', 'other')

    def handle(self: Any) -> Any:
        with self.pubsub.batch():
            self.pubsub.publish('/a', 'own')
            self.invoke('other')
            assert bench.data == ['other']

    bench.run(handle, service('other', other))
    assert bench.data == ['other', 'own']


def test_what_a_hook_skips_in_a_block_is_none(bench: Bench) -> None:
    bench.registered.put(topic(hook_service=99, version=2))
    bench.hook = Hook(lambda message: 'skip' if message.data == 'no' else '')

    def handle(self: Any) -> Any:
        with self.pubsub.batch():
            return self.pubsub.publish('/a', 'no'), self.pubsub.publish_many('/a', ['no', 'yes'])

    single, (first, second) = bench.run(handle)
    assert (single, first) == (None, None)
    assert [message.msg_id for message in bench.messages] == [second]


# As whom


@pytest.mark.parametrize(
    'identity',
    [{'endpoint_id': 4}, {'endpoint_name': 'alices'}, {'security_id': 77}, {'security_name': 'alice'}],
    ids=lambda identity: next(iter(identity)),
)
def test_a_message_is_published_as_an_endpoint(bench: Bench, identity: dict[str, Any]) -> None:
    bench.registered.put(endpoint(id=4, name='alices', security=77, topic_patterns='pub=/a'))
    bench.run(lambda self: (self.pubsub.publish('/a', 'x', **identity), self.pubsub.publish_many('/a', ['y'], **identity)))
    assert [message.endpoint_id for message in bench.messages] == [4, 4]


def test_an_endpoint_may_publish_what_its_patterns_say(bench: Bench) -> None:
    bench.registered.put(endpoint(id=4, name='alices', topic_patterns='sub=/a'))
    with pytest.raises(Forbidden, match='Endpoint alices may not publish to topic /a'):
        bench.run(lambda self: self.pubsub.publish('/a', 'x', endpoint_name='alices'))


@pytest.mark.parametrize(
    'identity',
    [{'endpoint_id': 9}, {'endpoint_name': 'bob'}, {'security_id': 9}, {'security_name': 'bob'}],
    ids=lambda identity: next(iter(identity)),
)
def test_an_endpoint_that_there_is_not_is_an_error(bench: Bench, identity: dict[str, Any]) -> None:
    ((name, value),) = identity.items()
    with pytest.raises(BadRequest, match=f'There is no endpoint with {name} {value!r}'):
        bench.run(lambda self: self.pubsub.publish('/a', 'x', **identity))


def test_without_an_identity_it_is_the_server(bench: Bench) -> None:
    bench.run(lambda self: self.pubsub.publish('/a', 'x', endpoint_name='', security_id=0))
    assert bench.messages[0].endpoint_id == 0


def test_the_service_may_be_the_clients_id(bench: Bench) -> None:
    bench.run(lambda self: self.pubsub.publish('/a', 'x', service=self))
    bench.run(lambda self: self.pubsub.publish('/a', 'x', service='other'))
    bench.run(lambda self: self.pubsub.publish('/a', 'x', service=self, ext_client_id='own'))
    assert [message.ext_client_id for message in bench.shown()] == ['caller', 'other', 'own']


def test_an_unknown_option_is_an_error(bench: Bench) -> None:
    for name in ('prio', 'topic', 'endpoint'):
        with pytest.raises(BadRequest, match=f'There is no such option of publish: {name}'):
            bench.run(lambda self, name=name: self.pubsub.publish('/a', 'x', **{name: 1}))


# Queues


def test_messages_are_taken(bench: Bench) -> None:
    (message,) = bench.run(lambda self: self.pubsub.get_messages('/a', KEY))
    assert 'msg_id' not in message
    assert (message['data'], message['topic_name'], message['sub_key']) == ({'a': 1}, '/a', KEY)
    assert (message['correl_id'], 'pub_msg_id' in message) == ('c1', False)
    (message,) = bench.run(lambda self: self.pubsub.get_messages('/a', KEY, needs_msg_id=True))
    assert message['msg_id'] == 'm1'
    (message,) = bench.run(lambda self: self.pubsub.get_messages('/a', KEY, needs_details=True))
    assert (message['pub_msg_id'], message['position_in_group'], 'msg_id' in message) == ('m1', 500, False)


def test_only_who_pulls_has_messages_to_take(bench: Bench) -> None:
    bench.registered.put(subscription(delivery_method='notify', rest_connection=99, version=2))
    with pytest.raises(BadRequest, match=f'Messages of {KEY} are delivered, so they cannot be taken'):
        bench.run(lambda self: self.pubsub.get_messages('/a', KEY))


@pytest.mark.parametrize(('name', 'key'), [('/b', KEY), ('/a', 'zpsk.unknown')])
def test_a_subscription_is_one_of_its_topic(bench: Bench, name: str, key: str) -> None:
    for method in ('get_messages', 'read_messages'):
        with pytest.raises(NotFound, match=f'There is no subscription {key} to {name}'):
            bench.run(lambda self, method=method: getattr(self.pubsub, method)(name, key))


def test_pages_of_messages_that_wait(bench: Bench) -> None:
    bench.queues.waiting = [listed(number) for number in range(120)]

    def page(number: int, query: str = '') -> list[str]:
        found = bench.run(lambda self: self.pubsub.read_messages('/a', KEY, cur_page=number, query=query))
        return [message['msg_id'] for message in found]

    assert page(1) == [f'm{number}' for number in range(50)]
    assert page(3) == [f'm{number}' for number in range(100, 120)]
    assert page(4) == []
    assert page(1, 'd4') == ['m4', *(f'm{number}' for number in range(40, 50))]
    assert page(1, '9') == ['m9', 'm19', 'm29', 'm39', 'm49']


def test_large_messages_are_read_whole_and_those_delivered_meanwhile_left_out(bench: Bench) -> None:
    cut = {'size': 5_000, 'part': b'{"a":', 'form': 'j', 'meta': {'correl_id': 'c', 'ext_pub_time': 1_700_000_000_000_000}}
    bench.queues.waiting = [listed(1, **cut), listed(2, **cut), listed(3)]
    bench.queues.whole['m2'] = listed(2, **{**cut, 'part': b'{"a":1}'})
    first, second = bench.run(lambda self: self.pubsub.read_messages('/a', KEY))
    assert (first['data'], first['correl_id'], first['delivery_count']) == ({'a': 1}, 'c', 1)
    assert first['ext_pub_time_iso'] == '2023-11-14T22:13:20.000000'
    assert second['msg_id'] == 'm3'


def test_one_message_is_read_and_deleted(bench: Bench) -> None:
    bench.queues.waiting = [listed(1)]
    bench.queues.whole['m1'] = listed(1)
    found = bench.run(lambda self: self.pubsub.read_message('/a', 'm1', True, sub_key=KEY, server_name='s', server_pid=1))
    assert (found['data'], found['sub_key'], found['topic_name']) == ('d1', KEY, '/a')
    assert bench.run(lambda self: self.pubsub.read_message('/a', 'm1'))['sub_key'] == ''
    assert bench.run(lambda self: self.pubsub.delete_message(KEY, 'm1', True)) is True
    assert bench.run(lambda self: self.pubsub.delete_message(KEY, 'm2', True)) is False
    with pytest.raises(NotFound, match='There is no message m2'):
        bench.run(lambda self: self.pubsub.read_message('/a', 'm2', True, sub_key=KEY))
    with pytest.raises(NotFound, match=r'There is no subscription zpsk\.unknown'):
        bench.run(lambda self: self.pubsub.delete_message('zpsk.unknown', 'm1'))


# Topics and subscriptions


def test_an_endpoint_subscribes_once(bench: Bench) -> None:
    assert bench.run(lambda self: self.pubsub.subscribe('/a', 'e')) == KEY
    assert bench.configuration.changes == []


@pytest.mark.parametrize(
    ('settings', 'method'),
    [({}, 'pull'), ({'delivery_method': 'notify'}, 'notify'), ({'rest_connection': 'CRM'}, None)],
    ids=['pulls', 'given', 'connection'],
)
def test_rest_clients_pull_unless_something_else_is_said(bench: Bench, settings: dict[str, Any], method: str | None) -> None:
    bench.registered.put(endpoint(id=4, name='f'))
    bench.configuration.apply_to = lambda: bench.registered.put(subscription(id=5, endpoint=4)) and None
    assert bench.run(lambda self: self.pubsub.subscribe('/a', 'f', **settings)) == 'zpsk.rest.5'
    ((action, kind, values, actor, is_system),) = bench.configuration.changes
    assert (action, kind, values['topic_id'], values['endpoint_id']) == ('create', 'pubsub_subscription', 1, 4)
    assert values.get('delivery_method') == method
    assert (actor, is_system) == ('service caller (called by alice)', True)


def test_who_is_to_subscribe_and_to_what_must_be_there(bench: Bench) -> None:
    with pytest.raises(NotFound, match='There is no topic /b'):
        bench.run(lambda self: self.pubsub.subscribe('/b', 'e'))
    with pytest.raises(NotFound, match='There is no endpoint f'):
        bench.run(lambda self: self.pubsub.subscribe('/a', 'f'))


def test_a_subscription_ends_once(bench: Bench) -> None:
    bench.run(lambda self: self.pubsub.unsubscribe('zpsk.unknown'))
    assert bench.configuration.changes == []
    bench.run(lambda self: self.pubsub.unsubscribe(KEY))
    assert bench.configuration.changes[0][:2] == ('delete', 'pubsub_subscription')
    bench.configuration.error = NotFound(msg='somebody else was faster')
    bench.run(lambda self: self.pubsub.unsubscribe(KEY))


def test_a_topic_is_created(bench: Bench) -> None:
    bench.configuration.apply_to = lambda: bench.registered.put(topic(id=9, name='/b')) and None
    made = bench.run(lambda self: self.pubsub.create_topic('/b', max_depth_gd=5).id)
    assert made == 9
    ((action, kind, values, *_),) = bench.configuration.changes
    assert (action, kind, values) == ('create', 'pubsub_topic', {'name': '/b', 'max_depth_gd': 5})
    bench.configuration.error = Conflict(msg='There is one')
    with pytest.raises(Conflict):
        bench.run(lambda self: self.pubsub.create_topic('/b'))


def test_a_topic_that_was_created_and_is_not_there_is_an_error(bench: Bench) -> None:
    with pytest.raises(NotFound, match='Topic /b was created, and cannot be used; see the alarms'):
        bench.run(lambda self: self.pubsub.create_topic('/b'))


def test_what_there_is_can_be_asked_for(bench: Bench) -> None:
    def handle(self: Any) -> Any:
        ps = self.pubsub
        return (
            [ps.has_topic_by_name(name) for name in ('/a', '/b')],
            ps.get_topic_by_name('/a').id,
            [ps.is_subscribed_to(id, name) for id, name in ((2, '/a'), (9, '/a'), (2, '/b'))],
            [item.id for item in ps.get_subscriptions_by_topic('/a')],
            [ps.wait_for_topic(name, timeout=0) for name in ('/a', '/b')],
        )

    assert bench.run(handle) == ([True, False], 1, [True, False, False], [3], [True, False])
    for method in ('get_topic_by_name', 'get_subscriptions_by_topic'):
        with pytest.raises(NotFound, match='There is no topic /b'):
            bench.run(lambda self, method=method: getattr(self.pubsub, method)('/b'))
