"""Bodies in gzip, and how little of a bomb is ever there."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Callable

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.channel.rest import REST
from zato.common.exception import BadRequest, ContentTooLarge, UnsupportedMediaType
from zato.server.channel.compression import accepts_gzip, compress, decompress

LIMIT = 1_000_000
LONG = bytes(range(256)) * 2000
SHORT = compress(LONG)
NOISE = compress(random.Random(1).randbytes(100_000))


@given(st.binary())
def test_what_was_compressed_is_read(body: bytes) -> None:
    assert decompress(compress(body), b'gzip', len(body)) == body
    assert decompress(compress(compress(body)), b'gzip, gzip', len(body)) == body


@pytest.mark.parametrize('encoding', [b'', b'identity', b' Identity , ', b'gzip', b'GZIP', b'x-gzip', b'identity, gzip,'])
@pytest.mark.parametrize('body', [b'', b'short', LONG], ids=len)
def test_codings_are_found_by_their_names(encoding: bytes, body: bytes) -> None:
    is_compressed = b'gzip' in encoding.lower()
    assert decompress(compress(body) if is_compressed else body, encoding, LIMIT) == body


@pytest.mark.parametrize('encoding', [b'br', b'deflate', b'zstd', b'gzip, br', b'gzip;q=1', b'*', b'gzip,' * 3])
def test_other_codings_are_not_supported(encoding: bytes) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        decompress(compress(b'x'), encoding, LIMIT)
    assert (caught.value.status, caught.value.accept_encoding) == (415, 'gzip')


def test_a_client_is_told_which_codings_there_are() -> None:
    answer = REST().ask(b'x', content_encoding=b'br')
    assert (answer.status, answer.header('Accept-Encoding')) == (415, 'gzip')
    answer = REST(data_format='form').ask(b'x', content_type=b'text/plain')
    assert (answer.status, answer.header('Accept-Encoding')) == (415, None)


def test_nothing_is_nothing_in_any_coding() -> None:
    assert decompress(b'', b'gzip', LIMIT) == b''


@pytest.mark.parametrize(
    'body',
    [
        b'x',
        b'\x1f\x8b',
        compress(b'abc')[:-1],
        compress(b'abc')[:10],
        compress(LONG)[:-1],
        compress(b'abc') + b'x',
        compress(b'abc') + b'\0' * 8,
        compress(b'abc') + compress(b'abc')[:-1],
        compress(b'abc')[:-8] + b'\0' * 8,
        compress(b'abc')[:-4] + b'\0' * 4,
        compress(b'') * 10_001,
    ],
    ids=lambda body: repr(body[-15:]),
)
def test_what_is_not_gzip_from_end_to_end_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest, match='not valid gzip') as caught:
        decompress(body, b'gzip', LIMIT)
    assert caught.value.needs_msg


@given(st.binary(), st.sampled_from([b'', compress(b'abc'), compress(b'abc')[:15]]))
def test_any_bytes_are_a_body_or_a_bad_request(body: bytes, before: bytes) -> None:
    try:
        assert isinstance(decompress(before + body, b'gzip', 100), bytes)
    except (BadRequest, ContentTooLarge):
        pass


def test_several_members_are_one_body() -> None:
    members = compress(b'abc') + gzip.compress(LONG) + compress(b'') + compress(b'def')
    assert decompress(members, b'gzip', LIMIT) == b'abc' + LONG + b'def'
    assert decompress(compress(b'x') * 10_000, b'gzip', LIMIT) == b'x' * 10_000


@pytest.mark.parametrize('size', [1, 1000, 65_536, 65_537, 500_000])
def test_the_limit_is_the_longest_body(size: int) -> None:
    for body in (compress(b'x' * size), compress(b'x' * (size - 1)) + compress(b'x')):
        assert len(decompress(body, b'gzip', size)) == size
        with pytest.raises(ContentTooLarge) as caught:
            decompress(body, b'gzip', size - 1)
        assert caught.value.status == 413


@pytest.mark.parametrize('encoding', [b'', b'identity'])
def test_the_limit_is_also_for_what_is_not_compressed(encoding: bytes) -> None:
    with pytest.raises(ContentTooLarge):
        decompress(b'abc', encoding, 2)


@pytest.mark.parametrize('times', [1, 2])
def test_of_a_bomb_no_more_than_the_limit_is_held(times: int) -> None:
    bomb = b'\0' * 50_000_000
    for _ in range(times):
        bomb = compress(bomb)
    assert len(bomb) < 51_000
    tracemalloc.start()
    try:
        with pytest.raises(ContentTooLarge):
            decompress(bomb, b','.join([b'gzip'] * times), LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 4 * LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    'use',
    [lambda: compress(LONG), lambda: decompress(SHORT, b'gzip', LIMIT), lambda: decompress(NOISE, b'gzip', LIMIT)],
    ids=['compress', 'short to long', 'long'],
)
def test_other_greenlets_run_while_a_long_body_is_worked_on(use: Callable[[], bytes]) -> None:
    ran: list[bool] = []
    gevent.spawn(ran.append, True)
    use()
    assert ran


def test_errors_found_in_a_thread_are_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ContentTooLarge):
        decompress(compress(LONG * 10), b'gzip', 100_000)
    assert capfd.readouterr() == ('', '')


def test_the_same_body_is_always_compressed_to_the_same_bytes() -> None:
    assert compress(LONG) == compress(LONG)
    assert compress(LONG)[4:8] == b'\0' * 4
    assert gzip.decompress(compress(LONG)) == LONG


@pytest.mark.parametrize(
    ('header', 'is_accepted'),
    [
        (b'', False),
        (b'gzip', True),
        (b'GZip', True),
        (b'x-gzip', True),
        (b'deflate, gzip;q=1.0, *;q=0.5', True),
        (b'gzip;q=0.001', True),
        (b'gzip ; q=0.5', True),
        (b'gzip;q=0', False),
        (b'gzip; Q=0.000', False),
        (b'gzip;q=0, *', False),
        (b'*', True),
        (b'*;q=0', False),
        (b'br, *;q=0.1', True),
        (b'br', False),
        (b'identity', False),
        (b'gzipped', False),
        (b'gzip;q=', False),
        (b'gzip;q=x', False),
        (b'gzip;q=1.5', False),
        (b'gzip;x=1', False),
        (b',,gzip,', True),
        (b'\xff, gzip', True),
    ],
)
def test_gzip_is_accepted_where_the_header_says_so(header: bytes, is_accepted: bool) -> None:
    assert accepts_gzip(header) is is_accepted
