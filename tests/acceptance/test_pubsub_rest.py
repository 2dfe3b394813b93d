"""REST clients of publish/subscribe in real servers: they publish and subscribe, pull, and are pushed to."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import create, invoke, pids
from tests.support.environment import Answer, Environment, eventually
from tests.support.targets import Asked, TargetServer, Told

PASSWORD = 'sésame-very-secret'
BASIC, TOPIC, ENDPOINT, SUBSCRIPTION = (
    'zato.security.basic-auth',
    'zato.pubsub.topic',
    'zato.pubsub.endpoint',
    'zato.pubsub.subscription',
)
FORBIDDEN = 'You are not allowed to access this resource'

_numbers = count(1)


@pytest.fixture(scope='module')
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two servers with two workers each, shared by tests that each have objects of their own."""
    created = Environment(tmp_path_factory.mktemp('pubsub-rest') / 'qs-1', servers=2, workers=2)
    try:
        created.start()
        yield created
    finally:
        created.close()


class Client:
    """A client with an endpoint that may publish and subscribe to its own topic, and that topic."""

    def __init__(self, environment: Environment, **topic: Any) -> None:
        self.environment = environment
        self.name = f'client{next(_numbers)}'
        self.topic = f'/{self.name}/news'
        create(environment, TOPIC, self.topic, **topic)
        create(environment, BASIC, self.name, username=self.name, password=PASSWORD)
        patterns = f'pub=/{self.name}/*\nsub=/{self.name}/*'
        self.endpoint = f'{self.name}.endpoint'
        create(environment, ENDPOINT, self.endpoint, endpoint_type='rest', security_name=self.name, topic_patterns=patterns)

    def ask(self, method: str, path: str, body: Any = None, *, server: int | None = None, **headers: str) -> Answer:
        """A connection of its own for each request, so another worker may serve each."""
        raw = None if body is None else json.dumps(body).encode()
        return self.environment.request(
            method,
            path,
            raw,
            user=self.name,
            password=PASSWORD,
            headers={name.replace('_', '-'): value for name, value in headers.items()},
            server=random.randrange(2) % len(self.environment.servers) if server is None else server,
        )

    def publish(self, data: Any, **options: Any) -> str:
        answer = self.ask('POST', f'/zato/pubsub/topic/{self.topic}', {'data': data, **options})
        assert answer.status == 200, answer.body
        return str(answer.json['msg_id'])

    def subscribe(self) -> Any:
        answer = self.ask('POST', f'/zato/pubsub/subscribe/topic/{self.topic}')
        assert answer.status == 200, answer.body
        return answer.json

    def take(self, query: str = '') -> list[dict[str, Any]]:
        answer = self.ask('PATCH', f'/zato/pubsub/topic/{self.topic}{query}')
        assert answer.status == 200, answer.body
        return list(answer.json)

    def pull(self, what: str, **body: Any) -> Any:
        answer = self.ask('POST', f'/zato/pubsub/pull/{what}', {'topic': self.topic, **body})
        assert answer.status == 200, answer.body
        return answer.json


