"""The same for ASGI."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    body = b''
    while True:
        message = await receive()
        body += message['body']
        if not message.get('more_body'):
            break
    answer = json.dumps(json.loads(body)).encode()
    headers = [(b'content-type', b'application/json'), (b'content-length', b'%d' % len(answer))]
    await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
    await send({'type': 'http.response.body', 'body': answer})
