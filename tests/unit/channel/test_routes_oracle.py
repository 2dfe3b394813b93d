"""Routes find what a slow implementation of the same rules finds, whatever was added and removed before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.channel.routing import channel, is_empty, match
from zato.common.config.kinds.channel_rest import PARAM
from zato.common.exception import Conflict, MethodNotAllowed, NotAcceptable, NotFound
from zato.server.channel.channel import Channel
from zato.server.channel.routes import Routes

TEMPLATES = ['a', 'ä', '', '{}', 'a{}', 'a-{}', '{}-{}', '{}-b']
VALUES = ['a', 'ä', '', 'a-b', 'a-a-b', 'ab', '-']
FEW_TEMPLATES, FEW_VALUES = ['a', '{}'], ['a', 'b']  # so that many channels match one path
METHODS = ['GET', 'PUT']

SPECIFIC = {'*/*': 0, 'a/*': 1, 'a/b': 2}

#: Header → how much the client wants what a channel answers with.
ACCEPTS = {
    b'': {'*/*': 1, 'a/*': 1, 'a/b': 1},
    b'a/b': {'*/*': 1, 'a/*': 1, 'a/b': 1},
    b'a/c': {'*/*': 1, 'a/*': 1, 'a/b': 0},
    b'c/d': {'*/*': 1, 'a/*': 0, 'a/b': 0},
    b'c/d, a/b;q=0.5': {'*/*': 1, 'a/*': 0.5, 'a/b': 0.5},
    b'a/c, a/b;q=0.5': {'*/*': 1, 'a/*': 1, 'a/b': 0.5},
}


@dataclass(frozen=True)
class Slow:
    """Tries all channels, sorted by how specific they are."""

    channels: list[Channel]

    def match(self, path: str, method: str, accept: bytes) -> Any:
        """(name, parameters), what there is to accept, methods that are allowed, or None."""
        wanted = ACCEPTS[accept]
        fitting = []
        for item in self.channels:
            for spans in (False, True) if item.match_slash else (False,):
                found = self._pattern(item, '.' if spans else '[^/]').fullmatch(path)
                rank = (spans, self._spanning_rank(item) if spans else self._rank(item), item.method == '')
                if found:
                    fitting.append(((*rank, -wanted[item.http_accept], -SPECIFIC[item.http_accept]), item, found))
        taking = [row for row in fitting if row[1].method in (method, '')]
        for _, item, found in sorted(taking, key=lambda row: row[0]):
            if wanted[item.http_accept]:
                return item.name, dict(zip(item.params, found.groups(), strict=True))
        if taking:
            return 'available', sorted({item.http_accept for _, item, _ in taking})
        return sorted({item.method for _, item, _ in fitting}) or None

    @staticmethod
    def _pattern(item: Channel, character: str) -> re.Pattern[str]:
        return re.compile(f'({character}+?)'.join(map(re.escape, PARAM.split(item.path)[::2])), re.DOTALL)

    @staticmethod
    def _rank(item: Channel) -> list[tuple[int, int, str]]:
        ranks = []
        for part in item.path.split('/'):
            text = PARAM.sub('{}', part)
            sort = 2 if text == '{}' else 1 if '{}' in text else 0
            ranks.append((sort, -len(text.replace('{}', '')) if sort == 1 else 0, text if sort == 1 else ''))
        return ranks

    @staticmethod
    def _spanning_rank(item: Channel) -> tuple[int, int, str]:
        shape = PARAM.sub('{}', item.path)
        return -shape.partition('{')[0].count('/'), -len(shape.replace('{}', '')), shape


@st.composite
def channels_of(draw: st.DrawFn, templates: list[str]) -> Channel:
    parts = draw(st.lists(st.sampled_from(templates), min_size=1, max_size=3))
    names = (f'{{p{i}}}' for i in range(9))
    path = re.sub(r'\{\}', lambda _: next(names), '/' + '/'.join(parts))
    method, accept = draw(st.sampled_from(['', *METHODS])), draw(st.sampled_from(list(SPECIFIC)))
    return channel(path, method, f'{method} {path} {accept}', accept=accept, match_slash=draw(st.booleans()))


def matched(routes: Routes, path: str, method: str, accept: bytes) -> Any:
    """As `Slow.match` has it."""
    try:
        return match(routes, path, method, accept)
    except NotAcceptable as e:
        return 'available', list(e.available)
    except MethodNotAllowed as e:
        return list(e.allowed)
    except NotFound:
        return None


def paths_of(values: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=4).map(lambda parts: '/' + '/'.join(parts))


def requests_of(values: list[str]) -> st.SearchStrategy[list[tuple[str, bytes]]]:
    return st.lists(st.tuples(paths_of(values), st.sampled_from(list(ACCEPTS))), min_size=1, max_size=10)


@given(
    st.lists(channels_of(TEMPLATES), max_size=12),
    st.lists(st.integers(0, 11), max_size=6),
    requests_of(VALUES),
)
def test_whatever_was_added_and_removed_the_right_channel_is_found(
    channels: list[Channel], removals: list[int], requests: list[tuple[str, bytes]]
) -> None:
    routes = Routes()
    there = add_all(routes, channels)
    for position in removals:
        if position < len(channels):
            routes.remove(channels[position])
            there = [item for item in there if item is not channels[position]]
    slow = Slow(there)
    for path, accept in requests:
        for method in METHODS:
            assert matched(routes, path, method, accept) == slow.match(path, method, accept)
    for item in there:
        routes.remove(item)
    assert is_empty(routes)


@given(st.lists(channels_of(FEW_TEMPLATES), max_size=20), requests_of(FEW_VALUES))
def test_where_many_channels_match_the_right_one_is_found(
    channels: list[Channel], requests: list[tuple[str, bytes]]
) -> None:
    routes = Routes()
    slow = Slow(add_all(routes, channels))
    for path, accept in requests:
        for method in METHODS:
            assert matched(routes, path, method, accept) == slow.match(path, method, accept)


@given(st.lists(channels_of(FEW_TEMPLATES), max_size=12), st.lists(paths_of(FEW_VALUES), min_size=1, max_size=5))
def test_the_channels_allowed_for_a_path_are_those_that_some_request_finds(
    channels: list[Channel], asked: list[str]
) -> None:
    routes = Routes()
    slow = Slow(add_all(routes, channels))
    for path in asked:
        answers = [slow.match(path, method, accept) for method in (*METHODS, 'DELETE') for accept in ACCEPTS]
        found = {answer[0] for answer in answers if isinstance(answer, tuple) and answer[0] != 'available'}
        assert sorted(item.name for item in routes.allowed(path.encode())) == sorted(found)


def add_all(routes: Routes, channels: list[Channel]) -> list[Channel]:
    """Those that were added; the others are refused, each for one that was."""
    there: dict[tuple[str, str, str], Channel] = {}
    for item in channels:
        key = (PARAM.sub('{}', item.path), item.method, item.http_accept)
        if key in there:
            with pytest.raises(Conflict):
                routes.add(item)
        else:
            routes.add(item)
            there[key] = item
    return list(there.values())
