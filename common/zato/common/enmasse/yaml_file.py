"""Reads YAML: anchors, aliases and merge keys are understood, tags of languages are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.reader import Reader

from zato.common.enmasse.nodes import DEEPEST, MOST_NODES, Flaw, ListNode, MapNode, Node, Parsed, ScalarNode, duplicates

_MERGE: Final = '<<'
_PREFIX: Final = 'tag:yaml.org,2002:'
_TAGS: Final = frozenset(f'{_PREFIX}{name}' for name in ('str', 'int', 'float', 'bool', 'null', 'seq', 'map'))

_Loader: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)  # the first is libyaml's, which may not be there


def parse_yaml(text: str) -> Parsed:
    """At most one document."""
    if found := Reader.NON_PRINTABLE.search(text):
        before = text[: found.start()]
        column = len(before) - before.rfind('\n')
        return Parsed(None, [Flaw(before.count('\n') + 1, f'the character {ascii(found[0])[1:-1]} is not allowed', column)])
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):  # not composed: that may overflow the stack in C
            builder.take(event)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        text = ': '.join(part for part in (e.context, e.problem) if part)
        return Parsed(None, [Flaw(mark.line + 1, text, mark.column + 1) if mark else Flaw(0, text)])
    except _Refused as e:
        return Parsed(None, [e.flaw])
    return Parsed(builder.root, builder.flaws)


class _Refused(Exception):
    """Nothing more of the file is read"""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.text)
        self.flaw = flaw


@dataclass(slots=True)
class _Open:
    """A list or a mapping whose end is not there yet. before: how many nodes there were. height: of what is in it so far."""

    node: ListNode | MapNode
    anchor: str | None
    before: int
    height: int = 0
    key: ScalarNode | None = None


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    height: int


class _Builder:
    """Makes nodes of events."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.flaws: list[Flaw] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._count = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._start(event, line)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._end()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Refused(Flaw(line, 'there must be one document in the file, and another one begins here'))

    def _scalar(self, event: Any, line: int) -> None:
        self._check_tag(event.tag, line)
        is_null = event.tag == f'{_PREFIX}null'
        is_plain = is_null or (event.implicit[0] and event.tag is None) or event.tag not in (None, f'{_PREFIX}str', '!')
        self._grow(1, line)
        node = ScalarNode(line, '' if is_null else event.value, is_plain)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._add(node, 0)

    def _alias(self, anchor: str | None, line: int) -> None:
        found = self._anchors.get(anchor or '')
        if found is None:
            is_open = any(item.anchor == anchor for item in self._open)
            # Its name is not told where it may be a password: text that was to stand in quotes.
            what = (
                f'*{anchor} is in itself' if is_open else 'an alias has no anchor before it; was it text, to be in quotes?'
            )
            raise _Refused(Flaw(line, what))
        self._grow(found.size, line)
        self._check_depth(found.height, line)
        self._add(found.node, found.height)

    def _start(self, event: Any, line: int) -> None:
        self._check_tag(event.tag, line)
        self._grow(1, line)
        self._check_depth(1, line)
        node = ListNode(line) if isinstance(event, yaml.SequenceStartEvent) else MapNode(line)
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open(node, event.anchor, self._count - 1))

    def _end(self) -> None:
        done = self._open.pop()
        if isinstance(done.node, MapNode):
            self.flaws += duplicates(done.node)
            self._merge(done.node)
        if done.anchor:
            self._anchors[done.anchor] = _Anchored(done.node, self._count - done.before, done.height + 1)
        self._add(done.node, done.height + 1)

    def _add(self, node: Node, height: int) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.height = max(parent.height, height)
        if isinstance(parent.node, ListNode):
            parent.node.items.append(node)
        elif parent.key is not None:
            parent.node.pairs.append((parent.key, node))
            parent.key = None
        elif isinstance(node, ScalarNode):
            parent.key = node
        else:
            raise _Refused(Flaw(node.line, 'a key must be text'))

    def _merge(self, node: MapNode) -> None:
        """Put in what merge keys lead to; the mapping's own keys count."""
        merged = [value for key, value in node.pairs if key.is_plain and key.text == _MERGE]
        if not merged:
            return
        node.pairs = [(key, value) for key, value in node.pairs if not (key.is_plain and key.text == _MERGE)]
        known = {key.text for key, _ in node.pairs}
        for value in merged:
            for source in value.items if isinstance(value, ListNode) else [value]:
                if not isinstance(source, MapNode):
                    self.flaws.append(Flaw(source.line, 'only mappings can be merged'))
                    continue
                node.pairs += [(key, found) for key, found in source.pairs if key.text not in known]
                known |= {key.text for key, _ in source.pairs}

    def _grow(self, size: int, line: int) -> None:
        self._count += size
        if self._count > MOST_NODES:
            raise _Refused(Flaw(line, f'there are more than {MOST_NODES:,} values, those behind aliases included'))

    def _check_depth(self, height: int, line: int) -> None:
        if len(self._open) + height > DEEPEST:
            raise _Refused(Flaw(line, f'it is nested more than {DEEPEST} levels deep'))

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag != '!' and tag not in _TAGS:
            self.flaws.append(Flaw(line, 'the tag, which begins with !, is not understood; was it text, to be in quotes?'))
