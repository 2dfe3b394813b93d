"""Requests and responses as the pipeline sees them: bytes and plain values, no sockets."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

#: Reason phrases as RFC 9110 has them; the standard library's differ from one Python to another.
PHRASES: Final = {status.value: status.phrase for status in HTTPStatus} | {
    413: 'Content Too Large',
    414: 'URI Too Long',
    416: 'Range Not Satisfiable',
    422: 'Unprocessable Content',
}
STATUS_LINES: Final = {status: b'HTTP/1.1 %d %s\r\n' % (status, phrase.encode()) for status, phrase in PHRASES.items()}

#: The line that `serialize` is given for its parameter `connection`, if any.
CLOSE: Final = b'Connection: close\r\n'
KEEP_ALIVE: Final = b'Connection: keep-alive\r\n'

_NO_BODY: Final = frozenset({204, 304})
_HEADER_LINE: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*\r\n").fullmatch

#: Ours to set. A service that copies a backend's headers into its response would send two of each, or a wrong framing.
_OURS: Final = frozenset(
    {b'connection', b'content-length', b'date', b'keep-alive', b'server', b'trailer', b'transfer-encoding', b'upgrade'}
)


class Request:
    """One whole request, its framing already removed.

    method: upper-case as sent. path: raw, percent-encoded, always begins with '/' or is '*'. query: raw, without '?'.
    headers: lower-case names; repeated headers joined with ', ' (RFC 9110, 5.3; cookies with '; ').
    peer: the client's address as text. received: monotonic seconds when the head was complete.
    """

    __slots__ = ('body', 'headers', 'method', 'path', 'peer', 'query', 'received', 'version')

    def __init__(
        self, method: bytes, path: bytes, query: bytes, version: bytes, headers: dict[bytes, bytes], peer: str
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.headers = headers
        self.peer = peer
        self.body = b''
        self.received = 0.0


class Response:
    """What to answer. `headers` holds only what is not derived: no Content-Length, Date, Server, Connection."""

    __slots__ = ('body', 'channel', 'cid', 'content_type', 'headers', 'status')

    def __init__(
        self,
        status: int,
        body: bytes,
        cid: str,
        content_type: bytes = b'application/json',
        headers: tuple[tuple[bytes, bytes], ...] = (),
        channel: str = '-',
    ) -> None:
        self.status = status
        self.body = body
        self.cid = cid
        self.content_type = content_type
        self.headers = headers
        self.channel = channel


def serialize(response: Response, common: bytes, connection: bytes, is_head: bool) -> bytes:
    """The response as one piece to send. Raises ValueError for a header that would break out of its line.

    common: header lines that all responses share, such as Date. connection: CLOSE, KEEP_ALIVE or nothing.
    """
    status = response.status
    body = response.body
    content_type = response.content_type
    if b'\n' in content_type or b'\r' in content_type:
        raise ValueError(f'Not a content type: {content_type!r}')
    head = b'%sContent-Type: %s\r\nX-Zato-CID: %s\r\n%s%s' % (
        STATUS_LINES.get(status) or b'HTTP/1.1 %d \r\n' % status,
        content_type,
        response.cid.encode(),
        common,
        connection,
    )
    if response.headers:
        head += _lines(response.headers)
    if status in _NO_BODY:
        return head + b'\r\n'
    head += b'Content-Length: %d\r\n\r\n' % len(body)
    return head if is_head else head + body


def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    lines = [b'%s: %s\r\n' % header for header in headers if header[0].lower() not in _OURS]
    for line in lines:
        if not _HEADER_LINE(line):
            raise ValueError(f'Not a header: {line[:-2]!r}')
    return b''.join(lines)
