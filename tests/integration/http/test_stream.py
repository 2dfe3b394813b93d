"""Bodies that an iterator makes while they are sent, as an independent client reads them."""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from gevent.event import Event

from tests.integration.http.in_process import InProcessServer
from tests.support.certificate import make_certificate
from tests.support.http_client import PATIENCE, Client, request
from zato.server.http.message import Request, Response

OLD_GET = b'GET %s HTTP/1.0\r\n\r\n'
PIECE = b'0123456789' * 1_000
KEPT = 1_000_000  #: bytes; more than the kernel keeps of what was sent and not yet read


class Body:
    """`PIECE` so many times; `taken` says how often so far, `closed` when its end was reached or its consumer let go."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self.taken = 0
        self.closed = threading.Event()

    def run(self) -> Iterator[bytes]:
        try:
            for _ in range(self._pieces):
                self.taken += 1
                yield PIECE
        finally:
            self.closed.set()


class Gate:
    """A body that waits in the server's thread after its first piece, until it is opened."""

    def __init__(self) -> None:
        self._opened = Event()
        self.closed = threading.Event()

    def open(self, server: InProcessServer) -> None:
        server.call(self._opened.set)

    def run(self) -> Iterator[bytes]:
        try:
            yield b'first,'
            self._opened.wait()
            yield b'last'
        finally:
            self.closed.set()


def failing(*pieces: bytes) -> Iterator[bytes]:
    yield from pieces
    raise ZeroDivisionError('injected')


BODIES: dict[bytes, Callable[[], Iterator[Any]]] = {
    b'/words': lambda: iter([b'one ', b'', b'two ', bytearray(b'three ') * 20_000, b'', memoryview(b'four')]),
    b'/empty': lambda: iter(()),
    b'/empty-pieces': lambda: iter([b''] * 1000),
    b'/fails-at-once': failing,
    b'/fails-later': lambda: failing(b'one', b'two'),
    b'/tiny': lambda: (b'%d,' % number for number in range(50_000)),
}
WORDS = b'one two ' + b'three ' * 20_000 + b'four'


def respond(request: Request) -> Response:
    body: Any = BODIES[request.path]() if request.path in BODIES else b'not a stream'
    return Response(200, body, 'c1', b'text/plain', channel=request.path.decode()[1:])


@pytest.fixture(scope='module')
def server() -> Iterator[InProcessServer]:
    with InProcessServer(respond) as server:
        yield server


@pytest.fixture
def client(server: InProcessServer) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection('127.0.0.1', server.port, timeout=PATIENCE)) as client:
        yield client


def get(client: http.client.HTTPConnection, path: str, method: str = 'GET') -> http.client.HTTPResponse:
    client.request(method, path)
    return client.getresponse()


def over(sock: socket.socket) -> http.client.HTTPConnection:
    client = http.client.HTTPConnection('localhost')
    client.sock = sock
    return client


class Received:
    """Answers that are already here, for http.client to read one after another."""

    class _File(BytesIO):
        def close(self) -> None:
            """Stay open for the next answer."""

    def __init__(self, data: bytes) -> None:
        self._file = self._File(data)

    def makefile(self, mode: str) -> BytesIO:
        return self._file

    def answer(self) -> http.client.HTTPResponse:
        answer = http.client.HTTPResponse(self)  # type: ignore[arg-type]
        answer.begin()
        return answer


@pytest.mark.parametrize(
    ('path', 'body'),
    [
        ('/words', WORDS),
        ('/empty', b''),
        ('/empty-pieces', b''),
        ('/tiny', b''.join(b'%d,' % number for number in range(50_000))),
    ],
)
def test_an_http_1_1_client_reads_the_whole_body_and_the_connection_stays(
    client: http.client.HTTPConnection, path: str, body: bytes
) -> None:
    client.connect()
    sock = client.sock
    for _ in range(2):
        answer = get(client, path)
        assert answer.headers['Transfer-Encoding'] == 'chunked'
        assert 'Content-Length' not in answer.headers
        assert answer.read() == body
        assert get(client, '/').read() == b'not a stream'
    assert client.sock is sock


@pytest.mark.parametrize(('path', 'body'), [('/words', WORDS), ('/empty', b'')])
def test_an_http_1_0_client_reads_until_the_end(server: InProcessServer, path: str, body: bytes) -> None:
    with server.connect() as client:
        client.send(OLD_GET % path.encode())
        answer = Received(client.rest()).answer()
    assert 'Transfer-Encoding' not in answer.headers
    assert 'Content-Length' not in answer.headers
    assert answer.headers['Connection'] == 'close'
    assert answer.read() == body


def test_head_is_answered_without_a_body_and_the_connection_stays(client: http.client.HTTPConnection) -> None:
    answer = get(client, '/fails-at-once', 'HEAD')
    assert (answer.status, answer.read()) == (200, b'')
    assert get(client, '/words').read() == WORDS


def test_requests_sent_ahead_are_answered_after_a_stream(server: InProcessServer) -> None:
    with server.connect() as client:
        client.send(request('/words') + request('/empty') + request('/') + request('/tiny', 'Connection: close'))
        received = Received(client.rest())
    assert [received.answer().read()[:12] for _ in range(4)] == [WORDS[:12], b'', b'not a stream', b'0,1,2,3,4,5,']
    assert received.makefile('rb').read() == b''


