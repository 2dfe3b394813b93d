"""The HTTP API of a running server: built-in paths, credentials, errors, and the wire form that existing clients use."""

from __future__ import annotations

import json
import re
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.environment import PATIENCE, Environment, eventually, zato

SERVICES = """
from zato.common.exception import BadRequest, Conflict, Forbidden, ServiceUnavailable
from zato.server.service import Service

class Input(Service):
    def handle(self):
        self.logger.info('My request is %s', self.request.input)
        self.response.payload = {
            'input': dict(self.request.input), 'payload': self.request.payload,
            'raw': repr(self.request.raw_request), 'method': self.request.http.method,
        }

class Fail(Service):
    def handle(self):
        what = self.request.input.what
        if what == 'bad':
            raise BadRequest(self.cid, 'no secrets here')
        if what == 'bad-with-message':
            raise BadRequest(self.cid, 'wrong size', needs_msg=True)
        if what == 'conflict':
            raise Conflict(self.cid, 'exists')
        if what == 'unavailable':
            raise ServiceUnavailable(self.cid)
        if what == 'forbidden':
            raise Forbidden(self.cid)
        if what == 'json':
            self.response.payload = {'object': object()}
            return
        raise ValueError('the database password is secret')

class Verbs(Service):
    def handle_GET(self):
        self.response.payload = {'verb': 'GET'}
    def handle_POST(self):
        self.response.payload = {'verb': 'POST'}

class Answer(Service):
    def handle(self):
        kind = self.request.input.get('kind')
        self.response.status_code = 201
        self.response.headers['X-Mine'] = 'yes'
        self.response.payload = {'text': 'plain', 'bytes': b'\\x00\\xff', 'list': [], 'none': None, 'dict': {}}[kind]

class Chain(Service):
    def handle(self):
        own = self.cid
        try:
            self.invoke('api.fail', {'what': 'other'})
        except ValueError as e:
            caught = type(e).__name__
        self.response.payload = {
            'same_cid': self.invoke('api.get-cid') == own, 'caught': caught, 'keywords': self.invoke(Sum, a=1, b=2),
        }

class GetCID(Service):
    name = 'api.get-cid'
    def handle(self):
        self.response.payload = self.cid

class Sum(Service):
    def handle(self):
        self.response.payload = self.request.input.a + self.request.input.b

class Itself(Service):
    def handle(self):
        self.invoke('api.itself')

class Ping(Service):
    def handle(self):
        self.invoke('api.pong')

class Pong(Service):
    def handle(self):
        self.invoke('api.ping')

class Config(Service):
    def handle(self):
        self.response.payload = self.user_config.user.sample_section
"""


@pytest.fixture(scope='module')
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    environment = Environment(tmp_path_factory.mktemp('api') / 'qs-1')
    try:
        environment.save('api.py', SERVICES)
        environment.start()
        yield environment
    finally:
        environment.close()


def test_ping_needs_no_credentials(api: Environment) -> None:
    answer = api.request('GET', '/zato/ping')
    assert answer.status == 200
    assert answer.json['pong'] == 'zato'
    assert answer.json['zato_env'] == {'result': 'ZATO_OK', 'cid': answer.headers['x-zato-cid'], 'details': ''}
    assert len(answer.headers['x-zato-cid']) == 24


@pytest.mark.parametrize('path', ['/', '/nothing', '/zato', '/zato/api/invoke', '/zato/api/invoke/a/b', '/zato/ping/'])
def test_an_unknown_path_is_404_in_json_with_a_cid(api: Environment, path: str) -> None:
    answer = api.request('GET', path)
    assert answer.status == 404
    assert answer.json == {'result': 'Error', 'cid': answer.headers['x-zato-cid'], 'details': 'URL not found'}
    assert answer.headers['content-type'] == 'application/json'


def test_an_unsupported_method_is_405_with_allow(api: Environment) -> None:
    answer = api.request('TRACE', '/zato/ping')
    assert answer.status == 405
    assert 'GET' in answer.headers['allow']


