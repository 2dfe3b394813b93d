"""One connection to an origin: a request is written in one piece, and the answer read.

Those of the usual libraries cost more than twice as much as all else that a call does here, and take almost anything for an
answer.
"""

from __future__ import annotations

import re
import select
from collections.abc import Iterator
from http.client import HTTPException
from time import monotonic
from typing import Final

import gevent
from gevent import monkey, socket, ssl

from zato.common.exception import RequestInvalid
from zato.server.config.cooperation import Slices
from zato.server.connection.rest.answer import Answer
from zato.server.connection.rest.answer_headers import AnswerHeaders
from zato.server.connection.rest.decoding import read_body
from zato.server.connection.rest.failure import CLOSED, Broken, Phase, explain, innermost
from zato.server.connection.rest.message import WITHOUT_BODY, Outbound
from zato.server.connection.rest.origin import Origin

_PIECE: Final = 65_536  #: bytes of a body that are sent at a time

#: Headers that only the transport sets.
_FRAMING: Final = {'content-length', 'transfer-encoding'}

# What is not of this form could be read as more than one request.
_FIRST_LINE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+").fullmatch
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*").fullmatch

_FOREIGN: Final = (HTTPException, OSError, ValueError)

_poll = monkey.get_original('select', 'poll')  # asked without waiting, so it need not go through the event loop


class Stale(Broken):
    """The other side had closed the connection before anything of an answer came."""


class Link:
    """timeouts: of each read and write, and of all that it takes to connect. context: None for no TLS. max_body: bytes.

    Methods raise Broken, after which the connection is closed, as it is after any other exception.
    """

    def __init__(
        self, origin: Origin, *, timeout: float, connect_timeout: float, context: ssl.SSLContext | None, max_body: int
    ) -> None:
        self.origin = origin
        self.sock: socket.socket | None = None  #: while it is open
        self._timeout = timeout
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
        self.sock.settimeout(self._timeout)
        self._watch = _poll()
        self._watch.register(self.sock.fileno(), select.POLLIN)

    @property
    def is_usable(self) -> bool:
        """Is it open, and has the other side said nothing since the last answer?"""
        return self.sock is not None and not self._watch.poll(0)

    def exchange(self, request: Outbound, target: str) -> tuple[int, str, AnswerHeaders, bytes]:
        """Status, reason, headers, body. Afterwards the connection is open only if it can be used again."""
        self._answer = None
        assert self.sock is not None
        try:
            is_sent = self._send(self.sock, request, target)
            self._phase = Phase.RECEIVE
            answer = self._answer = Answer(self.sock, method=request.method, max_body=self._max_body)
            answer.begin()
            body = read_body(answer, self._max_body)
        except Broken:
            self._abandon()
            raise
        except _FOREIGN as e:
            error = self._error(e)
            self._abandon()
            raise error from e
        except BaseException:
            self._abandon()
            raise
        if answer.will_close or answer.has_leftover or not is_sent:
            self.close()
        return answer.status, answer.reason, answer.fields, body

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def _abandon(self) -> None:
        self.close()
        if self._answer is not None:  # it holds the socket, too
            self._answer.close()

    def _send(self, sock: socket.socket, request: Outbound, target: str) -> bool:
        """Returns False if the other side closed its half: there may be an answer that says why."""
        self._phase = Phase.SEND
        head, body = _head(request, target, self.origin.authority), request.body
        try:
            if len(body) <= _PIECE:
                sock.sendall(head + body)
            else:
                sock.sendall(head)
                for piece in _pieces(body):
                    sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _error(self, e: Exception) -> Broken:
        kind, text = explain(e, self._phase)
        if isinstance(innermost(e), CLOSED) and (self._answer is None or not self._answer.wire.received):
            return Stale(kind, text)
        return Broken(kind, text)


def _head(request: Outbound, target: str, authority: str) -> bytes:
    """Raises Broken for what HTTP does not allow, without naming it: there may be a secret in it."""
    method, body = request.method, request.body
    first = f'{method} {target}'
    lines = [f'{name}: {value}' for name, value in request.headers.items() if name.lower() not in _FRAMING]
    names = {name.lower() for name in request.headers}
    if 'host' not in names:
        lines.append(f'Host: {authority}')
    if 'accept-encoding' not in names:
        lines.append('Accept-Encoding: gzip, deflate')
    if body or method not in WITHOUT_BODY:
        lines.append(f'Content-Length: {len(body)}')
    if not _FIRST_LINE(first) or not all(map(_HEADER, lines)):
        raise Broken(RequestInvalid, 'the request has a method, an address or a header that HTTP does not allow')
    return '\r\n'.join((f'{first} HTTP/1.1', *lines, '\r\n')).encode('latin-1')


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
