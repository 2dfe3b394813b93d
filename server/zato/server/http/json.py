"""JSON in and out, with a sender's mistakes told apart from ours."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from math import isfinite
from typing import Any, Final

import msgspec

from zato.common.exception import BadRequest, ZatoException
from zato.server.http.non_finite import has_non_finite, way_to_non_finite
from zato.server.http.turns import LONG, Turns

#: Lists and dicts in one another, as many as whatever walks through a payload, or prints it, can do with to spare.
_MAX_DEPTH: Final = 200
_CONTAINERS: Final = frozenset({dict, list})


class ExactFloat(float):
    """A float that knows what it was written as: Decimal takes that."""

    __slots__ = ('text',)

    text: str

    def __new__(cls, text: str) -> ExactFloat:
        """Raises ValueError."""
        number = super().__new__(cls, text)
        if not isfinite(number):
            raise ValueError('Number out of range')
        number.text = text
        return number

    def __reduce__(self) -> tuple[Any, ...]:
        return ExactFloat, (self.text,)


_decode: Final = msgspec.json.Decoder().decode
_decode_exactly: Final = msgspec.json.Decoder(float_hook=ExactFloat).decode


def decode(body: bytes) -> Any:
    """One byte order mark may go first. Raises BadRequest for anything that is not one JSON value in UTF-8, or too deep."""
    return _checked(body, _decode)


def decode_exactly(body: bytes) -> Any:
    """As `decode`, with all floats ExactFloat."""
    if len(body) <= LONG:
        return _checked(body, _decode_exactly)
    turns = Turns()

    def make(text: str) -> ExactFloat:
        turns.took(1)
        return ExactFloat(text)

    return _checked(body, msgspec.json.Decoder(float_hook=make).decode)


def _checked(body: bytes, read: Callable[[bytes], Any]) -> Any:
    payload = _decoded(body, read)
    if len(body) > 2 * _MAX_DEPTH and body.count(b'[') + body.count(b'{') > _MAX_DEPTH and _is_too_deep(payload):
        raise _error(RecursionError())
    return payload


def _decoded(body: bytes, read: Callable[[bytes], Any]) -> Any:
    try:
        return read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        if not body.startswith(BOM_UTF8):
            raise _error(e) from None
    try:
        return read(body[len(BOM_UTF8) :])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise _error(e) from None


def encoder(own_form: Callable[[Any], Any] | None = None) -> Callable[[Any], bytes]:
    """A function that writes JSON, or raises ZatoException where the payload cannot be JSON.

    own_form: makes of a value that JSON does not have one that it has; raises TypeError if it cannot.
    """
    write = msgspec.json.Encoder(enc_hook=_hook(own_form)).encode

    def encode(payload: Any) -> bytes:
        try:
            body = write(payload)
        except (TypeError, ValueError, RecursionError) as e:
            raise ZatoException(msg=f'A value of type {type(payload).__name__} cannot be JSON: {e}') from e
        if b'null' in body and has_non_finite(payload, own_form):
            way = way_to_non_finite(payload, own_form)
            raise ZatoException(msg=f'NaN and infinity cannot be JSON: {way or "/"}')
        return body

    return encode


def _hook(own_form: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def form_of(value: Any) -> Any:
        if type(value) is ExactFloat:
            return float(value)
        if own_form is None:
            raise TypeError(f'Encoding objects of type {type(value).__name__} is unsupported')
        return own_form(value)

    return form_of


encode: Final = encoder()


def _error(e: Exception) -> BadRequest:
    reason = str(e)
    if isinstance(e, UnicodeDecodeError):
        reason = 'it is not UTF-8'
    elif isinstance(e, RecursionError):
        reason = 'it is nested too deeply'
    return BadRequest(msg=f'The body is not valid JSON: {reason}', needs_msg=True)


def _is_too_deep(payload: Any) -> bool:
    """Looks at the values, level by level, since brackets may be text."""
    turns = Turns()
    level = [payload] if type(payload) in _CONTAINERS else []
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for outer in turns.over(level):
            items = outer.values() if type(outer) is dict else outer
            if not _CONTAINERS.isdisjoint(map(type, items)):
                below += [item for item in turns.over(items) if type(item) in _CONTAINERS]
        if not below:
            return False
        level = below
    return True
