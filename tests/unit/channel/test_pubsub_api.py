"""What REST clients of publish/subscribe are answered: who may do what, what is taken from bodies, what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.admin_services import AdminServices
from tests.support.security import basic
from tests.unit.channel.rest import Answer, request
from zato.common.config.kind import kinds
from zato.common.exception import BadRequest, Conflict, ContentTooLarge, NotFound, StoreUnavailable, TopicFull
from zato.common.pubsub import PubSubMessage
from zato.server.channel.pipeline import Pipeline
from zato.server.channel.pubsub_api import pubsub_channels
from zato.server.channel.routes import Routes
from zato.server.config.runtime import ConfigObject
from zato.server.http.message import serialize as to_wire
from zato.server.propagate.change import Change
from zato.server.propagate.ledger import Actor
from zato.server.pubsub.pull import GiveBack
from zato.server.pubsub.registry import Registry
from zato.server.security.basic_auth import BasicAuth
from zato.server.security.definitions import NobodyAuth, SecurityDefinitions

TOPIC, OTHER_TOPIC, SECRET_TOPIC = 1, 2, 3
SECURITY, NO_ENDPOINT, OTHER_SECURITY = 11, 12, 13
ENDPOINT, OTHER_ENDPOINT = 21, 22
SUBSCRIPTION, OTHER_SUBSCRIPTION = 31, 32
PUBLISH, SUBSCRIBE = '/zato/pubsub/topic//a/b', '/zato/pubsub/subscribe/topic//a/b'
FORBIDDEN = 'You are not allowed to access this resource'


class Publisher:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.msg_id: str | None = 'zpsm1'
        self.calls: list[tuple[str, str, Any, dict[str, Any]]] = []

    def publish(self, topic: ConfigObject, endpoint: ConfigObject, data: Any, options: Any, cid: str) -> str | None:
        if self.error is not None:
            raise self.error
        self.calls.append((topic.name, endpoint.name, data, {'cid': cid, **options}))
        return self.msg_id


class Pulled:
    """Hands out `messages`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.messages: list[PubSubMessage] = []
        self.asked: list[tuple[int, int, float]] = []

    def get(self, subscription: ConfigObject, cid: str, *, most: int, visibility: float) -> tuple[str, list[PubSubMessage]]:
        if self.error is not None:
            raise self.error
        self.asked.append((subscription.id, most, visibility))
        return ('lease1' if self.messages else '', self.messages)

    def drain(self, subscription: ConfigObject, cid: str, *, most: int) -> list[PubSubMessage]:
        return self.get(subscription, cid, most=most, visibility=0)[1]


class Pulls:
    """Keeps what it was asked. lost: what nobody has."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.calls: list[tuple[Any, ...]] = []

    def acknowledge(self, sub_id: int, msg_ids: Sequence[str], lease_id: str = '') -> list[str]:
        self.calls.append((sub_id, msg_ids, lease_id))
        return self.lost

    def give_back(
        self, sub_id: int, msg_ids: Sequence[str], how: GiveBack, *, max_retry: int, lease_id: str = ''
    ) -> list[str]:
        self.calls.append((sub_id, msg_ids, how, max_retry, lease_id))
        return self.lost

    def depth(self, sub_id: int) -> int:
        return 3


class Configuration:
    """Applies changes of subscriptions to the registry alone."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.changes: list[tuple[str, str]] = []
        self.error: Exception | None = None

    def apply(self, changes: Sequence[Change], actor: Actor, *, is_system: bool = False) -> None:
        assert is_system
        if self.error is not None:
            raise self.error
        for change in changes:
            self.changes.append((change.action, actor.name))
            if change.action == 'delete':
                found = self.registry.subscription(change.id or 0)
                assert found is not None
                self.registry.remove(found, is_gone=True)
            else:
                settings = {key.removesuffix('_id'): value for key, value in change.given.items()}
                self.registry.put(item('pubsub_subscription', 99, str(change.name), **settings))


