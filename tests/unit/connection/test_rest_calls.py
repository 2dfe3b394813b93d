"""What the transport of outgoing calls sends, and what it makes of answers that are in order."""

from __future__ import annotations

import gzip
import zlib
from time import monotonic

import gevent
import pytest
from gevent.event import Event

from tests.support.scripted_target import Peer, Target, always, answer, once
from zato.common.exception import RequestInvalid
from zato.server.connection.rest import pool
from zato.server.connection.rest.transport import Outbound

LONG = bytes(range(256)) * 2_000


def test_a_request_arrives_as_it_is_sent() -> None:
    with Target() as target:
        request = Outbound(
            method='PATCH', url=target.url('/a%20b/c?x=1&y=%2F'), headers={'X-Name': 'value', 'Accept': 'a/b'}, body=b'hello'
        )
        inbound = target.transport().send(request, None)
    received = target.requests[0]
    assert (received.method, received.target, received.body) == ('PATCH', '/a%20b/c?x=1&y=%2F', b'hello')
    assert received.headers == {
        'host': f'127.0.0.1:{target.port}',
        'x-name': 'value',
        'accept': 'a/b',
        'accept-encoding': 'gzip, deflate',
        'content-length': '5',
    }
    assert (inbound.status, inbound.reason, inbound.body, inbound.url) == (200, 'OK', b'hello', request.url)
    assert inbound.seconds > 0


def test_what_frames_a_request_is_made_from_its_body_alone() -> None:
    lies = {'Content-Length': '3', 'transfer-encoding': 'chunked'}
    with Target() as target:
        assert target.transport().send(target.post(b'hello', **lies), None).body == b'hello'
        assert target.transport().send(target.get(**lies), None).body == b''
    assert [request.headers.get('transfer-encoding') for request in target.requests] == [None, None]


def test_what_the_caller_says_goes_before_what_the_transport_would() -> None:
    with Target() as target:
        target.transport().send(
            Outbound(method='GET', url=target.url(), headers={'host': 'other', 'ACCEPT-encoding': 'x'}), None
        )
    assert (target.requests[0].headers['host'], target.requests[0].headers['accept-encoding']) == ('other', 'x')


@pytest.mark.parametrize('size', [0, 1, 65_536, 65_537, len(LONG)])
def test_bodies_of_any_size_go_there_and_back(size: int) -> None:
    with Target() as target:
        assert target.transport().send(target.post(LONG[:size]), None).body == LONG[:size]


def test_a_connection_is_used_again() -> None:
    with Target() as target:
        transport = target.transport()
        for number in range(5):
            assert transport.send(target.post(b'%d' % number), None).body == b'%d' % number
        assert target.accepted == 1


def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    with Target(once(answer(b'x', 'Connection: close'))) as target:
        transport = target.transport()
        assert [transport.send(target.post(b''), None).body for _ in range(3)] == [b'x'] * 3
        assert target.accepted == 3


@pytest.mark.parametrize(
    'data',
    [
        b'HTTP/1.1 200 OK\r\n\r\nhello',
        b'HTTP/1.0 200 OK\r\n\r\nhello',
        b'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello',
        b'HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello',
        b'HTTP/1.1 200 \r\ncontent-length:5\r\n\r\nhello',
        b'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello',
        b'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhello',
        b'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1;a=b\r\nh\r\n04 \r\nello\r\n0\r\nX-Trailer: a\r\n\r\n',
        b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    ],
)
def test_answers_that_are_in_order_are_read(data: bytes) -> None:
    with Target(once(data)) as target:
        assert target.transport().send(target.get(), None).body == b'hello'


@pytest.mark.parametrize('status', ['204 No Content', '304 Not Modified'])
def test_answers_that_have_no_body_are_not_waited_for(status: str) -> None:
    data = f'HTTP/1.1 {status}\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n'.encode()
    with Target(always(data)) as target:
        transport = target.transport()
        assert [transport.send(target.get(), None).body for _ in range(2)] == [b'', b'']
        assert target.accepted == 1


def test_the_answer_to_head_has_no_body_whatever_it_says() -> None:
    with Target(always(b'HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n')) as target:
        transport = target.transport()
        for _ in range(2):
            inbound = transport.send(Outbound(method='HEAD', url=target.url(), headers={}), None)
            assert (inbound.body, inbound.headers['content-length']) == (b'', '5000000')
        assert target.accepted == 1


def test_headers_are_found_in_any_case_and_may_have_several_values() -> None:
    with Target(always(answer(b'', 'Set-Cookie: a=1', 'set-cookie: b=2', 'X-Name: \xe9'))) as target:
        headers = target.transport().send(target.get(), None).headers
    assert headers.getlist('SET-COOKIE') == ['a=1', 'b=2']
    assert headers['x-name'] == '\xe9'


