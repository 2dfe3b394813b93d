"""What a service gets back of an outgoing REST call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, get_args, get_origin

from zato.common.exception import AnswerNotParsed, BadRequest, ErrorStatus, ZatoException
from zato.server.connection.rest.answer_headers import AnswerHeaders
from zato.server.connection.rest.codecs import Codecs
from zato.server.connection.rest.transport import Inbound

_ERRORS: Final = range(400, 600)
_UNSET: Final = object()


class RESTResponse:
    """True where there is no error. cid: that the call was made with. url: where the answer came from, after redirects."""

    def __init__(self, inbound: Inbound, *, title: str, cid: str, data_format: str, codecs: Codecs) -> None:
        self._inbound = inbound
        self._title = title
        self._data_format = data_format
        self._codecs = codecs
        self._model: Any = None
        self._data: Any = _UNSET
        self.cid = cid

    def expect(self, model: Any) -> None:
        """`data` is to be an instance of a model, or a list of them."""
        self._model = get_args(model)[0] if get_origin(model) is list else model

    @property
    def status_code(self) -> int:
        return self._inbound.status

    @property
    def ok(self) -> bool:
        """Is the status below 400?"""
        return self.status_code < _ERRORS.start

    def __bool__(self) -> bool:
        return self.ok

    @property
    def reason(self) -> str:
        """The words of the status line."""
        return self._inbound.reason

    @property
    def headers(self) -> AnswerHeaders:
        """By name, whatever its case; values of equal ones are joined."""
        return self._inbound.headers

    @property
    def content(self) -> bytes:
        return self._inbound.body

    @property
    def url(self) -> str:
        return self._inbound.url

    @property
    def elapsed(self) -> timedelta:
        """How long the call took, without its retries."""
        return timedelta(seconds=self._inbound.seconds)

    @property
    def encoding(self) -> str:
        """The charset of the text: that of the Content-Type, UTF-8 without one or with an unknown one."""
        try:
            return self._codecs.charset(self._content_type.encode('latin-1', 'replace'))
        except BadRequest:
            return 'utf_8'

    @property
    def text(self) -> str:
        """What cannot be decoded is replaced."""
        return self.content.decode(self.encoding, 'replace').removeprefix('\ufeff')

    def json(self) -> Any:
        """The body, parsed, whatever it says that it is. Raises AnswerNotParsed, a ValueError."""
        try:
            return self._codecs.from_json(self.content)
        except ZatoException as e:
            raise self._not_parsed(f'is not JSON, which it should be: {e.msg}') from e

    @property
    def data(self) -> Any:
        """Parsed JSON, if that is the connection's data format or the answer's own; else text. '' if the body is empty.

        With `model=` an instance of that, or a list of them. Raises AnswerNotParsed.
        """
        if self._data is _UNSET:
            data = self._parse()
            self._data = data if self._model is None else self._as_model(data)
        return self._data

    def raise_for_status(self) -> None:
        """Raises ErrorStatus where the status is 400 or above."""
        if self.status_code in _ERRORS:
            raise self.error()

    def error(self) -> ErrorStatus:
        """What `raise_for_status` raises."""
        words = f'{self.status_code} {self.reason}'.strip()
        return ErrorStatus(f'{self._title}: the answer is {words}', status_code=self.status_code, response=self)

    def __repr__(self) -> str:
        return f'<RESTResponse [{self.status_code}]>'

    @property
    def _content_type(self) -> str:
        return self.headers.get('content-type', '')

    def _parse(self) -> Any:
        if not self.content:
            return ''
        media_type = self._content_type.partition(';')[0].strip().lower()
        is_json = self._data_format == 'json' or media_type == 'application/json' or media_type.endswith('+json')
        return self.json() if is_json else self.text

    def _as_model(self, data: Any) -> Any:
        model, to_model = self._model, self._codecs.to_model
        if self._data_format != 'json' and isinstance(data, str) and data:
            data = self.json()
        try:
            return [to_model(model, item) for item in data] if isinstance(data, list) else to_model(model, data)
        except ZatoException as e:
            raise self._not_parsed(f'is not a {model.__name__}, which it should be: {e.msg}') from e

    def _not_parsed(self, what: str) -> AnswerNotParsed:
        return AnswerNotParsed(
            msg=f'{self._title}: the body of the answer ({self.status_code}, {len(self.content)} bytes) {what}'
        )
