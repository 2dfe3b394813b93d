"""Whatever a client sends: it is never our error, it is told what is wrong with it, and nothing of it is in the log."""

from __future__ import annotations

import gzip
import io
import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal as DecimalNumber
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.channel import hostile
from tests.unit.channel.rest import CONTENT_TYPES, MEGABYTE, REST, Answer, service
from zato.server.channel.cors import CORS
from zato.server.security.basic_auth import BasicAuth
from zato.server.service import (
    CSV,
    UTC,
    UUID,
    AsIs,
    Bool,
    Date,
    DateTime,
    Decimal,
    Dict,
    DictList,
    Float,
    Int,
    List,
    Model,
    Service,
    Text,
    dataclass,
)
from zato.server.service.compiled import CompiledService

FORMATS = ('', 'csv', 'form', 'json', 'xml')
LARGE = 100_000


class Color(Enum):
    RED = 'red'


@dataclass(init=False)
class Tree(Model):
    name: str
    others: list[Tree]
    one: Tree | None = None


@dataclass(init=False)
class Everything(Model):
    as_is: Any | None
    binary: bytes | None
    color: Color | None
    date: date | None
    date_time: datetime | None
    decimal: DecimalNumber | None
    flag: bool | None
    int: int | None
    list: list[int] | None
    maps: dict[str, int] | None
    number: float | None
    tags: set[str] | None
    text: str | None
    time: time | None
    tree: Tree | None
    union: int | str | None
    uuid: uuid.UUID | None
    id: Literal[1, 'x'] | None = None
    name: str = ''


ELEMENTS = (
    AsIs('-as_is'), Bool('-flag'), CSV('-csv'), Date('-date'), DateTime('-date_time'), Decimal('-decimal'), Float('-number'),
    Dict('-dict', Int('-id'), Dict('-maps'), '-name'), DictList('-dict_list', Float('-number'), List('-list')), Int('-int'),
    List('-list'), Text('-text'), UTC('-utc'), UUID('-uuid'), '-by_a', '-id', '-password', '-name',
)  # fmt: skip


def echo_payload(self: Service) -> None:
    self.response.payload = self.request.payload


def echo_input(self: Service) -> None:
    self.response.payload = self.request.input


def look_at_everything(self: Service) -> None:
    http = self.request.http
    seen = (http.method, http.path, http.user_agent, http.headers, http.GET, http.params, self.wsgi_environ, http.POST)
    self.response.payload = repr((seen, self.request.input)).encode('utf-8', 'backslashreplace')


SERVICES = {
    'elements': service(echo_input, input=ELEMENTS),
    'elements as text': service(look_at_everything, input=ELEMENTS),
    'required': service(look_at_everything, input=('as_is', Int('int'))),
    'models': service(echo_input, input=Everything),
    'models as text': service(look_at_everything, input=Everything),
    'list of models': service(look_at_everything, input=list[Tree]),
    'nothing': service(echo_payload),
    'nothing, and input': service(echo_input),
    'nothing, as text': service(look_at_everything),
}
#: A service that answers what its format cannot write makes a mistake of its own, as with names that XML does not have.
WRITTEN = {'elements': ('', 'json'), 'models': ('', 'json', 'xml'), 'nothing, and input': ('', 'json')}
PAIRS = [(name, data_format) for name in SERVICES for data_format in WRITTEN.get(name, FORMATS)]


def rest_of(made: CompiledService, data_format: str, **options: Any) -> REST:
    return REST(
        made, data_format=data_format, path='/a/{p}', match_slash=True, cors=CORS(origins=frozenset({'*'})), **options
    )


