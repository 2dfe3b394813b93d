"""XML: what is read and written, and what a client cannot have the parser do."""

from __future__ import annotations

import socket
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from lxml import etree, objectify

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.xml import FORMAT as XML

ORDER = b"""<?xml version="1.0"?>
<!-- an order --><?pi?>
<o:order xmlns:o="urn:o" xmlns="urn:x" id="5">
  <customer><name>Zo\xc3\xab</name><age>5</age></customer>
  <o:line>1</o:line><line> 2<!-- x --> </line><line><sku>a</sku></line>
  <note/><code>007</code><text><![CDATA[<!DOCTYPE x>]]></text>
</o:order>
"""

ENTITIES = ''.join(f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 10))
LAUGHS = f'<!DOCTYPE r [<!ENTITY a0 "ha">{ENTITIES}]><r>&a9;</r>'


def read(body: bytes, content_type: bytes = b'application/xml') -> Any:
    return XML.read(body, content_type, {})


# Reading


def test_the_payload_is_what_users_of_objectify_know() -> None:
    order = read(ORDER)
    assert isinstance(order, objectify.ObjectifiedElement)
    assert (order.line, order.get('id')) == (1, '5')
    customer = order['{urn:x}customer']
    assert (customer.name, customer.age) == ('Zoë', 5)


def test_elements_are_looked_up_one_level_under_the_root() -> None:
    assert XML.fields(read(ORDER)) == {
        'customer': {'name': 'Zoë', 'age': '5'},
        'line': ['1', ' 2 ', {'sku': 'a'}],
        'note': '',
        'code': '007',
        'text': '<!DOCTYPE x>',
    }
    assert XML.fields(read(b'<r>text</r>')) == {}


def test_names_of_elements_may_be_those_of_attributes() -> None:
    body = b'<r><tag>1</tag><text>2</text><iterchildren>3</iterchildren><parent><text><tag>4</tag></text></parent></r>'
    assert XML.fields(read(body)) == {'tag': '1', 'text': '2', 'iterchildren': '3', 'parent': {'text': {'tag': '4'}}}


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
        (etree.fromstring('<r><a/>tail</r>')[0], {}, '<a/>'),
        (etree.ElementTree(etree.fromstring('<r/>')), {}, '<r/>'),
        ({'a': objectify.fromstring('<r><a>5</a></r>').a}, {}, '<response><a>5</a></response>'),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_payloads_are_elements(payload: Any, options: dict[str, Any], document: str) -> None:
    body, content_type = XML.write(payload, options)
    assert body.decode() == f"<?xml version='1.0' encoding='utf-8'?>\n{document}"
    assert content_type == b'application/xml; charset=utf-8'


def test_what_was_read_can_be_written() -> None:
    assert XML.fields(read(XML.write(read(ORDER), {})[0])) == XML.fields(read(ORDER))


@pytest.mark.parametrize('name', ['', 'a b', '1', 'a:b', '{urn:x}a', '<a>', 'a\0', '-', 5, None])
def test_a_key_that_is_no_name_is_an_error_of_the_server(name: Any) -> None:
    for options in ({}, {'xml_namespace': 'urn:x'}):
        with pytest.raises(ZatoException, match='cannot be the name of an XML element'):
            XML.write({name: 1}, options)


@pytest.mark.parametrize('value', ['\0', '\x01', '\x0b', '\ufffe', '\ud800'], ids=ascii)
def test_a_character_that_xml_does_not_have_is_an_error_of_the_server(value: str) -> None:
    with pytest.raises(ZatoException, match='The text of `a` has a character'):
        XML.write({'a': value}, {'xml_namespace': 'urn:x'})


@pytest.mark.parametrize('options', [{'xml_root': 'a b'}, {'response_elem': '5'}, {'xml_namespace': 'a\0b'}], ids=repr)
def test_a_root_that_cannot_be_is_an_error_of_the_server(options: dict[str, Any]) -> None:
    with pytest.raises(ZatoException, match='cannot be the root'):
        XML.write({}, options)
