"""Which web pages of other origins may call a channel (Fetch standard, "HTTP extensions", "CORS protocol").

It only tells browsers what they may let a page do: who may call is decided by the channel's security, also for a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from zato.common.config.origins import ANY, is_origin
from zato.common.exception import ConfigError

#: Name and value.
Headers = tuple[tuple[bytes, bytes], ...]

_CID: Final = 'X-Zato-CID'

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch

_VARY: Final = (b'Vary', b'Origin')
_VARY_PREFLIGHT: Final = (b'Vary', b'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
_CREDENTIALS: Final = (b'Access-Control-Allow-Credentials', b'true')


@dataclass(frozen=True, slots=True, kw_only=True)
class CORS:
    """What pages may do. Names of headers that are no names are left out of what is sent."""

    origins: frozenset[str]  #: as `parse_origins` returns them; '*' stands for any
    headers: tuple[str, ...] = ()  #: what requests may have beyond what any may; () or '*' for all that is asked for
    expose: tuple[str, ...] = ()  #: what scripts may read of an answer beyond what they always may; X-Zato-CID is added
    credentials: bool = False  #: may requests have cookies, or credentials that the browser has remembered?
    max_age: int = 600  #: seconds that a browser may remember the answer to a preflight request, 0 or more
    _origins: frozenset[bytes] = field(init=False, repr=False, compare=False)
    _expose: tuple[bytes, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.max_age < 0:
            raise ConfigError(f'`max_age` of CORS must be 0 or more seconds, not {self.max_age}')
        exposed = (_CID, *(name for name in self.expose if name.lower() != _CID.lower()))
        object.__setattr__(self, '_origins', frozenset(filter(_is_origin, (item.encode() for item in self.origins))))
        object.__setattr__(self, '_expose', (b'Access-Control-Expose-Headers', _names(name.encode() for name in exposed)))

    def headers_for(self, origin: bytes | None) -> Headers:
        """What every answer needs, an error too. origin: the request's header of that name, None if it has none."""
        allowed = self._allow(origin)
        if not allowed:
            return (_VARY,)
        return (*allowed, self._expose) if self._is_for_all else (*allowed, self._expose, _VARY)

    def preflight(self, origin: bytes, method: bytes, asked_headers: bytes, allowed_methods: tuple[str, ...]) -> Headers:
        """The answer to a preflight request; it needs a status of 2xx, and no body.

        method, asked_headers: Access-Control-Request-Method and -Headers as they came. allowed_methods: '' stands for any.
        """
        allowed = self._allow(origin)
        if not allowed:
            return (_VARY_PREFLIGHT,)
        methods = _names(item.encode() or method for item in allowed_methods)
        asked = not self.headers or ANY in self.headers
        names = _names(asked_headers.split(b',') if asked else (name.encode() for name in self.headers))
        found = [
            (b'Access-Control-Allow-Methods', methods),
            (b'Access-Control-Allow-Headers', names),
            (b'Access-Control-Max-Age', b'%d' % self.max_age),
        ]
        return (*allowed, *(header for header in found if header[1]), _VARY_PREFLIGHT)

    @property
    def _is_for_all(self) -> bool:
        """Is each answer the same, whoever asks? Browsers do not take it so with credentials."""
        return ANY in self.origins and not self.credentials

    def _allow(self, origin: bytes | None) -> Headers:
        if self._is_for_all:
            return ((b'Access-Control-Allow-Origin', b'*'),)
        if origin is None or not (origin in self._origins or (ANY in self.origins and _is_origin(origin))):
            return ()
        allowed = (b'Access-Control-Allow-Origin', origin)
        return (allowed, _CREDENTIALS) if self.credentials else (allowed,)


def _is_origin(value: bytes) -> bool:
    """`null` is what browsers send for pages without an origin, such as files."""
    return value == b'null' or is_origin(value.decode('latin-1'))


def _names(items: Iterable[bytes]) -> bytes:
    """One header's value. What is no name is left out, since it could end the line."""
    names = dict.fromkeys(item.strip(b' \t') for item in items)
    return b', '.join(name for name in names if _TOKEN(name))
