"""Services call other systems through outgoing REST connections, in real servers."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.support.admin import alarms, create, invoke, refusal
from tests.support.environment import PATIENCE, Environment, eventually, zato
from tests.support.targets import Asked, TargetServer, Told, echo

GET_USER_DETAILS = '''
# -*- coding: utf-8 -*-

# Zato
from zato.server.service import Service

class GetUserDetails(Service):
    """ Returns details of a user by the person's name.
    """
    name = 'api.user.get-details'

    def handle(self):

        # Name of the connection to use
        conn_name = 'CRM'

        # Get a connection object
        conn = self.out.rest[conn_name].conn

        # Create a request
        request = {
            "user_id": 123
        }

        # Invoke the remote endpoint
        response = conn.get(self.cid, request)

        # Skip the rest of the implementation
        self.response.payload = response.data
'''

CALLER = """
from zato.server.service import RESTAdapter, Service

class Call(Service):
    name = 'my.call'

    def handle(self):
        request = self.request.payload
        conn = getattr(self.out, request.get('out', 'rest'))[request['name']].conn
        method = getattr(conn, request.get('method', 'get'))
        response = method(self.cid, *request.get('args', ()), **request.get('options', {}))
        self.response.payload = {'status': response.status_code, 'data': response.data}

class Adapter(RESTAdapter):
    name = 'my.adapter'
    conn_name = 'echo'
    has_query_string_id = True

    def map_response(self, data, **ctx):
        return {'query': data['query']}
