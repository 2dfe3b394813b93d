"""An HTTP server of which a test says each byte, in this process, for what calls other systems."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NamedTuple

import gevent
from gevent import socket, ssl
from gevent.event import Event
from gevent.server import StreamServer

from zato.server.connection.rest.transport import Outbound, Transport, TransportOptions

_PATIENCE: Final = 30.0  #: seconds after which what a test waits for does not happen


class Received(NamedTuple):
    """A request."""

    method: str
    target: str
    headers: dict[str, str]  #: with lower-case names
    body: bytes


class Peer:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket, target: Target) -> None:
        self.socket = sock
        self.target = target
        self._input = b''

    def request(self) -> Received | None:
        """The next one; None if the client has closed."""
        while b'\r\n\r\n' not in self._input:
            if not self._receive():
                return None
        head, _, self._input = self._input.partition(b'\r\n\r\n')
        line, *lines = head.decode('latin-1').split('\r\n')
        method, target, _ = line.split(' ')
        headers = {name.lower(): value for name, _, value in (line.partition(': ') for line in lines)}
        length = int(headers.get('content-length', '0'))
        while len(self._input) < length:
            if not self._receive():
                return None
        body, self._input = self._input[:length], self._input[length:]
        received = Received(method, target, headers, body)
        self.target.requests.append(received)
        return received

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, body: bytes = b'', *headers: str, status: str = '200 OK') -> None:
        self.send(answer(body, *headers, status=status))

    def send_for_ever(self, piece: bytes) -> None:
        """Until the client has none of it any more."""
        while True:
            self.send(piece)

    def hang(self) -> None:
        """Read nothing until the test is over."""
        self.target.is_over.wait()

    def until_closed(self) -> None:
        """Until the client closes."""
        while self._receive():
            self._input = b''

    def _receive(self) -> bool:
        data = self.socket.recv(65_536)
        self._input += data
        return bool(data)


Script = Callable[[Peer], None]


def answer(body: bytes = b'', *headers: str, status: str = '200 OK') -> bytes:
    lines = (f'HTTP/1.1 {status}', f'Content-Length: {len(body)}', *headers, '', '')
    return '\r\n'.join(lines).encode('latin-1') + body


def echo(peer: Peer) -> None:
    """Each request's body is its answer."""
    while (received := peer.request()) is not None:
        peer.answer(received.body)


def always(data: bytes) -> Script:
    """These bytes for each request."""

    def script(peer: Peer) -> None:
        while peer.request() is not None:
            peer.send(data)

    return script


def once(data: bytes) -> Script:
    """These bytes for the first request, and the connection is closed."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)

    return script


class Target:
    """Listens on a free port. It does with each connection what the script says, and then closes it."""

    def __init__(self, script: Script = echo, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.requests: list[Received] = []
        self.accepted = 0
        self.open = 0  #: connections that are there now
        self.changed = Event()  #: set when `accepted` or `open` change
        self.is_over = Event()
        self._transports: list[Transport] = []
        options = {} if tls is None else {'ssl_context': tls, 'do_handshake_on_connect': False}
        self._server = StreamServer(('127.0.0.1', 0), self._serve, **options)
        self._server.start()
        self.scheme = 'http' if tls is None else 'https'
        self.port = self._server.server_port

    def __enter__(self) -> Target:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.is_over.set()
        self._server.stop(timeout=0)
        for transport in self._transports:
            transport.close()

    def url(self, target: str = '/', host: str = '127.0.0.1') -> str:
        return f'{self.scheme}://{host}:{self.port}{target}'

    def get(self, target: str = '/', *, host: str = '127.0.0.1', **headers: str) -> Outbound:
        return Outbound(method='GET', url=self.url(target, host), headers=headers)

    def post(self, body: bytes, target: str = '/', **headers: str) -> Outbound:
        return Outbound(method='POST', url=self.url(target), headers=headers, body=body)

    def transport(self, **options: object) -> Transport:
        """With limits that no test gets to unless it wants to. It is closed with the target."""
        default = {
            'title': 'Outgoing REST connection `CRM`',
            'timeout': 30.0,
            'connect_timeout': 0.0,
            'pool_size': 2,
            'max_redirects': 5,
            'max_response': 1_000_000,
        }
        values: dict[str, Any] = {**default, **options}
        self._transports.append(Transport(TransportOptions(**values)))
        return self._transports[-1]

    def until_open(self, count: int) -> None:
        """Wait until that many connections are there."""
        with gevent.Timeout(_PATIENCE):
            while self.open != count:
                self.changed.wait()
                self.changed.clear()

    def _serve(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self.accepted += 1
        self.open += 1
        self.changed.set()
        try:
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            self.script(Peer(sock, self))
        except OSError:
            pass  # the client has closed, or does not like the certificate
        finally:
            sock.close()
            self.open -= 1
            self.changed.set()