@pytest.mark.parametrize(
    'headers',
    [
        {},
        {'Authorization': ''},
        {'Authorization': 'Basic'},
        {'Authorization': 'Basic !!!'},
        {'Authorization': 'Basic ' + b64encode(b'pubapi').decode()},
        {'Authorization': 'Basic ' + b64encode(b'pubapi:wrong').decode()},
        {'Authorization': 'Basic ' + b64encode(b'pubapi:\xff').decode()},
        {'Authorization': 'Bearer abc'},
    ],
)
@pytest.mark.parametrize('path', ['/zato/api/invoke/api.input', '/zato/admin/invoke'])
def test_wrong_credentials_are_401_with_a_challenge(api: Environment, path: str, headers: dict[str, str]) -> None:
    answer = api.request('POST', path, b'{}', headers=headers)
    assert answer.status == 401
    assert answer.headers['www-authenticate'] == 'Basic realm="API"'
    assert answer.json['details'] == f'Unauthorized; cid={answer.headers["x-zato-cid"]}'


def test_credentials_of_one_channel_do_not_open_the_other(api: Environment) -> None:
    assert api.request('POST', '/zato/admin/invoke', b'{}', user='pubapi', password=api.password()).status == 401
    other = api.password('admin_invoke')
    assert api.request('POST', '/zato/api/invoke/api.input', b'{}', user='admin.invoke', password=other).status == 401


def test_the_scheme_of_credentials_is_case_insensitive(api: Environment) -> None:
    credentials = b64encode(f'pubapi:{api.password()}'.encode()).decode()
    headers = {'Authorization': f'basic  {credentials}'}
    assert api.request('POST', '/zato/api/invoke/helpers.echo', b'{}', headers=headers).status == 200


@pytest.mark.parametrize('name', ['zato.helpers.echo', 'helpers.echo', 'pub.helpers.echo'])
def test_the_echo_answers_under_its_three_names(api: Environment, name: str) -> None:
    assert api.invoke(name, {'a': [1, {'b': None}]}).json == {'a': [1, {'b': None}]}


@pytest.mark.parametrize('name', ['zato.ping', 'pub.zato.ping'])
def test_ping_through_the_invoker_is_its_bare_response(api: Environment, name: str) -> None:
    assert api.invoke(name).json == {'pong': 'zato'}


@pytest.mark.parametrize('name', ['zato.service.get-list', 'zato.service.invoke', 'zato.nothing', 'pub.zato.nothing'])
def test_other_internal_services_are_403(api: Environment, name: str) -> None:
    assert api.invoke(name).status == 403


@pytest.mark.parametrize('name', ['nothing', 'api.nothing', '%00', 'x' * 2000])
def test_an_unknown_service_is_404(api: Environment, name: str) -> None:
    assert api.invoke(name).status == 404


def test_internal_services_that_are_listed_can_be_invoked(tmp_path: Any) -> None:
    environment = Environment(tmp_path / 'qs-1')
    conf = environment.server.server_conf
    listed = 'service_invoker_allow_internal=zato.service.get-list'
    conf.write_text(conf.read_text().replace('service_invoker_allow_internal=', listed))
    try:
        environment.start()
        names = [item['name'] for item in environment.invoke('zato.service.get-list').json]
        assert 'demo.place-order' in names
        assert environment.invoke('zato.service.invoke').status == 403
    finally:
        environment.close()


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'expected'),
    [
        ('POST', '', b'{"a": 1}', {'input': {'a': 1}, 'payload': {'a': 1}}),
        ('POST', '?b=2&b=3', b'{"a": 1}', {'input': {'a': 1, 'b': ['2', '3']}, 'payload': {'a': 1}}),
        ('POST', '', b'[1]', {'input': {}, 'payload': [1]}),
        ('POST', '', None, {'input': {}, 'payload': None}),
        ('GET', '', b'null', {'input': {}, 'payload': None}),
        ('GET', '?a=1&b=%C3%BC', None, {'input': {'a': '1', 'b': 'ü'}, 'payload': {'a': '1', 'b': 'ü'}}),
        ('GET', '', b'{"username": "x"}', {'input': {'username': 'x'}, 'payload': {'username': 'x'}}),
        ('DELETE', '', b'null', {'input': {}, 'payload': None}),
        ('PATCH', '', '\ufeff{"a": "ü"}'.encode(), {'input': {'a': 'ü'}, 'payload': {'a': 'ü'}}),
    ],
)
def test_what_a_service_sees(api: Environment, method: str, path: str, body: bytes | None, expected: Any) -> None:
    answer = api.request(method, f'/zato/api/invoke/api.input{path}', body, user='pubapi', password=api.password())
    assert answer.status == 200, answer.body
    assert {key: answer.json[key] for key in expected} == expected
    assert answer.json['method'] == method
    assert answer.json['raw'] == repr(body or b'')


