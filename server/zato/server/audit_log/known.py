"""Finds the secrets that a worker knows, wherever they stand in data, as they are or encoded.

Each form of a secret is looked up by four bytes near its end, where those of a kind differ most, and so is every fourth
position of the data: how long that takes does not depend on how many secrets there are.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 6  #: characters of a secret; what is shorter is found in too much that is none

_FORMER: Final = 1_000  #: secrets that are found still after they were changed: clients go on sending them for a while
_GRAM: Final = 4
_INDEXED: Final = 2 * _GRAM - 1  #: bytes; in a form of that length there is a whole gram at a position that is looked at
_WINDOW: Final = 8_192  #: positions that are looked at before others have their turn

#: What encoders of URLs leave as it is: RFC 3986, browsers' encodeURIComponent and forms, and those that leave more.
_SAFE: Final = ('', '~', '/', '*', "!'()*", "!~*'()", "/!$&'()*+,;=:@?~")

#: Ways to escape XML: no quotes, the double one, both, and others' names for them.
_QUOTES: Final = tuple(
    str.maketrans({'&': '&amp;', '<': '&lt;', '>': '&gt;', **quotes})
    for quotes in (
        {},
        {'"': '&quot;'},
        {'"': '&quot;', "'": '&apos;'},
        {'"': '&quot;', "'": '&#x27;'},
        {'"': '&#34;', "'": '&#39;'},
    )
)
_IN_BASE64: Final = re.compile(rb'[A-Za-z0-9+/=_-]*+')
_BASE64: Final = frozenset(b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-')


#: Forms of a secret as text, and in base64.
_Forms = tuple[frozenset[bytes], frozenset[bytes]]


class KnownSecrets:
    """secrets: those of now, of which short ones do not count. generation: grows whenever there may be other ones."""

    def __init__(self, secrets: Callable[[], Iterable[str]], generation: Callable[[], int]) -> None:
        self._secrets = secrets
        self._generation = generation
        self._seen = -1
        self._forms: dict[str, _Forms] = {}
        self._former: dict[str, _Forms] = {}
        self._index: dict[bytes, list[tuple[bytes, int, bool]]] = {}
        self._short: tuple[bytes, ...] = ()

    def find(self, data: bytes, pause: Callable[[], None]) -> list[tuple[int, int]]:
        """Where they begin and end, in no order; they may overlap. pause: called now and then, lets others run."""
        self._refresh(pause)
        found: list[tuple[int, int]] = []
        index = self._index
        for start in range(0, len(data), _GRAM * _WINDOW):
            end = min(start + _GRAM * _WINDOW, len(data) - _GRAM + 1)
            for at in [at for at in range(start, end, _GRAM) if data[at : at + _GRAM] in index]:
                for form, offset, is_base64 in index[data[at : at + _GRAM]]:
                    begin = at - offset
                    if begin >= 0 and data.startswith(form, begin):
                        found.append(_run(data, begin, begin + len(form)) if is_base64 else (begin, begin + len(form)))
            pause()
        for form in self._short:
            at = data.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = data.find(form, at + len(form))
        return found

    def _refresh(self, pause: Callable[[], None]) -> None:
        generation = self._generation()
        if generation == self._seen:
            return
        forms: dict[str, _Forms] = {}
        for secret in {secret for secret in self._secrets() if len(secret) >= SHORTEST}:
            known = self._forms.get(secret)
            forms[secret] = known if known is not None else (frozenset(_texts(secret)), frozenset(_base64(secret)))
            pause()
        if forms.keys() != self._forms.keys():
            former = [*self._former.items(), *self._forms.items()]
            self._former = dict([item for item in former if item[0] not in forms][-_FORMER:])
            self._rebuild([*forms.values(), *self._former.values()], pause)
        self._forms, self._seen = forms, generation

    def _rebuild(self, forms: Iterable[_Forms], pause: Callable[[], None]) -> None:
        index: dict[bytes, list[tuple[bytes, int, bool]]] = {}
        short: set[bytes] = set()
        for texts, encoded in forms:
            for form, is_base64 in [*((form, False) for form in texts), *((form, True) for form in encoded)]:
                if len(form) < _INDEXED:
                    short.add(form)
                    continue
                for offset in range(len(form) - _INDEXED, len(form) - _GRAM + 1):
                    index.setdefault(form[offset : offset + _GRAM], []).append((form, offset, is_base64))
            pause()
        self._index, self._short = index, tuple(short)


def _run(data: bytes, start: int, end: int) -> tuple[int, int]:
    """All of the base64 that a secret is in: a user name may stand before it."""
    while start and data[start - 1] in _BASE64:
        start -= 1
    found = _IN_BASE64.match(data, end)
    return start, found.end() if found else end


def _texts(secret: str) -> Iterator[bytes]:
    """As it is, and as JSON, JSON in JSON, URLs, forms, and XML have it."""
    yield secret.encode()
    if secret.isascii() and secret.isalnum():
        return
    try:
        yield secret.encode('latin-1')
    except UnicodeEncodeError:
        pass
    yield from _json(secret)
    for safe in _SAFE:
        for encoded in (quote(secret, safe), quote_plus(secret, safe)):
            yield encoded.encode()
            yield re.sub('%..', lambda found: found[0].lower(), encoded).encode()
    for quotes in _QUOTES:
        yield secret.translate(quotes).encode()


def _json(secret: str) -> Iterator[bytes]:
    """With and without what only some encoders escape."""
    for is_ascii in (True, False):
        plain = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        for text in (plain, re.sub("[<>&']", lambda found: f'\\u{ord(found[0]):04x}', plain)):
            for slashes in (text, text.replace('/', '\\/')):
                upper = re.sub(r'\\u[0-9a-f]{4}', lambda found: '\\u' + found[0][2:].upper(), slashes)
                for form in (slashes, upper):
                    yield form.encode('utf-8', 'replace')
                    yield json.dumps(form)[1:-1].encode()


def _base64(secret: str) -> Iterator[bytes]:
    """What is in base64 of anything that has the secret in it: that depends on where in it the secret is, modulo 3."""
    raw = secret.encode()
    for before in range(3):
        encoded = b64encode(b'\0' * before + raw)
        own = encoded[(8 * before + 5) // 6 : 8 * (before + len(raw)) // 6]
        yield own
        yield own.replace(b'+', b'-').replace(b'/', b'_')
