"""Servers that outgoing REST connections call in tests: each answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request. headers: names in lower case. query: values of each parameter."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer. body: text, bytes, or what becomes JSON."""

    status: int = 200
    body: Any = ''
    headers: Mapping[str, str] = field(default_factory=dict)


Answerer = Callable[[Asked], Told]


def echo(asked: Asked) -> Told:
    """What it was asked, as JSON."""
    body = {
        'method': asked.method,
        'path': asked.path,
        'query': asked.query,
        'headers': asked.headers,
        'body': asked.body.decode(),
    }
    return Told(body=body)


class TargetServer:
    """On a free port of 127.0.0.1, while the `with` block lasts. asked: all requests so far."""

    def __init__(self, answer: Answerer = echo) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.address = f'http://127.0.0.1:{self.port}'

    def __enter__(self) -> TargetServer:
        threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def respond(self, asked: Asked) -> Told:
        self.asked.append(asked)
        return self.answer(asked)


def _handler(target: TargetServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get('Content-Length', '0')))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query, keep_blank_values=True)
            told = target.respond(Asked(method=self.command, path=parts.path, query=query, headers=headers, body=body))
            is_plain = isinstance(told.body, str | bytes)
            data = (
                told.body.encode()
                if isinstance(told.body, str)
                else told.body
                if is_plain
                else json.dumps(told.body).encode()
            )
            lines = {'Content-Type': 'text/plain' if is_plain else 'application/json', **told.headers}
            self.send_response(told.status)
            for name, value in lines.items():
                self.send_header(name, value)
            self.send_header('Content-Length', str(len(data)))
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler
