"""`self.security`: bearer tokens for calls that services make by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from zato.common.exception import ConnectionMissing
from zato.server.config.objects import ConfigObjects
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.bearer import BearerTokens, scopes_of

_KIND = 'security_bearer_token'


class Security:
    """Definitions of bearer tokens."""

    def __init__(self, connections: OutgoingConnections, objects: ConfigObjects) -> None:
        self._connections = connections
        self._objects = objects

    def get_bearer_token_by_name(self, name: str) -> BearerToken:
        """Raises ConnectionMissing, a KeyError, and ConnectionDown."""
        tokens = self._connections.get(_KIND, name)
        assert isinstance(tokens, BearerTokens)  # nothing else is put under this kind
        return BearerToken(name, tokens)

    def get_bearer_token_by_id(self, id: int) -> BearerToken:
        """Raises ConnectionMissing, a KeyError, and ConnectionDown."""
        stored = self._objects.stored.get(id)
        if stored is None or stored.kind != _KIND:
            raise ConnectionMissing(msg=f'There is no Bearer token with ID {id}')
        return self.get_bearer_token_by_name(stored.name)


class BearerToken(Mapping[str, Any]):
    """One definition: `token` is what goes into `Authorization: Bearer`. As a mapping it has its settings and its secret."""

    def __init__(self, name: str, tokens: BearerTokens) -> None:
        self.name = name
        self._tokens = tokens

    @property
    def token(self) -> str:
        """One that has not expired, kept until shortly before it does. Raises TokenUnavailable, TokenRefused, Inactive."""
        return self._tokens.get()

    def get_token(self, scopes: str | list[str] = '') -> str:
        """The same, for other scopes than those of the definition."""
        return self._tokens.get(scopes_of(scopes))

    def __getitem__(self, key: str) -> Any:
        return self._settings[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return f'<BearerToken `{self.name}`>'

    @property
    def _settings(self) -> dict[str, Any]:
        return {'name': self.name, **asdict(self._tokens.settings)}
