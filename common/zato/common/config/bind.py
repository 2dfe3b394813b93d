"""`gunicorn_bind`: host:port, with the host of IPv6 in brackets."""

from __future__ import annotations


def parse_bind(text: str) -> tuple[str, int]:
    """Host without brackets, port 0..65535. Raises ValueError, its text being the rule."""
    host, _, port = text.rpartition(':')
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f'[main] gunicorn_bind must be host:port, not `{text}`')
    return host.strip('[]'), int(port)
