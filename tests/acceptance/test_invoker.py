"""Calls with a text, as the dashboard's invoker makes them: what services get of it, and what of their answers is shown."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.admin import invoke, pids
from tests.support.environment import Environment, eventually
from zato.cli.component import client_of
from zato.common.exception import ZatoException

SERVICES = """
import json
from dataclasses import dataclass
from zato.common.exception import Forbidden, ServiceUnavailable, Unauthorized
from zato.server.service import Int, Model, Service

class Look(Service):
    def handle(self):
        request = self.request
        self.response.payload = json.dumps({
            'raw': request.raw_request, 'type': type(request.raw_request).__name__, 'payload': repr(request.payload),
            'input': dict(request.input), 'data_format': self.data_format, 'transport': self.transport,
            'channel': self.channel.type, 'method': request.http.method, 'headers': request.http.headers, 'cid': self.cid,
        })

class Add(Service):
    input = Int('a'), Int('b')
    output = Int('sum')
    def handle(self):
        self.response.payload.sum = self.request.input.a + self.request.input.b

@dataclass(init=False)
class Customer(Model):
    name: str
    tags: list

class Greet(Service):
    input = Customer
    def handle(self):
        self.response.payload = f'{self.request.input.name}: {len(self.request.input.tags)}'

class Optional(Service):
    input = '-x'
    def handle(self):
        self.response.payload = [self.request.raw_request, self.request.input.x]

class Answer(Service):
    def handle(self):
        kind = self.request.raw_request
        self.response.status_code = 201
        self.response.headers['X-Mine'] = 'yes'
        if kind == 'typed':
            self.response.content_type = 'text/csv'
        self.response.payload = {
            'text': 'pläin', 'bytes': b'\\x00\\xff', 'utf-8': 'ä'.encode(), 'list': [1], 'none': None, 'dict': {'a': 1},
            'typed': 'a,b', 'stream': (f'{i};' for i in range(3)), 'long': ('x' * 1_000_000 for _ in range(99)),
            'large': b'x' * 10_000_001, 'exact': b'x' * 10_000_000, 'wide': 'x' + 'ä' * 5_000_000,
        }[kind]

class Fail(Service):
    def handle(self):
        self.response.headers['X-Mine'] = 'yes'
        raise {
            'value': ValueError('it is broken'), 'forbidden': Forbidden(self.cid, 'not you'),
            'unauthorized': Unauthorized(self.cid, 'who are you?'), 'away': ServiceUnavailable(self.cid, 'come back later'),
        }[self.request.raw_request]

class Verbs(Service):
    def handle_GET(self):
        self.response.payload = 'got'
    def handle_POST(self):
        self.response.payload = 'posted'

class Sleep(Service):
    def handle(self):
        self.logger.info('Slept on %r of %s', self.request.raw_request, self.request.input)
        self.sleep(600)
