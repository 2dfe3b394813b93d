"""JSON (RFC 8259): always in UTF-8, whatever charset a Content-Type names."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any, Final

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.base import Options, dicts, verbatim
from zato.server.channel.format.plain import is_plain, plain
from zato.server.http.json import decode, encode

CONTENT_TYPE: Final = b'application/json'
_WHITE_SPACE: Final = b' \t\r\n'
_TWO_MARKS: Final = BOM_UTF8 * 2


class JSON:
    """Of equal keys the last one counts."""

    name = 'json'

    def read(self, body: bytes, content_type: bytes, options: Options) -> Any:
        """White space alone is empty too."""
        if not body.strip(_WHITE_SPACE):
            return None
        if body.startswith(_TWO_MARKS):
            raise BadRequest(msg='The body is not valid JSON: it has more than one byte order mark', needs_msg=True)
        return decode(body)

    def fields(self, payload: Any) -> Any:
        return dicts(payload)

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        body = verbatim(payload)
        return to_json(payload) if body is None else body, CONTENT_TYPE


FORMAT: Final = JSON()


def to_json(payload: Any) -> bytes:
    """Raises ZatoException."""
    if is_plain(payload):
        try:
            return encode(payload)
        except ZatoException:
            pass  # there may be objects inside it that `plain` knows
    return encode(plain(payload))
