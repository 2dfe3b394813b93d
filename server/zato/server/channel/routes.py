"""Finds the channel of a request. Exact paths come before patterns, and of patterns the most specific one is taken: part by
part from the left, fixed text before text with a parameter in it, that before a parameter alone. Only where that leads to no
channel, parameters may span slashes: the path that begins with most fixed parts is taken, then the one with most fixed text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from zato.common.config.kinds.channel_rest import PARAM
from zato.common.exception import BadRequest, Conflict, HTTPException, MethodNotAllowed, NotAcceptable, NotFound
from zato.server.channel.accept import ANYTHING, Accept, specificity
from zato.server.channel.channel import Channel
from zato.server.channel.known_routes import KnownRoutes

_NO_PARAMS: dict[str, str] = {}

#: Method, b'' for any → its channels, which differ in `http_accept`, the most specific first. If that is */*, it is alone.
Methods = dict[bytes, tuple[Channel, ...]]

#: What matches a path, and the values of its parameters.
Found = tuple[Methods, tuple[bytes, ...]]

_NOTHING_YET: Final[dict[Any, Any]] = {}
_NO_SPANS: Final[list[Channel]] = []

_SHORT: Final = 64  #: channels that may be looked through one by one


class _Span:
    """A path from its first part with a parameter on, where parameters span slashes."""

    __slots__ = ('_end', '_pattern', 'methods', 'rank')

    def __init__(self, shape: str) -> None:
        self.rank = (-len(shape.replace('{}', '')), shape)  #: the lowest is tried first
        self.methods: Methods = {}
        self._end = shape.rpartition('{}')[2].encode()
        self._pattern: re.Pattern[bytes] | None = None

    def match(self, rest: bytes) -> tuple[bytes, ...] | None:
        """Values of the parameters. The pattern is compiled when it is first needed, since there may be thousands."""
        if not rest.endswith(self._end):
            return None
        if self._pattern is None:
            self._pattern = _pattern([text.encode() for text in self.rank[1].split('{}')], rb'.')
        found = self._pattern.fullmatch(rest)
        return None if found is None else found.groups()


class _Spans:
    """Those that begin with the same fixed parts.

    Each is kept under a fixed part that it has further on, b'' if it has none. A request must have that part, so only few
    are tried. Of several parts the one with the fewest paths under it is taken, when the path is added.
    """

    __slots__ = ('_by_part',)

    def __init__(self, channels: Iterable[Channel]) -> None:
        self._by_part: dict[bytes, dict[str, _Span]] = {}
        for channel in channels:
            self.add(channel)

    def __bool__(self) -> bool:
        return bool(self._by_part)

    def add(self, channel: Channel) -> None:
        _add(self._methods_for(_shape(channel)), channel)

    def remove(self, channel: Channel) -> None:
        """Without effect if it is not there."""
        shape = _shape(channel)
        _remove(self._methods_for(shape), channel)
        self._cut(shape)

    def _methods_for(self, shape: str) -> Methods:
        """Made if need be."""
        parts = _fixed_parts(shape)
        for part in parts:
            if shape in self._by_part.get(part, ()):
                return self._by_part[part][shape].methods
        part = min(parts, key=lambda part: len(self._by_part.get(part, ())))
        span = self._by_part.setdefault(part, {})[shape] = _Span(shape)
        return span.methods

    def _cut(self, shape: str) -> None:
        """Without effect if a channel is there, or the shape is not."""
        for part in _fixed_parts(shape):
            spans = self._by_part.get(part, {})
            if shape in spans and not spans[shape].methods:
                del spans[shape]
                if not spans:
                    del self._by_part[part]

    def find(self, rest: bytes, parts: set[bytes]) -> Iterator[Found]:
        """rest: the path after the fixed parts. parts: those of the whole path, and b''."""
        spans = (span for part in self._by_part.keys() & parts for span in self._by_part[part].values())
        found = [(span, values) for span in spans if (values := span.match(rest)) is not None]
        for span, values in sorted(found, key=lambda pair: pair[0].rank):
            yield span.methods, values


class _Node:
    """What can follow one part of a path."""

    __slots__ = ('fixed', 'methods', 'mixed', 'param', 'spans')

    def __init__(self) -> None:
        """There are thousands, and most have one thing of all these: they share an empty dict until there is something."""
        self.fixed: dict[bytes, _Node] = _NOTHING_YET
        self.mixed: dict[str, tuple[re.Pattern[bytes], _Node]] = _NOTHING_YET  # by text, most fixed text first
        self.param: _Node | None = None
        self.methods: Methods = _NOTHING_YET
        self.spans: _Spans | list[Channel] = _NO_SPANS  # a list until a request needs the other, which takes more memory

    @property
    def is_empty(self) -> bool:
        return not (self.fixed or self.mixed or self.param or self.methods or self.spans)


class Routes:
    """Changes are made in one step: no request sees half of one."""

    def __init__(self) -> None:
        self._exact: dict[bytes, Methods] = {}
        self._root = _Node()
        self._known = KnownRoutes()

    def add(self, channel: Channel) -> None:
        """Raises Conflict if there is a channel with this path, method and `http_accept`."""
        self._known.forget()
        if not channel.params:
            _add(self._exact.setdefault(channel.path.encode(), {}), channel)
            return
        way = self._way_to(channel.path)
        last = way[-1][0]
        if not last.methods:
            last.methods = {}
        _add(last.methods, channel)
        if channel.match_slash:
            _add_spanning(_spanned(way), channel)

    def remove(self, channel: Channel) -> None:
        """Without effect if it is not there."""
        self._known.forget()
        if not channel.params:
            path = channel.path.encode()
            methods = self._exact.get(path, {})
            _remove(methods, channel)
            if not methods:
                self._exact.pop(path, None)
            return
        way = self._way_to(channel.path)
        _remove(way[-1][0].methods, channel)
        if channel.match_slash:
            _remove_spanning(_spanned(way), channel)
        for (parent, part), (node, _) in reversed(list(pairwise(way))):
            if node.is_empty:
                _cut(parent, part)

    def match(self, path: bytes, method: bytes, accept: bytes = b'') -> tuple[Channel, dict[str, str]]:
        """The channel, and the parameters in the path. accept: the request's header of that name, b'' if it has none.

        A path whose channels do not take the method, or answer with nothing that the client accepts, is passed over.
        Raises NotFound, MethodNotAllowed, NotAcceptable, BadRequest.
        """
        values: tuple[bytes, ...] = ()
        methods = self._exact.get(path)
        if methods is None:
            key = path, method, accept
            if (known := self._known.get(key)) is not None:
                return known
            found = _walk(self._root, path.split(b'/')[1:])
            if found is None:
                return self._known.put(key, self._choose(path, method, Accept(accept)))
            methods, values = found
        channels = methods.get(method) or methods.get(b'')
        if channels is not None and channels[0].http_accept == ANYTHING:  # most requests
            return channels[0], _named(channels[0], values) if values else _NO_PARAMS
        return self._choose(path, method, Accept(accept))

    def _choose(self, path: bytes, method: bytes, accept: Accept) -> tuple[Channel, dict[str, str]]:
        """As `match`."""
        passed_over = []
        for methods, values in self._find(path):
            channel = accept.choose(methods.get(method, ())) or accept.choose(methods.get(b'', ()))
            if channel is not None:
                return channel, _named(channel, values)
            passed_over.append(methods)
        raise _refusal(passed_over, method)

    def allowed(self, path: bytes) -> tuple[Channel, ...]:
        """All channels that `match` finds for this path, whatever the method and the header; the most specific first."""
        found: dict[tuple[str, str], Channel] = {}
        for methods, _ in self._find(path):
            channels = [channel for method in sorted(methods, reverse=True) for channel in methods[method]]
            hidden = [item for item in channels if _hiding(item) & found.keys()]
            found.update({(item.method, item.http_accept): item for item in channels if item not in hidden})
        return tuple(found.values())

    def _find(self, path: bytes) -> Iterator[Found]:
        """All that match, the most specific first."""
        methods = self._exact.get(path)
        if methods is not None:
            yield methods, ()
        parts = path.split(b'/')[1:]
        yield from _find(self._root, parts, 0)
        yield from _find_spanning(self._root, parts)

    def _way_to(self, path: str) -> list[tuple[_Node, str]]:
        """Each node, with the part that leads on from it. Nodes are made if need be."""
        way = []
        node = self._root
        for part in path.split('/')[1:]:
            way.append((node, part))
            node = _child(node, part)
        return [*way, (node, '')]


def _add(methods: Methods, channel: Channel) -> None:
    method = channel.method.encode()
    there = methods.get(method, ())
    for other in there:
        if other.http_accept == channel.http_accept:
            what = 'path and method' if channel.http_accept == ANYTHING else f'path, method and `{other.http_accept}`'
            raise Conflict(msg=f'Channel `{other.name}` has this {what} already')
    methods[method] = tuple(sorted((*there, channel), key=lambda item: (-specificity(item.http_accept), item.http_accept)))


def _remove(methods: Methods, channel: Channel) -> None:
    method = channel.method.encode()
    left = tuple(other for other in methods.get(method, ()) if other is not channel)
    if left:
        methods[method] = left
    else:
        methods.pop(method, None)


def _refusal(passed_over: list[Methods], method: bytes) -> HTTPException:
    channels = [channel for methods in passed_over for key in (method, b'') for channel in methods.get(key, ())]
    if channels:
        available = tuple(sorted({channel.http_accept for channel in channels}))
        return NotAcceptable(msg=f'Not acceptable; there is {", ".join(available)}', available=available)
    allowed = {key.decode() for methods in passed_over for key in methods}
    if allowed:
        return MethodNotAllowed(msg='Method not allowed', allowed=tuple(sorted(allowed)))
    return NotFound(msg='URL not found')


def _hiding(channel: Channel) -> set[tuple[str, str]]:
    """Method and `http_accept` of those that, on a more specific path, get all requests that this one could get."""
    main = channel.http_accept.partition('/')[0]
    wider = (channel.http_accept, f'{main}/*', ANYTHING)
    return {(method, http_accept) for method in (channel.method, '') for http_accept in wider}


def _add_spanning(node: _Node, channel: Channel) -> None:
    if isinstance(node.spans, _Spans):
        node.spans.add(channel)
    elif node.spans:
        node.spans.append(channel)
    else:
        node.spans = [channel]


def _remove_spanning(node: _Node, channel: Channel) -> None:
    """Without effect if it is not there."""
    spans = node.spans
    if isinstance(spans, list) and len(spans) <= _SHORT:
        node.spans = [other for other in spans if other is not channel]
    else:
        _indexed(node).remove(channel)


def _indexed(node: _Node) -> _Spans:
    if not isinstance(node.spans, _Spans):
        node.spans = _Spans(node.spans)
    return node.spans


def _spanned(way: list[tuple[_Node, str]]) -> _Node:
    """The node that the fixed parts at the beginning lead to."""
    return next(node for node, part in way if '{' in part)


def _shape(channel: Channel) -> str:
    """The path from its first part with a parameter on, without the parameters' names."""
    parts = channel.path.split('/')[1:]
    first = next(position for position, part in enumerate(parts) if '{' in part)
    return PARAM.sub('{}', '/'.join(parts[first:]))


