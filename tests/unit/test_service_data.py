"""What services read and write: input as a plain dict with attributes, query strings and forms, responses."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import SerialisationError
from zato.server.http.message import Request as HTTPMessage
from zato.server.service.data import HTTPData, Input, Request, Response, parse_pairs

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=5), items, max_size=3),
    max_leaves=10,
)


def message(query: bytes = b'', body: bytes = b'', **headers: str) -> HTTPMessage:
    names = {name.replace('_', '-').encode(): value.encode('latin-1') for name, value in headers.items()}
    made = HTTPMessage(b'POST', b'/a/b', query, b'1.1', names, '127.0.0.1')
    made.body = body
    return made


def input_of(payload: Any, params: dict[str, Any] | None = None) -> Input:
    return Request(b'', payload, message(), None, params).input


# Input


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_input_is_equal_to_the_payload_and_prints_like_it(payload: dict[str, Any]) -> None:
    found = input_of(payload)
    assert found == payload
    assert str(found) == repr(found) == f'{found}' == '%s' % found == repr(payload)  # noqa: UP031  # as loggers do


def test_input_is_attributes_all_the_way_down() -> None:
    found = input_of({'order': {'lines': [{'sku': 'a'}, [{'sku': 'b'}]]}})
    assert found.order.lines[0].sku == 'a'
    assert found.order.lines[1][0].sku == 'b'
    assert found['order']['lines'][0]['sku'] == 'a'
    found.order.total = 5
    assert found['order']['total'] == 5


def test_a_missing_key_is_the_errors_that_users_know() -> None:
    found = input_of({'a': 1})
    with pytest.raises(AttributeError):
        _ = found.b
    with pytest.raises(KeyError):
        _ = found['b']
    assert found.get('b') is None


@pytest.mark.parametrize('payload', [None, '', 'text', b'bytes', [], [1, 2], 5, True])
def test_input_is_never_none(payload: Any) -> None:
    found = input_of(payload)
    assert type(found) is Input
    assert found == {}


def test_parameters_of_the_url_go_over_the_payloads_own() -> None:
    payload = {'a': 1, 'b': {'c': 1}}
    assert input_of(payload, {'b': 'x', 'd': ['1', '2']}) == {'a': 1, 'b': 'x', 'd': ['1', '2']}
    assert input_of(None, {'a': 'x'}) == {'a': 'x'}
    assert input_of([1], {'a': 'x'}) == {'a': 'x'}


def test_changing_the_input_does_not_change_the_payload() -> None:
    request = Request(b'', {'a': {'b': [1]}})
    request.input.a.b.append(2)
    request.input.c = 1
    assert request.payload == {'a': {'b': [1]}}
    assert request.input == {'a': {'b': [1, 2]}, 'c': 1}, 'and it is the same input each time'


def test_a_copied_input_is_one_too() -> None:
    found = copy.deepcopy(input_of({'a': {'b': 1}}))
    assert found.a.b == 1
    found.a.b = 2
    assert repr(found) == "{'a': {'b': 2}}"


def test_raw_request_is_the_text_too() -> None:
    request = Request(b'{}', {})
    assert request.raw_request == request.text == b'{}'


# Query strings and forms


@pytest.mark.parametrize(
    ('data', 'pairs'),
    [
        (b'', {}),
        (b'a=1', {'a': '1'}),
        (b'a=1&b=', {'a': '1', 'b': ''}),
        (b'a', {'a': ''}),
        (b'a=1&a=2&a=3&b=4', {'a': ['1', '2', '3'], 'b': '4'}),
        (b'a=&a=', {'a': ['', '']}),
        (b'a+b=c%20d%2B', {'a b': 'c d+'}),
        (b'a=%C3%BC', {'a': 'ü'}),
        (b'a=1;b=2', {'a': '1;b=2'}),
        (b'&&a=1&', {'a': '1'}),
        (b'a=b=c', {'a': 'b=c'}),
        (b'a=%zz', {'a': '%zz'}),
    ],
)
def test_pairs_are_a_dict_and_repeated_keys_lists(data: bytes, pairs: dict[str, Any]) -> None:
    assert parse_pairs(data) == pairs


@pytest.mark.parametrize('data', [b'a=%FF', b'%FF=1', 'a=ü'.encode(), b'a=%C3'])
def test_pairs_that_are_no_text_are_an_error(data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        parse_pairs(data)


@given(st.dictionaries(st.text(st.characters(exclude_categories=['Cs']), min_size=1), st.lists(st.text(
    st.characters(exclude_categories=['Cs'])), min_size=1, max_size=3), max_size=4))  # fmt: skip
def test_what_was_encoded_comes_back(pairs: dict[str, list[str]]) -> None:
    expected = {key: values if len(values) > 1 else values[0] for key, values in pairs.items()}
    assert parse_pairs(urlencode(pairs, doseq=True).encode()) == expected


# self.request.http


def test_without_a_message_everything_is_empty() -> None:
    http = HTTPData(None)
    assert (http.method, http.path, http.user_agent, http.remote_addr) == ('', '', '', '')
    assert http.headers == http.GET == http.POST == http.params == {}


def test_what_the_message_has_is_there_as_text() -> None:
    http = Request(b'', None, message(b'a=1&a=2', b'', user_agent='curl/8', x_name='ü')).http
    assert (http.method, http.path, http.user_agent, http.remote_addr) == ('POST', '/a/b', 'curl/8', '127.0.0.1')
    assert http.headers == {'user-agent': 'curl/8', 'x-name': 'ü'}
    assert http.GET == {'a': ['1', '2']}


@pytest.mark.parametrize(
    ('content_type', 'fields'),
    [
        ('application/x-www-form-urlencoded', {'a': '1'}),
        ('application/x-www-form-urlencoded; charset=utf-8', {'a': '1'}),
        ('application/json', {}),
        ('', {}),
    ],
)
def test_only_the_body_of_a_form_has_fields(content_type: str, fields: dict[str, str]) -> None:
    http = Request(b'a=1', None, message(b'', b'a=1', content_type=content_type)).http
    assert fields == http.POST


# self.response


def test_a_new_response_is_an_empty_200() -> None:
    response = Response()
    assert (response.payload, response.status_code, response.content_type, response.headers) == ('', 200, '', {})
    assert response.take_header_lines() == ()


def test_headers_are_sent_as_latin_1() -> None:
    response = Response()
    response.headers['X-Name'] = 'ü'
    assert response.take_header_lines() == ((b'X-Name', b'\xfc'),)
    response.headers['X-Name'] = '€'
    with pytest.raises(SerialisationError, match="a header, 'X-Name', that is not latin-1"):
        response.take_header_lines()
    response.headers['X-Name'] = 5  # type: ignore[assignment]  # as services do
    assert response.take_header_lines() == ((b'X-Name', b'5'),)
