"""API keys: the right value in the right header, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import Unauthorized
from zato.server.security.apikey import APIKeyAuth
from zato.server.security.principal import Principal

KEY = 'sésame ✓ 1'
AUTH = APIKeyAuth('partners', 'X-API-Key', KEY, 7)
WHO = Principal('partners', 'viewer', 7)


def test_the_key_in_its_header_lets_in() -> None:
    assert AUTH.identify({b'x-api-key': KEY.encode()}) == WHO


@given(st.binary(max_size=60).filter(lambda data: data != KEY.encode()))
def test_no_other_bytes_let_in_or_are_an_error(data: bytes) -> None:
    assert AUTH.identify({b'x-api-key': data}) is None


@pytest.mark.parametrize('header', [b'x-api-keys', b'api-key', b'authorization'])
def test_the_key_elsewhere_does_not(header: bytes) -> None:
    assert AUTH.identify({header: KEY.encode()}) is None
    assert AUTH.identify({}) is None


@pytest.mark.parametrize('key', ['', ' ', '\t '])
def test_an_empty_key_lets_nobody_in(key: str) -> None:
    auth = APIKeyAuth('empty', 'X-API-Key', key, 7)
    for sent in ('', key, ' '):
        assert auth.identify({b'x-api-key': sent.encode()}) is None
    assert auth.identify({}) is None


def test_spaces_around_a_key_do_not_count_since_http_takes_them_away() -> None:
    assert APIKeyAuth('n', 'X-API-Key', '  a b ', 7).identify({b'x-api-key': b'a b'}) is not None


def test_the_case_of_the_headers_name_does_not_count() -> None:
    assert APIKeyAuth('n', 'aPi-KeY', 'k', 7).identify({b'api-key': b'k'}) is not None


def test_clients_are_refused_without_a_challenge() -> None:
    refusal = AUTH.refusal(b'/a', 'cid')
    assert isinstance(refusal, Unauthorized)
    assert (refusal.status, refusal.msg, refusal.challenge) == (401, '401 Unauthorized', '')


def test_the_key_is_not_shown() -> None:
    assert 'sésame' not in repr(AUTH)
    assert 'partners' in repr(AUTH)
