"""JSON (RFC 8259): always in UTF-8, whatever charset a Content-Type names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zato.server.channel.format.base import Options, dicts, verbatim
from zato.server.channel.format.plain import in_own_form, own_form
from zato.server.http.json import decode, decode_exactly, encoder

CONTENT_TYPE: Final = b'application/json'
_WHITE_SPACE: Final = b' \t\r\n'


class JSON:
    """Of equal keys the last one counts."""

    name = 'json'

    def read(self, body: bytes, content_type: bytes, options: Options) -> Any:
        """White space alone is empty too."""
        if not body.strip(_WHITE_SPACE):
            return None
        return decode_exactly(body) if options.get('json_exact') else decode(body)

    def fields(self, payload: Any) -> Any:
        return dicts(payload)

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        """Bytes inside of it, files' too, become text in Base64, and elements of XML what their text means."""
        body = verbatim(payload)
        return to_json(payload) if body is None else body, CONTENT_TYPE


FORMAT: Final = JSON()


def to_json(payload: Any) -> bytes:
    """Raises ZatoException."""
    return _encode(payload if type(payload) is dict else in_own_form(payload))


def _form_of(value: Any) -> Any:
    """Of what JSON has no form for. Raises TypeError where there is none, ValueError."""
    if isinstance(value, Mapping):
        return dict(value)
    found = value.pyval if hasattr(type(value), 'pyval') else own_form(value)
    if found is value:
        raise TypeError(f'it has a value of type {type(value).__name__} in it')
    return found


_encode: Final = encoder(_form_of)
