"""All HTTP connections of one worker: accepts them, limits them, watches their deadlines, lets them finish on a stop."""

from __future__ import annotations

import errno
import logging
from email.utils import formatdate
from math import inf
from typing import TYPE_CHECKING

import gevent
from gevent import get_hub, monkey
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from zato.common.client_address import TrustedProxies, plain_address
from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.server.http.connection import Connection, Expired
from zato.server.http.transport import READ, PlainTransport, TLSTransport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from socket import socket

    from zato.server.http.access_log import AccessLog
    from zato.server.http.balance import Share
    from zato.server.http.limits import Limits
    from zato.server.http.message import Request, Response

logger = logging.getLogger(__name__)

_IDLE_IN_DRAIN = 1.0  #: seconds an idle connection that had an answer stays open once a drain has begun
_UNUSED_IN_DRAIN = 5.0  #: the same for a connection that never had one
_LAST_ACCEPT = 0.2  #: seconds in which a drain still accepts: for hand-shakes that had begun before it
_SWEEP = 0.5  #: seconds between two looks at the deadlines
_ACCEPT_AT_ONCE = 16
_LET_OTHERS_ACCEPT, _WAITS = 0.001, 4
_PAUSE_ON_ERROR = 0.1
_DIE = 1.0  #: seconds that what is cut off has for cleaning up

_SOCKET: type[socket] = monkey.get_original('socket', 'socket')


