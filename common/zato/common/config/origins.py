"""Origins of web pages, as browsers name them (RFC 6454): scheme, host and port."""

from __future__ import annotations

import re
from typing import Final

ANY: Final = '*'
NULL: Final = 'null'  #: what browsers send for pages without an origin, such as files
_DEFAULT_PORTS: Final = {'http': '80', 'https': '443'}
_MAX_PORT: Final = 65_535

_ORIGIN: Final = re.compile(
    r'(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?'
)


def parse_origins(text: str) -> frozenset[str]:
    """Origins, one a line or separated by commas, as browsers send them: lower-case, without a scheme's own port.

    Raises ValueError, its text being the rule.
    """
    return frozenset(_parse_origin(item) for item in re.split(r'[,\n]', text) if item.strip())


def _parse_origin(text: str) -> str:
    origin = text.strip().lower()
    if origin in (ANY, NULL):
        return origin
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise ValueError(
            'must have * or origins such as https://example.com:8443, without a path, one a line or separated by commas, '
            f'not `{text.strip()}`'
        )
    scheme, host, port = found['scheme'], found['host'], found['port']
    if port is None:
        return origin
    if int(port) > _MAX_PORT:
        raise ValueError(f'must have ports up to {_MAX_PORT}, not {port}')
    port = str(int(port))
    return f'{scheme}://{host}' if port == _DEFAULT_PORTS.get(scheme) else f'{scheme}://{host}:{port}'


def is_origin(text: str) -> bool:
    """Is it one, as browsers send it?"""
    return _ORIGIN.fullmatch(text) is not None
