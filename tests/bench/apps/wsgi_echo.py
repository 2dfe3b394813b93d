"""The baseline: the least a WSGI application can do to echo JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    data = json.loads(environ['wsgi.input'].read(int(environ['CONTENT_LENGTH'])))
    body = json.dumps(data).encode()
    start_response('200 OK', [('Content-Type', 'application/json'), ('Content-Length', str(len(body)))])
    return [body]
