"""Elements as services get them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from zato.server.channel.format.xml import FORMAT as XML
from zato.server.channel.format.xml_element import XMLElement

ORDER = b"""<?xml version="1.0"?>
<!-- an order --><?pi?>
<o:order xmlns:o="urn:o" xmlns="urn:x" id="5">
  <customer><name>Zo\xc3\xab</name><age>5</age></customer>
  <o:line>1</o:line><line> 2<!-- x --> </line><line><sku>a</sku></line>
  <note/><code>007</code><text><![CDATA[<!DOCTYPE x>]]></text>
</o:order>
"""


def read(body: bytes, content_type: bytes = b'application/xml') -> Any:
    return XML.read(body, content_type, {})


def test_the_payload_is_what_users_of_objectify_know() -> None:
    order = read(ORDER)
    assert isinstance(order, XMLElement)
    assert (order.line, order.get('id')) == (1, '5')
    customer = order['{urn:x}customer']
    assert (customer.name, customer.age) == ('Zoë', 5)
    assert (str(customer.name), int(customer.age), float(customer.age)) == ('Zoë', 5, 5.0)
    assert (customer.name.text, order.customer.name.pyval, order.attrib) == ('Zoë', 'Zoë', {'id': '5'})


def test_elements_of_one_name_are_a_sequence() -> None:
    order = read(ORDER)
    assert len(order.line) == 3
    assert [str(line) for line in order.line] == ['1', ' 2 ', '']
    assert (order.line[1], order.line[-1].sku, len(order.line[:2])) == (' 2 ', 'a', 2)
    assert order['line'][0] == order.line == order.line[0] == 1
    assert [str(line) for line in order['{urn:x}line']] == [' 2 ', '']
    assert 1 in order.line
    with pytest.raises(IndexError):
        order.line[3]


def test_what_is_not_there_is_no_attribute_and_no_key() -> None:
    order = read(ORDER)
    with pytest.raises(AttributeError, match='There is no element `price` in'):
        order.price  # noqa: B018
    for name in ('price', '{urn:o}customer', '{urn:x}price'):
        with pytest.raises(KeyError):
            order[name]
    assert not hasattr(order, 'price')
    assert getattr(order.customer, 'price', None) is None


def test_elements_are_those_of_elementtree() -> None:
    order = read(ORDER)
    assert [child.tag for child in order][:2] == ['{urn:x}customer', '{urn:o}line']
    assert (len(order), order[0][1].text, [child.text for child in order[0][:]]) == (7, '5', ['Zoë', '5'])
    assert order.find('{urn:x}customer/{urn:x}name') == 'Zoë'
    assert order.findtext('{*}code') == '007'
    assert [line.text for line in order.findall('{*}line')] == ['1', ' 2 ', None]
    assert [name.text for name in order.iter('{urn:x}name')] == ['Zoë']
    assert list(order.customer.itertext()) == ['Zoë', '5']
    assert {child: parent for parent in order.iter() for child in parent}[order[0][0]] is order[0]
    order.remove(order[1])
    assert len(order) == 6


def test_a_client_has_no_say_in_how_python_uses_an_element() -> None:
    names = ('__next__', '__iter__', '__call__', '__deepcopy__', '__getstate__', '__class__', '__html__', '_elements')
    element = read(f'<r>{"".join(f"<{name}>1</{name}>" for name in names)}</r>'.encode())
    assert not any(hasattr(element, name) for name in ('__next__', '__call__', '__html__'))
    assert not hasattr(element['__next__'], '__next__')
    assert [str(element[name]) for name in names] == ['1'] * len(names)
    assert element._elements == 1


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('5', 5),
        ('-5', -5),
        ('\n 5\t', 5),
        ('0', 0),
        ('1.10', 1.1),
        ('-1e2', -100.0),
        ('true', True),
        (' false ', False),
        ('', ''),
        ('x', 'x'),
        (' x ', ' x '),
        ('007', '007'),
        ('+48123', '+48123'),
        ('1_000', '1_000'),
        ('.5', '.5'),
        ('5.', '5.'),
        ('٣', '٣'),
        ('1e999', '1e999'),
        ('INF', 'INF'),
        ('nan', 'nan'),
        ('True', 'True'),
    ],
)
def test_a_text_is_a_number_where_json_has_one(text: str, value: Any) -> None:
    found = read(f'<r><a>{text}</a></r>'.encode()).a
    assert (found.pyval, type(found.pyval)) == (value, type(value))
    assert found == value
    assert found == text
    assert found != 'something else'
    assert bool(found) is bool(value)


def test_an_element_with_others_in_it_is_only_itself() -> None:
    root = read(b'<r><a>1<b/></a><a>1<b/></a></r>')
    assert root.a.pyval is root.a[0] is root[0]
    assert (root.a == 1, root.a == '1', root.a[0] == root.a[1], root.a == root.a, bool(root.a)) == (
        False,
        False,
        False,
        True,
        True,
    )


def test_elements_are_compared_by_identity_and_what_is_found_by_name_by_value() -> None:
    root = read(b'<r><a>1</a><b>1</b></r>')
    assert root[0] != root[1]
    assert root.a == root.b
    assert len({root[0], root[1]}) == 2
    with pytest.raises(TypeError, match='unhashable'):
        hash(root.a)


@pytest.mark.parametrize('copy', [deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=['deepcopy', 'pickle'])
def test_a_copy_is_one_through_and_through(copy: Callable[[Any], Any]) -> None:
    root = read(b'<r><a x="1">1<b/>2</a>3</r>')
    for found in (copy(root), copy(root.a), copy(root['a'])):
        assert isinstance(found.find('.//b') if found.tag == 'a' else found[0], XMLElement)
    found = copy(root)
    root.a.text = root.a[0][0].tail = 'changed'
    root.a.set('x', 'changed')
    assert (found.a.text, found.a[0][0].tail, found.a.get('x')) == ('1', '2', '1')
