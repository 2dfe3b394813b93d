"""Fields of models: what they may be annotated with, what becomes of values that are missing or of another type."""

# ruff: noqa: RUF009  # list_field() is a field

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, ClassVar, Literal, NewType, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import (
    ElementMissing,
    ModelValidationError,
)
from zato.common.typing_ import (
    any_,
    anydict,
    anylist,
    anytuple,
    boolnone,
    bytesnone,
    callnone,
    date_,
    datetime_,
    datetimez,
    dict_,
    dict_field,
    dictlist,
    dictnone,
    floatnone,
    intlist,
    intnone,
    isotimestamp,
    list_,
    list_field,
    listnone,
    optional,
    strdict,
    strint,
    strlist,
    strnone,
    strorlist,
    strset,
    strtuple,
    tuple_,
    union_,
)
from zato.server.service import Model

NAN, INFINITY = float('nan'), float('inf')
ID = uuid.UUID('0123456789abcdef0123456789abcdef')
NOON = datetime(2026, 11, 22, 12, 30, 5)
PLUS_TWO = timezone(timedelta(hours=2))
HUGE = '9' * 5_000


class Color(Enum):
    RED = 'red'
    BLUE = 'blue'


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Shape(StrEnum):
    ROUND = 'round'


UserID = NewType('UserID', int)


@dataclass(init=False)
class Address(Model):
    street: str
    city: strnone


@dataclass(init=False)
class User(Model):
    name: str
    age: int
    address: optional[Address]


def with_field(annotation: Any, **options: Any) -> type[Model]:
    """A model with one field `x`."""
    made = type('Made', (Model,), {'__annotations__': {'x': annotation}, **options})
    return dataclass(init=False)(made)


def x_of(annotation: Any, value: Any) -> Any:
    found: Any = with_field(annotation).from_dict({'x': value})
    return found.x


# Types of fields

FIELDS: list[tuple[Any, Any, Any]] = [
    (str, 'a', 'a'),
    (str, 5, '5'),
    (str, True, 'True'),
    (strnone, 'a', 'a'),
    (int, 5, 5),
    (int, '5', 5),
    (int, 5.0, 5),
    (int, True, 1),
    (intnone, '5', 5),
    (float, 5, 5.0),
    (float, '1.5', 1.5),
    (floatnone, 1.5, 1.5),
    (bool, 'yes', True),
    (bool, 'off', False),
    (bool, 1, True),
    (bool, 0, False),
    (boolnone, '', False),
    (datetime_, '2026-11-22T12:30:05', NOON),
    (datetime_, 'Sun, 22 Nov 2026 12:30:05', NOON),
    (datetime_, NOON, NOON),
    (datetimez, '2026-11-22T12:30:05', NOON.replace(tzinfo=UTC)),
    (datetimez, '2026-11-22T12:30:05+02:00', NOON.replace(tzinfo=PLUS_TWO)),
    (optional[datetimez], NOON, NOON.replace(tzinfo=UTC)),
    (list_[datetimez], ['2026-11-22T12:30:05Z'], [NOON.replace(tzinfo=UTC)]),
    (isotimestamp, '22 Nov 2026 12:30:05', '2026-11-22T12:30:05'),
    (isotimestamp, '2026-11-22T12:30:05Z', '2026-11-22T12:30:05+00:00'),
    (isotimestamp, NOON, '2026-11-22T12:30:05'),
    (optional[isotimestamp], '2026-11-22', '2026-11-22T00:00:00'),
    (date_, '2026-11-22', date(2026, 11, 22)),
    (date_, '22 November 2026', date(2026, 11, 22)),
    (date_, NOON, date(2026, 11, 22)),
    (date_, date(2026, 11, 22), date(2026, 11, 22)),
    (time, '12:30:05', time(12, 30, 5)),
    (time, time(12), time(12)),
    (Decimal, '1.10', Decimal('1.10')),
    (Decimal, 0.1, Decimal('0.1')),
    (uuid.UUID, str(ID), ID),
    (uuid.UUID, ID.hex, ID),
    (bytes, 'ü', b'\xc3\xbc'),
    (bytesnone, b'a', b'a'),
    (any_, [{'a': 1}], [{'a': 1}]),
    (Color, 'red', Color.RED),
    (Color, Color.BLUE, Color.BLUE),
    (Level, 2, Level.HIGH),
    (Level, '2', Level.HIGH),
    (Shape, 'round', Shape.ROUND),
    (Literal['a', 1], 'a', 'a'),
    (Literal['a', 1], 1, 1),
    (Literal['a', 1], '1', 1),
    (optional[Literal['a']], 'a', 'a'),
    (UserID, '5', 5),
    (Annotated[int, 'a user'], '5', 5),
    (list, [1, 'a'], [1, 'a']),
    (anylist, [1, 'a'], [1, 'a']),
    (listnone, (1, 2), [1, 2]),
    (intlist, ['1', 2], [1, 2]),
    (intlist, [None, '1'], [None, 1]),
    (strlist, [1, 'a'], ['1', 'a']),
    (list_[intlist], [['1'], [2]], [[1], [2]]),
    (strset, ['a', 'a'], {'a'}),
    (frozenset[int], ['1'], frozenset({1})),
    (strtuple, ['a', 1], ('a', '1')),
    (anytuple, ['a', 1], ('a', 1)),
    (tuple_[str, int], [5, '6'], ('5', 6)),
    (tuple_[str, optional[int]], ['a', None], ('a', None)),
    (dict, {'a': [1]}, {'a': [1]}),
    (anydict, {'a': [1]}, {'a': [1]}),
    (strdict, {'a': [1]}, {'a': [1]}),
    (dict_[str, int], {'a': '1', 'b': None}, {'a': 1, 'b': None}),
    (dictlist, [{'a': 1}], [{'a': 1}]),
    (dictnone, {}, {}),
    (strint, 5, 5),
    (strint, 'a', 'a'),
    (strint, '5', '5'),
    (strint, True, 'True'),
    (strorlist, ['a'], ['a']),
    (strorlist, 'a', 'a'),
    (union_[str, float], 1.5, 1.5),
    (union_[str, float, None], 1, '1'),
    (union_[int, float], 1.5, 1.5),
    (union_[int, float], 2.0, 2.0),
    (union_[int, float], '1.5', 1.5),
    (int | str, 'a', 'a'),
    (union_[int, dict], {'a': 1}, {'a': 1}),
    (callnone, len, len),
    (type, int, int),
]


