"""Bodies that an iterator makes while they are sent: which pieces go out how, when, and what ends them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from math import inf
from typing import Any

import gevent
import pytest

from tests.support.clock import HandClock
from tests.unit.http.scripted import ScriptedTransport
from zato.server.http.access_log import AccessLog
from zato.server.http.chunked import ChunkedBody
from zato.server.http.connection import Connection, Expired
from zato.server.http.limits import BLOCK, Limits
from zato.server.http.message import CHUNKED, Request, Response, serialize
from zato.server.http.server import HTTPServer

GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
OLD_GET = b'GET / HTTP/1.0\r\n\r\n'
MANY = 3_000_000  #: more pieces than a stream makes before others have had their turn

failures = pytest.mark.parametrize(
    'failure',
    [ZeroDivisionError, ConnectionResetError, TimeoutError, SystemExit, gevent.Timeout],
    ids=lambda error: error.__name__,
)
not_bytes = pytest.mark.parametrize('piece', ['text', None, 5, [b'x']], ids=repr)


class Client(ScriptedTransport):
    """Takes at most `takes` bytes in `seconds`, and is let go past the connection's deadline. `sends`: each piece sent."""

    def __init__(self, sent: bytes, takes: int = 1_000_000, seconds: float = 0.0) -> None:
        super().__init__([sent])
        self._takes = takes
        self._seconds = seconds
        self.clock = HandClock()
        self.sends: list[bytes] = []
        self.connection: Connection | None = None

    def send(self, data: bytes | memoryview) -> int:
        assert self.connection is not None
        assert self.connection.deadline < inf, 'the client has a deadline while it is sent to'
        self.clock.now += self._seconds
        if self.connection.deadline < self.clock.now:
            raise Expired
        taken = bytes(data[: self._takes])
        self.sends.append(taken)
        return super().send(taken)


class Pieces:
    """Counts what is taken of it."""

    def __init__(self, *pieces: Any) -> None:
        self._pieces = iter(pieces)
        self.taken = 0
        self.closed = 0

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> Any:
        piece = next(self._pieces)
        self.taken += 1
        if isinstance(piece, type):
            raise piece('injected')
        return piece

    def close(self) -> None:
        self.closed += 1


class Log(AccessLog):
    def __init__(self) -> None:
        super().__init__(None)
        self.sizes: list[int] = []

    def add(self, request: Request, response: Response, size: int, seconds: float) -> None:
        self.sizes.append(size)


def serve(client: Client, pieces: Iterator[Any], status: int = 200, headers: Any = ()) -> Log:
    """Answer each request of the client's with these pieces."""
    log = Log()
    respond = lambda request: Response(status, pieces, 'c1', headers=headers)  # noqa: E731
    reject = lambda status, details: Response(status, details.encode(), 'c2')  # noqa: E731
    server = HTTPServer(respond, reject, log, Limits(), clock=client.clock)
    server.common_headers = b''
    client.connection = connection = Connection(client, '-', server)
    connection.run()
    return log


def answer(client: Client) -> tuple[bytes, bytes]:
    """Status line and what comes after the head."""
    head, _, rest = client.sent.partition(b'\r\n\r\n')
    return head.partition(b'\r\n')[0], rest


