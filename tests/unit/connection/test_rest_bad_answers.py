"""Answers that are broken, hostile or missing: each is a typed error, and the next call is as good as the first."""

from __future__ import annotations

import gzip
import zlib

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from tests.support.scripted_target import Peer, Script, Target, always, answer, echo, once
from zato.common.exception import AnswerCutOff, AnswerTooLarge, CallFailed, InvalidAnswer, NotReachable, RequestInvalid
from zato.server.config.cooperation import Interrupted
from zato.server.connection.rest.transport import Outbound, Transport

OK = b'HTTP/1.1 200 OK\r\n'
CHUNKED = OK + b'Transfer-Encoding: chunked\r\n\r\n'


def assert_unharmed(transport: Transport, target: Target) -> None:
    """All of its connections can be used at once, more than once."""
    target.script = echo
    for _ in range(2):
        jobs = [gevent.spawn(transport.send, target.post(b'%d' % number), None) for number in range(2)]
        assert [job.get().body for job in jobs] == [b'0', b'1']
    assert target.open <= 2


def fails(script: Script, expected: type[CallFailed], match: str, **options: object) -> None:
    with Target(script) as target:
        transport = target.transport(**options)
        for _ in range(3):
            with pytest.raises(expected, match=match) as caught:
                transport.send(target.get('/path?key=secret', Authorization='secret'), None)
            assert type(caught.value) is expected
            assert f'Outgoing REST connection `CRM`: http://127.0.0.1:{target.port}: ' in str(caught.value)
            assert 'secret' not in str(caught.value)
            assert str(caught.value).endswith(' s')
        target.until_open(0)
        assert_unharmed(transport, target)


@pytest.mark.parametrize(
    'data',
    [
        b'\0' * 100 + b'\r\n',
        b'SSH-2.0-OpenSSH_9.2\r\n',
        b'<html></html>\n\n',
        b'HTTP/2 200 OK\r\n\r\n',
        b'HTTP/1.1 OK\r\n\r\n',
        b'HTTP/1.1 099 Low\r\n\r\n',
        b'HTTP/1.1 600 High\r\n\r\n',
        b'HTTP/1.1 200 \0\r\n\r\n',
        b'HTTP/1.1  200 OK\r\n\r\n',
        b' HTTP/1.1 200 OK\r\n\r\n',
        b'HTTP/1.1 101 Switching Protocols\r\n\r\n',
        OK + b'no colon\r\n\r\n',
        OK + b': no name\r\n\r\n',
        OK + b'X-Name : a\r\n\r\n',
        OK + b' X-Name: a\r\n\r\n',
        OK + b'X-Name: a\rX-Other: b\r\n\r\n',
        OK + b'X-Name: \0\r\n\r\n',
        OK + b'Content-Length: five\r\n\r\nhello',
        OK + b'Content-Length: -5\r\n\r\nhello',
        OK + b'Content-Length: +5\r\n\r\nhello',
        OK + b'Content-Length: 1_0\r\n\r\nhello',
        OK + b'Content-Length: 5, 6\r\n\r\nhello',
        OK + b'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
        OK + b'Content-Length:\r\n\r\nhello',
        OK + b'Content-Length: 99999999999999999999999999\r\n\r\nhello',
        OK + b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
        OK + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
        OK + b'Transfer-Encoding: identity\r\n\r\nhello',
        OK + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        CHUNKED + b'hello\r\n',
        CHUNKED + b'-1\r\nhello\r\n',
        CHUNKED + b'0x5\r\nhello\r\n',
        CHUNKED + b'5_0\r\nhello\r\n',
        CHUNKED + b'\r\nhello\r\n',
        CHUNKED + b'fffffffffffffffff\r\nhello\r\n',
        CHUNKED + b'4\r\nhello\r\n0\r\n\r\n',
        CHUNKED + b'3\r\nhello0\r\n\r\n',
        CHUNKED + b'5;' + b'a' * 10_000 + b'\r\nhello\r\n0\r\n\r\n',
        CHUNKED + b'0\r\n' + b'X-Trailer: a\r\n' * 10_000 + b'\r\n',
        CHUNKED + b'0\r\n' + b'a' * 100_000 + b'\r\n\r\n',
        OK + b'X-Name: a\r\n' * 600 + b'\r\n',
        OK + b'X-Name: ' + b'a' * 200_000 + b'\r\n\r\n',
        OK + (b'X-Name: ' + b'a' * 60_000 + b'\r\n') * 3 + b'\r\n',
        b'HTTP/1.1 200 ' + b'a' * 200_000 + b'\r\n\r\n',
        b'HTTP/1.1 100 Continue\r\n\r\n' * 30,
        b'HTTP/1.1 100 ' + b'a' * 100_000 + b'\r\n\r\n' + b'a' * 100_000,
        answer(b'not compressed', 'Content-Encoding: gzip'),
        answer(b'not compressed', 'Content-Encoding: deflate'),
        answer(gzip.compress(b'hello', mtime=0) + b'garbage', 'Content-Encoding: gzip'),
    ],
    ids=lambda data: f'{zlib.crc32(data):x}',
)
def test_what_is_not_valid_is_an_error(data: bytes) -> None:
    fails(once(data), InvalidAnswer, 'its answer|it ')


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'H',
        b'HTTP/1.1 200',
        OK,
        OK + b'Content-Le',
        OK + b'Content-Length: 5\r\n',
        OK + b'Content-Length: 5\r\n\r\n',
        OK + b'Content-Length: 5\r\n\r\nhell',
        OK + b'Content-Length: 500000\r\n\r\n' + b'a' * 499_999,
        b'HTTP/1.1 100 Continue\r\n\r\n',
        CHUNKED,
        CHUNKED + b'5',
        CHUNKED + b'5\r\nhell',
        CHUNKED + b'5\r\nhello',
        CHUNKED + b'5\r\nhello\r\n',
        CHUNKED + b'5\r\nhello\r\n0\r\n',
        CHUNKED + b'5\r\nhello\r\n0\r\nX-Trailer',
        answer(gzip.compress(b'hello', mtime=0)[:-4], 'Content-Encoding: gzip'),
        answer(gzip.compress(b'hello', mtime=0)[:1], 'Content-Encoding: gzip'),
        answer(zlib.compress(b'hello')[:-4], 'Content-Encoding: deflate'),
    ],
    ids=lambda data: f'{zlib.crc32(data):x}',
)
def test_what_is_cut_off_is_an_error_that_may_pass(data: bytes) -> None:
    fails(once(data), AnswerCutOff, 'closed the connection|ends too early')
    assert AnswerCutOff.retryable


