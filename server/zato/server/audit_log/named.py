"""Finds secrets by the names that stand before them: in JSON, XML, forms, URLs, headers, CSV, and in one within another.

Works on bytes, of text in UTF-8 or anything else that has ASCII in it, whole or cut off anywhere. Where it is not clear
where a value ends, too much is found rather than too little.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

from zato.server.audit_log.names import normal_name

MASK: Final = b'******'

_WINDOW: Final = 32_768  #: bytes that are looked at before others have their turn
_OVERLAP: Final = 1_024  #: what lies on the border of two windows is found if it is not longer
_BEFORE: Final = 300  #: bytes before something that are looked at for what it is

#: Something of this, in lower case, is in whatever has a secret that is found by what is built in; most messages have none.
_HINT: Final = re.compile(
    rb'p(?:ass|wd|in|an)|s(?:ecret|ess|sn|ig(?:nature)?[^a-z])|assertion|token|key|auth|c(?:redential|ookie|ard|cnu|v[cv]|sc)|jwt|otp|b(?:earer|asic)|eyj|'
    rb'-----begin|://[^/@]*@|%|\\u00'
)

# A name of up to two words, then a colon or an equals sign.
_NAME: Final = re.compile(
    rb'(?<![\w.$@%\[\]\x80-\xff-])'
    rb'((?:[\w.$@%\[\]\x80-\xff-]++ (?=[\w.$@%\[\]\x80-\xff-]))?+'
    rb'[\w.$@%\[\]\x80-\xff-]++(?:\\+u00[0-7][0-9a-fA-F][\w.$@%\[\]\x80-\xff-]*+)*+)'
    rb'(\\*+["\']?+)\s*+(?:=>|[:=])'
)
_QUOTE: Final = re.compile(rb'(\\*+)(["\'])')
_TAG_BEGINS: Final = (b'<', b':')
_QUOTES: Final = (b'"', b"'")
_SPACE: Final = re.compile(rb'\s*+')
_BLANK: Final = re.compile(rb'[ \t]*+')
_SCALAR: Final = re.compile(rb'[^,}\]\r\n"\'\\]*+')
_CLOSED: Final = {quote: re.compile(rb'(?:[^%b\\]++|\\.)*+' % quote, re.DOTALL) for quote in (b'"', b"'")}
_BRACKETS: Final = re.compile(rb'[\[\]{}]|\\*+["\']')

#: How far a value goes that nothing encloses, by what the text is and by what stands before the value.
_OPEN: Final = {
    ('json', b'='): re.compile(rb'(?:[^&"\\\r\n]++|\\[^"\'nr\\])*+'),
    ('json', b':'): re.compile(rb'(?:[^"\\\r\n]++|\\[^"\'nr\\])*+'),
    ('xml', b'='): re.compile(rb'[^&<>"\'\r\n]*+'),
    ('xml', b':'): re.compile(rb'[^<\r\n]*+'),
    ('', b'='): re.compile(rb'[^&\r\n]*+'),
    ('', b':'): re.compile(rb'[^\r\n]*+'),
}

_TAG: Final = re.compile(rb'<((?:[\w.\x80-\xff-]++:)?+([\w.\x80-\xff-]++))((?:\s[^<>]*+)?+)>')
_NAMED: Final = re.compile(
    rb'\b(?:name|key|header|field|param(?:eter)?)\\*+["\']?+\s*+[:=]\s*+\\*+["\']?+([^"\'\\\r\n;<>,}]{1,100}+)'
)
_NEXT_VALUE: Final = re.compile(rb'\\*+["\']\s*+,\s*+\\*+["\']value[A-Za-z]*+\\*+["\']\s*+[:=]\s*+')
_VALUE_IN_TAG: Final = re.compile(rb'\bvalue\s*+=\s*+(["\'])([^"\']*+)')
_EMPTY_LINE: Final = re.compile(rb'\r?\n[ \t]*+\r?\n')
_PART_END: Final = re.compile(rb'\r?\n--')

_CREDENTIALS: Final = (
    re.compile(rb'://[^\s/:@"\'<>]*+:([^\s/@"\'<>]++)@'),
    re.compile(rb'\b(?i:basic|bearer)\s++([\w.~+/=-]{8,}+)'),
    re.compile(rb'\b(eyJ[\w-]{5,}+\.[\w-]{5,}+\.[\w-]*+)'),
    re.compile(rb'-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]*+)'),
)

#: In a URL that is a value in another one.
_ENCODED: Final = re.compile(rb'(?:%[0-9A-Fa-f]{2}|(?<![\w%]))([\w.-]++)%3[Dd]((?:[^&%\s"\'<>]++|%(?!26))*+)')

_FIRST_LINE: Final = re.compile(rb'[^\r\n]*+')
_LINE_BREAKS: Final = re.compile(rb'[\r\n]*+')
_CELL: Final = {
    delimiter: re.compile(rb'("(?:[^"]++|"")*+"?+[^%b\r\n]*+|[^%b\r\n]*+)(%b|\r?\n|\r|\Z)' % ((re.escape(delimiter),) * 3))
    for delimiter in (b',', b';', b'\t', b'|')
}


class Span(NamedTuple):
    """What is masked, and what is put there."""

    start: int
    end: int
    mask: bytes = MASK


class NamedSecrets:
    """Those of one text. names: normal names of further secrets. pause: called now and then, lets others run."""

    def __init__(self, data: bytes, names: Collection[str], pause: Callable[[], None]) -> None:
        self._data = data
        self._names = names
        self._pause = pause
        self._has_escapes = b'\\' in data
        beginning = data[:100].lstrip(b'\xef\xbb\xbf \t\r\n')[:1]
        self._mode = 'json' if beginning in (b'{', b'[', b'"') else 'xml' if beginning == b'<' else ''

    def find(self) -> list[Span]:
        """In no order; they may overlap."""
        if not self._names and not self._has_hint():
            return []
        data = self._data
        found = self._each(_NAME, self._after_name)
        if b'<' in data:
            found += self._each(_TAG, self._in_element)
        found += self._each(_NAMED, self._of_named)
        for pattern in _CREDENTIALS:
            found += self._each(pattern, _credential)
        if b'%3D' in data or b'%3d' in data:
            found += self._each(_ENCODED, self._encoded)
        if not self._mode:
            found += self._in_columns()
        return found

    def is_secret(self, raw: bytes) -> bool:
        """By its name."""
        name, is_secret = normal_name(raw)
        return is_secret or name in self._names

    def _has_hint(self) -> bool:
        lower = self._data.lower()
        for start in range(0, len(lower), _WINDOW):
            if _HINT.search(lower, start, start + _WINDOW + _OVERLAP):
                return True
            self._pause()
        return False

    def _each(self, pattern: re.Pattern[bytes], take: Callable[[re.Match[bytes]], Span | None]) -> list[Span]:
        """What `take` makes of what is found; nothing is looked for in what it took."""
        data, length = self._data, len(self._data)
        spans: list[Span] = []
        position = start = 0
        while start < length:
            end = min(start + _WINDOW, length)
            position = max(position, start)
            while found := pattern.search(data, position, end):
                position = max(found.end(), found.start() + 1)
                span = take(found)
                if span is not None and span.start < span.end:
                    spans.append(span)
                    position = max(position, span.end)
            self._pause()
            start = max(end - _OVERLAP, position) if end < length else length
        return spans

    def _after_name(self, found: re.Match[bytes]) -> Span | None:
        data, name = self._data, found[1]
        if b' ' in name and data[found.start() - 1 : found.start()] in _TAG_BEGINS:
            name = name.partition(b' ')[2]  # of an attribute
        elif self._has_escapes and data[found.start() - 1 : found.start()] == b'\\':  # \u0070assword, or \npassword
            name = b'\\' + name if name[:3] == b'u00' else name[1:]
        if not self.is_secret(name):
            return None
        quote = found[2]
        separator = data[found.end() - 1 : found.end()]
        is_assigned = separator in (b'=', b'>')
        mode = 'json' if quote[-1:] in _QUOTES else self._mode
        start = _end(_BLANK if is_assigned or mode != 'json' else _SPACE, data, found.end())
        opening = _QUOTE.match(data, start)
        if opening is not None and mode:
            return self._quoted(opening)
        if mode == 'json' and not is_assigned and (quote[-1:] in _QUOTES or data[start : start + 1] in (b'{', b'[')):
            return self._json_value(start, quote or b'"')
        return Span(start, _end(_OPEN[mode, b'=' if is_assigned else b':'], data, start))

    def _quoted(self, opening: re.Match[bytes]) -> Span:
        """Up to the quote that closes; to the end of the text if none does. A quote in escaped JSON has backslashes."""
        data, start = self._data, opening.end()
        escapes, quote = opening[1], opening[2]
        if not escapes:
            return Span(start, _end(_CLOSED[quote], data, start))
        closing = re.compile(rb'(?<!\\)' + re.escape(escapes + quote)).search(data, start)
        return Span(start, closing.start() if closing else len(data))

    def _json_value(self, start: int, quote: bytes) -> Span:
        """A number, a list, an object and the like; a text stands in its place. quote: that of a text."""
        data = self._data
        mask = quote + MASK + quote
        if data[start : start + 1] not in (b'{', b'['):
            end = _end(_SCALAR, data, start)
            return Span(start, start + len(data[start:end].rstrip()), mask)
        depth, position = 0, start
        while found := _BRACKETS.search(data, position):
            position = found.end()
            if found[0][-1:] in (b'"', b"'"):
                opening = _QUOTE.match(data, found.start())
                assert opening is not None  # it is what was found
                position = min(self._quoted(opening).end + len(opening[0]), len(data))
            else:
                depth += 1 if found[0] in (b'{', b'[') else -1
                if not depth:
                    return Span(start, position, mask)
        return Span(start, len(data), mask)

    def _in_element(self, found: re.Match[bytes]) -> Span | None:
        """All that an element of XML has in it."""
        if found[3].endswith(b'/') or not self.is_secret(found[2]):
            return None
        closing = re.compile(rb'<\\?/' + re.escape(found[1]) + rb'\s*+>').search(self._data, found.end())
        return Span(found.end(), closing.start() if closing else len(self._data))

    def _of_named(self, found: re.Match[bytes]) -> Span | None:
        """The value of a part, a tag or an object that has the name as its `name`."""
        if not self.is_secret(found[1]):
            return None
        data = self._data
        before = data[max(0, found.start() - _BEFORE) : found.start()]
        if b'content-disposition' in before[before.rfind(b'\n') + 1 :].lower():
            empty = _EMPTY_LINE.search(data, found.end())
            if empty is None:
                return None
            end = _PART_END.search(data, empty.end())
            return Span(empty.end(), end.start() if end else len(data))
        if before.rfind(b'<') > before.rfind(b'>'):
            return self._of_tag(found.start() - len(before) + before.rfind(b'<'), found.end())
        following = _NEXT_VALUE.match(data, found.end())
        if following is None:
            return None
        opening = _QUOTE.match(data, following.end())
        return self._quoted(opening) if opening else self._json_value(following.end(), b'"')

    def _of_tag(self, start: int, inside: int) -> Span | None:
        """An attribute `value`, or what stands between the tag and the next one. inside: a position in the tag."""
        data = self._data
        end = data.find(b'>', inside)
        if end < 0:
            end = len(data)
        value = _VALUE_IN_TAG.search(data, start, end)
        if value is not None:
            return Span(value.start(2), value.end(2))
        if data[end - 1 : end] == b'/':
            return None
        following = data.find(b'<', end)
        return Span(min(end + 1, len(data)), following if following >= 0 else len(data))

    def _encoded(self, found: re.Match[bytes]) -> Span | None:
        return Span(*found.span(2)) if self.is_secret(found[1]) else None

    def _in_columns(self) -> list[Span]:
        """Of CSV, with names in its first line."""
        data = self._data
        head = data[: _end(_FIRST_LINE, data, 0)]
        spans: list[Span] = []
        for delimiter, cell in _CELL.items():
            if delimiter not in head:
                continue
            names = head.split(delimiter)
            secret = {i for i, name in enumerate(names) if self.is_secret(name.strip(b' "\''))}
            if secret:
                spans += self._cells(cell, len(head), secret)
        return spans

    def _cells(self, cell: re.Pattern[bytes], start: int, columns: Collection[int]) -> Iterator[Span]:
        column, length = 0, len(self._data)
        position = _end(_LINE_BREAKS, self._data, start)
        while position < length:
            found = cell.match(self._data, position)
            if found is None or not found[0]:
                return
            if column in columns and found[1]:
                yield Span(*found.span(1))
            column = 0 if found[2][:1] in (b'\r', b'\n') else column + 1
            position = found.end()
            self._pause()


def _end(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    """Of what the pattern matches there, which may be nothing."""
    found = pattern.match(data, start)
    return found.end() if found is not None else start


def _credential(found: re.Match[bytes]) -> Span | None:
    """Of what looks like one wherever it stands. A mere word after `basic` is none."""
    value = found[1]
    if value.isalpha() and found[0][:2] not in (b'ey', b'--', b':/') and not _is_basic(value):
        return None
    return Span(*found.span(1))


def _is_basic(value: bytes) -> bool:
    """Is it a user name and a password, as HTTP has them?"""
    try:
        return b':' in b64decode(value + b'=' * (-len(value) % 4), validate=True)
    except binascii.Error:
        return False