def errors(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(vars(record)['action'], vars(record)['cid']) for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize(
    ('pieces', 'sent'),
    [
        ([], [b'0\r\n\r\n']),
        ([b''], [b'0\r\n\r\n']),
        ([b'one'], [b'3\r\none\r\n', b'0\r\n\r\n']),
        ([b'one', b'', b'0123456789'], [b'3\r\none\r\n', b'a\r\n0123456789\r\n', b'0\r\n\r\n']),
        ([b'', b'', b'1', b''], [b'1\r\n1\r\n', b'0\r\n\r\n']),
        ([bytearray(b'one'), memoryview(b'two')], [b'3\r\none\r\n', b'3\r\ntwo\r\n', b'0\r\n\r\n']),
        ([memoryview(b'a-b-c-')[::2]], [b'3\r\nabc\r\n', b'0\r\n\r\n']),
    ],
)
def test_each_piece_that_is_not_empty_is_a_chunk_and_the_head_goes_with_the_first(
    pieces: list[bytes], sent: list[bytes]
) -> None:
    client = Client(GET)
    log = serve(client, Pieces(*pieces))
    head, _, first = client.sends[0].partition(b'\r\n\r\n')
    assert head == b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Zato-CID: c1\r\nTransfer-Encoding: chunked'
    assert [first, *client.sends[1:]] == sent
    assert log.sizes == [sum(map(len, pieces))]


def test_a_large_piece_is_sent_in_parts() -> None:
    body = bytes(range(256)) * 1000
    client = Client(GET)
    log = serve(client, Pieces(body, b'x' * BLOCK, b'end'))
    assert [len(sent) for sent in client.sends[1:]] == [BLOCK + 9, BLOCK + 9, len(body) - 3 * BLOCK + 8, BLOCK + 9, 8, 5]
    received = ChunkedBody(1_000_000)
    assert received.feed(answer(client)[1])
    assert received.body == body + b'x' * BLOCK + b'end'
    assert log.sizes == [len(received.body)]


def test_an_iterator_may_use_its_buffer_again() -> None:
    def pieces() -> Iterator[bytearray]:
        buffer = bytearray()
        for piece in (b'one', b'three', b''):
            buffer[:] = piece
            yield buffer

    client = Client(GET)
    serve(client, pieces())
    assert answer(client)[1] == b'3\r\none\r\n5\r\nthree\r\n0\r\n\r\n'


def test_a_piece_is_taken_once_the_one_before_is_sent() -> None:
    pieces = Pieces(b'1', b'2', b'3')
    client = Client(GET)

    def seen() -> Iterator[bytes]:
        for piece in pieces:
            assert sum(sent.endswith(b'\r\n') for sent in client.sends) == pieces.taken - 1
            yield piece

    serve(client, seen())
    assert pieces.taken == 3


@pytest.mark.parametrize(('pieces', 'body'), [([b'one', b'', b'two'], b'onetwo'), ([], b''), ([b''], b'')])
@pytest.mark.parametrize(
    'request_', [OLD_GET, OLD_GET[:-2] + b'Connection: keep-alive\r\n\r\n'], ids=['close', 'keep-alive']
)
def test_an_http_1_0_client_gets_the_pieces_as_they_are_and_the_end_is_the_end(
    request_: bytes, pieces: list[bytes], body: bytes
) -> None:
    client = Client(request_ + OLD_GET)
    log = serve(client, Pieces(*pieces))
    head, _, rest = client.sent.partition(b'\r\n\r\n')
    assert head == b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Zato-CID: c1\r\nConnection: close'
    assert rest == body
    assert client.told_to_close
    assert log.sizes == [len(body)]


@pytest.mark.parametrize(
    ('request_', 'status', 'headers'),
    [
        (GET.replace(b'GET', b'HEAD'), 200, b'Transfer-Encoding: chunked'),
        (OLD_GET.replace(b'GET', b'HEAD'), 200, b'Connection: close'),
        (GET, 204, b'X-Zato-CID: c1'),
        (GET, 304, b'X-Zato-CID: c1'),
        (OLD_GET, 204, b'Connection: close'),
    ],
)
def test_where_there_is_no_body_the_iterator_is_closed_and_not_run(request_: bytes, status: int, headers: bytes) -> None:
    pieces = Pieces(b'never')
    client = Client(request_)
    log = serve(client, pieces, status)
    assert client.sent.endswith(b'\r\n' + headers + b'\r\n\r\n')
    assert (pieces.taken, pieces.closed, log.sizes) == (0, 1, [0])


def test_a_connection_serves_on_after_a_stream() -> None:
    client = Client(GET.replace(b'GET', b'HEAD') + GET + GET)
    log = serve(client, Pieces(b'one', b'two'))
    assert client.sent.count(b'HTTP/1.1 200 OK') == 3
    assert b'Connection' not in client.sent
    assert log.sizes == [0, 6, 0]
    assert not client.told_to_close


@failures
def test_a_failure_before_the_first_piece_is_a_500(failure: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    pieces = Pieces(b'', failure)
    client = Client(GET + GET)
    serve(client, pieces)
    assert answer(client) == (b'HTTP/1.1 500 Internal Server Error', b'Internal error')
    assert errors(caplog) == [('http.respond.failed', 'c1')]
    assert (pieces.closed, client.told_to_close) == (1, True)


@failures
def test_a_failure_in_the_middle_ends_the_connection_without_the_last_chunk(
    failure: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    pieces = Pieces(b'one', failure, b'two')
    client = Client(GET + GET)
    log = serve(client, pieces)
    assert answer(client) == (b'HTTP/1.1 200 OK', b'3\r\none\r\n')
    assert errors(caplog) == [('http.stream.failed', 'c1')]
    assert 'injected' in caplog.text
    assert (pieces.closed, client.told_to_close, log.sizes) == (1, True, [3])


@not_bytes
def test_a_piece_that_is_not_bytes_is_a_failure(piece: object, caplog: pytest.LogCaptureFixture) -> None:
    first, later = Client(GET), Client(GET)
    serve(first, Pieces(piece))
    serve(later, Pieces(b'one', piece))
    assert answer(first) == (b'HTTP/1.1 500 Internal Server Error', b'Internal error')
    assert answer(later) == (b'HTTP/1.1 200 OK', b'3\r\none\r\n')
    assert errors(caplog) == [('http.respond.failed', 'c1'), ('http.stream.failed', 'c1')]
    assert 'bytes-like object' in caplog.text


@pytest.mark.parametrize('body', [[b'a list'], 'text', None, bytearray(b'x')], ids=repr)
def test_a_body_that_is_neither_bytes_nor_an_iterator_is_a_500(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = Client(GET)
    serve(client, body)
    assert answer(client)[0] == b'HTTP/1.1 500 Internal Server Error'
    assert errors(caplog) == [('http.respond.failed', 'c1')]


def test_a_body_of_a_class_derived_from_bytes_is_no_stream() -> None:
    class Text(bytes):
        pass

    client = Client(GET)
    serve(client, Text(b'four'))  # type: ignore[arg-type]
    assert client.sent.endswith(b'\r\nContent-Length: 4\r\n\r\nfour')


def test_a_head_that_cannot_be_sent_is_a_500_and_closes_the_iterator() -> None:
    pieces = Pieces(b'one')
    client = Client(GET)
    serve(client, pieces, headers=((b'X', b'a\r\nY: b'),))
    assert answer(client) == (b'HTTP/1.1 500 Internal Server Error', b'Internal error')
    assert pieces.closed == 1


def test_a_generator_is_closed_where_it_is_if_the_client_goes_away(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b'one'
            yield b'two'
        finally:
            ended.append('closed')

    class Leaving(Client):
        def send(self, data: bytes | memoryview) -> int:
            if self.sends:
                raise BrokenPipeError
            return super().send(data)

    client = Leaving(GET + GET)
    log = serve(client, pieces())
    assert ended == ['closed']
    assert log.sizes == [3]
    assert errors(caplog) == []


@pytest.mark.parametrize(
    ('taken', 'size'), [(-50, 0), (0, 0), (2, 0), (3, 0), (4, 1), (10, 7), (11, 8), (12, 8), (10_000, 8)]
)
def test_only_bytes_of_the_body_that_were_sent_are_logged(taken: int, size: int) -> None:
    """taken: bytes after the head, of which the first three are the chunk's size."""
    head = len(serialize(Response(200, iter(()), 'c1'), b'', CHUNKED, is_head=True))

    class Leaving(Client):
        left = head + taken

        def send(self, data: bytes | memoryview) -> int:
            if not self.left:
                raise BrokenPipeError
            sent = super().send(data[: self.left])
            self.left -= sent
            return sent

    assert serve(Leaving(GET), Pieces(b'12345678')).sizes == [size]


def test_a_close_that_fails_is_logged_and_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(Pieces):
        def close(self) -> None:
            raise ZeroDivisionError

    client = Client(GET + GET)
    serve(client, Stubborn(b'one'))
    assert client.sent.count(b'HTTP/1.1 200 OK') == 2
    assert errors(caplog) == [('http.stream.failed', 'c1')] * 2


def test_a_timeout_of_the_iterator_that_strikes_while_a_piece_is_sent_is_its_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Struck(Client):
        def send(self, data: bytes | memoryview) -> int:
            if self.sends:
                raise gevent.Timeout(5)
            return super().send(data)

    pieces = Pieces(b'one', b'two')
    client = Struck(GET)
    serve(client, pieces)
    assert answer(client)[1] == b'3\r\none\r\n'
    assert errors(caplog) == [('http.stream.failed', 'c1')]
    assert (pieces.closed, client.told_to_close) == (1, True)


@pytest.mark.parametrize(('seconds', 'pieces'), [(0.4, 1000), (0.5, 61)], ids=['64 KiB in 26 s', '64 KiB in 33 s'])
def test_a_client_has_its_time_for_each_block_however_small_the_pieces(seconds: float, pieces: int) -> None:
    iterator = Pieces(*[b'x' * 1000] * 1000)
    serve(Client(GET, seconds=seconds), iterator)
    assert (iterator.taken, iterator.closed) == (pieces, 1)


def test_a_client_that_takes_a_large_piece_slowly_but_steadily_is_not_let_go() -> None:
    log = serve(Client(GET, takes=10_000, seconds=4.0), Pieces(b'x' * 1_000_000))
    assert log.sizes == [1_000_000]


def test_the_time_that_the_iterator_takes_is_not_the_client_s() -> None:
    client = Client(GET, seconds=1.0)

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            assert client.connection is not None
            assert client.connection.deadline == inf
            client.clock.now += 1000.0
            yield b'x'

    assert serve(client, pieces()).sizes == [20]


@pytest.mark.parametrize('piece', [b'x', b''], ids=['tiny', 'empty'])
def test_others_have_their_turn_during_a_stream(piece: bytes) -> None:
    others: list[int] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(MANY):
            if others:
                return
            yield piece

    class Forgetful(Client):
        def send(self, data: bytes | memoryview) -> int:
            return len(data)

    other = gevent.spawn(others.append, 1)
    serve(Forgetful(GET), pieces())
    assert others
    other.join()
