"""What a service gets of a request: path, query and body, merged as the channel says; bodies decompressed and bounded."""

from __future__ import annotations

import gzip
from itertools import product
from typing import Any

import pytest

from tests.unit.channel.rest import CONTENT_TYPES, HIDDEN, MEGABYTE, REST, request, service
from zato.server.service import Int, Model, dataclass
from zato.server.service.input import Input

BODIES = {
    'csv': b'a\r\nbody\r\n',
    'form': b'a=body',
    'json': b'{"a": "body"}',
    'xml': b'<r><a>body</a></r>',
}
SOURCES = [found for found in product(('path', ''), ('query', ''), ('body', '')) if any(found)]
LISTS = {
    'csv': b'a,b\r\n1,2\r\n3,4\r\n',
    'json': b'[{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]',
}


@dataclass(init=False)
class Order(Model):
    count: int
    name: str


@dataclass(init=False)
class User(Model):
    name: str


@dataclass(init=False)
class Users(Model):
    user_list: list[User]


def kept(**options: Any) -> REST:
    """A service that keeps its requests. options: what it declares, and those of its channel."""
    declared = {name: options.pop(name) for name in ('SimpleIO', 'input') if name in options}
    seen: list[Any] = []
    made = REST(service(lambda service: seen.append(service.request), **declared), **options)
    made.seen = seen
    return made


def winner(sources: tuple[str, ...], *, is_path_first: bool, is_message_first: bool) -> str:
    of_url = ('path', 'query') if is_path_first else ('query', 'path')
    order = ('body', *of_url) if is_message_first else (*of_url, 'body')
    return next(source for source in order if source in sources)


# Path, query string and body


@pytest.mark.parametrize('data_format', sorted(BODIES))
@pytest.mark.parametrize('is_declared', [True, False], ids=['declared', 'undeclared'])
@pytest.mark.parametrize('is_path_first', [True, False], ids=['path-over-qs', 'qs-over-path'])
@pytest.mark.parametrize('is_message_first', [True, False], ids=['msg-over-params', 'params-over-msg'])
@pytest.mark.parametrize('sources', SOURCES, ids=lambda sources: '+'.join(filter(None, sources)))
def test_of_several_values_the_one_counts_that_the_puts_first(
    data_format: str, is_declared: bool, is_path_first: bool, is_message_first: bool, sources: tuple[str, ...]
) -> None:
    rest = kept(
        **({'input': 'a'} if is_declared else {}),
        path='/x/{a}' if 'path' in sources else '/x/path',
        data_format=data_format,
        is_path_first=is_path_first,
        is_message_first=is_message_first,
        is_query_payload=data_format == 'json',
    )
    target = b'/x/path?a=query' if 'query' in sources else b'/x/path'
    body = BODIES[data_format] if 'body' in sources else b''
    found = rest.input(body, target, content_type=CONTENT_TYPES[data_format])
    expected = winner(sources, is_path_first=is_path_first, is_message_first=is_message_first)
    if data_format == 'csv' and body and is_declared:
        assert found == [{'a': expected}]
    elif data_format == 'csv' and body:
        expected = winner(sources[:2], is_path_first=is_path_first, is_message_first=False) if any(sources[:2]) else ''
        assert found == ({'a': expected} if expected else {}), 'the payload is a list, and no input'
    else:
        assert found == {'a': expected}


@pytest.mark.parametrize('data_format', sorted(BODIES))
def test_different_elements_come_together_from_everywhere(data_format: str) -> None:
    rest = kept(input=('a', 'p', Int('q'), '-none'), path='/{p}', data_format=data_format)
    found = rest.input(BODIES[data_format], b'/x?q=3', content_type=CONTENT_TYPES[data_format])
    expected = {'a': 'body', 'p': 'x', 'q': 3, 'none': ''}
    assert found == ([expected] if data_format == 'csv' else expected)