def _fixed_parts(shape: str) -> list[bytes]:
    return [part.encode() for part in shape.split('/') if part and '{}' not in part] or [b'']


def _child(node: _Node, part: str) -> _Node:
    """Made if need be."""
    if '{' not in part:
        if not node.fixed:
            node.fixed = {}
        return node.fixed.setdefault(part.encode(), _Node())
    if PARAM.fullmatch(part):
        if node.param is None:
            node.param = _Node()
        return node.param
    key = PARAM.sub('{}', part)
    if key not in node.mixed:
        added = {**node.mixed, key: (_pattern([text.encode() for text in key.split('{}')]), _Node())}
        node.mixed = dict(sorted(added.items(), key=lambda item: (-len(item[0].replace('{}', '')), item[0])))
    return node.mixed[key][1]


def _pattern(texts: list[bytes], character: bytes = rb'[^/]') -> re.Pattern[bytes]:
    """Matches fixed texts, with a parameter between each two of them. The time it takes grows with the length alone.

    Each parameter but the last one ends at the first place that it can end at, which leaves most to those after it; so there
    is nothing to go back to, and the groups are atomic. character: which ones parameters may have.
    """
    first, *between, last = map(re.escape, texts)
    middle = b''.join(b'(?>(%b+?)%b)' % (character, text) for text in between)
    return re.compile(first + middle + b'(%b+)' % character + last, re.DOTALL)


