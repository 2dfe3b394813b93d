"""HTTP Basic Auth (RFC 7617), UTF-8, compared in constant time."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hmac import compare_digest


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """One definition: who may come in, and what a client without credentials is told."""

    username: str
    password: str = field(repr=False)
    realm: str
    _plain: bytes = field(init=False, repr=False)
    _header: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        plain = f'{self.username}:{self.password}'.encode()
        object.__setattr__(self, '_plain', plain)
        object.__setattr__(self, '_header', b'Basic ' + b64encode(plain))

    @property
    def challenge(self) -> str:
        """For WWW-Authenticate."""
        return f'Basic realm="{self.realm}"'

    def accepts(self, header: bytes | None) -> bool:
        """`header`: the value of Authorization."""
        if header is None:
            return False
        if compare_digest(header, self._header):
            return True
        scheme, _, credentials = header.partition(b' ')
        if scheme.lower() != b'basic':
            return False
        try:
            return compare_digest(b64decode(credentials.strip(), validate=True), self._plain)
        except binascii.Error:
            return False
