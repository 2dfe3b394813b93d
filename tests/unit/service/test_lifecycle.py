"""The order in which a service's methods are called, what of their exceptions is logged, and what goes to the caller."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.unit.service.invoking import ALICE, PATIENCE, call_of, invoker_of, run, service
from zato.common.alarm import Alarms
from zato.common.api import CHANNEL
from zato.common.exception import BadRequest, DeploymentError, ElementMissing, Forbidden
from zato.server.channel.channel import Channel
from zato.server.channel.format.registry import data_format
from zato.server.channel.pipeline import Pipeline
from zato.server.channel.routes import Routes
from zato.server.deploy.applier import Applier
from zato.server.deploy.loader import ModuleLoader, Source, compile_services
from zato.server.deploy.versions import ModuleVersion, Snapshot
from zato.server.http.message import Request as HTTPMessage
from zato.server.http.message import Response as HTTPResponse
from zato.server.service import Int, Service
from zato.server.service.call import Call
from zato.server.service.channel_info import ChannelInfo, channel_of_type
from zato.server.service.compiled import CompiledService, CompileOptions, compile_service
from zato.server.service.data import Request, Response
from zato.server.service.store import ServiceStore

JOBS = ('one_time', 'interval_based', 'cron_style')
HOOKS = (
    'before_handle',
    'after_handle',
    'finalize_handle',
    'before_job',
    'after_job',
    *(f'{when}_{job}_job' for when in ('before', 'after') for job in JOBS),
)
METHODS = ('accept', 'validate_input', 'handle', 'validate_output', *HOOKS)
AROUND = ['accept', 'before_handle', 'validate_input', 'handle', 'validate_output', 'after_handle', 'finalize_handle']


def recorder(failing: Mapping[str, BaseException] | None = None, **attributes: Any) -> tuple[CompiledService, list[str]]:
    """A service that has all methods, and the names of those that have been called. failing: what some of them raise."""
    called: list[str] = []

    def method(name: str) -> Any:
        def call(self: Service) -> Any:
            called.append(name)
            if failing and name in failing:
                raise failing[name]
            return True

        return call

    return service('x', **{**{name: method(name) for name in METHODS}, **attributes}), called


def respond(
    compiled: CompiledService, payload: Any = '', channel: ChannelInfo | None = None, job_type: str = ''
) -> Response:
    invoker = invoker_of(compiled)
    call = call_of(invoker, compiled.name)
    if channel is not None:
        call = Call(compiled, 'c1', channel, None, None, ALICE)
    call.job_type = job_type
    response = invoker.run(call, Request(payload, payload))
    assert invoker.running == set()
    return response


# Order


def test_the_methods_around_handle_are_called_in_their_order() -> None:
    compiled, called = recorder()
    respond(compiled)
    assert called == AROUND


@pytest.mark.parametrize('job_type', JOBS)
def test_those_of_jobs_are_called_too_where_the_scheduler_invokes(job_type: str) -> None:
    compiled, called = recorder()
    respond(compiled, channel=channel_of_type(CHANNEL.SCHEDULER), job_type=job_type)
    assert called == [
        'accept',
        'before_job',
        f'before_{job_type}_job',
        'before_handle',
        'validate_input',
        'handle',
        'validate_output',
        'after_handle',
        'after_job',
        f'after_{job_type}_job',
        'finalize_handle',
    ]


def test_a_job_of_unknown_type_has_the_hooks_of_all_jobs_only() -> None:
    compiled, called = recorder()
    respond(compiled, channel=channel_of_type(CHANNEL.SCHEDULER))
    assert [name for name in called if 'job' in name] == ['before_job', 'after_job']


@pytest.mark.parametrize('verb', ['GET', 'POST'])
def test_a_method_for_a_verb_takes_the_place_of_handle(verb: str) -> None:
    compiled, called = recorder(**{f'handle_{verb}': lambda self: called.append(self.request.http.method)})
    invoker = invoker_of(compiled)
    message = HTTPMessage(verb.encode(), b'/', b'', b'HTTP/1.1', {}, '')
    invoker.run(call_of(invoker, 'x', message), Request(b'', None, message))
    assert called == [verb if name == 'handle' else name for name in AROUND]


def test_a_service_without_hooks_has_none_called_for_it() -> None:
    assert service('x', lambda self: None).lifecycle is None
    assert recorder()[0].lifecycle is not None


def test_hooks_of_a_base_class_are_the_services_too() -> None:
    class Base(Service):
        def before_handle(self) -> None:
            self.environ['seen'] = ['base']

    class Derived(Base):
        def before_handle(self) -> None:
            super().before_handle()
            self.environ['seen'].append('derived')

        def handle(self) -> None:
            self.response.payload = self.environ['seen']

    assert respond(compile_service(Derived)).payload == ['base', 'derived']


def test_without_call_hooks_only_accept_and_the_validators_are_called() -> None:
    compiled, called = recorder(call_hooks=False)
    respond(compiled, channel=channel_of_type(CHANNEL.SCHEDULER), job_type='one_time')
    assert called == ['accept', 'validate_input', 'handle', 'validate_output']


def test_hooks_see_the_input_and_the_response_and_share_the_environ() -> None:
    seen: list[Any] = []

    class MyService(Service):
        class SimpleIO:
            input = Int('a')
            output = 'b'

        def before_handle(self) -> None:
            seen.append(self.request.input.a)
            self.environ['factor'] = 3

        def handle(self) -> None:
            self.response.payload.b = self.request.input.a * self.environ['factor']

        def finalize_handle(self) -> None:
            seen.append(self.response.payload.b)

    response = respond(compile_service(MyService), {'a': '5'})
    assert response.payload == {'response': {'b': '15'}}
    assert seen == [5, 15], 'what was set, before it is converted'


# Exceptions


@pytest.mark.parametrize('hook', HOOKS)
def test_what_a_hook_raises_is_logged_and_the_call_goes_on(hook: str, caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError('hook')
    compiled, called = recorder({hook: error})
    others, expected = recorder()
    job_type = next((job for job in JOBS if job in hook), 'one_time')
    scheduler = channel_of_type(CHANNEL.SCHEDULER)
    respond(others, channel=scheduler, job_type=job_type)
    respond(compiled, channel=scheduler, job_type=job_type)
    assert hook in called
    assert called == expected
    [record] = caplog.records
    assert (record.getMessage(), record.levelno) == (f'{hook} of service x failed (cid: c1)', logging.ERROR)
    assert record.exc_info
    assert record.exc_info[1] is error
    assert record.__dict__['action'] == 'service.hook.failed'


@pytest.mark.parametrize(
    ('method', 'expected'),
    [
        ('accept', ['accept', 'finalize_handle']),
        ('validate_input', ['accept', 'before_handle', 'validate_input', 'finalize_handle']),
        ('handle', ['accept', 'before_handle', 'validate_input', 'handle', 'finalize_handle']),
        ('validate_output', [*AROUND[:5], 'finalize_handle']),
    ],
)
@pytest.mark.parametrize('error', [Forbidden('c1', 'no'), ValueError('no'), SystemExit(1)])
def test_what_a_validator_or_handle_raises_goes_to_the_caller_and_only_finalize_handle_is_still_called(
    method: str, expected: list[str], error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    compiled, called = recorder({method: error})
    with pytest.raises(type(error)) as info:
        respond(compiled)
    assert info.value is error
    assert called == expected
    assert caplog.records == []


def test_no_hook_of_a_job_is_called_after_a_failure() -> None:
    compiled, called = recorder({'handle': ValueError()})
    with pytest.raises(ValueError):  # noqa: PT011  # it has no text
        respond(compiled, channel=channel_of_type(CHANNEL.SCHEDULER), job_type='one_time')
    assert [name for name in called if 'job' in name] == ['before_job', 'before_one_time_job']


def test_finalize_handle_is_called_even_if_the_call_is_interrupted() -> None:
    called: list[str] = []
    started = Event()

    def handle(self: Service) -> None:
        started.set()
        self.sleep(PATIENCE)

    compiled = service('x', handle, finalize_handle=lambda self: called.append('finalize'))
    greenlet = gevent.spawn(respond, compiled)
    assert started.wait(PATIENCE)
    greenlet.kill()
    assert isinstance(greenlet.value, gevent.GreenletExit)
    assert called == ['finalize']


def test_a_timeout_that_strikes_in_a_hook_ends_the_call() -> None:
    compiled, called = recorder({'before_handle': gevent.Timeout(5)})
    with pytest.raises(gevent.Timeout):
        respond(compiled)
    assert called == ['accept', 'before_handle', 'finalize_handle']


def test_nothing_is_called_where_the_input_is_not_what_is_declared() -> None:
    compiled, called = recorder(input='a')
    with pytest.raises(ElementMissing):
        respond(compiled, {})
    assert called == []


# accept


@pytest.mark.parametrize('answer', [False, None, 0])
@pytest.mark.parametrize(
    'attributes',
    [
        {},
        {'output': 'a'},
        {'SimpleIO': type('SimpleIO', (), {'output_required': 'a'})},
        {'SimpleIO': type('SimpleIO', (), {'output_optional': 'a'})},
    ],
)
def test_a_service_that_does_not_accept_answers_400_and_nothing_else(answer: Any, attributes: dict[str, Any]) -> None:
    compiled, called = recorder(accept=lambda self: answer, **attributes)
    response = respond(compiled)
    assert (response.status_code, response.payload) == (400, '')
    assert called == ['finalize_handle']


def test_over_http_its_body_is_empty() -> None:
    compiled = service('x', lambda self: None, accept=lambda self: False, output='a')
    answer = over_http(compiled, b'{}')
    assert (answer.status, answer.body) == (400, b'')


def test_what_is_declared_is_read_before_a_service_may_accept() -> None:
    compiled = service(
        'x',
        lambda self: setattr(self.response, 'payload', 'yes'),
        input='a',
        accept=lambda self: self.request.input.a == '1',
    )
    assert respond(compiled, {'a': 1}).payload == 'yes'
    assert respond(compiled, {'a': 2}).status_code == 400


def test_a_caller_of_a_service_that_does_not_accept_gets_an_empty_text() -> None:
    target = service('target', lambda self: None, accept=lambda self: False, output='a')
    assert run(lambda self: self.invoke('target'), target) == ''


def over_http(compiled: CompiledService, body: bytes) -> HTTPResponse:
    routes = Routes()
    routes.add(Channel(name='x', path='/', resolve=lambda params, cid: compiled, format=data_format('json')))
    request = HTTPMessage(b'POST', b'/', b'', b'HTTP/1.1', {}, '127.0.0.1')
    request.body = body
    return Pipeline(routes, invoker_of(compiled), str).respond(request)


# JSON Schema

SCHEMA = {
    'type': 'object',
    'required': ['name'],
    'properties': {
        'name': {'type': 'string'},
        'age': {'type': 'integer', 'minimum': 0, 'default': 18},
        'tags': {'type': 'array', 'items': {'type': 'string'}},
    },
}


def echo_with(schema: Any, directory: Path | None = None) -> CompiledService:
    def handle(self: Service) -> None:
        self.response.payload = self.request.payload

    cls = type('MyService', (Service,), {'handle': handle, 'schema': schema})
    return compile_service(cls, options=CompileOptions(schemas=directory))


@pytest.fixture(params=['dict', 'relative', 'absolute', 'path'])
def schema(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The schema in each way that a service may name it."""
    path = tmp_path / 'my' / 'schema.json'
    path.parent.mkdir()
    path.write_text(json.dumps(SCHEMA))
    return {'dict': SCHEMA, 'relative': 'my/schema.json', 'absolute': str(path), 'path': path}[request.param]


