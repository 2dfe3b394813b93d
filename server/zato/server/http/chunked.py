"""Bodies with Transfer-Encoding: chunked (RFC 9112, 7.1). No I/O: it is fed what arrived and says when it has it all."""

from __future__ import annotations

import re
from typing import Final

from zato.server.http.head import Reject

_SIZE_LINE: Final = re.compile(rb'([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?').fullmatch
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*").fullmatch
_MAX_SIZE_LINE: Final = 256
_MAX_TRAILERS: Final = 8192


class ChunkedBody:
    """Decodes one body. `feed` returns True once it is complete; then `body` is it and `rest` what came after it."""

    __slots__ = ('_chunks', '_in_trailers', '_left', '_limit', '_size', '_trailers', 'rest')

    def __init__(self, limit: int) -> None:
        """`limit`: bytes, of the decoded body."""
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._left = 0  # bytes of the current chunk and its CRLF still to come
        self._in_trailers = False
        self._trailers = 0
        self.rest = b''

    @property
    def body(self) -> bytes:
        return b''.join(self._chunks)

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
                if len(data) - position > _MAX_SIZE_LINE and not self._in_trailers:
                    raise Reject(400, 'A chunk size line is too long')
                if len(data) - position > _MAX_TRAILERS:
                    raise Reject(431, 'The trailers are too long')
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
        else:
            self._in_trailers = True

    def _take_chunk(self, data: bytes, position: int) -> int:
        available = len(data) - position
        payload = min(self._left - 2, available)
        if payload > 0:
            self._chunks.append(data[position : position + payload])
            self._left -= payload
            position += payload
        if self._left == 2 and len(data) - position >= 2:
            if data[position : position + 2] != b'\r\n':
                raise Reject(400, 'A chunk is longer than its size')
            self._left = 0
            position += 2
        return position

    def _check_trailer(self, line: bytes) -> None:
        self._trailers += len(line)
        if self._trailers > _MAX_TRAILERS:
            raise Reject(431, 'The trailers are too long')
        if not _TRAILER(line):
            raise Reject(400, 'A trailer is malformed')
