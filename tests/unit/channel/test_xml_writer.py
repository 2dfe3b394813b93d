"""What is written as XML, and what cannot be."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest

from zato.common.exception import ZatoException
from zato.server.channel.format.xml import FORMAT as XML
from zato.server.http.form import FormFile

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


def element(document: str) -> ElementTree.Element:
    """As users make them, who do not know XMLElement."""
    return ElementTree.fromstring(document)


def without_addresses(text: str) -> str:
    """An ID of a test must be the same in each process."""
    return re.sub(r' at 0x[0-9a-f]+', '', text)


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
    ids=lambda value: without_addresses(repr(value))[:40],
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
            '<o:order xmlns:o="urn:o" xmlns="urn:x"><a/><o:b/><c xmlns=""><d/><o:e><f/></o:e></c></o:order>',
            '<order xmlns="urn:o" xmlns:ns1="urn:x" xmlns:ns2="urn:o">'
            '<ns1:a/><b/><c xmlns=""><d/><ns2:e><f/></ns2:e></c></order>',
        ),
        ('<r xmlns="a&amp;&quot;b"/>', '<r xmlns="a&amp;&quot;b"/>'),
        ('<r><a xmlns="urn:x"><b/></a></r>', '<r xmlns:ns1="urn:x"><ns1:a><ns1:b/></ns1:a></r>'),
        (
            '<r xmlns:p="urn:p" xmlns="urn:q" a="1" p:b="2" xml:lang="en"><a xmlns:q="urn:q" q:c="3"/></r>',
            '<r a="1" ns1:b="2" xml:lang="en" xmlns="urn:q" xmlns:ns1="urn:p" xmlns:ns2="urn:q"><a ns2:c="3"/></r>',
        ),
        ('<r xmlns="urn:x"><xml:a><b/></xml:a></r>', '<r xmlns="urn:x"><xml:a><b/></xml:a></r>'),
        ('<xml:a><b/></xml:a>', '<xml:a><b/></xml:a>'),
        ('<r a="&lt;&amp;&gt;&quot;&#9;&#10;&#13;\'"/>', '<r a="&lt;&amp;&gt;&quot;&#9;&#10;&#13;\'"/>'),
        ('<r>1<a/>2<a>3</a>4 &lt;<b><c/>5</b>&#13;</r>', '<r>1<a/>2<a>3</a>4 &lt;<b><c/>5</b>&#13;</r>'),
        ('<r><!-- c --><a/></r>', '<r><a/></r>'),
    ],
)
def test_namespaces_are_declared_at_the_root(document: str, written: str) -> None:
    for root in (element(document), read(document.encode())):
        assert XML.write(root, {})[0].decode().partition('\n')[2] == written
    expected = ElementTree.canonicalize(document, rewrite_prefixes=True)
    assert ElementTree.canonicalize(written, rewrite_prefixes=True) == expected


def test_an_attribute_may_declare_the_namespace_of_what_has_none() -> None:
    root = ElementTree.Element('r', {'xmlns': 'urn:x'})
    root.append(ElementTree.Element('a'))
    assert XML.write(root, {})[0].decode().partition('\n')[2] == '<r xmlns="urn:x"><a/></r>'


def test_comments_and_processing_instructions_are_written() -> None:
    root = ElementTree.Element('r')
    root.append(ElementTree.Comment(' a < b '))
    root.append(ElementTree.ProcessingInstruction('p', 'x'))
    root[0].tail = '1'
    root.append(ElementTree.Element(ElementTree.QName('urn:x', 'b')))  # type: ignore[arg-type]  # is what it is for
    assert XML.write(root, {})[0].decode().partition('\n')[2] == '<r xmlns:ns1="urn:x"><!-- a < b -->1<?p x?><ns1:b/></r>'


def changed(**attributes: Any) -> ElementTree.Element:
    root = element('<r><a x="1">text</a></r>')
    for name, value in attributes.items():
        setattr(root[0], name, value)
    return root


def with_child(child: ElementTree.Element) -> ElementTree.Element:
    root = ElementTree.Element('r')
    root.append(child)
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
        with_child(ElementTree.Comment('a--b')),
        with_child(ElementTree.Comment('a-')),
        with_child(ElementTree.Comment('\0')),
        with_child(ElementTree.ProcessingInstruction('p', 'a?>b')),
        ElementTree.Comment('a'),
        element('<a>' * 257 + '</a>' * 257),
        of_itself(),
    ],
    ids=lambda payload: without_addresses(ascii((payload.tag, payload[0].attrib if len(payload) else payload.text)))[:60],
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
