"""Tokens as clients hold them: JWT signed with HMAC-SHA256 (RFC 7519), under a key that the servers of a cluster share.

A token says who was given it, by which definition, and which row of the ODB has its life. It has no time in it that counts.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

LONGEST = 8_192  #: bytes of a token, or of a header with one, that are looked at

_ALGORITHM = 'HS256'
_HEAD = b'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.'  #: {"alg":"HS256","typ":"JWT"}
_ISSUER = 'zato'
_OPTIONS: Any = {
    'require': ['iss', 'sub', 'aud', 'jti', 'ver'],
    'verify_aud': False,  # whoever has the definition compares it
    'verify_iat': False,  # clocks of servers differ
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """definition: ID of the one that gave it. version: of that one's credentials. token_id: random."""

    username: str
    definition: int
    version: str
    token_id: str

    @property
    def row_id(self) -> str:
        """In the ODB, which has nothing that a token could be made of."""
        return sha256(self.token_id.encode()).hexdigest()


class TokenCodec:
    """key: 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def version_of(self, *credentials: str) -> str:
        """Of a definition. Tokens that were given for other credentials are void."""
        text = ''.join(f'{len(part)}:{part}' for part in credentials)
        return hmac.digest(self._key, f'credentials {text}'.encode(), 'sha256').hex()[:32]

    def encode(self, claims: Claims, issued: int) -> str:
        """issued: seconds since 1970, for people to read."""
        payload = {
            'iss': _ISSUER,
            'sub': claims.username,
            'aud': str(claims.definition),
            'jti': claims.token_id,
            'ver': claims.version,
            'iat': issued,
        }
        import jwt  # it and what it needs take 5 MB, which workers without such a definition spare

        return jwt.encode(payload, self._key, _ALGORITHM)

    def decode(self, token: bytes) -> Claims | None:
        """None for what this cluster did not sign."""
        # No part of a token is parsed that anybody but a server may have written: the head is always the same one.
        if len(token) > LONGEST or not token.startswith(_HEAD):
            return None
        import jwt  # as above

        try:
            found = jwt.decode(token, self._key, [_ALGORITHM], options=_OPTIONS, issuer=_ISSUER)
            return Claims(
                username=found['sub'], definition=int(found['aud']), version=str(found['ver']), token_id=found['jti']
            )
        except (jwt.InvalidTokenError, TypeError, ValueError):
            return None
