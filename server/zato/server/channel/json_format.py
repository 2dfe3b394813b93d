"""How JSON channels read requests and write responses."""

from __future__ import annotations

from typing import Any, Final

from zato.common.exception import BadRequest, ZatoException
from zato.server.http.json import decode, encode
from zato.server.http.message import PHRASES, Request, Response
from zato.server.service import data

JSON: Final = b'application/json'
TEXT: Final = b'text/plain; charset=utf-8'
BINARY: Final = b'application/octet-stream'


def parse(request: Request, params: dict[str, str]) -> data.Request:
    """JSON in the body; the query string goes over it. GET without a body has the query string as its payload."""
    body = request.body
    payload = decode(body) if body else None
    if not request.query:
        return data.Request(body, payload, request, params)
    try:
        query = data.parse_pairs(request.query)
    except UnicodeDecodeError:
        raise BadRequest(msg='The query string is not UTF-8', needs_msg=True) from None
    if payload is None:
        payload = query
    return data.Request(body, payload, request, params, query)


def render(response: data.Response, cid: str, channel: str) -> Response:
    """Text and bytes as they are, anything else as JSON."""
    payload = response.payload
    if isinstance(payload, str):
        body, content_type = payload.encode(), JSON if payload[:1] in ('{', '[') else TEXT
    elif isinstance(payload, bytes):
        body, content_type = payload, BINARY
    elif payload is None:
        body, content_type = b'', JSON
    else:
        body, content_type = encode(payload), JSON
    headers = response.header_lines
    if response.content_type:
        content_type = response.content_type.encode('latin-1')
    status = response.status_code
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ZatoException(cid, f'The status code of the response must be a number from 200 to 599, not {status!r}')
    return Response(int(status), body, cid, content_type, headers, channel)


def render_error(
    status: int, details: Any, cid: str, headers: tuple[tuple[bytes, bytes], ...] = (), channel: str = '-'
) -> Response:
    """`{"result":"Error","cid":…,"details":…}` (source: classic Zato 3.2). details: defaults to the status's name."""
    if not details:
        details = PHRASES.get(status, 'Error')
    return Response(status, encode({'result': 'Error', 'cid': cid, 'details': details}), cid, JSON, headers, channel)
