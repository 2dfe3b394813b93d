"""What a REST channel is configured with takes effect: timeouts, Accept, verbs, security, secrets, and the rest."""

from __future__ import annotations

import gzip
import logging
from base64 import b64encode
from typing import Any

import gevent
import pytest

from tests.unit.channel.rest import CIPHER, HIDDEN, REST, Configured, answering, raising, request, service
from zato.common.config.kinds.channel_rest import check_media_type
from zato.server.service import Service
from zato.server.service.compiled import CompiledService

JANE = b'Basic ' + b64encode(b'jane:secret')


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


# From the configuration to the channel


def test_a_channel_of_which_only_the_path_is_given_has_the_classic_defaults() -> None:
    rest = Configured(url_path='/a/{b}')
    assert rest.input(b'{"b": "body", "c": 1}', b'/a/x/y?q=z') == {'b': 'x/y', 'c': 1, 'q': 'z'}, 'parameters span slashes'
    assert rest.input(b'{"b": "body"}', b'/a/x?b=z') == {'b': 'z'}, 'the query string goes over the path, that over the body'
    rest.ask(target=b'/a/x?q=z', method='GET')
    assert rest.seen[0].payload == {'q': 'z'}, 'it is the payload where there is no body'


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        ({'url_params_pri': 'path-over-qs'}, {'b': 'path'}),
        ({'url_params_pri': 'qs-over-path'}, {'b': 'query'}),
        ({'params_pri': 'msg-over-channel-params'}, {'b': 'body'}),
        ({'params_pri': 'channel-params-over-msg'}, {'b': 'query'}),
        ({'merge_url_params_req': False}, {'b': 'body'}),
    ],
)
def test_priorities_are_those_configured(settings: dict[str, Any], expected: dict[str, str]) -> None:
    assert Configured(url_path='/{b}', **settings).input(b'{"b": "body"}', b'/path?b=query') == expected


def test_without_merging_the_query_string_is_no_payload() -> None:
    rest = Configured(merge_url_params_req=False)
    rest.ask(target=b'/a?q=z', method='GET')
    assert (rest.seen[0].payload, rest.seen[0].input, rest.seen[0].http.GET) == (None, {}, {'q': 'z'})


@pytest.mark.parametrize(
    ('data_format', 'body', 'content_type'),
    [
        ('', b'{"a":1}', 'application/json'),
        ('json', b'{"a":1}', 'application/json'),
        ('form', b'a=1', 'application/x-www-form-urlencoded'),
        ('csv', b'a\r\n1\r\n', 'text/csv; charset=utf-8'),
        ('xml', b"<?xml version='1.0' encoding='utf-8'?>\n<response><a>1</a></response>", 'application/xml; charset=utf-8'),
    ],
)
def test_the_data_format_is_that_configured(data_format: str, body: bytes, content_type: str) -> None:
    answer = Configured(answering({'a': 1}), data_format=data_format).ask()
    assert (answer.body, answer.content_type) == (body, content_type)


def test_content_type_and_encoding_are_those_configured() -> None:
    rest = Configured(answering({'a': 1}), content_type='application/vnd.mine+json', content_encoding='gzip')
    answer = rest.ask(accept_encoding='gzip')
    assert (gzip.decompress(answer.body), answer.content_type) == (b'{"a":1}', 'application/vnd.mine+json')
    assert rest.ask().json == {'a': 1}


def test_the_longest_body_is_that_configured() -> None:
    rest = Configured(max_body=10)
    assert rest.ask(b'"12345678"').status == 200
    assert rest.ask(b'"123456789"').status == 413
    assert rest.ask(gzip.compress(b'"123456789"'), content_encoding='gzip').status == 413
    refusal = rest.pipeline.refuse(request(content_length='11'))
    assert refusal is not None
    assert refusal.status == 413


# Timeouts


def slow(ended: list[str]) -> CompiledService:
    def handle(self: Service) -> None:
        try:
            gevent.sleep(600)
        finally:
            ended.append(self.cid)

    return service(handle)