def endless(head: bytes, piece: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head)
        peer.send_for_ever(piece)

    return script


@pytest.mark.parametrize(
    'script',
    [
        once(OK + b'Content-Length: 100001\r\n\r\n'),
        once(OK + b'\r\n' + b'a' * 100_001),
        once(CHUNKED + b'%x\r\n%s\r\n0\r\n\r\n' % (100_001, b'a' * 100_001)),
        once(answer(gzip.compress(bytes(100_001), mtime=0), 'Content-Encoding: gzip')),
        once(answer(zlib.compress(bytes(100_001)), 'Content-Encoding: deflate')),
        once(CHUNKED + b'fffffffffffff\r\n' + b'a' * 200_000),
        endless(OK + b'\r\n', b'a' * 1000),
        endless(CHUNKED, b'1\r\na\r\n' * 1000),
        endless(CHUNKED, b'1;%s\r\na\r\n' % (b'a' * 8000)),
        endless(OK + b'Content-Encoding: gzip\r\n\r\n', gzip.compress(b'', mtime=0) * 1000),
        once(answer(gzip.compress(bytes(20_000_000), mtime=0), 'Content-Encoding: gzip')),
    ],
    ids=['declared', 'undeclared', 'chunked', 'gzip', 'deflate', 'one chunk', *map('endless {}'.format, range(4)), 'bomb'],
)
def test_what_is_too_long_is_an_error(script: Script) -> None:
    fails(
        script,
        AnswerTooLarge,
        'its answer (has more than 100000 bytes, the max_response of|goes on and on)',
        max_response=100_000,
    )


@pytest.mark.parametrize('head', [b'HTTP/1.1 100 Continue\r\n\r\n', b'', OK, CHUNKED + b'0\r\n'], ids=range(4))
def test_what_never_ends_is_an_error(head: bytes) -> None:
    fails(
        endless(head, (b'HTTP/1.1 100 Continue\r\nX: a\r\n\r\n' if b'100' in head else b'X-Name: a\r\n') * 1000),
        InvalidAnswer,
        'it',
    )


def test_an_answer_may_be_as_long_as_it_may_be() -> None:
    data = bytes(100_000)
    script = always(answer(gzip.compress(data), 'Content-Encoding: gzip'))
    with Target(script) as target:
        assert target.transport(max_response=100_000).send(target.get(), None).body == data


@pytest.mark.parametrize('framing', ['length', 'chunks', 'head'])
def test_what_comes_after_an_answer_is_not_taken_for_the_next_one(framing: str) -> None:
    more = answer(b'forged')
    data = {'length': answer(b'real'), 'chunks': CHUNKED + b'4\r\nreal\r\n0\r\n\r\n', 'head': answer()}[framing] + more
    with Target(always(data)) as target:
        transport = target.transport()
        for _ in range(3):
            request = Outbound(method='HEAD' if framing == 'head' else 'GET', url=target.url(), headers={})
            assert transport.send(request, None).body == (b'' if framing == 'head' else b'real')
        assert target.accepted == 3


def test_what_comes_while_a_connection_is_idle_is_not_taken_for_an_answer() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.answer(b'real')
        may_send.wait()
        peer.answer(b'forged')
        sent.set()
        peer.until_closed()

    may_send, sent = Event(), Event()
    with Target(script) as target:
        transport = target.transport()
        assert transport.send(target.get(), None).body == b'real'
        may_send.set()
        sent.wait()
        assert transport.send(target.get(), None).body == b'real'
        assert target.accepted == 2