def item(kind: str, id: int, name: str, *, is_active: bool = True, **settings: Any) -> ConfigObject:
    made = kinds()[kind].settings(**settings)
    return ConfigObject(id=id, kind=kind, name=name, is_active=is_active, version=1, settings=made)


class World:
    """Jane has an endpoint, which has not subscribed; joe has another one; jim has none."""

    def __init__(self, services: AdminServices, context: SimpleNamespace) -> None:
        """context: what the services find in theirs."""
        self.registry = Registry()
        self.definitions = SecurityDefinitions()
        for id, user in ((SECURITY, 'jane'), (NO_ENDPOINT, 'jim'), (OTHER_SECURITY, 'joe')):
            self.definitions.put(id, BasicAuth(user, 'secret', 'API', id))
        for id, name in ((TOPIC, '/a/b'), (OTHER_TOPIC, '/a/c'), (SECRET_TOPIC, '/z')):
            self.registry.put(item('pubsub_topic', id, name))
        self.endpoint()
        self.registry.put(item('pubsub_endpoint', OTHER_ENDPOINT, 'joes', security=OTHER_SECURITY, topic_patterns='sub=/*'))
        self.publisher, self.pulled, self.pulls = Publisher(), Pulled(), Pulls()
        self.configuration = Configuration(self.registry)
        context.registry, context.publisher = self.registry, self.publisher
        context.pulled, context.pulls = self.pulled, self.pulls
        context.apply = self.configuration.apply
        routes = Routes()
        for channel in pubsub_channels(services.invoker.store, self.registry, self.definitions):
            routes.add(channel)
        self.pipeline = Pipeline(routes, services.invoker, lambda e: 'hidden')

    def endpoint(self, *, is_active: bool = True, **settings: Any) -> None:
        """Jane's, as it is now."""
        settings = {'security': SECURITY, 'topic_patterns': 'pub=/a/*\nsub=/a/*', **settings}
        self.registry.put(item('pubsub_endpoint', ENDPOINT, 'janes', is_active=is_active, **settings))

    def topic(self, *, is_active: bool = True, **settings: Any) -> None:
        """/a/b, as it is now."""
        self.registry.put(item('pubsub_topic', TOPIC, '/a/b', is_active=is_active, **settings))

    def subscribe(self, topic: int = TOPIC, id: int = SUBSCRIPTION, endpoint: int = ENDPOINT, **settings: Any) -> None:
        settings = {'sub_key': f'zpsk.rest.{id}', 'delivery_method': 'pull', **settings}
        self.registry.put(item('pubsub_subscription', id, f's{id}', topic=topic, endpoint=endpoint, **settings))

    def ask(self, method: str, target: str, body: Any = None, user: str = 'jane', **headers: str) -> Answer:
        raw = b'' if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        made = request(raw, target.encode(), method, **headers)
        if user:
            made.headers.update(basic(user, 'secret'))
        response = self.pipeline.respond(made)
        assert isinstance(response.body, bytes)
        assert to_wire(response, b'', b'', is_head=False).endswith(response.body)
        lines: dict[str, list[str]] = {}
        for key, value in response.headers:
            lines.setdefault(key.decode().lower(), []).append(value.decode())
        return Answer(response.status, response.body, lines, response)

    def publish(self, body: Any = None, **headers: str) -> Answer:
        return self.ask('POST', PUBLISH, {'data': 'x'} if body is None else body, **headers)

    def pull(self, what: str, user: str = 'jane', **body: Any) -> Answer:
        return self.ask('POST', f'/zato/pubsub/pull/{what}', body, user)


@pytest.fixture(scope='module')
def context() -> SimpleNamespace:
    return SimpleNamespace()


@pytest.fixture(scope='module')
def services(context: SimpleNamespace) -> AdminServices:
    return AdminServices(pubsub=context, configuration=context)


@pytest.fixture
def world(services: AdminServices, context: SimpleNamespace) -> World:
    return World(services, context)


def message(name: str, **given: Any) -> PubSubMessage:
    return PubSubMessage(pub_msg_id=name, topic_name='/a/b', sub_key='zpsk.rest.31', **given)


