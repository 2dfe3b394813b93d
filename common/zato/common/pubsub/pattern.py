"""Patterns that say which topics an endpoint may publish or subscribe to.

One a line, `pub=/customer/*` or `sub=/customer/**`. They match whole names of topics, lower and upper case being different:
`*` stands for one segment, or for part of one, `**` for anything, slashes included. `/*` alone is every topic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

Action = Literal['pub', 'sub']

EVERY_TOPIC: Final = '/*'

_MOST: Final = 1_000  #: of one endpoint
_MOST_OPEN: Final = 3  #: wildcards of one pattern that are no whole segment: the time that a match takes grows with each
_ANYTHING: Final = '.*'
_SEGMENT: Final = '[^/]++'
_PART: Final = '[^/]*'
_OPEN: Final = (_ANYTHING, _PART)
_WILDCARDS: Final = re.compile(r'(\*+)')


@dataclass(frozen=True, slots=True)
class Pattern:
    """action: what it allows. text: without the action, such as `/customer/*`."""

    action: Action
    text: str
    regex: re.Pattern[str]


class Patterns:
    """All those of one endpoint. Raises ValueError, its text naming the line."""

    def __init__(self, text: str) -> None:
        self._patterns = tuple(_parse(text))

    def match(self, action: Action, topic: str) -> str:
        """The first one that allows it, as it was written: `pub=/customer/*`; '' if none does."""
        for pattern in self._patterns:
            if pattern.action == action and pattern.regex.fullmatch(topic):
                return f'{action}={pattern.text}'
        return ''


def check_patterns(value: Any) -> None:
    """Raises ValueError."""
    Patterns(value)


def _parse(text: str) -> Iterator[Pattern]:
    """Raises ValueError."""
    lines = [(number, line.strip()) for number, line in enumerate(text.split('\n'), start=1) if line.strip()]
    if len(lines) > _MOST:
        raise ValueError(f'must have {_MOST:,} patterns or fewer, it has {len(lines):,}')
    for number, line in lines:
        action, equals, pattern = (part.strip() for part in line.partition('='))
        if not equals or (action != 'pub' and action != 'sub'):
            raise ValueError(
                f'must have pub= or sub= and a pattern in each line, such as pub=/customer/*; line {number} is {line}'
            )
        if not pattern.startswith(('/', '**')):
            raise ValueError(f'must have patterns that begin with a slash, as topics do; line {number} is {line}')
        if '***' in pattern:
            raise ValueError(f'must have one or two asterisks in one place, not more; line {number} is {line}')
        parts = [*_parts(pattern)]
        if sum(part in _OPEN for part in parts) > _MOST_OPEN:
            raise ValueError(f'must have up to {_MOST_OPEN} asterisks that are no whole segment; line {number} is {line}')
        yield Pattern('pub' if action == 'pub' else 'sub', pattern, re.compile(''.join(parts), re.DOTALL))


def _parts(pattern: str) -> Iterator[str]:
    """Of a regular expression."""
    if pattern == EVERY_TOPIC:
        yield _ANYTHING
        return
    pieces = _WILDCARDS.split(pattern)
    for position, piece in enumerate(pieces):
        if piece == '**':
            yield _ANYTHING
        elif piece == '*':
            is_segment = pieces[position - 1].endswith('/') and pieces[position + 1][:1] in ('', '/')
            yield _SEGMENT if is_segment else _PART
        else:
            yield re.escape(piece)
