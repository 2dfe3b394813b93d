"""Items of files that stand for several: one of their keys has a list where each object has a single value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from zato.common.enmasse.nodes import ListNode, MapNode, Node, ScalarNode

_NAME: Final = 'name'


def one_for_each(item: MapNode, key: str, setting: str, fill: Callable[[str], str]) -> Iterator[MapNode]:
    """The item once for each value that the list under `key` has, with that value under `setting`.

    Where there are several, each is named after its value as well. fill: puts variables' values in. Raises MissingVariable.
    """
    listed = next(node for found, node in item.pairs if found.text == key)
    values = listed.items if isinstance(listed, ListNode) else [listed]
    for value in values:
        pairs: list[tuple[ScalarNode, Node]] = []
        for found, node in item.pairs:
            if found.text == key:
                pairs.append((ScalarNode(found.line, setting, is_plain=True), value))
            elif found.text == _NAME and len(values) > 1 and isinstance(node, ScalarNode) and isinstance(value, ScalarNode):
                text = f'{fill(node.text)} {fill(value.text)}'
                pairs.append((found, ScalarNode(node.line, text, is_plain=False)))
            else:
                pairs.append((found, node))
        yield MapNode(item.line, pairs)
