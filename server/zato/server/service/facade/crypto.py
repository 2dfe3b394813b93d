"""`self.crypto`: encryption under the server's key, hashes of passwords, and new secrets.

A hash is the text `$pbkdf2-sha512$<rounds>$<salt>$<digest>` that passlib and classic Zato make and verify too: base64 with
'.' for '+' and without padding. Its rounds are in it, so that ones made with fewer rounds still verify.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from typing import Final

import gevent

from zato.common.crypto import Cipher, new_password
from zato.common.exception import CryptoError
from zato.server.config.cooperation import Places

#: Secrets stored by classic Zato have it before the token.
STORED_PREFIX: Final = 'zato.secf.'

_ROUNDS: Final = 210_000  #: source: OWASP, Password Storage Cheat Sheet, PBKDF2-HMAC-SHA512
_MAX_ROUNDS: Final = 2_000_000  #: more would keep a thread busy for seconds
_SALT_BYTES: Final = 32
_AT_ONCE: Final = 2  #: hashes computed at a time: the threads are those that resolve host names too
_HASH: Final = re.compile(r'\$pbkdf2-sha512\$([1-9][0-9]{0,6})\$([A-Za-z0-9./]{0,1366})\$([A-Za-z0-9./]{86})')


class Crypto:
    """Data is text, or bytes of text in UTF-8. Errors name no secret."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self._turns = Places(_AT_ONCE)

    def encrypt(self, data: str | bytes) -> str:
        """A Fernet token, safe in URLs. Raises CryptoError."""
        return self._cipher.encrypt(_text(data))

    def decrypt(self, data: str | bytes) -> str:
        """What was encrypted to this token, which may have the prefix of stored secrets. Raises CryptoError."""
        return self._cipher.decrypt(_text(data).removeprefix(STORED_PREFIX))

    def hash_secret(self, data: str | bytes) -> str:
        """A new hash of a password, with a new salt. Takes a tenth of a second of a CPU, not of other greenlets."""
        salt = secrets.token_bytes(_SALT_BYTES)
        digest = self._digest(_text(data), salt, _ROUNDS)
        return f'$pbkdf2-sha512${_ROUNDS}${_encode(salt)}${_encode(digest)}'

    def verify_hash(self, given: str | bytes, expected: str) -> bool:
        """Is `expected` a hash of the password `given`? Raises CryptoError if it is not a hash at all."""
        found = _HASH.fullmatch(expected)
        if found is None or int(found[1]) > _MAX_ROUNDS:
            raise CryptoError(msg='What is expected is not a PBKDF2-SHA512 hash')
        digest = self._digest(_text(given), _decode(found[2]), int(found[1]))
        return hmac.compare_digest(digest, _decode(found[3]))

    def generate_secret(self, bits: int = 256) -> str:
        """Random bits as text that is safe in URLs. bits: a multiple of 8, above 0."""
        if bits < 8 or bits % 8:
            raise ValueError(f'bits is a multiple of 8, above 0; got {bits}')
        return secrets.token_urlsafe(bits // 8)

    def generate_password(self) -> str:
        """Of 128 random bits: letters, digits, '-' and '_'."""
        return new_password()

    def _digest(self, password: str, salt: bytes, rounds: int) -> bytes:
        with self._turns:
            pool = gevent.get_hub().threadpool
            return pool.apply(hashlib.pbkdf2_hmac, ('sha512', password.encode(), salt, rounds))


def _text(data: str | bytes) -> str:
    try:
        text = data if isinstance(data, str) else data.decode()
        text.encode()
    except UnicodeError:
        raise CryptoError(msg='The data is not text that UTF-8 can encode') from None
    return text


def _encode(data: bytes) -> str:
    return b64encode(data, b'./').decode().rstrip('=')


def _decode(text: str) -> bytes:
    try:
        return b64decode(text + '=' * (-len(text) % 4), b'./')
    except binascii.Error:
        raise CryptoError(msg='What is expected is not a PBKDF2-SHA512 hash') from None
