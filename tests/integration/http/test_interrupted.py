"""A response whose request is ended from outside while it is streamed."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gevent import get_hub, getcurrent
from gevent.event import Event

from tests.integration.http.in_process import InProcessServer
from tests.support.http_client import PATIENCE, request
from zato.server.config.cooperation import Interrupted
from zato.server.http.message import Request, Response

PIECE = b'0123456789' * 10_000


class Body:
    """Waits after its first piece, or goes on without end, until its greenlet is interrupted."""

    def __init__(self, *, waits: bool) -> None:
        self._waits = waits
        self._greenlet: Any = None
        self.begun = threading.Event()
        self.closed = threading.Event()

    def run(self) -> Iterator[bytes]:
        self._greenlet = getcurrent()
        try:
            while True:
                yield PIECE
                self.begun.set()
                if self._waits:
                    Event().wait(PATIENCE)
        finally:
            self.closed.set()

    def interrupt(self) -> None:
        """In the hub."""
        self._greenlet.throw(Interrupted('enough'))


@pytest.mark.parametrize('waits', [True, False], ids=['while its next piece is made', 'while a piece is sent'])
def test_it_is_cut_off_so_that_the_client_can_tell_and_the_server_goes_on(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    body = Body(waits=waits)

    def respond(message: Request) -> Response:
        return Response(200, body.run() if message.path == b'/stream' else b'whole', 'the-cid')

    with InProcessServer(respond) as server, server.connect(receive_buffer=4_096) as client:
        client.send(request('/stream'))
        assert body.begun.wait(PATIENCE)
        server.call(body.interrupt)
        assert body.closed.wait(PATIENCE)
        received = client.rest()
        assert received.startswith(b'HTTP/1.1 200 OK\r\n')
        assert not received.endswith(b'0\r\n\r\n'), 'the end of a whole body'
        with server.connect() as another:
            assert another.get('/').body == b'whole'
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage() == 'The body of a response was cut off (cid: the-cid)'
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], Interrupted)


def test_before_the_first_piece_the_answer_is_an_error() -> None:
    begun = threading.Event()
    greenlets: list[Any] = []

    def pieces() -> Iterator[bytes]:
        greenlets.append(getcurrent())
        get_hub().loop.run_callback(begun.set)
        Event().wait(PATIENCE)
        yield PIECE

    with InProcessServer(lambda message: Response(200, pieces(), 'c')) as server, server.connect() as client:
        client.send(request('/'))
        assert begun.wait(PATIENCE)
        server.call(lambda: greenlets[0].throw(Interrupted('enough')))
        assert client.answer().status == 500
        with pytest.raises((EOFError, socket.timeout)):
            client.answer()
