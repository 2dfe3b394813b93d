"""The head and the framing of an answer, read strictly, so that a broken or hostile server cannot do harm.

http.client, which reads the rest, takes almost anything for an answer, and asks the socket for as much as the server has.
Here, what is not HTTP/1.x is an error, all lengths have limits, and other greenlets have their turn.
"""

from __future__ import annotations

import io
import re
from http.client import HTTPResponse, RemoteDisconnected
from typing import Final, cast

from gevent import socket

from zato.common.exception import AnswerCutOff, AnswerTooLarge, InvalidAnswer
from zato.server.config.cooperation import Slices
from zato.server.connection.rest.answer_headers import AnswerHeaders
from zato.server.connection.rest.failure import Broken

_MAX_HEAD: Final = 131_072  #: bytes of a status line and its headers
_MAX_HEADERS: Final = 500
_MAX_INTERIM: Final = 20  #: answers 100 to 199 before the real one
_MAX_CHUNK_LINE: Final = 8_192  #: bytes
_MAX_TRAILERS: Final = 65_536  #: bytes

#: A body of one-byte chunks is six times as long on its way.
_FRAMING: Final = 8

_STATUS_LINE: Final = re.compile(rb'HTTP/1\.(\d) (\d{3})(?: ([\t\x20-\x7e\x80-\xff]*))?\r?\n')
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*\r?\n")
_CHUNK: Final = re.compile(rb'([0-9A-Fa-f]{1,15})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r?\n')
_DIGITS: Final = re.compile(r'[0-9]{1,18}')


class Wire(io.RawIOBase):
    """What comes out of a socket. left: how many bytes may yet come. received: how many came."""

    def __init__(self, source: io.RawIOBase) -> None:
        self._source = source
        self.left = _MAX_INTERIM * _MAX_HEAD
        self.received = 0
        self.is_over = False  #: nothing more is to be read
        self.slices = Slices()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override] # BufferedReader hands in nothing else
        if self.is_over:
            return None
        self.slices.now_and_then()
        if self.left <= 0:
            raise Broken(AnswerTooLarge, 'its answer goes on and on')
        count = self._source.readinto(buffer)
        if count:
            self.received += count
            self.left -= count
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


