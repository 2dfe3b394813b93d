"""The head of a request: request line and headers, checked as strictly as RFC 9112 allows a server to be.

httptools (llhttp) refuses bare LF, folding, bad tokens and bad lengths. What it lets pass and we refuse: more than one
Host or none, Transfer-Encoding on HTTP/1.0 or other than `chunked`, extra spaces in the request line, lone CR or LF before
it, too many headers. A proxy in front of us that reads such a request otherwise could be made to see two requests where we
see one.
"""

from __future__ import annotations

import re
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from zato.server.http.limits import Limits

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?").fullmatch
_TARGET: Final = re.compile(rb'/[\x21\x22\x24-\x7e]*').fullmatch
_ABSOLUTE: Final = re.compile(rb'https?://([^/?#]+)', re.IGNORECASE).match
_METHOD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VERSION: Final = re.compile(rb'HTTP/[0-9]\.[0-9]').fullmatch
_MAX_LENGTH_DIGITS: Final = 20  #: of 2**64; `int` refuses numbers of some thousand digits
_EMPTY_LINES: Final = re.compile(rb'(?:\r\n)*').match
_BAD_LINE_END: Final = re.compile(rb'(?<!\r)\n|\r(?!\n)(?!$)').search
_MOST_KNOWN: Final = 2_048  #: bytes of headers that each connection remembers
_WRONG_VERSION: Final = 'Only HTTP/1.1 and HTTP/1.0 are supported'


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
        """Called by the parser for each header, its value without white space before it."""
        name = name.lower()
        value = value.rstrip(b' \t')
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
    parser = HttpRequestParser(head)
    upgrade = False
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        if head.method == b'CONNECT':
            raise Reject(501, 'This server is no proxy') from None
        upgrade = True
    except HttpParserError as e:
        raise _refusal(head, e) from None
    if parser.get_method() != head.method:  # it skips CR and LF before the method
        raise Reject(400, 'The request line is malformed')
    _check(head, limits)
    if upgrade:
        # Answered as an ordinary request; whoever asked to switch protocols does not get to send anything more.
        head.keep_alive = False
    return head


class HeadParser:
    """Parses the heads of one connection's requests, one after another.

    Most clients send the same headers with each of them. Those are not parsed again; the request line always is.
    """

    __slots__ = ('_known', '_limits', '_lines')

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: Head | None = None
        self._lines = b''  # what came after the request line in the head that is known

    def parse(self, data: bytes) -> Head:
        """As `parse_head`."""
        end = data.find(b'\r\n')
        lines = data[end:]
        parts = data[:end].split(b' ')
        known = self._known
        if known is not None and lines == self._lines and len(parts) == 3 and end <= self._limits.request_line:
            method, target, version = parts
            if method == known.method and version == known.version and _TARGET(target):
                head = Head()
                head.method, head.target, head.version = method, target, version
                head._headers, head.length = known._headers, known.length
                head.keep_alive, head.expects_continue = known.keep_alive, known.expects_continue
                return head
        head = parse_head(data, self._limits)
        if head.target == parts[1] and len(lines) <= _MOST_KNOWN:  # an absolute URL has changed the Host header
            self._known, self._lines = head, lines
        return head


def _refusal(head: Head, error: HttpParserError) -> Reject:
    """Why the parser did not take it."""
    if isinstance(error.__context__, Reject):
        return error.__context__
    if _VERSION(head.version) and head.version not in (b'HTTP/1.1', b'HTTP/1.0'):
        return Reject(505, _WRONG_VERSION)
    if _METHOD(head.method) and not _is_known(head.method):
        return Reject(501, 'The request method is unknown')
    return Reject(400, f'The request is malformed: {error}')


def _is_known(method: bytes) -> bool:
    try:
        HttpRequestParser(object()).feed_data(b'%s / HTTP/1.1\r\nHost: a\r\n\r\n' % method)
    except HttpParserUpgrade:
        return True
    except HttpParserError:
        return False
    return True


def _check(head: Head, limits: Limits) -> None:
    headers = head.headers
    is_1_1 = head.version == b'HTTP/1.1'
    if not is_1_1 and head.version != b'HTTP/1.0':
        raise Reject(505, _WRONG_VERSION)
    if head._count > limits.headers:
        raise Reject(431, f'There are more than {limits.headers} headers')
    host = headers.get(b'host')
    if host is None:
        if is_1_1:
            raise Reject(400, 'The Host header is missing')
    elif not _HOST(host):
        raise Reject(400, 'The Host header is malformed')
    if not _TARGET(head.target):
        _take_other_form(head)
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
    elif length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS:
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


def _take_other_form(head: Head) -> None:
    """The target is not a path: take `*` for OPTIONS, and an absolute URL, which proxies send, as what it names.

    The URL's host goes over the Host header (RFC 9112, 3.2.2).
    """
    if head.target == b'*' and head.method == b'OPTIONS':
        return
    absolute = _ABSOLUTE(head.target)
    if absolute:
        rest = head.target[absolute.end() :]
        target = rest if rest.startswith(b'/') else b'/' + rest
        if _TARGET(target) and _HOST(absolute[1]):
            head.target = target
            head.headers[b'host'] = absolute[1]
            return
    raise Reject(400, 'The request target is malformed')


def skip_empty_lines(data: bytes) -> bytes:
    """Empty lines before a request are ignored (RFC 9112, 2.2)."""
    return data[_EMPTY_LINES(data).end() :]  # type: ignore[union-attr]  # it always matches


def check_line_ends(partial: bytes, start: int) -> None:
    """Reject a head, not yet complete, that has lines ended by LF alone or by CR alone: it would never complete.

    start: where to look from; what is before it was checked already.
    """
    if _BAD_LINE_END(partial, start):
        raise Reject(400, 'Lines end with CRLF')