def test_without_a_data_format_the_input_is_made_of_the_url_alone() -> None:
    rest = kept(input=('p', 'q'), path='/{p}', data_format='')
    assert rest.input(b'{"p": "body"}', b'/x?q=y') == {'p': 'x', 'q': 'y'}
    rest.ask(b'a=1', b'/x?q=y')
    assert (rest.seen[0].payload, rest.seen[0].raw_request) == (b'a=1', b'a=1')


def test_parameters_that_are_not_declared_are_input_too_and_other_elements_of_the_body_are_not() -> None:
    rest = kept(input='a', path='/{p}')
    assert rest.input(b'{"a": 1, "b": 2}', b'/x?q=y') == {'a': '1', 'p': 'x', 'q': 'y'}


def test_a_declared_element_that_is_left_out_while_it_is_empty_does_not_come_back_as_a_parameter() -> None:
    sio = type('SimpleIO', (), {'input_optional': 'a', 'skip_empty_keys': True})
    assert kept(SimpleIO=sio).input(target=b'/a?a=&b=') == {'b': ''}


def test_parameters_are_fields_of_a_model_and_no_others() -> None:
    found = kept(input=Order, path='/{name}').input(b'{"count": 1}', b'/x?count=2&other=3')
    assert isinstance(found, Order)
    assert found.to_dict() == {'count': 2, 'name': 'x'}


def test_a_repeated_parameter_becomes_a_list() -> None:
    assert kept().input(target=b'/a?a=1&a=2&b=3') == {'a': ['1', '2'], 'b': '3'}


@pytest.mark.parametrize(
    ('body', 'found'),
    [
        (b'[1]', {'q': 'y'}),
        (b'"text"', {'q': 'y'}),
        (b'5', {'q': 'y'}),
        (b'null', {'q': 'y'}),
        (b' \r\n', {'q': 'y'}),
        (b'{}', {'q': 'y'}),
        (b'[{"q": 1}]', {'q': 'y'}),
    ],
)
def test_without_a_declaration_parameters_are_input_whatever_the_body_is(body: bytes, found: dict[str, str]) -> None:
    assert kept().input(body, b'/a?q=y') == found


# Lists


@pytest.mark.parametrize('data_format', sorted(LISTS))
@pytest.mark.parametrize('is_message_first', [True, False])
def test_each_item_of_a_list_has_the_parameters(data_format: str, is_message_first: bool) -> None:
    rest = kept(
        input=('a', 'b', 'q'),
        path='/{b}',
        data_format=data_format,
        is_message_first=is_message_first,
    )
    found = rest.input(LISTS[data_format], b'/path?q=x', content_type=CONTENT_TYPES[data_format])
    assert [type(item).__mro__[1] for item in found] == [Input, Input]
    first, second = ('2', '4') if is_message_first else ('path', 'path')
    assert found == [{'a': '1', 'b': first, 'q': 'x'}, {'a': '3', 'b': second, 'q': 'x'}]


@pytest.mark.parametrize('data_format', sorted(LISTS))
def test_a_list_without_a_declaration_is_the_payload_and_not_the_input(data_format: str) -> None:
    rest = kept(data_format=data_format)
    rest.ask(LISTS[data_format], content_type=CONTENT_TYPES[data_format])
    [seen] = rest.seen
    assert (seen.input, seen.payload) == ({}, [{'a': '1', 'b': '2'}, {'a': '3', 'b': '4'}])


@pytest.mark.parametrize(
    ('body', 'details'),
    [
        (b'[{"a": 1}, {}]', 'Element missing: /[1]/a'),
        (b'[{"a": 1}, 5]', 'The input must be an object with the declared elements, not a number: /[1]'),
        (b'[[]]', 'The input must be an object with the declared elements, not a list: /[0]'),
        (b'5', 'The input must be an object with the declared elements, not a number'),
        (b'"x"', 'The input must be an object with the declared elements, not text'),
        (b'null', 'Element missing: a'),
        (b'', 'Element missing: a'),
        (b'{"a": "x"}', 'Element is not an integer: a'),
    ],
)
def test_what_is_not_the_declared_input_is_a_bad_request_that_says_why(body: bytes, details: str) -> None:
    answer = kept(input=Int('a')).ask(body)
    assert (answer.status, answer.details) == (400, details)


