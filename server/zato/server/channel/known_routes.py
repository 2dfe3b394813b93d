"""Remembers which channel a request led to, where finding it takes long: paths whose parameters span slashes."""

from __future__ import annotations

from typing import Final

from zato.server.channel.channel import Channel

_MOST: Final = 1_000  #: requests
_LONGEST: Final = 500  #: bytes of a request's path and header

#: Path, method, and the header that says what is accepted: what the choice of a channel depends on.
Key = tuple[bytes, bytes, bytes]

Found = tuple[Channel, dict[str, str]]


class KnownRoutes:
    """Forgotten as soon as a channel comes or goes. Whoever asks for ever new paths makes it forget, and not grow."""

    def __init__(self) -> None:
        self._found: dict[Key, Found] = {}

    def get(self, key: Key) -> Found | None:
        found = self._found.get(key)
        return (found[0], {**found[1]}) if found is not None else None

    def put(self, key: Key, found: Found) -> Found:
        """Returns the same."""
        if len(key[0]) + len(key[2]) <= _LONGEST:
            if len(self._found) >= _MOST:
                self._found.clear()
            self._found[key] = found[0], {**found[1]}
        return found

    def forget(self) -> None:
        self._found.clear()
