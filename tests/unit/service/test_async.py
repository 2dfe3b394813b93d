"""What runs in the background: `self.invoke_async` and its callbacks, `self.spawn`, and what a stop does to it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.unit.service.invoking import (
    ALICE,
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
from zato.common.exception import ServiceUnavailable
from zato.server.security.principal import Principal
from zato.server.service import Model, Service, dataclass
from zato.server.service.background import Background
from zato.server.service.compiled import CompiledService
from zato.server.service.invoker import Invoker


@dataclass(init=False)
class User(Model):
    name: str


class Listener:
    """A callback. calls: what it was invoked with, in order."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def service(self, name: str = 'callback', **attributes: Any) -> CompiledService:
        return service(name, self.calls.append, **attributes)


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno == logging.ERROR]


def told(handle: Callable[[Any], Any], *services: CompiledService) -> tuple[Any, list[Service]]:
    """What `handle` of a service `caller` returns, and with what its callback was invoked, or its implicit one."""
    listener = Listener()
    names = ('callback', 'caller-async-callback')
    invoker = invoker_of(caller_of(handle), *services, *(listener.service(name) for name in names))
    answer = invoke(invoker, 'caller')
    assert listener.calls == [], 'it returns at once'
    finish(invoker)
    return answer, listener.calls


# What a target gets


def test_a_target_runs_after_its_caller_went_on_with_a_cid_of_its_own() -> None:
    seen: list[Any] = []

    def target(self: Service) -> None:
        seen.append((self.cid, self.channel.type, self.request.payload, self.request.raw_request, self.in_reply_to))

    invoker = invoker_of(caller_of(lambda self: self.invoke_async('target', x=1)), service('target', target))
    cid = invoke(invoker, 'caller')
    assert seen == []
    finish(invoker)
    assert seen == [(cid, 'invoke-async', {'x': 1}, {'x': 1}, '')]
    assert re.fullmatch('[0-9a-f]{24}', cid)


@pytest.mark.parametrize(
    ('payload', 'options', 'seen'),
    [
        ({'a': 1}, {}, {'a': 1}),
        ({'a': 1}, {'to_json_string': True}, '{"a":1}'),
        ([1, None], {'to_json_string': True}, '[1,null]'),
        ('x', {'to_json_string': True}, '"x"'),
        (User.from_dict({'name': 'Jane'}), {'to_json_string': True}, '{"name":"Jane"}'),
        ('{"a": 1}', {'data_format': 'json'}, {'a': 1}),
        ('', {'x': 1}, {'x': 1}),
    ],
)
def test_payloads(payload: Any, options: dict[str, Any], seen: Any) -> None:
    _, calls = told(lambda self: self.invoke_async('echo', payload, callback='callback', **options), echo())
    assert [self.request.payload for self in calls] == [seen]


def test_a_payload_that_cannot_be_json_is_the_callers_error_where_a_json_string_is_asked_for() -> None:
    invoker = invoker_of(caller_of(lambda self: self.invoke_async('echo', object(), to_json_string=True)), echo())
    with pytest.raises(Exception, match='A value of type object cannot be JSON'):
        invoke(invoker, 'caller')
    assert len(invoker.background) == 0


def test_the_caller_may_say_the_cid() -> None:
    answer, calls = told(lambda self: self.invoke_async('target', cid='my-cid', callback='callback'), answering('target', 1))
    assert (answer, calls[0].in_reply_to, calls[0].request.input.cid) == ('my-cid', 'my-cid', 'my-cid')
    assert calls[0].cid != 'my-cid'


def test_what_the_caller_passes_as_environ_is_the_targets_and_its_callbacks() -> None:
    environ = {'key': 'value'}

    def target(self: Service) -> None:
        self.response.payload = self.environ is environ
        self.environ['more'] = 1

    _, calls = told(
        lambda self: self.invoke_async('target', environ=environ, callback='callback'), service('target', target)
    )
    assert calls[0].request.payload is True
    assert calls[0].environ == {'key': 'value', 'more': 1}


def test_without_an_environ_the_target_has_one_of_its_own() -> None:
    seen: list[Any] = []

    def handle(self: Service) -> None:
        self.environ['mine'] = 1
        self.invoke_async('target')

    invoker = invoker_of(service('caller', handle), service('target', lambda self: seen.append(self.environ)))
    invoke(invoker, 'caller')
    finish(invoker)
    assert seen == [{}]