def test_cookies_are_not_sent_back() -> None:
    with Target(always(answer(b'', 'Set-Cookie: a=1'))) as target:
        transport = target.transport()
        for _ in range(2):
            transport.send(target.get(), None)
    assert 'cookie' not in target.requests[1].headers


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ('encoding', 'compress'),
    [
        ('gzip', gzip.compress),
        ('X-GZIP', gzip.compress),
        ('gzip', lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:])),
        ('deflate', zlib.compress),
        ('deflate', raw_deflate),
    ],
    ids=['gzip', 'x-gzip', 'two members', 'deflate', 'raw deflate'],
)
@pytest.mark.parametrize('piece', [1, 1 << 20])
def test_what_is_compressed_is_decompressed(encoding: str, compress: object, piece: int) -> None:
    data = LONG[:100_000]
    assert callable(compress)
    compressed = compress(data)

    def script(peer: Peer) -> None:
        peer.request()
        head = f'HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(compressed)}\r\n\r\n'
        peer.send(head.encode())
        for start in range(0, len(compressed), piece):
            peer.send(compressed[start : start + piece])

    with Target(script) as target:
        assert target.transport().send(target.get(), None).body == data


def test_what_is_encoded_in_a_way_that_was_not_asked_for_stays_as_it_is() -> None:
    with Target(always(answer(b'data', 'Content-Encoding: br'))) as target:
        assert target.transport().send(target.get(), None).body == b'data'


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy'):
        monkeypatch.setenv(name, 'http://127.0.0.1:1')
    with Target() as target:
        assert target.transport().send(target.get(), None).status == 200


def test_calls_with_different_connections_run_at_once() -> None:
    together = Event()

    def script(peer: Peer) -> None:
        peer.request()
        if target.open == 2:
            together.set()
        together.wait()
        peer.answer(b'x')

    with Target(script) as target:
        transport = target.transport(pool_size=2)
        jobs = [gevent.spawn(transport.send, target.get(), monotonic() + 30) for _ in range(2)]
        assert [job.get().body for job in jobs] == [b'x', b'x']


def test_idle_connections_of_other_origins_make_room() -> None:
    with Target() as first, Target() as second:
        transport = first.transport(pool_size=1)
        transport.send(first.get(), None)
        first.until_open(1)
        transport.send(second.get(), None)
        first.until_open(0)
        second.until_open(1)


def test_connections_that_were_idle_for_long_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Target() as target:
        transport = target.transport()
        transport.send(target.get(), None)
        monkeypatch.setattr(pool, 'LONGEST_IDLE', 0.0)
        transport.send(target.get(), None)
        assert target.accepted == 2
        target.until_open(1)


def test_close_closes_idle_connections_at_once_and_others_after_their_call() -> None:
    may_answer = Event()

    def script(peer: Peer) -> None:
        while (received := peer.request()) is not None:
            if received.target == '/slow':
                may_answer.wait()
            peer.answer(b'x')

    with Target(script) as target:
        transport = target.transport()
        slow = gevent.spawn(transport.send, target.get('/slow'), None)
        target.until_open(1)
        transport.send(target.get(), None)
        target.until_open(2)
        transport.close()
        transport.close()
        target.until_open(1)
        may_answer.set()
        assert slow.get().body == b'x'
        target.until_open(0)


@pytest.mark.parametrize(
    ('method', 'headers'),
    [
        ('GET /\r\n', {}),
        ('GET', {'X-Name': 'secret\r\nX-Other: a'}),
        ('GET', {'X-Name\r\n': 'a'}),
        ('GET', {'X-Name': 'secret \u20ac'}),
    ],
    ids=['method', 'value', 'name', 'not latin-1'],
)
def test_a_request_that_is_not_valid_is_refused_without_telling_secrets(method: str, headers: dict[str, str]) -> None:
    with Target() as target, pytest.raises(RequestInvalid, match='not') as caught:
        target.transport().send(Outbound(method=method, url=target.url(), headers=headers), None)
    assert 'secret' not in str(caught.value)
    assert caught.value.__cause__ is None
    assert target.requests == []


@pytest.mark.parametrize('url', ['ftp://a/secret', 'http:///secret', 'http://a:port/secret', 'secret', 'http://[a/secret'])
def test_an_address_that_is_not_valid_is_refused(url: str) -> None:
    with Target() as target, pytest.raises(RequestInvalid, match='`CRM`: ') as caught:
        target.transport().send(Outbound(method='GET', url=url, headers={}), None)
    assert 'secret' not in str(caught.value)


@pytest.mark.parametrize('path', ['/secret a', '/secret\x00', '/secret\x7f', '/secret?\xe9', '/secret\u20ac'], ids=ascii)
def test_a_path_that_is_not_encoded_is_refused(path: str) -> None:
    with Target() as target, pytest.raises(RequestInvalid, match='that HTTP does not allow') as caught:
        target.transport().send(target.get(path), None)
    assert 'secret' not in str(caught.value)
    assert target.requests == []
