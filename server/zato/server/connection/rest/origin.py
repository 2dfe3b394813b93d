"""Whom a request goes to: scheme, host and port of its address."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

_PORTS = {'http': 80, 'https': 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """host: lower-case, an IPv6 address without brackets. authority: what the header Host says."""

    scheme: str
    host: str
    port: int
    authority: str

    def __str__(self) -> str:
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{self.scheme}://{host}:{self.port}'


def split(url: str) -> tuple[Origin, str]:
    """The origin of an absolute URL, and the path and query string as they are sent. Raises ValueError, without the URL."""
    try:
        parts = urlsplit(url)
        origin = _origin(parts.scheme, parts.netloc)
    except ValueError:
        raise ValueError('the address is not a valid one that begins with http:// or https://') from None
    target = parts.path or '/'
    return origin, f'{target}?{parts.query}' if parts.query else target


@lru_cache(maxsize=1024)
def _origin(scheme: str, netloc: str) -> Origin:
    parts = urlsplit(f'//{netloc}')
    host, port, default = parts.hostname, parts.port, _PORTS.get(scheme)
    if default is None or not host:
        raise ValueError
    host = host.encode('idna').decode('ascii')  # it raises for labels that are empty or too long
    port = default if port is None else port
    name = f'[{host}]' if ':' in host else host
    return Origin(scheme, host, port, name if port == default else f'{name}:{port}')