def _cut(parent: _Node, part: str) -> None:
    if '{' not in part:
        del parent.fixed[part.encode()]
    elif PARAM.fullmatch(part):
        parent.param = None
    else:
        del parent.mixed[PARAM.sub('{}', part)]


def _walk(node: _Node, parts: list[bytes]) -> Found | None:
    """What `_find` yields first, where one way alone leads there; None where more than one has to be tried."""
    values = []
    for part in parts:
        child = node.fixed.get(part)
        if child is None:
            child = node.param
            if child is None or node.mixed or not part:
                return None
            values.append(part)
        node = child
    return (node.methods, tuple(values)) if node.methods else None


def _find(node: _Node, parts: list[bytes], position: int) -> Iterator[Found]:
    """What matches where a parameter is within one part, the most specific first."""
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


def _find_spanning(node: _Node, parts: list[bytes]) -> Iterator[Found]:
    """What matches where parameters span slashes, the most specific first."""
    on_the_way = []
    for position, part in enumerate(parts):
        if node.spans:
            on_the_way.append((position, node))
        child = node.fixed.get(part)
        if child is None:
            break
        node = child
    if not on_the_way:
        return
    there = {*parts, b''}
    for position, node in reversed(on_the_way):
        yield from _indexed(node).find(b'/'.join(parts[position:]), there)


def _named(channel: Channel, values: tuple[bytes, ...]) -> dict[str, str]:
    try:
        return dict(zip(channel.params, map(bytes.decode, values), strict=True))
    except UnicodeDecodeError:
        raise BadRequest(msg='The URL path is not UTF-8', needs_msg=True) from None
