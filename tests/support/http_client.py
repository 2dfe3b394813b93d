"""What tests of the HTTP engine use: a server in a process of its own, and a client that sends any bytes."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, NamedTuple

TOP = Path(__file__).parents[2]
PATIENCE = 60.0  #: seconds after which what a test waits for does not happen

_PROGRAM = 'from gevent import monkey; monkey.patch_all(); from tests.support.http_server import main; main()'


class Answer(NamedTuple):
    """One response."""

    status_line: str
    headers: dict[str, str]  #: with lower-case names
    body: bytes

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])

    @property
    def saw(self) -> Any:
        """What the application saw; None if it saw nothing."""
        return json.loads(self.headers.get('x-saw', 'null'))

    @property
    def closes(self) -> bool:
        return self.headers.get('connection') == 'close'


class Client:
    """One connection. `input`: what was received and is not yet part of an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.input = b''
        sock.settimeout(PATIENCE)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_for_ever(self, piece: bytes) -> None:
        """Until the server has none of it any more, which raises OSError."""
        while True:
            self.send(piece)

    def get(self, path: str, *headers: str, method: str = 'GET') -> Answer:
        """Send a request without a body. Returns its answer."""
        self.send(request(path, *headers, method=method))
        return self.answer(is_head=method == 'HEAD')

    def answer(self, is_head: bool = False) -> Answer:
        """Raises EOFError if the server closes instead."""
        while b'\r\n\r\n' not in self.input:
            self._receive()
        head, _, self.input = self.input.partition(b'\r\n\r\n')
        status_line, *lines = head.decode('latin-1').split('\r\n')
        headers = {name.lower(): value for name, _, value in (line.partition(': ') for line in lines)}
        assert len(headers) == len(lines), f'a header comes twice: {lines}'
        length = 0 if is_head else int(headers.get('content-length', '0'))
        while len(self.input) < length:
            self._receive()
        body, self.input = self.input[:length], self.input[length:]
        return Answer(status_line, headers, body)

    def final_answer(self, is_head: bool = False) -> Answer:
        """The next answer that is not an interim one."""
        while (answer := self.answer(is_head)).status < 200:
            pass
        return answer

    def rest(self) -> bytes:
        """Everything until the server closes; then this side closes, too."""
        try:
            while True:
                self._receive()
        except EOFError:
            self.socket.close()
            return self.input

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError(f'The server has closed; before, it sent {self.input[:200]!r}')
        self.input += data


def request(path: str, *headers: str, method: str = 'GET') -> bytes:
    return ''.join(f'{line}\r\n' for line in (f'{method} {path} HTTP/1.1', 'Host: a', *headers, '')).encode('latin-1')


class Server:
    """`tests.support.http_server` in a process of its own, which ends with the `with` block."""

    def __init__(self, *, tls: dict[str, str] | None = None, log: str = '', **limits: float) -> None:
        """tls: paths of PEM files: `certificate`, `key` and, to require them, `clients`.  log: path."""
        options = {'tls': tls, 'log': log, 'limits': limits}
        self._errors = TemporaryFile()  # noqa: SIM115 `stop` closes it
        self._process = subprocess.Popen(
            [sys.executable, '-c', _PROGRAM, json.dumps(options)],
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self.port: int = self.listen()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.communicate(timeout=PATIENCE)
        self._errors.close()

    @property
    def errors(self) -> str:
        """What it has logged."""
        return os.pread(self._errors.fileno(), 1_000_000, 0).decode()  # a seek would move the process's own position

    def connect(self, tls: ssl.SSLContext | None = None, receive_buffer: int = 0) -> Client:
        sock = socket.socket()
        sock.settimeout(PATIENCE)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(('127.0.0.1', self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return Client(sock)
        try:
            return Client(tls.wrap_socket(sock, server_hostname='localhost'))
        except OSError:
            sock.close()
            raise

    def tell(self, command: str) -> None:
        """Send a command. Its answer is what `listen` returns next."""
        assert self._process.stdin
        self._process.stdin.write(command.encode() + b'\n')
        self._process.stdin.flush()

    def listen(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(self.errors)
        return json.loads(line)

    def start_drain(self, seconds: float) -> None:
        """How many connections were cut off is what `listen` returns next."""
        self.ask(f'drain {seconds}')

    def drain(self, seconds: float) -> Any:
        self.start_drain(seconds)
        return self.listen()

    def ask(self, command: str) -> Any:
        self.tell(command)
        return self.listen()
