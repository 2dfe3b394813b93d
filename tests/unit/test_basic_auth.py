"""HTTP Basic Auth accepts exactly its own user and password, however they are written."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zato.common.config.kind import ROLES, Role
from zato.common.exception import BadRequest
from zato.server.security.basic_auth import AdminAuth, BasicAuth
from zato.server.security.principal import Principal

AUTH = BasicAuth('pubapi', 'sésame: ö', 'API')
PUBAPI = Principal('pubapi', 'viewer')
TEXT = st.text(st.characters(exclude_categories=['Cs']), max_size=30)


def header(username: str, password: str, scheme: bytes = b'Basic ') -> bytes:
    return scheme + b64encode(f'{username}:{password}'.encode())


def identify(auth: BasicAuth, value: bytes | None) -> Principal | None:
    return auth.identify({} if value is None else {b'authorization': value})


@given(TEXT.filter(lambda text: ':' not in text), TEXT.filter(bool))
def test_the_right_credentials_are_accepted(username: str, password: str) -> None:
    auth = BasicAuth(username, password, 'API')
    assert identify(auth, header(username, password)) == Principal(username, 'viewer')


@given(TEXT, TEXT)
def test_other_credentials_are_refused(username: str, password: str) -> None:
    assume((username, password) != ('pubapi', 'sésame: ö'))
    assume(f'{username}:{password}' != 'pubapi:sésame: ö')
    assert identify(AUTH, header(username, password)) is None


@given(st.binary(max_size=100))
def test_no_header_whatever_is_accepted_or_an_error(data: bytes) -> None:
    assert identify(AUTH, data) is None
    assert identify(AUTH, b'Basic ' + data) is None


@given(st.binary(min_size=1, max_size=4), st.integers(min_value=0, max_value=40))
def test_a_right_header_with_anything_in_it_changed_is_refused(junk: bytes, position: int) -> None:
    right = header('pubapi', 'sésame: ö')
    changed = right[:position] + junk + right[position + len(junk) :]
    assume(changed.lower()[:6] != b'basic ' or changed[6:].strip() != right[6:])
    assert identify(AUTH, changed) is None


@pytest.mark.parametrize('scheme', [b'basic ', b'BASIC ', b'bAsIc   '])
def test_the_schemes_case_and_spaces_do_not_count(scheme: bytes) -> None:
    assert identify(AUTH, header('pubapi', 'sésame: ö', scheme)) == PUBAPI


@pytest.mark.parametrize(
    'value',
    [
        None,
        b'',
        b'Basic',
        b'Basic ',
        b'Basic :',
        b'Bearer ' + b64encode('pubapi:sésame: ö'.encode()),
        b'Basic ' + b64encode('pubapi:sésame: ö'.encode('latin-1')),
        b'Basic ' + b64encode('pubapi:sésame: ö'.encode()) + b' x',
        b'Basic ' + b64encode('pubapi:sésame: ö\n'.encode()),
        b'Basic pubapi:x',
        b64encode('pubapi:sésame: ö'.encode()),
    ],
)
def test_what_only_looks_like_it_is_refused(value: bytes | None) -> None:
    assert identify(AUTH, value) is None


def test_neither_password_nor_header_is_shown() -> None:
    assert 'sésame' not in repr(AUTH)
    assert header('pubapi', 'sésame: ö').decode() not in repr(AUTH)
    assert 'pubapi' in repr(AUTH)


@pytest.mark.parametrize(
    ('realm', 'challenge'),
    [('API', 'Basic realm="API"'), ('a "b" c', r'Basic realm="a \"b\" c"'), ('a\\b', r'Basic realm="a\\b"')],
)
def test_the_challenge_names_the_realm(realm: str, challenge: str) -> None:
    assert BasicAuth('x', 'y', realm).challenge == challenge


# The user of the admin API, on whose behalf it calls


def admin(user: bytes | None = None, role: bytes | None = None, password: str = 'secret') -> Principal | None:
    named = {b'x-zato-admin-user': user, b'x-zato-admin-role': role}
    headers = {name: value for name, value in named.items() if value is not None}
    auth = AdminAuth(BasicAuth('admin.invoke', 'secret', 'API'))
    assert auth.challenge == 'Basic realm="API"'
    return auth.identify({**headers, b'authorization': header('admin.invoke', password)})


def test_the_admin_user_is_an_admin_unless_it_names_somebody() -> None:
    assert admin() == Principal('admin.invoke', 'admin')


@pytest.mark.parametrize('role', ROLES)
def test_whom_the_admin_user_names_has_the_role_that_it_names(role: Role) -> None:
    assert admin(' Zoë '.encode(), role.encode()) == Principal('Zoë', role)


@pytest.mark.parametrize(
    ('user', 'role'),
    [
        (b'zoe', None),
        (None, b'viewer'),
        (b'', b'admin'),
        (b'', b' '),
        (b'zoe', b'Admin'),
        (b'zoe', b'root'),
        (b'z\toe', b'viewer'),
        (b'z' * 201, b'viewer'),
    ],
)
def test_a_user_without_a_role_or_the_other_way_around_is_refused(user: bytes | None, role: bytes | None) -> None:
    with pytest.raises(BadRequest, match='X-Zato-Admin-User must name a user and X-Zato-Admin-Role one of: viewer, oper'):
        admin(user, role)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_without_the_password_nobody_is_named(user: bytes, role: bytes) -> None:
    assert admin(user, role, password='wrong') is None


@pytest.mark.parametrize(
    ('has', 'may'),
    [('viewer', ['viewer']), ('operator', ['viewer', 'operator']), ('admin', ['viewer', 'operator', 'admin'])],
)
def test_each_role_may_do_what_those_before_it_may(has: Role, may: list[Role]) -> None:
    assert [role for role in ROLES if Principal('x', has).may(role)] == may


def test_an_empty_password_lets_nobody_in() -> None:
    assert identify(BasicAuth('bob', '', 'API'), header('bob', '')) is None
