"""The HTTP engine in a thread of the test's own process, where the test sees what becomes of iterators that are bodies."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from queue import Queue
from types import TracebackType

import gevent
from gevent import get_hub
from gevent.event import Event

from tests.support.http_client import PATIENCE, Client
from zato.common.client_address import TrustedProxies
from zato.common.log.files import AppendFile
from zato.common.log.writers import BufferedLines
from zato.server.http.access_log import AccessLog
from zato.server.http.limits import Limits
from zato.server.http.message import Request, Response
from zato.server.http.server import HTTPServer

Respond = Callable[[Request], Response]

LIFETIME = 600.0  #: seconds; it ends by itself after them, and would at once without sockets if it waited without end


class InProcessServer:
    """`respond` runs in the server's thread; everything else is called from the test's."""

    def __init__(
        self,
        respond: Respond,
        *,
        tls: dict[str, str] | None = None,
        log: str = '',
        send_buffer: int = 0,
        is_ipv6: bool = False,
        proxies: TrustedProxies | None = None,
        **limits: float,
    ) -> None:
        """tls: paths of PEM files, `certificate` and `key`. log: path. send_buffer: bytes that the kernel keeps.

        is_ipv6: does it listen there, for clients of IPv4, too?
        """
        self._respond = respond
        self._tls = tls
        self._log = log
        self._limits = Limits(**limits)  # type: ignore[arg-type]
        self._proxies = proxies
        self._listener = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET)
        if send_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._listener.bind(('::ffff:127.0.0.1' if is_ipv6 else '127.0.0.1', 0))
        self._listener.listen(100)
        self.port: int = self._listener.getsockname()[1]
        self._stopped = Event()
        self._ready = threading.Event()
        self._left: Queue[int] = Queue()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> InProcessServer:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.call(self._stopped.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def call(self, function: Callable[[], object]) -> None:
        """Have it called in the server's thread, at some time, by what must not wait."""
        self._loop.run_callback_threadsafe(function)

    def connect(self, tls: ssl.SSLContext | None = None, receive_buffer: int = 0) -> Client:
        sock = socket.socket()
        sock.settimeout(PATIENCE)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(('127.0.0.1', self.port))
        return Client(sock if tls is None else tls.wrap_socket(sock, server_hostname='localhost'))

    def start_drain(self, seconds: float) -> None:
        """Returns once it has begun."""
        begun = threading.Event()

        def drain() -> None:
            gevent.get_hub().loop.run_callback(begun.set)
            self._left.put(self._server.drain(seconds))
            self._server.close()

        self.call(lambda: gevent.spawn(drain))
        assert begun.wait(PATIENCE)

    def end_drain(self) -> int:
        """How many connections were cut off."""
        return self._left.get(timeout=PATIENCE)

    def _run(self) -> None:
        hub = get_hub()
        self._loop = hub.loop
        context = None
        if self._tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls['certificate'], self._tls['key'])
        log = AccessLog(BufferedLines(AppendFile(self._log)) if self._log else None)
        self._server = HTTPServer(self._respond, _reject, log, self._limits, proxies=self._proxies, tls=context)
        self._server.start([self._listener])
        self._ready.set()
        self._stopped.wait(LIFETIME)
        self._server.close()
        hub.destroy(destroy_loop=True)


def _reject(status: int, details: str) -> Response:
    return Response(status, details.encode(), 'rejected')
