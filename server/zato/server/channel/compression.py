"""Bodies in content codings (RFC 9110, 8.4): gzip only, which is what clients and proxies all have."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any, Final

import gevent

from zato.common.exception import BadRequest, ContentTooLarge, HTTPException, UnsupportedMediaType

_THREAD: Final = 65_536  #: bytes; longer bodies are not for the thread that serves everybody else
_BLOCK: Final = 4096  #: bytes; zlib copies what is left of a block at the end of each member
_MAX_MEMBERS: Final = 10_000  #: in one body: an empty one takes 20 bytes of a body, and much longer to read
_MAX_CODINGS: Final = 2
_LEVEL: Final = 6  #: 0..9; what most servers have
_GZIP: Final = 16 + zlib.MAX_WBITS  #: has zlib read and write gzip's header and trailer, with no name and no time

_WEIGHT: Final = re.compile(rb'[ \t]*q=([01](?:\.[0-9]{0,20})?)[ \t]*').fullmatch


def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """encoding: a Content-Encoding header. limit: bytes of the result. An empty body is empty in any coding.

    Raises UnsupportedMediaType for other codings than gzip, or more than two of them, ContentTooLarge, BadRequest.
    """
    names = [name for name in (item.strip().lower() for item in encoding.split(b',')) if name not in (b'', b'identity')]
    if len(names) > _MAX_CODINGS or not {b'gzip', b'x-gzip'}.issuperset(names):
        reason = 'The only Content-Encoding that is understood here is gzip, twice at most'
        raise UnsupportedMediaType(msg=reason, accept_encoding='gzip')
    if not body:
        return body
    for left in range(len(names) - 1, -1, -1):
        # What cannot be made shorter is a little longer when compressed.
        body = _expanded(body, limit + left * (limit // 1000 + 100))
    if len(body) > limit:
        raise _too_large(limit)
    return body


def compress(body: bytes) -> bytes:
    """In gzip, the same for the same body."""
    return _in_thread(_compressed, body) if len(body) > _THREAD else _compressed(body)


def accepts_gzip(accept_encoding: bytes) -> bool:
    """May the answer to a request with this header be in gzip? Not if it has none; '*' stands for what is not named."""
    accepted: dict[bytes, bool] = {}
    for item in accept_encoding.lower().split(b','):
        name, has_weight, weight = item.partition(b';')
        found = _WEIGHT(weight) if has_weight else None
        accepted[name.strip()] = 0 < float(found[1]) <= 1 if found else not has_weight
    return next((accepted[name] for name in (b'gzip', b'x-gzip', b'*') if name in accepted), False)


def _compressed(body: bytes) -> bytes:
    return zlib.compress(body, _LEVEL, _GZIP)


def _expanded(body: bytes, limit: int) -> bytes:
    """A short body may well become a long one, which only shows once it does."""
    if len(body) <= _THREAD:
        try:
            return _gunzip(body, min(limit, _THREAD))
        except ContentTooLarge:
            if limit <= _THREAD:
                raise
    return _in_thread(_gunzip, body, limit)


def _gunzip(body: bytes, limit: int) -> bytes:
    """One or more members, one after another (RFC 1952, 2.2). Raises ContentTooLarge, BadRequest."""
    out = bytearray()
    view, position, members = memoryview(body), 0, 0
    try:
        while position < len(body):
            members += 1
            if members > _MAX_MEMBERS:
                raise _not_gzip(f'it has more than {_MAX_MEMBERS} members')
            decoder = zlib.decompressobj(_GZIP)
            while not decoder.eof:
                block = view[position : position + _BLOCK]
                if not block:
                    raise _not_gzip('it ends too early')
                out += decoder.decompress(block, limit - len(out) + 1)
                if len(out) > limit:
                    raise _too_large(limit)
                position += len(block) - len(decoder.unused_data)
    except zlib.error as e:
        raise _not_gzip(str(e)) from None
    return bytes(out)


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(msg=f'The body is longer than {limit} bytes')


def _not_gzip(reason: str) -> BadRequest:
    return BadRequest(msg=f'The body is not valid gzip: {reason}', needs_msg=True)


def _in_thread(function: Callable[..., bytes], *args: Any) -> bytes:
    """Lets other greenlets run meanwhile."""
    result = gevent.get_hub().threadpool.apply(_result, (function, args))
    if isinstance(result, HTTPException):
        raise result
    return result


def _result(function: Callable[..., bytes], args: tuple[Any, ...]) -> bytes | HTTPException:
    """What is raised in a thread of the pool, gevent also prints, as if nobody had expected it."""
    try:
        return function(*args)
    except HTTPException as e:
        return e
