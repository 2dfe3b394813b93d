"""A client of the Debug Adapter Protocol, which editors speak with debugpy."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

_TIMEOUT = 30.0  #: seconds


class Debugger:
    """Attaches on creation. Raises OSError where nothing listens."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(('127.0.0.1', port), _TIMEOUT)
        self._pending = b''
        self._sent = 0
        self._ask('initialize', adapterID='test', linesStartAt1=True, pathFormat='path')
        self._send('attach', justMyCode=False)
        self._wait_for(lambda message: message.get('event') == 'initialized')

    def close(self) -> None:
        self._socket.close()

    def run_to(self, path: str, line: int) -> None:
        """Set a breakpoint, once, before anything runs under the debugger."""
        self._ask('setBreakpoints', source={'path': path}, breakpoints=[{'line': line}])
        self._ask('configurationDone')

    def stopped_thread(self) -> int:
        """Wait until a breakpoint is hit."""
        found = self._wait_for(lambda message: message.get('event') == 'stopped')
        return int(found['body']['threadId'])

    def evaluate(self, thread: int, expression: str) -> str:
        """In the innermost frame of a thread that is stopped."""
        frames = self._ask('stackTrace', threadId=thread, levels=1)['body']['stackFrames']
        return str(self._ask('evaluate', frameId=frames[0]['id'], expression=expression)['body']['result'])

    def go_on(self, thread: int) -> None:
        self._ask('continue', threadId=thread)

    def _ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        self._send(command, **arguments)
        answer = self._wait_for(lambda message: message['type'] == 'response' and message['command'] == command)
        assert answer['success'], answer
        return answer

    def _send(self, command: str, **arguments: Any) -> None:
        self._sent += 1
        request = {'seq': self._sent, 'type': 'request', 'command': command, 'arguments': arguments}
        body = json.dumps(request).encode()
        self._socket.sendall(b'Content-Length: %d\r\n\r\n%s' % (len(body), body))

    def _wait_for(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._receive()
            if is_it(message):
                return message

    def _receive(self) -> dict[str, Any]:
        while b'\r\n\r\n' not in self._pending:
            self._read()
        head, _, self._pending = self._pending.partition(b'\r\n\r\n')
        length = int(head.rpartition(b':')[2])
        while len(self._pending) < length:
            self._read()
        body, self._pending = self._pending[:length], self._pending[length:]
        return dict(json.loads(body))

    def _read(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError('the debugger closed the connection')
        self._pending += data
