"""Which names are those of secrets: passwords, tokens, keys, codes of cards and the like, however they are written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

_LONGEST: Final = 200  #: bytes of a name that count, the last ones

_WORD: Final = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+')
_ESCAPE: Final = re.compile(rb'\\u00([0-7][0-9a-fA-F])')

#: A name is secret if one of its words is one of these: `card_pin`, `accessToken`, `X-Auth-Token`.
_WORDS: Final = frozenset({
    'cookie', 'credential', 'credentials', 'csc', 'cvc', 'cvv', 'jwt', 'otp', 'passcode', 'pin', 'pwd', 'secret', 'ssn',
    'token', 'tokens', 'totp',
})  # fmt: skip

#: Or if it is, without what is no letter, one of these.
_WHOLE: Final = frozenset(
    {'auth', 'authdata', 'basicauth', 'bearer', 'ccnumber', 'ccnum', 'cookies', 'pan', 'pass', 'sig', 'signature', 'xauth'}
)

#: Or if that has one of these in it.
_INSIDE: Final = re.compile(
    r'passw|passphrase|pwd|secret(?!ar)|authori[sz]ation|credential|cardn(?:umber|um|o$)|session(?:id|key)|sessid|tokens?$|assertion$|xamzsignature|'
    r'(?:api|access|account|auth|encryption|master|private|secret|service|shared|signing|ssh|subscription)keys?|'
    r'(?:admin|confirm|database|db|ftp|login|mail|my|new|old|root|smtp|user)pass$'
)


@lru_cache(maxsize=4096)
def normal_name(raw: bytes) -> tuple[str, bool]:
    """Lower-case letters and digits of a name, JSON's and URLs' escapes resolved, and whether it is that of a secret."""
    raw = raw[-_LONGEST:]
    if b'\\' in raw:
        raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), raw)
    if b'%' in raw:
        raw = unquote_to_bytes(raw)
    name = raw.decode('utf-8', 'replace')
    words = [word.lower() for word in _WORD.findall(name)]
    letters = ''.join(words)
    is_secret = letters in _WHOLE or not _WORDS.isdisjoint(words) or _INSIDE.search(letters) is not None
    return normalized(name), is_secret


def normalized(name: str) -> str:
    """As `normal_name` has names: `Magic-Word2` is `magicword2`."""
    return ''.join(char for char in name.lower() if char.isalnum())
