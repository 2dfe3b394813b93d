"""The head of a request: request line and headers, checked as strictly as RFC 9112 allows a server to be.

httptools (llhttp) refuses bare LF, folding, bad tokens and bad lengths. What it lets pass and we refuse: more than one
Host or none, Transfer-Encoding on HTTP/1.0 or other than `chunked`, extra spaces in the request line, too many headers.
A proxy in front of us that reads such a request otherwise could be made to see two requests where we see one.
"""

from __future__ import annotations

import re
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from zato.server.http.limits import Limits

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?").fullmatch
_TARGET: Final = re.compile(rb'(?:/[\x21\x22\x24-\x7e]*|\*)').fullmatch
_ABSOLUTE: Final = re.compile(rb'https?://[^/?#]+', re.IGNORECASE).match
_BAD_LINE_END: Final = re.compile(rb'(?<!\r)\n|\r(?!\n)(?!$)').search


class Reject(Exception):
    """The request cannot be taken; it is answered with `status` and the connection is closed."""

    def __init__(self, status: int, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.details = details


class Head:
    """What the head says. `length` is the body's length in bytes, -1 if it is chunked."""

    __slots__ = ('_count', '_headers', 'expects_continue', 'keep_alive', 'length', 'method', 'target', 'version')

    def __init__(self) -> None:
        self.method = self.target = self.version = b''
        self.length = 0
        self.keep_alive = True
        self._headers: dict[bytes, bytes] = {}
        self._count = 0
        self.expects_continue = False

    @property
    def headers(self) -> dict[bytes, bytes]:
        return self._headers

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header, its value without surrounding white space."""
        name = name.lower()
        self._count += 1
        headers = self._headers
        if name in headers:
            if name == b'host':
                raise Reject(400, 'More than one Host header')
            if name == b'transfer-encoding':
                raise Reject(400, 'More than one Transfer-Encoding header')
            value = headers[name] + (b'; ' if name == b'cookie' else b', ') + value
        headers[name] = value


def parse_head(data: bytes, limits: Limits) -> Head:
    """Parse `data`, which ends with the empty line that ends a head. Raises Reject."""
    line = data[: data.find(b'\r\n')]
    if len(line) > limits.request_line:
        raise Reject(414, f'The request line is longer than {limits.request_line} bytes')
    parts = line.split(b' ')
    if len(parts) != 3:
        raise Reject(400, 'The request line is not "method target version", with single spaces')
    head = Head()
    head.method, head.target, head.version = parts
    try:
        HttpRequestParser(head).feed_data(data)
    except HttpParserUpgrade:
        # Answered as an ordinary request; whoever asked to switch protocols does not get to send anything more.
        head.keep_alive = False
        _check(head, limits)
        head.keep_alive = False
        return head
    except HttpParserError as e:
        if isinstance(e.__context__, Reject):
            raise e.__context__ from None
        raise Reject(400, f'The request is malformed: {e}') from None
    _check(head, limits)
    return head


def _check(head: Head, limits: Limits) -> None:
    headers = head.headers
    is_1_1 = head.version == b'HTTP/1.1'
    if not is_1_1 and head.version != b'HTTP/1.0':
        raise Reject(505, 'Only HTTP/1.1 and HTTP/1.0 are supported')
    if head._count > limits.headers:
        raise Reject(431, f'There are more than {limits.headers} headers')
    host = headers.get(b'host')
    if host is None:
        if is_1_1:
            raise Reject(400, 'The Host header is missing')
    elif not _HOST(host):
        raise Reject(400, 'The Host header is malformed')
    if not _TARGET(head.target):
        head.target = _origin_form(head.target)
    _check_framing(head, headers, is_1_1)
    connection = headers.get(b'connection')
    if connection is None:
        head.keep_alive = is_1_1
    else:
        options = [option.strip() for option in connection.lower().split(b',')]
        head.keep_alive = b'close' not in options and (is_1_1 or b'keep-alive' in options)


def _check_framing(head: Head, headers: dict[bytes, bytes], is_1_1: bool) -> None:
    length = headers.get(b'content-length')
    if length is None:
        head.length = 0
    elif length.isdigit():
        head.length = int(length)
    else:
        raise Reject(400, 'The Content-Length header is malformed')
    encoding = headers.get(b'transfer-encoding')
    if encoding is not None:
        if not is_1_1:
            raise Reject(400, 'Transfer-Encoding is not part of HTTP/1.0')
        if length is not None:
            raise Reject(400, 'Content-Length and Transfer-Encoding exclude each other')
        if encoding.lower() != b'chunked':
            raise Reject(501, 'The only supported Transfer-Encoding is chunked')
        head.length = -1
    expect = headers.get(b'expect')
    if expect is not None and is_1_1:
        if expect.lower() != b'100-continue':
            raise Reject(417, 'The only supported expectation is 100-continue')
        head.expects_continue = True


def _origin_form(target: bytes) -> bytes:
    """An absolute URL, which proxies send, as the path and query that it names (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE(target)
    if absolute:
        rest = target[absolute.end() :]
        target = rest if rest.startswith(b'/') else b'/' + rest
        if _TARGET(target):
            return target
    raise Reject(400, 'The request target is malformed')


def check_line_ends(partial: bytes) -> None:
    """Reject a head, not yet complete, that has lines ended by LF alone or by CR alone: it would never complete."""
    if _BAD_LINE_END(partial):
        raise Reject(400, 'Lines end with CRLF')
