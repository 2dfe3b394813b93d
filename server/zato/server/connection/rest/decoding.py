"""The body of an answer: read piece by piece, decompressed, and never longer than it may be."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from zato.common.exception import AnswerCutOff, InvalidAnswer
from zato.server.connection.rest.answer import Answer, too_large
from zato.server.connection.rest.failure import Broken

PIECE: Final = 65_536  #: bytes

_GZIP_OR_ZLIB: Final = 47  #: wbits with which zlib finds out itself
_RAW: Final = -15


def read_body(answer: Answer, limit: int) -> bytes:
    """All of it, `limit` bytes at most. Raises Broken, and what http.client raises."""
    inflate = _inflate_for(answer.fields.get('content-encoding', ''))
    pieces: list[bytes] = []
    size = 0
    while not answer.isclosed():
        raw = answer.read(PIECE)
        for piece in (raw,) if inflate is None else inflate.feed(raw):
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            pieces.append(piece)
            answer.wire.slices.now_and_then()
    if answer.length and not answer.chunked:  # http.client does not look
        raise Broken(AnswerCutOff, 'it closed the connection before its answer was complete')
    if inflate is not None:
        inflate.check_end()
    return pieces[0] if len(pieces) == 1 else b''.join(pieces)


class _Inflate:
    """gzip of one or more members, and what is called deflate: zlib's format or, by some servers, none around it."""

    def __init__(self, encoding: str) -> None:
        self._is_deflate = encoding == 'deflate'
        self._start = b''
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """In pieces. Raises Broken."""
        if not self._is_begun:
            self._start += data
            if len(self._start) < 2:
                return
            data = self._begin()
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                piece = self._stream.decompress(data, PIECE)
            except zlib.error:
                raise Broken(InvalidAnswer, 'its answer is not compressed as it says') from None
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            yield piece

    def check_end(self) -> None:
        """Raises Broken unless all has come."""
        if self._start and not self._stream.eof:
            raise Broken(AnswerCutOff, 'its compressed answer ends too early')

    def _begin(self) -> bytes:
        self._is_begun = True
        if self._is_deflate and (self._start[0] & 15 != 8 or int.from_bytes(self._start[:2], 'big') % 31):
            self._stream = zlib.decompressobj(_RAW)
        return self._start


def _inflate_for(encoding: str) -> _Inflate | None:
    """None for what is not compressed, or in a way that was not asked for, which is not undone."""
    encoding = encoding.strip().lower()
    return _Inflate(encoding) if encoding in ('gzip', 'x-gzip', 'deflate') else None