# Who may


@pytest.mark.parametrize(
    ('method', 'target'),
    [
        ('POST', PUBLISH),
        ('PATCH', PUBLISH),
        ('POST', SUBSCRIBE),
        ('DELETE', SUBSCRIBE),
        ('POST', '/zato/pubsub/pull/get'),
        ('POST', '/zato/pubsub/pull/ack'),
        ('POST', '/zato/pubsub/pull/nack'),
    ],
)
@pytest.mark.parametrize('who', ['nobody', 'unknown', 'without endpoint', 'wrong password', 'not basic'])
def test_without_an_endpoint_s_credentials_it_is_403_everywhere(world: World, method: str, target: str, who: str) -> None:
    user = {'unknown': 'mallory', 'without endpoint': 'jim'}.get(who, '')
    if who == 'wrong password':
        world.definitions.put(SECURITY, BasicAuth('jane', 'other', 'API', SECURITY))
        user = 'jane'
    headers = {'authorization': 'Bearer abc'} if who == 'not basic' else {}
    answer = world.ask(method, target, {'data': 'x', 'topic': '/a/b', 'msg_ids': ['a']}, user, **headers)
    assert (answer.status, answer.details) == (403, FORBIDDEN)


def test_an_endpoint_that_is_not_active_lets_nobody_in(world: World) -> None:
    assert world.publish().status == 200
    world.endpoint(is_active=False)
    assert world.publish().status == 403
    world.endpoint()
    assert world.publish().status == 200


def test_a_definition_that_is_not_active_lets_nobody_in(world: World) -> None:
    world.definitions.put(SECURITY, NobodyAuth(BasicAuth('jane', 'secret', 'API', SECURITY)))
    assert world.publish().status == 403


def test_changes_of_definitions_count_at_once(world: World) -> None:
    assert world.publish().status == 200
    world.definitions.put(SECURITY, BasicAuth('jane', 'new', 'API', SECURITY))
    world.endpoint()  # whatever refers to a definition is put again when that changes
    assert world.publish().status == 403
    world.definitions.remove(SECURITY)
    world.endpoint(security=NO_ENDPOINT)
    assert world.publish().status == 403
    assert world.ask('POST', PUBLISH, {'data': 'x'}, 'jim').status == 200


def test_of_two_definitions_with_the_same_credentials_the_one_with_an_endpoint_counts(world: World) -> None:
    world.definitions.put(5, BasicAuth('jane', 'secret', 'API', 5))
    assert world.publish().status == 200


@pytest.mark.parametrize(
    ('role', 'patterns', 'may'),
    [
        ('pub-sub', 'pub=/a/b\nsub=/a/b', ('pub', 'sub')),
        ('pub-only', 'pub=/a/b\nsub=/a/b', ('pub',)),
        ('sub-only', 'pub=/a/b\nsub=/a/b', ('sub',)),
        ('pub-sub', 'pub=/a/b', ('pub',)),
        ('pub-sub', 'sub=/a/b', ('sub',)),
        ('pub-sub', 'pub=/a\nsub=/a', ()),
        ('pub-sub', '', ()),
    ],
)
def test_roles_and_patterns_say_what_an_endpoint_may_do(world: World, role: str, patterns: str, may: Sequence[str]) -> None:
    world.endpoint(role=role, topic_patterns=patterns)
    world.subscribe()
    assert world.publish().status == (200 if 'pub' in may else 403)
    for answer in (
        world.ask('PATCH', PUBLISH),
        world.pull('get', topic='/a/b'),
        world.pull('ack', sub_key='zpsk.rest.31', msg_ids=['a']),
        world.ask('POST', SUBSCRIBE),
        world.ask('DELETE', SUBSCRIBE),
    ):
        assert answer.status == (200 if 'sub' in may else 403)


