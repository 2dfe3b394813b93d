"""HTTP Basic Auth accepts exactly its own user and password, however they are written."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zato.server.security.basic_auth import BasicAuth

AUTH = BasicAuth('pubapi', 'sésame: ö', 'API')
TEXT = st.text(st.characters(exclude_categories=['Cs']), max_size=30)


def header(username: str, password: str, scheme: bytes = b'Basic ') -> bytes:
    return scheme + b64encode(f'{username}:{password}'.encode())


@given(TEXT.filter(lambda text: ':' not in text), TEXT)
def test_the_right_credentials_are_accepted(username: str, password: str) -> None:
    assert BasicAuth(username, password, 'API').accepts(header(username, password))


@given(TEXT, TEXT)
def test_other_credentials_are_refused(username: str, password: str) -> None:
    assume((username, password) != ('pubapi', 'sésame: ö'))
    assume(f'{username}:{password}' != 'pubapi:sésame: ö')
    assert not AUTH.accepts(header(username, password))


@given(st.binary(max_size=100))
def test_no_header_whatever_is_accepted_or_an_error(data: bytes) -> None:
    assert not AUTH.accepts(data)
    assert not AUTH.accepts(b'Basic ' + data)


@given(st.binary(min_size=1, max_size=4), st.integers(min_value=0, max_value=40))
def test_a_right_header_with_anything_in_it_changed_is_refused(junk: bytes, position: int) -> None:
    right = header('pubapi', 'sésame: ö')
    changed = right[:position] + junk + right[position + len(junk) :]
    assume(changed.lower()[:6] != b'basic ' or changed[6:].strip() != right[6:])
    assert not AUTH.accepts(changed)


@pytest.mark.parametrize('scheme', [b'basic ', b'BASIC ', b'bAsIc   '])
def test_the_schemes_case_and_spaces_do_not_count(scheme: bytes) -> None:
    assert AUTH.accepts(header('pubapi', 'sésame: ö', scheme))


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
    assert not AUTH.accepts(value)


def test_neither_password_nor_header_is_shown() -> None:
    assert 'sésame' not in repr(AUTH)
    assert 'Basic' not in repr(AUTH).removeprefix('BasicAuth')
    assert 'pubapi' in repr(AUTH)


def test_the_challenge_names_the_realm() -> None:
    assert AUTH.challenge == 'Basic realm="API"'
