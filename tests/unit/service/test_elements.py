"""What each element makes of what was received, and of what a service gave; what is told of values that do not fit."""

from __future__ import annotations

import re
import uuid
import warnings
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC as ZULU
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal as Number
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zato.common.exception import BadRequest, ElementMissing, ModelValidationError, SerialisationError
from zato.server.service import Service
from zato.server.service.simpleio.compiled import IO, compile_io
from zato.server.service.simpleio.element import (
    CSV,
    NOT_GIVEN,
    UTC,
    UUID,
    AsIs,
    Bool,
    Date,
    DateTime,
    Decimal,
    Dict,
    DictList,
    Elem,
    Float,
    Int,
    List,
    Secret,
    Text,
    missing_value,
)

NO_SERVICE: Any = None
NAN, INFINITY = float('nan'), float('inf')
HEX = '0123456789abcdef0123456789abcdef'
ID = uuid.UUID(HEX)
NOON = datetime(2026, 11, 22, 12, 30, 5)
DAY = datetime(2026, 11, 22)
PLUS_TWO = timezone(timedelta(hours=2))
OBJECT = object()
TOLD = re.compile(r'(Element (is not [\w ]+|missing): (x|/x[\w/\[\]]*)( \(in the response\))?)?').fullmatch

SCALARS = (Text, Secret, Int, Float, Bool, Date, DateTime, Decimal, UUID, CSV, List)
ELEMENTS = (*SCALARS, AsIs, UTC, Dict, DictList)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=5), items, max_size=3),
    max_leaves=10,
)
#: Text that looks like numbers, dates and the like.
NEARLY = st.text('0123456789-+:.,TZ eEWx_naninftrue٣Jan', max_size=20)


def compiled(**attributes: Any) -> IO:
    found = compile_io(type('MyService', (Service,), attributes))
    assert found is not None
    return found


def parse(elem: Elem, value: Any) -> Any:
    """What the element `x` is in the input."""
    io = compiled(input=(elem,))
    assert io.parse is not None
    return io.parse({} if value is NOT_GIVEN else {'x': value}, NO_SERVICE)['x']


def render(elem: Elem, value: Any) -> Any:
    """What is sent for the element `x`."""
    io = compiled(output=(elem,))
    assert io.render is not None
    return io.render({'x': value})['x']


def error_of(function: Callable[[Elem, Any], Any], elem: Elem, value: Any) -> str:
    """What is told of a value that does not fit, else an empty text; nothing else is ever raised."""
    try:
        function(elem, value)
    except (ModelValidationError, SerialisationError) as e:
        return e.msg
    return ''


class Row:
    def to_dict(self) -> dict[str, Any]:
        return {'a': 1, 'b': 2}


# Input

