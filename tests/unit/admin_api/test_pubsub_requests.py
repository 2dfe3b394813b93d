"""What requests to the admin services of publish/subscribe may name, and how messages are answered."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.admin_services import AdminServices, stored
from zato.common.config.kinds.pubsub_endpoint import PubSubEndpoint
from zato.common.config.kinds.pubsub_subscription import PubSubSubscription
from zato.common.config.kinds.pubsub_topic import PubSubTopic
from zato.common.exception import BadRequest, NotFound
from zato.common.odb.lease import LeaseState
from zato.server.admin_api import pubsub_state
from zato.server.admin_api.pubsub_request import next_place, text_of
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.copies import Destination
from zato.server.pubsub.dead import Chosen
from zato.server.pubsub.figures import MOST_COUNTED, QueueFigures
from zato.server.pubsub.listed import Listed
from zato.server.pubsub.queues import Page
from zato.server.pubsub.registry import ENDPOINT, SUBSCRIPTION, TOPIC, Registry

MESSAGE = Listed(
    seq=11,
    msg_id='zpsm1',
    topic_id=3,
    priority=7,
    pub_time=1_700_000_000_000_000,
    expires_at=0,
    mime='text/plain',
    form='t',
    size=2,
    endpoint_id=5,
    meta={'correl_id': 'c1'},
    part=b'hi',
    sub_id=9,
)
FORMS = {'json': 'j', 'bytes': 'b', 'text': 't'}


class Calls:
    """Whatever is called is noted, and answers what it is told to."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, arguments, named))
            return self._answers[name]

        return call


def found(message: Listed | None = MESSAGE) -> Calls:
    edited: Collection[int] = {9}
    return Calls(browse=Page([MESSAGE], (2, 11)), find=message, delete=1, clear=2, edit=edited, published=([MESSAGE], 12))


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    settings = {
        TOPIC: (3, '/a', PubSubTopic(limit_retention=60)),
        ENDPOINT: (5, 'ep', PubSubEndpoint(endpoint_type='rest')),
        SUBSCRIPTION: (9, 'sub', PubSubSubscription(topic=3, endpoint=5, sub_key='zpsk.rest.9', delivery_method='pull')),
    }
    for kind, (id, name, values) in settings.items():
        registry.put(ConfigObject(id=id, kind=kind, name=name, is_active=True, version=1, settings=values))
    return registry


def api(registry: Registry, **parts: Any) -> AdminServices:
    own: dict[str, Any] = {
        'figures': Calls(queues={9: QueueFigures(), -3: QueueFigures(ready=MOST_COUNTED + 1)}, topics={}),
        'queues': found(),
        'task_states': dict,
        **parts,
    }
    services = AdminServices(odb=None, pubsub=SimpleNamespace(registry=registry, **own))
    services.put(stored(5, ENDPOINT, 'ep', endpoint_type='rest'))
    return services


@pytest.mark.parametrize(
    ('request_', 'queue'),
    [
        ({'sub_key': 'zpsk.rest.9'}, 9),
        ({'sub_id': 9}, 9),
        ({'id': '9'}, 9),
        ({'topic_name': '/a'}, -3),
        ({'topic_id': 3}, -3),
    ],
    ids=str,
)
def test_a_queue_is_that_of_a_subscription_or_of_a_topic(registry: Registry, request_: dict[str, Any], queue: int) -> None:
    queues = found()
    answer = api(registry, queues=queues).call('zato.pubsub.queue.get-message-list', request_)
    assert queues.calls[0][1:] == ((queue, 'ready'), {'after': (), 'limit': 50})
    assert answer['next'] == '2/11'
    assert (answer['depth'], answer['is_depth_more']) == ((0, False) if queue == 9 else (MOST_COUNTED, True))


