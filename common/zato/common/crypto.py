"""Secrets at rest: Fernet (AES-128-CBC with HMAC-SHA256), keys as url-safe base64 text."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING

from zato.common.exception import CryptoError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

#: Encrypted under each server's key, to tell a wrong key from a damaged secret.
WELL_KNOWN_DATA = '3.141592...'


def new_key() -> str:
    """A new key: 32 random bytes."""
    return _fernet_class().generate_key().decode()


def new_password() -> str:
    """A new random password of 128 bits, letters, digits, '-' and '_'."""
    return secrets.token_urlsafe(16)


class Cipher:
    """Encrypts and decrypts under one key. Raises CryptoError."""

    def __init__(self, key: str) -> None:
        try:
            self._fernet = _fernet_class()(key.encode())
            self._key = urlsafe_b64decode(key)
        except ValueError:
            raise CryptoError(msg='The secret key is not a Fernet key (32 bytes, url-safe base64)') from None

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(token.encode()).decode()
        except (InvalidToken, ValueError):
            raise CryptoError(msg='The secret was not encrypted with this key') from None

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for something else, the same for the same purpose, from which this one cannot be told."""
        return hmac.digest(self._key, purpose.encode(), 'sha256')


def _fernet_class() -> type[Fernet]:
    # Imported when first used: it takes a tenth of a command's time, and most commands have no secrets to read.
    from cryptography.fernet import Fernet

    return Fernet
