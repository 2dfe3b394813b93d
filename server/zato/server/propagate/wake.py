"""How workers on one host tell each other of changes at once: datagrams over Unix sockets, each worker's in a directory that
only its user can enter. A lost one costs time, never a change: every worker looks by itself each second.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gevent
from gevent import socket

logger = logging.getLogger(__name__)

_LARGEST = 65_536

#: Takes a message.
Receive = Callable[[dict[str, Any]], None]


class WakeSocket:
    """One worker's socket."""

    def __init__(self, path: Path, receive: Receive) -> None:
        self.path = path
        self._receive = receive
        self._socket: socket.socket | None = None
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.fspath(self.path))
        self._greenlet = gevent.spawn(self._run, self._socket)

    def stop(self) -> None:
        """Twice is safe."""
        if self._greenlet is not None:
            self._greenlet.kill()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.path.unlink(missing_ok=True)

    def _run(self, own: socket.socket) -> None:
        while True:
            try:
                data = own.recv(_LARGEST)
                self._receive(json.loads(data))
            except Exception:
                if self._socket is None:
                    return
                logger.exception('A message from another worker was not understood', extra={'action': 'wake.failed'})


def send(paths: Iterable[str], message: dict[str, Any]) -> None:
    """To whoever is there, without waiting for anybody."""
    data = json.dumps(message, ensure_ascii=False).encode('utf-8', 'backslashreplace')
    if len(data) > _LARGEST:
        return  # who waits for it reads the ODB
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        for path in paths:
            try:
                own.sendto(data, path)
            except OSError:
                continue  # it has ended, or will look by itself
