"""JSON in and out, with a sender's mistakes told apart from ours."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any, Final

import msgspec

from zato.common.exception import BadRequest, ZatoException

_decode: Final = msgspec.json.Decoder().decode


def decode(body: bytes) -> Any:
    """One byte order mark may go first. Raises BadRequest for anything that is not one JSON value in UTF-8."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        if not body.startswith(BOM_UTF8):
            raise _error(e) from None
    try:
        return _decode(body[len(BOM_UTF8) :])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise _error(e) from None


def encoder(own_form: Callable[[Any], Any] | None = None) -> Callable[[Any], bytes]:
    """A function like `encode`. own_form: makes of a value that JSON does not have one that it has; may raise TypeError."""
    encode_ = msgspec.json.Encoder(enc_hook=own_form).encode

    def encode(payload: Any) -> bytes:
        try:
            return encode_(payload)
        except (TypeError, ValueError, RecursionError) as e:
            raise ZatoException(msg=f'A value of type {type(payload).__name__} cannot be JSON: {e}') from e

    return encode


_encode: Final = encoder()


def encode(payload: Any) -> bytes:
    """Raises ZatoException where the payload cannot be JSON."""
    return _encode(payload)


def _error(e: Exception) -> BadRequest:
    reason = str(e)
    if isinstance(e, UnicodeDecodeError):
        reason = 'it is not UTF-8'
    elif isinstance(e, RecursionError):
        reason = 'it is nested too deeply'
    return BadRequest(msg=f'The body is not valid JSON: {reason}', needs_msg=True)
