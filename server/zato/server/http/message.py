"""Requests and responses as the pipeline sees them: bytes and plain values, no sockets."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

STATUS_LINES: Final = {status.value: b'HTTP/1.1 %d %s\r\n' % (status.value, status.phrase.encode()) for status in HTTPStatus}

_NO_BODY: Final = frozenset({204, 304})


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


def serialize(response: Response, common: bytes, close: bool, is_head: bool) -> bytes:
    """The response as one piece to send. `common` is header lines that all responses share, such as Date."""
    status = response.status
    body = response.body
    head = b'%sContent-Type: %s\r\nX-Zato-CID: %s\r\n%s' % (
        STATUS_LINES.get(status) or b'HTTP/1.1 %d \r\n' % status,
        response.content_type,
        response.cid.encode(),
        common,
    )
    if response.headers:
        head += b''.join([b'%s: %s\r\n' % header for header in response.headers])
    if close:
        head += b'Connection: close\r\n'
    if status in _NO_BODY:
        return head + b'\r\n'
    head += b'Content-Length: %d\r\n\r\n' % len(body)
    return head if is_head else head + body
