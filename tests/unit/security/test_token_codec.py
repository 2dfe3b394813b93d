"""Tokens: what this cluster has signed can be read, and nothing else."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.server.security.token_codec import LONGEST, Claims, TokenCodec

KEY, OTHER_KEY = b'k' * 32, b'o' * 32
CODEC = TokenCodec(KEY)
CLAIMS = Claims(username='jané', definition=7, version='v', token_id='t')
PAYLOAD: dict[str, Any] = {'iss': 'zato', 'sub': 'jané', 'aud': '7', 'ver': 'v', 'jti': 't', 'iat': 1}
TOKEN = CODEC.encode(CLAIMS, 1).encode()
HEAD, BODY, SIGNATURE = TOKEN.split(b'.')


def segment(value: Any) -> bytes:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b'=')


def signed(payload: Any = PAYLOAD, *, key: bytes = KEY, algorithm: str = 'HS256', **headers: Any) -> bytes:
    return jwt.encode(payload, key, algorithm, headers=headers or None).encode()


def test_what_was_put_into_a_token_is_read_from_it() -> None:
    assert CODEC.decode(TOKEN) == CODEC.decode(signed()) == CLAIMS


@given(st.text(st.characters(exclude_categories=['Cs'])), st.integers(1, 2**62))
def test_whatever_the_user_is_called(username: str, definition: int) -> None:
    claims = Claims(username=username, definition=definition, version='v', token_id='t')
    assert CODEC.decode(CODEC.encode(claims, 1).encode()) == claims


def test_servers_of_a_cluster_read_each_others_tokens_and_those_of_others_do_not() -> None:
    assert TokenCodec(KEY).decode(TOKEN) == CLAIMS
    assert TokenCodec(OTHER_KEY).decode(TOKEN) is None


@pytest.mark.parametrize(
    'token',
    [
        pytest.param(b'', id='empty'),
        pytest.param(b'.', id='a dot'),
        pytest.param(b'..', id='two dots'),
        pytest.param(HEAD, id='a head'),
        pytest.param(HEAD + b'.' + BODY, id='no signature'),
        pytest.param(HEAD + b'.' + BODY + b'.', id='an empty signature'),
        pytest.param(TOKEN + b'.x', id='four parts'),
        pytest.param(TOKEN.swapcase(), id='another case'),
        pytest.param(segment({'alg': 'none', 'typ': 'JWT'}) + b'.' + BODY + b'.', id='alg none'),
        pytest.param(segment({'alg': 'none'}) + b'.' + BODY + b'.' + SIGNATURE, id='alg none, signed'),
        pytest.param(segment({'alg': 'NoNe', 'typ': 'JWT'}) + b'.' + BODY + b'.', id='alg NoNe'),
        pytest.param(signed(algorithm='HS384', key=KEY * 2), id='another algorithm and key'),
        pytest.param(signed(algorithm='HS512', key=KEY * 2), id='a third one'),
        pytest.param(signed(key=OTHER_KEY), id='another key'),
        pytest.param(signed(kid='1'), id='a key ID'),
        pytest.param(segment({'alg': 'RS256', 'typ': 'JWT'}) + b'.' + BODY + b'.' + SIGNATURE, id='alg RS256'),
        pytest.param(signed({**PAYLOAD, 'iss': 'other'}), id='another issuer'),
        pytest.param(signed({**PAYLOAD, 'aud': 'x'}), id='an audience that is no ID'),
        pytest.param(signed({**PAYLOAD, 'exp': 1}), id='expired, if it said so'),
        *(
            pytest.param(signed({key: value for key, value in PAYLOAD.items() if key != left_out}), id=f'no {left_out}')
            for left_out in ('iss', 'sub', 'aud', 'ver', 'jti')
        ),
        pytest.param(HEAD + b'.' + segment({**PAYLOAD, 'sub': 'root'}) + b'.' + SIGNATURE, id='another body'),
        pytest.param(HEAD + b'.' + segment(b'[' * 3_000) + b'.' + SIGNATURE, id='a deep body'),
        pytest.param(segment(b'[' * 3_000) + b'.' + BODY + b'.' + SIGNATURE, id='a deep head'),
        pytest.param(HEAD + b'.' + b'A' * LONGEST + b'.' + SIGNATURE, id='too long'),
        pytest.param(HEAD + b'.\xff\xfe.' + SIGNATURE, id='no ASCII'),
    ],
)
def test_what_is_not_a_token_of_ours_is_none(token: bytes) -> None:
    assert CODEC.decode(token) is None


def test_a_token_that_is_too_long_is_none_even_if_it_is_ours() -> None:
    claims = Claims(username='x' * LONGEST, definition=7, version='v', token_id='t')
    assert CODEC.decode(CODEC.encode(claims, 1).encode()) is None


@given(st.binary(max_size=200))
def test_no_bytes_whatever_are_a_token_or_an_error(data: bytes) -> None:
    for token in (data, HEAD + b'.' + data, HEAD + b'.' + BODY + b'.' + data, data + b'.' + BODY + b'.' + SIGNATURE):
        assert CODEC.decode(token) in (None, CLAIMS)
        assert token.startswith(HEAD) or CODEC.decode(token) is None


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_a_token_with_a_byte_changed_is_none(position: int, change: int) -> None:
    changed = bytearray(TOKEN)
    changed[position] ^= change
    if position == len(TOKEN) - 1:
        return  # the last character has bits that say nothing
    assert CODEC.decode(bytes(changed)) is None


def test_time_that_a_token_was_given_at_is_never_judged_since_servers_clocks_differ() -> None:
    assert CODEC.decode(CODEC.encode(CLAIMS, 2**40).encode()) == CLAIMS


def test_credentials_have_a_version_that_differs_where_they_do() -> None:
    versions = {CODEC.version_of(*pair) for pair in (('a', 'bc'), ('ab', 'c'), ('a', 'bd'), ('A', 'bc'))}
    assert len(versions) == 4, 'where a part ends is part of it'
    assert (
        CODEC.version_of('a', 'bc') == TokenCodec(KEY).version_of('a', 'bc') != TokenCodec(OTHER_KEY).version_of('a', 'bc')
    )


def test_the_odb_has_nothing_that_a_token_could_be_made_of() -> None:
    assert CLAIMS.token_id not in CLAIMS.row_id
    assert len(CLAIMS.row_id) == 64
