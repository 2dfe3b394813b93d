"""Messages that are pushed through outgoing REST connections: what is sent, and what each answer means."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connection.outgoing import World, told
from zato.common.clock import SYSTEM_CLOCK
from zato.common.exception import (
    CircuitOpen,
    ConnectionMissing,
    Inactive,
    NotReachable,
    NotTaken,
    PubSubReject,
    RetryLater,
)
from zato.common.pubsub import PubSubMessage
from zato.server.connection.rest.connection import RESTConnection
from zato.server.connection.rest.message import Inbound, Outbound
from zato.server.connection.rest.push import Push

CID = 'c' * 24


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path, monkeypatch)
    made.crm()
    return made


def message(number: int = 1, **given: Any) -> PubSubMessage:
    attributes = {'pub_msg_id': f'zpsm{number}', 'topic_name': '/a', 'sub_key': 'zpsk.rest.1', 'data': {'number': number}}
    return PubSubMessage(**{**attributes, **given})


def push(world: World, *messages: PubSubMessage, method: str = 'POST', is_list: bool = False, rejects: bool = False) -> Any:
    return pushing(world, method=method, is_list=is_list, rejects_4xx=rejects).deliver(messages or [message()], CID)


def pushing(world: World, **options: Any) -> Push:
    def connection() -> RESTConnection:
        found = world.connections.get('outgoing_rest', 'CRM')
        assert isinstance(found, RESTConnection)
        return found

    return Push(connection, **{'method': 'POST', 'is_list': False, 'rejects_4xx': False, **options})


def answering(world: World, status: int, body: bytes = b'', **headers: str) -> None:
    world.send = lambda request: told(body, status, **headers)


# What is sent


def test_a_message_is_sent_as_a_dict_in_its_external_form(world: World) -> None:
    sent = message(delivery_count=2)
    assert list(push(world, sent)) == []
    assert json.loads(world.sent.body) == sent.to_external_dict()
    assert (world.sent.method, world.sent.url) == ('POST', 'http://crm')
    assert world.header['content-type'] == 'application/json'
    assert world.header['x-zato-cid'] == CID


def test_several_messages_are_a_list_and_one_is_if_that_is_wanted(world: World) -> None:
    push(world, message(1), message(2))
    assert [item['msg_id'] for item in json.loads(world.sent.body)] == ['zpsm1', 'zpsm2']
    push(world, is_list=True)
    assert [item['msg_id'] for item in json.loads(world.sent.body)] == ['zpsm1']


def test_bytes_are_sent_whatever_is_in_them(world: World) -> None:
    push(world, message(data=b'\xff\x00'), message(data='ä'))
    binary, text = json.loads(world.sent.body)
    assert (binary['data'], binary['data_encoding']) == ('/wA=', 'base64')
    assert text['data'] == 'ä'


@pytest.mark.parametrize(('serialized', 'body'), [('<a/>', b'<a/>'), (b'\xff', b'\xff'), ({'a': 1}, b'{"a":1}'), ('', b'')])
def test_what_a_hook_has_made_of_a_message_is_sent_in_its_place(world: World, serialized: Any, body: bytes) -> None:
    push(world, message(serialized=serialized))
    assert world.sent.body == body


def test_in_a_list_too(world: World) -> None:
    push(world, message(1, serialized='x'), message(2, serialized={'a': 1}))
    assert json.loads(world.sent.body) == ['x', {'a': 1}]


@pytest.mark.parametrize('method', ['POST', 'PUT', 'PATCH'])
def test_it_is_sent_with_the_method_of_the_subscription(world: World, method: str) -> None:
    push(world, method=method)
    assert world.sent.method == method


def test_the_connection_is_used_as_it_is_now(world: World) -> None:
    target = pushing(world)
    target.deliver([message()], CID)
    world.crm(host='http://other')
    target.deliver([message()], CID)
    assert world.sent.url == 'http://other'


# What the answer means


@pytest.mark.parametrize('status', [200, 201, 202, 204, 299])
def test_a_2xx_means_that_it_was_taken(world: World, status: int) -> None:
    answering(world, status)
    assert list(push(world)) == []


@pytest.mark.parametrize('status', [300, 304, 400, 404, 408, 425, 429, 500, 503, 599])
def test_anything_else_means_that_it_was_not(world: World, status: int) -> None:
    answering(world, status)
    with pytest.raises(NotTaken) as caught:
        push(world)
    assert caught.value.status_code == status
    assert str(caught.value) == f'Outgoing REST connection `CRM`: the answer is {status}'


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
def test_redirects_are_not_followed_since_some_lose_the_body(world: World, status: int) -> None:
    answering(world, status, Location='http://crm/log-in')
    with pytest.raises(NotTaken):
        push(world)
    assert not world.sent.follows_redirects
    assert len(world.transport.sent) == 1


def test_the_beginning_of_the_answer_is_told_in_one_line_and_not_in_the_text_which_is_logged(world: World) -> None:
    body = b'no\r\n\x00 such\tthing: \xff' + b'x' * 5_000
    answering(world, 500, body)
    with pytest.raises(NotTaken) as caught:
        push(world)
    assert caught.value.answer.startswith('no such thing: \ufffdxxx')
    assert len(caught.value.answer) == 500
    assert 'thing' not in str(caught.value)


@pytest.mark.parametrize('status', [400, 401, 404, 409, 422, 499])
def test_4xx_makes_a_dead_letter_of_it_if_that_is_wanted(world: World, status: int) -> None:
    answering(world, status)
    with pytest.raises(PubSubReject, match=str(status)):
        push(world, rejects=True)


@pytest.mark.parametrize('status', [408, 425, 429, 500, 503])
def test_but_not_those_that_ask_to_try_again(world: World, status: int) -> None:
    answering(world, status)
    with pytest.raises(NotTaken):
        push(world, rejects=True)


def test_of_several_messages_one_may_be_at_fault_so_none_is_rejected(world: World) -> None:
    answering(world, 400)
    with pytest.raises(NotTaken):
        push(world, message(1), message(2), rejects=True)


@pytest.mark.parametrize('status', [429, 503])
@pytest.mark.parametrize(('header', 'seconds'), [('7', 7.0), ('3601', 3_600.0), ('9' * 500, 3_600.0)])
def test_who_says_when_to_come_back_is_believed_for_an_hour(world: World, status: int, header: str, seconds: float) -> None:
    answering(world, status, Retry_After=header)
    with pytest.raises(RetryLater, match=str(status)) as caught:
        push(world)
    assert caught.value.seconds == seconds


def test_it_may_be_said_as_a_date(world: World) -> None:
    when = SYSTEM_CLOCK.utcnow() + timedelta(seconds=100)
    answering(world, 503, Retry_After=format_datetime(when, usegmt=True))
    with pytest.raises(RetryLater) as caught:
        push(world)
    assert 90 < caught.value.seconds <= 100


@pytest.mark.parametrize(
    ('status', 'header'), [(500, '7'), (503, '0'), (503, 'soon'), (503, 'Thu, 01 Jan 1970 00:00:00 GMT')]
)
def test_who_says_nothing_that_is_understood_is_called_again_as_after_any_failure(
    world: World, status: int, header: str
) -> None:
    answering(world, status, Retry_After=header)
    with pytest.raises(NotTaken):
        push(world)


# Together with what the connection does by itself


def test_a_delivery_is_one_request_whatever_retries_the_connection_has(world: World) -> None:
    world.crm(max_retries=5, retry_sleep_time=0)
    answering(world, 503)
    with pytest.raises(NotTaken):
        push(world, method='PUT')
    assert len(world.transport.sent) == 1
    assert world.run(lambda service: service.out.rest['CRM'].conn.put(service.cid).status_code) == 503
    assert len(world.transport.sent) == 7  # calls of services have them


def test_a_target_that_cannot_be_reached_is_a_failure_after_one_attempt(world: World) -> None:
    world.crm(max_retries=5, retry_sleep_time=0)

    def send(request: Outbound) -> Inbound:
        raise NotReachable(msg='CRM: the connection was refused')

    world.send = send
    with pytest.raises(NotReachable):
        push(world, method='PUT')
    assert len(world.transport.sent) == 1


def test_the_circuit_breaker_counts_deliveries(world: World) -> None:
    world.crm(breaker_failures=2, breaker_pause=60)
    answering(world, 503)
    for _ in range(2):
        with pytest.raises(NotTaken):
            push(world)
    with pytest.raises(CircuitOpen):
        push(world)
    assert len(world.transport.sent) == 2


def test_whether_the_connection_can_be_used_is_told(world: World) -> None:
    target = pushing(world)
    assert target.is_there()
    world.put('outgoing_rest', 'CRM', 1, host='http://crm', is_active=False)
    assert not target.is_there()
    with pytest.raises(Inactive):
        target.deliver([message()], CID)
    world.objects.put([], [1])
    assert not target.is_there()
    with pytest.raises(ConnectionMissing):
        target.deliver([message()], CID)
