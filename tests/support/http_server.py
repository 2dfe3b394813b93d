"""The HTTP engine with an application that echoes, run in a process of its own by `http_client.Server`.

It reads commands from standard input, a line each, and answers each with a line of JSON on standard output:

- `until running N`, `until connections N`: once that many requests wait for a `release`, once that many clients are there
- `release`: lets requests to /wait go on
- `nofile N`: the process may have only that many descriptors open
- `freeze`: stop everything but commands, until `thaw` or `drain`
- `drain SECONDS`: drain and close; there is a second line once that is done, how many connections were cut off, and then
  the process ends
"""

from __future__ import annotations

import json
import os
import resource
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gevent
from gevent import get_hub
from gevent.event import Event

from zato.common.log.files import AppendFile
from zato.common.log.writers import BufferedLines
from zato.server.http.access_log import AccessLog
from zato.server.http.limits import Limits
from zato.server.http.message import Request, Response
from zato.server.http.server import HTTPServer

_POLL = 0.005


class Application:
    """Echoes bodies; the header X-Saw says what else it saw, and how many requests there were before."""

    def __init__(self) -> None:
        self.running = 0
        self.count = 0
        self.released = Event()
        self._special: dict[bytes, Callable[[bytes], Response | None]] = {
            b'big': lambda size: Response(200, b'x' * int(size), 'cid'),
            b'fail': self._fail,
            b'header': lambda value: Response(200, b'', 'cid', headers=((b'X-Echo', value), (b'Content-Length', b'5'))),
            b'spin': self._spin,
            b'status': lambda status: Response(int(status), b'a body', 'cid'),
            b'stubborn': self._stay,
            b'wait': self._wait,
        }

    def respond(self, request: Request) -> Response:
        _, name, *argument = [*request.path.split(b'/', 2), b'']
        special = self._special.get(name)
        if special is not None:
            response = special(argument[0])
            if response is not None:
                return response
        saw = {
            'method': request.method.decode(),
            'path': request.path.decode(),
            'query': request.query.decode(),
            'count': self.count,
            'headers': {name.decode(): value.decode('latin-1') for name, value in request.headers.items()},
        }
        self.count += 1
        return Response(200, request.body, 'cid', headers=((b'X-Saw', json.dumps(saw).encode()),), channel='echo')

    def reject(self, status: int, details: str) -> Response:
        return Response(status, details.encode(), 'cid')

    def _spin(self, milliseconds: bytes) -> None:
        end = time.monotonic() + int(milliseconds) / 1000
        while time.monotonic() < end:
            pass

    def _wait(self, _: bytes) -> None:
        self.running += 1
        try:
            self.released.wait()
        finally:
            self.running -= 1

    def _stay(self, _: bytes) -> None:
        while True:
            try:
                self._wait(b'')
            except gevent.GreenletExit:
                pass

    def _fail(self, how: bytes) -> Response:
        if how == b'content-type':
            return Response(200, b'', 'cid', content_type=b'text/plain\r\nX-Injected: yes')
        if how == b'header':
            return Response(200, b'', 'cid', headers=((b'X-Name', b'value\nX-Injected: yes'),))
        raise {b'exception': ZeroDivisionError, b'timeout': gevent.Timeout, b'exit': SystemExit}[how](how.decode())


class Commands:
    """What comes on standard input."""

    def __init__(self) -> None:
        self.frozen = False  #: wait for the next one without letting anything else run

    def __iter__(self) -> Iterator[list[str]]:
        hub = get_hub()
        watcher = hub.loop.io(0, 1)
        data = b''
        while True:
            while b'\n' not in data:
                if not self.frozen:
                    hub.wait(watcher)
                more = os.read(0, 4096)
                if not more:
                    os._exit(0)  # the test is over
                data += more
            line, _, data = data.partition(b'\n')
            yield line.decode().split()


def main() -> None:
    """argv[1]: JSON, `options` of `http_client.Server`."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    application = Application()
    log = AccessLog(BufferedLines(AppendFile(options['log'])) if options['log'] else None)
    limits = Limits(**options['limits'])
    server = HTTPServer(application.respond, application.reject, log, limits, tls=_tls(options['tls']))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', 0))
    listener.listen(2048)
    server.start([listener])
    _say(listener.getsockname()[1])
    commands = Commands()
    for command in commands:
        match command:
            case ['until', 'running', number]:
                _wait(partial(_is, application, 'running', int(number)))
            case ['until', 'connections', number]:
                _wait(partial(_is, server, 'connections', int(number)))
            case ['release']:
                application.released.set()
            case ['nofile', number]:
                resource.setrlimit(resource.RLIMIT_NOFILE, (int(number), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            case ['freeze']:
                commands.frozen = True
            case ['thaw']:
                commands.frozen = False
            case ['drain', seconds]:
                commands.frozen = False
                draining = gevent.spawn(server.drain, float(seconds))
                _wait(lambda: server.draining)
                gevent.spawn(_finish, server, draining)
            case _:
                raise ValueError(command)
        _say(None)


def _finish(server: HTTPServer, draining: gevent.Greenlet[..., int]) -> None:
    left = draining.get()
    server.close()
    _say(left)
    os._exit(0)


def _is(thing: object, name: str, value: int) -> bool:
    return bool(getattr(thing, name) == value)


def _wait(is_so: Callable[[], bool]) -> None:
    while not is_so():
        gevent.sleep(_POLL)


def _say(what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b'\n')


def _tls(files: dict[str, str] | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files['certificate'], files['key'])
    if 'clients' in files:
        context.load_verify_locations(files['clients'])
        context.verify_mode = ssl.CERT_REQUIRED
    return context
