"""The security definitions of a worker, whatever their kind, and how each of them refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from zato.common.exception import HTTPException
from zato.server.security.principal import Principal


class Authenticator(Protocol):
    """Tells who a client is."""

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """None if the credentials are missing or wrong. headers: names in lower case.

        Raises HTTPException where a client is to be told more than that. It may wait for the ODB.
        """

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        """What whoever is not identified is answered with. path: of the request."""


@dataclass(frozen=True, slots=True)
class NobodyAuth:
    """Lets nobody in, as one that is not active: clients are refused as if their credentials were wrong."""

    inactive: Authenticator

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        return None

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return self.inactive.refusal(path, cid)


class SecurityDefinitions:
    """By ID. Those that are down are not there."""

    def __init__(self) -> None:
        self._by_id: dict[int, Authenticator] = {}

    def get(self, id: int) -> Authenticator:
        """Raises KeyError."""
        return self._by_id[id]

    def find(self, id: int) -> Authenticator | None:
        return self._by_id.get(id)

    def put(self, id: int, definition: Authenticator) -> None:
        self._by_id[id] = definition

    def remove(self, id: int) -> None:
        self._by_id.pop(id, None)