@pytest.mark.parametrize(('annotation', 'value', 'expected'), FIELDS)
def test_a_value_becomes_what_the_field_is_annotated_with(annotation: Any, value: Any, expected: Any) -> None:
    found = x_of(annotation, value)
    assert found == expected
    assert type(found) is type(expected)


ANNOTATIONS = [
    str, int, float, bool, datetime, datetimez, isotimestamp, date, time, Decimal, uuid.UUID, bytes, Any, Color, Level,
    Shape, Literal['a', 1], UserID, list[Any], list[int], set[str], frozenset[int], tuple[str, ...], tuple[str, int],
    dict[str, Any], dict[str, int], str | int, int | float, str | float, str | list[int], Address, list[Address],
    dict[str, Address], Address | str, list[list[datetime]], Address | None, list[Address] | None, str | None,
]  # fmt: skip


@pytest.mark.parametrize('annotation', ANNOTATIONS)
def test_none_is_a_value_of_each_field_even_of_a_required_one(annotation: Any) -> None:
    assert x_of(annotation, None) is None


@pytest.mark.parametrize('annotation', ANNOTATIONS)
def test_a_required_field_that_is_missing_is_named(annotation: Any) -> None:
    if type(None) not in getattr(annotation, '__args__', ()):
        with pytest.raises(ElementMissing, match=r'^Element missing: /x$'):
            with_field(annotation).from_dict({})


@pytest.mark.parametrize(
    ('annotation', 'values', 'error'),
    [
        (str, [[1], {'a': 1}, (1,), b'\xff'], 'Element is not text: /x'),
        (int, ['', 'a', '1.5', 1.5, [1], {}, NAN, INFINITY, HUGE], 'Element is not an integer: /x'),
        (intnone, ['', 'a'], 'Element is not an integer: /x'),
        (float, ['', 'a', [1], {}, NAN, INFINITY, '-inf', 10**400], 'Element is not a number: /x'),
        (bool, ['maybe', [1], {}], 'Element is not true or false: /x'),
        (datetime_, ['', 'a', 5, [1], {}, '2026-02-30'], 'Element is not a date and time: /x'),
        (datetimez, ['', 'a', 5, [1], {}], 'Element is not a date and time: /x'),
        (isotimestamp, ['', 'a', 5, [1], {}], 'Element is not a date and time: /x'),
        (date_, ['', 'a', 5, [1], {}], 'Element is not a date: /x'),
        (time, ['', 'a', 5, '25:00', [1]], 'Element is not a time: /x'),
        (Decimal, ['', 'a', [0, [1], 2], {}, NAN, 'Infinity'], 'Element is not a decimal number: /x'),
        (uuid.UUID, ['', 'a', 5, []], 'Element is not a UUID: /x'),
        (bytes, [5, [], '\ud800'], 'Element is not text: /x'),
        (Color, ['green', 5, [], {}, ''], 'Element is not one of red, blue: /x'),
        (Level, [3, '3', 'LOW', []], 'Element is not one of 1, 2: /x'),
        (Literal['a', 1], ['b', 2, True, [], {}], 'Element is not one of a, 1: /x'),
        (list, ['a', 5, {'a': 1}, True], 'Element is not a list: /x'),
        (intlist, ['1', 5, {}], 'Element is not a list: /x'),
        (intlist, [[1, 'a'], [1, [2]]], 'Element is not an integer: /x[1]'),
        (list_[intlist], [[[1], [2, 'a']]], 'Element is not an integer: /x[1][1]'),
        (set[Any], [[{}]], 'Element has values that cannot be in a set: /x'),
        (tuple_[str, int], [[], ['a'], ['a', 1, 2]], 'Element is not a list of 2: /x'),
        (tuple_[str, int], [['a', 'b']], 'Element is not an integer: /x[1]'),
        (tuple_[str, int], ['ab', {}], 'Element is not a list: /x'),
        (dict, ['a', 5, []], 'Element is not a dict: /x'),
        (dict_[str, int], [{'a': 1, 'b': 'c'}], 'Element is not an integer: /x/b'),
        (dictlist, [[{}, 5]], 'Element is not a dict: /x[1]'),
        (Address, ['a', 5, [], True], 'Element is not an object: /x'),
        (Address, [{}, {'city': 'c'}], 'Element missing: /x/street'),
        (Address | None, ['a', 5, []], 'Element is not an object: /x'),
        (list_[Address], [[{'street': 's'}, {}]], 'Element missing: /x[1]/street'),
        (list_[Address], [{}, 'a', {'street': 's'}], 'Element is not a list: /x'),
        (list_[Address], [[{'street': 's'}, 5]], 'Element is not an object: /x[1]'),
        (dict_[str, Address], [{'a': {}}], 'Element missing: /x/a/street'),
        (int | float, [NAN, INFINITY], 'Element is not a number: /x'),
        (int | Color, ['green'], 'Element is not one of red, blue: /x'),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_the_way_to_it(annotation: Any, values: list[Any], error: str) -> None:
    for value in values:
        with pytest.raises(ModelValidationError) as info:
            x_of(annotation, value)
        assert str(info.value) == error, value
        assert (info.value.status, info.value.needs_msg) == (400, True)


@pytest.mark.parametrize('data', [5, 'text', None, [], [{}], True])
def test_data_that_is_no_object_is_not_a_model(data: Any) -> None:
    with pytest.raises(ModelValidationError) as info:
        Address.from_dict(data)
    assert str(info.value) == 'Element is not an object: /'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.sampled_from(['street', 'a', '']), items, max_size=3),
    max_leaves=10,
)
MODELS = [with_field(annotation) for annotation in ANNOTATIONS]