def test_input_is_logged_as_a_plain_dict(api: Environment) -> None:
    api.invoke('api.input', {'user': {'id': 7}})
    assert "My request is {'user': {'id': 7}}" in api.log()


@pytest.mark.parametrize(
    'body',
    [
        b'{',
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'[' * 100_000,
        b'nope',
        b'{"a":1} x',
        b'"\\ud800"',
        b'1e999',
        b'\xef\xbb\xbf',
        b'\xff\xfe{\x00}\x00',
    ],
)
def test_malformed_json_is_400_that_says_why(api: Environment, body: bytes) -> None:
    answer = api.request('POST', '/zato/api/invoke/api.input', body, user='pubapi', password=api.password())
    assert answer.status == 400
    assert answer.json['details'].startswith('The body is not valid JSON: ')
    assert answer.json['cid'] == answer.headers['x-zato-cid']


@pytest.mark.parametrize(
    ('what', 'status', 'details'),
    [
        ('bad', 400, 'Bad request'),
        ('bad-with-message', 400, 'wrong size'),
        ('conflict', 409, 'exists'),
        ('unavailable', 503, 'Service unavailable'),
        ('forbidden', 403, 'You are not allowed to access this resource'),
        ('other', 500, 'An error has occurred'),
        ('json', 500, 'An error has occurred'),
    ],
)
def test_errors_of_services_have_their_status_and_tell_no_secrets(
    api: Environment, what: str, status: int, details: str
) -> None:
    answer = api.invoke('api.fail', {'what': what})
    assert answer.status == status
    assert answer.json == {'result': 'Error', 'cid': answer.headers['x-zato-cid'], 'details': details}
    if status == 500:
        assert api.log_has(f'ERROR - .*cid: {answer.json["cid"]}, channel: service.invoke')


@pytest.mark.parametrize(('method', 'status'), [('GET', 200), ('POST', 200), ('PUT', 405), ('HEAD', 405)])
def test_handlers_of_verbs_take_the_place_of_handle(api: Environment, method: str, status: int) -> None:
    answer = api.invoke('api.verbs', method=method)
    assert answer.status == status
    if status == 405:
        assert answer.headers['allow'] == 'GET, POST'
    else:
        assert answer.json == {'verb': method}


@pytest.mark.parametrize(
    ('kind', 'body', 'content_type'),
    [
        ('text', b'plain', 'text/plain; charset=utf-8'),
        ('bytes', b'\x00\xff', 'application/octet-stream'),
        ('list', b'[]', 'application/json'),
        ('dict', b'{}', 'application/json'),
        ('none', b'', 'text/plain; charset=utf-8'),
    ],
)
def test_payloads_are_rendered_by_their_type(api: Environment, kind: str, body: bytes, content_type: str) -> None:
    answer = api.invoke('api.answer', {'kind': kind})
    assert (answer.status, answer.body, answer.headers['content-type']) == (201, body, content_type)
    assert answer.headers['x-mine'] == 'yes'


def test_services_invoke_each_other_and_see_the_targets_own_exception(api: Environment) -> None:
    assert api.invoke('api.chain').json == {'same_cid': True, 'caught': 'ValueError', 'keywords': 3}


@pytest.mark.parametrize(
    ('service', 'reason'),
    [('api.itself', 'cannot invoke itself'), ('api.ping', 'More than 100 services wait for one another')],
)
def test_recursion_without_end_is_an_error(api: Environment, service: str, reason: str) -> None:
    assert api.invoke(service).status == 500
    assert reason in api.log()