def details(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json['details']


# Publishing, and taking what is gone then


def test_a_client_publishes_subscribes_and_takes_its_messages(cluster: Environment) -> None:
    client = Client(cluster)
    before = client.publish('before')
    subscribed = client.subscribe()
    assert subscribed == {'sub_key': subscribed['sub_key'], 'queue_depth': 1}
    assert subscribed['sub_key'].startswith('zpsk.rest.')
    assert client.subscribe() == {}
    after = client.publish({'id': 7, 'name': 'Zażółć'}, priority=5, correl_id='my.correl.id')
    newest, oldest = client.take()
    assert [oldest['msg_id'], newest['msg_id']] == [before, after]
    assert (oldest['data'], oldest['mime_type']) == ('before', 'text/plain')
    assert newest == {
        'msg_id': after,
        'topic_name': client.topic,
        'sub_key': subscribed['sub_key'],
        'data': {'id': 7, 'name': 'Zażółć'},
        'mime_type': 'application/json',
        'size': newest['size'],
        'priority': 5,
        'has_gd': True,
        'delivery_count': 0,
        'expiration': 2147483647000,
        'pub_time_iso': newest['pub_time_iso'],
        'expiration_time_iso': newest['expiration_time_iso'],
        'correl_id': 'my.correl.id',
        'recv_time_iso': newest['recv_time_iso'],
    }
    assert client.take() == []


def test_what_is_urgent_goes_first_and_the_order_may_be_chosen(cluster: Environment) -> None:
    client = Client(cluster)
    client.subscribe()
    for data, priority in (('a', 5), ('b', 5), ('urgent', 9)):
        client.publish(data, priority=priority)
    assert [message['data'] for message in client.take('?order=oldest')] == ['urgent', 'a', 'b']


def test_unsubscribing_may_be_repeated_and_subscribing_anew_begins_anew(cluster: Environment) -> None:
    client = Client(cluster)
    first = client.subscribe()['sub_key']
    client.publish('lost with the subscription')
    for _ in range(2):
        assert client.ask('DELETE', f'/zato/pubsub/subscribe/topic/{client.topic}').json == {}
    assert details(client.ask('PATCH', f'/zato/pubsub/topic/{client.topic}')) == (
        400,
        f'You are not subscribed to topic `{client.topic}`',
    )
    again = client.subscribe()
    assert again['sub_key'] != first
    client.publish('new')
    assert [message['data'] for message in client.take()] == ['new']


def test_who_may_not_is_told_403_and_nothing_else(cluster: Environment) -> None:
    client, other = Client(cluster), Client(cluster)
    path = f'/zato/pubsub/topic/{client.topic}'
    body = b'{"data": "x"}'
    answers = [
        cluster.request('POST', path, body),
        cluster.request('POST', path, body, user=client.name, password='wrong'),
        cluster.request('POST', path, body, user='pubapi', password=cluster.password()),
        other.ask('POST', path, {'data': 'x'}),
        other.ask('POST', f'/zato/pubsub/subscribe/topic/{client.topic}'),
        client.ask('POST', f'/zato/pubsub/topic//{client.name}/no-such', {'data': 'x'}),
    ]
    assert [details(answer) for answer in answers] == [(403, FORBIDDEN)] * len(answers)
    assert not any('www-authenticate' in answer.headers for answer in answers)


def test_the_same_message_published_twice_is_one_message(cluster: Environment) -> None:
    client = Client(cluster)
    client.subscribe()
    own = {client.publish('x', msg_id=f'{client.name}.1') for _ in range(3)}
    path = f'/zato/pubsub/topic/{client.topic}'
    keyed = {client.ask('POST', path, {'data': 'y'}, idempotency_key='k1').json['msg_id'] for _ in range(3)}
    assert own == {f'{client.name}.1'}
    assert len(keyed) == 1
    assert [message['data'] for message in client.take('?order=oldest')] == ['x', 'y']
    assert client.ask('POST', path, {'data': 'y'}, idempotency_key='k1').json['msg_id'] in keyed
    assert client.take() == []
    assert client.ask('POST', path, {'data': 'other content'}, idempotency_key='k1').status == 409
    assert client.ask('POST', path, {'data': 'other content', 'msg_id': f'{client.name}.1'}).status == 409


def test_what_cannot_be_published_is_refused_with_the_reason(cluster: Environment) -> None:
    client = Client(cluster, max_depth_gd=3)
    client.subscribe()
    path = f'/zato/pubsub/topic/{client.topic}'
    assert details(client.ask('POST', path, {'data': ''})) == (400, 'No data sent on input')
    for options in ({'priority': 10}, {'priority': 'x'}, {'expiration': -1}):
        status, text = details(client.ask('POST', path, {'data': 'x', **options}))
        assert (status, next(iter(options)) in text) == (400, True)
    assert client.ask('POST', path, {'data': 'x' * 11_000_000}).status == 413

    def full() -> Answer | None:
        answer = client.ask('POST', path, {'data': 'x'})
        return answer if answer.status != 200 else None

    answer = eventually(full, 'a full topic')
    assert answer.status == 503
    assert client.topic in answer.json['details']
    assert answer.headers['retry-after'] == '5'
    client.take()
    eventually(lambda: client.ask('POST', path, {'data': 'x'}).status == 200, 'room in the topic')
    edited = invoke(cluster, f'{TOPIC}.edit', {'name': client.topic, 'is_active': False})
    assert edited['pending'] == []
    assert details(client.ask('POST', path, {'data': 'x'})) == (503, f'Topic {client.topic} is inactive')


# Pulling with leases


def test_whose_subscription_cannot_be_used_as_it_is_configured_is_told_to_come_again(cluster: Environment) -> None:
    client = Client(cluster)
    sub_key = client.subscribe()['sub_key']
    client.publish('x')
    (own,) = (item for item in invoke(cluster, f'{SUBSCRIPTION}.get-list', {'query': sub_key}) if item['sub_key'] == sub_key)
    edit = {'id': own['id'], 'delivery_batch_size': '$NOT_SET_ANYWHERE'}
    invoke(cluster, f'{SUBSCRIPTION}.edit', edit)
    taken = f'/zato/pubsub/topic/{client.topic}'
    for method, path, body in (('PATCH', taken, None), ('POST', '/zato/pubsub/pull/get', {'topic': client.topic})):

        def is_told(method: str = method, path: str = path, body: Any = body) -> bool:
            return client.ask(method, path, body).status == 503

        eventually(is_told, f'{method} is answered with 503')
    invoke(cluster, f'{SUBSCRIPTION}.edit', {**edit, 'delivery_batch_size': 10})
    messages = eventually(
        lambda: (answer := client.ask('PATCH', taken)).status == 200 and answer.json, 'messages can be taken again'
    )
    assert [message['data'] for message in messages] == ['x']


def test_what_is_pulled_is_this_client_s_until_it_is_acknowledged_or_given_back(cluster: Environment) -> None:
    client = Client(cluster)
    client.subscribe()
    ids = [client.publish(number) for number in range(3)]
    first = client.pull('get', max=2)
    second = client.pull('get')
    assert [message['msg_id'] for message in (*first['messages'], *second['messages'])] == ids
    assert client.pull('get') == {'lease_id': '', 'messages': []}
    assert client.pull('nack', msg_ids=ids[:1], lease_id=first['lease_id']) == {'count': 1, 'lost': []}
    third = client.pull('get')
    assert [(message['msg_id'], message['delivery_count']) for message in third['messages']] == [(ids[0], 1)]
    assert client.pull('ack', msg_ids=ids[:2], lease_id=first['lease_id']) == {'count': 1, 'lost': [ids[0]]}
    assert client.pull('ack', msg_ids=[ids[0], 'no.such'], lease_id=third['lease_id']) == {'count': 1, 'lost': ['no.such']}
    assert client.pull('ack', msg_ids=[ids[2]]) == {'count': 1, 'lost': []}
    assert client.pull('get')['messages'] == []


def test_what_is_not_acknowledged_comes_back_by_itself(cluster: Environment) -> None:
    client = Client(cluster)
    client.subscribe()
    client.publish('x')
    assert client.pull('get', visibility=1)['messages'][0]['delivery_count'] == 0
    (message,) = eventually(lambda: client.pull('get')['messages'], 'the end of the lease')
    assert (message['data'], message['delivery_count']) == ('x', 1)


def test_leases_and_attempts_survive_a_restart(tmp_path: Path) -> None:
    environment = Environment(tmp_path / 'qs-1', workers=2)
    try:
        environment.start()
        client = Client(environment)
        client.subscribe()
        ids = [client.publish(number) for number in range(3)]
        client.pull('nack', msg_ids=[client.pull('get', max=1)['messages'][0]['msg_id']])
        lease = client.pull('get', max=2)['lease_id']
        environment.kill_all()
        environment.start()
        assert [message['msg_id'] for message in client.pull('get')['messages']] == ids[2:]
        client.pull('nack', msg_ids=ids[:2], lease_id=lease)
        found = client.pull('get')['messages']
        assert [(message['msg_id'], message['delivery_count']) for message in found] == [(ids[0], 2), (ids[1], 1)]
    finally:
        environment.close()


def test_many_clients_of_many_workers_share_a_queue_and_nothing_is_lost_or_had_by_two(cluster: Environment) -> None:
    """One of the workers is killed meanwhile, so clients see errors, and ask again."""
    client = Client(cluster)
    client.subscribe()
    published = {client.publish(number) for number in range(200)}
    lock = threading.Lock()
    visibility = 3
    held: dict[str, float] = {}  # until when it is another client's at least
    done: set[str] = set()
    asked = count()

    def tried(what: str, **body: Any) -> dict[str, Any]:
        """The answer; nothing if the worker was killed before there was one."""
        try:
            return dict(client.pull(what, **body))
        except (OSError, HTTPException):
            return {}

    def work() -> None:
        while len(done) < len(published):
            with lock:
                number = next(asked)
            if number == 20:
                os.kill(min(pids(cluster, server=0)), signal.SIGKILL)
            began = time.monotonic()
            pulled = tried('get', max=7, visibility=visibility)
            ids = [message['msg_id'] for message in pulled.get('messages', ())]
            if not ids:
                continue
            with lock:
                assert [id for id in ids if held.get(id, 0) > time.monotonic()] == []
                held.update(dict.fromkeys(ids, began + visibility))
            acked = tried('ack', msg_ids=ids, lease_id=pulled['lease_id'])
            with lock:
                for id in ids:
                    held.pop(id, None)
                done.update(set(ids) - set(acked.get('lost', ())))

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(work) for _ in range(6)]:
            future.result()
    assert done == published