def test_a_schema_is_a_dict_or_a_file_and_lets_through_what_is_valid(schema: Any, tmp_path: Path) -> None:
    compiled = echo_with(schema, tmp_path)
    payload = {'name': 'alice', 'other': 1}
    assert respond(compiled, payload).payload is payload
    assert payload == {'name': 'alice', 'other': 1}, 'defaults are not put into what a caller has'


@pytest.mark.parametrize(
    ('payload', 'error'),
    [
        ({}, "input must contain ['name'] properties"),
        ({'name': 5}, 'name must be string'),
        ({'name': 'a', 'age': -1}, 'age must be bigger than or equal to 0'),
        ({'name': 'a', 'tags': ['a', 5]}, 'tags[1] must be string'),
        ([], 'input must be object'),
        (None, 'input must be object'),
        (b'{"name": "a"}', 'input must be object'),
    ],
)
def test_what_is_not_valid_is_the_clients_mistake_and_says_why(payload: Any, error: str) -> None:
    with pytest.raises(BadRequest) as info:
        respond(echo_with(SCHEMA), payload)
    assert str(info.value) == error
    assert (info.value.status, info.value.needs_msg, info.value.cid) == (400, True, 'c1')


def test_over_http_the_client_is_told_too() -> None:
    answer = over_http(echo_with(SCHEMA), b'{"name": 5}')
    assert answer.status == 400
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)['details'] == 'name must be string'


