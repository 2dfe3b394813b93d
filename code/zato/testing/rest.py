"""A request to a service over REST, without sockets: through the server's own pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zato.common.api import CHANNEL
from zato.server.channel.channel import Channel
from zato.server.channel.format.registry import data_format as find_format
from zato.server.channel.pipeline import Pipeline
from zato.server.channel.routes import Routes
from zato.server.http.json import encode
from zato.server.http.message import Request
from zato.server.service.channel_info import ChannelInfo
from zato.server.service.compiled import CompiledService
from zato.server.service.invoker import Invoker

_NAME = 'test'


@dataclass(frozen=True, slots=True)
class RESTResponse:
    """headers: by name in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        """Raises ValueError for what is no JSON."""
        return json.loads(self.body)


def send(
    invoker: Invoker,
    service: CompiledService,
    method: str,
    url: str,
    body: Any,
    *,
    data_format: str,
    headers: Mapping[str, str],
    options: Mapping[str, Any],
) -> RESTResponse:
    """url: path and query string. body: bytes or text as they are, anything else as JSON. options: as Channel takes them.

    Raises what the service raises, where a client would be told of an error inside the server.
    """
    target, _, query = url.partition('?')
    raised: list[BaseException] = []

    def describe(e: BaseException) -> str:
        raised.append(e)
        return str(e)

    lines = {key.lower().encode('latin-1'): value.encode('latin-1') for key, value in headers.items()}
    request = Request(method.encode(), target.encode(), query.encode(), b'HTTP/1.1', lines, '127.0.0.1')
    request.body = _bytes(body)
    routes = _routes(service, target, data_format, options)
    response = Pipeline(routes, invoker, describe).respond(request)
    if raised:
        raise raised[0]
    content = response.body if isinstance(response.body, bytes) else b''.join(response.body)
    found = {key.decode('latin-1').lower(): value.decode('latin-1') for key, value in response.headers}
    found |= {'content-type': response.content_type.decode('latin-1'), 'x-zato-cid': response.cid}
    return RESTResponse(response.status, content, found)


def _routes(service: CompiledService, target: str, data_format: str, options: Mapping[str, Any]) -> Routes:
    routes = Routes()
    routes.add(
        Channel(
            name=_NAME,
            path=options.get('path', target),
            resolve=lambda params, cid: service,
            format=find_format(data_format),
            is_query_payload=data_format == 'json',
            info=ChannelInfo(name=_NAME, type=CHANNEL.HTTP_SOAP, data_format=data_format, match_target=target),
            **{key: value for key, value in options.items() if key != 'path'},
        )
    )
    return routes


def _bytes(body: Any) -> bytes:
    if body is None:
        return b''
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else encode(body)
