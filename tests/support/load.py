"""Clients that keep asking while something happens to the server, and count what came of it."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from types import TracebackType

_REQUEST = b'GET /zato/ping HTTP/1.1\r\nHost: test\r\n\r\n'
_TIMEOUT = 20.0


class Load:
    """`with Load(port) as load:` asks from `clients` threads until the block ends; `load.counts` has the outcomes.

    Outcomes: 'answered', 'refused' (no connection could be made), 'failed' (a connection was made and had no answer).
    keep_alive: does a client use its connection again? A connection closed between two requests is no failure if
    the answer before had announced it.
    """

    def __init__(self, port: int, *, clients: int = 16, keep_alive: bool) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []
        self._port = port
        self._keep_alive = keep_alive
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, type_: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection: socket.socket | None = None
        while not self._stop.is_set():
            if connection is None:
                try:
                    connection = socket.create_connection(('127.0.0.1', self._port), timeout=_TIMEOUT)
                except ConnectionRefusedError:
                    self.counts['refused'] += 1
                    self._stop.wait(0.02)
                    continue
            try:
                is_last = _ask(connection)
                self.counts['answered'] += 1
            except (OSError, EOFError) as e:
                is_last = True
                self.counts['failed'] += 1
                self.errors.append(f'{type(e).__name__}: {e}')
            if is_last or not self._keep_alive:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()


def _ask(connection: socket.socket) -> bool:
    """One request. Returns whether the answer says that the connection will be closed."""
    connection.sendall(_REQUEST)
    data = b''
    while b'\r\n\r\n' not in data:
        data += _receive(connection)
    head, _, body = data.partition(b'\r\n\r\n')
    lines = head.lower().split(b'\r\n')
    if not lines[0].startswith(b'http/1.1 200'):
        raise EOFError(lines[0].decode())
    length = next(int(line.partition(b':')[2]) for line in lines if line.startswith(b'content-length:'))
    while len(body) < length:
        body += _receive(connection)
    return b'connection: close' in lines


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise EOFError('the server closed the connection')
    return data
