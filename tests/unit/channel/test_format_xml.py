"""XML: what is read and written, and what a client cannot have the parser do."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gevent
import psutil
import pytest

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.xml import FORMAT as XML
from zato.server.channel.format.xml_element import XMLElement
from zato.server.http.form import FormFile

ORDER = b"""<?xml version="1.0"?>
<!-- an order --><?pi?>
<o:order xmlns:o="urn:o" xmlns="urn:x" id="5">
  <customer><name>Zo\xc3\xab</name><age>5</age></customer>
  <o:line>1</o:line><line> 2<!-- x --> </line><line><sku>a</sku></line>
  <note/><code>007</code><text><![CDATA[<!DOCTYPE x>]]></text>
</o:order>
"""

LONG_TREE = ElementTree.fromstring(f'<r>{"<a><b>1</b></a>" * 30_000}</r>')
ENTITIES = ''.join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10))
LAUGHS = f'<!DOCTYPE r [<!ENTITY a0 "ha">{ENTITIES}]><r>&a9;</r>'


def read(body: bytes, content_type: bytes = b'application/xml') -> Any:
    return XML.read(body, content_type, {})


def element(document: str) -> ElementTree.Element:
    """As users make them, who do not know XMLElement."""
    return ElementTree.fromstring(document)


# Reading


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


def test_elements_are_looked_up_one_level_under_the_root() -> None:
    assert XML.fields(read(ORDER)) == {
        'customer': {'name': 'Zoë', 'age': '5'},
        'line': ['1', ' 2 ', {'sku': 'a'}],
        'note': '',
        'code': '007',
        'text': '<!DOCTYPE x>',
    }
    assert XML.fields(read(b'<r>text</r>')) == {}


def test_comments_are_not_in_the_way_of_text() -> None:
    root = read(b'<r>1<!-- c -->2<?p x?>3<![CDATA[4]]>5<a/>6<!-- x -->7</r>')
    assert (root.text, root.a.tail) == ('12345', '67')


def test_names_of_elements_may_be_those_of_attributes() -> None:
    body = b'<r><tag>1</tag><text>2</text><find>3</find><parent><text><tag>4</tag></text></parent></r>'
    assert XML.fields(read(body)) == {'tag': '1', 'text': '2', 'find': '3', 'parent': {'text': {'tag': '4'}}}


@pytest.mark.parametrize('body', [b' ', b'\r\n\t'])
def test_white_space_is_no_payload(body: bytes) -> None:
    assert read(body) is None


@pytest.mark.parametrize(
    ('document', 'codec', 'content_type'),
    [
        ('<r><a>ü</a></r>', 'utf-8', b''),
        ('<r><a>ü</a></r>', 'utf-8-sig', b''),
        ('<?xml version="1.0" encoding="UTF-8"?><r><a>ü</a></r>', 'utf-8-sig', b'text/xml; charset=utf-8'),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><r><a>ü</a></r>', 'latin-1', b'text/xml'),
        ("<?xml version='1.0' encoding = 'windows-1252' standalone='yes'?><r><a>ü</a></r>", 'cp1252', b''),
        ('<?xml version="1.0" encoding="UTF-8"?><r><a>ü</a></r>', 'latin-1', b'text/xml; charset=iso-8859-1'),
        ('<?xml version="1.0" encoding="nope"?><r><a>ü</a></r>', 'utf-8', b'text/xml; charset=utf-8'),
        ('<?xml version="1.0" encoding="UTF-16"?><r><a>ü</a></r>', 'utf-16', b''),
        ('<r><a>ü</a></r>', 'utf-16', b'text/xml; charset=iso-8859-1'),
        ('<r><a>ü</a></r>', 'utf-16-be', b'text/xml; charset=utf-16be'),
        ('<r><a>ü</a></r>', 'utf-32', b''),
        ('<?xml version="1.0" encoding="utf-16"?><r><a>ü</a></r>', 'utf-8', b''),
        ('<r><a>ü</a></r>', 'cp037', b'text/xml; charset=cp037'),
    ],
)
def test_an_encoding_is_told_by_mark_then_content_type_then_declaration(
    document: str, codec: str, content_type: bytes
) -> None:
    assert read(document.encode(codec), content_type).a == 'ü'


@pytest.mark.parametrize(
    ('body', 'content_type'),
    [
        (b'<?xml version="1.0" encoding="nope"?><r/>', b''),
        (b'<?xml version="1.0" encoding="utf-7"?><r/>', b''),
        (b'<?xml version="1.0" encoding="base64"?><r/>', b''),
        (b'<r/>', b'text/xml; charset=nope'),
        (b'<r/>', b'text/xml; charset=utf-7'),
        (b'<r/>', b'text/xml; charset=utf-16'),
        ('<r>ü</r>'.encode('latin-1'), b''),
        ('<r>ü</r>'.encode(), b'text/xml; charset=us-ascii'),
        ('<r/>'.encode('utf-16-le'), b''),
        (b'\xff\xfe<', b''),
        ('+ADwAIQ-DOCTYPE r+AD4-'.encode('ascii'), b'text/xml; charset=utf-7'),
    ],
)
def test_bytes_that_are_not_in_the_encoding_are_a_bad_request(body: bytes, content_type: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        read(body, content_type)
    assert caught.value.needs_msg


@pytest.mark.parametrize(
    'body',
    [
        b'text',
        b'<r>',
        b'<r></s>',
        b'<r/><r/>',
        b'<r/>\0',
        b'<r>\0</r>',
        b'<r>&#0;</r>',
        b'<r>\x01</r>',
        b'<r>&unknown;</r>',
        b'<r a="1" a="2"/>',
        b'<p:r/>x',
        b' <?xml version="1.0"?><r/>',
        b'<!-- never closed',
        b'<?pi',
        b'<![CDATA[x]]>',
        b'<a>' * 300 + b'</a>' * 300,
        b'<a>' * 1000 + b'</a>' * 1000,
        b'<a>' * 1_000_000,
        b'<r>' + b'x' * 10_000_001 + b'</r>',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_well_formed_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest, match='not valid XML'):
        read(body)


def test_a_bad_request_tells_where_it_went_wrong_in_few_words() -> None:
    with pytest.raises(BadRequest, match=r'line 2, column \d+: ') as caught:
        read(b'<r>\n\0</r>')
    assert '\n' not in caught.value.msg
    with pytest.raises(BadRequest) as caught:
        read(b'<r %s/>' % (b'x' * 40_000))
    assert len(caught.value.msg) < 300


def test_elements_may_be_nested_256_deep() -> None:
    body = b'<a>' * 256 + b'</a>' * 256
    assert XML.fields(read(body)).keys() == {'a'}


@pytest.mark.parametrize('codec', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32'])
@pytest.mark.parametrize(
    'document',
    [
        '<!DOCTYPE r><r/>',
        '<?xml version="1.0"?>\r\n<!-- <r/> --><?pi <!-- ?>\t<!DOCTYPE r SYSTEM "r.dtd"><r/>',
        '<!DOCTYPE r PUBLIC "-//X//Y" "http://localhost/r.dtd"><r/>',
        '<!DOCTYPE r [<!ATTLIST r a CDATA "default">]><r/>',
        '<!DOCTYPE r [<!ENTITY x "y">]><r a="&x;">&x;</r>',
        LAUGHS,
        f'<!DOCTYPE r [<!ENTITY a "{"a" * 50_000}">]><r>{"&a;" * 50_000}</r>',
    ],
    ids=lambda text: text[:30],
)
def test_a_doctype_is_a_bad_request(document: str, codec: str) -> None:
    with pytest.raises(BadRequest, match='a DOCTYPE is not allowed'):
        read(document.encode(codec))


def test_a_doctype_is_not_hidden_by_an_encoding() -> None:
    with pytest.raises(BadRequest, match='a DOCTYPE is not allowed'):
        read('<!DOCTYPE r><r/>'.encode('cp037'), b'text/xml; charset=cp037')


@pytest.mark.parametrize('document', ['<r/>', '<!DOCTYPE r [<!ENTITY a "x">]><r>&a;</r>'])
@pytest.mark.parametrize(
    ('before', 'codec'),
    [
        ('', 'utf-16-le'),
        ('', 'utf-16-be'),
        ('', 'utf-32-le'),
        ('', 'utf-32-be'),
        ('\ufeff\ufeff', 'utf-8'),
        ('\ufeff\ufeff\ufeff', 'utf-16-le'),
    ],
)
@pytest.mark.parametrize('content_type', [b'text/xml', b'text/xml; charset=utf-8'])
def test_the_parser_has_no_say_in_what_the_encoding_is(document: str, before: str, codec: str, content_type: bytes) -> None:
    for body in ((before + document).encode(codec), b'\xef\xbb\xbf' + (before + document).encode(codec)):
        with pytest.raises(BadRequest, match='it does not begin with a character of XML'):
            read(body, content_type)


def test_names_are_forgotten_with_their_document() -> None:
    def read_names(number: int) -> int:
        names = b''.join(b'<n%d_%0100d a%d_%0100d=""/>' % (number, i, number, i) for i in range(5_000))
        read(b'<r>%b</r>' % names)
        return len(names)

    process = psutil.Process(os.getpid())
    read_names(0)
    before = process.memory_info().rss
    sent = sum(read_names(number) for number in range(1, 20))
    assert process.memory_info().rss - before < sent / 4


# Long documents


def long(count: int, item: str, before: str = '<r>', after: str = '</r>') -> bytes:
    return (before + item * count + after).encode()


LONG = {
    'elements': long(30_000, '<a x="1"><b>1</b></a>'),
    'siblings': long(60_000, '<a/>'),
    'text': long(200_000, '\n', '<r><a>', '</a></r>'),
    'comments': long(100_000, 'x<!-- <a> -->', '<r><a>', '</a></r>'),
    'one tag': long(100_000, 'x&#10;', '<r a="', '"/>'),
}


@pytest.mark.parametrize('name', LONG)
def test_a_long_document_is_read_and_written(name: str) -> None:
    root = read(LONG[name])
    again = read(XML.write(root, {})[0])
    assert (len(root), root.attrib) == (len(again), again.attrib)
    assert XML.fields(root) == XML.fields(again)


@pytest.mark.parametrize(
    'use',
    [
        lambda: read(LONG['elements']),
        lambda: XML.fields(LONG_TREE),
        lambda: XML.write(LONG_TREE, {}),
        lambda: XML.write({'a': [{'b': 1}] * 30_000}, {}),
    ],
    ids=['read', 'fields', 'write tree', 'write dict'],
)
def test_other_greenlets_run_while_a_long_document_is_worked_on(use: Callable[[], Any]) -> None:
    ran: list[bool] = []
    gevent.spawn(ran.append, True)
    use()
    assert ran


def test_documents_that_are_read_in_turns_do_not_get_mixed_up() -> None:
    jobs = [gevent.spawn(read, long(30_000, f'<a>{number}</a>')) for number in range(3)]
    gevent.joinall(jobs, raise_error=True)
    for number, job in enumerate(jobs):
        assert {child.text for child in job.value} == {str(number)}


def test_a_greenlet_that_is_killed_stops_reading() -> None:
    reader = gevent.spawn(read, LONG['elements'])
    gevent.sleep(0)
    assert not reader.ready()
    reader.kill()
    assert isinstance(reader.value, gevent.GreenletExit)


def test_nothing_outside_the_document_is_read(tmp_path: Path) -> None:
    secret = tmp_path / 'secret'
    secret.write_text('secret')
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.setblocking(False)
        for address in (secret.as_uri(), f'http://127.0.0.1:{listener.getsockname()[1]}/'):
            for document in (
                f'<!DOCTYPE r [<!ENTITY x SYSTEM "{address}">]><r>&x;</r>',
                f'<!DOCTYPE r [<!ENTITY % x SYSTEM "{address}">%x;]><r/>',
                f'<!DOCTYPE r SYSTEM "{address}"><r/>',
            ):
                with pytest.raises(BadRequest) as caught:
                    read(document.encode())
                assert 'secret' not in caught.value.msg.replace(address, '')
            included = read(
                f'<r xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="{address}" parse="text"/></r>'.encode()
            )
            assert XML.fields(included) == {'include': ''}
        with pytest.raises(BlockingIOError):
            listener.accept()


# Writing


@pytest.mark.parametrize(
    ('payload', 'options', 'document'),
    [
        ({}, {}, '<response/>'),
        ({'a': 1, 'b': None, 'c': ''}, {}, '<response><a>1</a><b/><c></c></response>'),
        ({'a': {'b': {'c': True}}}, {}, '<response><a><b><c>true</c></b></a></response>'),
        ({'a': [1, {'b': 2}], 'c': []}, {}, '<response><a>1</a><a><b>2</b></a></response>'),
        ({'a': [[1, 2], []]}, {}, '<response><a><item>1</item><item>2</item></a><a/></response>'),
        ([{'a': 1}, {'a': 2}], {}, '<response><item><a>1</a></item><item><a>2</a></item></response>'),
        (5, {}, '<response>5</response>'),
        ({'a': date(2026, 1, 2)}, {}, '<response><a>2026-01-02</a></response>'),
        ({'a': '<&>"ü\r\n'}, {}, '<response><a>&lt;&amp;&gt;"ü&#13;\n</a></response>'),
        ({'ü-1.x': 1}, {}, '<response><ü-1.x>1</ü-1.x></response>'),
        ({'a': 1}, {'xml_root': 'r', 'response_elem': 's'}, '<r><a>1</a></r>'),
        ({'a': 1}, {'response_elem': 's'}, '<s><a>1</a></s>'),
        ({'a': 1}, {'response_elem': None}, '<response><a>1</a></response>'),
        ({'a': 1}, {'xml_namespace': 'urn:x'}, '<response xmlns="urn:x"><a>1</a></response>'),
        (element('<r><a/>tail</r>')[0], {}, '<a/>'),
        (ElementTree.ElementTree(element('<r/>')), {}, '<r/>'),
        (read(b'<r><a/>tail</r>').a, {}, '<a/>'),
        ({'a': read(b'<r><a>5</a></r>').a}, {}, '<response><a>5</a></response>'),
        ({'a': read(b'<r><a>007</a></r>').a}, {}, '<response><a>007</a></response>'),
        ({'a': read(b'<r><a>1.10</a></r>')[0]}, {}, '<response><a>1.10</a></response>'),
        (
            {'a': FormFile('b', 'c/d', b'\xff')},
            {},
            '<response><a><filename>b</filename><content_type>c/d</content_type><data>/w==</data></a></response>',
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_payloads_are_elements(payload: Any, options: dict[str, Any], document: str) -> None:
    body, content_type = XML.write(payload, options)
    assert body.decode() == f"<?xml version='1.0' encoding='utf-8'?>\n{document}"
    assert content_type == b'application/xml; charset=utf-8'


def test_what_was_read_can_be_written() -> None:
    assert XML.fields(read(XML.write(read(ORDER), {})[0])) == XML.fields(read(ORDER))


@pytest.mark.parametrize(
    ('document', 'written'),
    [
        (
            '<o:order xmlns:o="urn:o" xmlns="urn:x"><a/><o:b/><c xmlns=""><d/></c></o:order>',
            '<order xmlns="urn:o"><a xmlns="urn:x"/><b/><c xmlns=""><d/></c></order>',
        ),
        ('<r xmlns="a&amp;&quot;b"/>', '<r xmlns="a&amp;&quot;b"/>'),
        (
            '<r xmlns:p="urn:p" xmlns:q="urn:q" a="1" p:b="2" q:c="3" xml:lang="en"/>',
            '<r a="1" xmlns:ns1="urn:p" ns1:b="2" xmlns:ns2="urn:q" ns2:c="3" xml:lang="en"/>',
        ),
        ('<r xmlns="urn:x"><xml:a><b/></xml:a></r>', '<r xmlns="urn:x"><xml:a><b/></xml:a></r>'),
        ('<r a="&lt;&amp;&gt;&quot;&#9;&#10;&#13;\'"/>', '<r a="&lt;&amp;&gt;&quot;&#9;&#10;&#13;\'"/>'),
        ('<r>1<a/>2<a>3</a>4 &lt;<b><c/>5</b>&#13;</r>', '<r>1<a/>2<a>3</a>4 &lt;<b><c/>5</b>&#13;</r>'),
        ('<r><!-- c --><?p x?><a/></r>', '<r><a/></r>'),
    ],
)
def test_namespaces_are_declared_where_they_begin(document: str, written: str) -> None:
    for root in (element(document), read(document.encode())):
        assert XML.write(root, {})[0].decode().partition('\n')[2] == written
    assert ElementTree.canonicalize(written) == ElementTree.canonicalize(XML.write(read(written.encode()), {})[0].decode())


def test_comments_and_processing_instructions_are_written() -> None:
    root = ElementTree.Element('r')
    root.append(ElementTree.Comment(' a < b '))
    root.append(ElementTree.ProcessingInstruction('p', 'x'))
    root[0].tail = '1'
    root.append(ElementTree.Element(ElementTree.QName('urn:x', 'b')))  # type: ignore[arg-type]  # is what it is for
    assert XML.write(root, {})[0].decode().partition('\n')[2] == '<r><!-- a < b -->1<?p x?><b xmlns="urn:x"/></r>'


def changed(**attributes: Any) -> ElementTree.Element:
    root = element('<r><a x="1">text</a></r>')
    for name, value in attributes.items():
        setattr(root[0], name, value)
    return root


def of_itself() -> ElementTree.Element:
    root = ElementTree.Element('r')
    root.extend([root, root])
    return root


@pytest.mark.parametrize(
    'payload',
    [
        changed(tag='a b'),
        changed(tag='p:a'),
        changed(tag=''),
        changed(tag='{urn:x}'),
        changed(tag='{urn:x'),
        changed(tag='{http://www.w3.org/2000/xmlns/}a'),
        changed(tag='{a\0b}a'),
        changed(tag=None),
        changed(tag=5),
        changed(text='\0'),
        changed(tail='\ufffe'),
        changed(text=object()),
        changed(attrib={'a b': '1'}),
        changed(attrib={'p:b': '1'}),
        changed(attrib={'x': '\ud800'}),
        changed(attrib={'x': object()}),
        changed(attrib={5: '1'}),
        changed(tag='{urn:x}a', attrib={'xmlns': 'urn:y'}),
        ElementTree.Comment('a--b'),
        ElementTree.Comment('a-'),
        ElementTree.Comment('\0'),
        ElementTree.ProcessingInstruction('p', 'a?>b'),
        element('<a>' * 257 + '</a>' * 257),
        of_itself(),
    ],
    ids=lambda payload: ascii((payload.tag, payload[0].attrib if len(payload) else payload.text))[:60],
)
def test_elements_that_would_be_no_document_are_an_error_of_the_server(payload: Any) -> None:
    with pytest.raises(ZatoException) as caught:
        XML.write(payload, {})
    assert caught.value.status == 500


def test_what_is_nested_256_deep_can_be_written() -> None:
    document = '<a>' * 255 + '<a/>' + '</a>' * 255
    assert XML.write(element(document), {})[0].decode().endswith(document)


@pytest.mark.parametrize('name', ['', 'a b', '1', 'a:b', '{urn:x}a', '<a>', 'a\0', '-', 5, None])
def test_a_key_that_is_no_name_is_an_error_of_the_server(name: Any) -> None:
    for options in ({}, {'xml_namespace': 'urn:x'}):
        with pytest.raises(ZatoException, match='cannot be the name of an XML element'):
            XML.write({name: 1}, options)


@pytest.mark.parametrize('value', ['\0', '\x01', '\x0b', '\ufffe', '\ud800'], ids=ascii)
def test_a_character_that_xml_does_not_have_is_an_error_of_the_server(value: str) -> None:
    with pytest.raises(ZatoException, match='The text of `a` has a character'):
        XML.write({'a': value}, {'xml_namespace': 'urn:x'})


@pytest.mark.parametrize(
    'options', [{'xml_root': 'a b'}, {'response_elem': '5'}, {'xml_namespace': 'a\0b'}, {'xml_namespace': 'a b'}], ids=repr
)
def test_a_root_that_cannot_be_is_an_error_of_the_server(options: dict[str, Any]) -> None:
    with pytest.raises(ZatoException, match='cannot be the root'):
        XML.write({}, options)