def test_a_target_may_be_named_by_its_class_and_options_without_effect_are_taken() -> None:
    target = answering('target', 1)
    _, calls = told(lambda self: self.invoke_async(target.cls, '', expiration=1, zato_ctx={}, callback='callback'), target)
    assert len(calls) == 1


def test_a_service_in_the_background_runs_for_the_service_that_started_it() -> None:
    seen: dict[str, Principal] = {}

    def note(self: Any) -> None:
        seen[self.name] = self._call.principal

    def target(self: Any) -> None:
        note(self)
        self.invoke_async('again', callback='callback')

    def use(self: Service) -> None:
        self.invoke('sync')
        self.invoke_async('target')

    names = ('sync', 'again', 'callback')
    invoker = invoker_of(caller_of(use), service('target', target), *(service(name, note) for name in names))
    invoke(invoker, 'caller')
    finish(invoker)
    by_caller = Principal('service caller (called by alice)', 'admin')
    by_target = Principal('service target (called by service caller (called by alice))', 'admin')
    assert seen == {'sync': ALICE, 'target': by_caller, 'again': by_target, 'callback': by_target}


# Callbacks

NO_ERROR = {'ok': True, 'exception': None}
FORMS: list[Callable[[Any], Any]] = [
    lambda self: 'callback',
    lambda self: ['callback'],
    lambda self: ('callback',),
    lambda self: self.new_instance('callback'),
    lambda self: type(self.new_instance('callback')),
    lambda self: [type(self.new_instance('callback'))],
    lambda self: None,
    lambda self: '',
    lambda self: [],
]


@pytest.mark.parametrize('form', FORMS)
def test_a_callback_may_be_named_in_many_ways_or_be_found_by_the_callers_name(form: Callable[[Any], Any]) -> None:
    answer, calls = told(lambda self: self.invoke_async('target', callback=form(self)), answering('target', {'a': 1}))
    [call] = calls
    assert call.request.payload == {'a': 1}
    assert call.request.raw_request == {'a': 1}
    assert (call.in_reply_to, call.channel.type) == (answer, 'invoke-async-callback')
    assert call.cid not in ('c1', answer)
    assert call.name == ('callback' if form(call) else 'caller-async-callback')


def test_the_caller_itself_may_be_called_back() -> None:
    seen: list[Any] = []

    def handle(self: Service) -> None:
        if self.in_reply_to:
            seen.append((self.in_reply_to, self.request.payload, self.request.input.source))
            return
        self.response.payload = self.invoke_async('target', callback=self.request.input.make(self))

    invoker = invoker_of(service('caller', handle), answering('target', 5))
    cids = [
        invoke(invoker, 'caller', {'make': make})
        for make in (lambda self: self, lambda self: [self], lambda self: 'caller', type)
    ]
    finish(invoker)
    assert seen == [(cid, 5, 'caller') for cid in cids]


def test_several_callbacks_are_invoked_in_order_and_one_that_fails_does_not_keep_the_others_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []
    first, last = (service(name, lambda self: seen.append(self.name)) for name in ('first', 'last'))
    error = ValueError('no')
    invoker = invoker_of(
        caller_of(lambda self: self.invoke_async('target', callback=['first', 'bad', last.cls])),
        answering('target', 1),
        failing('bad', error),
        first,
        last,
    )
    cid = invoke(invoker, 'caller')
    finish(invoker)
    assert seen == ['first', 'last']
    [record] = errors(caplog)
    assert record.getMessage() == f'Callback bad of service target failed (cid: {cid})'
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert record.__dict__['cid'] == cid


def test_a_callback_is_told_what_became_of_the_call() -> None:
    answer, calls = told(lambda self: self.invoke_async('target', callback='callback'), answering('target', [1]))
    found = dict(calls[0].request.input)
    times = [datetime.fromisoformat(found.pop(key)) for key in ('req_ts_utc', 'resp_ts_utc')]
    assert times == sorted(times)
    assert all(time.tzinfo is None for time in times)
    assert found == NO_ERROR | {'response': [1], 'source': 'caller', 'target': 'target', 'cid': answer}


def test_the_keys_of_a_response_are_elements_of_the_callbacks_input_unless_it_is_told_these_already() -> None:
    response = {'name': 'Jane', 'ok': 'mine', 'cid': 'mine', 7: 8}
    answer, calls = told(lambda self: self.invoke_async('target', callback='callback'), answering('target', response))
    found = calls[0].request.input
    assert (found.name, found.ok, found.cid, found[7], found.response) == ('Jane', True, answer, 8, response)
    assert calls[0].request.payload is response