@contextmanager
def no_errors() -> Iterator[None]:
    """Nothing is logged that somebody must look at."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert out.getvalue() == ''


def checked(rest: REST, **arguments: Any) -> Answer:
    with no_errors():
        answer = rest.ask(**arguments)
    assert answer.status < 500, answer.body
    assert len(answer.cid) == 24
    if answer.status >= 400:
        assert isinstance(answer.details, str)
        assert answer.details
        assert answer.content_type == 'application/json'
    assert rest.invoker.running == set()
    return answer


def refused(data_format: str, body: bytes, *, made: str = 'nothing', **headers: Any) -> str:
    """What the client is told."""
    headers.setdefault('content_type', CONTENT_TYPES.get(data_format, b''))
    answer = checked(rest_of(SERVICES[made], data_format), body=body, target=b'/a/x', **headers)
    assert answer.status in (400, 413, 415), answer.body
    details: str = answer.details
    return details


def taken(data_format: str, body: bytes, *, made: str = 'nothing', **headers: Any) -> bytes:
    """What the service answers."""
    headers.setdefault('content_type', CONTENT_TYPES.get(data_format, b''))
    answer = checked(rest_of(SERVICES[made], data_format), body=body, target=b'/a/x', **headers)
    assert answer.status == 200, answer.body
    return answer.body


# Anything


@pytest.mark.parametrize(('name', 'data_format'), PAIRS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_a_client_sends_is_an_answer_or_its_own_mistake(name: str, data_format: str, data: st.DataObject) -> None:
    checked(rest_of(SERVICES[name], data_format), **data.draw(hostile.requests(data_format)))


# Numbers, text, nesting


@pytest.mark.parametrize('name', ['elements', 'models', 'nothing'])
@pytest.mark.parametrize(
    'body',
    [
        b'[' * LARGE,
        b'[' * LARGE + b']' * LARGE,
        b'{"as_is":' * LARGE + b'1' + b'}' * LARGE,
        b'{"as_is":' + b'[' * 5_000 + b']' * 5_000 + b'}',
    ],
    ids=['open', 'lists', 'dicts', 'inside'],
)
def test_json_that_is_nested_too_deeply_is_refused(name: str, body: bytes) -> None:
    assert 'nested too deeply' in refused('json', body, made=name) or b'truncated' in body


@pytest.mark.parametrize('depth', [100, 900, 1_500, 3_000])
@pytest.mark.parametrize('name', SERVICES)
def test_json_of_any_depth_is_taken_or_refused(depth: int, name: str) -> None:
    for before, after in ((b'[', b']'), (b'{"as_is":', b'}'), (b'{"one":', b'}'), (b'{"others":[', b']}')):
        rest = rest_of(SERVICES[name], 'json')
        checked(rest, body=before * depth + b'1' + after * depth, target=b'/a/x')
        checked(rest, body=b'{"as_is":' + before * depth + b'1' + after * depth + b'}', target=b'/a/x')
        checked(rest, body=b'{"tree":' + before * depth + b'{}' + after * depth + b'}', target=b'/a/x')


@pytest.mark.parametrize('depth', [100, 250, 1_000, LARGE])
@pytest.mark.parametrize('name', SERVICES)
def test_xml_of_any_depth_is_taken_or_refused(depth: int, name: str) -> None:
    body = b'<r>' + b'<as_is>' * depth + b'</as_is>' * depth + b'</r>'
    answer = checked(rest_of(SERVICES[name], 'xml'), body=body, target=b'/a/x')
    assert answer.status == 400 or depth <= 250


@pytest.mark.parametrize('text', ['1e999', '-1e999', 'NaN', 'Infinity', '-Infinity', '9' * 5_000, '01', '+1', '.5', '1.'])
@pytest.mark.parametrize('name', ['elements', 'models', 'nothing'])
def test_numbers_that_json_does_not_have_or_that_are_too_large_are_refused(text: str, name: str) -> None:
    for key in ('number', 'decimal', 'int', 'as_is', 'id'):
        assert refused('json', f'{{"{key}": {text}}}'.encode(), made=name).startswith('The body is not valid JSON: ')


@pytest.mark.parametrize(
    ('key', 'text', 'details'),
    [
        ('int', '9' * 5_000, 'Element is not an integer: int'),
        ('int', '1e5', 'Element is not an integer: int'),
        ('int', '1.5', 'Element is not an integer: int'),
        ('id', 'x', 'Element is not an integer: id'),
        ('number', '1e999', 'Element is not a number: number'),
        ('number', 'nan', 'Element is not a number: number'),
        ('number', '-inf', 'Element is not a number: number'),
        ('decimal', 'NaN', 'Element is not a decimal number: decimal'),
        ('decimal', 'sNaN', 'Element is not a decimal number: decimal'),
        ('decimal', 'Infinity', 'Element is not a decimal number: decimal'),
        ('date', 'x', 'Element is not a date: date'),
        ('date_time', '2030-13-45T00:00:00', 'Element is not a date and time: date_time'),
        ('date_time', '9' * 5_000, 'Element is not a date and time: date_time'),
        ('uuid', 'x', 'Element is not a UUID: uuid'),
        ('flag', 'maybe', 'Element is not true or false: flag'),
        ('by_a', 'maybe', 'Element is not true or false: by_a'),
        ('dict', 'x', 'Element is not a dict: dict'),
        ('dict_list', 'x', 'Element is not a list of dicts: dict_list'),
    ],
)
@pytest.mark.parametrize('data_format', ['csv', 'form', 'json', 'xml'])
def test_text_that_is_no_value_of_an_element_is_refused_with_its_name(
    data_format: str, key: str, text: str, details: str
) -> None:
    body = {
        'csv': f'{key}\r\n{text}\r\n',
        'form': f'{key}={text}',
        'json': json.dumps({key: text}),
        'xml': f'<r><{key}>{text}</{key}></r>',
    }[data_format]
    if data_format != 'json' and key == 'dict_list':
        details = 'Element is not a dict: /dict_list[0]'
    if data_format == 'csv':
        rule, way = details.split(': ')
        details = f'{rule}: /[0]/{way.removeprefix("/")}'
    assert refused(data_format, body.encode(), made='elements as text') == details


@pytest.mark.parametrize(
    'value', [[], {}, [{}], [[]], {'a': []}, [None], 1e308, 2**64 - 1, -(2**63), '', 'x', True, None, 0.5]
)
@pytest.mark.parametrize('name', ['elements', 'elements as text', 'models', 'models as text', 'required', 'list of models'])
def test_a_value_of_any_type_is_taken_or_refused_wherever_it_is(name: str, value: Any) -> None:
    rest = rest_of(SERVICES[name], 'json')
    for key in hostile.NAMES:
        for payload in ({key: value}, [{key: value}], {key: [value]}, {key: {'id': value}}, {'tree': {key: value}}):
            answer = checked(rest, body=json.dumps(payload).encode(), target=b'/a/x')
            assert answer.status in (200, 400)


@pytest.mark.parametrize('text', ['"\\ud800"', '"\\udc00"', '{"\\ud800": 1}', '"\\udc00\\ud800"', '"\\ud83dx"'])
@pytest.mark.parametrize('name', ['elements', 'models', 'nothing'])
def test_half_of_a_surrogate_pair_is_refused_in_json(text: str, name: str) -> None:
    refused('json', text.encode(), made=name)
    refused('json', f'{{"text": {text}}}'.encode(), made=name)
    refused('json', b'"\xed\xa0\x80"', made=name)


def test_half_of_a_surrogate_pair_is_refused_in_other_formats() -> None:
    refused('xml', b'<r>&#xD800;</r>')
    refused('xml', b'<r>\xed\xa0\x80</r>')
    refused('csv', b'a\r\n\xed\xa0\x80')
    refused('form', b'a=%ED%A0%80')
    refused('csv', b'a\r\n\x00\xd8', content_type='text/csv; charset=utf-16-le')


def test_of_equal_keys_the_last_one_counts() -> None:
    assert taken('json', b'{"a": 1, "a": 2}') == b'{"a":2}'
    assert taken('json', b'{"int": "x", "int": "2"}', made='elements').find(b'"int":2') > 0


# Compressed


@pytest.mark.parametrize('data_format', FORMATS)
@pytest.mark.parametrize('times', [1, 2])
def test_a_compressed_bomb_is_refused(data_format: str, times: int) -> None:
    bomb = b' ' * (50 * MEGABYTE)
    for _ in range(times):
        bomb = gzip.compress(bomb, 1)
    assert (
        refused(data_format, bomb, content_encoding=', '.join(['gzip'] * times)) == 'The body is longer than 10485760 bytes'
    )


def test_a_body_that_unpacks_to_itself_for_ever_is_refused() -> None:
    body = b'{}'
    for _ in range(100):
        body = gzip.compress(body)
    refused('json', body, content_encoding=', '.join(['gzip'] * 100))
    refused('json', gzip.compress(b'') * 50_000, content_encoding='gzip')


# URLs


@pytest.mark.parametrize('target', [b'/a/%FF', b'/a/x?%FF', b'/a/x?a=%C3', b'/a/%ED%A0%80', b'/a/x?a=%ED%A0%80'])
@pytest.mark.parametrize('name', SERVICES)
def test_a_url_that_is_not_utf8_is_refused(name: str, target: bytes) -> None:
    answer = checked(rest_of(SERVICES[name], 'json'), target=target)
    assert (answer.status, answer.details.endswith('is not UTF-8')) == (400, True)


def test_a_long_query_string_is_read() -> None:
    query = b'&'.join(b'a%d=%%C3%%BC' % i for i in range(600))
    answer = checked(rest_of(SERVICES['nothing, and input'], 'json'), target=b'/a/x?' + query, method='GET')
    assert len(answer.json) == 601


# Headers

N = 30_000  #: characters, which is what a head may have
HEADERS = [
    name.encode()
    for name in (
        'a/b' + ';' * N,
        'a/b; a="' + '\\' * N,
        'a/b' + '; a=b' * (N // 5),
        ',' * N,
        '*/*,' * (N // 4),
        'a/b;q=0.1,' * (N // 10),
        '"' * N,
        '\t ' * (N // 2),
        'q=' * (N // 2),
        'gzip,' * (N // 5),
        'Basic ' + 'A' * N,
        'Basic ' + '=' * N,
    )
]
SOME = [
    b'',
    b' ',
    b'\xff',
    b'Basic',
    b'Basic ',
    b'Basic \xff',
    b'Basic Og==',
    b'Basic /w==',
    b'Basic /zo=',
    b'basic OjpA',
    b'Bearer x',
]


@pytest.mark.parametrize('value', [*HEADERS, *SOME], ids=range(len(HEADERS) + len(SOME)))
@pytest.mark.parametrize('data_format', FORMATS)
def test_whatever_a_header_is_the_request_is_answered(data_format: str, value: bytes) -> None:
    rest = rest_of(SERVICES['nothing, as text'], data_format, security=BasicAuth('', '', 'API'))
    rest.routes.add(rest.channel(name='open', path='/b', method='POST', http_accept='text/html', data_format=data_format))
    for name in ('accept', 'accept_encoding', 'authorization', 'content_encoding', 'content_type', 'host', 'origin'):
        for target in (b'/a/x', b'/b'):
            checked(rest, body=b'a=1', target=target, **{name: value})
    for name in ('origin', 'access_control_request_method', 'access_control_request_headers'):
        asked = {'origin': b'null', 'access_control_request_method': b'POST', name: value}
        checked(rest, method='OPTIONS', target=b'/b', **asked)