def test_it_is_not_told_whether_a_topic_exists(world: World) -> None:
    for name in ('/z', '/no/such', '/'):
        answers = [
            world.ask('POST', f'/zato/pubsub/topic/{name}', {'data': 'x'}),
            world.ask('PATCH', f'/zato/pubsub/topic/{name}'),
            world.ask('POST', f'/zato/pubsub/subscribe/topic/{name}'),
            world.ask('DELETE', f'/zato/pubsub/subscribe/topic/{name}'),
            world.pull('get', topic=name),
        ]
        assert [(answer.status, answer.details) for answer in answers] == [(403, FORBIDDEN)] * 5


def test_other_methods_are_refused(world: World) -> None:
    assert world.ask('GET', PUBLISH).status == 405
    assert world.ask('PATCH', SUBSCRIBE).status == 405
    assert world.ask('GET', '/zato/pubsub/pull/get').status == 405


# Publishing


def test_what_is_published_is_answered_with_its_id(world: World) -> None:
    answer = world.publish({'data': {'id': 7}})
    assert (answer.status, answer.json) == (200, {'msg_id': 'zpsm1'})
    assert world.publisher.calls == [('/a/b', 'janes', {'id': 7}, {'cid': answer.cid})]


@pytest.mark.parametrize('target', [PUBLISH, '/zato/pubsub/topic/a/b', '/zato/pubsub/topic/%2Fa%2Fb'])
def test_slashes_may_be_merged_or_encoded_on_their_way(world: World, target: str) -> None:
    assert world.ask('POST', target, {'data': 'x'}).status == 200
    assert world.publisher.calls[0][0] == '/a/b'


@pytest.mark.parametrize('data', ['x', ' ', 0, False, [], {}, [1, {'a': None}], 1.5])
def test_data_is_any_json(world: World, data: Any) -> None:
    assert world.publish({'data': data}).status == 200
    assert world.publisher.calls[0][2] == data
    assert type(world.publisher.calls[0][2]) is type(data)


@pytest.mark.parametrize('body', [{}, {'data': ''}, {'data': None}, {'priority': 5}, b'', b'  '])
def test_without_data_it_is_400(world: World, body: Any) -> None:
    answer = world.publish(body)
    assert (answer.status, answer.details) == (400, 'No data sent on input')


def test_what_is_no_object_of_json_is_400(world: World) -> None:
    assert 'The body must be a JSON object' in world.publish(b'[1]').details
    assert 'not valid JSON' in world.publish(b'{').details


def test_what_is_said_of_a_message_goes_with_it_and_what_is_not_known_is_ignored(world: World) -> None:
    options = {
        'msg_id': 'my.id',
        'priority': 9,
        'expiration': 1_000,
        'mime_type': 'text/x',
        'correl_id': 'c1',
        'in_reply_to': 'r1',
        'ext_client_id': 'e1',
        'group_id': 'g1',
        'position_in_group': 2,
        'ext_pub_time': '2024-05-01T10:00:00',
        'reply_to_sk': ['zpsk.1'],
        'deliver_to_sk': ['zpsk.2'],
        'user_ctx': {'a': 1},
        'has_gd': False,
        'deliver_after': 5,
    }
    answer = world.publish({'data': 'x', 'no_such_option': 1, 'zato_ctx': {'target': 'other'}, 'cid': 'x', **options})
    assert answer.status == 200
    assert world.publisher.calls[0][3] == {'cid': answer.cid, **options}


def test_has_gd_is_a_boolean(world: World) -> None:
    assert world.publish({'data': 'x', 'has_gd': 'yes'}).details == '`has_gd` must be true or false; got `yes`'


def test_an_idempotency_key_gives_the_same_message_of_the_same_client_the_same_id(world: World) -> None:
    world.registry.put(item('pubsub_endpoint', OTHER_ENDPOINT, 'joes', security=OTHER_SECURITY, topic_patterns='pub=/*'))

    def id_of(target: str = PUBLISH, key: str = 'k1', user: str = 'jane', **body: Any) -> str:
        assert world.ask('POST', target, {'data': 'x', **body}, user, idempotency_key=key).status == 200
        return str(world.publisher.calls[-1][3]['msg_id'])

    first = id_of()
    assert first.startswith('zpsm')
    assert len(first) == 28
    assert id_of() == id_of(key=' k1 ') == first
    others = [id_of(key='k2'), id_of(user='joe'), id_of('/zato/pubsub/topic//a/c'), id_of(msg_id='own')]
    assert len({first, *others}) == 5
    assert others[-1] == 'own'
    assert world.publish(idempotency_key='k' * 256).status == 400