INPUT: list[tuple[type[Elem], Any, Any]] = [
    (Text, 'a', 'a'),
    (Text, '', ''),
    (Text, None, None),
    (Text, 5, '5'),
    (Text, 1.5, '1.5'),
    (Text, True, 'True'),
    (Text, b'\xc3\xbc', 'ü'),
    (Text, {'a': 1}, "{'a': 1}"),
    (Text, [1], '[1]'),
    (Secret, 'a', 'a'),
    (Secret, 5, '5'),
    (Int, 5, 5),
    (Int, '5', 5),
    (Int, ' -5 ', -5),
    (Int, '', ''),
    (Int, None, None),
    (Int, 5.0, 5),
    (Int, True, 1),
    (Int, 2**80, 2**80),
    (Float, 1.5, 1.5),
    (Float, 1, 1.0),
    (Float, '1.5', 1.5),
    (Float, '-1e3', -1000.0),
    (Float, None, 0.0),
    (Date, '2026-11-22', DAY),
    (Date, '22 November 2026', DAY),
    (Date, '2026-11-22T12:30:05', NOON),
    (Date, date(2026, 11, 22), DAY),
    (Date, NOON, NOON),
    (Date, None, None),
    (DateTime, '2026-11-22T12:30:05', NOON),
    (DateTime, '2026-11-22 12:30:05', NOON),
    (DateTime, '20261122T123005', NOON),
    (DateTime, 'Sun, 22 Nov 2026 12:30:05', NOON),
    (DateTime, '2026-11-22T12:30:05Z', NOON.replace(tzinfo=ZULU)),
    (DateTime, '2026-11-22T12:30:05+02:00', NOON.replace(tzinfo=PLUS_TWO)),
    (DateTime, '22 Nov 2026 12:30:05 +0200', NOON.replace(tzinfo=PLUS_TWO)),
    (DateTime, '22 Nov 2026 12:30:05 UTC', NOON.replace(tzinfo=ZULU)),
    (DateTime, None, None),
    (UTC, '2026-11-22T12:30:05+00:00', '2026-11-22T12:30:05+00:00'),
    (UTC, 5, 5),
    (Decimal, '1.10', Number('1.10')),
    (Decimal, 5, Number(5)),
    (Decimal, 0.1, Number('0.1')),
    (Decimal, '1e-30', Number('1e-30')),
    (Decimal, None, None),
    (UUID, HEX, ID),
    (UUID, str(ID), ID),
    (UUID, f'{{{ID}}}', ID),
    (UUID, ID, ID),
    (UUID, None, None),
    (CSV, 'a,b', ['a', 'b']),
    (CSV, 'a', ['a']),
    (CSV, '', []),
    (CSV, ['a', 'b'], ['a', 'b']),
    (CSV, None, []),
    (CSV, 5, [5]),
    (List, [1, 2], [1, 2]),
    (List, (1, 2), (1, 2)),
    (List, [], []),
    (List, 'a', ['a']),
    (List, 0, [0]),
    (List, {'a': 1}, [{'a': 1}]),
    (List, None, []),
    (Dict, {'a': 1, 'b': [2]}, {'a': 1, 'b': [2]}),
    (Dict, {}, {}),
    (Dict, None, None),
    (DictList, [{'a': 1}, {}], [{'a': 1}, {}]),
    (DictList, [], []),
    (DictList, None, None),
    (AsIs, OBJECT, OBJECT),
    (AsIs, None, None),
]


@pytest.mark.parametrize(('cls', 'value', 'expected'), INPUT)
def test_what_was_received_becomes_a_value_of_the_elements_type(cls: type[Elem], value: Any, expected: Any) -> None:
    found = parse(cls('x'), value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    'word', ['true', 'yes', 'on', 'y', 't', '1', 'TRUE', 'Yes', ' on ', 1, -1, 0.5, [0], {'a': 1}, True]
)
def test_words_and_values_that_are_true(word: Any) -> None:
    assert parse(Bool('x'), word) is True


@pytest.mark.parametrize(
    'word', ['false', 'no', 'off', 'n', 'f', '0', '', 'False', 'NO', ' off ', None, 0, 0.0, [], {}, False]
)
def test_words_and_values_that_are_false(word: Any) -> None:
    assert parse(Bool('x'), word) is False


@pytest.mark.parametrize(
    ('cls', 'values', 'error'),
    [
        (Text, [b'\xff'], 'Element is not text: x'),
        (Int, ['a', '1.5', 1.5, '1e3', [1], {}, NAN, INFINITY, '9' * 5_000], 'Element is not an integer: x'),
        (Float, ['a', '', [1], {}, NAN, INFINITY, 'nan', '-inf', 10**400], 'Element is not a number: x'),
        (Bool, ['maybe', '2', 'ja'], 'Element is not true or false: x'),
        (Date, ['a', '', 5, True, [1], {}, '2026-13-01', '2026-02-30'], 'Element is not a date: x'),
        (
            DateTime,
            ['a', '', 5, [1], '25:00', '9' * 36 + 'm', '2026-11-22T10:00+99:99'],
            'Element is not a date and time: x',
        ),
        (Decimal, ['a', '', [0, [1], 2], (0, (1,), 2), {}, 'NaN', 'Infinity', NAN], 'Element is not a decimal number: x'),
        (UUID, ['a', '', 5, HEX[1:], [HEX]], 'Element is not a UUID: x'),
        (Dict, ['a', '', 5, [], [{}], True], 'Element is not a dict: x'),
        (DictList, ['a', '', 5, {}, True], 'Element is not a list of dicts: x'),
        (DictList, [[{}, 5], [{}, 'a'], [{}, []]], 'Element is not a dict: /x[1]'),
    ],
)
def test_a_value_that_does_not_fit_is_the_clients_mistake_and_names_the_element(
    cls: type[Elem], values: list[Any], error: str
) -> None:
    for value in values:
        with pytest.raises(ModelValidationError) as info:
            parse(cls('x'), value)
        assert str(info.value) == error, value
        assert isinstance(info.value, BadRequest)
        assert (info.value.status, info.value.needs_msg) == (400, True)


