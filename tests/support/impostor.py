"""What may be found at a server's address in its place: something that speaks no HTTP, or not that of a server."""

from __future__ import annotations

import json
import socketserver
import threading
from base64 import b64encode
from types import TracebackType
from typing import Any


class Impostor:
    """Listens on a free port of 127.0.0.1 while the `with` block lasts. Each connection gets `answer`, then its end."""

    def __init__(self, answer: bytes = b'') -> None:
        self.answer = answer
        impostor = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    self.request.settimeout(5)
                    self.request.recv(65_536)
                    self.request.sendall(impostor.answer)
                except OSError:
                    pass  # the other side has closed

        self._server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.address = f'127.0.0.1:{self._server.server_address[1]}'

    def __enter__(self) -> Impostor:
        threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def http(body: bytes, content_type: str = 'application/json', status: str = '200 OK') -> bytes:
    head = f'HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n'
    return head.encode() + body


def admin_answer(payload: Any) -> bytes:
    """As of an admin service that answers with that."""
    response = b64encode(json.dumps(payload).encode()).decode()
    return http(json.dumps({'response': response, 'zato_env': {'result': 'ZATO_OK'}}).encode())


#: By what they are.
GARBAGE = {
    'nothing': b'',
    'no HTTP': b'SSH-2.0-OpenSSH_9.2p1\r\n',
    'bytes': bytes(range(256)),
    'half a head': b'HTTP/1.1 200 OK\r\nContent-Le',
    'half a body': http(b'{"response": "bnVsbA=="}')[:-4],
    'a page': http(b'<!doctype html><h1>It works</h1>', 'text/html'),
    'an error page': http(b'<!doctype html><h1>Bad gateway</h1>', 'text/html', '502 Bad Gateway'),
    'not found': http(b'<h1>Not found</h1>', 'text/html', '404 Not Found'),
    'no access': http(b'', 'text/plain', '403 Forbidden'),
    'a redirect': b'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n',
    'other JSON': http(b'[1, 2, {"a": null}]'),
    'no base64': http(b'{"response": "\\ud83d not"}'),
    'another type': http(b'{"response": 17, "zato_env": []}'),
    'null': admin_answer(None),
    'text': admin_answer('It works'),
    'a number': admin_answer(17),
    'an empty list': admin_answer([]),
    'an empty object': admin_answer({}),
    'a list of numbers': admin_answer([1, 2]),
    'other objects': admin_answer([{'colour': 'red'}]),
    'other names': admin_answer({'response': [{'colour': 'red'}], '_meta': {'pages': 'many'}}),
    'wrong types': admin_answer(
        {'response': [{'id': 'x', 'name': None, 'is_active': 'maybe'}], '_meta': None, 'workers': 5, 'alarms': 'red'}
    ),
}
