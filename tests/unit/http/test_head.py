"""Where the parser and our own reading of a request line could disagree, and limits that the corpus cannot show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httptools import HttpParserUpgrade, HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from zato.server.http.head import Head, HeadParser, Reject, parse_head
from zato.server.http.limits import Limits

LIMITS = Limits()

PIECES = [
    *(
        b'GET',
        b'POST',
        b'OPTIONS',
        b'get',
        b'/',
        b'/a?b',
        b'*',
        b'http://h/',
        b'HTTP/1.1',
        b'HTTP/1.0',
        b'\r\n',
        b'\r',
        b'\n',
    ),
    *(
        b' ',
        b'  ',
        b'\t',
        b'\0',
        b'\x0b',
        b'\x0c',
        b'\xa0',
        b'\x85',
        b':',
        b',',
        b';',
        b'Host',
        b'Host: a',
        b'X: y',
        b'X:y ',
    ),
    *(
        b'Content-Length',
        b'Content-Length: 5',
        b'5',
        b'+5',
        b'Transfer-Encoding: chunked',
        b'chunked',
        b'identity',
        b'Upgrade: x',
    ),
    *(b'Connection: upgrade', b'Connection: close', b'Expect: 100-continue', b'\r\n ', b'\r\nHost: a\r\n'),
]


class Seen:
    """What the parser alone makes of a head."""

    def __init__(self, data: bytes) -> None:
        self.target = b''
        self.headers: list[tuple[bytes, bytes]] = []
        parser = HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            pass
        self.method = parser.get_method()
        self.version = b'HTTP/' + parser.get_http_version().encode()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b' \t')))


def check_agreement(data: bytes) -> None:
    try:
        head = parse_head(data, LIMITS)
    except Reject:
        return
    seen = Seen(data)
    line = data.partition(b'\r\n')[0]
    assert line == b' '.join((seen.method, seen.target, seen.version))
    assert (head.method, head.version) == (seen.method, seen.version)
    if seen.target.startswith(b'/'):
        assert head.target == seen.target
    assert set(head.headers) | {b'host'} == {name for name, _ in seen.headers} | {b'host'}
    names = [name for name, _ in seen.headers]
    for name in (b'content-length', b'transfer-encoding', b'host'):
        assert names.count(name) <= 1
    lengths = [value for name, value in seen.headers if name == b'content-length']
    expected = -1 if b'transfer-encoding' in names else int(lengths[0]) if lengths else 0
    assert head.length == expected


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b''.join))
def test_what_is_accepted_is_read_alike_by_the_parser(middle: bytes) -> None:
    check_agreement(middle + b'\r\n\r\n')


@given(st.lists(st.sampled_from(PIECES), max_size=6).map(b''.join), st.integers(0, 70))
def test_a_good_request_with_something_put_in_is_read_alike_or_refused(piece: bytes, position: int) -> None:
    good = b'POST /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 5\r\nConnection: close\r\n\r\n'
    data = good[:position] + piece + good[position:]
    check_agreement(data[: data.index(b'\r\n\r\n') + 4])


@pytest.mark.parametrize('byte', range(256))
def test_any_byte_anywhere_in_the_request_line_is_read_alike_or_refused(byte: int) -> None:
    line = b'GET /a HTTP/1.1'
    for position in range(len(line) + 1):
        check_agreement(line[:position] + bytes([byte]) + line[position:] + b'\r\nHost: a\r\n\r\n')


@pytest.mark.parametrize('digits', [21, 4301, 30_000])
def test_a_length_of_more_digits_than_int_takes_is_refused(digits: int) -> None:
    head = b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n' % (b'0' * digits)
    with pytest.raises(Reject, match='Content-Length') as caught:
        parse_head(head, LIMITS)
    assert caught.value.status == 400


def test_a_refusal_within_the_parser_s_callback_comes_out_as_it_is() -> None:
    with pytest.raises(Reject, match='More than one Host'):
        parse_head(b'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', LIMITS)


LINES = [
    b'GET /a',
    b'GET /b?c',
    b'POST /a',
    b'GET http://b/a',
    b'OPTIONS *',
    b'GET /\xff',
    b'GET  /a',
    b'HEAD /',
    b'BREW /a',
]
VERSIONS = [b'HTTP/1.1', b'HTTP/1.0', b'HTTP/2.0']
HEADERS = [
    b'Host: a\r\n\r\n',
    b'Host: a\r\nContent-Length: 5\r\n\r\n',
    b'Host: a\r\nConnection: close\r\n\r\n',
    b'Host: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n',
    b'Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    b'Host: a\r\nX: %s\r\n\r\n' % (b'y' * 3_000),
    b'\r\n',
]


@given(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(VERSIONS), st.sampled_from(HEADERS)), max_size=8))
def test_a_head_is_read_the_same_whatever_came_before_it_on_the_connection(heads: list[tuple[bytes, bytes, bytes]]) -> None:
    parser = HeadParser(LIMITS)
    for line, version, headers in [item for item in heads for _ in range(2)]:
        data = b'%s %s\r\n%s' % (line, version, headers)
        assert outcome(parser.parse, data) == outcome(lambda data: parse_head(data, LIMITS), data)


def outcome(parse: Callable[[bytes], Head], data: bytes) -> Any:
    try:
        head = parse(data)
    except Reject as e:
        return e.status, e.details
    names = ('method', 'target', 'version', 'headers', 'length', 'keep_alive', 'expects_continue')
    return [getattr(head, name) for name in names]