@pytest.mark.parametrize('cls', ELEMENTS)
def test_a_required_element_that_is_missing_is_named(cls: type[Elem]) -> None:
    with pytest.raises(ElementMissing) as info:
        parse(cls('x'), NOT_GIVEN)
    assert (str(info.value), info.value.elem_path) == ('Element missing: x', 'x')


@pytest.mark.parametrize('cls', ELEMENTS)
def test_an_optional_element_that_is_missing_is_empty_text_or_false(cls: type[Elem]) -> None:
    assert parse(cls('-x'), NOT_GIVEN) == (False if cls is Bool else '')


@pytest.mark.parametrize('cls', ELEMENTS)
@pytest.mark.parametrize('default', ['', None, 0, 5, True, [1], {'a': 1}, OBJECT])
def test_an_optional_element_that_is_missing_is_its_default_as_it_is(cls: type[Elem], default: Any) -> None:
    assert parse(cls('-x', default=default), NOT_GIVEN) == default


@pytest.mark.parametrize('default', [[[1]], {'a': [1]}, {1}])
def test_a_default_that_a_service_changes_is_a_new_one_for_each_request(default: Any) -> None:
    io = compiled(input=(AsIs('-x', default=default),))
    assert io.parse is not None
    first = io.parse({}, NO_SERVICE).x
    assert first == default
    first.clear()
    assert io.parse({}, NO_SERVICE).x == default != first


@pytest.mark.parametrize('cls', SCALARS)
@pytest.mark.parametrize('value', [None, ''])
def test_what_is_present_and_empty_is_not_missing(cls: type[Elem], value: Any) -> None:
    try:
        parse(cls('x'), value)
    except ModelValidationError as e:
        error = str(e)
    else:
        error = ''
    assert 'missing' not in error


def test_a_name_of_a_zone_that_says_nothing_is_ignored_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        assert parse(DateTime('x'), '2026-11-22 12:30:05 EST') == NOON
    assert caught == []


@given(value=JSON | NEARLY)
@example('1' * 1_000_000)  # dateutil would take half a minute
@example('9' * 36 + 'm')  # a decimal number without a remainder
def test_any_value_is_converted_or_is_the_clients_mistake(value: Any) -> None:
    for cls in ELEMENTS:
        assert TOLD(error_of(parse, cls('x'), value)), (cls, value)


@given(value=JSON)
def test_any_value_of_a_dict_with_keys_is_converted_or_is_the_clients_mistake(value: Any) -> None:
    elem = Dict('x', 'a', Int('-b'), Dict('-c', Date('d')), DictList('-e', Float('f')))
    for given_ in (
        value,
        {'a': value, 'b': value, 'c': value, 'e': value},
        {'a': 1, 'c': {'d': value}, 'e': [{'f': value}]},
    ):
        assert TOLD(error_of(parse, elem, given_)), given_


# Dicts

ADDRESS = Dict('address', 'street', Int('number'), '-city')


@pytest.mark.parametrize(
    ('elem', 'value', 'expected'),
    [
        (Dict('x', 'a', '-b'), {'a': 1, 'b': 2, 'c': 3}, {'a': 1, 'b': 2}),
        (Dict('x', 'a', '-b'), {'a': 1}, {'a': 1, 'b': ''}),
        (Dict('x', 'a', '-b'), {'a': None}, {'a': None, 'b': ''}),
        (Dict('x', Int('a'), Int('-b', default=7)), {'a': '1'}, {'a': 1, 'b': 7}),
        (Dict('x', Bool('-a')), {}, {'a': False}),
        (
            Dict('x', ADDRESS),
            {'address': {'street': 's', 'number': '5'}},
            {'address': {'street': 's', 'number': 5, 'city': ''}},
        ),
        (Dict('x', Dict('-a', 'b')), {}, {'a': ''}),
        (Dict('x', DictList('a', Int('b'))), {'a': [{'b': '1'}, {'b': 2, 'c': 3}]}, {'a': [{'b': 1}, {'b': 2}]}),
        (Dict('x', 'a', '-b'), Row(), {'a': 1, 'b': 2}),
        (DictList('x', 'a', Int('-b')), [{'a': 1}, {'a': 2, 'b': '3'}], [{'a': 1, 'b': ''}, {'a': 2, 'b': 3}]),
        (DictList('x', 'a'), [Row()], [{'a': 1}]),
    ],
)
def test_a_dict_has_its_declared_keys_and_no_others(elem: Elem, value: Any, expected: Any) -> None:
    assert parse(elem, value) == expected


