"""JSON in and out, with a sender's mistakes told apart from ours."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any, Final

import msgspec

from zato.common.exception import BadRequest, ZatoException

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def decode(body: bytes) -> Any:
    """Raises BadRequest for anything that is not one JSON value in UTF-8."""
    try:
        return _decode(body)
    except msgspec.DecodeError as e:
        if body.startswith(BOM_UTF8):
            return decode(body[len(BOM_UTF8) :])
        reason = str(e)
    except UnicodeDecodeError:
        reason = 'it is not UTF-8'
    except RecursionError:
        reason = 'it is nested too deeply'
    raise BadRequest(msg=f'The body is not valid JSON: {reason}', needs_msg=True)


def encode(payload: Any) -> bytes:
    """Raises ZatoException where the payload cannot be JSON."""
    try:
        return _encode(payload)
    except (TypeError, ValueError, RecursionError) as e:
        raise ZatoException(msg=f'A value of type {type(payload).__name__} cannot be JSON: {e}') from e