def test_what_nobody_wanted_has_no_id(world: World) -> None:
    world.publisher.msg_id = None
    assert world.publish().json == {}


@pytest.mark.parametrize(
    ('error', 'status', 'details'),
    [
        (BadRequest(msg='`priority` must be 1 to 9', needs_msg=True), 400, '`priority` must be 1 to 9'),
        (Conflict(msg='There is another message'), 409, 'There is another message'),
        (ContentTooLarge(msg='Too long'), 413, 'Too long'),
    ],
)
def test_what_publishing_refuses_is_answered_as_it_is(world: World, error: Exception, status: int, details: str) -> None:
    world.publisher.error = error
    answer = world.publish()
    assert (answer.status, answer.details, answer.header('Retry-After')) == (status, details, None)


def test_a_full_topic_is_503_and_says_when_to_come_back(world: World) -> None:
    world.publisher.error = TopicFull(msg='Topic /a/b has 5 messages')
    answer = world.publish()
    assert (answer.status, answer.details, answer.header('Retry-After')) == (503, 'Topic /a/b has 5 messages', '5')


def test_a_store_that_is_away_is_503_and_its_place_is_not_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.publisher.error = StoreUnavailable(msg='/opt/pubsub.db: the disk is full')
    answer = world.publish()
    assert (answer.status, answer.details, answer.header('Retry-After')) == (503, 'Service Unavailable', '5')
    assert 'the disk is full' not in caplog.text, 'an alarm tells of it once, and not each request'


# Taking messages that are gone then


def test_messages_are_taken_the_newest_first_unless_it_is_said_otherwise(world: World) -> None:
    world.subscribe(delivery_batch_size=50)
    world.pulled.messages = [message('a', data={'b': 1}), message('c', data=b'\xff')]
    first = world.ask('PATCH', PUBLISH).json
    world.pulled.messages = [message('a'), message('c')]
    second = world.ask('PATCH', f'{PUBLISH}?order=oldest').json
    assert [item['msg_id'] for item in first] == ['c', 'a']
    assert [item['msg_id'] for item in second] == ['a', 'c']
    assert first[1] == message('a', data={'b': 1}).to_external_dict()
    assert (first[0]['data'], first[0]['data_encoding']) == ('/w==', 'base64')
    assert world.pulled.asked == [(SUBSCRIPTION, 50, 0)] * 2


def test_no_messages_are_an_empty_list(world: World) -> None:
    world.subscribe()
    assert world.ask('PATCH', PUBLISH).body == b'[]'


def test_no_more_than_a_thousand_are_taken(world: World) -> None:
    world.subscribe(delivery_batch_size=10_000)
    world.ask('PATCH', PUBLISH)
    assert world.pulled.asked[0][1] == 1_000


@pytest.mark.parametrize('query', ['?order=up', '?order=', '?order=oldest&order=newest'])
def test_another_order_is_400(world: World, query: str) -> None:
    world.subscribe()
    assert '`order` must be newest or oldest' in world.ask('PATCH', PUBLISH + query).details


def test_who_has_not_subscribed_is_told_so(world: World) -> None:
    for answer in (world.ask('PATCH', PUBLISH), world.pull('get', topic='/a/b')):
        assert (answer.status, answer.details) == (400, 'You are not subscribed to topic `/a/b`')


def test_what_is_delivered_cannot_be_pulled(world: World) -> None:
    world.subscribe(delivery_method='notify')
    for answer in (world.ask('PATCH', PUBLISH), world.pull('ack', sub_key='zpsk.rest.31', msg_ids=['a'])):
        assert (answer.status, answer.details) == (
            400,
            'Messages of topic `/a/b` are delivered to you, so they cannot be pulled',
        )


