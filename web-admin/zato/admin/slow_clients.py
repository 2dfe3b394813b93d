"""Threads of gunicorn that clients cannot hold by sending slowly, or by not taking what they are sent.

A thread gets a request once its head has arrived, and its body if that is small: until then, a connection costs a
descriptor. So it is without TLS; with it, threads wait, several for each request that may be worked on. Larger bodies are
read, and answers written, by threads as well: no client has one for longer than is set here.
"""

from __future__ import annotations

import re
import socket
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from functools import partial
from io import BytesIO
from math import inf
from selectors import EVENT_READ
from struct import unpack
from termios import TIOCOUTQ
from threading import BoundedSemaphore, get_ident
from time import monotonic
from typing import Any, Final

from django.core.exceptions import BadRequest
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import ThreadWorker

SMALL: Final = 16_384  #: bytes of a body that is waited for before anything is done about it; of more it takes a session
_LOOKED_AT: Final = 32_768  #: bytes that the end of a head must be in
_RATE: Final = 10_000  #: bytes in a second that a client sends of a larger body, at least
_CLIENTS: Final = 16  #: threads for each request that may be worked on

_size_of: Final = re.compile(rb'\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?=\r\n|$)', re.IGNORECASE).search


@dataclass(slots=True)
class _Wait:
    """Of one thread for its client. until: monotonic seconds. how: what is shut down then."""

    connection: Any
    until: float
    how: int = socket.SHUT_RD


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """arriving: seconds that a head and a small body may take, with the handshake of TLS; leaving: that an answer may."""

    arriving = 10.0
    leaving = 120.0
    wsgi: Callable[..., Iterable[bytes]]
    pending_conns: deque[Any]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._turns = BoundedSemaphore(self.cfg.threads)
        self._waits: dict[int, _Wait] = {}  # by thread

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.cfg.threads * _CLIENTS)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._application = self.wsgi
        self.wsgi = self._answer

    def notify(self) -> None:
        """Called about once a second."""
        super().notify()
        for wait in list(self._waits.values()):
            if monotonic() > wait.until:
                with suppress(OSError):  # it is closed already; and not TLS's own method, which would go on without TLS
                    socket.socket.shutdown(wait.connection.sock, wait.how)

    def enqueue_req(self, conn: Any) -> None:
        """Called for a connection that is new, or has sent something; once it has sent more, it is called again."""
        if self.cfg.is_ssl or _has_arrived(conn):
            conn.until = None
            super().enqueue_req(conn)
            return
        conn.until = conn.timeout = getattr(conn, 'until', None) or monotonic() + self.arriving
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def murder_pending(self) -> None:
        """Those that have not sent a whole request in time; of a worker that stops, all of them."""
        for conn in self.pending_conns:
            conn.timeout = conn.timeout if self.alive else 0.0
        self.pending_conns = deque(sorted(self.pending_conns, key=lambda conn: conn.timeout))
        super().murder_pending()

    def handle(self, conn: Any) -> Any:
        """False if the connection is closed: here, as gunicorn waits for clients to close it in the thread that accepts."""
        wait = self._waits[get_ident()] = _Wait(conn, monotonic() + self.arriving)
        try:
            result = super().handle(conn)
            if not result:
                wait.until = inf
                conn.close(graceful=True)
                conn.close = _do_nothing
            return result
        finally:
            del self._waits[get_ident()]

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        wait = self._waits[get_ident()]
        size = int(environ.get('CONTENT_LENGTH') or 0)
        body = Body(environ['wsgi.input'], size)
        environ['wsgi.input'] = BytesIO(_all_of(body)) if size <= SMALL else body
        wait.until = inf
        with self._turns:
            if size > SMALL:
                wait.until = monotonic() + self.arriving + size / _RATE
            answer = self._application(environ, start_response)
        wait.until, wait.how = monotonic() + self.leaving, socket.SHUT_RDWR
        return answer


class Body:
    """Of a request, whose head says its size: half a form must not be taken for a whole one."""

    def __init__(self, source: Any, size: int) -> None:
        self._source = source
        self._left = size
        self.readline = source.readline  # which Django asks for, and calls for nothing

    def read(self, size: int = -1) -> bytes:
        """Raises BadRequest if the client sends no more."""
        wanted = min(size, self._left) if size >= 0 else self._left
        data: bytes = self._source.read(wanted)
        if len(data) < wanted:
            raise BadRequest('The client did not send all of the request')
        self._left -= wanted
        return data


def _all_of(body: Body) -> bytes:
    """Raises NoMoreData, on which the connection is closed without a word."""
    try:
        return body.read()
    except BadRequest:
        raise NoMoreData from None


def _do_nothing(graceful: bool = False) -> None:
    pass


def _has_arrived(conn: Any) -> bool:
    """Is there a request, or is nothing more to come? If not, the socket can be read once there is more than now."""
    try:
        has_arrived = _look(conn)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 if has_arrived else conn.seen + 1)
    except OSError:
        has_arrived = True  # a thread will find out what is wrong
    if has_arrived:
        conn.seen = -1
    return has_arrived


def _look(conn: Any) -> bool:
    """Sets `seen`: bytes that were there. Raises OSError."""
    try:
        peeked = conn.sock.recv(_LOOKED_AT, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        is_over = len(peeked) in (0, getattr(conn, 'seen', -1))  # it could be read, and there is nothing new
    except BlockingIOError:
        peeked, is_over = b'', False
    conn.seen = len(peeked)
    known = conn.parser.unreader.buf.getvalue() if conn.parser is not None else b''  # read ahead by the last request
    head, end, body = (known + peeked).partition(b'\r\n\r\n')
    is_over = is_over or len(head) >= _LOOKED_AT  # such a head is nobody's
    size = _size_of(head)
    wanted = int(size[1]) if size is not None else 0
    is_whole = bool(end) and (wanted > SMALL or len(body) >= wanted or len(peeked) == _LOOKED_AT)
    is_taken = not _unsent(conn.sock)
    if is_over and not (is_whole and is_taken):
        conn.sock.shutdown(socket.SHUT_RDWR)
    return is_over or (is_whole and is_taken)


def _unsent(connection: socket.socket) -> int:
    """Bytes of the last answer that the client has not taken. Nobody waits for one that wants the next answer before."""
    return int(unpack('i', ioctl(connection, TIOCOUTQ, bytes(4)))[0])
