"""Messages between processes of one host, over Unix sockets in a directory that only their user can enter.

A message is four bytes of length, big-endian, then JSON. A call is one connection: a request, then a response with either
`result` or `error`.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from zato.common.exception import IPCError

_LENGTH = struct.Struct('!I')
_MAX_MESSAGE = 16_777_216
_MAX_SOCKET_PATH = 107
_NAME_ROOM = 32  #: for '/' and the longest name of a socket


def socket_directory(work: Path) -> Path:
    """Where a server's sockets are: `work/ipc`, or one in the user's runtime directory if that path would be too long.

    It is created if need be, with mode 0700. Raises IPCError if somebody else owns it.
    """
    path = work / 'ipc'
    if len(os.fsencode(path)) + _NAME_ROOM > _MAX_SOCKET_PATH:
        runtime = os.environ.get('XDG_RUNTIME_DIR') or tempfile.gettempdir()
        digest = sha256(os.fsencode(work)).hexdigest()[:16]
        path = Path(runtime) / f'zato-{os.getuid()}-{digest}'
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.getuid() or path.is_symlink() or status.st_mode & 0o077:
        raise IPCError(msg=f'{path} must be a directory of this user with mode 0700')
    return path


def send_message(sock: socket.socket, message: Any) -> None:
    data = json.dumps(message).encode()
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive_message(sock: socket.socket) -> Any:
    """None once the other side has closed. Raises IPCError, OSError."""
    head = _receive_exactly(sock, _LENGTH.size)
    if not head:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > _MAX_MESSAGE:
        raise IPCError(msg=f'A message of {length} bytes is longer than {_MAX_MESSAGE}')
    data = _receive_exactly(sock, length)
    try:
        return json.loads(data)
    except ValueError as e:
        raise IPCError(msg=f'A message is not JSON: {e}') from None


def call(socket_path: Path, operation: str, /, *, timeout: float = 5.0, **arguments: Any) -> Any:
    """Ask the process that listens at `socket_path`. timeout: seconds, for each step. Raises IPCError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout)
            sock.connect(os.fspath(socket_path))
            send_message(sock, {'operation': operation, **arguments})
            response = receive_message(sock)
    except OSError as e:
        raise IPCError(msg=f'No answer from {socket_path.name}: {e or type(e).__name__}') from e
    if response is None:
        raise IPCError(msg=f'No answer from {socket_path.name}: it closed the connection')
    if 'error' in response:
        raise IPCError(msg=str(response['error']))
    return response.get('result')


def worker_socket(directory: Path, pid: int) -> Path:
    """Where a worker listens."""
    return directory / f'worker-{pid}.sock'


def call_workers(directory: Path, operation: str, /, *, timeout: float = 2.0, **arguments: Any) -> dict[int, Any]:
    """Ask every worker of a server. Returns answers by pid, those of workers that did not answer being an IPCError."""
    answers: dict[int, Any] = {}
    for path in sorted(directory.glob('worker-*.sock')):
        pid = int(path.stem.partition('-')[2])
        try:
            answers[pid] = call(path, operation, timeout=timeout, **arguments)
        except IPCError as e:
            if isinstance(e.__cause__, ConnectionRefusedError | FileNotFoundError):
                path.unlink(missing_ok=True)  # its worker is gone
            else:
                answers[pid] = e
    return answers


def _receive_exactly(sock: socket.socket, size: int) -> bytes:
    data = b''
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            if data:
                raise IPCError(msg='The other side closed the connection in the middle of a message')
            return b''
        data += more
    return data
