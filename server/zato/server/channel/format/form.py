"""Forms of both kinds, in requests and responses: those that have files in them are multipart/form-data."""

from __future__ import annotations

import re
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote_plus

from zato.common.exception import UnsupportedMediaType, ZatoException
from zato.server.channel.format.base import Options, dicts, unwrapped, verbatim
from zato.server.channel.format.plain import plain, text
from zato.server.http.form import MULTIPART, URLENCODED, FormFile, parse_form
from zato.server.http.turns import Turns

CONTENT_TYPE: Final = URLENCODED.encode()
_BLOCK: Final = 16_384  #: characters of a value that are quoted in one go
_ESCAPED: Final = str.maketrans({'"': '%22', '\r': '%0D', '\n': '%0A'})  # WHATWG HTML standard, 4.10.21.8
_HEADER_VALUE: Final = re.compile(r'[\t\x20-\x7e]*').fullmatch


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
        return _to_form(unwrapped(payload, options)) if body is None else (body, CONTENT_TYPE)


FORMAT: Final = Form()


def _to_form(payload: Any) -> tuple[bytes, bytes]:
    fields = plain(payload)
    if not isinstance(fields, dict):
        raise ZatoException(msg=f'A form is made from a dict, not from {type(payload).__name__}')
    pairs: list[tuple[str, str | FormFile]] = []
    for key, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            pairs.append((text(key), item if isinstance(item, FormFile) else text(item)))
    try:
        if any(isinstance(value, FormFile) for _, value in pairs):
            return _multipart(pairs)
        turns = Turns()
        return '&'.join(f'{_quoted(key, turns)}={_quoted(str(value), turns)}' for key, value in pairs).encode(), CONTENT_TYPE
    except UnicodeEncodeError:
        raise ZatoException(msg='A form cannot have half of a surrogate pair in it') from None


def _quoted(value: str, turns: Turns) -> str:
    turns.took(len(value))
    if len(value) <= _BLOCK:
        return quote_plus(value)
    return ''.join(_quoted(value[start : start + _BLOCK], turns) for start in range(0, len(value), _BLOCK))


def _multipart(pairs: list[tuple[str, str | FormFile]]) -> tuple[bytes, bytes]:
    """The boundary cannot be in what is sent, since nobody knew it before."""
    boundary = token_hex(16)
    pieces: list[bytes] = []
    for name, value in pairs:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_ESCAPED)}"'
        if isinstance(value, FormFile):
            if not _HEADER_VALUE(value.content_type):
                raise ZatoException(msg=f'{value.content_type!r} is not the content type of a file')
            head = f'{head}; filename="{value.filename.translate(_ESCAPED)}"\r\nContent-Type: {value.content_type}'
        data = value.data if isinstance(value, FormFile) else value.encode()
        pieces += (head + '\r\n\r\n').encode(), data, b'\r\n'
    pieces.append(f'--{boundary}--\r\n'.encode())
    return b''.join(pieces), f'{MULTIPART}; boundary={boundary}'.encode()
