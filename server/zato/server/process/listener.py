"""The server's listening sockets: bound once, by the arbiter, inherited by all workers."""

from __future__ import annotations

import errno
import os
from typing import Any

from gunicorn import sock as gunicorn_sock

from zato.common.exception import ConfigError
from zato.server.process.settings import Settings, bind_address


def bind(settings: Settings, cfg: Any, log: Any) -> list[Any]:
    """Bind `gunicorn_bind` and write down the address, for commands, since port 0 means any. Raises ConfigError."""
    directory = settings.directory
    host, port = bind_address(settings.conf, directory)
    make = gunicorn_sock.TCP6Socket if ':' in host else gunicorn_sock.TCPSocket
    try:
        listener = make((host, port), cfg, log)
    except OSError as e:
        raise ConfigError(_explain(e, host, port), path=str(directory.server_conf)) from e
    name = listener.getsockname()
    directory.address.write_text(f'{name[0]}:{name[1]}\n', encoding='utf-8')
    return [listener]


def _explain(e: OSError, host: str, port: int) -> str:
    if e.errno == errno.EADDRINUSE:
        return f'port {port} is in use; stop what uses it or change [main] gunicorn_bind'
    if e.errno == errno.EACCES:
        return f'user {os.getuid()} may not listen on port {port}; change [main] gunicorn_bind'
    return f'cannot listen on {host}:{port}: {e.strerror or e}; change [main] gunicorn_bind'