class Answer(HTTPResponse):
    """One answer, as http.client reads it. fields: its headers. max_body: bytes that its body may have, decompressed."""

    fp: io.BufferedReader | None  # type: ignore[assignment] # it is None once all has been read

    def __init__(self, sock: socket.socket, *, method: str | None, max_body: int) -> None:
        super().__init__(sock, method=method)
        self._head_method = method
        self._max_body = max_body
        self.wire = Wire(cast('io.BufferedReader', self.fp).detach())
        self.fp = io.BufferedReader(self.wire)
        self.has_leftover = False  #: did the server send more than the answer?

    def begin(self) -> None:
        for _ in range(_MAX_INTERIM):
            version, status, reason = self._read_status_line()
            fields = self._read_fields()
            if status >= 200:
                break
            if status == 101:
                raise Broken(InvalidAnswer, 'it changed to a protocol that it was not asked for')
        else:
            raise Broken(InvalidAnswer, 'it sent one interim answer after the other')
        self.version = 10 if version == 0 else 11
        self.code = self.status = status
        self.reason = reason
        self.fields = AnswerHeaders(fields)
        self._frame(fields)

    def _read_status_line(self) -> tuple[int, int, str]:
        line = self._line(_MAX_HEAD)
        if not line:
            raise RemoteDisconnected('')
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            expected = _MAX_HEAD if b'HTTP/1.'.startswith(line[:7]) else 0
            raise Broken(*_cut_off_or(line, expected, 'its answer does not begin as those of HTTP/1.1 do'))
        version, status, reason = match.groups()
        if not 100 <= int(status) <= 599:
            raise Broken(InvalidAnswer, f'its answer has the status {int(status)}, which does not exist')
        return int(version), int(status), (reason or b'').strip().decode('latin-1')

    def _read_fields(self) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        size = 0
        while (line := self._line(_MAX_HEAD)) not in (b'\r\n', b'\n'):
            size += len(line)
            if size > _MAX_HEAD or len(fields) == _MAX_HEADERS:
                raise Broken(InvalidAnswer, f'its answer has more than {_MAX_HEADERS} headers or {_MAX_HEAD} bytes of them')
            is_continued = line[:1] in (b' ', b'\t') and bool(fields)
            match = _HEADER.fullmatch(b'x:' + line if is_continued else line)
            if match is None:
                raise Broken(*_cut_off_or(line, _MAX_HEAD, 'its answer has a header that HTTP does not allow'))
            name, value = match[1].decode('ascii'), match[2].decode('latin-1')
            if is_continued:
                fields[-1] = (fields[-1][0], f'{fields[-1][1]} {value}'.strip())
            else:
                fields.append((name, value))
        return fields

    def _frame(self, fields: list[tuple[str, str]]) -> None:
        """Where the body ends (source: RFC 9112, 6.3)."""
        found: dict[str, list[str]] = {'content-length': [], 'transfer-encoding': [], 'connection': []}
        for name, value in fields:
            values = found.get(name.lower())
            if values is not None:
                values.extend(part.strip().lower() for part in value.split(','))
        codings, connection = found['transfer-encoding'], found['connection']
        length = _length(found['content-length'])
        if codings and (codings != ['chunked'] or length is not None):
            raise Broken(InvalidAnswer, 'its answer says in several ways, or in none that is known, where it ends')
        self.chunked = bool(codings)
        self.chunk_left = None
        self.length = length
        if self.status in (204, 304) or self._head_method == 'HEAD':
            self.length, self.chunked = 0, False
        is_kept = 'close' not in connection if self.version == 11 else 'keep-alive' in connection and not codings
        self.will_close = not is_kept or (self.length is None and not self.chunked)
        if self.length is not None and self.length > self._max_body:
            raise too_large(self._max_body)
        self.wire.left = _FRAMING * self._max_body + _MAX_TRAILERS

    def _get_chunk_left(self) -> int | None:
        """http.client asks it before it reads: how much is left of the chunk that it is at; None at the end."""
        if self.chunk_left:
            return self.chunk_left
        assert self.fp is not None
        if self.chunk_left is not None and (end := self.fp.read(2)) != b'\r\n':
            raise Broken(*_cut_off_or(end, 2, 'its answer has a chunk of another length than it says'))
        line = self._line(_MAX_CHUNK_LINE)
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise Broken(*_cut_off_or(line, _MAX_CHUNK_LINE, 'its answer has a chunk without a valid length'))
        self.chunk_left = int(match[1], 16) or None
        if self.chunk_left is None:
            self._skip_trailers()
            self._close_conn()
        return self.chunk_left

    def _skip_trailers(self) -> None:
        size = 0
        while (line := self._line(_MAX_TRAILERS)) not in (b'\r\n', b'\n'):
            size += len(line)
            if size > _MAX_TRAILERS or not line.endswith(b'\n'):
                raise Broken(*_cut_off_or(line, _MAX_TRAILERS, 'its answer has too much after its last chunk'))

    def _line(self, limit: int) -> bytes:
        assert self.fp is not None
        return self.fp.readline(limit)

    def _close_conn(self) -> None:
        """http.client calls it at the end of the body."""
        if self.fp is not None:
            self.wire.is_over = True
            self.has_leftover = bool(self.fp.peek())
        super()._close_conn()  # type: ignore[misc] # the stubs do not know it


def too_large(max_body: int) -> Broken:
    return Broken(AnswerTooLarge, f'its answer has more than {max_body} bytes, the max_response of this connection')


def _length(values: list[str]) -> int | None:
    if not values:
        return None
    if len(set(values)) > 1 or _DIGITS.fullmatch(values[0]) is None:
        raise Broken(InvalidAnswer, 'its answer has a Content-Length that is not one number')
    return int(values[0])


def _cut_off_or(found: bytes, expected: int, text: str) -> tuple[type[AnswerCutOff | InvalidAnswer], str]:
    """The error of what is not what it should be: is it because there was no more?"""
    if len(found) < expected and not found.endswith(b'\n'):
        return AnswerCutOff, 'it closed the connection in the middle of its answer'
    return InvalidAnswer, text