def test_an_empty_list_is_an_empty_list() -> None:
    assert kept(input='a').input(b'[]') == []


def test_elements_of_a_model_are_named_with_the_way_to_them() -> None:
    rest = kept(input=Users)
    assert rest.ask(b'{"user_list": [{"name": 1}, {}]}').details == 'Element missing: /user_list[1]/name'
    assert rest.ask(b'{"user_list": 5}').details == 'Element is not a list: /user_list'
    assert rest.ask(b'5').details == 'The input must be an object with the declared elements, not a number'


# Without merging


def test_without_merging_parameters_are_not_input_and_are_there_all_the_same() -> None:
    rest = kept(path='/{p}', merges_params=False)
    assert rest.input(b'{"a": 1}', b'/x?q=y') == {'a': 1}
    rest.ask(b'{"a": 1}', b'/x?q=y')
    [seen] = rest.seen
    assert (seen.http.params, seen.http.GET) == ({'p': 'x'}, {'q': 'y'})
    assert (seen.merge_channel_params, seen.channel_params) == (False, None)


def test_without_merging_a_declared_element_must_be_in_the_body() -> None:
    rest = kept(input='p', path='/{p}', merges_params=False)
    assert rest.ask(b'{}', b'/x?p=y').details == 'Element missing: p'
    assert rest.input(b'{"p": "body"}', b'/x?p=y') == {'p': 'body'}


def test_with_merging_parameters_are_also_where_they_came_from() -> None:
    rest = kept(path='/{p}')
    rest.ask(b'{"p": 1}', b'/x?p=y&p=z')
    [seen] = rest.seen
    assert (seen.http.params, seen.http.GET, seen.channel_params) == ({'p': 'x'}, {'p': ['y', 'z']}, {'p': ['y', 'z']})
    assert seen.merge_channel_params


def test_parameters_of_a_path_that_is_the_channels_own_are_not_the_services() -> None:
    rest = kept(path='/invoke/{name}', drops_path=True)
    assert rest.input(b'', b'/invoke/x?q=y') == {'q': 'y'}
    rest.ask(b'', b'/invoke/x')
    assert rest.seen[0].http.params == {}


@pytest.mark.parametrize(('body', 'payload'), [(b'', {'q': 'y'}), (b'{"a": 1}', {'a': 1}), (b'null', {'q': 'y'})])
def test_the_query_string_is_the_payload_where_the_says_so_and_there_is_no_other(body: bytes, payload: Any) -> None:
    rest = kept(is_query_payload=True)
    rest.ask(body, b'/a?q=y')
    assert rest.seen[0].payload == payload


@pytest.mark.parametrize('merges', [True, False])
@pytest.mark.parametrize('target', [b'/a?q=%FF', b'/a?%FF', b'/a?q=\xff'])
def test_a_query_string_that_is_not_utf8_is_a_bad_request(merges: bool, target: bytes) -> None:
    answer = kept(merges_params=merges).ask(target=target)
    assert (answer.status, answer.details) == (400, 'The query string is not UTF-8')


# Compressed bodies


@pytest.mark.parametrize('data_format', ['', *sorted(BODIES)])
def test_a_compressed_body_is_the_same_as_one_that_is_not(data_format: str) -> None:
    rest = kept(data_format=data_format)
    body = BODIES.get(data_format, b'raw')
    content_type = CONTENT_TYPES.get(data_format, b'')
    rest.ask(body, content_type=content_type)
    rest.ask(gzip.compress(body), content_type=content_type, content_encoding='gzip')
    plain, compressed = rest.seen
    assert compressed.raw_request == plain.raw_request == body
    assert compressed.input == plain.input
    if data_format != 'xml':
        assert compressed.payload == plain.payload


def test_the_fields_of_a_compressed_form_are_there_whatever_the_data_format() -> None:
    rest = kept(data_format='')
    rest.ask(gzip.compress(b'a=1'), content_type=CONTENT_TYPES['form'], content_encoding='gzip')
    assert rest.seen[0].http.POST == {'a': '1'}


