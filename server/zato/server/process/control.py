"""A worker's Unix socket, through which commands and other workers of the server ask it things."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import Any

from gevent.server import StreamServer

from zato.common import ipc
from zato.common.exception import IPCError

logger = logging.getLogger(__name__)

#: Takes the call's arguments, returns what can be JSON.
Operation = Callable[..., Any]

_TIMEOUT = 5.0


class ControlServer:
    """operations: by the name that callers use."""

    def __init__(self, directory: Path, operations: Mapping[str, Operation]) -> None:
        self._path = ipc.worker_socket(directory, os.getpid())
        self._operations = operations
        self._server: StreamServer | None = None

    def start(self) -> None:
        self._path.unlink(missing_ok=True)
        listener = socket(AF_UNIX, SOCK_STREAM)
        listener.bind(os.fspath(self._path))
        listener.listen(64)
        listener.setblocking(False)
        self._server = StreamServer(listener, self._handle)
        self._server.start()

    def stop(self) -> None:
        self._path.unlink(missing_ok=True)
        if self._server is not None:
            self._server.stop(timeout=1)

    def _handle(self, connection: socket, address: Any) -> None:
        try:
            connection.settimeout(_TIMEOUT)
            request = ipc.receive_message(connection)
            if request is not None:
                ipc.send_message(connection, self._answer(request))
        except (OSError, IPCError) as e:
            logger.warning('A call to this worker failed: %s', e)

    def _answer(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, dict):
            return {'error': 'A request is a dict'}
        name = request.pop('operation', None)
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            return {'error': f'There is no operation `{name}`'}
        try:
            return {'result': operation(**request)}
        except Exception as e:
            logger.exception('Operation `%s` failed', name, extra={'action': 'control.failed'})
            return {'error': f'{type(e).__name__}: {e}'}
