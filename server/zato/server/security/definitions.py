"""The security definitions of a worker, whatever their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from zato.server.security.principal import Principal


class Authenticator(Protocol):
    """Tells who a client is."""

    @property
    def challenge(self) -> str:
        """For WWW-Authenticate; '' for none."""

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """None if the credentials are missing or wrong. headers: names in lower case."""


class NobodyAuth:
    """Lets nobody in: a definition that is not active."""

    challenge = ''

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        return None


class SecurityDefinitions:
    """By ID. Those that are down are not there."""

    def __init__(self) -> None:
        self._by_id: dict[int, Authenticator] = {}

    def get(self, id: int) -> Authenticator:
        """Raises KeyError."""
        return self._by_id[id]

    def put(self, id: int, definition: Authenticator) -> None:
        self._by_id[id] = definition

    def remove(self, id: int) -> None:
        self._by_id.pop(id, None)