@pytest.mark.parametrize('data_format', ['', *sorted(BODIES)])
@pytest.mark.parametrize(
    ('body', 'encoding', 'status', 'details'),
    [
        (b'{}', 'br', 415, 'The only Content-Encoding that is understood here is gzip, twice at most'),
        (b'{}', 'gzip', 400, 'The body is not valid gzip: Error -3 while decompressing data: incorrect header check'),
        (gzip.compress(b'{}', mtime=0)[:-1], 'gzip', 400, 'The body is not valid gzip: it ends too early'),
        (gzip.compress(b'{}', mtime=0) + b'x', 'gzip', 400, 'The body is not valid gzip: it ends too early'),
    ],
)
def test_what_cannot_be_decompressed_is_the_clients_error(
    data_format: str, body: bytes, encoding: str, status: int, details: str
) -> None:
    rest = kept(data_format=data_format)
    answer = rest.ask(body, content_encoding=encoding)
    assert (answer.status, answer.details) == (status, details)
    assert rest.seen == []


@pytest.mark.parametrize('size', [70_000, 2 * MEGABYTE, 10 * MEGABYTE])
def test_a_without_a_limit_of_its_own_has_that_of_the_server(size: int) -> None:
    rest = kept(data_format='')
    rest.ask(gzip.compress(b'\0' * size), content_encoding='gzip')
    assert [len(seen.raw_request) for seen in rest.seen] == [size]


@pytest.mark.parametrize('times', [1, 2])
@pytest.mark.parametrize(('options', 'limit'), [({}, 10 * MEGABYTE), ({'max_body': 1_000_000}, 1_000_000)])
def test_a_bomb_is_too_large(times: int, options: dict[str, int], limit: int) -> None:
    bomb = bytes(20 * MEGABYTE)
    for _ in range(times):
        bomb = gzip.compress(bomb)
    answer = kept(data_format='', **options).ask(bomb, content_encoding=', '.join(['gzip'] * times))
    assert (answer.status, answer.details) == (413, f'The body is longer than {limit} bytes')


@pytest.mark.parametrize(('of_channel', 'of_server'), [(5_000, 1_000), (1_000, 5_000)])
def test_a_body_that_was_compressed_is_bounded_by_channel_and_server(of_channel: int, of_server: int) -> None:
    rest = kept(data_format='', max_body=of_channel, pipeline={'max_body': of_server})
    assert rest.ask(gzip.compress(bytes(1_000)), content_encoding='gzip').status == 200
    assert rest.ask(gzip.compress(bytes(1_001)), content_encoding='gzip').status == 413


# The longest body


def test_the_limit_is_the_longest_body() -> None:
    rest = kept(data_format='', max_body=10)
    assert rest.ask(b'x' * 10).status == 200
    answer = rest.ask(b'x' * 11)
    assert (answer.status, answer.details) == (413, 'The body is longer than 10 bytes')
    assert len(rest.seen) == 1


@pytest.mark.parametrize(('length', 'status'), [(b'10', None), (b'11', 413), (b'9' * 20, 413), (b'x', None), (None, None)])
def test_a_body_that_is_too_long_is_refused_before_it_is_read(length: bytes | None, status: int | None) -> None:
    rest = kept(max_body=10)
    response = rest.pipeline.refuse(request(**({'content_length': length} if length else {})))
    assert (response.status if response else None) == status


def test_a_without_a_limit_refuses_no_length() -> None:
    assert kept().pipeline.refuse(request(content_length=b'9' * 10)) is None


def test_a_service_that_fails_is_not_taken_for_a_client_that_did(caplog: pytest.LogCaptureFixture) -> None:
    def handle(service: Any) -> None:
        service.request.input['none']

    answer = REST(service(handle)).ask(b'{}')
    assert (answer.status, answer.details) == (500, HIDDEN)
    assert 'KeyError' in caplog.text
