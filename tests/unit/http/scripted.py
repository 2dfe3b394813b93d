"""One connection whose client is a list of pieces: no sockets, so that how the pieces are cut is certain."""

from __future__ import annotations

from collections.abc import Sequence

from zato.server.http.access_log import AccessLog
from zato.server.http.connection import Connection
from zato.server.http.limits import Limits
from zato.server.http.message import Request, Response
from zato.server.http.server import HTTPServer


class ScriptedTransport:
    """The client closes its side once it has sent everything."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = iter(pieces)
        self.sent = b''
        self.told_to_close = False  #: has the server ended the connection?

    def receive(self) -> bytes:
        return next(self._pieces, b'')

    def discard(self) -> bool:
        return bool(self.receive())

    def send(self, data: bytes | memoryview) -> int:
        self.sent += data
        return len(data)

    def close_sending(self) -> None:
        self.told_to_close = True

    def close(self) -> None:
        pass


class Conversation:
    """What came of it: the answers, those below 200 left out, and the requests that the application saw."""

    def __init__(self, pieces: Sequence[bytes], limits: Limits) -> None:
        self.requests: list[Request] = []
        self._server = HTTPServer(self._respond, self._reject, AccessLog(None), limits)
        self._transport = ScriptedTransport(pieces)
        connection = Connection(self._transport, '-', self._server)
        connection.run()
        self.closed = self._transport.told_to_close
        self.statuses = self._read_statuses()
        self.ended_idle = connection.idle

    def _respond(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(200, b'', 'cid')

    def _reject(self, status: int, details: str) -> Response:
        assert details
        return Response(status, b'', 'cid')

    def _read_statuses(self) -> list[str]:
        lines = [head.partition(b'\r\n')[0].decode() for head in self._transport.sent.split(b'\r\n\r\n') if head]
        return [line for line in lines if not line.startswith('HTTP/1.1 1')]