"""


@pytest.fixture(scope='module')
def calling(running: Environment) -> Environment:
    """A running environment that has service my.call."""
    assert running.deploy('caller.py', CALLER).code == 0
    return running


@pytest.fixture
def target() -> Iterator[TargetServer]:
    with TargetServer() as server:
        yield server


def outgoing(environment: Environment, name: str, **settings: Any) -> dict[str, Any]:
    return create(environment, 'zato.outgoing-rest', name, **settings)


def call(environment: Environment, name: str, *args: Any, method: str = 'get', **options: Any) -> Any:
    """What the target was asked, as it says itself."""
    answer = environment.invoke('my.call', {'name': name, 'method': method, 'args': args, 'options': options})
    assert answer.status == 200, answer.body
    assert answer.json['status'] == 200, answer.json
    return answer.json['data']


# The article on environment variables


def test_a_connection_is_where_the_environment_of_the_server_says(environment: Environment) -> None:
    with TargetServer() as development, TargetServer() as production:
        environment.start(env={'CRM_ADDRESS': development.address, 'POOL_SIZE': '5'})
        arguments = ('--host', '$CRM_ADDRESS', '--url-path', '/api', '--pool-size', '$POOL_SIZE')
        created = zato('object', 'create', environment.path, 'outgoing_rest', '--name', 'CRM', *arguments)
        assert (created.code, created.err) == (0, '')
        environment.save('api.py', GET_USER_DETAILS)
        answer = eventually(
            lambda: (found := environment.invoke('api.user.get-details')).status == 200 and found, 'an answer'
        )
        assert (answer.json['method'], answer.json['path'], answer.json['query']) == ('GET', '/api', {'user_id': ['123']})
        assert answer.json['headers']['x-zato-cid'] == answer.headers['x-zato-cid']
        assert production.asked == []

        restarted = zato('restart', environment.server.path, env={'CRM_ADDRESS': production.address, 'POOL_SIZE': '7'})
        assert restarted.code == 0, restarted.err
        assert environment.invoke('api.user.get-details').json['headers']['host'] == f'127.0.0.1:{production.port}'
        ping = zato('object', 'ping', environment.path, 'outgoing_rest', 'CRM')
        assert (ping.code, ping.err) == (0, '')
        report = json.loads(ping.out)
        assert (report['is_success'], report['status_code']) == (True, 200)
        assert re.fullmatch(r'\d+\.\d{3} ms', report['response_time'])
        assert f'HEAD {production.address}/\nCode: 200\nResponse time: ' in report['info']
        assert invoke(environment, 'zato.http-soap.ping', {'name': 'CRM', 'connection': 'outgoing'})['status_code'] == 200


def test_a_variable_that_is_not_set_is_named_wherever_somebody_looks(environment: Environment) -> None:
    environment.start()
    created = zato('object', 'create', environment.path, 'outgoing_rest', '--name', 'CRM', '--host', '$CRM_ADDRESS')
    text = 'Outgoing REST connection `CRM`: `host` is $CRM_ADDRESS, and the server has no environment variable CRM_ADDRESS'
    assert created.code == 0
    assert text in created.err
    assert environment.deploy('api.py', GET_USER_DETAILS).code == 0
    answer = environment.invoke('api.user.get-details')
    assert answer.status == 503
    assert text in environment.log()
    assert f'Request failed (cid: {answer.json["cid"]}' in environment.log()
    assert environment.log().count(text) >= 2, 'of the object, and of the request'
    assert 'CRM_ADDRESS' in zato('object', 'list', environment.path, 'outgoing_rest').out
    assert 'CRM_ADDRESS' in zato('info', environment.server.path).out
    [found] = alarms(environment).values()
    assert found == {'Outgoing REST connection `CRM`': text}
    ping = zato('object', 'ping', environment.path, 'outgoing_rest', 'CRM')
    assert (ping.code != 0, text in ping.err) == (True, True)
    assert environment.invoke('demo.get-price', {'sku': 'A-100'}).status == 200, 'all others go on'


# Credentials


def test_basic_auth_and_api_keys_go_along(calling: Environment, target: TargetServer) -> None:
    create(calling, 'zato.security.basic-auth', 'out.basic', username='jane', password='se:cret')
    create(calling, 'zato.security.apikey', 'out.key', header='X-Key', password='the-key')
    outgoing(calling, 'basic', host=target.address, security='out.basic')
    outgoing(calling, 'key', host=target.address, security='out.key')
    assert call(calling, 'basic')['headers']['authorization'] == 'Basic amFuZTpzZTpjcmV0'
    assert call(calling, 'key')['headers']['x-key'] == 'the-key'
    assert call(calling, 'basic', sec_def_name='out.key')['headers']['x-key'] == 'the-key'


class AuthServer(TargetServer):
    """Gives token-1, token-2 and so on."""

    def __init__(self) -> None:
        super().__init__(self._give)
        self.lifetime = 3_600.0

    def _give(self, asked: Asked) -> Told:
        return Told(body={'access_token': f'token-{len(self.asked)}', 'token_type': 'Bearer', 'expires_in': self.lifetime})


def test_bearer_tokens_are_kept_renewed_and_dropped(calling: Environment, target: TargetServer) -> None:
    with AuthServer() as server:
        definition = {'username': 'client', 'password': 'the-secret', 'scopes': 'read\nwrite'}
        url = f'{server.address}/oauth2/token'
        create(calling, 'zato.security.oauth', 'out.bearer', auth_server_url=url, **definition)
        outgoing(calling, 'bearer', host=target.address, security='out.bearer')
        for _ in range(3):
            assert call(calling, 'bearer')['headers']['authorization'] == 'Bearer token-1'
        [asked] = server.asked
        assert (asked.method, asked.path) == ('POST', '/oauth2/token')
        expected = {'client_id': 'client', 'client_secret': 'the-secret', 'scope': 'read write'}
        assert asked.form == {'grant_type': 'client_credentials', **expected}

        target.answer = lambda asked: Told(status=401) if asked.headers['authorization'].endswith('-1') else echo(asked)
        server.lifetime = 1.0
        assert call(calling, 'bearer', 'data', method='post')['headers']['authorization'] == 'Bearer token-2'
        target.answer = echo
        later = ('Bearer token-3', 'Bearer token-4')
        eventually(
            lambda: call(calling, 'bearer')['headers']['authorization'] in later, 'another token once that has expired'
        )

        server.answer = lambda asked: Told(status=401, body={'error': 'invalid_client', 'hint': 'the-secret'})
        invoke(calling, 'zato.security.oauth.edit', {'name': 'out.bearer', 'username': 'other'})
        failed = calling.invoke('my.call', {'name': 'bearer'})
        assert failed.status == 502
        text = f'Bearer token `out.bearer`: {server.address} answered 401 invalid_client and gave no token'
        assert text in calling.log()
        assert 'the-secret' not in calling.log()


def test_redirects_are_followed_and_take_no_key_along(calling: Environment, target: TargetServer) -> None:
    with TargetServer(lambda asked: Told(status=302, headers={'Location': f'{target.address}/there'})) as first:
        create(calling, 'zato.security.apikey', 'redirected', header='X-Other-Key', password='the-key')
        outgoing(calling, 'redirected', host=first.address, security='redirected')
        seen = call(calling, 'redirected')
        assert (seen['path'], 'x-other-key' in seen['headers']) == ('/there', False)
        assert first.asked[0].headers['x-other-key'] == 'the-key'
        kept = calling.invoke('my.call', {'name': 'redirected', 'options': {'allow_redirects': False}})
        assert kept.json['status'] == 302


# Calls


def test_a_trace_and_a_cid_go_through_a_server(calling: Environment, target: TargetServer) -> None:
    outgoing(calling, 'traced', host=target.address)
    create(calling, 'zato.channel-rest', 'traced', url_path='/traced', service='my.call', data_format='json')
    trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    headers = {'traceparent': f'00-{trace}-00f067aa0ba902b7-01', 'tracestate': 'a=1'}
    answer = calling.request('POST', '/traced', b'{"name": "traced"}', headers=headers)
    seen = answer.json['data']['headers']
    assert re.fullmatch(rf'00-{trace}-(?!00f067aa0ba902b7)[0-9a-f]{{16}}-01', seen['traceparent'])
    assert (seen['tracestate'], seen['x-zato-cid']) == ('a=1', answer.headers['x-zato-cid'])
    assert seen['x-zato-component'] == 'zato/server1'


def test_an_adapter_needs_no_code(calling: Environment, target: TargetServer) -> None:
    outgoing(calling, 'echo', host=target.address, data_format='json')
    assert calling.invoke('my.adapter', {'id': 'a/b'}).json == {'query': {'id': ['a/b']}}


def test_soap_and_xml_are_posted(calling: Environment, target: TargetServer) -> None:
    outgoing(calling, 'soap', host=target.address, url_path='/soap', soap_version='1.1', soap_action='urn:get')
    request = {'name': 'soap', 'out': 'soap', 'method': 'post', 'args': ['<getUser><id>1</id></getUser>']}
    seen = calling.invoke('my.call', request).json['data']
    assert seen['body'].endswith('<soapenv:Body><getUser><id>1</id></getUser></soapenv:Body></soapenv:Envelope>')
    assert (seen['headers']['content-type'], seen['headers']['soapaction']) == ('text/xml; charset=utf-8', '"urn:get"')
    outgoing(calling, 'xml', host=target.address, data_format='xml')
    seen = call(calling, 'xml', '<a/>', method='post')
    assert (seen['body'], seen['headers']['content-type']) == ('<a/>', 'application/xml')


def test_forms_and_json_are_sent_and_path_parameters_filled_in(calling: Environment, target: TargetServer) -> None:
    outgoing(calling, 'form', host=target.address, url_path='/customer/{id}', data_format='form')
    seen = call(calling, 'form', {'a': [1, 2]}, {'id': 'a/b', 'q': True}, method='put')
    assert (seen['method'], seen['path'], seen['query']) == ('PUT', '/customer/a%2Fb', {'q': ['true']})
    assert parse_qs(seen['body']) == {'a': ['1', '2']}
    missing = calling.invoke('my.call', {'name': 'form'})
    assert missing.status == 500
    assert 'connection `form`: parameter `id` of its URL path is missing; the call has no parameters' in calling.log()


def test_a_target_that_is_not_there_is_told_of_to_services_and_pings(calling: Environment) -> None:
    with TargetServer() as gone:
        address = gone.address
    outgoing(calling, 'gone', host=address)
    assert calling.invoke('my.call', {'name': 'gone'}).status == 502
    assert f'Outgoing REST connection `gone`: {address}: the connection was refused' in calling.log()
    refused = refusal(calling, 'zato.outgoing-rest.ping', {'name': 'gone'})
    assert (refused.status, 'the connection was refused' in refused.text) == (502, True)


def test_an_inactive_connection_is_pinged_but_not_called(calling: Environment, target: TargetServer) -> None:
    outgoing(calling, 'idle', host=target.address, is_active=False)
    assert invoke(calling, 'zato.outgoing-rest.ping', {'name': 'idle'})['is_success']
    assert calling.invoke('my.call', {'name': 'idle'}).status == 500
    assert 'Outgoing REST connection `idle` is inactive' in calling.log()


def test_a_connection_is_edited_while_calls_run(calling: Environment, target: TargetServer) -> None:
    running, released = threading.Event(), threading.Event()

    def wait(asked: Asked) -> Told:
        running.set()
        assert released.wait(PATIENCE)
        return echo(asked)

    target.answer = wait
    outgoing(calling, 'edited', host=target.address, url_path='/old')
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(call(calling, 'edited')))
    caller.start()
    try:
        assert running.wait(PATIENCE)
        with TargetServer() as other:
            invoke(calling, 'zato.outgoing-rest.edit', {'name': 'edited', 'host': other.address, 'url_path': '/new'})
            assert call(calling, 'edited')['path'] == '/new'
    finally:
        released.set()
        caller.join(PATIENCE)
    assert [answer['path'] for answer in answers] == ['/old']


def test_a_call_ends_with_the_time_of_the_request_that_it_is_part_of(calling: Environment, target: TargetServer) -> None:
    released = threading.Event()
    target.answer = lambda asked: Told(status=200 if released.wait(PATIENCE) else 500)
    outgoing(calling, 'slow', host=target.address, timeout=PATIENCE * 2)
    create(
        calling, 'zato.channel-rest', 'slow', url_path='/slow', service='my.call', data_format='json', service_timeout=0.2
    )
    try:
        assert calling.request('POST', '/slow', b'{"name": "slow"}').status == 504
    finally:
        released.set()
    target.answer = echo
    assert call(calling, 'slow')['method'] == 'GET'
