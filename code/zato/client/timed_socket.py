"""A connection on which all waits together end at one moment, however slowly data trickles in."""

from __future__ import annotations

import io
import socket
from time import monotonic
from typing import IO, cast

_LEAST = 0.001  #: seconds; 0 would mean not to wait at all


class TimedSocket:
    """As much of a socket as HTTP clients need. seconds: from now on, after which everything raises TimeoutError."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._end = monotonic() + seconds

    def wait_no_longer(self) -> None:
        self._sock.settimeout(max(_LEAST, self._end - monotonic()))

    def sendall(self, data: bytes) -> None:
        self.wait_no_longer()
        self._sock.sendall(data)

    def makefile(self, mode: str) -> IO[bytes]:
        """For reading."""
        return io.BufferedReader(cast(io.RawIOBase, _Reader(self, self._sock.makefile('rb', buffering=0))))

    def close(self) -> None:
        self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, timed: TimedSocket, raw: socket.SocketIO) -> None:
        self._timed = timed
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int | None:  # type: ignore[override]  # of any buffer
        self._timed.wait_no_longer()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