# Pushing


def pushed(client: Client, target: TargetServer, **settings: Any) -> str:
    """Subscribes the client's endpoint with messages pushed to a target. Returns the sub_key."""
    create(client.environment, 'zato.outgoing-rest', client.name, host=target.address, url_path='/in', max_retries=5)
    settings = {'delivery_batch_size': 1, 'wrap_one_msg_in_list': False, 'wait_non_sock_err': 0.05, **settings}
    made = create(
        client.environment,
        SUBSCRIPTION,
        client.name,
        topic_name=client.topic,
        endpoint_name=client.endpoint,
        delivery_method='notify',
        rest_connection=client.name,
        **settings,
    )
    found = invoke(client.environment, f'{SUBSCRIPTION}.get', {'id': made['id']})
    return str(found['sub_key'])


def test_messages_are_pushed_in_order_with_what_others_need_to_know(cluster: Environment) -> None:
    client = Client(cluster)
    with TargetServer(lambda asked: Told(status=202)) as target:
        sub_key = pushed(client, target)
        ids = [client.publish({'number': number}) for number in range(5)]
        eventually(lambda: len(target.asked) == 5, 'five messages')
    assert [asked.json['msg_id'] for asked in target.asked] == ids
    first = target.asked[0]
    assert (first.method, first.path, first.json['data'], first.json['sub_key']) == ('POST', '/in', {'number': 0}, sub_key)
    assert len(first.headers['x-zato-cid']) == 24


