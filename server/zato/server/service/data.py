"""What a service reads its request from and writes its response to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunch import bunchify

from zato.common.exception import NotAvailable, SerialisationError
from zato.server.http.form import parse_form, parse_pairs
from zato.server.service.input import Input, to_input

if TYPE_CHECKING:
    from zato.server.http.message import Request as HTTPMessage
    from zato.server.service.simpleio.lists import Lists

#: Attributes of requests that come through what this server does not have yet.
_LATER = {
    'amqp': 'AMQP channels',
    'hl7': 'HL7 channels',
    'ibm_mq': 'IBM MQ channels',
    'wmq': 'IBM MQ channels',
}


_SAME = object()


class HTTPData:
    """`self.request.http`: what only a request over HTTP has. Without one, everything in it is empty."""

    __slots__ = ('_get', '_message', '_post', 'params')

    def __init__(self, message: HTTPMessage | None, params: dict[str, str] | None = None) -> None:
        self._message = message
        self._get: Input | None = None
        self._post: Input | None = None
        self.params = Input(params or {})  #: from the URL path's pattern

    @property
    def method(self) -> str:
        return self._message.method.decode() if self._message else ''

    @property
    def path(self) -> str:
        return self._message.path.decode() if self._message else ''

    @property
    def user_agent(self) -> str:
        return self._message.headers.get(b'user-agent', b'').decode('latin-1') if self._message else ''

    @property
    def remote_addr(self) -> str:
        return self._message.peer if self._message else ''

    @property
    def headers(self) -> dict[str, str]:
        """Lower-case names."""
        message = self._message
        return {k.decode('latin-1'): v.decode('latin-1') for k, v in message.headers.items()} if message else {}

    @property
    def GET(self) -> Input:  # noqa: N802  # the name users know
        """Parameters of the query string."""
        if self._get is None:
            self._get = Input(parse_pairs(self._message.query) if self._message else {})
        return self._get

    @property
    def POST(self) -> Input:  # noqa: N802
        """Fields of a form in the body, files among them; empty if the body is no form."""
        if self._post is None:
            message = self._message
            form = parse_form(message.body, message.headers.get(b'content-type', b'')) if message is not None else None
            self._post = Input(form or {})
        return self._post

    def get_form_data(self) -> Input:
        """The same as POST."""
        return self.POST


class Request:
    """`self.request`.

    raw_request: what was received: bytes over HTTP, the object itself when one service invokes another.
    payload: the same, parsed; None if there was nothing.
    channel_params: of the URL, its path's and its query string's together.
    """

    channel_params: dict[str, Any] | None = None
    _fields: Any = _SAME
    _is_message_first = False
    _is_text = False
    _is_payload_all = True  # of what the input is made of
    _message: HTTPMessage | None = None
    _path: dict[str, str] | None = None
    _input: Any = None
    _http: HTTPData | None = None

    def __init__(
        self,
        raw_request: Any,
        payload: Any,
        message: HTTPMessage | None = None,
        path: dict[str, str] | None = None,
        channel_params: dict[str, Any] | None = None,
    ) -> None:
        """path: parameters of the URL's path."""
        self.raw_request = raw_request
        self.payload = payload
        if message is not None:
            self._message = message
            self._path = path
            self.channel_params = channel_params
            self._is_payload_all = False

    def set_message(self, message: HTTPMessage) -> None:
        """What the caller's request came in, which `http` shows; it is no part of the input."""
        self._message = message

    def look_in(self, fields: Any, *, is_message_first: bool) -> None:
        """fields: where elements of the input are looked up if not in the payload. is_message_first: before the URL?"""
        self._fields = fields
        self._is_message_first = is_message_first
        self._is_payload_all = False

    def expect_text(self) -> None:
        """What it is made of does not tell a list of one from a single value."""
        self._is_text = True
        self._is_payload_all = False

    @property
    def text(self) -> Any:
        return self.raw_request

    @property
    def input(self) -> Input:
        """What the service declares, parsed. Without a declaration a Bunch of payload and URL parameters, never None: it is
        empty where the payload is no dict and there are no parameters.
        """
        if self._input is None:
            merged = self.merged()
            self._input = to_input(merged if isinstance(merged, dict) else self.channel_params or {})
        return self._input  # type: ignore[no-any-return]  # a model, or a list, where that is declared

    @input.setter
    def input(self, value: Any) -> None:
        self._input = value

    @property
    def http(self) -> HTTPData:
        if self._http is None:
            self._http = HTTPData(self._message, self._path)
        return self._http

    @property
    def merge_channel_params(self) -> bool:
        """Are the URL's parameters part of the input?"""
        return self.channel_params is not None

    def merged(self, lists: Lists | None = None) -> Any:
        """What the input is made of: the payload's fields and the URL's parameters. lists: where it has any."""
        params = self.channel_params
        if params is None and self._fields is _SAME and not self._is_text:
            return self.payload
        fields = self.payload if self._fields is _SAME else self._fields
        if lists is not None:
            fields = lists.whole(fields) if self._is_text else fields
            params = lists.named(params) if params else params
        if not params:
            return fields
        if isinstance(fields, dict):
            return {**params, **fields} if self._is_message_first else {**fields, **params}
        if isinstance(fields, list) and all(isinstance(item, dict) for item in fields):
            return [{**params, **item} if self._is_message_first else {**item, **params} for item in fields]
        if fields is None or fields in ('', b''):
            return params if lists is None else lists.whole(params)
        return fields

    def to_bunch(self) -> Any:
        """The payload as a Bunch, however deep it is."""
        return bunchify(self.payload)

    bunchified = to_bunch

    def __getattr__(self, name: str) -> Any:
        if name in _LATER:
            raise NotAvailable(msg=f'self.request.{name} is not available: this server does not have {_LATER[name]}')
        raise AttributeError(f'A request has no attribute `{name}`')


class Response:
    """`self.response`.

    payload: str, bytes, dict, list, number, model, None, or an iterator of bytes or text, which is sent piece by piece.
    Where output is declared, its elements may be set as attributes of it.
    """

    payload: Any = ''
    status_code: int = 200
    status_message: str = ''  #: '' means that of the status code
    content_type: str = ''  #: '' means that the channel decides
    content_encoding: str = ''  #: 'gzip' has the body compressed, if the client accepts that
    data_format: str = ''
    result: str = 'ZATO_OK'
    result_details: str = ''
    _headers: dict[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        if self._headers is None:
            self._headers = {}
        return self._headers

    @headers.setter
    def headers(self, headers: dict[str, str]) -> None:
        self._headers = dict(headers)

    def take_header_lines(self) -> tuple[tuple[bytes, bytes], ...]:
        """`headers`, as they are sent, but for a content type, which becomes `content_type`. Raises SerialisationError."""
        if not self._headers:
            return ()
        lines = {}
        for name, value in self._headers.items():
            try:
                lines[str(name).encode('latin-1')] = str(value).encode('latin-1')
            except UnicodeEncodeError:
                raise SerialisationError(msg=f'The response has a header, {name!r}, that is not latin-1') from None
        for line in [line for line in lines if line.lower() == b'content-type']:
            self.content_type = lines.pop(line).decode('latin-1')
        return tuple(lines.items())

    def __len__(self) -> int:
        return len(self.payload)

    def __bool__(self) -> bool:
        return True
