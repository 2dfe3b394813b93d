"""JSON, bodies without a format, and which objects can be in a payload."""

from __future__ import annotations

import json
from collections import OrderedDict, UserDict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar
from uuid import UUID

import pytest
from bunch import Bunch
from sqlalchemy import create_engine
from sqlalchemy import text as sql

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.json import FORMAT as JSON
from zato.server.channel.format.plain import plain, text
from zato.server.channel.format.raw import FORMAT as RAW
from zato.server.channel.format.xml import FORMAT as XML
from zato.server.http.form import FormFile
from zato.server.service.simpleio.model import Model


@dataclass
class Point:
    x: int
    y: list[int] = field(default_factory=list)


@dataclass
class Renamed:
    x: int

    def to_dict(self) -> dict[str, Any]:
        return {'renamed': self.x}


class ToDict:
    def to_dict(self) -> dict[str, Any]:
        return {'a': 1}


class ToJSON:
    def __init__(self, found: Any) -> None:
        self.found = found

    def to_json(self) -> Any:
        return self.found


class ToZato:
    def to_zato(self) -> dict[str, Any]:
        return {'b': ToDict()}

    def to_dict(self) -> dict[str, Any]:
        raise AssertionError('to_zato goes first')


class Color(Enum):
    RED = 'red'


@dataclass
class Line(Model):
    amount: int
    sku: str = ''


@dataclass
class Outer(Model):
    one: Any
    list: list[Any]
    dict: dict[str, Any]
    tuple: tuple[Any, ...]


@dataclass(init=False)
class Unset(Model):
    a: int
    b: int = 5

    def __init__(self) -> None:
        """Its own, so that no attribute is set."""


@dataclass
class WithClassVariable(Model):
    a: int
    b: ClassVar[int] = 5


class WithProperty(Line):
    sku = property(lambda self: 'found', lambda self, value: None)  # type: ignore[assignment]


class WithGetattr(Unset):
    def __getattr__(self, name: str) -> Any:
        return 'found'


class WithMore(Line):
    more = 5


@dataclass(slots=True)
class WithSlots(Model):
    a: int


class OwnForm(Line):
    def to_dict(self) -> dict[str, Any]:
        return {'own': self.amount}


@dataclass
class Values(Model):
    a: Any
    b: Any
    c: Any
    d: Any


class NoFields(Model):
    """Not a dataclass."""


MODELS = [
    Line(1),
    Unset(),
    WithClassVariable(1),
    WithProperty(1),
    WithGetattr(),
    WithMore(1),
    WithSlots(1),
    OwnForm(1),
    Values(Decimal('1.50'), UUID(int=1), datetime(2026, 1, 2), date(2026, 1, 2)),
    Values(Color.RED, b'\xff', None, (1, [Line(1), OwnForm(2)])),
    Values(Point(1), ToDict(), ToJSON('[1]'), {'a': OwnForm(1)}),
]


def rows() -> list[Any]:
    with create_engine('sqlite://').connect() as connection:
        return list(connection.execute(sql("select 1 as a, 'x' as b union select 2, null order by a")))


def root(document: str) -> Any:
    return XML.read(document.encode(), b'', {})


# Reading


@pytest.mark.parametrize('body', [b' ', b'\r\n', b'\t \n'])
def test_white_space_is_no_payload(body: bytes) -> None:
    assert JSON.read(body, b'application/json', {}) is None


@pytest.mark.parametrize(
    ('body', 'payload'),
    [
        (b'{}', {}),
        (b'[]', []),
        (b'0', 0),
        (b'""', ''),
        (b'null', None),
        (b' {"a": 1}\r\n', {'a': 1}),
        (b'{"a":1,"a":2}', {'a': 2}),
        (b'\xef\xbb\xbf{}', {}),
        (b'"\\u0000"', '\0'),
        (b'9' * 4000, int('9' * 4000)),
        (b'1e-400', 0.0),
    ],
)
def test_one_value_is_read(body: bytes, payload: Any) -> None:
    assert JSON.read(body, b'', {}) == payload


