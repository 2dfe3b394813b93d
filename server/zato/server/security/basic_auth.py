"""HTTP Basic Auth (RFC 7617), UTF-8, compared in constant time."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

from zato.common.config.kind import ROLES
from zato.common.exception import BadRequest
from zato.server.security.principal import Principal


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """One definition: who may come in, and what a client without credentials is told."""

    username: str
    password: str = field(repr=False)
    realm: str
    principal: Principal = field(init=False)
    challenge: str = field(init=False)  #: for WWW-Authenticate
    _plain: bytes = field(init=False, repr=False)
    _header: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        plain = f'{self.username}:{self.password}'.encode()
        realm = self.realm.replace('\\', r'\\').replace('"', r'\"')
        for name, value in {
            'principal': Principal(self.username, 'viewer'),
            'challenge': f'Basic realm="{realm}"',
            '_plain': plain,
            '_header': b'Basic ' + b64encode(plain),
        }.items():
            object.__setattr__(self, name, value)

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Who sent these headers; None if the credentials are missing or wrong."""
        header = headers.get(b'authorization')
        return self.principal if header is not None and self.password and self._accepts(header) else None

    def _accepts(self, header: bytes) -> bool:
        if compare_digest(header, self._header):
            return True
        scheme, _, credentials = header.partition(b' ')
        if scheme.lower() != b'basic':
            return False
        try:
            return compare_digest(b64decode(credentials.strip(), validate=True), self._plain)
        except binascii.Error:
            return False


@dataclass(frozen=True, slots=True)
class AdminAuth:
    """The user of the admin API, who may name another one, and that one's role, on whose behalf it calls."""

    own: BasicAuth

    @property
    def challenge(self) -> str:
        return self.own.challenge

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Raises BadRequest if the other user is named without a role, or with an unknown one."""
        if self.own.identify(headers) is None:
            return None
        user = headers.get(b'x-zato-admin-user', b'').decode('utf-8', 'replace').strip()
        role = headers.get(b'x-zato-admin-role', b'').decode('utf-8', 'replace').strip()
        if not user and not role:
            return Principal(self.own.username, 'admin')
        for known in ROLES:
            if role == known and user and user.isprintable() and len(user) <= 200:
                return Principal(user, known)
        raise BadRequest(
            msg=f'X-Zato-Admin-User must name a user and X-Zato-Admin-Role one of: {", ".join(ROLES)}', needs_msg=True
        )
