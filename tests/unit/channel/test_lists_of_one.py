"""A list of one, where what was received does not tell it from a single value."""

from __future__ import annotations

from decimal import Decimal as Number
from typing import Any, NewType

import pytest

from tests.unit.channel.rest import CONTENT_TYPES, REST, service
from zato.common.typing_ import dict_, list_, optional, strlistnone, strorlist
from zato.server.service import CSV, Dict, DictList, Int, List, Model, Service, dataclass

Tags = NewType('Tags', list[str])


@dataclass(init=False)
class Tagged(Model):
    tags: list_[str]


@dataclass(init=False)
class Line(Model):
    sku: str
    sizes: optional[list[int]]


@dataclass(init=False)
class Order(Model):
    lines: list_[Line]
    by_name: optional[dict_[str, list_[Line]]]


@dataclass(init=False)
class Tree(Model):
    name: str
    nodes: optional[list_[Tree]]


@dataclass(init=False)
class Lists(Model):
    a: list
    b: strlistnone
    c: set[int]
    d: tuple[int, ...]
    e: strorlist
    f: optional[Tags]
    g: optional[str]


def kept(**options: Any) -> REST:
    declared = {name: options.pop(name) for name in ('SimpleIO', 'input') if name in options}
    seen: list[Any] = []
    made = REST(service(lambda service: seen.append(service.request), **declared), **options)
    made.seen = seen
    return made


def plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Model) else value


def test_a_single_parameter_of_the_query_string_is_a_list_where_a_model_has_one() -> None:
    rest = kept(input=Tagged)
    assert rest.input(target=b'/a?tags=x', method='GET').tags == ['x']
    assert rest.input(target=b'/a?tags=x&tags=y', method='GET').tags == ['x', 'y']


def test_a_parameter_of_the_path_is_a_list_too() -> None:
    assert kept(input=Tagged, path='/b/{tags}').input(target=b'/b/x').tags == ['x']


@pytest.mark.parametrize('options', [{}, {'merges_params': False}, {'is_message_first': True}])
def test_a_query_string_that_is_the_payload_is_no_different(options: dict[str, Any]) -> None:
    rest = kept(input=Tagged, is_query_payload=True, **options)
    if options.get('merges_params', True):
        assert rest.input(target=b'/a?tags=x', method='GET').tags == ['x']
    else:
        rest.ask(target=b'/a?tags=x', method='GET')
        assert rest.seen.pop().input.tags == ['x']


def test_each_way_to_say_list_is_one() -> None:
    found = kept(input=Lists).input(target=b'/a?a=1&b=2&c=3&d=4&e=5&f=6&g=7', method='GET')
    assert found.to_dict() == {'a': ['1'], 'b': ['2'], 'c': {3}, 'd': [4], 'e': '5', 'f': ['6'], 'g': '7'}


@pytest.mark.parametrize(
    ('data_format', 'body'),
    [('form', b'tags=x'), ('xml', b'<r><tags>x</tags></r>'), ('xml', b'<r xmlns="urn:x"><tags>x</tags></r>')],
)
def test_a_single_field_is_a_list_where_a_model_has_one(data_format: str, body: bytes) -> None:
    rest = kept(input=Tagged, data_format=data_format)
    assert rest.input(body, content_type=CONTENT_TYPES[data_format]).tags == ['x']


def test_lists_in_xml_are_found_however_deep_they_are() -> None:
    line = {'sku': 'A', 'sizes': [7]}
    text = '<sku>A</sku><sizes>7</sizes>'
    rest = kept(input=Order, data_format='xml')
    found = rest.input(f'<r><lines>{text}</lines><by_name><x>{text}</x></by_name></r>'.encode())
    assert found.to_dict() == {'lines': [line], 'by_name': {'x': [line]}}
    found = rest.input(f'<r><lines>{text}</lines><lines>{text}</lines></r>'.encode())
    assert plain(found)['lines'] == [line, line]


def test_a_model_may_be_in_itself() -> None:
    body = b'<r><name>a</name><nodes><name>b</name><nodes><name>c</name></nodes></nodes></r>'
    inner: dict[str, Any] = {'name': 'b', 'nodes': [{'name': 'c', 'nodes': []}]}
    assert kept(input=Tree, data_format='xml').input(body).to_dict() == {'name': 'a', 'nodes': [inner]}


def test_what_is_nested_too_deeply_is_a_bad_request() -> None:
    answer = kept(input=Tree, data_format='xml').ask(b'<nodes>' * 256 + b'</nodes>' * 256)
    assert answer.status == 400


def test_elements_are_lists_too() -> None:
    rest = kept(input=(DictList('users', 'name'), List('tags'), CSV('codes'), '-b'), data_format='xml')
    body = b'<r><users><name>a</name></users><tags>x</tags><codes>1,2</codes><b>y</b></r>'
    assert rest.input(body) == {'users': [{'name': 'a'}], 'tags': ['x'], 'codes': ['1', '2'], 'b': 'y'}


def test_elements_in_elements_are_lists_too() -> None:
    rest = kept(input=Dict('order', DictList('lines', Int('size'), DictList('-notes'))), data_format='xml')
    found = rest.input(b'<r><order><lines><size>1</size><notes><a>b</a></notes></lines></order></r>')
    assert found == {'order': {'lines': [{'size': 1, 'notes': [{'a': 'b'}]}]}}


def test_a_list_of_models_may_be_one() -> None:
    rest = kept(input=list_[Tagged], data_format='form')
    [found] = rest.input(b'tags=x', b'/a?other=1', content_type=CONTENT_TYPES['form'])
    assert found.tags == ['x']
    [found] = kept(input=list_[Tagged]).input(target=b'/a?tags=x', method='GET')
    assert found.tags == ['x']


def test_the_cell_of_a_row_is_a_list() -> None:
    found = kept(input=list_[Tagged], data_format='csv').input(b'tags\r\nx\r\ny\r\n')
    assert [item.tags for item in found] == [['x'], ['y']]


@pytest.mark.parametrize('target', [b'/a', b'/a?other=1'])
@pytest.mark.parametrize(
    ('declared', 'body', 'details'),
    [
        (Tagged, b'{"tags": "x"}', 'Element is not a list: /tags'),
        (list_[Tagged], b'{"tags": ["x"]}', 'Element is not a list: /'),
        (DictList('tags'), b'{"tags": {"a": 1}}', 'Element is not a list of dicts: tags'),
    ],
)
def test_json_has_lists_of_its_own(declared: Any, body: bytes, details: str, target: bytes) -> None:
    answer = kept(input=declared).ask(body, target)
    assert (answer.status, answer.details) == (400, details)


def test_json_stays_strict_beside_parameters_that_are_lists() -> None:
    rest = kept(input=Order)
    assert rest.ask(b'{"lines": [{"sku": "a", "sizes": 5}]}', b'/a?x=1').details == 'Element is not a list: /lines[0]/sizes'


def test_one_service_gives_another_one_lists() -> None:
    def handle(self: Service) -> None:
        self.invoke('target', {'tags': 'x'})

    target = service(lambda service: None, name='target', input=Tagged)
    answer = REST(service(handle), target).ask(target=b'/a?tags=y')
    assert (answer.status, answer.details) == (400, 'Element is not a list: /tags')


def test_a_decimal_in_a_list_of_one_is_a_number() -> None:
    @dataclass(init=False)
    class Prices(Model):
        prices: list[Number]

    assert kept(input=Prices).input(target=b'/a?prices=1.10', method='GET').prices == [Number('1.10')]