@pytest.mark.parametrize(
    'body',
    [
        b'{',
        b'{} {}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b'NaN',
        b'-Infinity',
        b'1e999',
        b'9' * 5000,
        b'-' + b'9' * 1_000_000,
        b'01',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\n"',
        b'\0',
        b'[' * 100_000,
        b'[' * 100_000 + b']' * 100_000,
        b'{"a":' * 100_000,
        b'\xef\xbb\xbf',
        b'\xef\xbb\xbf' * 2 + b'{}',
        b'\xef\xbb\xbf' * 100_000 + b'{}',
        b'\xef\xbb\xbf"\xff"',
        '{}'.encode('utf-16'),
        '{}'.encode('utf-32'),
        b'a=1',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_one_value_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        JSON.read(body, b'', {})
    assert caught.value.needs_msg
    assert 'not valid JSON' in caught.value.msg


def test_without_a_format_the_payload_is_what_came() -> None:
    assert RAW.read(b'\0\xff', b'text/plain', {}) == b'\0\xff'


# Writing


@pytest.mark.parametrize(
    ('payload', 'expected'),
    [
        ({}, {}),
        ([], []),
        (0, 0),
        (False, False),
        ({'a': (1, 2)}, {'a': [1, 2]}),
        ({1: 2}, {'1': 2}),
        (OrderedDict(a=1), {'a': 1}),
        (MappingProxyType({'a': 1}), {'a': 1}),
        (Bunch(a=Bunch(b=1)), {'a': {'b': 1}}),
        (Color.RED, 'red'),
        (Decimal('1.50'), '1.50'),
        (datetime(2026, 1, 2, 3, 4, 5), '2026-01-02T03:04:05'),
        ({'a': b'\xff'}, {'a': '/w=='}),
        (Point(1, [2]), {'x': 1, 'y': [2]}),
        ([Point(1)], [{'x': 1, 'y': []}]),
        ({'a': Point(1)}, {'a': {'x': 1, 'y': []}}),
        ({'a': [Point(1), ToDict()]}, {'a': [{'x': 1, 'y': []}, {'a': 1}]}),
        (Renamed(1), {'renamed': 1}),
        ([Renamed(1)], [{'renamed': 1}]),
        ({'a': Renamed(1)}, {'a': {'x': 1}}),
        ({'a': Renamed(1), 'b': ToDict()}, {'a': {'x': 1}, 'b': {'a': 1}}),
        (ToDict(), {'a': 1}),
        ((ToDict(),), [{'a': 1}]),
        (ToZato(), {'b': {'a': 1}}),
        (ToJSON('{"a": [1]}'), {'a': [1]}),
        (ToJSON(b'[]'), []),
        (ToJSON({'a': ToDict()}), {'a': {'a': 1}}),
        (root('<r><a>5</a></r>').a, 5),
        (root('<r><a>5</a></r>')[0], 5),
        ({'a': root('<r><a>x</a></r>').a}, {'a': 'x'}),
        ([root('<r><a>007</a></r>').a, root('<r><a>false</a></r>').a], ['007', False]),
        (FormFile('b', 'c/d', b'\xff'), {'filename': 'b', 'content_type': 'c/d', 'data': '/w=='}),
        ({'a': [FormFile('b', 'c/d', b'')]}, {'a': [{'filename': 'b', 'content_type': 'c/d', 'data': ''}]}),
        ({'a': UserDict(b=ToDict())}, {'a': {'b': {'a': 1}}}),
        (((Point(1),), {ToJSON('2')}), [[{'x': 1, 'y': []}], [2]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_payloads_are_json(payload: Any, expected: Any) -> None:
    for found in (JSON, RAW):
        body, content_type = found.write(payload, {})
        assert json.loads(body) == expected
        assert content_type == b'application/json'


def test_rows_of_sqlalchemy_are_dicts() -> None:
    expected = [{'a': 1, 'b': 'x'}, {'a': 2, 'b': None}]
    found = rows()
    assert json.loads(JSON.write(found, {})[0]) == expected
    assert json.loads(JSON.write(found[0], {})[0]) == expected[0]
    assert json.loads(JSON.write({'rows': found}, {})[0]) == {'rows': expected}
    assert json.loads(JSON.write([row._mapping for row in found], {})[0]) == expected


@pytest.mark.parametrize(
    'payload',
    [
        {(1, 2): 3},
        (item for item in ()),
        ToJSON('{'),
        ToJSON('1e999'),
        ToJSON('\ud800'),
        {'a': root('<r><a><b/></a></r>')},
        {'a': root('<r><a><b/></a></r>').a},
        {'a': NoFields()},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_json_is_an_error_of_the_server(payload: Any) -> None:
    with pytest.raises(ZatoException) as caught:
        JSON.write(payload, {})
    assert caught.value.status == 500


def test_what_a_client_calls_an_element_is_not_taken_for_a_method() -> None:
    element = root('<r><to_dict>1</to_dict><to_json>1</to_json><_mapping>1</_mapping></r>')
    assert plain(element) is element


def test_a_number_that_python_does_not_convert_is_an_error_of_the_server() -> None:
    with pytest.raises(ZatoException, match='Exceeds the limit'):
        JSON.write({'a': root(f'<r><a>{"9" * 5000}</a></r>').a}, {})


# Models


@pytest.mark.parametrize('item', MODELS, ids=lambda item: type(item).__name__)
def test_a_model_is_what_its_to_dict_says_wherever_it_is(item: Any) -> None:
    expected = item.to_dict()
    assert json.loads(JSON.write(item, {})[0]) == json.loads(JSON.write(expected, {})[0])
    assert json.loads(JSON.write([item, item], {})[0]) == json.loads(JSON.write([expected, expected], {})[0])
    assert plain(item) == plain(expected)
    outer = Outer(item, [item], {'a': [item]}, (item,))
    assert json.loads(JSON.write(outer, {})[0]) == json.loads(JSON.write(outer.to_dict(), {})[0])


@pytest.mark.parametrize('payload', [Line(1), [Line(1)], {'a': [Line(1)]}, Outer(Line(1), [Line(1)], {'a': Line(1)}, ())])
def test_models_are_written_without_making_dicts_of_them(payload: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def to_dict(self: Model) -> dict[str, Any]:
        raise AssertionError

    monkeypatch.setattr(Model, 'to_dict', to_dict)
    assert b'{"amount":1,"sku":""}' in JSON.write(payload, {})[0]


def test_a_model_in_itself_is_an_error_of_the_server() -> None:
    outer = Outer(None, [], {}, ())
    outer.list.append(outer)
    for payload in (outer, [outer], {'a': outer}):
        with pytest.raises(ZatoException):
            JSON.write(payload, {})


@pytest.mark.parametrize(
    ('payload', 'body', 'content_type'),
    [
        ('{"a":1}', b'{"a":1}', b'text/plain; charset=utf-8'),
        (b'\xff', b'\xff', b'application/octet-stream'),
        (None, b'', b'text/plain; charset=utf-8'),
    ],
)
def test_without_a_format_the_content_type_tells_text_from_bytes(payload: Any, body: bytes, content_type: bytes) -> None:
    assert RAW.write(payload, {}) == (body, content_type)


@pytest.mark.parametrize('payload', ['text', b'bytes', None])
def test_the_content_type_of_json_is_always_the_same(payload: Any) -> None:
    assert JSON.write(payload, {})[1] == b'application/json'


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (None, ''),
        ('ü', 'ü'),
        (True, 'true'),
        (False, 'false'),
        (-1, '-1'),
        (1.5, '1.5'),
        (Decimal('1.50'), '1.50'),
        (UUID(int=1), '00000000-0000-0000-0000-000000000001'),
        (date(2026, 1, 2), '2026-01-02'),
        (datetime(2026, 1, 2, 3, 4, 5), '2026-01-02T03:04:05'),
        (Color.RED, 'red'),
        ('ü'.encode(), 'ü'),
    ],
)
def test_one_value_is_text(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize('value', [b'\xff', [], {}, timedelta(1), object()], ids=lambda value: type(value).__name__)
def test_what_is_not_one_value_is_no_text(value: Any) -> None:
    with pytest.raises(ZatoException):
        text(value)