@pytest.mark.parametrize(
    ('elem', 'value', 'error'),
    [
        (Dict('x', 'a'), {'b': 1}, 'Element missing: /x/a'),
        (Dict('x', Int('a')), {'a': 'b'}, 'Element is not an integer: /x/a'),
        (Dict('x', ADDRESS), {'address': {'street': 's'}}, 'Element missing: /x/address/number'),
        (Dict('x', ADDRESS), {'address': 5}, 'Element is not a dict: /x/address'),
        (Dict('x', DictList('a', Int('b'))), {'a': [{'b': 1}, {'b': 'c'}]}, 'Element is not an integer: /x/a[1]/b'),
        (DictList('x', 'a'), [{'a': 1}, {}], 'Element missing: /x[1]/a'),
        (DictList('x', 'a'), [{'a': 1}, 5], 'Element is not a dict: /x[1]'),
    ],
)
def test_an_error_in_a_dict_tells_the_way_to_it(elem: Elem, value: Any, error: str) -> None:
    with pytest.raises(ModelValidationError) as info:
        parse(elem, value)
    assert str(info.value) == error


def test_a_dict_without_keys_is_the_very_one_received() -> None:
    value = {'a': {'b': 1}}
    assert parse(Dict('x'), value) is value


# Output

OUTPUT: list[tuple[type[Elem], Any, Any]] = [
    (Text, 'a', 'a'),
    (Text, 5, '5'),
    (Text, None, None),
    (Secret, 'a', 'a'),
    (Int, 5, 5),
    (Int, '5', 5),
    (Int, '', ''),
    (Int, None, None),
    (Float, 1, 1.0),
    (Float, '1.5', 1.5),
    (Float, None, 0.0),
    (Bool, 'no', False),
    (Bool, 'yes', True),
    (Bool, '', False),
    (Bool, None, False),
    (Bool, 1, True),
    (Date, NOON, '2026-11-22'),
    (Date, date(2026, 11, 22), '2026-11-22'),
    (Date, 'whatever', 'whatever'),
    (Date, None, None),
    (DateTime, NOON, '2026-11-22T12:30:05'),
    (DateTime, NOON.replace(tzinfo=PLUS_TWO), '2026-11-22T12:30:05+02:00'),
    (DateTime, date(2026, 11, 22), '2026-11-22'),
    (DateTime, 'whatever', 'whatever'),
    (DateTime, None, None),
    (UTC, NOON.replace(tzinfo=ZULU), '2026-11-22T12:30:05'),
    (UTC, '2026-11-22T12:30:05+00:00', '2026-11-22T12:30:05'),
    (UTC, None, None),
    (Decimal, Number('1.10'), '1.10'),
    (Decimal, 0.1, '0.1'),
    (Decimal, 5, '5'),
    (Decimal, '', ''),
    (Decimal, None, None),
    (UUID, ID, HEX),
    (UUID, str(ID), HEX),
    (UUID, '', ''),
    (UUID, None, None),
    (CSV, ['a', 'b'], 'a,b'),
    (CSV, (1, 2), '1,2'),
    (CSV, 'a,b', 'a,b'),
    (CSV, [], ''),
    (CSV, None, ''),
    (List, [1], [1]),
    (List, (1,), (1,)),
    (List, 5, [5]),
    (List, None, []),
    (Dict, {'a': 1}, {'a': 1}),
    (Dict, None, None),
    (DictList, [{'a': 1}], [{'a': 1}]),
    (AsIs, OBJECT, OBJECT),
]


