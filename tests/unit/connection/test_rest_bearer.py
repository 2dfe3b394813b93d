"""Bearer tokens: asked for once, kept, renewed in time, and dropped once a target refuses them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import gevent
import pytest
from gevent.event import Event

from tests.support.clock import HandClock
from tests.unit.connection.outgoing import FakeTransport, World, told
from zato.common.config.kinds.security_bearer_token import SecurityBearerToken
from zato.common.exception import (
    CallTimeout,
    ConnectionMissing,
    Inactive,
    NotReachable,
    RequestInvalid,
    TokenRefused,
    TokenUnavailable,
)
from zato.common.version import version
from zato.server.connection.rest.bearer import BearerTokens, scopes_of
from zato.server.connection.rest.message import Inbound, Outbound, TransportOptions
from zato.server.service import Service

PATIENCE = 30.0  #: seconds after which what a test waits for does not happen
TITLE = 'Bearer token `crm`'
SETTINGS = {'username': 'client', 'password': 'sé cret', 'auth_server_url': 'https://auth.example:8443/oauth2/token?x=1'}


class AuthServer:
    """Gives tokens token-1, token-2 and so on. more: what else its answers have."""

    def __init__(self, **settings: Any) -> None:
        self.clock = HandClock()
        self.more: dict[str, Any] = {'token_type': 'Bearer', 'expires_in': 3_600}
        self.answer: Callable[[Outbound], Inbound] = self._give
        options = TransportOptions(title=TITLE, timeout=1, connect_timeout=1, pool_size=1, max_redirects=0, max_response=1)
        self.transport: Any = FakeTransport(options, lambda: self.answer)
        declared = SecurityBearerToken(**{**SETTINGS, **settings})
        self.tokens = BearerTokens(TITLE, declared, self.transport, clock=self.clock)

    @property
    def asked(self) -> list[Outbound]:
        sent: list[Outbound] = self.transport.sent
        return sent

    def _give(self, request: Outbound) -> Inbound:
        return told({'access_token': f'token-{len(self.asked)}', **self.more})


def form_of(request: Outbound) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


# What is asked


def test_a_token_is_asked_for_with_client_credentials() -> None:
    server = AuthServer(scopes='read\nwrite', extra_fields='audience=https://api.example/\n\nresource = a=b')
    assert server.tokens.get() == 'token-1'
    [request] = server.asked
    assert (request.method, request.url) == ('POST', 'https://auth.example:8443/oauth2/token?x=1')
    assert request.headers == {
        'User-Agent': f'Zato/{version}',
        'Accept': 'application/json',
        'Content-Type': 'application/x-www-form-urlencoded',
    }
    assert form_of(request) == {
        'grant_type': 'client_credentials',
        'client_id': 'client',
        'client_secret': 'sé cret',
        'scope': 'read write',
        'audience': 'https://api.example/',
        'resource': 'a=b',
    }


def test_names_of_fields_and_the_format_are_as_configured() -> None:
    server = AuthServer(data_format='json', client_id_field='id', client_secret_field='key', grant_type='other')
    server.tokens.get()
    [request] = server.asked
    assert request.headers['Content-Type'] == 'application/json'
    assert json.loads(request.body) == {'grant_type': 'other', 'id': 'client', 'key': 'sé cret'}


@pytest.mark.parametrize(
    ('given', 'scopes'),
    [('', ''), ('a', 'a'), ('a\nb  c\n', 'a b c'), (['a', 'b c'], 'a b c'), (('a',), 'a'), ([], '')],
)
def test_scopes_may_be_lines_words_or_a_list(given: Any, scopes: str) -> None:
    assert scopes_of(given) == scopes


@pytest.mark.parametrize('given', [5, None, [1], {'a': 1}])
def test_scopes_are_nothing_else(given: Any) -> None:
    with pytest.raises(RequestInvalid, match='`auth_scopes` must be text or a list of texts'):
        scopes_of(given)


# How long they are kept


def test_each_set_of_scopes_has_a_token_of_its_own() -> None:
    server = AuthServer(scopes='read')
    found = [server.tokens.get(scopes) for scopes in ('', 'write', 'read', '', 'write')]
    assert found == ['token-1', 'token-2', 'token-1', 'token-1', 'token-2']


@pytest.mark.parametrize(
    ('more', 'stale', 'expires'),
    [
        ({'expires_in': 3_600}, 3_240, 3_600),
        ({'expires_in': '3600'}, 3_240, 3_600),
        ({'expires_in': 100}, 70, 100),
        ({'expires_in': 40}, 20, 40),
        ({}, 30, 60),
        ({'expires_in': None}, 30, 60),
        ({'expires_in': 'soon'}, 30, 60),
        ({'expires_in': -1}, 30, 60),
        ({'.expires': format_datetime(HandClock().utcnow() + timedelta(seconds=1_000))}, 900, 1_000),
        ({'.expires': 'soon'}, 30, 60),
    ],
)
def test_a_token_is_renewed_beside_the_calls_before_it_expires(more: dict[str, Any], stale: int, expires: int) -> None:
    server = AuthServer()
    server.more = more
    assert server.tokens.get() == 'token-1'
    server.clock.now += stale - 1
    assert server.tokens.get() == 'token-1'
    assert len(server.asked) == 1
    server.clock.now += 2
    assert server.tokens.get() == 'token-1', 'nobody waits for the new one'
    gevent.sleep(0)
    assert server.tokens.get() == 'token-2'


def test_a_token_is_never_used_once_it_has_expired() -> None:
    server = AuthServer()
    server.tokens.get()
    server.clock.now += 3_600
    assert server.tokens.get() == 'token-2'


def test_a_token_that_expires_at_once_is_used_once() -> None:
    server = AuthServer()
    server.more = {'expires_in': 0}
    assert [server.tokens.get(), server.tokens.get()] == ['token-1', 'token-2']


def test_the_old_token_is_used_while_it_is_valid_though_renewing_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    server = AuthServer()
    server.tokens.get()
    server.clock.now += 3_500
    server.answer = lambda request: told(status=503)
    for _ in range(5):
        assert server.tokens.get() == 'token-1'
        gevent.sleep(0)
    assert len(server.asked) == 2, 'it is not asked again and again'
    server.clock.now += 1
    server.tokens.get()
    gevent.sleep(0)
    assert len(server.asked) == 3
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    server.clock.now += 100
    with pytest.raises(TokenUnavailable):
        server.tokens.get()


def test_however_many_calls_want_a_token_it_is_asked_for_once() -> None:
    server = AuthServer()
    answered = Event()
    give = server.answer

    def slow(request: Outbound) -> Inbound:
        assert answered.wait(PATIENCE)
        return give(request)

    server.answer = slow
    first = gevent.spawn(server.tokens.get)
    others = [gevent.spawn(server.tokens.get) for _ in range(10)]
    gevent.sleep(0)
    first.kill()
    answered.set()
    gevent.joinall(others, timeout=PATIENCE)
    assert [call.value for call in others] == ['token-1'] * 10, 'also when the one that asked was cut off'
    assert len(server.asked) == 1


def test_a_call_does_not_wait_for_a_token_longer_than_it_may() -> None:
    server = AuthServer()
    forever = Event()
    server.answer = lambda request: told(forever.wait(PATIENCE))
    with pytest.raises(CallTimeout, match=r'https://auth\.example:8443 gave no token in time'):
        server.tokens.get(deadline=server.clock.now + 0.01)
    forever.set()
    gevent.sleep(0)


# What goes wrong

_NO_TOKEN = 'https://auth.example:8443 answered 200 without a token in `access_token`'


@pytest.mark.parametrize(
    ('answer', 'error', 'text'),
    [
        (told({'error': 'invalid_client', 'error_description': 'sé cret'}, 401), TokenRefused,
         'https://auth.example:8443 answered 401 invalid_client and gave no token'),
        (told({'error': 'sé cret'}, 400), TokenRefused, 'https://auth.example:8443 answered 400 and gave no token'),
        (told({'error': []}, 400), TokenRefused, 'https://auth.example:8443 answered 400 and gave no token'),
        (told(b'<html>', 302), TokenRefused, 'https://auth.example:8443 answered 302 and gave no token'),
        (told(b'', 503), TokenUnavailable, 'https://auth.example:8443 answered 503 and gave no token'),
        (told(b'', 429), TokenUnavailable, 'https://auth.example:8443 answered 429 and gave no token'),
        (told(b'<html>'), TokenRefused, _NO_TOKEN),
        (told([1]), TokenRefused, _NO_TOKEN),
        (told({'access_token': ''}), TokenRefused, _NO_TOKEN),
        (told({'access_token': 'a\r\nb'}), TokenRefused, _NO_TOKEN),
        (told({'access_token': 'a', 'token_type': 'DPoP'}), TokenRefused,
         'https://auth.example:8443 gave a token that is no bearer token'),
    ],
)  # fmt: skip
def test_an_answer_without_a_token_is_an_error_that_names_the_server_and_no_secret(
    answer: Inbound, error: type[TokenUnavailable], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = AuthServer()
    server.answer = lambda request: answer
    with pytest.raises(TokenUnavailable) as info:
        server.tokens.get()
    assert type(info.value) is error
    assert str(info.value) == f'{TITLE}: {text}'
    assert (info.value.status, info.value.retryable) == (502, error is TokenUnavailable)
    assert 'sé cret' not in caplog.text
    server.answer = lambda request: told({'access_token': 'token'})
    assert server.tokens.get() == 'token', 'it is tried again'


def refuse(request: Outbound) -> Inbound:
    raise NotReachable(msg=f'{TITLE}: https://auth.example:8443: the connection was refused, after 0.001 s')


def test_a_server_that_is_not_there_is_an_error_of_the_token() -> None:
    server = AuthServer()
    server.answer = refuse
    with pytest.raises(TokenUnavailable, match='the connection was refused') as info:
        server.tokens.get()
    assert info.value.retryable


def test_a_mistake_of_ours_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    server = AuthServer()
    server.answer = lambda request: 1 / 0  # type: ignore[return-value]  # on purpose
    with pytest.raises(TokenUnavailable, match='the log of the server says why'):
        server.tokens.get()
    assert 'ZeroDivisionError' in caplog.text


# Through connections


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path, monkeypatch)
    world.put('security_bearer_token', 'crm', 5, **SETTINGS)
    world.crm(security=5, breaker_failures=1)
    return world


def tokens_that(world: World, is_accepted: Callable[[str], bool]) -> None:
    """The authorization server gives token-1, token-2 and so on, and the target accepts some."""

    def send(request: Outbound) -> Inbound:
        if request.url == SETTINGS['auth_server_url']:
            return told({'access_token': f'token-{len(world.transports[TITLE].sent)}', 'expires_in': 3_600})
        return told(status=200 if is_accepted(request.headers['Authorization']) else 401)

    world.send = send


def test_a_token_goes_along(world: World) -> None:
    tokens_that(world, lambda value: True)
    for _ in range(3):
        assert world.get().ok
    assert world.header['authorization'] == 'Bearer token-1'
    assert len(world.transports[TITLE].sent) == 1
    options = world.transports[TITLE].options
    assert (options.max_redirects, options.tls_verify) == (0, True)


def test_a_token_that_the_target_refuses_is_asked_for_anew_once(world: World) -> None:
    tokens_that(world, lambda value: value == 'Bearer token-2')
    assert world.post('data').ok
    assert [request.body for request in world.transport.sent] == [b'data', b'data']
    assert world.post().ok
    assert len(world.transports[TITLE].sent) == 2


def test_a_target_that_refuses_each_token_is_not_asked_for_ever(world: World) -> None:
    tokens_that(world, lambda value: False)
    assert world.get().status_code == 401
    assert (len(world.transport.sent), len(world.transports[TITLE].sent)) == (2, 2)


def test_a_call_may_name_its_scopes(world: World) -> None:
    tokens_that(world, lambda value: True)
    world.get(auth_scopes=['a', 'b'])
    assert form_of(world.transports[TITLE].sent[0])['scope'] == 'a b'
    world.crm()
    world.get(sec_def_name='crm', auth_scopes='a b')
    assert world.header['authorization'] == 'Bearer token-1'


def test_a_failure_to_get_a_token_does_not_open_the_targets_circuit(world: World) -> None:
    world.send = refuse
    for _ in range(2):
        with pytest.raises(TokenUnavailable):
            world.get()
    tokens_that(world, lambda value: True)
    assert world.get().ok


def test_a_definition_that_is_edited_has_its_tokens_dropped(world: World) -> None:
    tokens_that(world, lambda value: True)
    world.get()
    old = world.transports[TITLE]
    world.put('security_bearer_token', 'crm', 5, **{**SETTINGS, 'password': 'new'})
    world.get()
    assert old.is_closed
    assert [form_of(request)['client_secret'] for request in world.transports[TITLE].sent] == ['new']


def test_a_definition_that_is_not_active_gives_no_tokens(world: World) -> None:
    world.put('security_bearer_token', 'crm', 5, is_active=False, **SETTINGS)
    with pytest.raises(Inactive, match='Bearer token `crm` is inactive'):
        world.get()


# self.security


def test_a_service_may_have_a_token_for_itself(world: World) -> None:
    tokens_that(world, lambda value: True)

    def handle(self: Service) -> list[Any]:
        found = self.security.get_bearer_token_by_name('crm')
        by_id = self.security.get_bearer_token_by_id(5)
        assert repr(found) == '<BearerToken `crm`>'
        assert (found['name'], found['username'], found['password'], len(found)) == (
            'crm',
            'client',
            'sé cret',
            len(list(found)),
        )
        return [found.token, by_id.token, found.get_token(['a']), found.get_token('a')]

    assert world.run(handle) == ['token-1', 'token-1', 'token-2', 'token-2']


def test_a_definition_that_there_is_not_is_a_key_error(world: World) -> None:
    with pytest.raises(ConnectionMissing, match='There is no Bearer token `crn`; did you mean `crm`'):
        world.run(lambda service: service.security.get_bearer_token_by_name('crn'))
    for id in (1, 99):
        with pytest.raises(KeyError, match=f'There is no Bearer token with ID {id}'):
            world.run(lambda service, id=id: service.security.get_bearer_token_by_id(id))
