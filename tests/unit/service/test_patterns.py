"""`self.patterns`: what callbacks are told and when, of fan-out, parallel and repeated invocations."""

from __future__ import annotations

import gc
import logging
import re
import weakref
from collections.abc import Callable
from datetime import datetime
from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.unit.service.invoking import (
    PATIENCE,
    answering,
    caller_of,
    echo,
    failing,
    finish,
    invoke,
    invoker_of,
    service,
)
from zato.common.exception import Inactive, ServiceMissingException, ServiceUnavailable, ZatoException
from zato.server.service import Service
from zato.server.service.background import Background
from zato.server.service.compiled import CompiledService

ON_TARGET_KEYS = ['phase', 'source', 'target', 'response', 'req_ts_utc', 'resp_ts_utc', 'ok', 'exception', 'cid']
ON_FINAL_KEYS = ['phase', 'source', 'req_ts_utc', 'on_target', 'on_final', 'data']
RETRY_KEYS = [
    'ok',
    'orig_cid',
    'call_cid',
    'source',
    'target',
    'retry_seconds',
    'retry_repeats',
    'context',
    'req_ts_utc',
    'resp_ts_utc',
    'response',
    'exception',
]

#: As short as it can be: there is to be one, and nobody is to wait for it.
PAUSE = 0.0001