@pytest.mark.parametrize(('cls', 'value', 'expected'), OUTPUT)
def test_what_a_service_gave_is_sent_as_the_elements_type(cls: type[Elem], value: Any, expected: Any) -> None:
    found = render(cls('x'), value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ('elem', 'value', 'error'),
    [
        (Int('x'), 'abc', 'Element is not an integer: x (in the response)'),
        (Int('x'), 1.5, 'Element is not an integer: x (in the response)'),
        (Float('x'), '', 'Element is not a number: x (in the response)'),
        (Float('x'), NAN, 'Element is not a number: x (in the response)'),
        (Float('x'), -INFINITY, 'Element is not a number: x (in the response)'),
        (Float('-x'), INFINITY, 'Element is not a number: x (in the response)'),
        (Bool('x'), 'maybe', 'Element is not true or false: x (in the response)'),
        (Date('x'), 5, 'Element is not a date: x (in the response)'),
        (DateTime('x'), 5, 'Element is not a date and time: x (in the response)'),
        (Decimal('x'), 'a', 'Element is not a decimal number: x (in the response)'),
        (UUID('x'), 'a', 'Element is not a UUID: x (in the response)'),
        (Dict('x'), 5, 'Element is not a dict: x (in the response)'),
        (Dict('x', 'a'), {}, 'Element missing: /x/a (in the response)'),
        (DictList('x', 'a'), [{'a': 1}, {}], 'Element missing: /x[1]/a (in the response)'),
        (DictList('x'), {}, 'Element is not a list of dicts: x (in the response)'),
    ],
)
def test_a_response_that_does_not_fit_is_the_services_mistake(elem: Elem, value: Any, error: str) -> None:
    with pytest.raises(SerialisationError) as info:
        render(elem, value)
    assert (str(info.value), info.value.status) == (error, 500)


def test_a_dict_is_sent_without_undeclared_keys_and_missing_optional_ones() -> None:
    assert render(Dict('x', 'a', '-b', Date('-c')), {'a': 1, 'c': NOON, 'd': 2}) == {'a': 1, 'c': '2026-11-22'}


@given(value=JSON | NEARLY)
def test_any_value_is_sent_or_is_the_services_mistake(value: Any) -> None:
    for cls in ELEMENTS:
        for elem in (cls('x'), cls('-x')):
            assert TOLD(error_of(render, elem, value)), (elem, value)


# What output is made of


class Attributes:
    a, b, c = 1, '2', 3


class ToZato:
    def to_zato(self) -> dict[str, Any]:
        return {'a': 1, 'b': '2'}


class WithGet:
    def get(self, name: str, default: Any) -> Any:
        return {'a': 1, 'b': '2'}.get(name, default)


class SQLRow(namedtuple('SQLRow', 'a b')):  # as SQLAlchemy's
    @property
    def _mapping(self) -> dict[str, Any]:
        return self._asdict()


SOURCES: list[Callable[[], Any]] = [
    lambda: {'a': 1, 'b': '2', 'c': 3},
    Attributes,
    ToZato,
    WithGet,
    lambda: SQLRow(1, '2'),
]


@pytest.mark.parametrize('source', SOURCES)
def test_output_is_made_of_dicts_rows_and_objects_and_of_lists_of_them(source: Callable[[], Any]) -> None:
    io = compiled(output=('a', Int('b'), '-d'))
    assert io.render is not None
    assert io.render(source()) == {'a': '1', 'b': 2}
    assert io.render([source(), source()]) == [{'a': '1', 'b': 2}] * 2
    assert io.render((source(),)) == [{'a': '1', 'b': 2}]


@pytest.mark.parametrize('payload', [{'a': 1}, None, '', {}, 5, OBJECT])
def test_output_without_a_required_element_is_the_services_mistake(payload: Any) -> None:
    io = compiled(output=('a', 'b'))
    assert io.render is not None
    with pytest.raises(SerialisationError, match=r'^Element missing in the response: [ab]$'):
        io.render(payload)


@pytest.mark.parametrize('payload', ['text', b'bytes'])
def test_text_and_bytes_are_sent_as_they_are(payload: Any) -> None:
    io = compiled(output=('a',))
    assert io.render is not None
    assert io.render(payload) is payload


# Names


@pytest.mark.parametrize('name', ['', '-', 5, None, ['a']])
def test_an_element_must_have_a_name(name: Any) -> None:
    with pytest.raises(ValueError, match='the name of an element must be text and not empty'):
        Text(name)


def test_a_dash_makes_an_element_optional_and_is_no_part_of_its_name() -> None:
    assert (Int('-a').name, Int('-a').is_optional, repr(Int('-a'))) == ('a', True, 'Int(-a)')
    assert (Int('a').name, Int('a').is_optional, repr(Int('a'))) == ('a', False, 'Int(a)')
    assert (Int('--a').name, Int('a-b').name) == ('-a', 'a-b')


def test_not_given_is_false_and_says_what_it_is() -> None:
    assert not NOT_GIVEN
    assert repr(NOT_GIVEN) == 'NOT_GIVEN'
    assert missing_value(Text('-a'), NOT_GIVEN) == ''
