"""The admin API's client in front of servers that answer badly, or not."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from zato.client.admin import AdminClient, ServerError, ServerUnreachable

Script = Callable[[socket.socket], None]


@contextmanager
def server(script: Script) -> Iterator[AdminClient]:
    """A client of a server that does this with one connection, whose request has been read."""
    with socket.create_server(('127.0.0.1', 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                try:
                    script(connection)
                except OSError:
                    return  # the client has closed

        thread = threading.Thread(target=serve)
        thread.start()
        yield AdminClient(host='127.0.0.1', port=listener.getsockname()[1], timeout=0.2, max_size=10_000)
        thread.join()


def for_ever(head: bytes, piece: bytes, pause: threading.Event | None = None) -> Script:
    """One piece after the other, each well within the client's timeout."""

    def script(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            (pause or threading.Event()).wait(0.02)

    return script


def once(data: bytes) -> Script:
    return lambda connection: connection.sendall(data)


def answer(body: bytes, status: str = '200 OK') -> bytes:
    return b'HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s' % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    ('head', 'piece'),
    [
        (b'', b'H'),
        (b'', b'HTTP/1.1 100 Continue\r\n\r\n'),
        (b'HTTP/1.1 200 OK\r\n', b'X: y\r\n'),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n', b'{'),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', b'1\r\n \r\n'),
    ],
    ids=['status', 'continue', 'headers', 'body', 'chunks'],
)
def test_an_answer_that_trickles_in_takes_no_longer_than_the_timeout(head: bytes, piece: bytes) -> None:
    with server(for_ever(head, piece)) as client, pytest.raises(ServerUnreachable) as raised:
        client.invoke('zato.ping')
    assert raised.value.was_sent


@pytest.mark.parametrize('head', [b'Content-Length: 100', b'Transfer-Encoding: chunked'], ids=['with a length', 'in chunks'])
def test_an_answer_that_breaks_off_is_none(head: bytes) -> None:
    with server(once(b'HTTP/1.1 200 OK\r\n%s\r\n\r\n2\r\n{}' % head)) as client, pytest.raises(ServerUnreachable) as raised:
        client.invoke('zato.ping')
    assert raised.value.was_sent


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    with (
        server(for_ever(b'HTTP/1.1 200 OK\r\n\r\n', b'x' * 9_000)) as client,
        pytest.raises(ServerError, match='10,000 bytes'),
    ):
        client.invoke('zato.ping')


@pytest.mark.parametrize(
    'body',
    [b'', b'x', b'[]', b'{}', b'{"response": 1}', b'{"response": "\xff"}', b'[' * 9_000],
    ids=['nothing', 'text', 'list', 'empty', 'number', 'bytes', 'nested'],
)
def test_what_is_no_answer_of_a_server_is_told_so(body: bytes) -> None:
    with server(once(answer(body))) as client, pytest.raises(ServerError) as raised:
        client.invoke('zato.ping')
    assert raised.value.http_status == 200


def test_a_response_that_only_looks_like_json_is_text() -> None:
    text = '[' * 3_000
    body = json.dumps({'response': b64encode(text.encode()).decode()}).encode()
    with server(once(answer(body))) as client:
        assert client.invoke('zato.ping') == text


def test_a_redirect_is_not_followed() -> None:
    redirect = b'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'
    with server(once(redirect)) as client, pytest.raises(ServerError) as raised:
        client.invoke('zato.ping')
    assert raised.value.http_status == 302
