"""Which channel a request is for: the most specific one, whatever was added and removed before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import BadRequest, Conflict, MethodNotAllowed, NotFound
from zato.server.channel import raw_format
from zato.server.channel.channel import PARAM, Channel
from zato.server.channel.routes import Routes
from zato.server.service.compiled import CompiledService


def no_service(params: dict[str, str], cid: str) -> CompiledService:
    raise AssertionError('nothing is invoked here')


def channel(path: str, method: str = '', name: str = '') -> Channel:
    return Channel(
        name=name or f'{method} {path}'.strip(),
        path=path,
        method=method,
        resolve=no_service,
        parse=raw_format.parse,
        render=raw_format.render,
    )


def routes_of(*channels: str | Channel) -> Routes:
    """Each channel is 'METHOD /path' or '/path' for any method."""
    routes = Routes()
    for item in channels:
        if isinstance(item, str):
            method, _, path = item.rpartition(' ')
            item = channel(path, method)
        routes.add(item)
    return routes


def match(routes: Routes, path: str | bytes, method: str = 'GET') -> tuple[str, dict[str, str]]:
    """Name of the channel, and the parameters."""
    found, params = routes.match(path if isinstance(path, bytes) else path.encode(), method.encode())
    return found.name, params


def is_empty(routes: Routes) -> bool:
    return not routes._exact and routes._root.is_empty


# The most specific one


@pytest.mark.parametrize(
    ('channels', 'path', 'found', 'params'),
    [
        (['/a/{b}', '/a/b'], '/a/b', '/a/b', {}),
        (['/a/{b}', '/a/b'], '/a/c', '/a/{b}', {'b': 'c'}),
        (['/a/{b}/c', '/a/x/{c}'], '/a/x/c', '/a/x/{c}', {'c': 'c'}),
        (['/{a}/b/c', '/a/{b}/{c}'], '/a/b/c', '/a/{b}/{c}', {'b': 'b', 'c': 'c'}),
        (['/a/{b}', '/a/x-{b}'], '/a/x-1', '/a/x-{b}', {'b': '1'}),
        (['/a/{b}', '/a/x-{b}', '/a/x-1'], '/a/x-1', '/a/x-1', {}),
        (['/a/x-{b}', '/a/x-y-{b}'], '/a/x-y-1', '/a/x-y-{b}', {'b': '1'}),
        (['/a/ab{x}', '/a/{x}-{y}'], '/a/ab-c', '/a/ab{x}', {'x': '-c'}),
        (['/a/{x}.json', '/a/{x}.{type}'], '/a/b.json', '/a/{x}.json', {'x': 'b'}),
        (['/a/{x}.json', '/a/{x}.{type}'], '/a/b.xml', '/a/{x}.{type}', {'x': 'b', 'type': 'xml'}),
        (['/{a}', '/{a}/{b}'], '/x/y', '/{a}/{b}', {'a': 'x', 'b': 'y'}),
        (['/a/{b}/', '/a/{b}'], '/a/x/', '/a/{b}/', {'b': 'x'}),
        (['/a/{b}', '/a/{b}/c'], '/a/x', '/a/{b}', {'b': 'x'}),
    ],
)
def test_the_most_specific_path_is_taken_part_by_part(
    channels: list[str], path: str, found: str, params: dict[str, str]
) -> None:
    for order in (channels, channels[::-1]):
        assert match(routes_of(*order), path) == (found, params)


@pytest.mark.parametrize(
    ('channels', 'path', 'found', 'params'),
    [
        (['/a/{b}/c', '/{a}/b/d'], '/a/b/d', '/{a}/b/d', {'a': 'a'}),
        (['/a/x-{b}/c', '/a/{b}/d'], '/a/x-1/d', '/a/{b}/d', {'b': 'x-1'}),
        (['/a/x-y-{b}/1', '/a/x-{b}/2', '/a/{b}/3'], '/a/x-y-z/2', '/a/x-{b}/2', {'b': 'y-z'}),
        (['/a/x-y-{b}/1', '/a/x-{b}/2', '/a/{b}/3'], '/a/x-y-z/3', '/a/{b}/3', {'b': 'x-y-z'}),
    ],
)
def test_where_the_most_specific_way_leads_nowhere_the_next_one_is_taken(
    channels: list[str], path: str, found: str, params: dict[str, str]
) -> None:
    assert match(routes_of(*channels), path) == (found, params)


@pytest.mark.parametrize(
    'path', ['/', '', '*', '/a', '/a/', '/a/b', '/a/b/', '/a/b/c/d', '//b/c', '/a//c', '/A/b/c', '/x-/y', '/-y', '/x-y/']
)
def test_what_no_channel_has_is_not_found(path: str) -> None:
    with pytest.raises(NotFound, match='URL not found'):
        match(routes_of('/a/{b}/c', '/x-{b}/{c}y', '/a/b/c/d/e'), path)


def test_a_parameter_ends_where_what_follows_it_begins() -> None:
    routes = routes_of('/{a}-{b}')
    assert match(routes, '/1-2-3')[1] == {'a': '1', 'b': '2-3'}
    assert match(routes, '/\n-ä?#%')[1] == {'a': '\n', 'b': 'ä?#%'}


def test_what_is_special_in_regular_expressions_is_plain_text_in_a_path() -> None:
    routes = routes_of('/a.b/{c}', '/(x)+{d}[0-9]$')
    assert match(routes, '/(x)+1[0-9]$')[1] == {'d': '1'}
    for path in ('/a-b/c', '/xx10'):
        with pytest.raises(NotFound):
            match(routes, path)


def test_a_path_may_have_any_characters() -> None:
    assert match(routes_of('/żółw/{ñame}/x'), '/żółw/ü/x')[1] == {'ñame': 'ü'}


@pytest.mark.parametrize('path', [b'/a/\xff', b'/a/x\xc3'])
def test_a_value_that_is_not_utf8_is_a_bad_request(path: bytes) -> None:
    with pytest.raises(BadRequest, match='The URL path is not UTF-8') as info:
        match(routes_of('/a/{b}'), path)
    assert info.value.needs_msg
    with pytest.raises(NotFound):
        match(routes_of('/a/b'), path)


# Methods


def test_a_channel_for_one_method_comes_before_one_for_any() -> None:
    for path in ('/a', '/a/{b}'):
        routes = routes_of(path, f'GET {path}')
        assert match(routes, path, 'GET')[0] == f'GET {path}'
        assert match(routes, path, 'PUT')[0] == path


@pytest.mark.parametrize(
    ('channels', 'path', 'method', 'found'),
    [
        (['GET /a/b', '/a/{x}'], '/a/b', 'PUT', '/a/{x}'),
        (['GET /a/{x}/c', 'PUT /{a}/b/c'], '/a/b/c', 'PUT', 'PUT /{a}/b/c'),
        (['GET /a/x-{b}', 'PUT /a/{b}'], '/a/x-1', 'PUT', 'PUT /a/{b}'),
    ],
)
def test_where_the_most_specific_path_does_not_take_the_method_a_less_specific_one_may(
    channels: list[str], path: str, method: str, found: str
) -> None:
    assert match(routes_of(*channels), path, method)[0] == found


def test_a_method_that_nobody_takes_is_refused_with_those_of_all_paths_that_match() -> None:
    routes = routes_of('GET /a/b', 'PUT /a/b', 'POST /a/{x}', 'PATCH /{x}/b', 'DELETE /a/c', 'HEAD /a/{x}/{y}')
    with pytest.raises(MethodNotAllowed) as info:
        match(routes, '/a/b', 'DELETE')
    assert info.value.allowed == ('GET', 'PATCH', 'POST', 'PUT')
    with pytest.raises(MethodNotAllowed) as info:
        match(routes, '/a/x', 'GET')
    assert info.value.allowed == ('POST',)


# Changes


@pytest.mark.parametrize(
    ('first', 'second'),
    [('/a', '/a'), ('/a/{x}', '/a/{x}'), ('/a/{x}', '/a/{y}'), ('/x-{a}/b', '/x-{b}/b'), ('/{a}.{b}', '/{b}.{a}')],
)
@pytest.mark.parametrize('method', ['', 'GET'])
def test_two_channels_cannot_have_the_same_path_and_method(first: str, second: str, method: str) -> None:
    routes = routes_of(channel(first, method, 'first'))
    with pytest.raises(Conflict, match='Channel `first` has this path and method already'):
        routes.add(channel(second, method, 'second'))
    routes.add(channel(second, 'PUT', 'third'))
    path = PARAM.sub('1', first)
    assert match(routes, path)[0] == 'first'
    assert match(routes, path, 'PUT')[0] == 'third'


@pytest.mark.parametrize('path', ['/a', '/a/{x}', '/{x}', '/a/b/x-{c}/d/{e}'])
def test_what_is_removed_leaves_nothing_behind(path: str) -> None:
    one, two = channel(path, 'GET'), channel(path, 'PUT')
    routes = routes_of(one, two)
    routes.remove(one)
    with pytest.raises(MethodNotAllowed):
        match(routes, PARAM.sub('1', path))
    routes.remove(two)
    with pytest.raises(NotFound):
        match(routes, PARAM.sub('1', path))
    assert is_empty(routes)


def test_removing_one_channel_leaves_those_around_it() -> None:
    gone = channel('/a/{b}/c')
    routes = routes_of('/a/{b}', gone, '/a/{b}/c/{d}', '/a/{b}/x')
    routes.remove(gone)
    for path in ('/a/1', '/a/1/c/2', '/a/1/x'):
        match(routes, path)
    with pytest.raises(NotFound):
        match(routes, '/a/1/c')


@pytest.mark.parametrize('path', ['/a', '/a/{x}', '/a/x-{y}/b'])
def test_removing_what_is_not_there_changes_nothing(path: str) -> None:
    routes = routes_of('/b/{c}')
    routes.remove(channel(path))
    other = channel(path, name='other')
    routes.add(other)
    routes.remove(channel(path, name='another one of that path'))
    routes.remove(channel(path, 'GET'))
    assert match(routes, PARAM.sub('1', path))[0] == 'other'
    routes.remove(other)
    routes.remove(other)
    routes.remove(channel('/b/{c}', 'GET'))
    assert match(routes, '/b/1')[0] == '/b/{c}'


# Against a slow implementation of the same rules


@dataclass(frozen=True)
class Slow:
    """Tries all channels, sorted by how specific they are."""

    channels: list[Channel]

    def match(self, path: str, method: str) -> Any:
        """(name, parameters), methods that are allowed, or None."""
        fitting = [(item, found) for item in self.channels if (found := self._pattern(item).fullmatch(path))]
        for item, found in sorted(fitting, key=lambda pair: (self._rank(pair[0]), pair[0].method == '')):
            if item.method in (method, ''):
                return item.name, dict(zip(item.params, found.groups(), strict=True))
        return sorted({item.method for item, _ in fitting}) or None

    @staticmethod
    def _pattern(item: Channel) -> re.Pattern[str]:
        return re.compile('([^/]+?)'.join(map(re.escape, PARAM.split(item.path)[::2])), re.DOTALL)

    @staticmethod
    def _rank(item: Channel) -> list[tuple[int, int, str]]:
        ranks = []
        for part in item.path.split('/'):
            text = PARAM.sub('{}', part)
            sort = 2 if text == '{}' else 1 if '{}' in text else 0
            ranks.append((sort, -len(text.replace('{}', '')) if sort == 1 else 0, text if sort == 1 else ''))
        return ranks


TEMPLATES = ['a', 'ä', '', '{}', 'a{}', 'a-{}', '{}-{}', '{}-b']
VALUES = ['a', 'ä', '', 'a-b', 'a-a-b', 'ab', '-']
METHODS = ['GET', 'PUT']


@st.composite
def channels_of(draw: st.DrawFn) -> Channel:
    parts = draw(st.lists(st.sampled_from(TEMPLATES), min_size=1, max_size=2))
    names = (f'{{p{i}}}' for i in range(9))
    path = re.sub(r'\{\}', lambda _: next(names), '/' + '/'.join(parts))
    return channel(path, draw(st.sampled_from(['', *METHODS])))


def matched(routes: Routes, path: str, method: str) -> Any:
    """As `Slow.match` has it."""
    try:
        return match(routes, path, method)
    except MethodNotAllowed as e:
        return list(e.allowed)
    except NotFound:
        return None


@given(
    st.lists(channels_of(), max_size=12),
    st.lists(st.integers(0, 11), max_size=6),
    st.lists(st.lists(st.sampled_from(VALUES), min_size=1, max_size=2), min_size=1, max_size=10),
)
def test_whatever_was_added_and_removed_the_right_channel_is_found(
    channels: list[Channel], removals: list[int], requests: list[list[str]]
) -> None:
    routes = Routes()
    there: dict[tuple[str, str], Channel] = {}
    for item in channels:
        key = (PARAM.sub('{}', item.path), item.method)
        if key in there:
            with pytest.raises(Conflict):
                routes.add(item)
        else:
            routes.add(item)
            there[key] = item
    for position in removals:
        if position < len(channels):
            routes.remove(channels[position])
            there = {key: item for key, item in there.items() if item is not channels[position]}
    slow = Slow(list(there.values()))
    for parts in requests:
        for method in METHODS:
            path = '/' + '/'.join(parts)
            assert matched(routes, path, method) == slow.match(path, method)
    for item in there.values():
        routes.remove(item)
    assert is_empty(routes)


def test_a_part_that_almost_fits_in_many_ways_is_refused_without_trying_them_all() -> None:
    routes = routes_of('/{a}-{b}-{c}-{d}-{e}.pdf')
    with pytest.raises(NotFound):  # with one way tried after the other, this would not end
        match(routes, '/' + '-' * 8_000)
