"""Bodies as they are, of channels without a data format."""

from __future__ import annotations

from typing import Any, Final

from zato.server.channel.format import json
from zato.server.channel.format.base import Options, verbatim

TEXT: Final = b'text/plain; charset=utf-8'
BINARY: Final = b'application/octet-stream'


class Raw:
    """What is neither text nor bytes is sent as JSON."""

    name = ''

    def read(self, body: bytes, content_type: bytes, options: Options) -> bytes | None:
        return body or None

    def fields(self, payload: Any) -> None:
        return None

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        body = verbatim(payload)
        if body is None:
            return json.to_json(payload), json.CONTENT_TYPE
        return body, TEXT if payload is None or isinstance(payload, str) else BINARY


FORMAT: Final = Raw()