@pytest.mark.parametrize('declaration', ['declared', 'model'])
def test_a_callback_may_declare_its_input(declaration: str) -> None:
    inputs: dict[str, Any] = {'declared': ('name', '-nothing', 'ok', 'target'), 'model': User}
    listener = Listener()
    invoker = invoker_of(
        caller_of(lambda self: self.invoke_async('target', callback='callback')),
        answering('target', {'name': 'Jane'}),
        listener.service(input=inputs[declaration]),
    )
    invoke(invoker, 'caller')
    finish(invoker)
    [call] = listener.calls
    assert call.request.input.name == 'Jane'
    if declaration == 'declared':
        assert call.request.input == {'name': 'Jane', 'nothing': '', 'ok': 'True', 'target': 'target'}


def test_a_model_reaches_its_callback_as_it_is() -> None:
    user = User.from_dict({'name': 'Jane'})
    _, calls = told(lambda self: self.invoke_async('target', callback='callback'), answering('target', user))
    assert calls[0].request.payload is user
    assert calls[0].request.input.response is user


FAILURES = [ValueError('no'), SystemExit(3), KeyboardInterrupt(), gevent.Timeout(5)]


@pytest.mark.parametrize('error', [*FAILURES, gevent.GreenletExit()])
def test_what_fails_is_logged_with_its_name_and_cid_and_told_to_its_callback_and_nobody_else(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    answer, calls = told(lambda self: self.invoke_async('target', callback='callback'), failing('target', error))
    [record] = errors(caplog)
    assert record.getMessage() == f'Service target failed in the background (cid: {answer})'
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert (record.__dict__['action'], record.__dict__['cid']) == ('service.failed', answer)
    assert capfd.readouterr().err == ''
    [call] = calls
    assert call.request.payload is None
    assert (call.request.input.ok, call.request.input.exception, call.request.input.response) == (False, error, None)
    assert str(dict(call.request.input))


def test_a_target_whose_input_is_wrong_fails_too(caplog: pytest.LogCaptureFixture) -> None:
    _, calls = told(
        lambda self: self.invoke_async('target', {}, callback='callback'), service('target', lambda self: None, input='name')
    )
    assert str(calls[0].request.input.exception) == 'Element missing: name'
    assert len(errors(caplog)) == 1


@pytest.mark.parametrize('callback', ['nobody', ['callback', 'nobody']])
def test_a_callback_that_does_not_exist_is_the_callers_error_and_nothing_runs(callback: Any) -> None:
    seen: list[Any] = []
    invoker = invoker_of(
        caller_of(lambda self: self.invoke_async('target', callback=callback)),
        service('target', seen.append),
        service('callback', seen.append),
    )
    with pytest.raises(ValueError, match='callback: there is no service nobody'):
        invoke(invoker, 'caller')
    finish(invoker)
    assert seen == []


def test_a_callback_that_is_gone_by_then_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    invoker = invoker_of(
        caller_of(lambda self: self.invoke_async('target', callback='echo')), answering('target', 1), echo()
    )
    cid = invoke(invoker, 'caller')
    invoker.store.set_active('echo', is_active=False)
    finish(invoker)
    [record] = errors(caplog)
    assert record.getMessage() == f'Callback echo of service target failed (cid: {cid})'


def test_patterns_have_invoke_async_too() -> None:
    listener = Listener()

    def handle(self: Service) -> None:
        if self.in_reply_to:
            listener.calls.append(self)
            return
        self.response.payload = [
            self.patterns.invoke_async('echo', {'a': 1}, callback='callback'),
            self.patterns.invoke_async('echo', callback=self, b=2),
        ]

    invoker = invoker_of(service('caller', handle), listener.service(), echo())
    cids = invoke(invoker, 'caller')
    finish(invoker)
    assert [(call.in_reply_to, call.request.payload) for call in listener.calls] == [
        (cids[0], {'a': 1}),
        (cids[1], {'b': 2}),
    ]


# spawn


def test_spawn_runs_a_function_in_the_background_and_gives_its_result() -> None:
    def use(self: Service) -> Any:
        greenlets = [self.spawn(lambda a, b: a + b, 1, b=2), self.run_in_thread(str, 5)]
        return [greenlet.get(timeout=PATIENCE) for greenlet in greenlets]

    invoker = invoker_of(caller_of(use))
    assert invoke(invoker, 'caller') == [3, '5']
    finish(invoker)


@pytest.mark.parametrize('method', ['spawn', 'run_in_thread'])
@pytest.mark.parametrize('error', FAILURES)
def test_what_a_spawned_function_raises_is_logged_with_the_services_cid(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], method: str, error: BaseException
) -> None:
    def fail(*_: Any) -> None:
        raise error

    invoker = invoker_of(caller_of(lambda self: getattr(self, method)(fail, 1).name))
    invoke(invoker, 'caller')
    finish(invoker)
    [record] = errors(caplog)
    assert re.fullmatch(r'<function .*fail at 0x[0-9a-f]+> of service caller failed \(cid: c1\)', record.getMessage())
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize('error', FAILURES)
def test_who_asks_for_the_result_of_a_spawned_function_that_fails_gets_its_exception(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def fail() -> None:
        raise error

    def use(self: Service) -> Any:
        greenlet = self.spawn(fail)
        caught: list[BaseException] = []
        for ask in (greenlet.get, lambda: gevent.joinall([greenlet], raise_error=True), greenlet.get):
            try:
                ask()
            except BaseException as e:
                caught.append(e)
        return caught, greenlet.exception, greenlet.successful(), greenlet.value

    invoker = invoker_of(caller_of(use))
    assert invoke(invoker, 'caller') == ([error] * 3, error, False, None)
    finish(invoker)
    assert len(errors(caplog)) == 1
    assert capfd.readouterr().err == ''


def test_a_spawned_function_that_is_killed_has_not_failed(caplog: pytest.LogCaptureFixture) -> None:
    def use(self: Service) -> Any:
        greenlet = self.spawn(self.sleep, PATIENCE)
        self.sleep(0)
        greenlet.kill()
        return greenlet.successful(), type(greenlet.get())

    invoker = invoker_of(caller_of(use))
    assert invoke(invoker, 'caller') == (True, gevent.GreenletExit)
    assert errors(caplog) == []


def test_a_spawned_function_may_use_the_service_after_it_has_ended() -> None:
    seen: list[Any] = []
    invoker = invoker_of(caller_of(lambda self: self.spawn(lambda: seen.append(self.invoke('echo', 1))).dead), echo())
    assert invoke(invoker, 'caller') is False
    finish(invoker)
    assert seen == [1]
    assert invoker.running == set()


# How much there may be


def test_the_background_is_bounded_and_what_is_too_much_is_refused_to_the_caller() -> None:
    background = Background(most=3)
    go_on = Event()
    seen: list[int] = []

    def work(number: int) -> None:
        go_on.wait(PATIENCE)
        seen.append(number)

    greenlets = [background.spawn('work', 'c1', work, number) for number in range(3)]
    with pytest.raises(ServiceUnavailable, match='3 calls are running in the background already; there may be 3'):
        background.start(work, 4)
    assert len(background) == 3
    go_on.set()
    gevent.joinall(greenlets, timeout=PATIENCE, raise_error=True)
    assert len(background) == 0
    background.start(work, 5).join(PATIENCE)
    assert seen == [0, 1, 2, 5]


def test_a_service_that_starts_too_many_others_is_told() -> None:
    invoker = invoker_of(caller_of(lambda self: [self.invoke_async('echo') for _ in range(3)]), echo())
    invoker.background = Background(most=2)
    with pytest.raises(ServiceUnavailable, match='2 calls are running in the background already; there may be 2'):
        invoke(invoker, 'caller')
    finish(invoker)


def test_what_was_killed_before_it_began_does_not_count_any_more() -> None:
    background = Background(most=1)
    seen: list[int] = []
    background.start(seen.append, 1).kill()
    assert background.join(PATIENCE)
    background.start(seen.append, 2).join(PATIENCE)
    assert seen == [2]
    assert len(background) == 0


# A stop


def waiting(go_on: Event, then: Callable[[Any], Any] = lambda self: None) -> CompiledService:
    def handle(self: Service) -> None:
        assert go_on.wait(PATIENCE)
        self.response.payload = then(self)

    return service('target', handle)


def test_a_stop_waits_for_what_runs_and_for_what_that_starts_in_turn() -> None:
    go_on, seen = Event(), list[Any]()
    invoker = invoker_of(
        caller_of(lambda self: self.invoke_async('target', callback='callback')),
        waiting(go_on, lambda self: self.invoke_async('later')),
        service('later', lambda self: (self.sleep(0), self.invoke_async('last'))),
        service('last', lambda self: (self.sleep(0), seen.append('last'))),
        service('callback', lambda self: (self.sleep(0), seen.append('callback'))),
    )
    invoke(invoker, 'caller')
    gevent.get_hub().loop.run_callback(go_on.set)
    assert invoker.finish(PATIENCE) == []
    assert sorted(seen) == ['callback', 'last']


def test_a_stop_cuts_off_what_does_not_end_in_time_and_names_it(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    def handle(self: Service) -> None:
        try:
            self.sleep(PATIENCE)
        finally:
            ended.append(self.cid)

    listener = Listener()
    invoker = invoker_of(
        caller_of(lambda self: self.invoke_async('target', callback='callback')),
        service('target', handle),
        listener.service(),
    )
    cid = invoke(invoker, 'caller')
    assert [(call.service.name, call.cid) for call in invoker.finish(timeout=0.001)] == [('target', cid)]
    invoker.kill()
    finish(invoker)
    assert ended == [cid]
    assert listener.calls == [], 'nothing is invoked by what is cut off'
    assert errors(caplog) == []


def test_a_stop_ends_what_was_spawned_too() -> None:
    ended: list[bool] = []

    def work() -> None:
        try:
            gevent.sleep(PATIENCE)
        finally:
            ended.append(True)

    invoker = invoker_of(caller_of(lambda self: self.spawn(work).dead))
    invoke(invoker, 'caller')
    invoker.finish(timeout=0.001)
    invoker.kill()
    finish(invoker)
    assert ended == [True]


def test_what_has_not_begun_is_named_too_by_a_stop_that_has_no_time_left() -> None:
    go_on = Event()
    invoker = invoker_of(caller_of(lambda self: self.invoke_async('target')), waiting(go_on))
    cid = invoke(invoker, 'caller')
    assert [(call.service.name, call.cid) for call in invoker.finish(timeout=0)] == [('target', cid)]
    go_on.set()
    finish(invoker)


def retrying(method: str) -> Invoker:
    """A caller whose target fails, after which it pauses for long; the target's first attempt is over."""

    def use(self: Service) -> Any:
        return getattr(self.patterns.invoke_retry, method)('target', repeats=3, minutes=60, callback='callback')

    invoker = invoker_of(caller_of(use), failing('target', ValueError('no')), answering('callback', 1))
    started = invoker.background.start(lambda: invoke(invoker, 'caller'))
    if method == 'invoke_async':
        started.join(PATIENCE)
    while not invoker.store.get('target').usage.count:  # type: ignore[union-attr]  # it is there
        gevent.sleep(0)
    return invoker


def test_a_retry_that_pauses_in_the_background_ends_at_once_on_a_stop_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    invoker = retrying('invoke_async')
    assert invoker.finish(PATIENCE) == []
    assert len(invoker.background) == 0
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(messages) == 2
    assert messages[0].startswith('Attempt 1 of 3 to invoke service target failed (cid: ')
    assert re.fullmatch(r'The server stops; service target is not invoked again \(cid: [0-9a-f]{24}\)', messages[1])


def test_a_retry_that_pauses_within_a_request_ends_as_soon_as_the_worker_stops() -> None:
    caught: list[BaseException] = []

    def use(self: Service) -> None:
        try:
            self.patterns.invoke_retry.invoke('target', repeats=3, minutes=60)
        except Exception as e:
            caught.append(e)

    error = ValueError('no')
    invoker = invoker_of(caller_of(use), failing('target', error))
    request = gevent.spawn(invoke, invoker, 'caller')
    while not invoker.store.get('target').usage.count:  # type: ignore[union-attr]  # it is there
        gevent.sleep(0)
    invoker.end_pauses()
    request.get(timeout=PATIENCE)
    assert str(caught[0]) == 'The server stops; service target was not invoked again'
    assert isinstance(caught[0], ServiceUnavailable)
    assert caught[0].__cause__ is error


def test_a_callback_gets_what_json_makes_of_a_response_only_if_it_asks_for_it() -> None:
    _, calls = told(lambda self: self.invoke_async('echo', {'a': (1,)}, to_json_string=True, callback='callback'), echo())
    assert json.loads(calls[0].request.payload) == {'a': [1]}
