"""Bytes in and out of one client's connection, plain or TLS, for a greenlet that may wait.

Plain non-blocking sockets and gevent's watchers, not gevent's sockets: after an answer a client has nothing more to say
yet, so waiting before each `recv` saves a failing system call a request, and it is what lets other clients have their turn:
one that sends faster than it is read could otherwise keep the whole worker.
"""

from __future__ import annotations

import ssl
import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, Protocol

from gevent import get_hub

if TYPE_CHECKING:
    from socket import socket

READ, WRITE = 1, 2
_RECEIVE = 65_536
_RESET = struct.pack('ii', 1, 0)  #: of SO_LINGER: wait for nothing, tell the client with a reset


class Transport(Protocol):
    def receive(self) -> bytes:
        """What has arrived, waiting for it if there is nothing; b'' once the client has closed its side."""

    def discard(self) -> bool:
        """Receive something and throw it away. Returns False once the client has closed its side."""

    def send(self, data: bytes | memoryview) -> int:
        """Send what goes at once, waiting until at least one byte does. Returns how many did."""

    def close(self) -> None:
        """Close at once. Twice is safe."""

    def abort(self) -> None:
        """Close at once, and have the client see that what it got is not all."""

    def close_sending(self) -> None:
        """Tell the client that nothing more comes; it can still be received from."""


class PlainTransport:
    """TCP without TLS."""

    __slots__ = ('_hub', '_reading', '_socket', '_writing')

    def __init__(self, sock: socket) -> None:
        """`sock` is non-blocking and not one of gevent's."""
        self._socket = sock
        self._hub = get_hub()
        self._reading = self._hub.loop.io(sock.fileno(), READ)
        self._writing: Any = None

    def receive(self) -> bytes:
        while True:
            self._hub.wait(self._reading)
            try:
                return self._socket.recv(_RECEIVE)
            except BlockingIOError:
                pass

    def discard(self) -> bool:
        return bool(self.receive())

    def send(self, data: bytes | memoryview) -> int:
        while True:
            try:
                return self._socket.send(data)
            except BlockingIOError:
                if self._writing is None:
                    self._writing = self._hub.loop.io(self._socket.fileno(), WRITE)
                self._hub.wait(self._writing)

    def abort(self) -> None:
        self._socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        self.close()

    def close_sending(self) -> None:
        self._socket.shutdown(1)

    def close(self, farewell: bytes = b'') -> None:
        """farewell: sent if there is room for it."""
        self._reading.close()
        if self._writing is not None:
            self._writing.close()
        if farewell:
            try:
                self._socket.send(farewell)
            except OSError:
                pass  # the client is gone, or does not read
        self._socket.close()


class TLSTransport:
    """TLS over a plain transport, by OpenSSL's memory buffers."""

    __slots__ = ('_incoming', '_outgoing', '_plain', '_tls')

    def __init__(self, plain: PlainTransport, context: ssl.SSLContext) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def handshake(self) -> None:
        """Raises ssl.SSLError, OSError. The caller limits the time."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLError:
                self._flush()  # the alert that tells the client why
                raise
            else:
                self._flush()
                return

    def receive(self) -> bytes:
        while True:
            try:
                return self._tls.read(_RECEIVE)
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b''

    def send(self, data: bytes | memoryview) -> int:
        while True:
            try:
                sent = self._tls.write(data[:_RECEIVE])
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            else:
                self._flush()
                return sent

    def discard(self) -> bool:
        return self._plain.discard()

    def abort(self) -> None:
        self._plain.abort()

    def close_sending(self) -> None:
        self._say_goodbye()
        self._flush()
        self._plain.close_sending()

    def close(self) -> None:
        self._say_goodbye()
        self._plain.close(self._outgoing.read())

    def _say_goodbye(self) -> None:
        try:
            self._tls.unwrap()
        except OSError:
            pass  # the client has not said good-bye yet, and we do not wait for it

    def _feed(self) -> None:
        data = self._plain.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        data = memoryview(self._outgoing.read())
        while data:
            data = data[self._plain.send(data) :]
