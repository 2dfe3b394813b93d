"""Arrays as PostgreSQL reads them in its binary protocol, made in one step: psycopg looks at each value of a list."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar, Final

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_INT8, _TEXT, _BYTEA = 20, 25, 17
_HEADER: Final = struct.Struct('>5i')  # dimensions, has NULLs, type, length, first index
_LENGTH: Final = struct.Struct('>i')
_NULL: Final = _LENGTH.pack(-1)


class Integers(bytes):
    """bigint[]"""


class Texts(bytes):
    """text[]"""


class Blobs(bytes):
    """bytea[]"""


def integers(values: Sequence[int]) -> Integers:
    """Raises struct.error if one has more than 64 bits."""
    count = len(values)
    if not count:
        return Integers(_HEADER.pack(0, 0, _INT8, 0, 0)[:12])
    interleaved = [8] * (2 * count)
    interleaved[1::2] = values
    return Integers(_HEADER.pack(1, 0, _INT8, count, 1) + _layout(count).pack(*interleaved))


def texts(values: Sequence[str | None]) -> Texts:
    """Raises UnicodeEncodeError."""
    return Texts(_array(_TEXT, [None if value is None else value.encode() for value in values]))


def blobs(values: Sequence[bytes]) -> Blobs:
    return Blobs(_array(_BYTEA, values))


def columns(values: Sequence[Any], width: int, kinds: str) -> list[Integers | Texts | Blobs]:
    """values: of all rows, one after the other; width: of each. kinds: of its last columns: i integers, t texts, b blobs."""
    first = width - len(kinds)
    return [_MAKE[kind](values[first + index :: width]) for index, kind in enumerate(kinds)]


def register(adapters: AdaptersMap) -> None:
    """Let a connection take them as parameters."""
    for dumper in (_IntegersDumper, _TextsDumper, _BlobsDumper):
        adapters.register_dumper(dumper.type, dumper)


def _array(element: int, values: Sequence[bytes | None]) -> bytes:
    if not values:
        return _HEADER.pack(0, 0, element, 0, 0)[:12]
    parts = [_HEADER.pack(1, int(None in values), element, len(values), 1)]
    length = _LENGTH.pack
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(length(len(value)))
            parts.append(value)
    return b''.join(parts)


_MAKE: Final[dict[str, Callable[[Sequence[Any]], Integers | Texts | Blobs]]] = {'i': integers, 't': texts, 'b': blobs}


@cache
def _layout(count: int) -> struct.Struct:
    return struct.Struct('>' + 'iq' * count)


class _Dumper(Dumper):
    """What is dumped is in its final form."""

    format = Format.BINARY
    type: ClassVar[type[Any]]

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


class _IntegersDumper(_Dumper):
    oid = 1016
    type = Integers


class _TextsDumper(_Dumper):
    oid = 1009
    type = Texts


class _BlobsDumper(_Dumper):
    oid = 1001
    type = Blobs