def test_the_schema_comes_after_accept_and_before_all_hooks_but_the_last() -> None:
    compiled, called = recorder(schema=SCHEMA)
    with pytest.raises(BadRequest):
        respond(compiled, {})
    assert called == ['accept', 'finalize_handle']
    respond(compiled, {'name': 'a'})
    assert called[2:] == AROUND


def test_a_schema_goes_together_with_declared_input() -> None:
    compiled = service('x', lambda self: setattr(self.response, 'payload', self.request.input), schema=SCHEMA, input='-name')
    assert respond(compiled, {'name': 'a'}).payload == {'name': 'a'}
    with pytest.raises(BadRequest, match='name must be string'):
        respond(compiled, {'name': 5})


@pytest.mark.parametrize(
    ('schema', 'text', 'error'),
    [
        ('missing.json', None, r'^Class MyService: JSON Schema .*missing\.json cannot be read: .*No such file'),
        ('broken.json', '{', r'^Class MyService: JSON Schema .*broken\.json cannot be read: '),
        ('wrong.json', '{"type": "nothing"}', r'^Class MyService: its JSON Schema is not valid: '),
        ({'type': 'nothing'}, None, r'^Class MyService: its JSON Schema is not valid: '),
        (5, None, r'^Class MyService: its JSON Schema is not valid: '),
    ],
)
def test_a_service_whose_schema_cannot_be_used_is_not_deployed(
    schema: Any, text: str | None, error: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / schema).write_text(text)
    with pytest.raises(DeploymentError, match=error):
        echo_with(schema, tmp_path)


