"""Forms: urlencoded ones (WHATWG URL standard, 5.1), which query strings are too, and multipart/form-data (RFC 7578)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from zato.common.exception import BadRequest
from zato.server.config.cooperation import Slices
from zato.server.http.content_type import codec_for, decode, parse_content_type
from zato.server.http.turns import LONG, in_turns

URLENCODED: Final = 'application/x-www-form-urlencoded'
MULTIPART: Final = 'multipart/form-data'

MAX_FIELDS: Final = 1000  #: in one form
_MAX_PART_HEADERS: Final = 8
_MAX_PART_HEADER: Final = 4096  #: bytes

_BLOCK: Final = 16_384  #: bytes of a value that are unquoted in one go
_SYNTAX: Final = 'a=&+%1'


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file in a form. filename: as the client says, so no path to write to; may be ''."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


def parse_pairs(data: bytes) -> dict[str, Any]:
    """A query string as a dict; a repeated key's values are a list. Raises UnicodeDecodeError."""
    data.decode('ascii')
    return _parse_pairs(data, 'utf_8')


def parse_form(body: bytes, content_type: bytes) -> dict[str, Any] | None:
    """A form of either kind as a dict; a repeated key's values are a list, files are FormFile. None if it is not a form.

    Raises BadRequest.
    """
    media_type, parameters = parse_content_type(content_type)
    if media_type not in (URLENCODED, MULTIPART):
        return None
    if not body:
        return {}
    codec = codec_for(parameters.get('charset') or 'utf-8')
    if _SYNTAX.encode(codec, 'replace') != _SYNTAX.encode():
        raise BadRequest(msg=f'Forms cannot be in charset {parameters["charset"]}', needs_msg=True)
    if media_type == MULTIPART:
        return _parse_multipart(body, parameters.get('boundary', ''), codec)
    if body.count(b'&') >= MAX_FIELDS:
        raise BadRequest(msg=f'The form has more than {MAX_FIELDS} fields', needs_msg=True)
    try:
        return _parse_pairs(body, codec)
    except UnicodeError:
        raise BadRequest(msg=f'The form is not valid {codec.replace("_", "-").upper()}', needs_msg=True) from None


def _parse_pairs(data: bytes, codec: str) -> dict[str, Any]:
    unquote = unquote_to_bytes if len(data) <= LONG else _unquote_in_turns()
    out: dict[str, Any] = {}
    for pair in data.replace(b'+', b' ').split(b'&'):
        if pair:
            key, _, value = pair.partition(b'=')
            _add(out, unquote(key).decode(codec), unquote(value).decode(codec))
    return out


def _unquote_in_turns() -> Callable[[bytes], bytes]:
    """As unquote_to_bytes, while other greenlets have their turns."""
    slices = Slices()

    def unquote(data: bytes) -> bytes:
        pieces = []
        start = 0
        while start < len(data):
            slices.now_and_then()
            end = start + _BLOCK
            escape = data.find(b'%', end - 2, end)  # may not be cut in two
            if escape >= 0:
                end = escape
            pieces.append(unquote_to_bytes(data[start:end]))
            start = end
        return b''.join(pieces)

    return unquote


def _add(out: dict[str, Any], key: str, value: Any) -> None:
    if key not in out:
        out[key] = value
    elif isinstance(out[key], list):
        out[key].append(value)
    else:
        out[key] = [out[key], value]


def _parse_multipart(body: bytes, boundary: str, codec: str) -> dict[str, Any]:
    # Not needed before the first form of this kind.
    from multipart import MultipartError, MultipartSegment, PushMultipartParser

    if not boundary:
        raise BadRequest(msg='The Content-Type of the form names no boundary', needs_msg=True)
    out: dict[str, Any] = {}
    try:
        parser = PushMultipartParser(
            boundary.encode('latin-1'),
            len(body),
            max_header_count=_MAX_PART_HEADERS,
            max_header_size=_MAX_PART_HEADER,
            max_segment_count=MAX_FIELDS,
            header_charset=codec,
            strict=True,
        )
        with parser:
            events = parser.parse(body)
            for event in events if len(body) <= LONG else in_turns(events):
                if isinstance(event, MultipartSegment):
                    segment, pieces = event, list[bytes]()
                elif event is not None:
                    pieces.append(event)
                else:
                    _add(out, segment.name, _part(segment, b''.join(pieces), codec))
    except MultipartError as e:
        raise BadRequest(msg=f'The form is not valid: {e.args[0]}', needs_msg=True) from e
    return out


def _part(segment: Any, data: bytes, codec: str) -> str | FormFile:
    """A file has a filename, even if it is empty."""
    if segment.filename is not None:
        return FormFile(segment.filename, segment.content_type or 'application/octet-stream', data)
    return decode(data, codec_for(segment.charset) if segment.charset else codec, 'A field of the form')