def test_a_service_that_takes_too_long_is_interrupted_and_the_client_told(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []
    rest = Configured(slow(ended), service_timeout=0.01)
    answer = rest.ask()
    assert (answer.status, answer.details) == (504, 'There was no answer in 0.01 s')
    assert ended == [answer.cid]
    assert rest.invoker.running == set()
    text = f'Service my.service was interrupted after 0.01 s, the timeout of channel my.channel (cid: {answer.cid})'
    assert errors_in(caplog) == [text]


def test_a_target_that_takes_too_long_is_interrupted_with_its_caller() -> None:
    ended: list[str] = []

    def handle(self: Service) -> None:
        try:
            self.invoke('slow')
        finally:
            ended.append(self.cid)

    target = slow(ended)
    caller = service(handle)
    rest = REST(caller, timeout=0.01)
    rest.invoker.store.swap({'n': {'slow': target}})
    answer = rest.ask()
    assert (answer.status, ended) == (504, [answer.cid] * 2)
    assert rest.invoker.running == set()


def test_a_service_that_is_in_time_is_not_interrupted_later() -> None:
    rest = REST(answering({'a': 1}), timeout=0.01)
    assert rest.ask().json == {'a': 1}
    gevent.sleep(0.05)


def test_a_timeout_of_the_services_own_is_its_failure(caplog: pytest.LogCaptureFixture) -> None:
    def handle(self: Service) -> None:
        with gevent.Timeout(0.01):
            gevent.sleep(600)

    answer = REST(service(handle), timeout=600).ask()
    assert (answer.status, answer.details) == (500, HIDDEN)
    assert errors_in(caplog) == [f'Request failed (cid: {answer.cid}, channel: c)']


def test_where_timeouts_do_not_apply_a_service_takes_its_time() -> None:
    def handle(self: Service) -> None:
        gevent.sleep(0.02)
        self.response.payload = 'done'

    assert REST(service(handle), timeout=0.001, pipeline={'has_timeouts': False}).ask().body == b'done'


# Accept


def test_the_client_chooses_among_channels_that_differ_in_what_they_answer_with() -> None:
    rest = REST(answering('json'), path='/b', http_accept='application/json')
    rest.routes.add(rest.channel(name='j', http_accept='application/json', service=answering('json')))
    rest.routes.add(rest.channel(name='x', http_accept='application/xml', data_format='xml', service=answering('xml')))
    assert rest.ask(accept='application/xml').body == b'xml'
    assert rest.ask(accept='application/xml;q=0.5, application/json').body == b'json'
    assert rest.ask(accept='*/*').body == b'json'
    assert rest.ask().body == b'json'
    answer = rest.ask(accept='text/html')
    assert (answer.status, answer.details) == (406, 'Not acceptable; there is application/json, application/xml')


def test_what_a_client_must_accept_is_configured() -> None:
    rest = Configured(answering('x'), http_accept='text/*')
    assert rest.ask(accept='text/html').status == 200
    assert rest.ask(accept='image/png').status == 406


@pytest.mark.parametrize(
    'text',
    [
        '*/*',
        'application/json',
        'Application/*',
        'a/b+c',
        'a/b*',
        '*/json',
        '*',
        '',
        'a',
        'a/',
        '/a',
        'a/b/c',
        'a/ü',
        'a b/c',
    ],
)
def test_what_may_be_configured_is_what_a_channel_takes(text: str) -> None:
    try:
        check_media_type(text)
    except ValueError:
        assert text not in {'*/*', 'application/json', 'Application/*', 'a/b+c', 'a/b*'}
    else:
        assert Configured(answering('x'), http_accept=text).ask().body == b'x'


# Verbs


def test_a_verb_that_a_service_does_not_handle_is_answered_with_those_that_it_does() -> None:
    made = service(handle_GET=lambda self: None, handle_PATCH=lambda self: None)
    answer = Configured(made).ask(method='POST')
    assert (answer.status, answer.header('allow')) == (405, 'GET, PATCH')
    assert answer.details == 'Service my.service handles GET, PATCH only'


@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])
def test_each_verb_has_a_handler_of_its_own(method: str) -> None:
    handlers = {
        f'handle_{verb}': lambda self, verb=verb: setattr(self.response, 'payload', verb)
        for verb in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')
    }
    assert Configured(service(**handlers)).ask(method=method).body == method.encode()


def test_a_service_that_does_not_accept_a_request_is_not_run_and_answers_400_with_nothing() -> None:
    def handle(self: Service) -> None:
        raise AssertionError('not accepted')

    answer = Configured(service(handle, accept=lambda self: False, output='a')).ask()
    assert (answer.status, answer.body) == (400, b'')


# What a service sees


def test_a_service_sees_its_channel_and_who_was_let_in() -> None:
    seen: list[Any] = []
    rest = Configured(service(lambda service: seen.append(service.channel)), security=2, url_path='/a/{b}')
    assert rest.ask(target=b'/a/x').status == 401
    assert rest.ask(target=b'/a/x', authorization=JANE).status == 200
    [channel] = seen
    assert (channel.id, channel.name, str(channel), channel.type) == (3, 'my.channel', 'my.channel', 'http-soap')
    assert (channel.data_format, channel.match_target, channel.is_internal) == ('json', '/a/{b}', False)
    expected = {'id': 2, 'name': 'my.security', 'type': 'basic_auth', 'username': 'jane'}
    assert channel.security.to_dict() == channel.sec.to_dict() == expected


def test_a_channel_without_security_has_an_empty_definition() -> None:
    seen: list[Any] = []
    Configured(service(lambda service: seen.append(service.channel.security.to_dict()))).ask()
    assert seen == [{'id': None, 'name': '', 'type': '', 'username': ''}]


def test_a_target_sees_that_a_service_invoked_it() -> None:
    seen: list[Any] = []
    rest = Configured(service(lambda service: service.invoke('target')), security=2)
    target = service(lambda service: seen.append((service.channel.type, service.channel.security.name)), 'target')
    rest.invoker.store.swap({'n': {'target': target}})
    rest.ask(authorization=JANE)
    assert seen == [('invoke', '')]


