"""Bodies of requests, and the content type that goes with them."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from zato.common.exception import RequestInvalid, ZatoException
from zato.server.connection.rest.codecs import Codecs
from zato.server.connection.rest.soap import SOAP
from zato.server.connection.rest.url import form

_JSON: Final = 'application/json'
_FORM: Final = 'application/x-www-form-urlencoded'
_TEXT: Final = 'text/plain'
_TYPES: Final = {'json': _JSON, 'form': _FORM, 'xml': 'application/xml'}
_CONTAINERS: Final = (bytes, dict, list, tuple)
_IN_QUOTES: Final = {ord('"'): '%22', ord('\r'): '%0D', ord('\n'): '%0A'}
_MIME_TYPE: Final = re.compile(r'[\x21-\x7e][\x20-\x7e]*').fullmatch


class Body(NamedTuple):
    """content_type: that of the data itself, where nobody names another."""

    data: bytes
    content_type: str


class Bodies:
    """Makes bodies for one connection. data_format: '', 'json', 'form' or 'xml'."""

    def __init__(self, title: str, data_format: str, soap: SOAP | None, codecs: Codecs) -> None:
        self._title = title
        self._format = data_format
        self._soap = soap
        self._codecs = codecs

    def make(self, data: Any, content_type: str) -> Body:
        """content_type: that the user or the connection names, '' for none. Raises RequestInvalid."""
        usual = self._soap.content_type if self._soap is not None else _TYPES.get(self._format, _TEXT)
        if data is None or (isinstance(data, str | bytes) and not data):
            return Body(b'', usual)
        if isinstance(data, str | bytes | bytearray | memoryview):
            return Body(self._text(data), usual)
        if self._soap is not None or self._format == 'xml':
            what = 'SOAP' if self._soap is not None else 'XML'
            raise RequestInvalid(msg=f'{self._title}: {what} is sent as text or bytes, not as {type(data).__name__}')
        if self._format == 'form' or content_type.partition(';')[0].strip().lower() == _FORM:
            return Body(self._form(data), _FORM)
        return self.json(data)

    def json(self, data: Any) -> Body:
        """Bytes in it are text in UTF-8. Raises RequestInvalid."""
        try:
            return Body(self._codecs.to_json(_without_bytes(data)), _JSON)
        except UnicodeDecodeError:
            reason = 'there are bytes in it that are not UTF-8'
        except RecursionError:
            reason = 'it is nested too deeply'
        except ZatoException as e:
            reason = e.msg
        raise RequestInvalid(msg=f'{self._title}: the data cannot be sent as JSON: {reason}')

    def _text(self, data: str | bytes | bytearray | memoryview) -> bytes:
        if not isinstance(data, str | bytes):
            data = bytes(data)
        if self._soap is not None:
            return self._soap.body(data)
        try:
            return data.encode() if isinstance(data, str) else data
        except UnicodeEncodeError:
            raise RequestInvalid(msg=f'{self._title}: the data has a surrogate in it, which UTF-8 cannot have') from None

    def _form(self, data: Any) -> bytes:
        if not isinstance(data, Mapping):
            if hasattr(type(data), 'to_dict'):
                data = data.to_dict()
            elif dataclasses.is_dataclass(data) and not isinstance(data, type):
                data = dataclasses.asdict(data)
        if not isinstance(data, Mapping):
            raise RequestInvalid(msg=f'{self._title}: a form is sent as a dict or as text, not as {type(data).__name__}')
        return form([(str(name), value) for name, value in data.items()], self._field).encode()

    def _field(self, name: str, value: Any) -> str:
        try:
            return self._codecs.text(value)
        except ZatoException as e:
            raise RequestInvalid(msg=f'{self._title}: field `{name}` of the form cannot be sent: {e}') from e


def multipart(title: str, field_name: str, filename: str, mime_type: str, content: bytes) -> Body:
    """A form with one file in it (RFC 7578). Raises RequestInvalid."""
    if not _MIME_TYPE(mime_type):
        raise RequestInvalid(msg=f'{title}: {mime_type!r} cannot be the type of a file')
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field_name.translate(_IN_QUOTES)}"; '
        f'filename="{filename.translate(_IN_QUOTES)}"\r\nContent-Type: {mime_type}\r\n\r\n'
    )
    data = head.encode('utf-8', 'surrogateescape') + content + f'\r\n--{boundary}--\r\n'.encode()
    return Body(data, f'multipart/form-data; boundary={boundary}')


def _without_bytes(value: Any) -> Any:
    """The same, or a copy of what has bytes in it, with text in their place. Raises UnicodeDecodeError, RecursionError."""
    if type(value) is bytes:
        return value.decode()
    if type(value) is dict:
        if any(isinstance(item, _CONTAINERS) for item in value.values()):
            return {key: _without_bytes(item) for key, item in value.items()}
    elif type(value) in (list, tuple) and any(isinstance(item, _CONTAINERS) for item in value):
        return [_without_bytes(item) for item in value]
    return value
