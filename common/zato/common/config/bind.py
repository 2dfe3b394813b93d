"""`gunicorn_bind`: host:port, with the host of IPv6 in brackets."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from zato.common.exception import ConfigError


def parse_bind(text: str) -> tuple[str, int]:
    """Host without brackets, port 0..65535. Raises ValueError, its text being the rule."""
    host, _, port = text.rpartition(':')
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f'[main] gunicorn_bind must be host:port, not `{text}`')
    return host.strip('[]'), int(port)


def check_free(bind: str, conf: Path) -> None:
    """Could somebody listen there now? conf: the file that says it. Raises ConfigError."""
    host, port = parse_bind(bind)
    with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)
        except OSError as e:
            raise not_bound(e, host, port, conf) from e


def not_bound(e: OSError, host: str, port: int, conf: Path) -> ConfigError:
    """Why nobody can listen there, in words, and what to do."""
    text = f'cannot listen on {host}:{port}: {e.strerror or e};'
    if e.errno == errno.EADDRINUSE:
        text = f'port {port} is in use; stop what uses it or'
    elif e.errno == errno.EACCES:
        text = f'user {os.getuid()} may not listen on port {port};'
    return ConfigError(f'{text} change [main] gunicorn_bind', path=str(conf))
