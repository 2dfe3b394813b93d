"""Finds the channel of a request. Exact paths come before patterns, and of patterns the most specific one is taken: part by
part from the left, fixed text before text with a parameter in it, that before a parameter alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from zato.common.exception import BadRequest, Conflict, MethodNotAllowed, NotFound
from zato.server.channel.channel import PARAM, Channel

_NO_PARAMS: dict[str, str] = {}

#: Method, b'' for any → channel.
Methods = dict[bytes, Channel]


class _Node:
    """What can follow one part of a path."""

    __slots__ = ('fixed', 'methods', 'mixed', 'param')

    def __init__(self) -> None:
        self.fixed: dict[bytes, _Node] = {}
        self.mixed: dict[str, tuple[re.Pattern[bytes], _Node]] = {}  # by text, the one with most fixed text first
        self.param: _Node | None = None
        self.methods: Methods = {}

    @property
    def is_empty(self) -> bool:
        return not (self.fixed or self.mixed or self.param or self.methods)


class Routes:
    """Changes are made in one step: no request sees half of one."""

    def __init__(self) -> None:
        self._exact: dict[bytes, Methods] = {}
        self._root = _Node()

    def add(self, channel: Channel) -> None:
        """Raises Conflict if there is a channel with this path and method."""
        methods = self._methods_for(channel.path)
        method = channel.method.encode()
        if method in methods:
            raise Conflict(msg=f'Channel `{methods[method].name}` has this path and method already')
        methods[method] = channel

    def remove(self, channel: Channel) -> None:
        """Without effect if it is not there."""
        method = channel.method.encode()
        if not channel.params:
            path = channel.path.encode()
            methods = self._exact.get(path, {})
            if methods.get(method) is channel:
                del methods[method]
                if not methods:
                    del self._exact[path]
            return
        way = self._way_to(channel.path)
        methods = way[-1][0].methods
        if methods.get(method) is channel:
            del methods[method]
        for (parent, part), (node, _) in reversed(list(pairwise(way))):
            if node.is_empty:
                _cut(parent, part)

    def match(self, path: bytes, method: bytes) -> tuple[Channel, dict[str, str]]:
        """The channel, and the parameters in the path. Raises NotFound, MethodNotAllowed, BadRequest."""
        methods = self._exact.get(path)
        if methods is not None:
            channel = methods.get(method) or methods.get(b'')
            if channel is not None:
                return channel, _NO_PARAMS
        allowed = set(methods or ())
        for candidates, values in _find(self._root, path.split(b'/')[1:], 0):
            channel = candidates.get(method) or candidates.get(b'')
            if channel is not None:
                return channel, _named(channel, values)
            allowed.update(candidates)
        if allowed:
            raise MethodNotAllowed(msg='Method not allowed', allowed=tuple(sorted(item.decode() for item in allowed)))
        raise NotFound(msg='URL not found')

    def _methods_for(self, path: str) -> Methods:
        if not PARAM.search(path):
            return self._exact.setdefault(path.encode(), {})
        node = self._root
        for part in path.split('/')[1:]:
            node = _child(node, part)
        return node.methods

    def _way_to(self, path: str) -> list[tuple[_Node, str]]:
        """Each node, with the part that leads on from it."""
        way = []
        node = self._root
        for part in path.split('/')[1:]:
            way.append((node, part))
            node = _child(node, part)
        return [*way, (node, '')]


def _child(node: _Node, part: str) -> _Node:
    """Made if need be."""
    if '{' not in part:
        return node.fixed.setdefault(part.encode(), _Node())
    if PARAM.fullmatch(part):
        if node.param is None:
            node.param = _Node()
        return node.param
    key = PARAM.sub('{}', part)
    if key not in node.mixed:
        node.mixed[key] = (_pattern([text.encode() for text in key.split('{}')]), _Node())
        node.mixed = dict(sorted(node.mixed.items(), key=lambda item: (-len(item[0].replace('{}', '')), item[0])))
    return node.mixed[key][1]


def _pattern(texts: list[bytes]) -> re.Pattern[bytes]:
    """Matches a part: fixed texts, with a parameter between each two of them. The time it takes grows with the length alone.

    Each parameter but the last one ends at the first place that it can end at, which leaves most to those after it; so there
    is nothing to go back to, and the groups are atomic.
    """
    first, *between, last = map(re.escape, texts)
    return re.compile(first + b''.join(b'(?>([^/]+?)%b)' % text for text in between) + b'([^/]+)' + last, re.DOTALL)


def _cut(parent: _Node, part: str) -> None:
    if '{' not in part:
        del parent.fixed[part.encode()]
    elif PARAM.fullmatch(part):
        parent.param = None
    else:
        del parent.mixed[PARAM.sub('{}', part)]


def _find(node: _Node, parts: list[bytes], position: int) -> Iterator[tuple[Methods, tuple[bytes, ...]]]:
    """What matches, with the values of its parameters, the most specific first."""
    if position == len(parts):
        if node.methods:
            yield node.methods, ()
        return
    part = parts[position]
    child = node.fixed.get(part)
    if child is not None:
        yield from _find(child, parts, position + 1)
    if not part:
        return
    for pattern, child in node.mixed.values():
        found = pattern.fullmatch(part)
        if found is not None:
            for methods, values in _find(child, parts, position + 1):
                yield methods, (*found.groups(), *values)
    if node.param is not None:
        for methods, values in _find(node.param, parts, position + 1):
            yield methods, (part, *values)


def _named(channel: Channel, values: tuple[bytes, ...]) -> dict[str, str]:
    try:
        return {name: value.decode() for name, value in zip(channel.params, values, strict=True)}
    except UnicodeDecodeError:
        raise BadRequest(msg='The URL path is not UTF-8', needs_msg=True) from None
