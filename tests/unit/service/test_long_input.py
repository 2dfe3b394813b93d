"""Input and output that clients or services may make long: others run meanwhile, and not where they are short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from zato.server.config import cooperation
from zato.server.http.turns import MANY
from zato.server.service import Dict, DictList, Int, Model, Service, dataclass
from zato.server.service.input import to_input
from zato.server.service.simpleio.compiled import IO, compile_io

NO_SERVICE: Any = None


@dataclass(init=False)
class Line(Model):
    sku: str


@dataclass(init=False)
class Order(Model):
    lines: list[Line]


@dataclass(init=False)
class Named(Model):
    lines: dict[str, Line]


@dataclass(init=False)
class Tree(Model):
    nodes: list[Tree]


@pytest.fixture(autouse=True)
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at it takes a second."""
    now = iter(range(10**9))
    monkeypatch.setattr(cooperation, 'monotonic', lambda: next(now))


def others_ran(work: Callable[[], object]) -> bool:
    ran: list[bool] = []
    job = gevent.spawn(ran.append, True)
    work()
    found = bool(ran)
    job.join()
    return found


def io_of(**attributes: Any) -> IO:
    found = compile_io(type('MyService', (Service,), attributes))
    assert found is not None
    return found


def tree(depth: int) -> dict[str, Any]:
    return {'nodes': [tree(depth - 1) for _ in range(4)] if depth else []}


def lines(count: int) -> list[dict[str, str]]:
    return [{'sku': str(i)} for i in range(count)]


@pytest.mark.parametrize(
    ('declared', 'make'),
    [
        (Order, lambda count: {'lines': lines(count)}),
        (Named, lambda count: {'lines': {str(i): line for i, line in enumerate(lines(count))}}),
        (list[Line], lines),
        ('sku', lines),
        (DictList('lines', 'sku'), lambda count: {'lines': lines(count)}),
        (Dict('a', DictList('lines', Int('sku'))), lambda count: {'a': {'lines': lines(count)}}),
    ],
)
def test_others_run_while_a_long_input_is_parsed(declared: Any, make: Callable[[int], Any]) -> None:
    parse = io_of(input=declared).parse
    assert parse is not None
    assert others_ran(lambda: parse(make(MANY + 1), NO_SERVICE))
    parse = io_of(input=declared).parse
    assert not others_ran(lambda: parse(make(10), NO_SERVICE))


def test_others_run_while_many_short_lists_are_parsed() -> None:
    parse = io_of(input=Tree).parse
    assert parse is not None
    assert others_ran(lambda: parse(tree(6), NO_SERVICE))


@pytest.mark.parametrize(('declared', 'rows'), [('sku', lines(MANY + 1)), (list[Line], lines(MANY + 1))])
def test_others_run_while_a_long_output_is_made(declared: Any, rows: list[Any]) -> None:
    render = io_of(output=declared).render
    assert render is not None
    assert others_ran(lambda: render(rows))


@pytest.mark.parametrize('value', [{str(i): i for i in range(MANY + 1)}, [{'a': 1}] * (MANY + 1), [{'a': [1] * 10}] * 200])
def test_others_run_while_a_long_payload_becomes_input(value: Any) -> None:
    assert others_ran(lambda: to_input(value))


def test_a_short_payload_becomes_input_at_once() -> None:
    assert not others_ran(lambda: to_input({'a': [{'b': 1}] * 10}))
    found = to_input({'a': [{'b': {'c': 1}}], 'd': None})
    assert (found.a[0].b.c, found.d) == (1, None)