class HTTPServer:
    """`share` is this worker's place among those that accept from the same sockets, None if it is alone.

    `refuse` says from the head alone whether a request whose body is still to come would be refused, and how.
    `respond` is called in a connection's greenlet; it must not raise. `reject` makes the answer to what was no request.
    `proxies` are believed when they say whom they have a request from.

    Order of use: `start`, `drain`, `close`; the last one alone stops at once.
    """

    def __init__(
        self,
        respond: Callable[[Request], Response],
        reject: Callable[[int, str], Response],
        access_log: AccessLog,
        limits: Limits,
        *,
        refuse: Callable[[Request], Response | None] = lambda request: None,
        proxies: TrustedProxies | None = None,
        server_header: str = 'Zato',
        tls: ssl.SSLContext | None = None,
        share: Share | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.respond = respond
        self.reject = reject
        self.refuse = refuse
        self.access_log = access_log
        self.limits = limits
        self.proxies = proxies or TrustedProxies()
        self.monotonic = clock.monotonic
        self.draining = False
        self.common_headers = b''
        self._server_header = f'Server: {server_header}\r\n' if server_header else ''
        self._tls = tls
        self._share = share
        self._accept_error = ''  # logged once for as long as it lasts
        self._connections: set[Connection] = set()
        self._handshakes: dict[Connection, None] = {}  # those under way, the oldest first
        self._places = BoundedSemaphore(limits.connections)
        self._all_closed = Event()
        self._acceptors: list[gevent.Greenlet[..., None]] = []
        self._listeners: list[socket] = []
        self._sweeper: gevent.Greenlet[..., None] | None = None
        self._refresh_headers()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def start(self, listeners: list[socket]) -> None:
        """Accept from `listeners`, which are bound and listening already."""
        for listener in listeners:
            listener.setblocking(False)
            self._listeners.append(listener)
            self._acceptors.append(gevent.spawn(self._accept_forever, listener))
        self._sweeper = gevent.spawn(self._sweep_forever)
        self._tell_share()

    def drain(self, timeout: float) -> int:
        """Accept what waits already and no more, let open connections finish. Returns how many are left to be closed.

        timeout: seconds.
        """
        self.draining = True
        if self._share is not None:
            self._share.leave()
        gevent.sleep(_LAST_ACCEPT)
        gevent.killall(self._acceptors)
        for listener in self._listeners:
            try:
                self._accept_waiting(listener, at_most=self.limits.connections)
            except OSError as e:
                logger.error('Cannot accept waiting connections: %s', e, extra={'action': 'http.accept.failed'})
            listener.close()
        now = self.monotonic()
        for connection in self._connections:
            if connection.idle:
                connection.deadline = min(connection.deadline, self.idle_deadline(connection.answered))
        self._all_closed.clear()
        if self._connections:
            self._all_closed.wait(max(0.0, timeout - (self.monotonic() - now)))
        return len(self._connections)

    def close(self) -> None:
        """Close everything at once."""
        gevent.killall(self._acceptors)
        if self._sweeper is not None:
            self._sweeper.kill()
        for listener in self._listeners:
            listener.close()
        greenlets = [connection.greenlet for connection in self._connections if connection.greenlet]
        gevent.killall(greenlets, block=False)
        gevent.joinall(greenlets, timeout=_DIE)
        self.access_log.flush()

    def idle_deadline(self, answered: bool) -> float:
        """Until when a connection may stay open without sending anything."""
        if self.draining:
            return self.monotonic() + (_IDLE_IN_DRAIN if answered else _UNUSED_IN_DRAIN)
        return self.monotonic() + self.limits.keepalive

    def _accept_forever(self, listener: socket) -> None:
        hub = get_hub()
        watcher = hub.loop.io(listener.fileno(), READ)
        try:
            while True:
                hub.wait(watcher)
                at_most = _ACCEPT_AT_ONCE
                if self._share is not None:
                    at_most = 1
                    self._let_others_accept(self._share)
                try:
                    self._accept_waiting(listener, at_most)
                except Exception as e:  # whatever it is, this worker must go on accepting
                    if str(e) != self._accept_error:
                        self._accept_error = str(e)
                        logger.error('Cannot accept connections: %s', e, extra={'action': 'http.accept.failed'})
                    gevent.sleep(_PAUSE_ON_ERROR)
                else:
                    self._accept_error = ''
        finally:
            watcher.close()

    def _let_others_accept(self, share: Share) -> None:
        for _ in range(_WAITS):
            if not share.is_ahead():
                return
            gevent.sleep(_LET_OTHERS_ACCEPT)
        share.stop_waiting()

    def _accept_waiting(self, listener: socket, at_most: int) -> None:
        for _ in range(at_most):
            if not self.draining:
                self._places.acquire()
            elif not self._places.acquire(blocking=False):
                return
            try:
                fd, address = listener._accept()  # type: ignore[attr-defined]  # accept() of gevent's class would wrap it
                self._spawn(_SOCKET(fileno=fd), address)
            except OSError as e:
                self._places.release()
                if e.errno == errno.EAGAIN:
                    return
                if e.errno != errno.ECONNABORTED:
                    raise

    def _spawn(self, sock: socket, address: tuple[str, int] | str) -> None:
        sock.setblocking(False)
        peer = '-'
        if isinstance(address, tuple):
            sock.setsockopt(6, 1, 1)  # TCP_NODELAY
            peer = plain_address(address[0])
        plain = PlainTransport(sock)
        if self._tls is None:
            connection = Connection(plain, peer, self)
            run = connection.run
        else:
            tls = TLSTransport(plain, self._tls)
            connection = Connection(tls, peer, self)
            self._begin_handshake(connection)
            run = lambda: connection.run_tls(plain, tls, lambda: self._end_handshake(connection))  # noqa: E731
        connection.greenlet = greenlet = gevent.Greenlet(run)
        self._connections.add(connection)
        self._tell_share()
        greenlet.rawlink(lambda _: self._forget(connection))
        greenlet.start()

    def _tell_share(self) -> None:
        if self._share is not None and not self.draining:
            self._share.update(len(self._connections))

    def _begin_handshake(self, connection: Connection) -> None:
        """Too many at once cost the oldest one its place: clients that stall do not keep out those that do not."""
        if len(self._handshakes) >= self.limits.tls_handshakes:
            oldest = next(iter(self._handshakes))
            del self._handshakes[oldest]
            oldest.deadline = 0.0
            get_hub().loop.run_callback(self._expire, oldest)
        connection.deadline = self.monotonic() + self.limits.tls_handshake_timeout
        self._handshakes[connection] = None

    def _end_handshake(self, connection: Connection) -> None:
        self._handshakes.pop(connection, None)

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._tell_share()
        self._places.release()
        if not self._connections:
            self._all_closed.set()

    def _sweep_forever(self) -> None:
        hub = get_hub()
        while True:
            gevent.sleep(_SWEEP)
            self._refresh_headers()
            self.access_log.flush()
            now = self.monotonic()
            for connection in list(self._connections):
                if connection.deadline < now:
                    hub.loop.run_callback(self._expire, connection)

    def _expire(self, connection: Connection) -> None:
        # In the hub, where nothing else runs between the second look and the throw: a service that has started meanwhile
        # must not be interrupted.
        greenlet = connection.greenlet
        if greenlet is not None and connection.deadline < self.monotonic() and not greenlet.dead:
            connection.deadline = inf
            greenlet.throw(Expired)

    def _refresh_headers(self) -> None:
        self.common_headers = f'{self._server_header}Date: {formatdate(usegmt=True)}\r\n'.encode()
