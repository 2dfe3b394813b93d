"""Services that messages go to, and services that topics ask about their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.service.invoking import Handle, invoker_of, service
from zato.common.config.kinds.pubsub_subscription import PubSubSubscription
from zato.common.config.kinds.pubsub_topic import PubSubTopic
from zato.common.exception import PubSubReject, ServiceMissingException
from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject
from zato.server.service import PubSubHook, Service
from zato.server.service.compiled import compile_service
from zato.server.service.pubsub import ServiceHook, ServiceTarget

SUB = ConfigObject(
    id=3, kind='pubsub_subscription', name='s3', is_active=True, version=1,
    settings=PubSubSubscription(topic=1, endpoint=2, sub_key='zpsk.srv.3'),
)  # fmt: skip
TOPIC = ConfigObject(id=1, kind='pubsub_topic', name='/a', is_active=True, version=1, settings=PubSubTopic(max_depth_gd=5))


def message(number: int = 1, data: Any = None) -> PubSubMessage:
    return PubSubMessage(pub_msg_id=f'm{number}', data={'a': number} if data is None else data)


def target(handle: Handle | None, *, wraps: bool = False, name: str = 'target') -> ServiceTarget:
    invoker = invoker_of(*([service('target', handle)] if handle is not None else []))
    return ServiceTarget(invoker, lambda: name, wraps=wraps)


def test_one_message_is_the_request_itself_and_its_data_the_payload() -> None:
    seen: list[Any] = []

    def handle(self: Any) -> None:
        seen.append((self.request.raw_request, self.request.payload, self.request.input.a, self.cid, self.channel.type))

    one = message()
    assert target(handle).deliver([one], 'c1') == ()
    assert seen == [(one, {'a': 1}, 1, 'c1', 'publish')]


def test_one_message_reads_as_a_list_of_one_too() -> None:
    seen: list[Any] = []

    def handle(self: Any) -> None:
        raw = self.request.raw_request
        seen.extend([raw[0], *raw, len(raw)])

    one = message()
    target(handle).deliver([one], 'c1')
    assert seen == [one, one, 1]


def test_several_are_a_list_and_one_is_where_it_should_be() -> None:
    seen: list[Any] = []

    def handle(self: Any) -> None:
        seen.append(self.request.raw_request)

    both = [message(1), message(2)]
    assert target(handle).deliver(both, 'c1') == ()
    assert target(handle, wraps=True).deliver(both[:1], 'c1') == ()
    assert seen == [both, both[:1]]
    assert isinstance(seen[1], list)


@pytest.mark.parametrize('refused', [['m2'], ('m2',), {'m2'}], ids=['list', 'tuple', 'set'])
def test_a_service_names_those_that_it_did_not_take(refused: Any) -> None:
    def handle(self: Any) -> None:
        self.response.payload = {'nack': refused}

    assert list(target(handle).deliver([message(1), message(2)], 'c1')) == ['m2']
    assert target(handle).deliver([message(2)], 'c1') == ()


@pytest.mark.parametrize('answer', [{'nack': None}, {'nack': []}, {'other': 1}, 'm2', None])
def test_any_other_response_takes_all(answer: Any) -> None:
    def handle(self: Any) -> None:
        self.response.payload = answer

    assert not target(handle).deliver([message(1), message(2)], 'c1')


@pytest.mark.parametrize('nack', ['m2', 5, {'m2': 1}, [2], [{'m': 2}]], ids=['text', 'number', 'dict', 'numbers', 'dicts'])
def test_a_service_that_names_them_in_another_way_has_not_taken_any(nack: Any) -> None:
    def handle(self: Any) -> None:
        self.response.payload = {'nack': nack}

    with pytest.raises(ValueError, match='Service target must answer with a list of msg_ids as `nack`; got '):
        target(handle).deliver([message(1), message(2)], 'c1')


@pytest.mark.parametrize('error', [ValueError('no'), PubSubReject(msg='never')], ids=lambda e: type(e).__name__)
def test_what_a_service_raises_comes_through(error: Exception) -> None:
    def handle(self: Any) -> None:
        raise error

    with pytest.raises(type(error)) as info:
        target(handle).deliver([message()], 'c1')
    assert info.value is error


@pytest.mark.parametrize('name', ['', 'target'])
def test_a_service_that_is_not_there_is_a_failure(name: str) -> None:
    absent = target(None, name=name)
    assert not absent.is_there()
    with pytest.raises(ServiceMissingException):
        absent.deliver([message()], 'c1')
    assert target(lambda self: None).is_there()


# Hooks


def hook(**methods: Callable[[Any], None]) -> ServiceHook:
    cls = type('Hook', (PubSubHook,), {'name': 'hook', **methods})
    return ServiceHook(invoker_of(compile_service(cls)), 'hook')


def answering(action: Any) -> Callable[[Any], None]:
    def method(self: Any) -> None:
        self.response.payload.hook_action = action

    return method


def test_a_hook_sees_the_message_and_the_topic_and_may_skip_it() -> None:
    seen: list[Any] = []

    def before_publish(self: Any) -> None:
        ctx = self.request.input.ctx
        seen.append((ctx.hook_type, ctx.msg, ctx.topic.name, ctx.topic.max_depth_gd, ctx.sub, self.cid))
        ctx.msg.data = 'changed'
        self.response.payload.hook_action = 'skip'

    one = message()
    assert hook(before_publish=before_publish).before_publish(one, TOPIC, 'c1') == 'skip'
    assert seen == [('before_publish', one, '/a', 5, None, 'c1')]
    assert one.data == 'changed'


def test_a_hook_sees_the_subscription_before_a_delivery() -> None:
    seen: list[Any] = []

    def before_delivery(self: Any) -> None:
        sub = self.request.input.ctx.sub
        seen.append((sub.name, sub.sub_key, sub.settings.sub_key, sub.id, repr(sub)))

    assert hook(before_delivery=before_delivery).before_delivery(message(), SUB, 'c1') == 'deliver'
    assert seen == [('s3', 'zpsk.srv.3', 'zpsk.srv.3', 3, '<pubsub_subscription s3>')]


def test_what_a_subscription_does_not_have_its_view_does_not_have_either() -> None:
    seen: list[Any] = []

    def before_delivery(self: Any) -> None:
        seen.append([hasattr(self.request.input.ctx.sub, name) for name in ('colour', '_item', '__deepcopy__')])

    hook(before_delivery=before_delivery).before_delivery(message(), SUB, 'c1')
    assert seen == [[False, True, False]]


@pytest.mark.parametrize('action', ['deliver', 'skip', 'delete'])
def test_what_a_hook_says_of_a_delivery(action: str) -> None:
    assert hook(before_delivery=answering(action)).before_delivery(message(), SUB, 'c1') == action


def test_any_other_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="Hook hook must answer with one of deliver, skip, delete; got 'later'"):
        hook(before_delivery=answering('later')).before_delivery(message(), SUB, 'c1')


def test_what_a_hook_does_not_define_it_is_not_asked() -> None:
    quiet = hook()
    assert quiet.before_publish(message(), TOPIC, 'c1') == ''
    assert quiet.before_delivery(message(), SUB, 'c1') == 'deliver'
    quiet.tell('on_subscribed', SUB, TOPIC, 'c1')
    plain = ServiceHook(invoker_of(service('hook', lambda self: None)), 'hook')
    assert plain.before_publish(message(), TOPIC, 'c1') == ''


@pytest.mark.parametrize('what', ['on_subscribed', 'on_unsubscribed'])
def test_a_hook_is_told_of_subscriptions(what: str) -> None:
    seen: list[Any] = []

    def method(self: Any) -> None:
        ctx = self.request.input.ctx
        seen.append((ctx.hook_type, ctx.sub.sub_key, ctx.topic.name, ctx.msg))

    hook(**{what: method}).tell(what, SUB, TOPIC, 'c1')
    assert seen == [(what, 'zpsk.srv.3', '/a', None)]


def test_what_a_hook_raises_comes_through() -> None:
    def fail(self: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hook(before_publish=fail).before_publish(message(), TOPIC, 'c1')
    absent = ServiceHook(invoker_of(), 'hook')
    with pytest.raises(ServiceMissingException):
        absent.before_publish(message(), TOPIC, 'c1')


def test_a_hook_may_have_a_handle_of_its_own() -> None:
    class Own(PubSubHook):
        name = 'hook'

        def before_publish(self) -> None:
            raise AssertionError

        def handle(self) -> None:
            self.response.payload.hook_action = 'skip'

    own: type[Service] = Own
    assert ServiceHook(invoker_of(compile_service(own)), 'hook').before_publish(message(), TOPIC, 'c1') == 'skip'
