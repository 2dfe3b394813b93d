"""Requests and responses as the pipeline sees them: bytes and plain values, no sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from zato.server.config.cooperation import Slices
from zato.server.http.limits import BLOCK

#: Reason phrases as RFC 9110 has them; the standard library's differ from one Python to another.
PHRASES: Final = {status.value: status.phrase for status in HTTPStatus} | {
    413: 'Content Too Large',
    414: 'URI Too Long',
    416: 'Range Not Satisfiable',
    422: 'Unprocessable Content',
}
STATUS_LINES: Final = {status: b'HTTP/1.1 %d %s\r\n' % (status, phrase.encode()) for status, phrase in PHRASES.items()}

#: The lines that `serialize` is given for its parameter `connection`, if any.
CLOSE: Final = b'Connection: close\r\n'
KEEP_ALIVE: Final = b'Connection: keep-alive\r\n'
CHUNKED: Final = b'Transfer-Encoding: chunked\r\n'

#: Statuses of responses that have no body (RFC 9110, 6.4.1).
NO_BODY: Final = frozenset({204, 304})

_REASON: Final = re.compile(r'[\t\x20-\x7e\x80-\xff]*').fullmatch
_HEADER_LINE: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n").fullmatch

#: Ours to set. A service that copies a backend's headers into its response would send two of each, or a wrong framing.
_OURS: Final = frozenset(
    {b'connection', b'content-length', b'date', b'keep-alive', b'server', b'trailer', b'transfer-encoding', b'upgrade'}
)


class Request:
    """One whole request, its framing already removed.

    method: upper-case as sent. path: raw, percent-encoded, always begins with '/' or is '*'. query: raw, without '?'.
    shown_path: the path as logs have it, which may leave out secrets.
    headers: lower-case names; repeated headers joined with ', ' (RFC 9110, 5.3; cookies with '; ').
    peer: the client's address as text. received: monotonic seconds when the head was complete.
    """

    __slots__ = ('body', 'headers', 'method', 'path', 'peer', 'query', 'received', 'shown_path', 'version')

    def __init__(
        self, method: bytes, path: bytes, query: bytes, version: bytes, headers: dict[bytes, bytes], peer: str
    ) -> None:
        self.method = method
        self.path = self.shown_path = path
        self.query = query
        self.version = version
        self.headers = headers
        self.peer = peer
        self.body = b''
        self.received = 0.0


class Response:
    """What to answer. `headers` holds only what is not derived: no Content-Length, Date, Server, Connection.

    body: all of it, or an iterator of bytes-like pieces that are sent as they come; its `close`, if any, is always called.
    reason: the words of the status line, latin-1; empty for the usual ones.
    """

    __slots__ = ('body', 'channel', 'cid', 'content_type', 'headers', 'reason', 'status')

    def __init__(
        self,
        status: int,
        body: bytes | Iterator[bytes],
        cid: str,
        content_type: bytes = b'application/json',
        headers: tuple[tuple[bytes, bytes], ...] = (),
        channel: str = '-',
        reason: str = '',
    ) -> None:
        self.status = status
        self.body = body
        self.cid = cid
        self.content_type = content_type
        self.headers = headers
        self.channel = channel
        self.reason = reason

    @property
    def size(self) -> int:
        """Bytes of the body, 0 for one that an iterator makes."""
        return len(self.body) if isinstance(self.body, bytes) else 0


class Stream:
    """A body that an iterator makes while it is sent, and how far the sending is."""

    __slots__ = ('_pieces', '_slices', 'block', 'cid', 'has_body', 'is_chunked', 'seconds', 'sent')

    def __init__(self, request: Request, response: Response, pieces: Iterator[bytes], seconds: float) -> None:
        """seconds: in which the client must take each `BLOCK` bytes."""
        may_have_body = response.status not in NO_BODY
        self.has_body = may_have_body and request.method != b'HEAD'
        self.is_chunked = may_have_body and request.version == b'HTTP/1.1'
        self.cid = response.cid
        self.block = BLOCK  #: bytes of the current block that the client has not taken
        self.seconds = seconds  #: that it has for them
        self.sent = 0  #: bytes of the body, without framing
        self._pieces = pieces
        self._slices = Slices()

    def take(self) -> bytes:
        """The next piece that is not empty, b'' after the last one. Others have their turn first, if it is time.

        Raises whatever the iterator does, TypeError for a piece that is not bytes-like.
        """
        while True:
            self._slices.now_and_then()
            try:
                piece = next(self._pieces)
            except StopIteration:
                return b''
            if not isinstance(piece, bytes):
                piece = memoryview(piece).tobytes()
            if piece:
                return piece

    def close(self) -> None:
        """Tell the iterator that nothing more is taken. Raises whatever it does."""
        close = getattr(self._pieces, 'close', None)
        if close is not None:
            close()


def serialize(response: Response, common: bytes, connection: bytes, is_head: bool) -> bytes:
    """The response as one piece to send. Raises ValueError for a header or a reason that would break out of its line.

    common: header lines that all responses share, such as Date. connection: CLOSE, KEEP_ALIVE, CHUNKED, or none.
    is_head: leave the body out, as is done for HEAD and where an iterator makes the body.
    """
    status = response.status
    body = response.body
    beginning = _beginning(status, response.reason, response.content_type)
    headers = _lines(response.headers) if response.headers else b''
    head = b'%s%s\r\n%s%s%s' % (beginning, response.cid.encode(), common, connection, headers)
    if status in NO_BODY:
        return head + b'\r\n'
    if is_head:
        return head + (b'Content-Length: %d\r\n\r\n' % len(body) if isinstance(body, bytes) else b'\r\n')
    # A check of the body's type costs; an iterator raises here.
    return b'%sContent-Length: %d\r\n\r\n%s' % (head, len(body), body)  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _beginning(status: int, reason: str, content_type: bytes) -> bytes:
    """Up to the cid. Raises ValueError."""
    if not _HEADER_LINE(b'Content-Type: %s\r\n' % content_type):
        raise ValueError(f'Not a content type: {content_type!r}')
    line = _status_line(status, reason) if reason else STATUS_LINES.get(status) or b'HTTP/1.1 %d \r\n' % status
    return b'%sContent-Type: %s\r\nX-Zato-CID: ' % (line, content_type)


def _status_line(status: int, reason: str) -> bytes:
    if not _REASON(reason):
        raise ValueError(f'Not a reason phrase: {reason!r}')
    return b'HTTP/1.1 %d %s\r\n' % (status, reason.encode('latin-1'))


def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    lines = [b'%s: %s\r\n' % header for header in headers if header[0].lower() not in _OURS]
    for line in lines:
        if not _HEADER_LINE(line):
            raise ValueError(f'Not a header: {line[:-2]!r}')
    return b''.join(lines)
