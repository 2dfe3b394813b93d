"""What a service gets of an HTTP request: body decompressed and parsed, parameters of the URL beside it or in it."""

from __future__ import annotations

from typing import Any, Final

from zato.common.exception import BadRequest, ContentTooLarge
from zato.server.channel.channel import Channel
from zato.server.channel.compression import decompress
from zato.server.http.form import parse_pairs
from zato.server.http.message import Request
from zato.server.service import data
from zato.server.service.compiled import CompiledService

_NO_OPTIONS: Final[dict[str, Any]] = {}


def read_request(
    channel: Channel, request: Request, params: dict[str, str], service: CompiledService, max_body: int
) -> data.Request:
    """params: of the URL's path. max_body: bytes that no channel exceeds; what is not compressed is known not to.

    Raises BadRequest, ContentTooLarge, UnsupportedMediaType.
    """
    body = request.body
    headers = request.headers
    if body:
        encoding = headers.get(b'content-encoding')
        if encoding:
            request.body = body = decompress(body, encoding, min(channel.max_body, max_body))
        check_length(channel, len(body))
    format_ = channel.format
    io = service.io
    payload = None
    if body:
        payload = format_.read(body, headers.get(b'content-type', b''), io.format_options if io is not None else _NO_OPTIONS)
    query = _query(request.query) if request.query else None
    fields = payload
    if payload is None and query and channel.is_query_payload:
        payload = query
    if channel.drops_path:
        params = {}
    parsed = data.Request(body, payload, request, params, _channel_params(channel, params, query))
    if format_.name != 'json':
        parsed.look_in(format_.fields(payload), is_message_first=channel.is_message_first)
        parsed.expect_text()
        return parsed
    if channel.is_message_first:
        parsed.look_in(fields, is_message_first=True)
    if query and payload is query:
        parsed.expect_text()
    return parsed


def check_length(channel: Channel, length: int) -> None:
    """length: of the body, in bytes. Raises ContentTooLarge."""
    if length > channel.max_body:
        raise ContentTooLarge(msg=f'The body is longer than {channel.max_body} bytes')


def _query(raw: bytes) -> dict[str, Any]:
    try:
        return parse_pairs(raw)
    except UnicodeDecodeError:
        raise BadRequest(msg='The query string is not UTF-8', needs_msg=True) from None


def _channel_params(channel: Channel, path: dict[str, str], query: dict[str, Any] | None) -> dict[str, Any] | None:
    if not channel.merges_params:
        return None
    if not query:
        return path
    if not path:
        return query
    return {**query, **path} if channel.is_path_first else {**path, **query}