def test_a_body_that_fails_at_once_is_a_500(client: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture) -> None:
    answer = get(client, '/fails-at-once')
    assert (answer.status, answer.read()) == (500, b'Internal error')
    assert logged(caplog) == [('http.respond.failed', 'c1')]


def test_a_client_can_tell_that_a_body_failed_in_the_middle(
    client: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    answer = get(client, '/fails-later')
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert caught.value.partial == b'onetwo'
    assert logged(caplog) == [('http.stream.failed', 'c1')]


def test_an_http_1_0_client_can_tell_that_a_body_failed_in_the_middle(server: InProcessServer) -> None:
    with server.connect() as client:
        client.send(OLD_GET % b'/fails-later')
        with pytest.raises(ConnectionResetError):
            client.rest()


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(vars(record)['action'], vars(record)['cid']) for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_body_of_10_mb_is_made_no_faster_than_a_client_reads_it() -> None:
    body = Body(1_000)
    with (
        InProcessServer(lambda request: Response(200, body.run(), 'c1'), send_buffer=65_536) as server,
        server.connect(receive_buffer=65_536) as raw,
    ):
        answer = get(over(raw.socket), '/')
        for number in range(1_000):
            assert body.taken * len(PIECE) <= number * len(PIECE) + KEPT
            assert answer.read(len(PIECE)) == PIECE
        assert answer.read() == b''
    assert body.taken == 1_000


def test_a_body_is_closed_if_the_client_goes_away(caplog: pytest.LogCaptureFixture) -> None:
    body = Body(1_000_000)
    with InProcessServer(lambda request: Response(200, body.run(), 'c1'), send_buffer=65_536) as server:
        with server.connect() as client:
            client.send(request('/'))
            client.socket.recv(1)
        assert body.closed.wait(PATIENCE)
    assert body.taken < 1_000_000
    assert logged(caplog) == []


def test_a_body_is_closed_if_the_client_does_not_read_it() -> None:
    body = Body(1_000_000)
    with (
        InProcessServer(lambda request: Response(200, body.run(), 'c1'), send_buffer=65_536, block_timeout=0.2) as server,
        server.connect(receive_buffer=4096) as client,
    ):
        client.send(request('/'))
        assert body.closed.wait(PATIENCE)


def test_a_client_has_no_deadline_while_a_body_is_made() -> None:
    gate = Gate()
    with (
        InProcessServer(lambda request: Response(200, gate.run(), 'c1'), block_timeout=0.1, keepalive=0.1) as server,
        server.connect() as client,
        server.connect() as idle,
    ):
        answer = get(over(client.socket), '/')
        assert answer.read(6) == b'first,'
        assert idle.rest() == b'', 'closed by the same look at all deadlines'
        gate.open(server)
        assert answer.read() == b'last'


def test_a_drain_waits_for_a_stream() -> None:
    gate = Gate()
    with InProcessServer(lambda request: Response(200, gate.run(), 'c1')) as server, server.connect() as client:
        answer = get(over(client.socket), '/')
        assert answer.read(6) == b'first,'
        server.start_drain(PATIENCE)
        gate.open(server)
        assert answer.read() == b'last'
        assert client.rest() == b''
        assert server.end_drain() == 0


def test_a_stream_that_takes_longer_than_a_drain_is_cut_off_and_closed() -> None:
    gate = Gate()
    with InProcessServer(lambda request: Response(200, gate.run(), 'c1')) as server, server.connect() as client:
        answer = get(over(client.socket), '/')
        assert answer.read(6) == b'first,'
        server.start_drain(0.1)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        assert gate.closed.wait(PATIENCE)
        assert server.end_drain() == 1


def test_the_access_log_has_a_line_a_stream_with_the_size_of_what_was_sent(tmp_path: Path) -> None:
    path = tmp_path / 'http_access.log'
    with InProcessServer(respond, log=str(path)) as server:
        for target in ('/words', '/fails-later', '/fails-at-once', '/empty'):
            with server.connect() as client:
                client.send(request(target, 'Connection: close'))
                client.rest()
        with server.connect() as client:
            client.send(request('/words', 'Connection: close', method='HEAD'))
            client.rest()
    lines = [re.search(r'(?:GET|HEAD) /([a-z-]*) HTTP/1.1" (\d+) (\d+) ', line) for line in path.read_text().splitlines()]
    assert [line.groups() for line in lines if line] == [
        ('words', '200', str(len(WORDS))),
        ('fails-later', '200', '6'),
        ('fails-at-once', '500', '14'),
        ('empty', '200', '0'),
        ('words', '200', '0'),
    ]
    assert len(lines) == 5


def test_a_stream_passes_tls(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, 'server')
    context = ssl.create_default_context(cafile=files['certificate'])
    with InProcessServer(respond, tls=files) as server:
        client: Client
        with server.connect(context) as client:
            connection = over(client.socket)
            for _ in range(2):
                assert get(connection, '/words').read() == WORDS
            with pytest.raises(http.client.IncompleteRead):
                get(connection, '/fails-later').read()