# Subscribing


def test_a_client_subscribes_once(world: World) -> None:
    answer = world.ask('POST', SUBSCRIBE)
    made = world.registry.find_subscription(TOPIC, ENDPOINT)
    assert made is not None
    assert made.settings.delivery_method == 'pull'
    assert answer.json == {'sub_key': made.settings.sub_key, 'queue_depth': 3}
    assert world.ask('POST', SUBSCRIBE, {'delivery_method': 'pull'}).json == {}
    assert world.configuration.changes == [('create', 'pub/sub endpoint janes')]


def test_clients_are_pushed_to_only_as_administrators_say(world: World) -> None:
    answer = world.ask('POST', SUBSCRIBE, {'delivery_method': 'notify'})
    assert (answer.status, '`delivery_method` must be pull' in answer.details) == (400, True)


def test_a_topic_may_be_closed_to_those_who_subscribe_by_themselves(world: World) -> None:
    world.topic(is_api_sub_allowed=False)
    assert world.ask('POST', SUBSCRIBE).status == 403
    assert world.publish().status == 200


def test_unsubscribing_may_be_repeated(world: World) -> None:
    world.subscribe()
    world.subscribe(OTHER_TOPIC, OTHER_SUBSCRIPTION)
    answers = [world.ask('DELETE', SUBSCRIBE) for _ in range(2)]
    assert [(answer.status, answer.json) for answer in answers] == [(200, {})] * 2
    assert world.configuration.changes == [('delete', 'pub/sub endpoint janes')]
    assert [found.id for found in world.registry.subscriptions()] == [OTHER_SUBSCRIPTION]


def test_who_unsubscribes_while_another_worker_does_the_same_does_not_notice(world: World) -> None:
    world.subscribe()
    world.configuration.error = NotFound(msg='There is no such object')
    assert world.ask('DELETE', SUBSCRIBE).json == {}


# Pulling with leases


def test_messages_are_pulled_with_a_lease(world: World) -> None:
    world.subscribe()
    world.pulled.messages = [message('a'), message('b')]
    answer = world.pull('get', topic='/a/b', max=2, visibility=60)
    assert answer.json == {
        'lease_id': 'lease1',
        'messages': [message('a').to_external_dict(), message('b').to_external_dict()],
    }
    assert world.pull('get', sub_key='zpsk.rest.31').status == 200
    assert world.pulled.asked == [(SUBSCRIPTION, 2, 60.0), (SUBSCRIPTION, 100, 30.0)]


def test_an_empty_queue_has_no_lease(world: World) -> None:
    world.subscribe()
    assert world.pull('get', topic='/a/b').json == {'lease_id': '', 'messages': []}


def test_acknowledgements_are_counted_and_what_was_lost_is_named(world: World) -> None:
    world.subscribe()
    world.pulls.lost = ['b']
    answer = world.pull('ack', topic='/a/b', msg_ids=['a', 'b', 'a'], lease_id='lease1')
    assert answer.json == {'count': 1, 'lost': ['b']}
    assert world.pulls.calls == [(SUBSCRIPTION, ['a', 'b', 'a'], 'lease1')]


def test_messages_are_given_back(world: World) -> None:
    world.subscribe(delivery_max_retry=7)
    world.pull('nack', topic='/a/b', msg_ids=['a'])
    world.pull('nack', sub_key='zpsk.rest.31', msg_ids=['a'], delay=1.5, error='busy', lease_id='l')
    answer = world.pull('nack', topic='/a/b', msg_ids=['a'], reject=True)
    assert answer.json == {'count': 1, 'lost': []}
    assert world.pulls.calls == [
        (SUBSCRIPTION, ['a'], GiveBack(), 7, ''),
        (SUBSCRIPTION, ['a'], GiveBack(delay=1.5, error='busy'), 7, 'l'),
        (SUBSCRIPTION, ['a'], GiveBack(is_rejected=True), 7, ''),
    ]


