"""What services reach through `self`: all that classic services know is there, or is one clear error."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from tests.unit.service.invoking import CHANNEL_INFO, call_of, http_message, invoker_of, run, service
from zato.common.api import CHANNEL
from zato.common.crypto import Cipher, new_key
from zato.common.exception import NotAvailable
from zato.server.service import ChannelInfo, ChannelSecurityInfo, Model, Service, dataclass
from zato.server.service.data import HTTPData, Request, Response
from zato.server.service.facade.cache import Caches
from zato.server.service.facade.crypto import Crypto
from zato.server.service.facade.patterns import patterns_of
from zato.server.service.facade.server import ServerFacade
from zato.server.service.facade.static_config import StaticConfig
from zato.server.service.facade.time import Time
from zato.server.service.facades import OPTIONAL, Facades, Member, Outgoing
from zato.server.service.simpleio.element import Secret

#: Attributes of `self` that this server may not have, and what they belong to.
LATER = {
    'amqp': 'AMQP',
    'audit_pii': 'audit of personal data',
    'cassandra_conn': 'Cassandra',
    'cloud': 'cloud connections',
    'commands': 'operating system commands',
    'definition': 'Kafka',
    'email': 'e-mail',
    'im': 'instant messaging',
    'kvdb': 'Redis',
    'odb': 'direct access to the ODB',
    'schedule': 'the scheduler',
    'search': 'search engines',
    'sms': 'SMS',
    'sso': 'single sign-on',
    'wsx': 'WebSockets',
    'zmq': 'ZeroMQ',
}

#: Attributes of `self.out`, how errors call them, and what they belong to.
OUTGOING = {
    'amqp': ('amqp', 'outgoing AMQP'),
    'ftp': ('ftp', 'FTP'),
    'hl7': ('hl7', 'outgoing HL7'),
    'ibm_mq': ('ibm_mq', 'outgoing IBM MQ'),
    'jms_wmq': ('ibm_mq', 'outgoing IBM MQ'),
    'ldap': ('ldap', 'LDAP'),
    'mongodb': ('mongodb', 'MongoDB'),
    'odoo': ('odoo', 'Odoo'),
    'redis': ('redis', 'Redis'),
    'sap': ('sap', 'SAP'),
    'sftp': ('sftp', 'SFTP'),
    'sms': ('sms', 'SMS'),
    'sql': ('sql', 'outgoing SQL'),
    'vault': ('vault', 'Vault'),
    'wmq': ('ibm_mq', 'outgoing IBM MQ'),
    'wsx': ('wsx', 'outgoing WebSockets'),
    'zmq': ('zmq', 'ZeroMQ'),
}

OF_REQUESTS = {'amqp': 'AMQP channels', 'hl7': 'HL7 channels', 'ibm_mq': 'IBM MQ channels', 'wmq': 'IBM MQ channels'}

PRESENT = (
    'cache', 'channel', 'chan', 'cid', 'config', 'crypto', 'data_format', 'environ', 'handle_return_time',
    'http_method_handlers', 'impl_name', 'in_reply_to', 'invocation_time', 'job_type', 'logger', 'name', 'out', 'outgoing',
    'patterns', 'processing_time', 'request', 'response', 'server', 'slow_threshold', 'static_config', 'time', 'transport',
    'usage', 'user_config', 'wsgi_environ',
)  # fmt: skip

METHODS = (
    'invoke', 'invoke_async', 'invoke_by_id', 'invoke_by_impl_name', 'lock', 'log_input', 'log_output', 'new_instance',
    'run_in_thread', 'sleep', 'spawn', 'translate',
)  # fmt: skip


@pytest.fixture
def facades(tmp_path: Path) -> dict[str, Callable[[Service], Any]]:
    """Those that every worker has, but for locks, which need an ODB."""
    crypto = Crypto(Cipher(new_key()))
    return {
        'cache': lambda service: Caches(),
        'crypto': lambda service: crypto,
        'patterns': patterns_of,
        'server': lambda service: ServerFacade(service, 'server1', crypto, lambda service, payload, timeout: {}),
        'static_config': lambda service: StaticConfig(tmp_path),
        'time': lambda service: Time(),
        'user_config': lambda service: {'app': {'main': {'key': 'value'}}},
    }


@pytest.fixture
def instance(facades: dict[str, Callable[[Service], Any]]) -> Service:
    """A service outside of its `handle`."""
    invoker = invoker_of(service('caller', lambda self: None), service('x', lambda self: None))
    invoker.facades = Facades(facades)
    return invoker.new_instance(call_of(invoker, 'caller'), 'x')


@pytest.mark.parametrize('name', [*PRESENT, *METHODS])
def test_what_classic_services_know_is_there(instance: Service, name: str) -> None:
    assert hasattr(instance, name)


@pytest.mark.parametrize(('name', 'what'), LATER.items())
def test_what_this_server_does_not_have_is_one_error_that_names_it_and_what_it_belongs_to(
    instance: Service, name: str, what: str
) -> None:
    with pytest.raises(NotAvailable) as info:
        getattr(instance, name)
    assert str(info.value) == f'self.{name} is not available: this server does not have {what}'
    assert (info.value.cid, info.value.status) == ('c1', 500)


@pytest.mark.parametrize('name', OUTGOING)
@pytest.mark.parametrize('out', ['out', 'outgoing'])
def test_connections_that_this_server_does_not_have_are_too(instance: Service, out: str, name: str) -> None:
    known_as, what = OUTGOING[name]
    with pytest.raises(NotAvailable) as info:
        getattr(getattr(instance, out), name)
    assert str(info.value) == f'self.out.{known_as} is not available: this server does not have {what}'


@pytest.mark.parametrize(('name', 'what'), OF_REQUESTS.items())
def test_parts_of_requests_that_come_through_what_this_server_does_not_have_are_too(name: str, what: str) -> None:
    with pytest.raises(NotAvailable) as info:
        getattr(Request('', ''), name)
    assert str(info.value) == f'self.request.{name} is not available: this server does not have {what}'


def test_translation_is_too(instance: Service) -> None:
    with pytest.raises(NotAvailable) as info:
        instance.translate('text', 'de')
    assert str(info.value) == 'self.translate is not available: this server does not have translation'


def test_what_is_no_part_of_any_server_is_an_attribute_error(instance: Service) -> None:
    for owner in (instance, instance.out, instance.request):
        with pytest.raises(AttributeError, match='nothing_of_the_kind'):
            _ = owner.nothing_of_the_kind  # type: ignore[attr-defined, union-attr]  # there is none


@pytest.mark.parametrize('name', [*LATER, 'cache', 'pubsub', 'rest', 'security', 'time'])
def test_what_comes_with_a_facade_is_there_from_then_on(name: str) -> None:
    invoker = invoker_of(service('x', lambda self: None))
    invoker.facades.put(name, lambda service: (name, service.name))
    found = invoker.new_instance(call_of(invoker, 'x'), 'x')
    assert getattr(found, name) == (name, 'x')


@pytest.mark.parametrize(
    ('name', 'known_as'),
    [
        *((name, known_as) for name, (known_as, _) in OUTGOING.items()),
        ('plain_http', 'rest'),
        ('rest', 'rest'),
        ('soap', 'soap'),
    ],
)
def test_connections_are_there_from_then_on_too(name: str, known_as: str) -> None:
    invoker = invoker_of(service('x', lambda self: None))
    invoker.facades.put(f'out.{known_as}', lambda service: service.name)
    found = invoker.new_instance(call_of(invoker, 'x'), 'x')
    assert getattr(found.out, name) == getattr(found.outgoing, name) == 'x'


def test_each_member_that_may_not_be_there_says_what_it_belongs_to() -> None:
    members = {name for name, value in vars(Service).items() if isinstance(value, Member)}
    always = {'cache', 'config', 'crypto', 'patterns', 'pubsub', 'rest', 'security', 'server', 'static_config', 'time'}
    always |= {'user_config'}
    assert members - always == set(LATER)
    outgoing = {name for name, value in vars(Outgoing).items() if isinstance(value, Member)}
    assert outgoing - {'plain_http', 'rest', 'soap'} == set(OUTGOING)
    assert {name for name in OPTIONAL if not name.startswith('out.')} - {'translate'} == set(LATER)


def test_a_member_of_the_class_itself_is_only_a_description() -> None:
    assert isinstance(Service.cache, Member)
    assert isinstance(Outgoing.rest, Member)


# What is there


def test_facades_are_what_they_are_called(instance: Service, tmp_path: Path) -> None:
    (tmp_path / 'hello.txt').write_text('world')
    assert instance.cache.default.get('none') is None
    assert instance.crypto.decrypt(instance.crypto.encrypt('a')) == 'a'
    assert instance.server.decrypt(instance.crypto.encrypt('a')) == 'a'
    assert instance.server.name == 'server1'
    assert instance.static_config['hello.txt'] == 'world'
    assert instance.user_config is not None
    assert instance.config['app'] == instance.user_config['app'] == instance.server.user_config['app']
    assert len(instance.time.now()) == len('2026-11-22T12:30:05')
    assert instance.patterns.fanout is not None


def test_a_service_knows_its_name_its_class_and_its_call() -> None:
    def handle(self: Service) -> Any:
        return {
            'name': self.name,
            'impl_name': self.impl_name,
            'logger': self.logger.name,
            'cid': self.cid,
            'in_reply_to': self.in_reply_to,
            'data_format': self.data_format,
            'transport': self.transport,
            'job_type': self.job_type,
            'environ': self.environ,
            'wsgi_environ': self.wsgi_environ,
            'usage': self.usage,
            'slow_threshold': self.slow_threshold,
            'handle_return_time': self.handle_return_time,
        }

    assert run(handle) == {
        'name': 'caller',
        'impl_name': 'tests.unit.service.invoking.caller',
        'logger': 'caller',
        'cid': 'c1',
        'in_reply_to': '',
        'data_format': 'json',
        'transport': '',
        'job_type': '',
        'environ': {},
        'wsgi_environ': {},
        'usage': 1,
        'slow_threshold': 99_999,
        'handle_return_time': None,
    }


def test_times_of_a_call_are_in_utc() -> None:
    kept: list[Service] = []
    run(lambda self: kept.append(self))
    [found] = kept
    assert found.handle_return_time is not None
    assert found.invocation_time.tzinfo is found.handle_return_time.tzinfo is UTC
    assert found.processing_time >= 0


def test_the_channel_tells_what_it_is_and_who_was_let_in() -> None:
    def handle(self: Service) -> Any:
        assert self.chan is self.channel
        return self.channel

    channel = run(handle)
    assert channel is CHANNEL_INFO
    assert (str(channel), channel.id, channel.type, channel.data_format) == ('my.channel', 7, CHANNEL.HTTP_SOAP, 'json')
    assert (channel.is_internal, channel.match_target, channel.impl) == (False, '', None)
    assert channel.sec is channel.security
    assert (channel.sec.id, channel.sec.name, channel.sec.type, channel.sec.username) == (None, '', '', '')


def test_a_security_definition_as_a_dict_has_no_objects_of_ours_in_it() -> None:
    security = ChannelSecurityInfo(id=1, name='My API', type='basic_auth', username='api', impl=object())
    info = ChannelInfo(name='x', security=security)
    assert info.sec.to_dict() == {'id': 1, 'name': 'My API', 'type': 'basic_auth', 'username': 'api'}


def test_a_request_has_its_classic_attributes() -> None:
    request = Request(b'{"a": {"b": 1}}', {'a': {'b': 1}}, http_message('POST'), {'path': 'p'}, {'query': 'q'})
    assert request.raw_request == request.text == b'{"a": {"b": 1}}'
    assert request.payload == {'a': {'b': 1}}
    assert request.input == {'a': {'b': 1}, 'query': 'q'}
    assert isinstance(request.http, HTTPData)
    assert request.http.params.path == 'p'
    assert (request.channel_params, request.merge_channel_params) == ({'query': 'q'}, True)
    assert request.to_bunch().a.b == request.bunchified().a.b == 1
    assert not Request('', '').merge_channel_params


def test_a_response_has_its_classic_attributes() -> None:
    response = Response()
    assert (response.payload, response.status_code, response.status_message) == ('', 200, '')
    assert (response.content_type, response.content_encoding, response.data_format) == ('', '', '')
    assert (response.result, response.result_details, response.headers) == ('ZATO_OK', '', {})
    response.payload = 'abc'
    assert len(response) == 3
    assert response


def test_the_input_can_require_one_of_several_elements() -> None:
    found = Request('', {'a': '', 'b': None, 'c': 0}).input
    assert found.require_any('a', 'b', 'c') == 0
    with pytest.raises(ValueError, match='One of these must be given: a, b'):
        found.require_any('a', 'b')


# Logs


@pytest.mark.parametrize(
    ('options', 'level', 'text'),
    [
        ({}, logging.INFO, "request of caller (cid: c1): {'user': 'alice', 'password': 'p4ss'}"),
        ({'level': logging.DEBUG}, logging.DEBUG, "request of caller (cid: c1): {'user': 'alice', 'password': 'p4ss'}"),
        (
            {'user_msg': 'Here is the', 'suppress_keys': ['password']},
            logging.INFO,
            "Here is the request of caller (cid: c1): {'user': 'alice', 'password': '******'}",
        ),
    ],
)
def test_input_is_logged_with_keys_masked(
    options: dict[str, Any], level: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, 'x')
    compiled = service('x', lambda self: self.log_input(**options))
    invoker = invoker_of(compiled)
    payload = {'user': 'alice', 'password': 'p4ss'}
    invoker.run(call_of(invoker, 'x'), Request(payload, payload))
    [record] = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ('x', level, text.replace('caller', 'x'))


@dataclass(init=False)
class User(Model):
    name: str
    pin: int


def user(name: str) -> User:
    return User.from_dict({'name': name, 'pin': 1234})


@pytest.mark.parametrize(
    ('payload', 'output', 'text'),
    [
        ({'name': 'a', 'pin': 1234}, None, "{'name': 'a', 'pin': '******'}"),
        ([{'pin': 1234}, {'b': ({'pin': 1234},)}], None, "[{'pin': '******'}, {'b': [{'pin': '******'}]}]"),
        ({'user': user('a')}, None, "{'user': {'name': 'a', 'pin': '******'}}"),
        (user('a'), User, "{'name': 'a', 'pin': '******'}"),
        ([user('a')], list[User], "[{'name': 'a', 'pin': '******'}]"),
        ('text', None, 'text'),
        (None, None, 'None'),
    ],
)
def test_output_is_logged_with_keys_masked_however_deep_they_are(
    payload: Any, output: Any, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(self: Service) -> None:
        self.response.payload = payload
        self.log_output('My', suppress_keys=['pin'])

    assert logged(caplog, handle, output) == [f'My response of x (cid: c1): {text}']


def test_elements_and_rows_of_the_output_are_logged_with_keys_masked(caplog: pytest.LogCaptureFixture) -> None:
    def elements(self: Service) -> None:
        self.response.payload.name = 'a'
        self.response.payload.pin = 1234
        self.log_output()
        self.log_output(suppress_keys=['pin'])

    def rows(self: Service) -> None:
        self.response.payload[:] = [{'pin': 1234}]
        self.log_output(suppress_keys=['pin'])

    before = 'response of x (cid: c1)'
    declared = ('-name', '-pin')
    assert logged(caplog, elements, declared) == [
        f"{before}: {{'name': 'a', 'pin': 1234}}",
        f"{before}: {{'name': 'a', 'pin': '******'}}",
    ]
    caplog.clear()
    assert logged(caplog, rows, declared) == [f"{before}: [{{'pin': '******'}}]"]


def test_what_is_declared_as_a_secret_is_always_masked(caplog: pytest.LogCaptureFixture) -> None:
    def handle(self: Service) -> None:
        self.log_input()
        self.log_input(suppress_keys=['name'])
        self.response.payload = {'token': 'abc', 'id': 1}
        self.log_output()

    caplog.set_level(logging.DEBUG, 'x')
    invoker = invoker_of(service('x', handle, input=('name', '-password', Secret('-pin')), output=('token', 'id')))
    invoker.facades.put('crypto', lambda service: Crypto(Cipher(new_key())))
    payload = {'name': 'a', 'password': 'p4ss', 'pin': '1234'}
    invoker.run(call_of(invoker, 'x'), Request(payload, payload))
    assert [record.getMessage().partition(': {')[2] for record in caplog.records] == [
        "'name': 'a', 'password': '******', 'pin': '******'}",
        "'name': '******', 'password': '******', 'pin': '******'}",
        "'token': '******', 'id': 1}",
    ]


def logged(caplog: pytest.LogCaptureFixture, handle: Callable[[Service], None], output: Any) -> list[str]:
    caplog.set_level(logging.DEBUG, 'x')
    invoker = invoker_of(service('x', handle, output=output))
    invoker.run(call_of(invoker, 'x'), Request('', ''))
    return [record.getMessage() for record in caplog.records]
