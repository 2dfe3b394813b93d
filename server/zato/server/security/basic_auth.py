"""HTTP Basic Auth (RFC 7617), UTF-8, compared in constant time."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

from zato.common.config.kind import ROLES
from zato.common.exception import BadRequest, HTTPException, Unauthorized
from zato.server.security.digest import digest_of
from zato.server.security.principal import Principal

HEADER = b'authorization'
_SCHEME = b'basic'


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """One definition: who may come in, and what a client without credentials is told. definition: its ID, if it has one."""

    username: str
    password: str = field(repr=False)
    realm: str
    definition: int = 0
    principal: Principal = field(init=False)
    challenge: str = field(init=False)  #: for WWW-Authenticate
    digest: bytes = field(init=False, repr=False)  #: that groups find it by, b'' if it lets nobody in
    _plain: bytes = field(init=False, repr=False)
    _header: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        plain = f'{self.username}:{self.password}'.encode()
        realm = self.realm.replace('\\', r'\\').replace('"', r'\"')
        for name, value in {
            'principal': Principal(self.username, 'viewer', self.definition),
            'challenge': f'Basic realm="{realm}"',
            'digest': basic_digest(plain) if self.password else b'',
            '_plain': plain,
            '_header': b'Basic ' + b64encode(plain),
        }.items():
            object.__setattr__(self, name, value)

    def identify(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Who sent these headers; None if the credentials are missing or wrong."""
        header = headers.get(HEADER)
        return self.principal if header is not None and self.password and self._accepts(header) else None

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return Unauthorized(cid, f'Unauthorized; cid={cid}', self.challenge)

    def _accepts(self, header: bytes) -> bool:
        if compare_digest(header, self._header):
            return True
        plain = plain_of(header)
        return plain is not None and compare_digest(plain, self._plain)


def plain_of(header: bytes) -> bytes | None:
    """User name and password with a colon between them, b'' if they cannot be read; None if it is no Basic Auth at all."""
    scheme, _, credentials = header.partition(b' ')
    if scheme.lower() != _SCHEME:
        return None
    try:
        return b64decode(credentials.strip(), validate=True)
    except binascii.Error:
        return b''


def basic_digest(plain: bytes) -> bytes:
    """plain: user name and password as clients send them."""
    return digest_of(_SCHEME, plain)


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
        if b'x-zato-admin-user' not in headers and b'x-zato-admin-role' not in headers:
            return Principal(self.own.username, 'admin')
        user = headers.get(b'x-zato-admin-user', b'').decode('utf-8', 'replace').strip()
        role = headers.get(b'x-zato-admin-role', b'').decode('utf-8', 'replace').strip()
        for known in ROLES:
            if role == known and user and user.isprintable() and len(user) <= 200:
                return Principal(user, known)
        raise BadRequest(
            msg=f'X-Zato-Admin-User must name a user and X-Zato-Admin-Role one of: {", ".join(ROLES)}', needs_msg=True
        )

    def refusal(self, path: bytes, cid: str) -> HTTPException:
        return self.own.refusal(path, cid)
