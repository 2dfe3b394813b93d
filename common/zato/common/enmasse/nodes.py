"""What is in a file, each value with the line that it is on.

Values are kept as they are written: whoever knows what is meant decides what `on` or `0123` stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from zato.common.config.field import shown

MOST_NODES: Final = 3_000_000  #: in a file, each use of an alias counted
DEEPEST: Final = 50

_NULLS: Final = frozenset({'', '~', 'null', 'Null', 'NULL'})
_TRUE: Final = frozenset({'true', 'yes', 'on'})
_FALSE: Final = frozenset({'false', 'no', 'off'})


@dataclass(slots=True, eq=False)
class ScalarNode:
    """text: without quotes. is_plain: had it none? line: from 1, as everywhere here."""

    line: int
    text: str
    is_plain: bool

    @property
    def is_null(self) -> bool:
        return self.is_plain and self.text in _NULLS


@dataclass(slots=True, eq=False)
class ListNode:
    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MapNode:
    line: int
    pairs: list[tuple[ScalarNode, Node]] = field(default_factory=list)


Node = ScalarNode | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: a file, or an environment variable. line, column: from 1, 0 if the whole is meant."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ':'.join(str(part) for part in (self.path, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a file. line, column: as in Place."""

    line: int
    text: str
    column: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """root: None of a file that is empty, or that could not be parsed, which has flaws."""

    root: Node | None
    flaws: Sequence[Flaw] = ()


def duplicates(node: MapNode) -> list[Flaw]:
    """Keys that a mapping has twice."""
    lines: dict[str, int] = {}
    flaws = []
    for key, _ in node.pairs:
        if key.text in lines:
            flaws.append(Flaw(key.line, f'the key {shown(key.text)} is in line {lines[key.text]} already'))
        lines[key.text] = key.line
    return flaws


def text_of(node: Node) -> Any:
    """Text as it is written, None, or a list or a dict of such values."""
    if isinstance(node, ScalarNode):
        return None if node.is_null else node.text
    if isinstance(node, ListNode):
        return [text_of(item) for item in node.items]
    return {key.text: text_of(value) for key, value in node.pairs}


def value_of(node: Node) -> Any:
    """As YAML 1.1 reads it: None, a boolean, a number or text, or a list or a dict of such values."""
    if isinstance(node, ListNode):
        return [value_of(item) for item in node.items]
    if isinstance(node, MapNode):
        return {key.text: value_of(value) for key, value in node.pairs}
    if not node.is_plain:
        return node.text
    word = node.text.lower()
    if node.is_null or word in _TRUE or word in _FALSE:
        return None if node.is_null else word in _TRUE
    for type_ in (int, float):
        try:
            return type_(node.text)
        except ValueError:
            continue
    return node.text
