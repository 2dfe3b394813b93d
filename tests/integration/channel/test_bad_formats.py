"""What only one data format can have wrong with it: charsets, XML's entities, forms of many parts, ambiguous CSV."""

from __future__ import annotations

import json

import pytest

from tests.integration.channel.test_bad_input import LARGE, SERVICES, checked, refused, rest_of, taken
from tests.unit.channel.rest import CONTENT_TYPES, MEGABYTE
from zato.server.http.content_type import _CODECS

# Charsets


@pytest.mark.parametrize('codec', ['utf-16', 'utf-16-le', 'utf-16-be', 'utf-32', 'utf-8-sig'])
def test_json_is_utf_8_and_a_mark_before_it_is_passed_over(codec: str) -> None:
    body = '{"a": "ü"}'.encode(codec)
    if codec == 'utf-8-sig':
        assert json.loads(taken('json', body)) == {'a': 'ü'}
        assert json.loads(taken('json', body, content_type='application/json; charset=utf-16')) == {'a': 'ü'}
    else:
        assert refused('json', body).startswith('The body is not valid JSON: ')


@pytest.mark.parametrize(
    'charset', ['klingon', 'utf-7', 'rot13', 'zlib', 'base64', 'unicode_escape', 'idna', '../x', 'x' * 5_000]
)
@pytest.mark.parametrize('data_format', ['csv', 'form', 'xml'])
def test_a_charset_that_there_is_not_is_refused(data_format: str, charset: str) -> None:
    content_type = CONTENT_TYPES[data_format] + f'; charset={charset}'.encode()
    assert refused(data_format, b'a=1', content_type=content_type).startswith('There is no charset')


@pytest.mark.parametrize('charset', sorted(set(_CODECS.values())))
@pytest.mark.parametrize('data_format', ['csv', 'form', 'xml'])
def test_in_each_charset_any_bytes_are_taken_or_refused(data_format: str, charset: str) -> None:
    content_type = CONTENT_TYPES[data_format] + f'; charset={charset}'.encode()
    rest = rest_of(SERVICES['nothing'], data_format)
    every = bytes(range(256))
    bodies = {
        'csv': [b'a\r\n' + every, every],
        'form': [b'a=' + every, b'a=' + b''.join(b'%%%02X' % byte for byte in every), b'a=%00%D8'],
        'xml': [b'<r>' + every + b'</r>', b'<?xml version="1.0" encoding="%b"?><r>\xff</r>' % charset.encode()],
    }[data_format]
    for body in bodies:
        checked(rest, body=body, content_type=content_type, target=b'/a/x')


@pytest.mark.parametrize('data_format', ['csv', 'form', 'json', 'xml'])
def test_bytes_that_are_not_in_the_charset_are_refused(data_format: str) -> None:
    bodies = {'csv': b'a\r\n\xff', 'form': b'a=%FF', 'json': b'{"a": "\xff"}', 'xml': b'<r>\xff</r>'}
    refused(data_format, bodies[data_format])


# XML


ENTITIES = ''.join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize(
    'body',
    [
        f'<!DOCTYPE r [<!ENTITY e0 "ha">{ENTITIES}]><r>&e9;</r>',
        f'<!DOCTYPE r [<!ENTITY e "{"a" * LARGE}">]><r>{"&e;" * LARGE}</r>',
        '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>',
        '<!DOCTYPE r [<!ENTITY e SYSTEM "http://127.0.0.1:1/">]><r>&e;</r>',
        '<!DOCTYPE r [<!ENTITY % e SYSTEM "file:///etc/passwd">%e;]><r/>',
        '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
        '<!DOCTYPE r PUBLIC "x" "http://127.0.0.1:1/"><r/>',
    ],
    ids=['laughs', 'blowup', 'file', 'http', 'parameter', 'system', 'public'],
)
@pytest.mark.parametrize('before', ['', '<?xml version="1.0"?>\n', '<!-- x -->', '\ufeff'])
@pytest.mark.parametrize('codec', ['utf-8', 'utf-16'])
def test_xml_with_a_doctype_is_refused(body: str, before: str, codec: str) -> None:
    assert refused('xml', (before + body).encode(codec)) == 'The body is not valid XML: a DOCTYPE is not allowed'


@pytest.mark.parametrize(
    'body',
    [
        b'<r>&nbsp;</r>',
        b'<r>&#0;</r>',
        b'<r a="1" a="2"/>',
        b'<r><a></r>',
        b'<r/><r/>',
        b'<p:r/>',
        b'x',
        b'<',
        b'<r>' + b'a' * (11 * MEGABYTE) + b'</r>',
        b'<r ' + b' '.join(b'a%d=""' % i for i in range(LARGE)),
    ],
    ids=range(10),
)
def test_xml_that_is_not_well_formed_or_too_much_is_refused(body: bytes) -> None:
    assert refused('xml', body).startswith('The body is not valid XML: ')


def test_an_xinclude_is_an_element_as_any_other() -> None:
    body = b'<r xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="file:///etc/passwd" parse="text"/></r>'
    assert b'root:' not in taken('xml', body)


# Forms and CSV


@pytest.mark.parametrize(
    'body',
    [b'a=1&' * LARGE, b'&'.join(b'a%d=' % i for i in range(LARGE))],
    ids=['repeated', 'different'],
)
def test_a_form_of_too_many_fields_is_refused(body: bytes) -> None:
    assert refused('form', body) == 'The form has more than 1000 fields'


@pytest.mark.parametrize(
    'body',
    [
        b'',
        b'--b',
        b'--b--',
        b'--b\r\n\r\n',
        b'x' * LARGE,
        b'--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
        b'--b\r\n' + b'A: b\r\n' * LARGE,
        b'--b\r\nContent-Disposition: form-data; name="' + b'a' * LARGE + b'"\r\n\r\n1\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 5_000 + b'--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/x; charset=idna\r\n\r\n\xff\r\n--b--\r\n',
        b"--b\r\nContent-Disposition: form-data; name*=idna''%FF\r\n\r\n1\r\n--b--\r\n",
    ],
    ids=range(12),
)
def test_a_multipart_form_that_is_not_whole_is_an_empty_one_or_refused(body: bytes) -> None:
    rest = rest_of(SERVICES['nothing'], 'form')
    answer = checked(rest, body=body, content_type='multipart/form-data; boundary=b', target=b'/a/x')
    assert answer.status == 400 or answer.body == b''
    for content_type in ('multipart/form-data', 'multipart/form-data; boundary=', 'multipart/form-data; boundary=\xff'):
        checked(rest, body=body, content_type=content_type, target=b'/a/x')


@pytest.mark.parametrize(
    'body',
    [
        b'a,a\r\n1,2',
        b'a\r\n1,2',
        b'a\r\n"',
        b'a\r\n"x"y',
        b'a\r\n\x00',
        b'a\r\n"' + b'x' * 200_000 + b'"',
        b'\r\n'.join([b',' * LARGE] * 2),
    ],
    ids=range(7),
)
def test_csv_that_is_ambiguous_or_too_much_is_refused(body: bytes) -> None:
    assert refused('csv', body).startswith('The body is not valid CSV: line ')


@pytest.mark.parametrize('media_type', ['application/json', 'text/plain', 'x', ';', 'multipart/mixed; boundary=b'])
def test_a_body_that_says_it_is_no_form_is_refused_where_one_is_needed(media_type: str) -> None:
    refused('form', b'{}', content_type=media_type)
