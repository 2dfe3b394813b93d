"""XML: what is read, and what a client cannot have the parser do."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from zato.common.exception import BadRequest
from zato.server.channel.format import xml
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
        b'<a>' * 200_000,
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


def test_the_parser_refuses_a_doctype_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, '_DOCTYPE', lambda document: None)
    with pytest.raises(BadRequest, match='a DOCTYPE is not allowed'):
        read(LAUGHS.encode())


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


@pytest.mark.parametrize(
    'declaration',
    [
        'xmlns="%s"',
        "xmlns='%s'",
        'a="xmlns" xmlns:p = "%s"',
        "xmlns:ü\n\t=\r\n'%s'",
        'xmlns="urn:x" xmlns:%s="%%s"' % ('p' * 70_000),
    ],
    ids=ascii,
)
def test_the_name_of_a_namespace_has_256_bytes_at_most(declaration: str) -> None:
    assert read(f'<r {declaration % ("x" * 256)}/>'.encode()) is not None
    for name in ('x' * 257, 'ü' * 129, '>' * 300, '&#65;' * 60):
        for document in (f'<r {declaration % name}/>', f'<r><a>{"<b/>" * 100}</a><a {declaration % name}/></r>'):
            with pytest.raises(BadRequest, match='namespace is longer'):
                read(document.encode())


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
