"""API keys: a header whose value is compared in constant time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

from zato.common.exception import HTTPException, Unauthorized
from zato.server.security.digest import digest_of
from zato.server.security.principal import Principal


@dataclass(frozen=True, slots=True)
class APIKeyAuth:
    """One definition. name: who clients that have the key are. definition: its ID. An empty key lets nobody in."""

    name: str
    header: str
    key: str = field(repr=False)
    definition: int
    principal: Principal = field(init=False)
    header_name: bytes = field(init=False)  #: in lower case
    digest: bytes = field(init=False, repr=False)  #: that groups find it by, b'' if it lets nobody in
    _plain: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        header = self.header.lower().encode()
        plain = self.key.strip(' \t').encode()  # as HTTP does with values of headers
        for name, value in {
            'principal': Principal(self.name, 'viewer', self.definition),
            'header_name': header,
            'digest': key_digest(header, plain) if plain else b'',
            '_plain': plain,
        }.items():
            object.__setattr__(self, name, value)

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """None if the key is missing or wrong."""
        value = headers.get(self.header_name)
        return self.principal if value is not None and self._plain and compare_digest(value, self._plain) else None

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return Unauthorized(cid, '401 Unauthorized')


def key_digest(header: bytes, key: bytes) -> bytes:
    """header: its name in lower case."""
    return digest_of(b'key', header, key)