@pytest.mark.parametrize('schema', [None, '', {}])
def test_an_empty_schema_is_none(schema: Any) -> None:
    assert echo_with(schema).lifecycle is None


# Deployment

DEPLOYED = """
from zato.server.service import Service

class Accepted(Service):
    name = 'accepted'
    added = []

    @classmethod
    def before_add_to_store(cls, logger):
        cls.added.append(('before', cls.name, logger.name))
        return True

    @staticmethod
    def after_add_to_store(logger):
        Accepted.added.append(('after', logger.name))

    def handle(self):
        self.response.payload = self.added

class Refused(Accepted):
    name = 'refused'

    @classmethod
    def before_add_to_store(cls, logger):
        return False

class Forgetful(Refused):
    name = 'forgetful'

    @classmethod
    def before_add_to_store(cls, logger):
        pass

class Broken(Refused):
    name = 'broken'

    @classmethod
    def before_add_to_store(cls, logger):
        raise ValueError('not today')

class BrokenLater(Service):
    name = 'broken.later'

    @staticmethod
    def after_add_to_store(logger):
        raise ValueError('too late')

    def handle(self):
        pass
"""


class OneModule:
    """A store of modules that has one, at a file."""

    def __init__(self, path: Path) -> None:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self._texts = {sha256: path}
        version = ModuleVersion(
            module=path.stem, path=str(path), server='', sha256=sha256, services=(), imports=(), number=1, revision=1
        )
        self._snapshot = Snapshot(revision=1, modules={path.stem: version})

    def read(self) -> Snapshot:
        return self._snapshot

    def texts_of(self, wanted: Any) -> dict[str, Path]:
        return self._texts


@pytest.fixture
def loader() -> Iterator[ModuleLoader]:
    created = ModuleLoader()
    created.install()
    yield created
    created.uninstall()
    sys.modules.pop('my_module', None)


def test_a_class_that_does_not_want_to_be_deployed_is_not_and_the_log_says_why(
    loader: ModuleLoader, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source('my_module', '/s/my_module.py', DEPLOYED.encode())
    module = loader.load([source])['my_module']
    found = compile_services(module, 'my_module', '/s/my_module.py')
    assert sorted(found) == ['accepted', 'broken.later']
    assert module.Accepted.added == [('before', 'accepted', 'accepted')]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ('WARNING', 'Service refused is not deployed: its before_add_to_store returned False, not True'),
        ('WARNING', 'Service forgetful is not deployed: its before_add_to_store returned None, not True'),
        ('ERROR', 'Service broken is not deployed: its before_add_to_store failed'),
    ]


def test_after_add_to_store_is_called_once_the_service_can_be_invoked_and_its_failure_is_logged_only(
    loader: ModuleLoader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / 'my_module.py'
    path.write_text(DEPLOYED)
    services = ServiceStore()
    store: Any = OneModule(path)
    applier = Applier(store, services, loader, Alarms(), limit=30)
    assert applier.apply() == {}
    compiled = services.get('accepted')
    assert compiled is not None
    assert respond(compiled).payload == [('before', 'accepted', 'accepted'), ('after', 'accepted')]
    assert services.get('broken.later') is not None
    assert services.get('refused') is None
    [record] = [record for record in caplog.records if 'after_add_to_store' in record.getMessage()]
    assert record.getMessage() == 'after_add_to_store of service broken.later failed'


def test_a_wrong_declaration_tells_the_file_and_a_line(loader: ModuleLoader) -> None:
    text = DEPLOYED + '\nclass Wrong(Service):\n    input = 5\n    def handle(self):\n        pass\n'
    module = loader.load([Source('my_module', '/s/my_module.py', text.encode())])['my_module']
    with pytest.raises(DeploymentError) as info:
        compile_services(module, 'my_module', '/s/my_module.py')
    line = text.splitlines().index('    input = 5') + 2
    assert str(info.value) == f'/s/my_module.py:{line}: Class Wrong: input must be names, elements or a model, not 5'
