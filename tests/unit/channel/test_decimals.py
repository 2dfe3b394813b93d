"""Decimal numbers of JSON: all their digits arrive where a service declares them, and others stay floats."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal as Number
from typing import Any

import gevent
import pytest

from tests.unit.channel.rest import REST, service
from zato.common.typing_ import list_, optional
from zato.server.config import cooperation
from zato.server.http.json import ExactFloat, decode_exactly, encode
from zato.server.service import AsIs, Decimal, Dict, DictList, Float, Int, Model, Service, dataclass

LONG = '12345678901234567890.12345678901234567890'


@dataclass(init=False)
class Price(Model):
    amount: Number
    tax: optional[float]


@dataclass(init=False)
class Prices(Model):
    prices: list_[Price]
    parent: optional[Prices]


def given(declared: Any, body: str) -> Any:
    seen: list[Any] = []
    answer = REST(service(lambda service: seen.append(service.request), input=declared)).ask(body.encode())
    assert answer.status == 200, answer.body
    return seen[0].input


@pytest.mark.parametrize('text', [LONG, '-' + LONG, '0.1', '1.10', '1E+2', '-0.0', '1' * 40, '5'])
@pytest.mark.parametrize(
    ('declared', 'body', 'get'),
    [
        (Decimal('amount'), '{"amount": %s}', lambda found: found.amount),
        ((Decimal('-amount'), AsIs('-b')), '[{"amount": %s}]', lambda found: found[0].amount),
        (Dict('a', DictList('b', Decimal('c'))), '{"a": {"b": [{"c": %s}]}}', lambda found: found.a['b'][0]['c']),
        (Price, '{"amount": %s}', lambda found: found.amount),
        (list_[Price], '[{"amount": %s}]', lambda found: found[0].amount),
        (Prices, '{"prices": [{"amount": %s}]}', lambda found: found.prices[0].amount),
    ],
)
def test_a_decimal_number_has_all_its_digits(declared: Any, body: str, get: Any, text: str) -> None:
    assert str(get(given(declared, body % text))) == str(Number(text))


def test_floats_beside_it_are_floats() -> None:
    found = given((Decimal('a'), Float('b'), Int('c'), AsIs('d')), '{"a": 1.5, "b": 2.5, "c": 3.0, "d": [4.5]}')
    assert found == {'a': Number('1.5'), 'b': 2.5, 'c': 3, 'd': [4.5]}
    assert (type(found.b), type(found.c)) == (float, int)
    assert isinstance(found.d[0], float)
    assert type(given(Price, '{"amount": 1.5, "tax": 0.5}').tax) is float


def test_a_float_that_may_be_text_or_a_decimal_number_stays_a_float() -> None:
    @dataclass(init=False)
    class Mixed(Model):
        amount: Number
        either: str | float
        other: Number | float
        anything: Any

    found = given(Mixed, '{"amount": 1.5, "either": 2.50, "other": 3.5, "anything": {"a": 4.5}}')
    assert (found.either, found.other) == (2.5, 3.5)
    assert {type(found.either), type(found.other)} == {float}
    assert found.to_json() == '{"amount":"1.5","either":2.5,"other":3.5,"anything":{"a":4.5}}'


def test_what_came_can_be_sent_and_copied() -> None:
    def handle(self: Service) -> None:
        self.response.payload = self.request.payload

    assert REST(service(handle, input=Decimal('a'))).ask(b'{"a":1.25,"b":[2.5]}').body == b'{"a":1.25,"b":[2.5]}'
    [found] = decode_exactly(b'[1.250]')
    for other in (found, copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert (type(other), other.text, other) == (ExactFloat, '1.250', 1.25)
    assert encode([found]) == b'[1.25]'


def test_others_may_decode_as_much_while_a_long_body_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10**9))
    monkeypatch.setattr(cooperation, 'monotonic', lambda: next(now))
    order: list[int] = []

    def decode(number: int) -> Any:
        order.append(number)
        found = decode_exactly(b'[%s]' % b','.join([b'%d.50' % number] * 20_000))
        order.append(number)
        return found

    jobs = [gevent.spawn(decode, number) for number in (1, 2, 3)]
    gevent.joinall(jobs, raise_error=True)
    assert order[:3] == [1, 2, 3], 'all begin before one ends'
    for number, job in enumerate(jobs, 1):
        assert job.value == [number + 0.5] * 20_000
        assert {item.text for item in job.value} == {f'{number}.50'}


@pytest.mark.parametrize('body', [b'{"a": 1e400}', b'{"a": -1e400}', b'{"a": NaN}', b'{"a": 1.5'])
def test_what_is_no_number_is_none_here_either(body: bytes) -> None:
    answer = REST(service(lambda service: None, input=Decimal('a'))).ask(body)
    assert answer.status == 400
    assert answer.details.startswith('The body is not valid JSON: ')