@pytest.mark.parametrize(
    ('request_', 'error', 'text'),
    [
        ({}, BadRequest, 'Element missing: topic_name'),
        ({'sub_key': 'zpsk.no'}, NotFound, 'There is no subscription `zpsk.no`, or it is down'),
        ({'sub_id': 4}, NotFound, 'There is no subscription with ID 4'),
        ({'topic_name': '/b'}, NotFound, 'There is no topic `/b`, or it is down'),
        ({'topic_id': 'x'}, BadRequest, '`topic_id` must be a number'),
        ({'sub_id': 9, 'which': 'dead'}, BadRequest, '`which` must be one of: ready, retry, pulled; got `dead`'),
        ({'sub_id': 9, 'after': '1/2/3'}, BadRequest, '`after` must be `next` of an answer; got `1/2/3`'),
        ({'sub_id': 9, 'which': 'pulled', 'after': '1/2'}, BadRequest, '`after` must be'),
        ({'sub_id': 9, 'after': 'a/b'}, BadRequest, '`after` must be'),
        ({'sub_id': 9, 'limit': 1_001}, BadRequest, '`limit` must be a number from 1 to 1,000'),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(registry: Registry, request_: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        api(registry).call('zato.pubsub.queue.get-message-list', request_)
    assert text in str(raised.value)


def test_a_page_goes_on_where_the_one_before_ended(registry: Registry) -> None:
    queues = found()
    request = {'sub_id': 9, 'after': next_place((4, 17)), 'limit': 3, 'which': 'retry'}
    api(registry, queues=queues).call('zato.pubsub.queue.get-message-list', request)
    assert queues.calls[0][1:] == ((9, 'retry'), {'after': (4, 17), 'limit': 3})


def test_a_message_is_answered_in_words(registry: Registry) -> None:
    (shown,) = api(registry).call('zato.pubsub.queue.get-message-list', {'sub_id': 9})['messages']
    assert (shown['topic_name'], shown['endpoint_name'], shown['rank'], shown['sub_id']) == ('/a', 'ep', 2, 9)
    assert (shown['pub_time_iso'], shown['expiration_time_iso']) == ('2023-11-14T22:13:20.000000', '')
    assert (shown['data_prefix'], shown['data_encoding'], shown['is_cut']) == ('hi', 'text', False)
    assert (shown['correl_id'], shown['in_reply_to'], shown['is_expired']) == ('c1', '', False)


def test_of_one_message_there_is_all_of_the_data(registry: Registry) -> None:
    answer = api(registry).call('zato.pubsub.queue.get-message', {'msg_id': 'zpsm1'})
    assert (answer['data'], answer['form'], answer['meta']) == ('hi', 't', {'correl_id': 'c1'})
    with pytest.raises(NotFound, match='There is no message `zpsm1`, or it was delivered already'):
        api(registry, queues=found(None)).call('zato.pubsub.queue.get-message', {'msg_id': 'zpsm1'})


@pytest.mark.parametrize(
    ('data', 'is_cut', 'text', 'encoding'),
    [
        (b'', False, '', 'text'),
        ('aß'.encode(), False, 'aß', 'text'),
        ('aß'.encode()[:-1], True, 'a', 'text'),
        ('a\U0001f600'.encode()[:-1], True, 'a', 'text'),
        (b'\xff\xfe', False, '//4=', 'base64'),
        (b'a\xff\xff\xff\xff\xff', True, 'Yf//////', 'base64'),
        (b'ab\xc3', False, 'YWLD', 'base64'),
    ],
    ids=str,
)
def test_data_is_text_if_it_can_be(data: bytes, is_cut: bool, text: str, encoding: str) -> None:
    assert text_of(data, is_cut=is_cut) == (text, encoding)


def test_what_is_edited_is_of_the_form_that_it_was(registry: Registry) -> None:
    name = 'zato.pubsub.queue.edit-message'
    queues = found()
    request = {'msg_id': 'zpsm1', 'data': 'hé', 'priority': '9', 'expiration': 2}
    answer = api(registry, queues=queues).call(name, request)
    assert answer == {'msg_id': 'zpsm1', 'changed': ['data', 'expiration', 'priority']}
    values = {'priority': 9, 'data': 'hé'.encode(), 'size': 3, 'expires_at': 1_700_000_000_002_000}
    assert queues.calls[-1] == ('edit', ('zpsm1',), values)
    for form, given, text in (
        ('j', {'data': '{a'}, '`data` must be JSON, as the message is'),
        ('j', {'data': '[NaN]'}, '`data` must be JSON, as the message is'),
        ('t', {'data': '\ud800'}, '`data` must be text'),
        ('t', {'data': {'a': 1}}, '`data` must be text'),
        ('t', {'data': 'aGk=', 'data_encoding': 'base64'}, '`data` must be text, as the message is'),
        ('b', {'data': '***', 'data_encoding': 'base64'}, '`data` is not base64'),
        ('t', {}, 'Nothing changes'),
        ('t', {'priority': 10}, '`priority` must be a number from 1 to 9'),
        ('t', {'mime_type': 'text/\nplain'}, '`mime_type` must be printable text of at most 200 characters'),
    ):
        message = Listed(**{name: getattr(MESSAGE, name) for name in Listed.__dataclass_fields__} | {'form': form})
        with pytest.raises(BadRequest) as raised:
            api(registry, queues=found(message)).call(name, {'msg_id': 'zpsm1', **given})
        assert text in str(raised.value)


def test_that_a_message_never_expires_can_be_said(registry: Registry) -> None:
    queues = found()
    api(registry, queues=queues).call('zato.pubsub.queue.edit-message', {'msg_id': 'zpsm1', 'expiration': 0})
    assert queues.calls[-1] == ('edit', ('zpsm1',), {'priority': None, 'expires_at': 0})


@pytest.mark.parametrize('letters', ['9/1', [{'sub_id': 9}], [{'sub_id': '9', 'seq': 1}], [[9, 1]], [7]], ids=str)
def test_dead_letters_are_named_by_numbers(registry: Registry, letters: Any) -> None:
    with pytest.raises(BadRequest, match='each with numbers `sub_id` and `seq`'):
        api(registry, dead=Calls()).call('zato.pubsub.dead-letter.delete', {'letters': letters})


def test_dead_letters_of_those_who_are_gone_need_another_topic(registry: Registry) -> None:
    dead = Calls(requeue=1)
    name = 'zato.pubsub.dead-letter.requeue'
    letters = [{'sub_id': 8, 'seq': 1}, {'sub_id': 9, 'seq': 1}, {'sub_id': -3, 'seq': 1}]
    with pytest.raises(BadRequest, match='These subscriptions are gone, so give `to_topic`: -3, 8'):
        api(registry, dead=dead).call(name, {'letters': letters})
    api(registry, dead=dead).call(name, {'letters': [{'sub_id': 8, 'seq': 1}], 'to_topic': '/a'})
    assert dead.calls == [('requeue', ([(8, 1)],), {'as_new': False, 'to': Destination(3, 60)})]


@pytest.mark.parametrize(
    ('request_', 'chosen'),
    [
        ({}, Chosen()),
        ({'topic_id': 99, 'reason': 'crash'}, Chosen(99, 0, 'crash')),
        ({'topic_name': '/a', 'sub_key': 'zpsk.rest.9'}, Chosen(3, 9)),
        ({'sub_id': -3}, Chosen(0, -3)),
        ({'sub_id': '77'}, Chosen(0, 77)),
    ],
    ids=str,
)
def test_dead_letters_of_those_who_are_gone_can_be_chosen(
    registry: Registry, request_: dict[str, Any], chosen: Chosen
) -> None:
    dead = Calls(delete_all=1)
    api(registry, dead=dead).call('zato.pubsub.dead-letter.delete-all', request_)
    assert dead.calls == [('delete_all', (chosen,), {})]


def test_a_reason_that_there_is_not_is_refused(registry: Registry) -> None:
    with pytest.raises(BadRequest, match='`reason` must be one of: max-retry, crash'):
        api(registry, dead=Calls()).call('zato.pubsub.dead-letter.get-list', {'reason': 'age'})


def test_a_subscription_is_reset_from_a_time_in_utc(registry: Registry) -> None:
    replay = Calls(reset=4)
    services = api(registry, replay=replay)
    for time in ('2023-11-14T22:13:20', '2023-11-14T23:13:20+01:00', '2023-11-14T22:13:20Z'):
        assert services.call('zato.pubsub.subscription.reset', {'sub_id': 9, 'time': time}) == {'added': 4}
    assert [call[1:] for call in replay.calls] == [((9, 3), {'seq': 0, 'time': 1_700_000_000_000_000})] * 3
    for request in ({}, {'seq': 1, 'time': '2023-11-14'}, {'time': 'noon'}):
        with pytest.raises(BadRequest):
            services.call('zato.pubsub.subscription.reset', {'sub_id': 9, **request})


def test_a_form_that_publishes_may_send_text_for_numbers_and_lines_for_lists(registry: Registry) -> None:
    sent: list[Any] = []

    def publish(topic: ConfigObject, endpoint: ConfigObject, data: Any, options: Any, cid: str) -> str:
        sent.append((topic.name, endpoint.name, data, options))
        return 'zpsm2'

    services = api(registry, publisher=SimpleNamespace(publish=publish), security_id={'joe': 8}.get)
    request = {
        'topic_name': '/a',
        'data': 'x',
        'endpoint_name': 'ep',
        'priority': '9',
        'deliver_after': '1.5',
        'has_gd': 'false',
        'reply_to_sk': 'k1\n\n k2 ',
        'correl_id': '',
        'cid': 'c7',
        'msg_id': '',
    }
    assert services.call('zato.pubsub.topic.publish', request) == {'msg_id': 'zpsm2'}
    options = {'priority': 9, 'deliver_after': 1.5, 'has_gd': False, 'reply_to_sk': ['k1', 'k2'], 'correl_id': 'c7'}
    assert sent == [('/a', 'ep', 'x', options)]
    services.call('zato.pubsub.publish.publish', {'topic_name': '/a', 'data': ''})
    assert sent[1] == ('/a', 'zato.pubsub.internal.default', '', {})
    for given, error in (
        ({'priority': 'high'}, BadRequest),
        ({'endpoint_name': 'none'}, NotFound),
        ({'endpoint_id': 77}, NotFound),
        ({'security_name': 'joe'}, NotFound),
        ({'security_name': 'nobody'}, NotFound),
        ({'data': None}, BadRequest),
    ):
        with pytest.raises(error):
            services.call('zato.pubsub.publish.publish', {'topic_name': '/a', 'data': 'x', **given})


@pytest.mark.parametrize('ids', ['1', [True], ['a'], list(range(1_001))], ids=['text', 'boolean', 'no number', 'too many'])
def test_ids_are_a_list_of_numbers(registry: Registry, ids: Any) -> None:
    with pytest.raises(BadRequest, match='`ids` must be a list'):
        api(registry).call('zato.pubsub.topic.get-state-list', {'ids': ids})


def test_a_topic_that_nothing_was_published_to_has_a_state(registry: Registry) -> None:
    (state,) = api(registry).call('zato.pubsub.topic.get-state-list', {'ids': [3, 77]})
    assert (state['name'], state['subscriptions'], state['published'], state['publish_rate']) == ('/a', 1, 0, None)
    assert (state['depth'], state['is_depth_more'], state['last_endpoint_name']) == (MOST_COUNTED, True, '')


TASK = {'state': 'retrying', 'in_flight': 1, 'delivered': 5, 'failed': 2, 'next_attempt': 1_700_000_000_000_000, 'rate': 0.5}
WAITS = QueueFigures(ready=2, attempts=3, error='Down', oldest=1_000_000, now=3_500_000)


@pytest.mark.parametrize(
    ('settings', 'is_active', 'task', 'is_held', 'queue', 'state'),
    [
        ({}, False, None, True, WAITS, 'inactive'),
        ({'is_paused': True}, True, None, True, WAITS, 'paused'),
        ({'delivery_method': 'pull'}, True, None, False, WAITS, 'pull'),
        ({}, True, TASK, True, WAITS, 'retrying'),
        ({}, True, None, False, WAITS, 'no-owner'),
        ({}, True, None, True, WAITS, 'retrying'),
        ({}, True, None, True, QueueFigures(ready=2), 'delivering'),
        ({}, True, None, True, QueueFigures(), 'idle'),
    ],
    ids=[
        'inactive',
        'paused',
        'pull',
        'task here',
        'no owner',
        'retrying elsewhere',
        'delivering elsewhere',
        'idle elsewhere',
    ],
)
def test_the_state_of_a_subscription(
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    is_active: bool,
    task: dict[str, Any] | None,
    is_held: bool,
    queue: QueueFigures,
    state: str,
) -> None:
    made = PubSubSubscription(**{'topic': 3, 'endpoint': 5, 'sub_key': 'zpsk.rest.9', **settings})
    registry.put(ConfigObject(id=9, kind=SUBSCRIPTION, name='sub', is_active=is_active, version=2, settings=made))
    lease = LeaseState('w1', 4, 5.0 if is_held else -5.0)
    peer = SimpleNamespace(id='w1', server='server1', pid=17)
    monkeypatch.setattr(pubsub_state, 'live_workers', lambda odb: [peer])
    services = api(
        registry,
        figures=Calls(queues={9: queue}),
        task_states=lambda: {9: task} if task is not None else {},
        leases=lambda names: dict.fromkeys(names, lease),
    )
    (found,) = services.call('zato.pubsub.subscription.get-state-list', {'topic_name': '/a'})
    assert (found['state'], found['depth'], found['lag']) == (state, queue.ready, queue.lag)
    is_owned = is_held and not settings.get('delivery_method')
    assert (found['server'], found['pid'], found['epoch']) == (('server1', 17, 4) if is_owned else ('', 0, 0))
    if task is not None:
        assert (found['in_flight'], found['delivered'], found['delivery_rate']) == (1, 5, 0.5)
        assert found['next_attempt'] == '2023-11-14T22:13:20.000000'
    else:
        assert (found['in_flight'], found['delivered'], found['next_attempt']) == (None, None, '')


def test_a_subscription_that_is_down_says_why(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub_state, 'live_workers', lambda odb: [])
    services = api(registry, figures=Calls(queues={8: WAITS}), leases=lambda names: {})
    services.put(stored(8, SUBSCRIPTION, 'down', topic=99, endpoint=5, sub_key='zpsk.rest.8', max_in_flight='$NOT_SET'))
    (found,) = services.call('zato.pubsub.subscription.get-state-list', {'ids': [8]})
    assert (found['state'], found['topic_id'], found['sub_key']) == ('down', 99, 'zpsk.rest.8')
    assert found['error'] == services.objects.error_of(8) != ''
