"""Which channel a request is for: the most specific one, whatever was added and removed before."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.channel.routing import channel, is_empty, match, routes_of, slashed
from zato.common.config.kinds.channel_rest import PARAM
from zato.common.exception import BadRequest, ConfigError, Conflict, MethodNotAllowed, NotAcceptable, NotFound
from zato.server.channel.routes import Routes

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


# Parameters that span slashes


@pytest.mark.parametrize(
    ('path', 'request_path', 'params'),
    [
        ('/a/{b}', '/a/x', {'b': 'x'}),
        ('/a/{b}', '/a/x/y/z', {'b': 'x/y/z'}),
        ('/a/{b}', '/a/x/', {'b': 'x/'}),
        ('/a/{b}', '/a//', {'b': '/'}),
        ('/{a}', '/zato/x', {'a': 'zato/x'}),
        ('/a/{b}/c', '/a/x/c/y/c', {'b': 'x/c/y'}),
        ('/a/{b}/c/{d}', '/a/x/y/c/z/c/z', {'b': 'x/y', 'd': 'z/c/z'}),
        ('/a/x-{b}.{type}', '/a/x-/1.2/3.txt', {'b': '/1', 'type': '2/3.txt'}),
        ('/ü/{ñ}/', '/ü/ä/\n/', {'ñ': 'ä/\n'}),
    ],
)
def test_where_a_channel_says_so_its_parameters_may_have_slashes(
    path: str, request_path: str, params: dict[str, str]
) -> None:
    assert match(routes_of(slashed(path)), request_path) == (path, params)


@pytest.mark.parametrize('path', ['/a', '/a/', '/b/x/y', '/A/x/y', '*', '', '/'])
def test_they_have_at_least_one_character_and_stay_where_the_fixed_text_is(path: str) -> None:
    with pytest.raises(NotFound):
        match(routes_of(slashed('/a/{b}'), slashed('/c/{d}/e')), path)


def test_without_that_no_slash_is_matched() -> None:
    with pytest.raises(NotFound):
        match(routes_of('/a/{b}'), '/a/x/y')


def test_a_channel_that_needs_no_slash_in_a_parameter_comes_first_however_unspecific_it_is() -> None:
    routes = routes_of(slashed('/a/b/{c}'), '/{x}/{y}/{z}/{w}', slashed('/{x}/{y}'))
    assert match(routes, '/a/b/c/d')[0] == '/{x}/{y}/{z}/{w}'
    assert match(routes, '/a/b')[0] == '/{x}/{y}'
    assert match(routes, '/a/b/c/d/e')[0] == '/a/b/{c}'


@pytest.mark.parametrize(
    ('channels', 'path', 'found'),
    [
        (['/{a}', '/a/{b}'], '/a/x/y', '/a/{b}'),
        (['/{a}/x/y/z', '/a/{b}'], '/a/1/x/y/z', '/a/{b}'),
        (['/a/{b}', '/a/{b}/c'], '/a/x/y/c', '/a/{b}/c'),
        (['/a/{b}', '/a/{b}/c'], '/a/x/y/d', '/a/{b}'),
        (['/a/x{b}', '/a/{b}'], '/a/x/y', '/a/x{b}'),
        (['/a/{b}/c', '/a/x-{b}'], '/a/x-y/z/c', '/a/x-{b}'),
        (['/a/{b}/yz', '/a/{b}/{c}z'], '/a/x/x/yz', '/a/{b}/yz'),
        (['/a/x{b}', '/a/{b}z'], '/a/x/z', '/a/x{b}'),
        (['/a/{b}/c/d', '/a/{b}/c/{e}'], '/a/x/y/c/d', '/a/{b}/c/d'),
    ],
)
def test_of_those_the_one_with_most_fixed_parts_at_its_beginning_and_then_most_fixed_text_is_taken(
    channels: list[str], path: str, found: str
) -> None:
    for order in (channels, channels[::-1]):
        assert match(routes_of(*map(slashed, order)), path)[0] == found


def test_a_method_may_be_taken_by_a_channel_that_spans_slashes_and_by_no_other() -> None:
    routes = routes_of('GET /a/x/y', slashed('/a/{b}', 'PUT'), slashed('/{a}', 'PATCH'), 'POST /a/{b}/{c}')
    assert match(routes, '/a/x/y', 'PUT') == ('PUT /a/{b}', {'b': 'x/y'})
    with pytest.raises(MethodNotAllowed) as info:
        match(routes, '/a/x/y', 'DELETE')
    assert info.value.allowed == ('GET', 'PATCH', 'POST', 'PUT')


def test_a_value_with_slashes_that_is_not_utf8_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match='The URL path is not UTF-8'):
        match(routes_of(slashed('/a/{b}')), b'/a/x/\xff')


def tried(routes: Routes, path: str) -> int:
    """How many channels a request is compared with that leads nowhere: each time, how the path ends is looked at first."""
    calls: list[str] = []
    profiler = sys.getprofile()
    sys.setprofile(lambda frame, event, arg: calls.append(arg.__name__) if event == 'c_call' else None)
    try:
        with pytest.raises(NotFound):
            match(routes, path)
    finally:
        sys.setprofile(profiler)
    return calls.count('endswith')


@pytest.mark.parametrize(
    ('path', 'found'),
    [
        ('/api/name-%d/{id}', '/api/name-77/1/2'),
        ('/api/{x}/name-%d', '/api/1/2/name-77'),
        ('/api/{x}/items/name-%d/{id}', '/api/1/2/items/name-77/3/4'),
        ('/api/{x}/name-%d/line-items/{id}', '/api/1/2/name-77/line-items/3/4'),
    ],
)
def test_of_thousands_of_channels_only_few_are_tried(path: str, found: str) -> None:
    routes = routes_of(*(slashed(path % number) for number in range(2_000)), slashed('/api/{x}/{y}/end'))
    assert match(routes, found)[0] == path % 77
    assert 1 <= tried(routes, '/api/x/y/end/items/line-items/1') <= 2


@given(
    st.lists(st.text('ab/', max_size=3), min_size=2, max_size=4),
    st.lists(st.text('ab/', max_size=3), min_size=1, max_size=7),
)
def test_a_path_is_found_exactly_where_some_way_of_spanning_fits(texts: list[str], pieces: list[str]) -> None:
    texts = [f'/{texts[0]}', *(text or '-' for text in texts[1:-1]), texts[-1]]
    path = texts[0] + ''.join(f'{{p{number}}}{text}' for number, text in enumerate(texts[1:]))
    routes = routes_of(slashed(path))
    for request in ('/' + ''.join(pieces), '-'.join(['/', *pieces]), texts[0] + ''.join(pieces) + texts[-1]):
        if fits(texts, request):
            params = match(routes, request)[1]
            assert path.format(**params) == request
            assert all(params.values())
        else:
            with pytest.raises(NotFound):
                match(routes, request)


def fits(texts: list[str], path: str) -> bool:
    """Does `path` have these texts, with one or more characters between each two of them?"""
    first, *others = texts
    if not others or not path.startswith(first):
        return path == first
    return any(fits(others, path[end:]) for end in range(len(first) + 1, len(path) + 1))


# What the client accepts


@pytest.mark.parametrize('path', ['/a', '/a/{b}', '/a/x-{b}/c'])
@pytest.mark.parametrize('method', ['', 'GET'])
def test_channels_with_the_same_path_and_method_are_told_apart_by_what_the_client_accepts(path: str, method: str) -> None:
    types = ['text/*', 'application/json', '*/*', 'text/csv']
    routes = routes_of(*(channel(path, method, accept, accept=accept) for accept in types))
    at = PARAM.sub('1', path)
    assert match(routes, at, accept=b'text/csv')[0] == 'text/csv'
    assert match(routes, at, accept=b'text/html')[0] == 'text/*'
    assert match(routes, at, accept=b'image/png')[0] == '*/*'
    assert match(routes, at, accept=b'text/csv;q=0.5, application/json')[0] == 'application/json'
    assert match(routes, at)[0] == 'application/json'


def test_what_no_channel_answers_with_is_not_acceptable_and_the_client_learns_what_there_is() -> None:
    routes = routes_of(
        channel('/a/b', 'GET', accept='text/csv'),
        channel('/a/b', 'PUT', accept='text/xml'),
        channel('/a/{b}', '', accept='application/json'),
        channel('/{a}/b', 'PUT'),
    )
    with pytest.raises(NotAcceptable) as info:
        match(routes, '/a/b', 'GET', b'text/html, text/csv;q=0')
    assert info.value.available == ('application/json', 'text/csv')
    assert info.value.msg == 'Not acceptable; there is application/json, text/csv'
    assert info.value.status == 406


def test_what_no_channel_takes_the_method_of_is_not_allowed_whatever_the_client_accepts() -> None:
    with pytest.raises(MethodNotAllowed) as info:
        match(routes_of(channel('/a', 'GET', accept='text/csv')), '/a', 'PUT', b'text/html')
    assert info.value.allowed == ('GET',)


def test_where_the_most_specific_channel_answers_with_something_else_the_next_one_is_taken() -> None:
    csv, get, any_ = channel('/a/b', 'GET', accept='text/csv'), channel('/a/b', ''), slashed('/a/{b}', 'GET')
    assert match(routes_of(csv, any_, get), '/a/b', accept=b'text/html')[0] == '/a/b'
    assert match(routes_of(csv, any_), '/a/b', accept=b'text/html') == ('GET /a/{b}', {'b': 'b'})
    assert match(routes_of(csv, any_), '/a/b', accept=b'text/*') == ('GET /a/b', {})


@pytest.mark.parametrize('accept', ['text/csv', 'Text/CSV', 'text/csv; charset=utf-8', ' text/csv '])
def test_two_channels_cannot_have_the_same_path_method_and_media_type(accept: str) -> None:
    routes = routes_of(channel('/a/{x}', 'GET', 'first', accept='text/csv'))
    with pytest.raises(Conflict, match='Channel `first` has this path, method and `text/csv` already'):
        routes.add(channel('/a/{y}', 'GET', accept=accept))
    routes.add(channel('/a/{y}', 'GET', accept='text/*'))


def test_what_a_channel_answers_with_must_be_a_media_type() -> None:
    with pytest.raises(ConfigError, match='`http_accept` must be a media type such as'):
        channel('/a', accept='json')
    assert channel('/a', accept='').http_accept == '*/*'


# All channels that requests for a path can reach


def test_the_channels_that_a_path_has_are_those_that_some_request_reaches() -> None:
    routes = routes_of(
        channel('/a/b', 'GET', 'csv', accept='text/csv'),
        channel('/a/b', 'GET', 'text', accept='text/*'),
        channel('/a/{x}', 'GET', 'hidden by text', accept='text/csv'),
        channel('/a/{x}', 'GET', 'get'),
        channel('/a/{x}', '', 'any'),
        channel('/{x}/b', 'PUT', 'hidden by any'),
        slashed('/{x}', '', 'hidden by any too'),
        channel('/a/c', '', 'elsewhere'),
    )
    assert [item.name for item in routes.allowed(b'/a/b')] == ['csv', 'text', 'get', 'any']
    assert [item.name for item in routes.allowed(b'/x/y/z')] == ['hidden by any too']
    assert Routes().allowed(b'/a') == ()


@pytest.mark.parametrize('match_slash', [False, True])
def test_what_almost_fits_in_many_ways_is_refused_without_trying_them_all(match_slash: bool) -> None:
    routes = routes_of(channel('/{a}-{b}-{c}-{d}-{e}.pdf', match_slash=match_slash))
    with pytest.raises(NotFound):  # with one way tried after the other, this would not end
        match(routes, '/' + '-' * 8_000)
    with pytest.raises(NotFound):
        match(routes_of(slashed('/{a}/{b}/{c}/{d}/{e}/x')), '/' * 8_000)


# Changes


@pytest.mark.parametrize(
    ('first', 'second'),
    [('/a', '/a'), ('/a/{x}', '/a/{x}'), ('/a/{x}', '/a/{y}'), ('/x-{a}/b', '/x-{b}/b'), ('/{a}.{b}', '/{b}.{a}')],
)
@pytest.mark.parametrize('method', ['', 'GET'])
@pytest.mark.parametrize('match_slash', [False, True])
def test_two_channels_cannot_have_the_same_path_and_method(first: str, second: str, method: str, match_slash: bool) -> None:
    routes = routes_of(channel(first, method, 'first', match_slash=match_slash))
    for other in (channel(second, method), slashed(second, method)):
        with pytest.raises(Conflict, match='Channel `first` has this path and method already'):
            routes.add(other)
        routes.remove(other)
    routes.add(channel(second, 'PUT', 'third'))
    path = PARAM.sub('1', first)
    assert match(routes, path)[0] == 'first'
    assert match(routes, path, 'PUT')[0] == 'third'


@pytest.mark.parametrize('match_slash', [False, True])
@pytest.mark.parametrize('path', ['/a', '/a/{x}', '/{x}', '/a/b/x-{c}/d/{e}'])
def test_what_is_removed_leaves_nothing_behind(path: str, match_slash: bool) -> None:
    one, two = (channel(path, method, match_slash=match_slash) for method in ('GET', 'PUT'))
    csv = channel(path, 'GET', accept='text/csv', match_slash=match_slash)
    routes = routes_of(one, two, csv)
    routes.remove(one)
    match(routes, PARAM.sub('1', path), accept=b'text/csv')
    with pytest.raises(NotAcceptable):
        match(routes, PARAM.sub('1', path), accept=b'text/html')
    routes.remove(csv)
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


# What was found before


def test_what_was_found_before_counts_until_a_channel_comes_or_goes() -> None:
    routes = routes_of(slashed('/a/{b}'))
    for _ in range(3):
        assert match(routes, '/a//b/c') == ('/a/{b}', {'b': '/b/c'})
    other = channel('/a//b/{c}')
    routes.add(other)
    for _ in range(3):
        assert match(routes, '/a//b/c') == ('/a//b/{c}', {'c': 'c'})
    routes.remove(other)
    assert match(routes, '/a//b/c') == ('/a/{b}', {'b': '/b/c'})


def test_whoever_changes_the_parameters_of_a_request_does_not_change_those_of_the_next() -> None:
    routes = routes_of(slashed('/a/{b}'))
    for _ in range(3):
        params = routes.match(b'/a//x', b'GET')[1]
        assert params == {'b': '/x'}
        params['b'] = 'changed'


def test_what_is_remembered_does_not_grow_without_end() -> None:
    routes = routes_of(slashed('/a/{b}'))
    for number in range(2_500):
        assert match(routes, f'/a//{number}')[1] == {'b': f'/{number}'}
    match(routes, f'/a//{"x" * 10_000}')
    known = routes._known._found
    assert len(known) <= 1_000
    assert max(len(key[0]) for key in known) < 500
