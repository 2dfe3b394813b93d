"""The server's listening sockets: bound once, by the arbiter, inherited by all workers."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from typing import Any

from gunicorn import sock as gunicorn_sock

from zato.common.config.bind import not_bound
from zato.server.process.settings import Settings, bind_address

_SO_ATTACH_FILTER = 26
_SYN, _SYN_ACK = 0x02, 0x12
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, _SYN_ACK),  # keep SYN and ACK
    (0x15, 0, 1, _SYN),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else take all of it
)


def bind(settings: Settings, cfg: Any, log: Any) -> list[Any]:
    """Bind `gunicorn_bind` and write down the address, for commands, since port 0 means any. Raises ConfigError."""
    directory = settings.directory
    host, port = bind_address(settings.conf, directory)
    make = gunicorn_sock.TCP6Socket if ':' in host else gunicorn_sock.TCPSocket
    try:
        listener = make((host, port), cfg, log)
    except OSError as e:
        raise not_bound(e, host, port, directory.server_conf) from e
    name = listener.getsockname()
    directory.address.write_text(f'{name[0]}:{name[1]}\n', encoding='utf-8')
    return [listener]


def refuse_new(listeners: list[Any]) -> None:
    """Answer no further SYN on these sockets, in any process, while hand-shakes that have begun still complete.

    Closing a listening socket resets connections that clients take to be open already. With this first, what is left can
    be accepted, and clients that come later try again for a while, which may find the server restarted.
    Source: socket(7), SO_ATTACH_FILTER; the kernel runs the filter from the TCP header on. Linux only.
    """
    if sys.platform != 'linux':
        return
    program = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in _DROP_SYN))
    for listener in listeners:
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack('@HP', len(_DROP_SYN), ctypes.addressof(program))
        )
