"""Reads JSON (RFC 8259)."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Final

from zato.common.enmasse.nodes import DEEPEST, Flaw, ListNode, MapNode, Node, Parsed, ScalarNode, duplicates

_SPACE: Final = re.compile(r'[ \t\r\n]*')
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD: Final = re.compile(r'true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?')


def parse_json(text: str) -> Parsed:
    """A file without anything is as empty as one of YAML."""
    if not text.strip():
        return Parsed(None)
    parser = _Parser(text)
    try:
        root = parser.document()
    except _Wrong as e:
        line = parser.line_at(e.position)
        return Parsed(None, [Flaw(line, str(e), e.position - text.rfind('\n', 0, e.position))])
    return Parsed(root, parser.flaws)


class _Wrong(Exception):
    """It is not JSON from `position` on"""

    def __init__(self, msg: str, position: int) -> None:
        super().__init__(msg)
        self.position = position


class _Parser:
    def __init__(self, text: str) -> None:
        self.flaws: list[Flaw] = []
        self._text = text
        self._lines = [found.end() for found in re.finditer('\n', text)]
        self._at = 0

    def document(self) -> Node:
        """Raises _Wrong, as all others do."""
        node = self._value(0)
        if self._next():
            raise _Wrong('the file must end after its value', self._at)
        return node

    def line_at(self, position: int) -> int:
        return bisect_right(self._lines, position) + 1

    def _next(self) -> str:
        """The next character that is no space, '' at the end."""
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _value(self, depth: int) -> Node:
        char = self._next()
        line = self.line_at(self._at)
        if char and char in '[{':
            if depth == DEEPEST:
                raise _Wrong(f'it is nested more than {DEEPEST} levels deep', self._at)
            return self._list(line, depth) if char == '[' else self._map(line, depth)
        if char == '"':
            return ScalarNode(line, self._string(), is_plain=False)
        found = _WORD.match(self._text, self._at)
        if not found:
            raise _Wrong('there must be a value', self._at)
        self._at = found.end()
        return ScalarNode(line, found[0], is_plain=True)

    def _list(self, line: int, depth: int) -> ListNode:
        node = ListNode(line)
        while self._goes_on(']', is_first=not node.items):
            node.items.append(self._value(depth + 1))
        return node

    def _map(self, line: int, depth: int) -> MapNode:
        node = MapNode(line)
        while self._goes_on('}', is_first=not node.pairs):
            if self._next() != '"':
                raise _Wrong('there must be a key in double quotes', self._at)
            key = ScalarNode(self.line_at(self._at), self._string(), is_plain=False)
            if self._next() != ':':
                raise _Wrong('there must be a colon', self._at)
            self._at += 1
            node.pairs.append((key, self._value(depth + 1)))
        self.flaws += duplicates(node)
        return node

    def _goes_on(self, end: str, *, is_first: bool) -> bool:
        """Is there one more element? Goes past what is before it, or past the end."""
        if is_first:
            self._at += 1
        char = self._next()
        if char == end:
            self._at += 1
            return False
        if is_first:
            return True
        if char != ',':
            raise _Wrong(f'there must be a comma or {end}', self._at)
        self._at += 1
        if self._next() == end:
            raise _Wrong('there must be a value after the comma', self._at)
        return True

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if not found:
            raise _Wrong('this text has no end in its line, or a character that must be escaped', self._at)
        try:
            text = str(json.loads(found[0]))
        except ValueError:
            raise _Wrong('this text has an escape that there is not', self._at) from None
        self._at = found.end()
        return text
