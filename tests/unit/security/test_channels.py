"""Channels with definitions and groups: who gets in, how others are refused, what services see, what changes do at once."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.audit_log import recorder
from tests.support.runtimes import runtimes_of
from tests.support.security import Headers, basic, bearer, security_parts
from tests.unit.channel.rest import CIPHER, REST, request, service
from zato.common.alarm import Alarms
from zato.common.config.stored import StoredObject
from zato.server.config.objects import ConfigObjects
from zato.server.http.message import Response
from zato.server.security.jwt import LogIns

JANE, PARTNERS, TOKENS, CRM, GROUP, EMPTY = 11, 12, 13, 14, 21, 22
KEY, CRM_KEY = {b'x-api-key': b'abc'}, {b'x-crm': b'abc'}
SECRET = {'password': CIPHER.encrypt('abc')}
OTHER_SECRET = {'password': CIPHER.encrypt('xyz')}
SECURITY: dict[int, tuple[str, dict[str, Any]]] = {
    JANE: ('security_basic_auth', {'username': 'jane', 'realm': 'Shop', **SECRET}),
    PARTNERS: ('security_apikey', SECRET),
    TOKENS: ('security_jwt', {'username': 'joe', **SECRET}),
    CRM: ('security_apikey', {'header': 'X-CRM', **SECRET}),
    GROUP: ('security_group', {'members': [JANE, PARTNERS, CRM]}),
    EMPTY: ('security_group', {}),
}
CHANNELS: dict[str, dict[str, Any]] = {
    'basic': {'security': JANE},
    'key': {'security': PARTNERS},
    'jwt': {'security': TOKENS},
    'group': {'security_groups': [EMPTY, GROUP]},
    'empty': {'security_groups': [EMPTY]},
    'both': {'security': TOKENS, 'security_groups': [GROUP]},
}
KINDS = {'service', 'channel_rest', *(kind for kind, _ in SECURITY.values())}


class Shop(REST):
    """Channels that lead to one service, as users configure them."""

    def __init__(self) -> None:
        self.channels: list[Any] = []
        super().__init__(service(lambda service: self.channels.append(service.channel)), path='/zato/other')
        parts = security_parts()
        self.log_ins: LogIns = next(part for part in parts if isinstance(part, LogIns))
        self.objects = ConfigObjects({}, CIPHER.decrypt, Alarms())
        self.objects.use(runtimes_of(KINDS, [self.routes, self.invoker.store, *parts, recorder(), self.objects]))
        self.put(1, 'service', self.service.name, impl_name='m.MyService')
        for id in SECURITY:
            self.edit(id)
        for number, (name, options) in enumerate(CHANNELS.items(), 31):
            self.put(number, 'channel_rest', name, url_path=f'/{name}', service=1, data_format='json', **options)
        assert self.objects.errors == {}

    def edit(self, id: int, name: str = '', *, is_active: bool = True, **changes: Any) -> None:
        """A definition or a group."""
        kind, settings = SECURITY[id]
        self.put(id, kind, name or f's{id}', is_active=is_active, **{**settings, **changes})

    def put(self, id: int, kind: str, name: str, *, is_active: bool = True, **settings: Any) -> None:
        self.objects.put([StoredObject(id=id, kind=kind, name=name, is_active=is_active, version=1, settings=settings)])

    def log_in(self) -> Headers:
        token = self.log_ins.log_in('joe', 'abc')
        assert token is not None
        return bearer(token)

    def call(self, path: str, headers: Headers) -> Response:
        made = request(target=path.encode())
        made.headers.update(headers)
        return self.pipeline.respond(made)

    def status(self, path: str, headers: Headers) -> int:
        return self.call(path, headers).status

    def refusal(self, path: str, headers: Headers) -> tuple[int, str, str]:
        """Status, details, and the challenge."""
        response = self.call(path, headers)
        assert isinstance(response.body, bytes)
        details = json.loads(response.body)['details'].replace(response.cid, 'CID')
        return response.status, details, dict(response.headers).get(b'WWW-Authenticate', b'').decode()

    def definition(self, path: str, headers: Headers) -> tuple[int, str, str, str]:
        """Who let these headers in, as the service sees it: ID, name, type, user name."""
        assert self.status(path, headers) == 200
        channel = self.channels.pop()
        assert (channel.name, channel.match_target) == (path[1:], path)
        return channel.security.id, channel.security.name, channel.security.type, channel.security.username


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_each_kind_lets_its_clients_in_and_services_see_by_which_definition(shop: Shop) -> None:
    assert shop.definition('/basic', basic('jane', 'abc')) == (JANE, 's11', 'basic_auth', 'jane')
    assert shop.definition('/key', KEY) == (PARTNERS, 's12', 'apikey', '')
    assert shop.definition('/jwt', shop.log_in()) == (TOKENS, 's13', 'jwt', 'joe')


@pytest.mark.parametrize(
    ('headers', 'found'),
    [
        (basic('jane', 'abc'), (JANE, 's11', 'basic_auth', 'jane')),
        (KEY, (PARTNERS, 's12', 'apikey', '')),
        (CRM_KEY, (CRM, 's14', 'apikey', '')),
    ],
)
def test_services_see_which_member_of_a_group_it_was(shop: Shop, headers: Headers, found: Any) -> None:
    for _ in range(2):
        assert shop.definition('/group', headers) == found


@pytest.mark.parametrize(
    ('path', 'headers', 'refusal'),
    [
        ('/basic', {}, (401, 'Unauthorized; cid=CID', 'Basic realm="Shop"')),
        ('/basic', basic('jane', 'x'), (401, 'Unauthorized; cid=CID', 'Basic realm="Shop"')),
        ('/key', {}, (401, '401 Unauthorized', '')),
        ('/key', {b'x-api-key': b'x'}, (401, '401 Unauthorized', '')),
        ('/key', CRM_KEY, (401, '401 Unauthorized', '')),
        ('/jwt', {}, (401, 'Unauthorized; path=/jwt; cid=CID', 'JWT')),
        ('/jwt', bearer('x.y.z'), (401, 'Unauthorized; path=/jwt; cid=CID', 'JWT')),
        ('/group', {}, (403, 'You are not allowed to access this resource', '')),
        ('/group', basic('jane', 'x'), (403, 'You are not allowed to access this resource', '')),
        ('/group', {**basic('jane', 'abc'), **KEY}, (400, 'Bad request', '')),
        ('/empty', {**KEY}, (403, 'You are not allowed to access this resource', '')),
        ('/both', {}, (401, 'Unauthorized; path=/both; cid=CID', 'JWT')),
        ('/both', KEY, (401, 'Unauthorized; path=/both; cid=CID', 'JWT')),
    ],
)
def test_others_are_refused_as_clients_know_it(shop: Shop, path: str, headers: Headers, refusal: Any) -> None:
    assert shop.refusal(path, headers) == refusal
    assert shop.channels == []


def test_a_channel_with_both_needs_both(shop: Shop) -> None:
    token = shop.log_in()
    assert shop.refusal('/both', token)[0] == 403
    assert shop.refusal('/both', {**token, b'x-api-key': b'x'})[0] == 403
    assert shop.definition('/both', {**token, **KEY}) == (PARTNERS, 's12', 'apikey', '')


@pytest.fixture(scope='module')
def open_shop() -> Shop:
    """One for many examples, which do it no harm."""
    return Shop()


@given(data=st.binary(max_size=50), name=st.sampled_from([b'authorization', b'x-api-key', b'x-crm']))
def test_no_header_whatever_is_an_error_of_the_server(open_shop: Shop, data: bytes, name: bytes) -> None:
    for path in CHANNELS:
        for value in (data, b'Basic ' + data, b'Bearer ' + data):
            if value != b'abc':
                assert open_shop.status(f'/{path}', {name: value}) in (401, 403)


def test_refusals_are_not_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for path in CHANNELS:
        shop.call(f'/{path}', bearer('x.y.z'))
    assert caplog.records == []


def test_nobody_fills_the_log_by_calls_of_what_is_down_since_its_alarm_has_told(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.edit(JANE, password='$X_NO_SUCH_VARIABLE')
    caplog.clear()
    assert shop.refusal('/basic', {}) == (503, 'The channel is down; the log of the server says why', '')
    assert caplog.records == []


# Changes


@pytest.mark.parametrize(('id', 'path', 'headers'), [(JANE, '/basic', basic('jane', 'abc')), (PARTNERS, '/key', KEY)])
def test_a_definition_that_is_not_active_lets_nobody_in_and_refuses_as_ever(
    shop: Shop, id: int, path: str, headers: Headers
) -> None:
    as_ever = shop.refusal(path, {})
    shop.edit(id, is_active=False)
    assert shop.refusal(path, headers) == as_ever
    assert shop.refusal('/group', headers)[0] == 403
    shop.edit(id)
    assert shop.status(path, headers) == shop.status('/group', headers) == 200


def test_a_jwt_definition_that_is_not_active_lets_nobody_in_and_gives_no_tokens(shop: Shop) -> None:
    token = shop.log_in()
    shop.edit(TOKENS, is_active=False)
    assert shop.refusal('/jwt', token) == (401, 'Unauthorized; path=/jwt; cid=CID', 'JWT')
    assert shop.log_ins.log_in('joe', 'abc') is None


def test_a_password_that_was_changed_counts_at_once_in_channels_and_groups(shop: Shop) -> None:
    token = shop.log_in()
    for id in (JANE, PARTNERS, TOKENS):
        shop.edit(id, **OTHER_SECRET)
    for path, old, new in (
        ('/basic', basic('jane', 'abc'), basic('jane', 'xyz')),
        ('/key', KEY, {b'x-api-key': b'xyz'}),
        ('/group', basic('jane', 'abc'), basic('jane', 'xyz')),
        ('/group', KEY, {b'x-api-key': b'xyz'}),
    ):
        assert shop.status(path, old) in (401, 403)
        assert shop.status(path, new) == 200
    assert shop.status('/jwt', token) == 401
    assert shop.log_ins.log_in('joe', 'abc') is None
    assert shop.log_ins.log_in('joe', 'xyz') is not None


def test_a_name_that_was_changed_is_seen_at_once(shop: Shop) -> None:
    assert shop.definition('/group', KEY)[1] == 's12'
    shop.edit(PARTNERS, 'new')
    assert shop.definition('/group', KEY)[1] == shop.definition('/key', KEY)[1] == 'new'


def test_members_come_and_go_at_once(shop: Shop) -> None:
    shop.edit(GROUP, members=[JANE])
    assert (shop.status('/group', KEY), shop.status('/group', basic('jane', 'abc'))) == (403, 200)
    shop.edit(EMPTY, members=[PARTNERS])
    assert (shop.status('/group', KEY), shop.status('/empty', KEY)) == (200, 200)
    shop.edit(EMPTY, members=[PARTNERS], is_active=False)
    assert (shop.status('/group', KEY), shop.status('/empty', KEY)) == (403, 403)


def test_a_token_that_another_worker_ended_is_forgotten_when_the_definition_is_read_again(shop: Shop) -> None:
    token, other = shop.log_in(), shop.log_in()
    assert shop.status('/jwt', token) == 200
    assert shop.log_ins.log_out(token) > 0
    assert shop.status('/jwt', token) == 200, 'the event has not arrived yet'
    shop.edit(TOKENS)
    assert (shop.status('/jwt', token), shop.status('/jwt', other)) == (401, 200)
