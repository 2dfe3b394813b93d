"""Bodies with Transfer-Encoding: chunked (RFC 9112, 7.1). No I/O: it is fed what arrived and says when it has it all."""

from __future__ import annotations

import re
from typing import Final

from zato.server.http.head import Reject

_SIZE_LINE: Final = re.compile(rb'([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?').fullmatch
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*").fullmatch
_MAX_SIZE_LINE: Final = 256
_MAX_TRAILERS: Final = 8192
_FREE: Final = 16  #: bytes of each size line that do not count as overhead
_MAX_OVERHEAD: Final = 16_384  #: bytes of long size lines that are not made up for by data, as in Go's net/http


class ChunkedBody:
    """Decodes one body. `feed` returns True once it is complete; then `body` is it and `rest` what came after it."""

    __slots__ = ('_body', '_in_trailers', '_left', '_limit', '_overhead', '_size', '_trailers', 'rest')

    def __init__(self, limit: int) -> None:
        """`limit`: bytes, of the decoded body."""
        self._limit = limit
        self._body = bytearray()
        self._size = 0
        self._overhead = 0
        self._left = 0  # bytes of the current chunk and its CRLF still to come
        self._in_trailers = False
        self._trailers = 0
        self.rest = b''

    @property
    def body(self) -> bytes:
        return bytes(self._body)

    def feed(self, data: bytes) -> bool:
        """Take what arrived. Raises Reject."""
        data = self.rest + data if self.rest else data
        position = 0
        while True:
            if self._left:
                position = self._take_chunk(data, position)
                if self._left:
                    break
            end = data.find(b'\r\n', position)
            if end < 0:
                self._check_partial(data[position:])
                break
            line = data[position:end]
            position = end + 2
            if self._in_trailers:
                if not line:
                    self.rest = data[position:]
                    return True
                self._check_trailer(line)
            else:
                self._start_chunk(line)
        self.rest = data[position:]
        return False

    def _check_partial(self, line: bytes) -> None:
        """Reject a line, not yet complete, that cannot become a good one. A CR at its end is not yet part of it."""
        if b'\n' in line:
            raise Reject(400, 'Lines end with CRLF')
        if self._in_trailers:
            self._check_trailers_size(len(line) - 1)
        elif len(line) - 1 > _MAX_SIZE_LINE:
            raise Reject(400, 'A chunk size line is too long')

    def _start_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE(line)
        if not match or len(line) > _MAX_SIZE_LINE:
            raise Reject(400, 'A chunk size line is malformed')
        size = int(match[1], 16)
        self._size += size
        if self._size > self._limit:
            raise Reject(413, f'The body is longer than {self._limit} bytes')
        if size:
            self._left = size + 2
            self._overhead = max(0, self._overhead + len(line) - _FREE - 2 * size)
            if self._overhead > _MAX_OVERHEAD:
                raise Reject(400, 'The chunk extensions are too long')
        else:
            self._in_trailers = True

    def _take_chunk(self, data: bytes, position: int) -> int:
        available = len(data) - position
        payload = min(self._left - 2, available)
        if payload > 0:
            self._body += memoryview(data)[position : position + payload]
            self._left -= payload
            position += payload
        if self._left == 2 and len(data) - position >= 2:
            if data[position : position + 2] != b'\r\n':
                raise Reject(400, 'A chunk is longer than its size')
            self._left = 0
            position += 2
        return position

    def _check_trailer(self, line: bytes) -> None:
        self._check_trailers_size(len(line))
        self._trailers += len(line)
        if not _TRAILER(line):
            raise Reject(400, 'A trailer is malformed')

    def _check_trailers_size(self, more: int) -> None:
        if self._trailers + more > _MAX_TRAILERS:
            raise Reject(431, 'The trailers are too long')
