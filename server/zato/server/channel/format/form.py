"""Forms: of both kinds in requests, application/x-www-form-urlencoded in responses."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from zato.common.exception import UnsupportedMediaType, ZatoException
from zato.server.channel.format.base import Options, dicts, verbatim
from zato.server.channel.format.plain import plain, text
from zato.server.http.form import MULTIPART, URLENCODED, parse_form

CONTENT_TYPE: Final = URLENCODED.encode()


class Form:
    """Values are text, or FormFile for files; those of a repeated key are a list."""

    name = 'form'

    def read(self, body: bytes, content_type: bytes, options: Options) -> dict[str, Any] | None:
        """A body without a content type is taken for an urlencoded one."""
        if not body:
            return None
        form = parse_form(body, content_type or CONTENT_TYPE)
        if form is None:
            raise UnsupportedMediaType(msg=f'The body must be {URLENCODED} or {MULTIPART}')
        return form

    def fields(self, payload: Any) -> Any:
        return dicts(payload)

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        """Lists become repeated keys."""
        body = verbatim(payload)
        return _to_form(payload) if body is None else body, CONTENT_TYPE


FORMAT: Final = Form()


def _to_form(payload: Any) -> bytes:
    fields = plain(payload)
    if not isinstance(fields, dict):
        raise ZatoException(msg=f'A form is made from a dict, not from {type(payload).__name__}')
    pairs: list[tuple[str, str]] = []
    for key, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            pairs.append((text(key), text(item)))
    try:
        return urlencode(pairs).encode()
    except UnicodeEncodeError:
        raise ZatoException(msg='A form cannot have half of a surrogate pair in it') from None
