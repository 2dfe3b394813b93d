"""What outgoing REST connections show to their targets: definitions of security, as headers."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final, Protocol

from zato.common.config.kind import kinds
from zato.common.config.kinds.security_apikey import SecurityAPIKey
from zato.common.config.kinds.security_basic_auth import SecurityBasicAuth
from zato.common.config.option import nearest
from zato.common.exception import ConfigError, ConnectionDown, ConnectionMissing, Inactive
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.bearer import BearerTokens

_VALUE: Final = re.compile(r'[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?').fullmatch


class Credentials(Protocol):
    @property
    def name(self) -> str:
        """Of the header."""

    def value(self, scopes: str, deadline: float | None) -> str:
        """Of the header. scopes: of a bearer token, '' for those of its definition. deadline: monotonic seconds.

        Raises Inactive, TokenUnavailable, CallTimeout.
        """

    def renew(self, scopes: str, value: str) -> bool:
        """The target has refused a value. May there be another one now?"""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same for each call. title: of the definition."""

    title: str
    name: str
    secret: str = field(repr=False)
    is_active: bool = True

    def value(self, scopes: str, deadline: float | None) -> str:
        if not self.is_active:
            raise Inactive(msg=f'{self.title} is inactive')
        return self.secret

    def renew(self, scopes: str, value: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Bearer:
    tokens: BearerTokens
    name: str = 'Authorization'

    def value(self, scopes: str, deadline: float | None) -> str:
        return f'Bearer {self.tokens.get(scopes, deadline)}'

    def renew(self, scopes: str, value: str) -> bool:
        self.tokens.drop(scopes, value.removeprefix('Bearer '))
        return True


class Definitions:
    """All definitions of security that calls can be made with."""

    def __init__(self, objects: ConfigObjects, connections: OutgoingConnections) -> None:
        self._objects = objects
        self._connections = connections

    def by_id(self, id: int) -> Credentials:
        """Raises ConnectionMissing, ConnectionDown, ConfigError."""
        item = self._objects.get(id)
        if item is None:
            if id not in self._objects.stored:
                raise ConnectionMissing(msg=f'There is no security definition with ID {id}')
            raise ConnectionDown(msg=self._objects.error_of(id) or f'The security definition with ID {id} is not there yet')
        return self._of(item)

    def by_name(self, name: str) -> Credentials:
        """name: with the kind before it where several have it: basic_auth/crm. As `by_id`; ConfigError for several."""
        prefix, slash, rest = name.partition('/')
        known = _kinds()
        found = [item for kind in known if (item := self._objects.find_stored(kind, name)) is not None]
        if not found and slash:
            asked = [kind for kind in known if prefix in (kind, kind.removeprefix('security_'))]
            found = [item for kind in asked if (item := self._objects.find_stored(kind, rest)) is not None]
        if len(found) > 1:
            ways = ' or '.join(f'{item.kind.removeprefix("security_")}/{name}' for item in found)
            raise ConfigError(f'There are several security definitions called `{name}`: say {ways}')
        if not found:
            names = [item.name for item in self._objects.stored.values() if item.kind in known]
            what = ', '.join(kinds()[kind].label for kind in known)
            raise ConnectionMissing(msg=f'There is no security definition `{name}` ({what}){nearest(name, names)}')
        return self.by_id(found[0].id)

    def _of(self, item: ConfigObject) -> Credentials:
        title, settings = kinds()[item.kind].title(item.name), item.settings
        if isinstance(settings, SecurityBasicAuth):
            pair = b64encode(f'{settings.username}:{settings.password}'.encode()).decode()
            return Fixed(title, 'Authorization', f'Basic {pair}', item.is_active)
        if isinstance(settings, SecurityAPIKey):
            if not _VALUE(settings.password):
                raise ConfigError(f'{title}: the key has characters that a header cannot have')
            return Fixed(title, settings.header, settings.password, item.is_active)
        tokens = self._connections.by_id(item.id)
        if not isinstance(tokens, BearerTokens):
            raise ConnectionDown(msg=f'{title} is not there yet, or no longer')
        return Bearer(tokens)


def _kinds() -> tuple[str, ...]:
    return kinds()['outgoing_rest'].fields['security'].refers_to
