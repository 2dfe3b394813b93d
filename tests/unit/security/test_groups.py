"""Groups: any member lets a client in; both kinds of credentials, or none, do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.security import Headers, basic
from zato.common.exception import BadRequest, Forbidden, Unauthorized
from zato.server.security.apikey import APIKeyAuth
from zato.server.security.basic_auth import BasicAuth
from zato.server.security.definitions import Authenticator
from zato.server.security.groups import Group, GroupAuth
from zato.server.security.principal import Principal

JANE = BasicAuth('jane', 'secret', 'API', 1)
OTHER_JANE = BasicAuth('jane', 'other', 'API', 2)
KEY = APIKeyAuth('partners', 'X-API-Key', 'abc', 3)
OWN_HEADER = APIKeyAuth('crm', 'X-CRM', 'abc', 4)
MEMBERS = (JANE, OTHER_JANE, KEY, OWN_HEADER)


def key(value: bytes, header: bytes = b'x-api-key') -> Headers:
    return {header: value}


def who(headers: Headers, *groups: Group, own: Authenticator | None = None) -> int:
    """The definition that lets these headers in."""
    found = GroupAuth(groups or [Group(MEMBERS)], own).identify(headers)
    assert found is not None
    return found.definition


def refused(headers: Headers, *groups: Group) -> type[Exception]:
    with pytest.raises((BadRequest, Forbidden)) as e:
        who(headers, *groups)
    return e.type


@pytest.mark.parametrize(
    ('headers', 'definition'),
    [
        (basic('jane', 'secret'), 1),
        (basic('jane', 'other'), 2),
        (key(b'abc'), 3),
        (key(b'abc', b'x-crm'), 4),
        ({**key(b'wrong'), **key(b'abc', b'x-crm')}, 4),
        ({b'authorization': b'Bearer x', **key(b'abc')}, 3),
    ],
)
def test_each_member_lets_in_and_is_named(headers: Headers, definition: int) -> None:
    assert who(headers) == definition


@pytest.mark.parametrize(
    'headers',
    [
        {},
        basic('jane', 'wrong'),
        basic('joe', 'secret'),
        basic('jane', ''),
        key(b'wrong'),
        key(b''),
        key(b'secret'),
        key(b'jane:secret'),
        basic('x-api-key', 'abc'),
        key(b'abc', b'x-other'),
        {b'authorization': b'Basic ?'},
        {b'authorization': b'Basic'},
        {b'authorization': b''},
        {b'authorization': b'Bearer abc'},
    ],
)
def test_without_credentials_or_with_wrong_ones_it_is_403(headers: Headers) -> None:
    assert refused(headers) is Forbidden


@pytest.mark.parametrize('password', ['secret', 'wrong'])
@pytest.mark.parametrize('sent', [b'abc', b'wrong', b''])
def test_both_kinds_of_credentials_are_400_even_if_both_are_right(password: str, sent: bytes) -> None:
    assert refused({**basic('jane', password), **key(sent)}) is BadRequest


def test_a_header_that_is_no_members_is_no_credential() -> None:
    assert who({**basic('jane', 'secret'), **key(b'x')}, Group([JANE])) == 1


def test_the_first_of_two_members_that_want_the_same_is_named() -> None:
    again = BasicAuth('jane', 'secret', 'Other', 9)
    assert who(basic('jane', 'secret'), Group([again, JANE])) == 9
    assert who(basic('jane', 'secret'), Group([JANE, again])) == 1
    assert who(basic('jane', 'secret'), Group([KEY]), Group([again]), Group([JANE])) == 9


def test_a_group_of_nobody_lets_nobody_in() -> None:
    for headers in ({}, basic('jane', 'secret'), key(b'abc'), basic('', ''), key(b'')):
        assert refused(headers, Group([])) is Forbidden


def test_members_without_a_password_let_nobody_in() -> None:
    group = Group([BasicAuth('jane', '', 'API', 1), APIKeyAuth('k', 'X-API-Key', '', 2)])
    for headers in (basic('jane', ''), key(b''), {}):
        assert refused(headers, group) is Forbidden


def test_a_key_in_the_authorization_header_is_a_key() -> None:
    group = Group([APIKeyAuth('k', 'Authorization', 'Token abc', 5), JANE])
    assert who({b'authorization': b'Token abc'}, group) == 5
    assert who(basic('jane', 'secret'), group) == 1


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_bytes_whatever_let_in_or_are_another_error(authorization: bytes, value: bytes) -> None:
    for start in (b'', b'Basic ', b'basic '):
        assert refused({b'authorization': start + authorization}) in (BadRequest, Forbidden)
    if value != b'abc':
        assert refused({b'x-api-key': value, b'x-crm': value}) is Forbidden


# With a definition of the channel's own


def test_the_channels_own_definition_refuses_first_and_in_its_own_way() -> None:
    auth = GroupAuth([Group(MEMBERS)], JANE)
    assert auth.identify(key(b'abc')) is None
    refusal = auth.refusal(b'/a', 'cid')
    assert isinstance(refusal, Unauthorized)
    assert refusal.challenge == 'Basic realm="API"'


def test_both_are_needed_and_the_member_is_named() -> None:
    assert who(basic('jane', 'secret'), Group([OTHER_JANE, JANE]), own=JANE) == 1
    assert who({**basic('jane', 'secret'), **key(b'abc')}, Group([KEY]), own=JANE) == 3
    assert who({**basic('jane', 'secret'), **key(b'abc')}, Group([KEY, OTHER_JANE]), own=JANE) == 3
    with pytest.raises(Forbidden):
        who(basic('jane', 'secret'), Group([KEY]), own=JANE)


def test_without_one_it_is_403_that_refuses() -> None:
    refusal = GroupAuth([Group([])], None).refusal(b'/a', 'cid')
    assert (refusal.status, refusal.msg) == (403, 'You are not allowed to access this resource')


def test_ten_thousand_members_are_each_found() -> None:
    users = [BasicAuth(f'user{number % 100}', f'password{number}', 'API', number) for number in range(1, 5_001)]
    keys = [APIKeyAuth(f'key{number}', 'X-API-Key', f'key{number}', number) for number in range(5_001, 10_001)]
    group = Group([*users, *keys])
    auth = GroupAuth([group], None)
    for user in users[::97]:
        assert auth.identify(basic(user.username, user.password)) == Principal(user.username, 'viewer', user.definition)
    for each in keys[::97]:
        assert auth.identify(key(each.key.encode())) == each.principal