def test_a_service_sees_the_request_as_wsgi_has_it() -> None:
    seen: list[Any] = []
    rest = Configured(service(lambda service: seen.append(service.wsgi_environ)), url_path='/a/{b}')
    body = b'{"a": 1}'
    rest.ask(body, b'/a/%C3%BC?q=1&r', host='h:17010', content_type='application/json', x_my_header='v', content_length='8')
    [environ] = seen
    assert environ.pop('wsgi.input').read() == body
    assert environ == {
        'CONTENT_LENGTH': '8',
        'CONTENT_TYPE': 'application/json',
        'HTTP_HOST': 'h:17010',
        'HTTP_X_MY_HEADER': 'v',
        'PATH_INFO': '/a/Ã¼',
        'QUERY_STRING': 'q=1&r',
        'REMOTE_ADDR': '127.0.0.1',
        'REQUEST_METHOD': 'POST',
        'SCRIPT_NAME': '',
        'SERVER_NAME': 'h',
        'SERVER_PORT': '17010',
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'wsgi.version': (1, 0),
        'zato.channel_name': 'my.channel',
        'zato.http.remote_addr': '127.0.0.1',
    }


@pytest.mark.parametrize(
    ('host', 'name', 'port'), [('h', 'h', ''), ('[::1]:17010', '[::1]', '17010'), ('[::1]', '[::1]', ''), (None, '', '')]
)
def test_the_servers_name_and_port_are_those_of_the_host_header(host: str | None, name: str, port: str) -> None:
    seen: list[Any] = []
    Configured(service(lambda service: seen.append(service.wsgi_environ))).ask(**({'host': host} if host else {}))
    assert (seen[0]['SERVER_NAME'], seen[0]['SERVER_PORT']) == (name, port)


def test_a_target_has_the_request_as_wsgi_has_it_and_one_in_the_background_has_none() -> None:
    seen: list[Any] = []

    def handle(self: Service) -> None:
        self.invoke('target')
        self.invoke_async('target')

    rest = Configured(service(handle))
    target = service(lambda service: seen.append(service.wsgi_environ.get('REQUEST_METHOD')), 'target')
    rest.invoker.store.swap({'n': {'target': target}})
    rest.ask()
    gevent.wait()
    assert seen == ['POST', None]


# Secrets


@pytest.mark.parametrize('data_format', ['json', 'form', 'csv', 'xml'])
def test_secrets_reach_a_service_encrypted(data_format: str) -> None:
    bodies = {
        'json': b'{"user": "u", "password": "p"}',
        'form': b'user=u&password=p',
        'csv': b'user,password\r\nu,p\r\n',
        'xml': b'<r><user>u</user><password>p</password></r>',
    }
    seen: list[Any] = []
    made = service(lambda service: seen.append(service.request.input), input=('user', 'password', '-token'))
    assert REST(made, data_format=data_format).ask(bodies[data_format]).status == 200
    [found] = seen[0] if data_format == 'csv' else seen
    assert (found['user'], found['token']) == ('u', '')
    assert found['password'].startswith('zato.secf.gAAAA')
    assert CIPHER.decrypt(found['password'].removeprefix('zato.secf.')) == 'p'


def test_a_secret_in_the_url_is_encrypted_too_and_an_empty_one_stays_empty() -> None:
    seen: list[Any] = []

    def handle(self: Service) -> None:
        seen.append({key: value and self.crypto.decrypt(value) for key, value in self.request.input.items()})

    rest = REST(service(handle, input=('token', '-password')))
    assert rest.ask(b'{"password": ""}', b'/a?token=t').status == 200
    assert seen == [{'token': 't', 'password': ''}]


# Correlation IDs


@pytest.mark.parametrize('made', [answering({}), raising(ValueError()), answering({}, input='a')])
def test_each_answer_has_a_cid_of_its_own_that_the_service_knows(made: CompiledService) -> None:
    rest = Configured(made)
    answers = [rest.ask() for _ in range(3)]
    assert len({answer.cid for answer in answers}) == 3
    assert {len(answer.cid) for answer in answers} == {24}


def test_the_cid_of_the_answer_is_the_services() -> None:
    answer = Configured(service(lambda service: setattr(service.response, 'payload', service.cid))).ask()
    assert answer.body.decode() == answer.cid


@pytest.mark.parametrize(
    ('path', 'shown'),
    [('/reset/{token}/{id}', b'/reset/{token}/{id}'), ('/user/{id}', b'/user/abc'), ('/user/abc', b'/user/abc')],
)
def test_parameters_of_paths_that_are_secrets_are_not_shown(path: str, shown: bytes) -> None:
    rest = Configured(url_path=path)
    asked = request(b'', b'/reset/abc/1' if b'token' in shown else b'/user/abc')
    assert rest.pipeline.respond(asked).status == 200
    assert (asked.shown_path, asked.path[-1:]) == (shown, b'1' if b'token' in shown else b'c')
