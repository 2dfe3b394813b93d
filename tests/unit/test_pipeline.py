"""What becomes of a request: who is let in, what the service gets, which errors the client sees."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from zato.common.api import CHANNEL
from zato.common.exception import (
    BadRequest,
    Conflict,
    Fault,
    HTTPException,
    NotFound,
    ServiceUnavailable,
    Unauthorized,
    ZatoException,
)
from zato.server.channel.channel import Channel
from zato.server.channel.compression import compress
from zato.server.channel.format.registry import data_format
from zato.server.channel.pipeline import Pipeline
from zato.server.channel.routes import Routes
from zato.server.http.message import Request, Response
from zato.server.security.principal import ANONYMOUS, Principal
from zato.server.service import Service
from zato.server.service.channel_info import ChannelInfo
from zato.server.service.compiled import CompiledService, compile_service
from zato.server.service.facades import Facades
from zato.server.service.invoker import Invoker
from zato.server.service.store import ServiceStore


class Auth:
    """Lets Alice in."""

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        return Principal('alice', 'operator') if headers.get(b'authorization') == b'alice' else None

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return Unauthorized(cid, f'Not at {path.decode()}', 'Basic realm="API"')


class Setup:
    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.raises: BaseException | None = None
        self.routes = Routes()
        self.invoker = Invoker(ServiceStore(), Facades({}))
        self.pipeline = Pipeline(self.routes, self.invoker, lambda e: 'An error has occurred')
        seen, setup = self.seen, self

        def handle(self: Any) -> None:
            seen.append((self._call.principal, str(self.channel), dict(self.request.input)))
            if setup.raises is not None:
                raise setup.raises
            self.response.payload = {'ok': True}

        self.service = compile_service(type('MyService', (Service,), {'name': 'my.service', 'handle': handle}))
        self.channel = Channel(
            name='mine',
            path='/a/{b}',
            method='POST',
            security=Auth(),
            resolve=self.resolve,
            format=data_format('json'),
            info=ChannelInfo(name='mine', type=CHANNEL.HTTP_SOAP),
        )

    def resolve(self, params: dict[str, str], cid: str) -> CompiledService:
        return self.service

    def ask(self, path: bytes = b'/a/1', method: bytes = b'POST', *, body: bytes = b'', user: bytes = b'alice') -> Response:
        return self.pipeline.respond(self.request(path, method, body=body, user=user))

    @staticmethod
    def request(path: bytes = b'/a/1', method: bytes = b'POST', *, body: bytes = b'', user: bytes = b'alice') -> Request:
        headers = {b'authorization': user} if user else {}
        path, _, query = path.partition(b'?')
        request = Request(method, path, query, b'1.1', headers, '')
        request.body = body
        return request


@pytest.fixture
def setup() -> Setup:
    created = Setup()
    created.routes.add(created.channel)
    return created


def details(response: Response) -> Any:
    return json.loads(response.body)['details']


def header(response: Response, name: bytes) -> bytes | None:
    return dict(response.headers).get(name)


def test_a_service_runs_for_the_one_who_called_with_what_is_in_path_query_and_body(setup: Setup) -> None:
    response = setup.ask(b'/a/%C3%BC?q=2', body=b'{"c": 3}')
    assert (response.status, json.loads(response.body), response.channel) == (200, {'ok': True}, 'mine')
    assert setup.seen == [(Principal('alice', 'operator'), 'mine', {'b': 'ü', 'q': '2', 'c': 3})]


def test_a_channel_without_security_runs_for_nobody_in_particular(setup: Setup) -> None:
    setup.routes.remove(setup.channel)
    setup.routes.add(replace(setup.channel, security=None))
    assert setup.ask(user=b'').status == 200
    assert setup.seen[0][0] == ANONYMOUS


@pytest.mark.parametrize('user', [b'', b'bob'])
def test_without_the_right_credentials_the_body_is_not_even_parsed(setup: Setup, user: bytes) -> None:
    response = setup.ask(user=user, body=b'{')
    assert response.status == 401
    assert header(response, b'WWW-Authenticate') == b'Basic realm="API"'
    assert setup.seen == []


def test_an_inactive_channel_is_not_found_whoever_asks(setup: Setup) -> None:
    setup.routes.remove(setup.channel)
    setup.routes.add(replace(setup.channel, is_active=False))
    for user in (b'alice', b''):
        response = setup.ask(user=user)
        assert (response.status, details(response)) == (404, 'Channel inactive')
    assert setup.seen == []


def test_a_method_that_no_channel_takes_is_answered_with_those_that_are_taken(setup: Setup) -> None:
    setup.routes.add(replace(setup.channel, name='other', method='PUT'))
    response = setup.ask(method=b'GET')
    assert (response.status, header(response, b'Allow')) == (405, b'POST, PUT')
    response = setup.ask(method=b'BREW')
    assert (response.status, header(response, b'Allow')) == (405, b'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT')
    assert setup.ask(b'/b').status == 404


@pytest.mark.parametrize('path', [b'/a/%FF', b'/a/\xff'])
def test_a_path_that_is_not_utf8_is_a_bad_request(setup: Setup, path: bytes) -> None:
    response = setup.ask(path)
    assert (response.status, details(response)) == (400, 'The URL path is not UTF-8')


@pytest.mark.parametrize(
    ('path', 'method', 'user', 'status'),
    [
        (b'/a/1', b'POST', b'alice', None),
        (b'/a/1', b'POST', b'', 401),
        (b'/b', b'POST', b'', 404),
        (b'/a/1', b'GET', b'', 405),
    ],
)
def test_what_will_be_refused_is_known_before_its_body_is_read(
    setup: Setup, path: bytes, method: bytes, user: bytes, status: int | None
) -> None:
    response = setup.pipeline.refuse(setup.request(path, method, user=user))
    assert (response.status if response is not None else None) == status


@pytest.mark.parametrize(
    ('error', 'status', 'told', 'told_to_admins'),
    [
        (BadRequest('cid', 'what is wrong', needs_msg=True), 400, 'what is wrong', 'what is wrong'),
        (BadRequest('cid', 'what is wrong'), 400, 'Bad request', 'what is wrong'),
        (ValueError('inside'), 500, 'An error has occurred', 'ValueError: inside'),
        (ZatoException('cid', 'inside'), 500, 'An error has occurred', 'ZatoException: inside'),
        (SystemExit(3), 500, 'An error has occurred', 'SystemExit: 3'),
    ],
)
def test_a_client_is_told_of_errors_what_it_may_know(
    setup: Setup, error: BaseException, status: int, told: str, told_to_admins: str
) -> None:
    setup.raises = error
    response = setup.ask()
    assert (response.status, details(response)) == (status, told)
    setup.routes.remove(setup.channel)
    setup.routes.add(replace(setup.channel, has_full_errors=True))
    response = setup.ask()
    assert (response.status, details(response)) == (status, told_to_admins)


FAULTS = [Fault(0, 'url_path', 'is required'), Fault(2, '', 'is named twice')]


def test_what_is_wrong_with_each_change_is_told_where_the_text_is(setup: Setup) -> None:
    setup.raises = BadRequest('c1', 'what is wrong', needs_msg=True).with_errors(FAULTS)
    told = json.loads(setup.ask().body)
    assert told['details'] == 'what is wrong'
    assert told['errors'] == [
        {'change': 0, 'key': 'url_path', 'text': 'is required'},
        {'change': 2, 'key': '', 'text': 'is named twice'},
    ]
    setup.raises = BadRequest('c1', 'what is wrong').with_errors(FAULTS)
    assert json.loads(setup.ask().body).keys() == {'result', 'cid', 'details'}
    setup.raises = BadRequest('c1', 'what is wrong', needs_msg=True)
    assert json.loads(setup.ask().body).keys() == {'result', 'cid', 'details'}


@pytest.mark.parametrize('errors', [3, ['mine'], ('mine',), None])
def test_a_users_exception_that_has_something_else_of_that_name_is_told_as_ever(setup: Setup, errors: Any) -> None:
    class Mine(BadRequest):
        def __init__(self) -> None:
            super().__init__('c1', 'what is wrong', needs_msg=True)
            self.errors = errors

    setup.raises = Mine()
    answer = setup.ask()
    assert (answer.status, json.loads(answer.body).keys()) == (400, {'result', 'cid', 'details'})


@pytest.mark.parametrize('has_cause', [False, True])
def test_a_failure_that_a_service_tells_its_client_of_is_in_the_log_too(
    setup: Setup, caplog: pytest.LogCaptureFixture, has_cause: bool
) -> None:
    error = ServiceUnavailable('c1', 'the backend is down')
    error.__cause__ = ConnectionError('refused') if has_cause else None
    setup.raises = error
    response = setup.ask()
    assert (response.status, details(response)) == (503, 'the backend is down')
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == f'Request failed (cid: {response.cid}, channel: mine): the backend is down'
    assert (record.exc_info is not None) == has_cause


def test_what_only_the_client_has_got_wrong_is_not_in_the_log(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.raises = BadRequest('c1', 'what is wrong', needs_msg=True)
    setup.ask()
    assert caplog.records == []


def test_an_error_whose_text_is_not_for_the_client_is_told_by_its_status(setup: Setup) -> None:
    setup.raises = NotFound('c1', 'no row 5 in table customer', needs_msg=False)
    assert details(setup.ask()) == 'Not Found'


def test_an_error_class_of_a_user_need_not_call_the_base_class(setup: Setup) -> None:
    class Mine(Conflict):
        def __init__(self) -> None:
            pass

    setup.raises = Mine()
    response = setup.ask()
    assert (response.status, details(response)) == (409, 'Conflict')


def test_the_body_of_a_compressed_form_is_a_form_for_services_that_are_invoked_too(setup: Setup) -> None:
    seen: list[Any] = []
    inner = compile_service(
        type('Inner', (Service,), {'name': 'inner', 'handle': lambda self: seen.append(dict(self.request.http.POST))})
    )
    setup.invoker.store.swap({'m': {'inner': inner}})
    outer = type('Outer', (Service,), {'name': 'outer', 'handle': lambda self: self.invoke('inner', {'b': 1})})
    setup.service = compile_service(outer)
    setup.routes.remove(setup.channel)
    setup.routes.add(replace(setup.channel, format=data_format('')))
    request = setup.request(body=compress(b'a=1'))
    request.headers.update({b'content-encoding': b'gzip', b'content-type': b'application/x-www-form-urlencoded'})
    assert setup.pipeline.respond(request).status == 200
    assert seen == [{'a': '1'}]
