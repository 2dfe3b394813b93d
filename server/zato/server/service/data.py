"""What a service reads its request from and writes its response to."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from bunch import Bunch

from zato.server.http.message import Request as HTTPMessage

_FORM = b'application/x-www-form-urlencoded'


class Input(Bunch):  # type: ignore[misc]  # bunch has no types
    """A dict whose keys are attributes too; it prints as a plain dict."""

    def __repr__(self) -> str:
        return dict.__repr__(self)

    __str__ = __repr__


def parse_pairs(data: bytes) -> dict[str, Any]:
    """Query string or form as a dict; a repeated key's values are a list. Raises UnicodeDecodeError."""
    out: dict[str, Any] = {}
    for key, value in parse_qsl(data.decode('ascii'), keep_blank_values=True, errors='strict'):
        if key not in out:
            out[key] = value
        elif isinstance(out[key], list):
            out[key].append(value)
        else:
            out[key] = [out[key], value]
    return out


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
        """Fields of a form in the body."""
        if self._post is None:
            message = self._message
            is_form = message is not None and message.headers.get(b'content-type', b'').startswith(_FORM)
            self._post = Input(parse_pairs(message.body) if message is not None and is_form else {})
        return self._post


class Request:
    """`self.request`.

    raw_request: what was received: bytes over HTTP, the object itself when one service invokes another.
    payload: the same, parsed; None if there was nothing.
    """

    __slots__ = ('_http', '_input', '_message', '_params', '_query', 'payload', 'raw_request')

    def __init__(
        self,
        raw_request: Any,
        payload: Any,
        message: HTTPMessage | None = None,
        params: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
    ) -> None:
        """params: from the URL's path. query: from its query string. Both go over the payload's keys, query over params."""
        self.raw_request = raw_request
        self.payload = payload
        self._message = message
        self._params = params
        self._query = query
        self._input: Input | None = None
        self._http: HTTPData | None = None

    @property
    def text(self) -> Any:
        return self.raw_request

    @property
    def input(self) -> Input:
        """Never None: an empty Bunch where the payload is no dict and the URL has no parameters."""
        if self._input is None:
            value = Input(self.payload) if isinstance(self.payload, dict) else Input()
            value.update(self._params or {})
            value.update(self._query or {})
            for key, item in value.items():
                if type(item) in (dict, list):
                    value[key] = _to_input(item)
            self._input = value
        return self._input

    @property
    def http(self) -> HTTPData:
        if self._http is None:
            self._http = HTTPData(self._message, self._params)
        return self._http


def _to_input(item: Any) -> Any:
    if isinstance(item, dict):
        return Input({key: _to_input(value) for key, value in item.items()})
    if isinstance(item, list):
        return [_to_input(value) for value in item]
    return item


class Response:
    """`self.response`. payload: str, bytes, dict, list, number or None."""

    __slots__ = ('_headers', 'content_type', 'payload', 'status_code')

    def __init__(self) -> None:
        self.payload: Any = ''
        self.status_code = 200
        self.content_type = ''  #: '' means that the channel decides
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        if self._headers is None:
            self._headers = {}
        return self._headers

    @headers.setter
    def headers(self, headers: dict[str, str]) -> None:
        self._headers = dict(headers)

    @property
    def header_lines(self) -> tuple[tuple[bytes, bytes], ...]:
        """`headers`, as they are sent, but for a content type, which goes over `content_type`."""
        if not self._headers:
            return ()
        lines = {k.encode('latin-1'): v.encode('latin-1') for k, v in self._headers.items()}
        for name in [name for name in lines if name.lower() == b'content-type']:
            self.content_type = lines.pop(name).decode('latin-1')
        return tuple(lines.items())
