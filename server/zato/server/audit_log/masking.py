"""What the audit log keeps of a message: text with its secrets masked, cut off where it is too long."""

from __future__ import annotations

import codecs
import zlib
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from zato.server.audit_log.known import KnownSecrets
from zato.server.audit_log.named import MASK, NamedSecrets
from zato.server.audit_log.names import normalized

#: Bytes after the cut that are looked at, so that no secret is cut in two; no form of one is longer.
MARGIN: Final = 32_768

_BLOCK: Final = 65_536
_MAX_CODINGS: Final = 2  #: that a request may have, too
_GZIP: Final = b'\x1f\x8b'
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Encoding = Literal['text', 'base64', 'gzip', 'gzip+base64']


@dataclass(frozen=True, slots=True)
class Masked:
    """encoding: how `data` is to be read; gzip: it came compressed. is_cut: was there more of it?"""

    data: str
    encoding: Encoding
    is_cut: bool


class Masker:
    """names: of further secrets, besides those that are known to be."""

    def __init__(self, known: KnownSecrets, names: Iterable[str] = ()) -> None:
        self._known = known
        self._names = frozenset(map(normalized, names))

    def is_secret(self, name: str) -> bool:
        """Is what has this name masked?"""
        return NamedSecrets(b'', self._names, _never).is_secret(name.encode())

    def mask(self, data: bytes, limit: int, pause: Callable[[], None], names: Collection[str] = ()) -> Masked:
        """data: to be kept up to `limit` bytes; of what is longer, `MARGIN` bytes more. names: of secrets in this message.

        pause: called now and then, lets others run.
        """
        is_zipped = is_cut = False
        for _ in range(_MAX_CODINGS):
            unzipped = _unzipped(data, limit + MARGIN, pause) if data[:2] == _GZIP else None
            if unzipped is not None:
                data, is_shorter = unzipped
                is_zipped, is_cut = True, is_cut or is_shorter
        if data[:2] in _UTF_16 and not self._known.find(data, pause):
            data = _from_utf_16(data)
        further = self._names.union(map(normalized, names)) if names else self._names
        spans = [(span.start, span.end, span.mask) for span in NamedSecrets(data, further, pause).find()]
        spans += [(start, end, MASK) for start, end in self._known.find(data, pause)]
        is_text = _is_text(data, pause)
        kept = b''.join(_pieces(data, sorted(spans), limit))
        text = kept.decode('utf-8', 'ignore') if is_text else b64encode(kept).decode()
        encoding: Encoding = 'text' if is_text else 'base64'
        if is_zipped:
            encoding = 'gzip' if is_text else 'gzip+base64'
        return Masked(text, encoding, is_cut or len(data) > limit)


def _never() -> None:
    """For what is short."""


def _pieces(data: bytes, spans: list[tuple[int, int, bytes]], limit: int) -> list[bytes]:
    """What is kept of the first `limit` bytes. Where spans overlap, one mask is enough."""
    pieces: list[bytes] = []
    position = 0
    for start, end, mask in spans:
        if start >= limit:
            break
        if start >= position:
            pieces += (data[position:start], mask)
        position = max(position, end)
    if position < limit:
        pieces.append(data[position:limit])
    return pieces


def _is_text(data: bytes, pause: Callable[[], None]) -> bool:
    """Is it UTF-8, but for a character that was cut in two at the end, and can databases keep it?"""
    if b'\0' in data:
        return False
    decoder = codecs.getincrementaldecoder('utf-8')()
    try:
        for start in range(0, len(data), _BLOCK):
            decoder.decode(data[start : start + _BLOCK])
            pause()
    except UnicodeDecodeError:
        return False
    return True


def _from_utf_16(data: bytes) -> bytes:
    try:
        return data[: len(data) & ~1].decode('utf-16').encode()
    except UnicodeError:
        return data


def _unzipped(data: bytes, limit: int, pause: Callable[[], None]) -> tuple[bytes, bool] | None:
    """The first `limit` bytes, and whether there are more; None if it is no gzip. Its members are one after another."""
    out = bytearray()
    position, decoder = 0, zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        while position < len(data) and len(out) < limit:
            if decoder.eof:
                decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
            block = data[position : position + 4096]
            out += decoder.decompress(block, limit - len(out))
            position += len(block) - len(decoder.unused_data)
            pause()
    except zlib.error:
        if not out:
            return None
    return bytes(out), not decoder.eof or position < len(data)