def test_what_a_target_does_not_take_is_pushed_again_until_it_does(cluster: Environment) -> None:
    client = Client(cluster)
    statuses = iter([500, 404, 302, 204])

    def answer(asked: Asked) -> Told:
        return Told(status=next(statuses, 200), headers={'Location': '/other'})

    with TargetServer(answer) as target:
        pushed(client, target)
        ids = [client.publish('first'), client.publish('second')]
        eventually(lambda: len(target.asked) == 5, 'all messages')
    assert [asked.json['msg_id'] for asked in target.asked] == [ids[0]] * 4 + [ids[1]]
    assert [asked.json['delivery_count'] for asked in target.asked] == [0, 1, 2, 3, 0]
    assert {asked.path for asked in target.asked} == {'/in'}


def test_a_target_says_when_it_wants_to_be_called_again(cluster: Environment) -> None:
    client = Client(cluster)
    answers = iter([Told(status=503, headers={'Retry-After': '1'})])
    with TargetServer(lambda asked: next(answers, Told())) as target:
        pushed(client, target, wait_non_sock_err=3_600)
        client.publish('x')
        eventually(lambda: len(target.asked) == 2, 'the message again')
    assert target.asked[1].json['delivery_count'] == 1


def test_4xx_makes_dead_letters_of_bad_messages_alone_where_that_is_wanted(cluster: Environment) -> None:
    client = Client(cluster)
    taken: list[str] = []

    def answer(asked: Asked) -> Told:
        names = [message['data'] for message in asked.json]
        if 'bad' in names:
            return Told(status=422, body='bad is not good')
        taken.extend(names)
        return Told()

    with TargetServer(answer) as target:
        pushed(client, target, delivery_batch_size=10, reject_on_4xx=True, is_paused=True)
        for data in ('a', 'b', 'bad', 'c'):
            client.publish(data)
        invoke(cluster, f'{SUBSCRIPTION}.edit', {'name': client.name, 'is_paused': False})
        eventually(lambda: len(taken) == 3, 'the good ones')
        (letter,) = eventually(
            lambda: invoke(cluster, 'zato.pubsub.dead-letter.get-list', {'topic_name': client.topic})['messages'],
            'the dead letter',
        )
    assert taken == ['a', 'b', 'c']
    assert (letter['data_prefix'], letter['reason']) == ('bad', 'rejected')
    assert '422' in letter['error']


# Services under classic names


def test_services_reach_subscriptions_under_classic_names(cluster: Environment) -> None:
    client = Client(cluster)
    sub_key = client.subscribe()['sub_key']
    msg_id = invoke(
        cluster, 'zato.pubsub.pubapi.publish-message', {'topic_name': client.topic, 'data': 'x', 'msg_id': '111'}
    )['msg_id']
    assert msg_id.startswith('zpsm')
    client.publish('y')
    depth = {'queue_depth': {sub_key: 2}}
    assert invoke(cluster, 'zato.pubsub.endpoint.get-queue-depth-by-sub-key', {'sub_key_list': [sub_key]}) == depth
    (first,) = invoke(cluster, 'zato.pubsub.endpoint.get-messages', {'sub_key': sub_key, 'batch_size': 1})
    assert first['msg_id'] == msg_id
    acked = invoke(cluster, 'zato.pubsub.endpoint.acknowledge-delivery', {'sub_key': sub_key, 'msg_id_list': [msg_id, 'z']})
    assert acked == {'count': 1, 'lost': ['z']}
    (second,) = invoke(cluster, 'zato.pubsub.pubapi.get-messages', {'sub_key': sub_key, 'topic_name': client.topic})
    assert second['data'] == 'y'
    assert invoke(cluster, 'zato.pubsub.pubapi.unsubscribe', {'sub_key': sub_key}) == {}
    assert client.ask('PATCH', f'/zato/pubsub/topic/{client.topic}').status == 400