"""


@pytest.fixture(scope='module')
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp('invoker') / 'qs-1', workers=2)
    try:
        environment.save('raw.py', SERVICES)
        environment.start()
        yield environment
    finally:
        environment.close()


def call(environment: Environment, service: str, text: str = '', role: str = '', **options: Any) -> Any:
    """role: of user jane, who asks; '' for admin.invoke itself."""
    client = client_of(environment.server)
    if role:
        client = replace(client, user='jane', role=role)
    return client.call(service, raw_payload=b64encode(text.encode()).decode(), **options).payload


def body_of(environment: Environment, service: str, text: str = '', **options: Any) -> Any:
    """Of an answer that went well, parsed."""
    answer = call(environment, service, text, **options)
    assert answer['is_ok'], answer
    return json.loads(answer['body'])


def refused(environment: Environment, service: str, text: str = '', **options: Any) -> str:
    with pytest.raises(ZatoException) as raised:
        call(environment, service, text, **options)
    return raised.value.msg


@pytest.mark.parametrize('text', ['', 'just text ä', '{"a": ', '<a/>', 'null', '"x"', '[1, 2]', '  \n'])
def test_without_a_data_format_a_text_is_not_parsed_and_comes_as_str(api: Environment, text: str) -> None:
    seen = body_of(api, 'raw.look', text)
    assert (seen['raw'], seen['type'], seen['payload']) == (text, 'str', repr(text or None))
    assert (seen['input'], seen['data_format'], seen['transport'], seen['channel']) == ({}, '', '', 'invoke')


def test_without_a_data_format_the_input_is_that_of_a_json_object(api: Environment) -> None:
    seen = body_of(api, 'raw.look', ' {"name": "Jane"}')
    assert (seen['input'], seen['payload']) == ({'name': 'Jane'}, repr(' {"name": "Jane"}'))
    assert call(api, 'raw.add', '{"a": 1, "b": "2"}')['body'] == '{"sum":3}'
    assert call(api, 'raw.greet', '{"name": "Jane", "tags": [1]}')['body'] == 'Jane: 1'
    assert body_of(api, 'raw.optional', 'no JSON') == ['no JSON', '']


@pytest.mark.parametrize(
    ('data_format', 'text', 'found', 'payload'),
    [
        ('json', '{"a": 1}', {'a': 1}, "{'a': 1}"),
        ('json', '', {}, 'None'),
        ('xml', '<x><a>1</a></x>', {'a': '1'}, '<'),
        ('xml', '<?xml version="1.0" encoding="ISO-8859-1"?><x><a>ä</a></x>', {'a': 'ä'}, '<'),
        ('csv', 'a,b\n1,2\n', {}, "[{'a': '1', 'b': '2'}]"),
        ('form', 'a=1&b=%C3%A4', {'a': '1', 'b': 'ä'}, "{'a': '1', 'b': 'ä'}"),
    ],
)
def test_a_text_is_parsed_as_a_channel_of_that_data_format_parses_bodies(
    api: Environment, data_format: str, text: str, found: Any, payload: str
) -> None:
    seen = body_of(api, 'raw.look', text, data_format=data_format)
    assert (seen['raw'], seen['type'], seen['input'], seen['data_format']) == (text, 'str', found, data_format)
    assert seen['payload'].startswith(payload)


@pytest.mark.parametrize(
    ('data_format', 'text', 'body'),
    [
        ('json', '{"a": 1, "b": 2}', '{"sum":3}'),
        ('xml', '<x><a>1</a><b>2</b></x>', '<response><sum>3</sum></response>'),
        ('form', 'a=1&b=2', 'sum=3'),
    ],
)
def test_the_answer_is_in_that_format_too(api: Environment, data_format: str, text: str, body: str) -> None:
    answer = call(api, 'raw.add', text, data_format=data_format)
    assert answer['body'].endswith(body)
    assert data_format in answer['content_type']


@pytest.mark.parametrize(
    ('data_format', 'text', 'told'),
    [
        ('json', '{"a": ', 'JSON'),
        ('xml', '<x>', 'The body is not valid XML: line 1, column 4: no element found'),
        ('xml', '<!DOCTYPE x><x/>', 'a DOCTYPE is not allowed'),
        ('csv', 'a,b\n"1', 'CSV'),
        ('form', 'a=%ff', 'The form is not valid UTF-8'),
    ],
)
def test_a_text_that_is_not_of_its_format_is_400_and_says_so(
    api: Environment, data_format: str, text: str, told: str
) -> None:
    told_of = refused(api, 'raw.look', text, data_format=data_format)
    assert told_of.startswith('400: ')
    assert told in told_of


def test_what_the_input_lacks_is_the_answer_of_the_service(api: Environment) -> None:
    answer = call(api, 'raw.add', '{"a": 1}')
    assert (answer['is_ok'], answer['status_code']) == (False, 400)
    assert (answer['error_type'], answer['error']) == ('ElementMissing', 'Element missing: b')
    assert call(api, 'raw.add', 'no JSON')['error'] == 'Element missing: a'


def test_transport_and_method_are_what_the_service_sees(api: Environment) -> None:
    assert body_of(api, 'raw.look', transport='soap')['transport'] == 'soap'
    assert body_of(api, 'raw.look')['method'] == 'POST'
    assert call(api, 'raw.verbs')['body'] == 'posted'
    assert call(api, 'raw.verbs', method='GET')['body'] == 'got'
    assert call(api, 'raw.verbs', method='PUT')['status_code'] == 405


def test_the_service_gets_no_credentials_of_whoever_asks(api: Environment) -> None:
    assert body_of(api, 'raw.look')['headers'] == {'content-type': 'text/plain; charset=utf-8'}


@pytest.mark.parametrize(
    ('options', 'told'),
    [
        ({'data_format': 'yaml'}, '400: `data_format` must be one of: csv, form, json, xml; or empty; got `yaml`'),
        ({'transport': 'pigeon'}, '400: `transport` must be one of: plain_http, soap; or empty; got `pigeon`'),
        ({'method': 'TRACE'}, '400: `method` must be one of: '),
        ({'data_format': ['json']}, '400: `data_format` must be one of: '),
        ({'all_pids': True}, '400: `raw_payload` goes with neither `pid` nor `all_pids`'),
        ({'raw_payload': 'no base64!'}, '400: Element raw_payload is not base64 of UTF-8'),
        ({'raw_payload': '/w=='}, '400: Element raw_payload is not base64 of UTF-8'),
        ({'raw_payload': 7}, '400: Element raw_payload is not base64 of UTF-8'),
        ({'payload': 'e30='}, '400: `payload` and `raw_payload` cannot both be given'),
        ({'timeout': 'soon'}, '400: `timeout` must be a number of seconds'),
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_400(api: Environment, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ZatoException) as raised:
        client_of(api.server).call('raw.look', **{'raw_payload': '', **options})
    assert raised.value.msg.startswith(told)


@pytest.mark.parametrize(
    ('kind', 'content_type', 'body'),
    [
        ('text', 'text/plain; charset=utf-8', 'pläin'),
        ('bytes', 'application/octet-stream', b'\x00\xff'),
        ('utf-8', 'application/octet-stream', 'ä'),
        ('list', 'application/json', '[1]'),
        ('none', 'text/plain; charset=utf-8', ''),
        ('dict', 'application/json', '{"a":1}'),
        ('typed', 'text/csv', 'a,b'),
        ('stream', 'application/octet-stream', '0;1;2;'),
    ],
)
def test_the_answer_is_what_a_channel_would_send(api: Environment, kind: str, content_type: str, body: str | bytes) -> None:
    answer = call(api, 'raw.answer', kind)
    assert (answer['is_ok'], answer['status_code'], answer['headers']) == (True, 201, {'X-Mine': 'yes'})
    assert answer['is_base64'] is isinstance(body, bytes)
    assert (b64decode(answer['body']) if answer['is_base64'] else answer['body']) == body
    assert answer['is_cut'] is False
    if kind != 'stream':
        assert answer['content_type'] == content_type


@pytest.mark.parametrize(('kind', 'is_cut'), [('long', True), ('large', True), ('exact', False), ('wide', True)])
def test_a_response_that_is_too_long_is_cut(api: Environment, kind: str, is_cut: bool) -> None:
    answer = call(api, 'raw.answer', kind)
    assert (len(answer['body'].encode()), answer['is_cut'], answer['is_base64']) == (
        9_999_999 if kind == 'wide' else 10_000_000,
        is_cut,
        False,
    )


@pytest.mark.parametrize(
    ('kind', 'status', 'type_', 'text'),
    [
        ('value', 500, 'ValueError', 'it is broken'),
        ('forbidden', 403, 'Forbidden', 'not you'),
        ('unauthorized', 401, 'Unauthorized', 'who are you?'),
        ('away', 503, 'ServiceUnavailable', 'come back later'),
    ],
)
def test_a_failure_of_the_service_is_the_answer_and_not_one_of_the_call(
    api: Environment, kind: str, status: int, type_: str, text: str
) -> None:
    answer = call(api, 'raw.fail', kind)
    assert (answer['is_ok'], answer['status_code'], answer['error_type'], answer['error']) == (False, status, type_, text)
    assert answer['headers'] == {'X-Mine': 'yes'}
    assert answer['milliseconds'] >= 0
    is_logged = api.log_has(rf'Service raw\.fail failed \(cid: {answer["cid"]}\)\n')
    assert is_logged is (status >= 500), 'with the traceback'


def test_the_cid_is_that_of_the_whole_request(api: Environment) -> None:
    answered = client_of(api.server).call('raw.look', raw_payload='')
    assert answered.payload['cid'] == answered.cid == json.loads(answered.payload['body'])['cid']


def test_a_service_that_is_not_there_is_404(api: Environment) -> None:
    assert refused(api, 'raw.nowhere').startswith('404: ')


@pytest.mark.parametrize('options', [{'raw_payload': ''}, {'payload': ''}], ids=['raw', 'parsed'])
def test_a_service_that_takes_too_long_is_504_and_named(api: Environment, options: dict[str, Any]) -> None:
    with pytest.raises(ZatoException) as raised:
        client_of(api.server).call('raw.sleep', timeout=0.2, **options)
    assert raised.value.msg == '504: Service raw.sleep did not answer in 0.2 s'


def test_a_call_in_the_background_gets_the_text_too_and_its_cid_is_answered(api: Environment) -> None:
    cid = call(api, 'raw.sleep', '{"a": 1}', is_async=True)
    assert re.fullmatch('[0-9a-f]{24}', cid)
    eventually(lambda: api.log_has(r"""Slept on '\{"a": 1\}' of \{'a': 1\}"""), 'the call')
    cancelled = eventually(lambda: invoke(api, 'zato.service.cancel', {'cid': cid}), 'the end of it')
    assert cancelled == {'cid': cid, 'cancelled': 1}


def test_in_the_background_a_call_is_made_for_the_same_user(api: Environment) -> None:
    cid = call(api, 'zato.service.undeploy', '{"name": "raw"}', role='operator', is_async=True)
    told = rf'Service zato\.service\.undeploy failed in the background \(cid: {cid}\)'
    eventually(lambda: api.log_has(told), 'the refusal')
    assert api.log_has('User `jane` has role operator, and service zato.service.undeploy needs role admin')
    assert call(api, 'raw.verbs')['body'] == 'posted'


def test_an_admin_service_gets_its_input_from_the_text_and_checks_the_role(api: Environment) -> None:
    text = json.dumps({'name': 'raw.look'})
    assert body_of(api, 'zato.service.get-source', text)['module'] == 'raw'
    answer = call(api, 'zato.service.undeploy', text, role='operator')
    assert (answer['is_ok'], answer['status_code']) == (False, 403)
    assert refused(api, 'raw.look', role='viewer').startswith('403: ')
    assert len(pids(api)) == 2
