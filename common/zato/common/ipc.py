"""Messages between processes of one host, over Unix sockets in a directory that only their user can enter.

A message is four bytes of length, big-endian, then JSON. A call is one connection: a request, then a response with either
`result` or `error`.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from zato.common.exception import IPCError

_LENGTH = struct.Struct('!I')
_MAX_MESSAGE = 16_777_216
_MAX_SOCKET_PATH = 107
_CUT_OFF = 'The other side closed the connection in the middle of a message'
_NAME_ROOM = 32  #: for '/' and the longest name of a socket


def socket_directory(work: Path) -> Path:
    """Where a server's sockets are: `work/ipc`, or one in the user's runtime directory if that path would be too long.

    It is created if need be, with mode 0700. Raises IPCError if somebody else owns it, OSError.
    """
    path = work / 'ipc'
    return _private(path) if _has_room(path) else _short_directory(work)


def _has_room(path: Path) -> bool:
    return len(os.fsencode(path)) + _NAME_ROOM <= _MAX_SOCKET_PATH


def _short_directory(work: Path) -> Path:
    """`work/ipc.at` is a link to it: who asks later may have another environment than who asked first."""
    link = work / 'ipc.at'
    name = f'zato-{os.getuid()}-{sha256(os.fsencode(work)).hexdigest()[:16]}'
    if link.is_dir() and link.readlink().name == name:  # the link of a copied server is another one's
        return _private(link.readlink())
    for runtime in (os.environ.get('XDG_RUNTIME_DIR', ''), tempfile.gettempdir(), '/tmp'):
        path = Path(runtime) / name
        if runtime and os.access(runtime, os.W_OK | os.X_OK) and _has_room(path):
            break
    _private(path)
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return path


def _private(path: Path) -> Path:
    """The directory, created if need be, if nobody else can enter it. Raises IPCError."""
    if not path.is_symlink() and not path.exists():
        path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise IPCError(msg=f'{path} must be a directory of this user with mode 0700')
    return path


def send_message(sock: socket.socket, message: Any) -> None:
    """Raises IPCError, OSError."""
    data = json.dumps(message).encode()
    if len(data) > _MAX_MESSAGE:
        raise IPCError(msg=f'A message of {len(data)} bytes is longer than {_MAX_MESSAGE}')
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
    if len(data) < length:
        raise IPCError(msg=_CUT_OFF)
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
            if not isinstance(e.__cause__, ConnectionRefusedError | FileNotFoundError):
                answers[pid] = e
            else:
                discard_if_stale(path)
    return answers


def discard_if_stale(path: Path) -> bool:
    """Remove a worker's socket if its worker is gone, and not just between creating the socket and listening."""
    try:
        os.kill(int(path.stem.partition('-')[2]), 0)
    except ProcessLookupError:
        path.unlink(missing_ok=True)
        return True
    except PermissionError:
        return False  # it is there, and somebody else's
    return False


def _receive_exactly(sock: socket.socket, size: int) -> bytes:
    data = b''
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            if data:
                raise IPCError(msg=_CUT_OFF)
            return b''
        data += more
    return data
