"""`self.invoke` and its kin: options, timeouts, who may be invoked and how, what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from bunch import Bunch
from gevent.event import Event

from tests.unit.service.invoking import (
    PATIENCE,
    answering,
    call_of,
    caller_of,
    echo,
    failing,
    finish,
    http_message,
    invoke,
    invoker_of,
    run,
    service,
)
from zato.common.exception import (
    BadRequest,
    Inactive,
    MethodNotAllowed,
    ServiceMissingException,
    TimeoutException,
    ZatoException,
)
from zato.server.service import Model, Service, dataclass
from zato.server.service.compiled import CompiledService
from zato.server.service.data import Request
from zato.server.service.invocation import InvocationTimeout


@dataclass(init=False)
class User(Model):
    name: str


class NoTruth:
    """As data frames: comparing gives no truth value."""

    def __eq__(self, other: object) -> Any:
        return self

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError('ambiguous')


class Sleeper:
    """A service that waits for ever. ended: how often it has been ended."""

    def __init__(self) -> None:
        self.started = Event()
        self.ended = 0

    def service(self, name: str = 'sleeper') -> CompiledService:
        def handle(service: Service) -> None:
            self.started.set()
            try:
                service.sleep(PATIENCE)
            finally:
                self.ended += 1

        return service(name, handle)


# What a target gets


@pytest.mark.parametrize(
    ('arguments', 'kwargs', 'payload'),
    [
        ((), {}, ''),
        (('',), {'x': 1}, {'x': 1}),
        ((), {'x': 1, 'y': 2}, {'x': 1, 'y': 2}),
    ],
)
@pytest.mark.parametrize('options', [{}, {'skip_response_elem': True}])
def test_keyword_arguments_are_the_payload_where_there_is_none(
    arguments: tuple[Any, ...], kwargs: dict[str, Any], payload: Any, options: dict[str, Any]
) -> None:
    assert run(lambda self: self.invoke('echo', *arguments, **kwargs, **options), echo()) == payload


@pytest.mark.parametrize('method', ['invoke', 'invoke_async'])
@pytest.mark.parametrize('payload', [{'a': 1}, 0, None, b'', 'text', NoTruth()])
def test_a_keyword_argument_that_nobody_knows_is_an_error_beside_a_payload(method: str, payload: Any) -> None:
    invoker = invoker_of(caller_of(lambda self: getattr(self, method)('echo', payload, timout=5, x=1)), echo())
    with pytest.raises(
        TypeError, match='Unknown keyword arguments: timout, x; they would be the payload, but another one is'
    ):
        invoke(invoker, 'caller')
    assert invoker.invoked == 1


@pytest.mark.parametrize('method', ['invoke', 'invoke_async'])
@pytest.mark.parametrize('options', [{}, {'channel': 'amqp'}])
@pytest.mark.parametrize('target', [None, 5, b'echo', ['echo']])
def test_what_is_neither_a_name_nor_a_class_cannot_be_invoked(method: str, options: dict[str, Any], target: Any) -> None:
    with pytest.raises(TypeError, match='A service is invoked by its name or its class, not by '):
        run(lambda self: getattr(self, method)(target, **options), echo())


@pytest.mark.parametrize('options', [{}, {'timeout': PATIENCE}])
def test_any_object_may_be_the_payload(options: dict[str, Any]) -> None:
    payload = NoTruth()
    assert run(lambda self: self.invoke('echo', payload, **options), echo()) is payload


@pytest.mark.parametrize('options', [{}, {'serialize': False, 'timeout': PATIENCE}])
def test_a_target_shares_the_cid_and_sees_what_it_was_invoked_with(options: dict[str, Any]) -> None:
    def target(self: Service) -> None:
        request = self.request
        self.response.payload = (
            self.cid,
            self.channel.type,
            str(self.channel),
            request.raw_request,
            request.input,
            self.in_reply_to,
        )

    seen = run(lambda self: self.invoke('target', {'a': 1}, **options), service('target', target))
    assert seen == ('c1', 'invoke', 'invoke', {'a': 1}, {'a': 1}, '')


@pytest.mark.parametrize(
    ('options', 'seen'),
    [
        ({}, ('invoke', 'dict', '')),
        ({'channel': 'amqp'}, ('amqp', 'dict', '')),
        ({'data_format': 'json'}, ('invoke', 'json', '')),
        ({'transport': 'plain_http'}, ('invoke', 'dict', 'plain_http')),
        ({'channel': 'fanout-call', 'data_format': 'xml', 'transport': 't'}, ('fanout-call', 'xml', 't')),
    ],
)
def test_channel_format_and_transport_are_what_the_caller_says(options: dict[str, str], seen: tuple[str, ...]) -> None:
    def target(self: Service) -> None:
        self.response.payload = (self.channel.type, self.data_format, self.transport)

    assert run(lambda self: self.invoke('target', **options), service('target', target)) == seen
    if 'channel' not in options:
        seen = ('invoke-async', *seen[1:])
    invoker = invoker_of(caller_of(lambda self: self.invoke_async('target', **options)), service('target', target))
    told: list[Any] = []
    invoker.store.swap({'c': {'caller-async-callback': service('caller-async-callback', lambda self: told.append(self))}})
    invoke(invoker, 'caller')
    finish(invoker)
    assert [self.request.payload for self in told] == [seen]


@pytest.mark.parametrize(
    ('payload', 'parsed'), [('{"a": 1}', {'a': 1}), (b'[1]', [1]), ('', ''), ({'a': 1}, {'a': 1}), (None, None)]
)
def test_text_is_parsed_where_the_data_format_is_json(payload: Any, parsed: Any) -> None:
    assert run(lambda self: self.invoke('echo', payload, data_format='json'), echo()) == parsed
    assert run(lambda self: self.invoke('echo', payload), echo()) == payload, 'and not otherwise'


@pytest.mark.parametrize('method', ['invoke', 'invoke_async'])
@pytest.mark.parametrize('payload', ['{', b'\xff', '\udcff'])
def test_text_that_should_be_json_and_is_not_is_an_error_of_the_service_and_not_of_its_client(
    method: str, payload: Any
) -> None:
    with pytest.raises(ZatoException, match='not valid JSON') as caught:
        run(lambda self: getattr(self, method)('echo', payload, data_format='json'), echo())
    assert (type(caught.value), caught.value.status, caught.value.cid) == (ZatoException, 500, 'c1')


# What comes back


@pytest.mark.parametrize('payload', [{'a': [1, {'b': None}]}, [], 'text', b'\xff', 5, None, False, ('t',), object()])
@pytest.mark.parametrize('options', [{}, {'skip_response_elem': True}, {'timeout': PATIENCE}])
def test_a_response_comes_back_as_it_is(payload: Any, options: dict[str, Any]) -> None:
    assert run(lambda self: self.invoke('target', **options), answering('target', payload)) is payload


@pytest.mark.parametrize('options', [{}, {'as_bunch': True}, {'skip_response_elem': True}])
def test_a_model_stays_that_very_object(options: dict[str, Any]) -> None:
    user = User.from_dict({'name': 'Jane'})
    target = answering('target', user)
    assert run(lambda self: self.invoke('target', **options), target) is user
    declared = service('target', lambda self: setattr(self.response, 'payload', user), output=User)
    assert run(lambda self: self.invoke('target', **options), declared) is user


@pytest.mark.parametrize('payload', [{'a': [1, {'b': None}]}, [], 'text', None, 5])
def test_serialize_gives_json(payload: Any) -> None:
    text = run(lambda self: self.invoke('target', serialize=True), answering('target', payload))
    assert isinstance(text, str)
    assert json.loads(text) == payload


def test_as_bunch_gives_attributes_however_deep() -> None:
    found = run(lambda self: self.invoke('target', as_bunch=True), answering('target', {'a': [{'b': {'c': 1}}]}))
    assert isinstance(found, Bunch)
    assert found.a[0].b.c == 1


@pytest.mark.parametrize(
    ('payload', 'shed'),
    [
        ({'response': {'a': 1}}, {'a': 1}),
        ({'zato_service_get_response': [1]}, [1]),
        ({'response': 1, 'b': 2}, {'response': 1, 'b': 2}),
        ({'other': 1}, {'other': 1}),
        ({7: 1}, {7: 1}),
        ({}, {}),
        ([{'response': 1}], [{'response': 1}]),
    ],
)
def test_skip_response_elem_sheds_the_one_key_that_wraps_a_response(payload: Any, shed: Any) -> None:
    assert run(lambda self: self.invoke('target', skip_response_elem=True), answering('target', payload)) == shed
    assert run(lambda self: self.invoke('target'), answering('target', payload)) == payload


def test_output_of_class_simpleio_is_wrapped_for_a_caller_too() -> None:
    class SimpleIO:
        output = 'name'

    target = service('target', lambda self: setattr(self.response.payload, 'name', 'Jane'), SimpleIO=SimpleIO)
    assert run(lambda self: self.invoke('target'), target) == {'response': {'name': 'Jane'}}
    assert run(lambda self: self.invoke('target', skip_response_elem=True), target) == {'name': 'Jane'}
    flat = service('target', lambda self: setattr(self.response.payload, 'name', 'Jane'), output='name')
    assert run(lambda self: self.invoke('target'), flat) == {'name': 'Jane'}


def test_options_go_together() -> None:
    options = {'serialize': True, 'skip_response_elem': True, 'as_bunch': True, 'timeout': PATIENCE, 'data_format': 'json'}
    target = service('target', lambda self: setattr(self.response, 'payload', {'response': {'got': self.request.payload}}))
    assert json.loads(run(lambda self: self.invoke('target', '[1]', **options), target)) == {'got': [1]}


# Whom one may invoke


def test_a_target_may_be_named_by_its_class() -> None:
    target = answering('target', 5)
    assert run(lambda self: self.invoke(target.cls), target) == 5
    assert run(lambda self: self.invoke(target.cls, timeout=PATIENCE), target) == 5


def test_a_target_may_be_named_by_its_id_or_its_implementation() -> None:
    target = echo('target')
    ids = {7: 'target', 8: 'gone'}
    assert run(lambda self: self.invoke_by_id(7, {'a': 1}, serialize=True), target, ids=ids) == '{"a":1}'
    assert run(lambda self: self.invoke_by_impl_name(target.impl_name, x=1), target) == {'x': 1}
    with pytest.raises(ServiceMissingException, match='No service has ID 9'):
        run(lambda self: self.invoke_by_id(9), target, ids=ids)
    with pytest.raises(ServiceMissingException, match='No such service: gone'):
        run(lambda self: self.invoke_by_id(8), target, ids=ids)
    with pytest.raises(KeyError, match=r'No service is implemented by no\.Such'):
        run(lambda self: self.invoke_by_impl_name('no.Such'), target)


INVOCATIONS = ['invoke', 'invoke_async', 'new_instance']


@pytest.mark.parametrize('method', INVOCATIONS)
def test_an_unknown_service_is_a_key_error_with_its_name(method: str) -> None:
    with pytest.raises(ServiceMissingException, match=r'^No such service: nobody$') as caught:
        run(lambda self: getattr(self, method)('nobody'))
    assert isinstance(caught.value, KeyError)


@pytest.mark.parametrize('method', INVOCATIONS)
def test_an_inactive_service_is_an_error_with_its_name(method: str) -> None:
    invoker = invoker_of(caller_of(lambda self: getattr(self, method)('target')), echo('target'))
    invoker.store.set_active('target', is_active=False)
    with pytest.raises(Inactive, match='`target` is inactive') as caught:
        invoke(invoker, 'caller')
    assert caught.value.name == 'target'
    invoker.store.set_active('target', is_active=True)
    invoke(invoker, 'caller')
    finish(invoker)


@pytest.mark.parametrize('options', [{}, {'timeout': PATIENCE}, {'serialize': True}])
def test_a_service_cannot_invoke_itself_by_name_or_class(options: dict[str, Any]) -> None:
    for target in (lambda self: 'caller', type):
        with pytest.raises(ZatoException, match=r'^Service caller cannot invoke itself$') as caught:
            run(lambda self, target=target: self.invoke(target(self), **options))
        assert caught.value.cid == 'c1'


def test_a_service_may_invoke_itself_in_the_background() -> None:
    seen: list[Any] = []

    def handle(self: Service) -> None:
        seen.append(self.request.payload)
        if self.request.payload < 3:
            self.invoke_async(self.name, self.request.payload + 1)

    invoker = invoker_of(service('caller', handle))
    invoke(invoker, 'caller', 1)
    finish(invoker)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize('options', [{}, {'timeout': PATIENCE, 'serialize': True}])
def test_services_that_invoke_each_other_without_end_are_an_error_that_names_them(options: dict[str, Any]) -> None:
    hooks = {'before_handle': lambda self: None, 'finalize_handle': lambda self: None}
    ping = service('ping', lambda self: self.invoke('pong', **options), **hooks)
    pong = service('pong', lambda self: self.invoke('ping', **options), **hooks)
    invoker = invoker_of(ping, pong)
    with pytest.raises(ZatoException, match=r'^More than 100 services wait for one another: (ping|pong) <- (ping|pong) <- '):
        invoke(invoker, 'ping')
    assert invoker.running == set()
    assert invoker.invoked == 101


def test_a_new_instance_is_that_of_another_service_with_an_empty_request() -> None:
    target = service('target', echo().handle, add=lambda self, a, b: (self.name, self.cid, self.request.payload, a + b))

    def use(self: Service) -> Any:
        other = self.new_instance('target')
        return other.add(1, 2), other.invoke('echo', 3), other.channel.type, other.response.payload  # type: ignore[attr-defined]

    assert run(use, target, echo()) == (('target', 'c1', '', 3), 3, 'invoke', '')


# Errors


@pytest.mark.parametrize(
    'error', [BadRequest('c', 'no'), ValueError('no'), SystemExit(3), KeyboardInterrupt(), gevent.Timeout(5)]
)
@pytest.mark.parametrize('options', [{}, {'timeout': PATIENCE, 'raise_timeout': False, 'serialize': True}])
def test_the_very_exception_object_of_the_target_comes_through(error: BaseException, options: dict[str, Any]) -> None:
    invoker = invoker_of(
        caller_of(lambda self: self.invoke('middle', **options)),
        service('middle', lambda self: self.invoke('target', **options)),
        failing('target', error),
    )
    with pytest.raises(type(error)) as caught:
        invoke(invoker, 'caller')
    assert caught.value is error
    assert error.__cause__ is None
    assert invoker.running == set()
    assert invoker.invoked == 3


def test_what_a_target_did_before_it_failed_does_not_disturb_the_next_call() -> None:
    error = ValueError('no')

    def use(self: Service) -> Any:
        with pytest.raises(ValueError, match='no'):
            self.invoke('target')
        return self.invoke('echo', 1), self.response.payload

    assert run(use, failing('target', error), echo()) == (1, '')


# Timeouts


@pytest.mark.parametrize('options', [{}, {'serialize': True}, {'skip_response_elem': True}])
def test_a_timeout_interrupts_the_target_in_its_sleep(options: dict[str, Any]) -> None:
    sleeper = Sleeper()
    invoker = invoker_of(caller_of(lambda self: self.invoke('sleeper', timeout=0.001, **options)), sleeper.service())
    with pytest.raises(InvocationTimeout, match=r'^Service sleeper did not answer in 0\.001 s$') as caught:
        invoke(invoker, 'caller')
    assert (caught.value.seconds, caught.value.cid) == (0.001, 'c1')
    assert sleeper.ended == 1
    assert invoker.running == set()


def test_a_timeout_is_one_of_ours_and_of_gevent_and_can_be_shown() -> None:
    error = InvocationTimeout('target', 2, 'c1')
    assert isinstance(error, TimeoutException)
    assert isinstance(error, gevent.Timeout)
    assert repr(error) == "InvocationTimeout('Service target did not answer in 2 s')"
    assert (error.seconds, error.pending, error.exception) == (2, False, None)
    error.cancel()
    error.close()


def test_a_timeout_that_is_not_to_be_raised_gives_none() -> None:
    sleeper = Sleeper()
    assert run(lambda self: self.invoke('sleeper', timeout=0.001, raise_timeout=False), sleeper.service()) is None
    assert sleeper.ended == 1


def test_whoever_answers_in_time_is_not_interrupted_later() -> None:
    def use(self: Service) -> Any:
        answer = self.invoke('echo', 1, timeout=0.001)
        hub = gevent.get_hub()
        done = Event()
        later = hub.loop.timer(0.002)  # that of the call would fire before
        later.start(done.set)
        assert done.wait(PATIENCE)
        later.close()
        return answer

    assert run(use, echo()) == 1


def test_a_caller_may_go_on_after_a_timeout() -> None:
    def use(self: Service) -> Any:
        try:
            self.invoke('sleeper', timeout=0.001)
        except TimeoutException as e:
            return self.invoke('echo', str(e))

    assert run(use, Sleeper().service(), echo()) == 'Service sleeper did not answer in 0.001 s'


def nested(outer: dict[str, Any], inner: dict[str, Any], sleeper: Sleeper) -> list[CompiledService]:
    """caller → middle → sleeper. middle answers with the timeout that it has caught, if it has."""

    def middle(self: Service) -> None:
        try:
            self.response.payload = ('answer', self.invoke('sleeper', **inner))
        except InvocationTimeout as e:
            self.response.payload = ('caught', str(e))

    return [caller_of(lambda self: self.invoke('middle', **outer)), service('middle', middle), sleeper.service()]


@pytest.mark.parametrize(
    ('inner', 'answer'),
    [
        ({'timeout': 0.001}, ('caught', 'Service sleeper did not answer in 0.001 s')),
        ({'timeout': 0.001, 'raise_timeout': False}, ('answer', None)),
    ],
)
def test_an_inner_timeout_is_the_inner_callers(inner: dict[str, Any], answer: Any) -> None:
    sleeper = Sleeper()
    invoker = invoker_of(*nested({'timeout': PATIENCE}, inner, sleeper))
    assert invoke(invoker, 'caller') == answer
    assert sleeper.ended == 1


@pytest.mark.parametrize('inner', [{'timeout': PATIENCE}, {'timeout': PATIENCE, 'raise_timeout': False}, {}])
def test_an_outer_timeout_goes_through_what_is_invoked_with_a_longer_one(inner: dict[str, Any]) -> None:
    sleeper = Sleeper()
    invoker = invoker_of(*nested({'timeout': 0.001}, inner, sleeper))
    with pytest.raises(InvocationTimeout, match='Service middle did not answer'):
        invoke(invoker, 'caller')
    assert sleeper.ended == 1
    assert invoker.running == set()
    assert invoke(invoker_of(*nested({'timeout': 0.001, 'raise_timeout': False}, inner, sleeper)), 'caller') is None


def test_an_inner_timeout_that_nobody_catches_is_the_outer_callers_exception_and_not_its_timeout() -> None:
    services = [service('middle', lambda self: self.invoke('sleeper', timeout=0.001)), Sleeper().service()]
    with pytest.raises(InvocationTimeout, match='Service sleeper did not answer'):
        run(lambda self: self.invoke('middle', timeout=PATIENCE, raise_timeout=False), *services)


def test_a_timeout_of_the_services_own_is_not_taken_for_that_of_the_call() -> None:
    def target(self: Service) -> None:
        with gevent.Timeout(0.001):
            self.sleep(PATIENCE)

    with pytest.raises(gevent.Timeout) as caught:
        run(lambda self: self.invoke('target', timeout=PATIENCE, raise_timeout=False), service('target', target))
    assert not isinstance(caught.value, InvocationTimeout)


@pytest.mark.parametrize('timeout', [-1, 'soon', float('nan')])
def test_a_timeout_that_is_no_number_of_seconds_is_an_error_before_anything_runs(timeout: Any) -> None:
    invoker = invoker_of(caller_of(lambda self: self.invoke('echo', timeout=timeout)), echo())
    with pytest.raises(ValueError, match=re.escape(f'timeout must be a number of seconds, not {timeout!r}')):
        invoke(invoker, 'caller')
    assert invoker.invoked == 1


@pytest.mark.parametrize('timeout', [0, None, 0.0, float('inf')])
def test_there_may_be_no_timeout(timeout: Any) -> None:
    assert run(lambda self: self.invoke('echo', 1, timeout=timeout, serialize=True), echo()) == '1'


# HTTP


def put_only(name: str) -> CompiledService:
    return service(name, handle_PUT=lambda self: setattr(self.response, 'payload', 'put'))


@pytest.mark.parametrize('options', [{}, {'timeout': PATIENCE}])
def test_the_verb_of_the_http_request_decides_also_for_a_target(options: dict[str, Any]) -> None:
    both = service('both', lambda self: setattr(self.response, 'payload', 'any'), handle_PUT=put_only('x').verbs[b'PUT'])
    invoker = invoker_of(caller_of(lambda self: self.invoke(self.request.payload, **options)), put_only('put'), both)
    assert invoke(invoker, 'caller', 'put', http_message('PUT')) == 'put'
    assert invoke(invoker, 'caller', 'both', http_message('PUT')) == 'put'
    with pytest.raises(MethodNotAllowed, match='Service put handles PUT only') as caught:
        invoke(invoker, 'caller', 'put', http_message('GET'))
    assert caught.value.allowed == ('PUT',)
    assert invoke(invoker, 'caller', 'both') == 'any', 'without HTTP it is `handle`'
    with pytest.raises(MethodNotAllowed):
        invoke(invoker, 'caller', 'put')


def test_a_target_sees_the_http_request_of_its_caller_and_gets_its_own_payload() -> None:
    target = answering_with(lambda self: (self.request.http.method, self.request.payload, dict(self.request.input)))
    invoker = invoker_of(caller_of(lambda self: self.invoke('target', {'a': 1})), target)
    assert invoke(invoker, 'caller', message=http_message('PUT')) == ('PUT', {'a': 1}, {'a': 1})
    assert invoke(invoker, 'caller') == ('', {'a': 1}, {'a': 1})


def answering_with(answer: Callable[[Any], Any]) -> CompiledService:
    return service('target', lambda self: setattr(self.response, 'payload', answer(self)))


def test_a_background_call_is_no_http_request() -> None:
    seen: list[str] = []
    target = service('target', lambda self: seen.append('handle'), handle_PUT=lambda self: seen.append('PUT'))
    invoker = invoker_of(caller_of(lambda self: self.invoke_async('target')), target)
    invoke(invoker, 'caller', message=http_message('PUT'))
    finish(invoker)
    assert seen == ['handle']


# What is known of calls


def test_what_runs_is_known_with_who_waits_for_it() -> None:
    seen: list[Any] = []

    def target(self: Any) -> None:
        seen.append(sorted(call.service.name for call in invoker.running))
        seen.append([self._call.service.name, self._call.caller.service.name, self._call.depth])

    invoker = invoker_of(caller_of(lambda self: self.invoke('target')), service('target', target))
    invoke(invoker, 'caller')
    assert seen == [['caller', 'target'], ['target', 'caller', 1]]
    assert invoker.running == set()


def test_a_service_knows_how_often_it_has_run_and_how_long_it_takes() -> None:
    def handle(self: Service) -> None:
        self.response.payload = (self.usage, self.processing_time >= 0, self.handle_return_time)

    invoker = invoker_of(service('counted', handle))
    assert [invoke(invoker, 'counted') for _ in range(3)] == [(count, True, None) for count in (1, 2, 3)]
    call = call_of(invoker, 'counted')
    invoker.run(call, Request('', ''))
    assert call.ended_utc is not None
    assert call.ended_utc >= call.started_utc