def closes_when_idle(peer: Peer) -> None:
    """The second request on a connection is not answered, as where the server closes just then."""
    if peer.request() is not None:
        peer.answer(b'first')
        peer.request()


@pytest.mark.parametrize('method', ['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE'])
def test_idempotent_requests_are_sent_again_where_an_idle_connection_turns_out_to_be_closed(method: str) -> None:
    with Target(closes_when_idle) as target:
        transport = target.transport()
        transport.send(target.get(), None)
        request = Outbound(method=method, url=target.url('/again'), headers={}, body=b'hello' if method == 'PUT' else b'')
        assert transport.send(request, None).status == 200
        assert [received.target for received in target.requests] == ['/', '/again', '/again']
        assert target.requests[1] == target.requests[2]
        assert target.accepted == 2


@pytest.mark.parametrize('method', ['POST', 'PATCH'])
def test_other_requests_are_never_sent_twice(method: str) -> None:
    with Target(closes_when_idle) as target:
        transport = target.transport()
        transport.send(target.get(), None)
        with pytest.raises(AnswerCutOff):
            transport.send(Outbound(method=method, url=target.url('/once'), headers={}, body=b'hello'), None)
        assert [received.target for received in target.requests] == ['/', '/once']
        assert_unharmed(transport, target)


def test_a_request_is_sent_again_but_once() -> None:
    def script(peer: Peer) -> None:
        if peer.request() is not None and target.accepted == 1:
            peer.answer(b'first')
            peer.request()

    with Target(script) as target:
        transport = target.transport()
        transport.send(target.get(), None)
        with pytest.raises(AnswerCutOff):
            transport.send(target.get('/again'), None)
        assert len(target.requests) == 3


def test_a_request_is_not_sent_again_once_an_answer_has_begun() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.answer(b'first')
        peer.request()
        peer.send(b'H')

    with Target(script) as target:
        transport = target.transport()
        transport.send(target.get(), None)
        with pytest.raises(AnswerCutOff):
            transport.send(target.get('/again'), None)
        assert len(target.requests) == 2


def test_a_connection_that_was_closed_while_idle_is_not_tried_even_for_post() -> None:
    with Target(once(answer(b'x'))) as target:
        transport = target.transport()
        for _ in range(3):
            assert transport.send(target.post(b'hello'), None).body == b'x'
            target.until_open(0)
        assert len(target.requests) == 3


def test_an_answer_that_comes_before_the_request_is_sent_is_read() -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.answer(b'too long', status='413 Content Too Large')
        peer.socket.shutdown(1)
        peer.until_closed()

    with Target(script) as target:
        transport = target.transport()
        inbound = transport.send(target.post(bytes(1_000_000)), None)
        assert (inbound.status, inbound.body) == (413, b'too long')
        assert_unharmed(transport, target)


def test_a_server_that_is_not_there_is_an_error_that_may_pass() -> None:
    with Target() as target:
        pass
    with pytest.raises(NotReachable, match='the connection was refused, after') as caught:
        target.transport().send(target.get(), None)
    assert caught.value.retryable
    assert caught.value.status == 502


@pytest.mark.parametrize(
    ('host', 'error', 'text'),
    [
        ('a' * 64, RequestInvalid, 'the address is not a valid one'),
        ('a..b', RequestInvalid, 'the address is not a valid one'),
        (f'{"a." * 200}a', NotReachable, 'its name '),
    ],
    ids=['long label', 'empty label', 'long name'],
)
def test_a_name_that_no_host_can_have_is_an_error(
    host: str, error: type[CallFailed], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with Target() as target, pytest.raises(error, match=text):
        target.transport().send(target.get(host=host), None)
    assert capfd.readouterr().err == ''


def test_a_name_that_is_not_found_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', fail)
    with Target() as target, pytest.raises(NotReachable, match='its name was not found: Name or service not known'):
        target.transport().send(target.get(host='crm'), None)


def hangs(peer: Peer) -> None:
    peer.request()
    peer.send(OK + b'Content-Length: 5\r\n\r\nhell')
    peer.until_closed()


@pytest.mark.parametrize('error', [gevent.GreenletExit, Interrupted, KeyError], ids=lambda error: error.__name__)
def test_a_call_that_is_interrupted_gives_its_connection_back(error: type[BaseException]) -> None:
    def call() -> object:
        try:
            return transport.send(target.get(), None)
        except error as e:
            return e

    with Target(hangs) as target:
        transport = target.transport()
        for _ in range(3):
            jobs = [gevent.spawn(call) for _ in range(2)]
            target.until_open(2)
            for job in jobs:
                job.kill(error)
                assert isinstance(job.get(), error)
            target.until_open(0)
        assert_unharmed(transport, target)


def test_a_timeout_of_the_caller_goes_through() -> None:
    with Target(hangs) as target:
        transport = target.transport()
        timer = gevent.Timeout(0.01)
        with pytest.raises(gevent.Timeout) as caught, timer:
            transport.send(target.get(), None)
        assert caught.value is timer
        target.until_open(0)
        assert_unharmed(transport, target)