@given(value=JSON | st.text('0123456789-+:.,TZ eEnaif٣', max_size=20))
def test_any_value_of_any_field_is_converted_or_is_the_clients_mistake(value: Any) -> None:
    for model in MODELS:
        try:
            found: Any = model.from_dict({'x': value})
        except ModelValidationError as e:
            error = e.msg
        else:
            error = ': /x'
            json.dumps(found.to_dict(), default=str)
        assert ': /x' in error, (model, value)


# Missing values


@pytest.mark.parametrize(
    ('annotation', 'expected'),
    [
        (strnone, ''),
        (optional[str], ''),
        (Optional[str], ''),  # noqa: UP045  # as users write it
        (union_[None, str], ''),
        (str | None, ''),
        (intnone, 0),
        (boolnone, False),
        (floatnone, 0.0),
        (listnone, []),
        (optional[strlist], []),
        (dictnone, {}),
        (optional[dict_[str, int]], {}),
        (optional[any_], None),
        (optional[datetime_], None),
        (optional[datetimez], None),
        (optional[isotimestamp], ''),
        (optional[Color], None),
        (optional[Address], None),
        (union_[str, int, None], ''),
    ],
)
def test_an_optional_field_that_is_missing_is_empty(annotation: Any, expected: Any) -> None:
    found: Any = with_field(annotation).from_dict({})
    assert found.x == expected
    assert type(found.x) is type(expected)


@dataclass(init=False)
class WithDefaults(Model):
    name: str = 'nobody'
    size: intnone = 7
    tags: strlist = list_field()
    extra: anydict = dict_field()
    made: list_[int] = field(default_factory=lambda: [1])
    kind: any_ = int
    nothing: strnone = None
    ids: ClassVar[list[int]] = []


def test_a_field_with_a_default_has_it_when_it_is_missing() -> None:
    found = WithDefaults.from_dict({})
    assert (found.name, found.size, found.tags, found.extra, found.made) == ('nobody', 7, [], {}, [1])
    assert found.kind is int
    assert found.nothing is None
    given_ = WithDefaults.from_dict({'name': 'a', 'size': '1', 'tags': ['t'], 'ids': [5]})
    assert (given_.name, given_.size, given_.tags, WithDefaults.ids) == ('a', 1, ['t'], [])


def test_each_model_has_empty_fields_of_its_own() -> None:
    first, second = WithDefaults.from_dict({}), WithDefaults.from_dict({})
    first.tags.append('a')
    first.extra['a'] = 1
    first.made.append(2)
    assert (second.tags, second.extra, second.made) == ([], {}, [1])
    empty = with_field(listnone)
    one: Any = empty.from_dict({})
    other: Any = empty.from_dict({})
    one.x.append(1)
    assert other.x == []


def test_keys_that_are_not_declared_are_ignored() -> None:
    found = Address.from_dict({'street': 's', 'city': 'c', 'zip': 5})
    assert found == Address.from_dict({'street': 's', 'city': 'c'})
    assert not hasattr(found, 'zip')
