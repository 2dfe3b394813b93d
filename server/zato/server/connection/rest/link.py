"""One connection to an origin, over urllib3. It imports urllib3, which is why the first call imports it, and nobody else."""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from time import monotonic
from typing import Final, cast

import gevent
from gevent import monkey, socket, ssl
from urllib3 import HTTPHeaderDict
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from zato.common.exception import RequestInvalid
from zato.server.config.cooperation import Slices
from zato.server.connection.rest.answer import Answer
from zato.server.connection.rest.decoding import read_body
from zato.server.connection.rest.failure import CLOSED, Broken, Phase, explain, innermost
from zato.server.connection.rest.message import Outbound
from zato.server.connection.rest.origin import Origin

_PIECE: Final = 65_536  #: bytes of a body that are sent at a time

#: Headers that only the transport sets.
_FRAMING: Final = {'content-length', 'transfer-encoding'}

_FOREIGN: Final = (HTTPError, HTTPException, OSError, ValueError)

_poll = monkey.get_original('select', 'poll')  # asked without waiting, so it need not go through the event loop


class Stale(Broken):
    """The other side had closed the connection before anything of an answer came."""


class Link(HTTPConnection):
    """timeouts: of each read and write, and of all that it takes to connect. context: None for no TLS. max_body: bytes.

    Methods raise Broken, after which the connection is closed, as it is after any other exception.
    """

    def __init__(
        self, origin: Origin, *, timeout: float, connect_timeout: float, context: ssl.SSLContext | None, max_body: int
    ) -> None:
        super().__init__(origin.host, origin.port, timeout=timeout)
        self.origin = origin
        self._connect_timeout = connect_timeout
        self._context = context
        self._max_body = max_body
        self._answer: Answer | None = None  #: the last one
        self._phase = Phase.CONNECT

    def connect(self) -> None:
        """Find the address, make the socket, shake hands for TLS, all in `connect_timeout` seconds."""
        timer = gevent.Timeout.start_new(self._connect_timeout)
        try:
            sock = _dial(self.origin, monotonic() + self._connect_timeout)
            self.sock = sock if self._context is None else _secure(sock, self._context, self.origin.host)
        except (OSError, ValueError) as e:
            raise Broken(*explain(e, Phase.CONNECT)) from e
        except gevent.Timeout as e:
            if e is not timer:
                raise
            raise Broken(*explain(TimeoutError(), Phase.CONNECT)) from None
        finally:
            timer.close()
        self.sock.settimeout(self.timeout)
        self._watch = _poll()
        self._watch.register(self.sock.fileno(), select.POLLIN)

    @property
    def is_usable(self) -> bool:
        """Is it open, and has the other side said nothing since the last answer?"""
        return self.sock is not None and not self._watch.poll(0)

    def exchange(self, request: Outbound, target: str) -> tuple[int, str, HTTPHeaderDict, bytes]:
        """Status, reason, headers, body. Afterwards the connection is open only if it can be used again."""
        self._answer = None
        try:
            is_sent = self._send(request, target)
            self._phase = Phase.RECEIVE
            response = self.getresponse()
            assert self._answer is not None
            body = read_body(response, self._answer, self._max_body)
        except Broken:
            self._abandon()
            raise
        except _FOREIGN as e:
            error = self._error(e)
            self._abandon()
            raise error from (None if error.kind is RequestInvalid else e)  # its text may have a secret in it
        except BaseException:
            self._abandon()
            raise
        if self._answer.has_leftover or not is_sent:
            self.close()
        return response.status, response.reason or '', response.headers, body

    def _abandon(self) -> None:
        self.close()
        if self._answer is not None:  # it holds the socket, too
            self._answer.close()

    def _send(self, request: Outbound, target: str) -> bool:
        """Returns False if the other side closed its half: there may be an answer that says why."""
        self._phase = Phase.SEND
        headers, body = self._headers(request), request.body
        try:
            if len(body) <= _PIECE:
                self.request(request.method, target, body or None, headers, preload_content=False, decode_content=False)
            else:
                headers['Content-Length'] = str(len(body))
                pieces = cast('Iterable[bytes]', _pieces(body))  # urllib3 hands them to the socket, which takes any buffer
                self.request(request.method, target, pieces, headers, preload_content=False, decode_content=False)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _headers(self, request: Outbound) -> dict[str, str]:
        headers: dict[str, str] = {}
        names = set()
        for name, value in request.headers.items():
            lower = name.lower()
            if lower not in _FRAMING:
                headers[name] = value
                names.add(lower)
        if 'host' not in names:
            headers['Host'] = self.origin.authority
        if 'accept-encoding' not in names:
            headers['Accept-Encoding'] = 'gzip, deflate'
        return headers

    def _error(self, e: Exception) -> Broken:
        kind, text = explain(e, self._phase)
        if isinstance(innermost(e), CLOSED) and (self._answer is None or not self._answer.wire.received):
            return Stale(kind, text)
        return Broken(kind, text)

    def response_class(self, sock: socket.socket, method: str | None = None) -> Answer:  # type: ignore[override] # http.client just calls it
        """What http.client reads the next answer with."""
        self._answer = Answer(sock, method=method, max_body=self._max_body)
        return self._answer


def _pieces(body: bytes) -> Iterator[memoryview]:
    slices = Slices()
    view = memoryview(body)
    for start in range(0, len(view), _PIECE):
        slices.now_and_then()
        yield view[start : start + _PIECE]


def _dial(origin: Origin, until: float) -> socket.socket:
    """A socket to the first address that accepts it; those that do not answer share the time.

    Raises OSError, UnicodeError.
    """
    addresses = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        others = len(addresses) - index - 1
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.001, (until - monotonic()) / (others + 1)))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except BaseException as e:
            sock.close()
            if not others or not isinstance(e, OSError):
                raise
    raise OSError('the name has no addresses')


def _secure(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Shake hands. Raises OSError."""
    secured = sock
    try:
        secured = context.wrap_socket(sock, server_hostname=host.rstrip('.'), do_handshake_on_connect=False)
        secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured
