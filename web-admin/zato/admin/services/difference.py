"""What differs between two texts, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_CONTEXT = 3  #: lines around what differs
_MOST_LINES = 4_000  #: that differ and are compared; the time that takes can grow with their square


@dataclass(frozen=True, slots=True)
class Line:
    """css: 'added', 'removed', 'hunk', or '' for one that both texts have. text: with the sign that diffs have before it."""

    css: str
    text: str


def compare(old: str, new: str) -> list[Line] | None:
    """A unified diff without file names; [] if there is no difference, None if too much differs to say where.

    Lines end with \\n or \\r\\n only, so that their numbers are those of editors; two that differ in that alone differ.
    """
    before, after = old.split('\n'), new.split('\n')
    if before == after:
        return []
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    if max(len(before), len(after)) - start - end > _MOST_LINES:
        return None
    return list(_hunks(before, after, start, end))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines both begin with."""
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))


def _hunks(before: list[str], after: list[str], start: int, end: int) -> Iterator[Line]:
    """start, end: how many lines both texts begin and end with; of these, only those next to what differs are compared."""
    first = max(0, start - _CONTEXT)
    spare = max(0, end - _CONTEXT)
    old, new = before[first : len(before) - spare], after[first : len(after) - spare]
    matcher = SequenceMatcher(None, old, new)  # with its autojunk: else lines that repeat could take minutes
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        old_from, old_to, new_from, new_to = group[0][1], group[-1][2], group[0][3], group[-1][4]
        yield Line('hunk', f'@@ -{_range(first + old_from, first + old_to)} +{_range(first + new_from, first + new_to)} @@')
        for tag, i1, i2, j1, j2 in group:
            if tag == 'equal':
                yield from (Line('', f' {line}') for line in old[i1:i2])
                continue
            yield from (Line('removed', f'-{line}') for line in old[i1:i2])
            yield from (Line('added', f'+{line}') for line in new[j1:j2])


def _range(start: int, end: int) -> str:
    """As diffs have them: from 1 on, or the line before, if there are none."""
    length = end - start
    return f'{start + 1 if length else start},{length}'
