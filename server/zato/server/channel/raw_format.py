"""How channels without a data format read requests: as they came. Responses are written as those of JSON channels."""

from __future__ import annotations

from zato.common.exception import BadRequest
from zato.server.channel.json_format import render
from zato.server.http.message import Request
from zato.server.service import data

__all__ = ['parse', 'render']


def parse(request: Request, params: dict[str, str]) -> data.Request:
    """The payload is the body's bytes, None if there is none."""
    try:
        query = data.parse_pairs(request.query) if request.query else None
    except UnicodeDecodeError:
        raise BadRequest(msg='The query string is not UTF-8', needs_msg=True) from None
    return data.Request(request.body, request.body or None, request, params, query)