def test_the_admin_api_has_the_wire_form_of_existing_clients(api: Environment) -> None:
    def call(body: dict[str, Any]) -> Any:
        encoded = json.dumps(
            {
                'channel': 'invoke',
                'data_format': 'json',
                'transport': None,
                'is_async': False,
                'expiration': 15,
                'pid': None,
                'all_pids': False,
                'timeout': None,
                'skip_response_elem': True,
                **body,
            }
        ).encode()
        return api.request('POST', '/zato/admin/invoke', encoded, user='admin.invoke', password=api.password('admin_invoke'))

    payload = b64encode(json.dumps({'a': 1, 'b': 2}).encode()).decode()
    answer = call({'name': 'api.sum', 'payload': payload})
    assert answer.status == 200
    assert answer.json['zato_env']['result'] == 'ZATO_OK'
    [key] = set(answer.json) - {'zato_env'}
    assert json.loads(b64decode(answer.json[key])) == 3
    answer = call({'name': 'api.sum', 'payload': payload, 'is_async': True})
    assert len(b64decode(answer.json['response'])) == 24
    assert call({'name': 'zato.service.get-list', 'payload': ''}).status == 200
    assert call({'name': 'no.such.service', 'payload': ''}).json['details'] == 'No such service: no.such.service'
    assert call({'payload': ''}).json['details'] == 'Element missing: name'
    assert call({'name': 'api.sum', 'payload': '!'}).status == 400
    fail = b64encode(b'{"what": "other"}').decode()
    answer = call({'name': 'api.fail', 'payload': fail})
    assert (answer.status, answer.json['details']) == (500, 'ValueError: the database password is secret')


def test_the_sample_services_price_an_order(api: Environment) -> None:
    order = {'customer': 'Jane', 'country': 'DE', 'lines': [{'sku': 'A-100', 'quantity': 2}, {'sku': 'B-200'}]}
    answer = api.invoke('demo.place-order', order).json
    assert (answer['customer'], answer['net'], answer['gross']) == ('Jane', 2899, 3449)
    assert api.invoke('demo.place-order', {'lines': [{'sku': 'Z'}]}).json['details'] == 'There is no item `Z`'


def test_a_body_over_the_limit_is_413_before_it_is_read(api: Environment) -> None:
    with socket.create_connection(('127.0.0.1', api.port), timeout=PATIENCE) as connection:
        connection.sendall(b'POST /zato/ping HTTP/1.1\r\nHost: test\r\nContent-Length: 104857600\r\n\r\n')
        assert connection.recv(65_536).startswith(b'HTTP/1.1 413 ')


def test_the_command_line_invokes_services(api: Environment) -> None:
    assert zato('service', 'invoke', api.path, 'zato.ping').out == "{'pong': 'zato'}\n"
    assert zato('service', 'invoke', api.path, 'api.sum', '--payload', '{"a": 1, "b": 2}').out == '3\n'
    assert len(zato('service', 'invoke', api.path, 'api.sum', '--is-async').out.strip()) == 24
    failed = zato('service', 'invoke', api.path, 'api.fail', '--payload', '{"what": "other"}')
    assert failed.code != 0
    assert failed.err == 'Error: 500: ValueError: the database password is secret\n'
    assert zato('service', 'invoke', api.path, 'no.such').err == 'Error: 404: No such service: no.such\n'
    assert '--payload is not JSON' in zato('service', 'invoke', api.path, 'zato.ping', '--payload', '{').err
    assert zato('ping', api.path).out.startswith('zato answered in ')
    assert zato('wait', '--path', api.path).out == 'OK\n'
    assert zato('wait', '--address', f'http://127.0.0.1:{api.port}', '--url-path', '/nothing').out == 'OK\n'


def test_user_config_is_read_again_when_it_changes_and_a_broken_file_changes_nothing(api: Environment) -> None:
    expected = {'string_key': 'sample_string', 'list_key': ['sample', 'list']}
    assert api.invoke('api.config').json == expected
    conf = api.server.user_conf
    conf.write_text('[sample_section\nstring_key=broken\n')
    eventually(lambda: any('user.conf' in a['subject'] for a in api.info()['workers'][0]['alarms']), 'the alarm')
    assert api.invoke('api.config').json == expected
    conf.write_text('[sample_section]\nnumber=7\nyes=True\n')
    eventually(lambda: api.invoke('api.config').json == {'number': 7, 'yes': True}, 'the new values')
    assert not any('user.conf' in alarm['subject'] for alarm in api.info()['workers'][0]['alarms'])


def test_a_request_is_a_line_in_the_access_log(api: Environment) -> None:
    answer = api.request('GET', '/zato/ping?secret=1', headers={'User-Agent': 'my "agent"'})
    pattern = rf'127\.0\.0\.1 {answer.headers["x-zato-cid"]}/0\.\d+ "zato\.ping" \[.*\] "GET /zato/ping HTTP/1\.1" 200 '

    def has_line() -> bool:
        return re.search(pattern, (api.server.logs / 'http_access.log').read_text()) is not None

    eventually(has_line, 'the line')
    assert 'secret=1' not in (api.server.logs / 'http_access.log').read_text()