@pytest.mark.parametrize(
    ('what', 'body', 'details'),
    [
        ('get', {'max': 0}, '`max` must be a number from 1 to 1,000'),
        ('get', {'max': 1_001}, '`max` must be'),
        ('get', {'max': '5'}, '`max` must be'),
        ('get', {'max': True}, '`max` must be'),
        ('get', {'visibility': 0}, '`visibility` must be a number of seconds from 1 to 43,200'),
        ('get', {'visibility': 43_201}, '`visibility` must be'),
        ('get', {'visibility': 'x'}, '`visibility` must be'),
        ('get', {'topic': None}, 'Element missing: topic or sub_key'),
        ('get', {'topic': 5}, '`topic` must be text'),
        ('ack', {}, '`msg_ids` must be a list of 1 to 1,000 IDs of messages'),
        ('ack', {'msg_ids': ['a\0']}, '`msg_ids` must be a list of 1 to 1,000 IDs of messages'),
        ('nack', {'msg_ids': ['a'], 'lease_id': '\0'}, '`lease_id` must be that of an answer to get'),
        ('ack', {'msg_ids': []}, '`msg_ids` must be'),
        ('ack', {'msg_ids': 'a'}, '`msg_ids` must be'),
        ('ack', {'msg_ids': [1]}, '`msg_ids` must be'),
        ('ack', {'msg_ids': ['a'] * 1_001}, '`msg_ids` must be'),
        ('ack', {'msg_ids': ['a'], 'lease_id': 5}, '`lease_id` must be text'),
        ('nack', {'msg_ids': ['a'], 'delay': -1}, '`delay` must be'),
        ('nack', {'msg_ids': ['a'], 'delay': 604_801}, '`delay` must be'),
        ('nack', {'msg_ids': ['a'], 'reject': 'yes'}, '`reject` must be true or false'),
        ('nack', {'msg_ids': ['a'], 'error': 'x' * 2_001}, '`error` must be text of at most 2,000'),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(world: World, what: str, body: dict[str, Any], details: str) -> None:
    world.subscribe()
    answer = world.pull(what, **{'topic': '/a/b', **body})
    assert answer.status == 400
    assert details in answer.details
    assert world.pulled.asked == world.pulls.calls == []


def test_a_subscription_of_somebody_else_is_as_one_that_does_not_exist(world: World) -> None:
    world.subscribe()
    for sub_key in ('zpsk.rest.31', 'zpsk.rest.0'):
        for what in ('get', 'ack', 'nack'):
            answer = world.pull(what, 'joe', sub_key=sub_key, msg_ids=['a'])
            assert (answer.status, answer.details) == (403, FORBIDDEN)
    assert world.pull('get', sub_key='zpsk.rest.31', topic='/a/c').status == 403
    assert world.pull('get', sub_key='zpsk.rest.31', topic='/a/b').status == 200
    assert world.pulls.calls == []


def test_a_store_that_is_away_says_when_to_come_back(world: World) -> None:
    world.subscribe()
    world.pulled.error = StoreUnavailable(msg='/opt/pubsub.db: away')
    for answer in (world.ask('PATCH', PUBLISH), world.pull('get', topic='/a/b')):
        assert (answer.status, answer.details, answer.header('Retry-After')) == (503, 'Service Unavailable', '5')


def test_looking_up_who_calls_takes_no_longer_among_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100, 400):
        world.definitions.put(number, BasicAuth(f'user{number}', 'secret', 'API', number))
        world.registry.put(item('pubsub_endpoint', -number, f'e{number}', security=number, topic_patterns='pub=/a/b'))
    assert world.ask('POST', PUBLISH, {'data': 'x'}, 'user399').status == 200
    seen: list[int] = []
    monkeypatch.setattr(world.definitions, 'find', lambda id: seen.append(id))
    assert world.ask('POST', PUBLISH, {'data': 'x'}, 'user100').status == 200
    assert seen == []
