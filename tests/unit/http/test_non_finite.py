"""NaN and infinity in what is to be JSON."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from zato.common.exception import ZatoException
from zato.server.channel.format.json import to_json
from zato.server.http.json import encode
from zato.server.service import Model, dataclass

NAN, INFINITY = float('nan'), float('inf')


@dataclass(init=False)
class Item(Model):
    price: float


@dataclasses.dataclass
class Plain:
    a: Any = None


class ToDict:
    def __init__(self, value: Any) -> None:
        self.value = value

    def to_dict(self) -> Any:
        return {'a': self.value}


def item(price: float) -> Item:
    found = Item()
    found.price = price
    return found


@pytest.mark.parametrize('write', [encode, to_json])
@pytest.mark.parametrize('number', [NAN, INFINITY, -INFINITY])
@pytest.mark.parametrize(
    ('make', 'way'),
    [
        (lambda number: number, '/'),
        (lambda number: [1, number], '[1]'),
        (lambda number: {'a': None, 'b': number}, '/b'),
        (lambda number: {'rows': [{'a': 1.5}, {'a': number}]}, '/rows[1]/a'),
        (lambda number: {'a': (1, {'b': [number]})}, '/a[1]/b[0]'),
        (lambda number: OrderedDict(a=number), '/a'),
        (lambda number: {'a': item(number)}, '/a/price'),
        (lambda number: [Plain([number])], '[0]/a[0]'),
    ],
)
def test_a_number_that_json_does_not_have_is_an_error_that_tells_the_way_to_it(
    write: Callable[[Any], bytes], number: float, make: Callable[[float], Any], way: str
) -> None:
    with pytest.raises(ZatoException) as info:
        write(make(number))
    assert str(info.value) == f'NaN and infinity cannot be JSON: {way}'


@pytest.mark.parametrize('make', [MappingProxyType, lambda value: ToDict(value['a']), lambda value: [ToDict(value['a'])]])
def test_the_forms_of_objects_are_looked_at_too(make: Callable[[dict[str, float]], Any]) -> None:
    with pytest.raises(ZatoException, match='NaN and infinity cannot be JSON'):
        to_json({'x': make({'a': NAN})})


@pytest.mark.parametrize(
    ('payload', 'expected'),
    [
        (None, b'null'),
        ({'a': None}, b'{"a":null}'),
        (['null', 1.5, None], b'["null",1.5,null]'),
        ({'a': {1: None}, 'b': (True, 2)}, b'{"a":{"1":null},"b":[true,2]}'),
        ([None, datetime(2026, 1, 2, tzinfo=UTC), Decimal('NaN')], b'[null,"2026-01-02T00:00:00Z","NaN"]'),
        ([Plain()], b'[{"a":null}]'),
    ],
)
def test_null_is_none_of_these(payload: Any, expected: bytes) -> None:
    assert encode(payload) == to_json(payload) == expected