class Called:
    """Callbacks `on.target`, `on.final` and `on.other`. calls: their names and what they were invoked with, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Service]] = []

    def services(self) -> list[CompiledService]:
        return [service(name, lambda self_: self._note(self_)) for name in ('on.target', 'on.final', 'on.other')]

    def _note(self, called: Service) -> None:
        self.calls.append((called.name, called))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def payloads(self, name: str) -> list[Any]:
        return [called.request.payload for found, called in self.calls if found == name]


def called_by(function: Callable[[Any], Any], *services: CompiledService) -> tuple[Any, Called]:
    """What a function returns that uses `self.patterns`, and the callbacks that were invoked once nothing runs any more."""
    called = Called()
    invoker = invoker_of(caller_of(function), *services, *called.services())
    answer = invoke(invoker, 'caller')
    finish(invoker)
    return answer, called


def fan_out(targets: Any, on_final: Any = 'on.final', **options: Any) -> Callable[[Any], Any]:
    return lambda self: self.patterns.fanout.invoke(targets, on_final, **options)


def parallel(targets: Any, on_target: Any = 'on.target', **options: Any) -> Callable[[Any], Any]:
    return lambda self: self.patterns.parallel.invoke(targets, on_target, **options)


def is_time(text: Any) -> bool:
    """UTC, ISO 8601, without a zone."""
    return isinstance(text, str) and datetime.fromisoformat(text).tzinfo is None


def in_order(names: str, opened: str) -> tuple[list[CompiledService], Callable[[], None]]:
    """Services of these one-letter names, and what lets them end in the order `opened`."""
    gates = {name: Event() for name in names}

    def make(name: str) -> CompiledService:
        def handle(self: Service) -> None:
            assert gates[name].wait(PATIENCE)
            self.response.payload = name

        return service(name, handle)

    def release() -> None:
        for name in opened:
            gates[name].set()
            gevent.sleep(0)

    return [make(name) for name in names], release


# Fan-out and parallel


@pytest.mark.parametrize(('pattern', 'options'), [(fan_out, {'on_target': 'on.target'}), (parallel, {})])
def test_what_a_callback_is_told_of_a_target(pattern: Any, options: dict[str, Any]) -> None:
    cid, called = called_by(pattern({'echo': {'a': 1}}, **options), echo())
    [payload] = called.payloads('on.target')
    assert list(payload) == ON_TARGET_KEYS
    assert is_time(payload['req_ts_utc'])
    assert is_time(payload['resp_ts_utc'])
    assert payload['req_ts_utc'] <= payload['resp_ts_utc']
    assert cid == 'c1'
    expected = {'phase': 'on-target', 'source': 'caller', 'target': 'echo', 'response': {'a': 1}}
    assert payload.items() >= (expected | {'ok': True, 'exception': None, 'cid': 'c1'}).items()
    [input_] = [called.request.input for name, called in called.calls if name == 'on.target']
    assert input_ == payload
    assert input_.response.a == 1


def test_what_a_callback_is_told_once_all_targets_have_ended() -> None:
    targets = {'a': 1, 'b': 2}
    _, called = called_by(fan_out(targets, ['on.final'], on_target=['on.target']), echo('a'), echo('b'))
    [payload] = called.payloads('on.final')
    assert list(payload) == ON_FINAL_KEYS
    assert is_time(payload['req_ts_utc'])
    data = payload['data']
    assert [list(item) for item in data] == [ON_TARGET_KEYS] * 2
    assert [(item['target'], item['response'], item['ok']) for item in data] == [('a', 1, True), ('b', 2, True)]
    assert data == called.payloads('on.target')
    rest = {key: payload[key] for key in ('phase', 'source', 'on_target', 'on_final')}
    assert rest == {'phase': 'on-final', 'source': 'caller', 'on_target': ['on.target'], 'on_final': ['on.final']}


@pytest.mark.parametrize('opened', ['abc', 'cba', 'bca'])
def test_callbacks_are_invoked_and_data_is_listed_in_the_order_in_which_targets_end(opened: str) -> None:
    services, release = in_order('abc', opened)
    called = Called()
    function = fan_out(dict.fromkeys('abc'), on_target='on.target')
    invoker = invoker_of(caller_of(function), *services, *called.services())
    invoke(invoker, 'caller')
    release()
    finish(invoker)
    assert called.names == ['on.target', 'on.target', 'on.target', 'on.final']
    assert [payload['target'] for payload in called.payloads('on.target')] == list(opened)
    assert [item['response'] for item in called.payloads('on.final')[0]['data']] == list(opened)


@pytest.mark.parametrize('pattern', [fan_out, parallel])
def test_the_caller_goes_on_before_any_target_has_begun_and_may_have_ended_before_they_have(pattern: Any) -> None:
    seen: list[str] = []

    def use(self: Service) -> Any:
        cid = pattern({'target': ''}, 'on.other')(self)
        seen.append('caller')
        return cid

    called_by(use, service('target', lambda self: seen.append('target')))
    assert seen == ['caller', 'target']


@pytest.mark.parametrize(
    ('pattern', 'channels'),
    [
        (fan_out, {'target': 'fanout-call', 'on.target': 'fanout-on-target', 'on.final': 'fanout-on-final'}),
        (parallel, {'target': 'parallel-exec-call', 'on.target': 'parallel-exec-on-target'}),
    ],
)
@pytest.mark.parametrize('cid', [None, '', 'my-cid'])
def test_targets_share_one_cid_and_callbacks_reply_to_it(pattern: Any, channels: dict[str, str], cid: str | None) -> None:
    seen: list[Service] = []
    targets = [service(name, seen.append) for name in 'ab']
    options = {'on_target': 'on.target'} if pattern is fan_out else {}
    answer, called = called_by(pattern({'a': 1, 'b': 2}, cid=cid, **options), *targets)
    assert answer == (cid or 'c1')
    assert [(target.cid, target.channel.type) for target in seen] == [(answer, channels['target'])] * 2
    for name, callback in called.calls:
        assert (callback.in_reply_to, callback.channel.type) == (answer, channels[name])
        assert re.fullmatch('[0-9a-f]{24}', callback.cid)


def test_several_callbacks_are_invoked_in_order() -> None:
    _, called = called_by(fan_out({'echo': 1}, ['on.final', 'on.other'], on_target=('on.other', 'on.target')), echo())
    assert called.names == ['on.other', 'on.target', 'on.final', 'on.other']
    _, called = called_by(parallel({'echo': 1}, ['on.other', 'on.target']), echo())
    assert called.names == ['on.other', 'on.target']


def test_targets_and_callbacks_may_be_classes_and_the_caller_itself() -> None:
    target = echo()
    seen: list[Any] = []

    def handle(self: Service) -> None:
        if self.in_reply_to:
            seen.append((self.request.input.phase, self.request.input.get('response')))
        else:
            self.patterns.parallel.invoke({target.cls: 1}, self)
            self.patterns.fanout.invoke({'echo': 2}, [type(self)], on_target=self.name)

    invoker = invoker_of(service('caller', handle), target)
    invoke(invoker, 'caller')
    finish(invoker)
    assert seen == [('on-target', 1), ('on-target', 2), ('on-final', None)]


ERRORS = [ValueError('no'), SystemExit(3), gevent.Timeout(5), gevent.GreenletExit()]


@pytest.mark.parametrize('error', ERRORS)
def test_a_target_that_fails_has_ended_too_and_a_fan_out_tells_the_exception(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    cid, called = called_by(fan_out({'bad': 1, 'echo': 2}, on_target='on.target'), failing('bad', error), echo())
    of_bad, of_echo = called.payloads('on.target')
    assert (of_bad['target'], of_bad['ok'], of_bad['exception'], of_bad['response']) == ('bad', False, error, None)
    assert (of_echo['target'], of_echo['ok'], of_echo['exception'], of_echo['response']) == ('echo', True, None, 2)
    assert called.payloads('on.final')[0]['data'] == [of_bad, of_echo]
    [record] = caplog.records
    assert (record.levelno, record.__dict__['cid']) == (logging.WARNING, cid)
    assert record.getMessage() == f'Service bad, invoked by caller, failed (cid: {cid})'
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize('error', ERRORS)
def test_a_target_that_fails_has_ended_too_and_parallel_tells_the_traceback(error: BaseException) -> None:
    _, called = called_by(parallel({'bad': 1, 'echo': 2}), failing('bad', error), echo())
    of_bad, of_echo = called.payloads('on.target')
    assert (of_bad['ok'], of_bad['response'], of_echo['ok'], of_echo['exception']) == (False, None, True, None)
    assert of_bad['exception'].startswith('Traceback (most recent call last):')
    assert type(error).__name__ in of_bad['exception']
    assert 'raise error' in of_bad['exception']


@pytest.mark.parametrize('pattern', [fan_out, parallel])
def test_an_unknown_or_inactive_target_is_one_that_fails(pattern: Any) -> None:
    options = {'on_target': 'on.target'} if pattern is fan_out else {}
    called = Called()
    function = pattern({'nobody': 1, 'asleep': 2, 'echo': 3}, **options)
    invoker = invoker_of(caller_of(function), echo(), echo('asleep'), *called.services())
    invoker.store.set_active('asleep', is_active=False)
    invoke(invoker, 'caller')
    finish(invoker)
    told = called.payloads('on.target')
    assert [(item['target'], item['ok']) for item in told] == [('nobody', False), ('asleep', False), ('echo', True)]
    if pattern is fan_out:
        assert [type(item['exception']) for item in told[:2]] == [ServiceMissingException, Inactive]
        assert len(called.payloads('on.final')) == 1
    else:
        assert 'No such service: nobody' in told[0]['exception']


@pytest.mark.parametrize('error', [SystemExit(3), gevent.GreenletExit()])
@pytest.mark.parametrize('pattern', [fan_out, parallel])
def test_a_callback_that_fails_is_logged_and_does_not_keep_the_others_from_being_invoked(
    caplog: pytest.LogCaptureFixture, pattern: Any, error: BaseException
) -> None:
    cid, called = called_by(pattern({'echo': 1}, ['bad', 'on.other']), echo(), failing('bad', error))
    assert called.names == ['on.other']
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f'Callback bad of service caller failed (cid: {cid})'


def test_what_one_callback_does_to_its_payload_is_not_seen_by_the_next_one() -> None:
    seen: list[Any] = []

    def change(self: Service) -> None:
        self.request.payload['ok'] = 'changed'

    services = [service('first', change), service('second', lambda self: seen.append(self.request.payload['ok']))]
    called_by(parallel({'echo': 1}, ['first', 'second']), echo(), *services)
    assert seen == [True]


@pytest.mark.parametrize(
    ('function', 'message'),
    [
        (fan_out({'echo': 1}, 'nobody'), 'on_final: there is no service nobody'),
        (fan_out({'echo': 1}, ['on.final', 'nobody']), 'on_final: there is no service nobody'),
        (fan_out({'echo': 1}, on_target='nobody'), 'on_target: there is no service nobody'),
        (fan_out({'echo': 1}, ''), 'on_final must name at least one service'),
        (fan_out({'echo': 1}, []), 'on_final must name at least one service'),
        (fan_out({}), 'targets must name at least one service'),
        (fan_out(['echo']), 'targets must be a dict of services and their payloads, not list'),
        (parallel({'echo': 1}, 'nobody'), 'on_target: there is no service nobody'),
        (parallel({'echo': 1}, None), 'on_target must name at least one service'),
        (parallel({}), 'targets must name at least one service'),
        (parallel('echo'), 'targets must be a dict of services and their payloads, not str'),
    ],
)
def test_what_cannot_be_is_the_callers_error_and_nothing_runs(function: Callable[[Any], Any], message: str) -> None:
    seen: list[Any] = []
    invoker = invoker_of(caller_of(function), service('echo', seen.append), *Called().services())
    with pytest.raises(ValueError, match=f'^{message}$'):
        invoke(invoker, 'caller')
    finish(invoker)
    assert seen == []


@pytest.mark.parametrize('pattern', [fan_out, parallel])
def test_if_there_is_no_room_for_all_targets_none_runs(pattern: Any) -> None:
    seen: list[Any] = []
    targets = [service(name, seen.append) for name in 'abc']
    invoker = invoker_of(caller_of(pattern(dict.fromkeys('abc'))), *targets, *Called().services())
    invoker.background = Background(most=2)
    with pytest.raises(ServiceUnavailable):
        invoke(invoker, 'caller')
    finish(invoker)
    assert seen == []


def test_what_a_stop_cuts_off_calls_nobody_back(caplog: pytest.LogCaptureFixture) -> None:
    started, called = Event(), Called()
    waiting = service('target', lambda self: (started.set(), self.sleep(PATIENCE)))
    function = fan_out({'target': 1}, on_target='on.target')
    invoker = invoker_of(caller_of(function), waiting, *called.services())
    invoke(invoker, 'caller')
    assert started.wait(PATIENCE)
    invoker.kill()
    finish(invoker)
    assert called.calls == []
    assert caplog.records == []


@pytest.mark.parametrize(
    'start',
    [
        lambda self: self.patterns.fanout.invoke({'target': 1}, 'on.final'),
        lambda self: self.patterns.parallel.invoke({'target': 1}, 'on.target'),
        lambda self: self.patterns.invoke_async('target', 1, callback='on.other'),
        lambda self: self.patterns.invoke_retry.invoke_async('target', 1, repeats=2, minutes=60, callback='on.other'),
        lambda self: self.patterns.invoke_retry.invoke(
            'target', repeats=2, minutes=60, callback='on.other', async_fallback=True
        ),
    ],
)
def test_what_goes_on_in_the_background_keeps_nothing_of_the_request(start: Callable[[Any], Any]) -> None:
    kept, attempted, go_on = list[weakref.ref[Any]](), Event(), Event()

    def caller(self: Any) -> None:
        kept.extend([weakref.ref(self), weakref.ref(self._call)])
        start(self)

    def target(self: Service) -> None:
        attempted.set()
        if self.channel.type in ('invoke', 'invoke-async') and self.request.payload != 1:
            raise ValueError('no')
        go_on.wait(PATIENCE)

    invoker = invoker_of(service('caller', caller), service('target', target), *Called().services())
    invoke(invoker, 'caller')
    assert attempted.wait(PATIENCE)
    gc.collect()
    assert len(invoker.background) == 1
    assert [ref() for ref in kept] == [None, None]
    go_on.set()
    invoker.end_pauses()
    finish(invoker)


def test_a_retry_that_pauses_keeps_nothing_of_the_attempt_that_failed() -> None:
    kept = list[weakref.ref[Any]]()

    def target(self: Any) -> None:
        kept.extend([weakref.ref(self), weakref.ref(self._call)])
        raise ValueError('no')

    invoker = invoker_of(caller_of(retry('invoke_async', seconds=0, minutes=60, callback='on.other')), *Called().services())
    invoker.store.swap({'t': {'target': service('target', target)}})
    invoke(invoker, 'caller')
    while not kept:
        gevent.sleep(0)
    gc.collect()
    assert len(invoker.background) == 1
    assert [ref() for ref in kept] == [None, None]
    invoker.end_pauses()
    finish(invoker)


def test_patterns_may_be_nested_and_mixed() -> None:
    seen: list[Any] = []
    inner = service('inner', lambda self: self.invoke_async('echo', self.request.payload, callback='done'))
    outer = service('outer', lambda self: self.patterns.parallel.invoke({'inner': self.request.payload}, 'done'))

    def done(self: Service) -> None:
        told = self.request.input
        seen.append(tuple(str(told.get(key, '')) for key in ('phase', 'target', 'response')))

    services = [inner, outer, echo(), service('done', done)]
    called_by(fan_out({'outer': 5}, 'done', on_target='done'), *services)
    assert sorted(seen) == [('', 'echo', '5'), ('on-final', '', ''), ('on-target', 'inner', ''), ('on-target', 'outer', '')]


# Retries


class Flaky:
    """A service `target` that fails so often before it answers. attempts: how often it was invoked."""

    def __init__(self, failures: int, answer: Any = 'answer') -> None:
        self.failures = failures
        self.answer = answer
        self.calls: list[Service] = []

    @property
    def attempts(self) -> int:
        return len(self.calls)

    def service(self) -> CompiledService:
        def handle(service_: Service) -> None:
            self.calls.append(service_)
            if self.attempts <= self.failures:
                raise ValueError(f'failure {self.attempts}')
            service_.response.payload = self.answer

        return service('target', handle)


def retry(method: str = 'invoke', **options: Any) -> Callable[[Any], Any]:
    options = {'repeats': 3, 'seconds': PAUSE, **options}
    return lambda self: getattr(self.patterns.invoke_retry, method)('target', {'a': 1}, **options)


@pytest.mark.parametrize('answer', ['answer', '', 0, None, [], {}, False])
@pytest.mark.parametrize('failures', [0, 1, 2])
def test_the_first_response_is_returned_whatever_it_is(failures: int, answer: Any) -> None:
    flaky = Flaky(failures, answer)
    assert called_by(retry(), flaky.service())[0] == answer
    assert flaky.attempts == failures + 1
    assert [(call.cid, call.channel.type, call.request.payload) for call in flaky.calls] == [
        ('c1', 'invoke', {'a': 1})
    ] * flaky.attempts


@pytest.mark.parametrize('repeats', [1, 2, 5])
def test_after_so_many_attempts_it_fails_with_the_last_ones_exception_as_its_cause(
    repeats: int, caplog: pytest.LogCaptureFixture
) -> None:
    flaky = Flaky(100)
    with pytest.raises(ZatoException, match=rf'^Service target failed {repeats} times?, ') as caught:
        called_by(retry(repeats=repeats), flaky.service())
    assert flaky.attempts == repeats
    assert caught.value.cid == 'c1'
    assert isinstance(caught.value.__cause__, ValueError)
    assert str(caught.value.__cause__) == f'failure {repeats}'
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * repeats
    assert (
        caplog.records[-1].getMessage().startswith(f'Attempt {repeats} of {repeats} to invoke service target failed (cid: ')
    )


@pytest.mark.parametrize('method', ['invoke', 'invoke_async'])
def test_minutes_are_sixty_seconds_and_the_pause_is_between_two_attempts(method: str) -> None:
    flaky = Flaky(2)
    pauses: list[float] = []

    def use(self: Any) -> Any:
        def wait(seconds: float) -> bool:
            pauses.append(seconds)
            return False

        self._invoker.background.wait = wait
        options = {'repeats': 5, 'minutes': 2, 'callback': 'on.other'}
        return getattr(self.patterns.invoke_retry, method)('target', **options)

    _, called = called_by(use, flaky.service())
    assert pauses == [120, 120]
    if method == 'invoke_async':
        assert called.payloads('on.other')[0]['retry_seconds'] == 120


def test_who_cannot_be_invoked_is_one_that_fails() -> None:
    with pytest.raises(ZatoException, match='Service target failed 3 times') as caught:
        called_by(retry())
    assert isinstance(caught.value.__cause__, ServiceMissingException)
    _, called = called_by(retry('invoke_async', callback='on.other'))
    assert isinstance(called.payloads('on.other')[0]['exception'], ServiceMissingException)


@pytest.mark.parametrize('failures', [1, 2, 100])
def test_with_a_fallback_the_first_failure_hands_over_to_the_background(failures: int) -> None:
    flaky = Flaky(failures, {'b': 2})
    cid, called = called_by(retry(async_fallback=True, callback='on.other', context={'c': 3}), flaky.service())
    [payload] = called.payloads('on.other')
    ok = failures < 3
    assert re.fullmatch('[0-9a-f]{24}', cid)
    assert flaky.attempts == min(failures + 1, 3)
    assert [(call.cid, call.channel.type) for call in flaky.calls] == [('c1', 'invoke')] + [(cid, 'invoke-async')] * (
        flaky.attempts - 1
    )
    check_outcome(payload, ok, cid, {'b': 2} if ok else None)
    assert (payload['retry_seconds'], payload['retry_repeats'], payload['context']) == (PAUSE, 3, {'c': 3})


def check_outcome(payload: Any, ok: bool, cid: str, response: Any) -> None:
    """What a callback is told of repeated attempts."""
    assert list(payload) == RETRY_KEYS
    assert is_time(payload['req_ts_utc'])
    assert is_time(payload['resp_ts_utc'])
    assert (payload['ok'], payload['orig_cid'], payload['call_cid']) == (ok, 'c1', cid)
    assert (payload['source'], payload['target'], payload['response']) == ('caller', 'target', response)
    assert isinstance(payload['exception'], type(None) if ok else ValueError)


def test_with_a_fallback_a_first_success_is_returned_and_no_callback_invoked() -> None:
    flaky = Flaky(0)
    answer, called = called_by(retry(async_fallback=True, callback='on.other'), flaky.service())
    assert (answer, flaky.attempts, called.calls) == ('answer', 1, [])


@pytest.mark.parametrize('cid', [None, 'my-cid'])
@pytest.mark.parametrize('failures', [0, 2, 100])
def test_from_the_start_in_the_background(failures: int, cid: str | None) -> None:
    flaky = Flaky(failures)
    answer, called = called_by(retry('invoke_async', callback=['on.other', 'on.final'], cid=cid), flaky.service())
    assert answer == (cid or answer)
    assert re.fullmatch('my-cid|[0-9a-f]{24}', answer)
    assert flaky.attempts == min(failures + 1, 3)
    assert {(call.cid, call.channel.type) for call in flaky.calls} == {(answer, 'invoke-async')}
    assert called.names == ['on.other', 'on.final']
    ok = failures < 3
    check_outcome(called.payloads('on.other')[0], ok, answer, 'answer' if ok else None)
    assert called.payloads('on.other') == called.payloads('on.final')
    [callback, _] = [callback for _, callback in called.calls]
    assert (callback.in_reply_to, callback.channel.type) == (answer, 'invoke-async-callback')


@pytest.mark.parametrize('error', ERRORS)
def test_whatever_fails_in_the_background_is_tried_again(error: BaseException) -> None:
    target = failing('target', error)
    _, called = called_by(retry('invoke_async', callback='on.other'), target)
    assert target.usage.count == 3
    assert called.payloads('on.other')[0]['exception'] is error


def test_a_timeout_around_sync_attempts_ends_them() -> None:
    flaky = Flaky(100)
    services = [service('middle', retry(minutes=60, seconds=0)), flaky.service()]
    with pytest.raises(gevent.Timeout, match='Service middle did not answer'):
        called_by(lambda self: self.invoke('middle', timeout=0.01), *services)
    assert flaky.attempts == 1


BOTH_OR_NEITHER = 'either seconds or minutes must be given: how long to wait between two attempts'
REPEATS = 'repeats must be a number above 0: how many attempts there are'


@pytest.mark.parametrize(
    ('method', 'options', 'message'),
    [
        ('invoke', {'seconds': 1, 'minutes': 1}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': 0, 'minutes': 0}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': 0}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': None}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': -1}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': 'soon'}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': float('inf')}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': 0, 'minutes': float('inf')}, BOTH_OR_NEITHER),
        ('invoke', {'seconds': float('nan')}, BOTH_OR_NEITHER),
        ('invoke', {'repeats': 0}, REPEATS),
        ('invoke', {'repeats': -1}, REPEATS),
        ('invoke', {'repeats': 1.5}, REPEATS),
        ('invoke', {'repeats': None}, REPEATS),
        ('invoke', {'callback': 'nobody'}, 'callback: there is no service nobody'),
        ('invoke', {'async_fallback': True}, 'async_fallback needs a callback'),
        ('invoke_async', {}, 'callback must name at least one service'),
        ('invoke_async', {'callback': ['on.other', 'nobody']}, 'callback: there is no service nobody'),
        ('invoke_async', {'callback': 'on.other', 'seconds': 0}, BOTH_OR_NEITHER),
        ('invoke_async', {'callback': 'on.other', 'repeats': 0}, REPEATS),
    ],
)
def test_arguments_that_do_not_fit_are_the_callers_error_and_nothing_runs(
    method: str, options: dict[str, Any], message: str
) -> None:
    flaky = Flaky(0)
    with pytest.raises(ValueError, match=f'^{message}$'):
        called_by(retry(method, **options), flaky.service())
    assert flaky.attempts == 0


def test_a_target_may_be_a_class_and_the_callback_the_caller() -> None:
    target = answering('target', 5)
    seen: list[Any] = []

    def handle(self: Service) -> None:
        if self.in_reply_to:
            seen.append(self.request.input.response)
        else:
            self.patterns.invoke_retry.invoke_async(target.cls, repeats=1, seconds=1, callback=self)

    invoker = invoker_of(service('caller', handle), target)
    invoke(invoker, 'caller')
    finish(invoker)
    assert seen == [5]
