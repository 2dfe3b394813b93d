"""Forms, urlencoded and multipart, in all charsets, and the ways in which they can be wrong."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import BadRequest, UnsupportedMediaType, ZatoException
from zato.server.channel.format.form import FORMAT as FORM
from zato.server.http.form import MAX_FIELDS, FormFile, parse_form, parse_pairs
from zato.server.http.turns import LONG

URLENCODED = b'application/x-www-form-urlencoded'
MULTIPART = b'multipart/form-data; boundary=limit'


def part(name: str, data: bytes, *headers: bytes, more: str = '') -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"{more}'.encode()
    return b'\r\n'.join([b'--limit', disposition, *headers, b'', data, b''])


def multipart(*parts: bytes) -> bytes:
    return b''.join(parts) + b'--limit--\r\n'


#: What is in a form after it was there once: names have no `%22`, `%0D` and `%0A`, which stand for what cannot be in them.
NAMES = st.text(st.characters(exclude_categories=['Cs', 'Cc'], exclude_characters='%\\'), min_size=1)
VALUES = st.text(st.characters(exclude_categories=['Cs']).filter(lambda character: character != '\ufeff')) | st.builds(
    FormFile, NAMES, st.just('application/pdf'), st.binary()
)


def read(body: bytes, content_type: bytes = URLENCODED) -> Any:
    return FORM.read(body, content_type, {})


# Urlencoded


@pytest.mark.parametrize(
    ('body', 'form'),
    [
        (b'a=1', {'a': '1'}),
        (b'a=&b', {'a': '', 'b': ''}),
        (b'a=1&a=2&a=3&b=4', {'a': ['1', '2', '3'], 'b': '4'}),
        (b'a=&a=', {'a': ['', '']}),
        (b'a+b=c%20d%2B', {'a b': 'c d+'}),
        (b'a=%C3%BC', {'a': 'ü'}),
        ('ä=ü'.encode(), {'ä': 'ü'}),
        (b'a=%c3%bc&a=%zz&a=%', {'a': ['ü', '%zz', '%']}),
        (b'a=1;b=2', {'a': '1;b=2'}),
        (b'&&a=1&', {'a': '1'}),
        (b'a=b=c', {'a': 'b=c'}),
        (b'=1', {'': '1'}),
        (b'a=%00', {'a': '\0'}),
    ],
)
def test_a_repeated_key_becomes_a_list_and_blanks_are_kept(body: bytes, form: dict[str, Any]) -> None:
    assert read(body) == form
    assert FORM.fields(read(body)) == form


@pytest.mark.parametrize(
    ('charset', 'body', 'value'),
    [
        (b'utf-8', b'a=%C3%BC', 'ü'),
        (b'iso-8859-1', b'a=%FC', 'ü'),
        (b'iso-8859-1', b'a=\xfc', 'ü'),
        (b'"windows-1252"', b'a=%80', '€'),
        (b'shift_jis', b'a=%83%5C', 'ソ'),
        (b'iso-2022-jp', b'a=%1B%24B%25%3D%1B%28B', 'ソ'),
        (b'gb18030', b'a=%D6%D0', '中'),
    ],
)
def test_a_form_is_in_the_charset_of_its_content_type(charset: bytes, body: bytes, value: str) -> None:
    assert read(body, URLENCODED + b'; charset=' + charset) == {'a': value}


@pytest.mark.parametrize('charset', [b'utf-16', b'utf-16le', b'utf-32', b'cp037', b'cp864', b'utf-7', b'hex', b'nope'])
@pytest.mark.parametrize('kind', [URLENCODED, MULTIPART])
def test_a_charset_in_which_a_form_cannot_be_is_a_bad_request(charset: bytes, kind: bytes) -> None:
    with pytest.raises(BadRequest, match='charset'):
        read(b'a=1', kind + b'; charset=' + charset)


@pytest.mark.parametrize(
    ('body', 'charset'), [(b'a=%FF', b'utf-8'), (b'%FF=1', b'utf-8'), (b'a=\xff', b'utf-8'), (b'a=%C3', b'us-ascii')]
)
def test_bytes_that_are_not_in_the_charset_are_a_bad_request(body: bytes, charset: bytes) -> None:
    with pytest.raises(BadRequest, match='not valid'):
        read(body, URLENCODED + b'; charset=' + charset)


def test_a_form_has_a_limited_number_of_fields() -> None:
    assert len(read(b'&'.join(b'%d=' % number for number in range(MAX_FIELDS)))) == MAX_FIELDS
    with pytest.raises(BadRequest, match='more than 1000 fields'):
        read(b'&' * MAX_FIELDS)


@pytest.mark.parametrize('content_type', [b'', URLENCODED, b'APPLICATION/X-WWW-Form-Urlencoded ; charset=utf-8'])
def test_what_says_nothing_else_is_taken_for_urlencoded(content_type: bytes) -> None:
    assert read(b'a=1', content_type) == {'a': '1'}


@pytest.mark.parametrize(
    'content_type', [b'application/json', b'text/plain', b'multipart/mixed; boundary=limit', b'x', b';']
)
def test_another_content_type_is_not_supported(content_type: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        read(b'a=1', content_type)
    assert parse_form(b'a=1', content_type) is None


def test_a_form_without_anything_in_it_is_empty() -> None:
    assert parse_form(b'', URLENCODED) == parse_form(b'', MULTIPART) == {}


def test_a_query_string_is_ascii() -> None:
    assert parse_pairs(b'a=1&a=%C3%BC') == {'a': ['1', 'ü']}
    for data in ('a=ü'.encode(), b'a=%FF'):
        with pytest.raises(UnicodeDecodeError):
            parse_pairs(data)


@pytest.mark.parametrize(
    ('piece', 'shift'),
    [(piece, shift) for piece in (b'%41+%zz%4%%42', b'%FC', b'%%', b'\xfc%', b'%4') for shift in range(len(piece))],
)
def test_a_long_value_is_read_as_a_short_one(piece: bytes, shift: int) -> None:
    value = b'x' * shift + piece * (2 * LONG // len(piece))
    expected = unquote_to_bytes(value.replace(b'+', b' ')).decode('latin-1')
    assert read(b'a=' + value, URLENCODED + b'; charset=latin-1') == {'a': expected}


def test_other_greenlets_run_while_a_long_form_is_worked_on() -> None:
    for use in (
        lambda: read(b'a=' + b'%41' * 500_000),
        lambda: read(b'&'.join([b'a=' + b'%41' * 1000] * 500)),
        lambda: FORM.write({'a': 'ü' * 1_000_000}, {}),
    ):
        ran: list[bool] = []
        gevent.spawn(ran.append, True)
        use()
        assert ran


# Multipart


def test_parts_are_fields_and_files() -> None:
    body = multipart(
        part('a', b'1'),
        part('b', 'ü'.encode()),
        part('a', b''),
        part('file', b'\0\xff\r\n', b'Content-Type: image/png', more='; filename="a b.png"'),
        part('file', b'', more='; filename=""'),
        part('ü', b'\xfc', b'Content-Type: text/plain; charset=iso-8859-1'),
    )
    assert read(body, MULTIPART) == {
        'a': ['1', ''],
        'b': 'ü',
        'file': [FormFile('a b.png', 'image/png', b'\0\xff\r\n'), FormFile('', 'application/octet-stream', b'')],
        'ü': 'ü',
    }


@pytest.mark.parametrize(
    ('header', 'data', 'value'),
    [
        (b'', b'\xfc', 'ü'),
        (b'Content-Type: text/plain', b'\xfc', 'ü'),
        (b'Content-Type: text/plain; charset=utf-8', 'ü'.encode(), 'ü'),
        (b'Content-Type: text/plain; charset="UTF-16"', 'ü'.encode('utf-16'), 'ü'),
    ],
)
def test_a_part_may_have_a_charset_of_its_own(header: bytes, data: bytes, value: str) -> None:
    body = multipart(part('a', data, *([header] if header else [])))
    assert read(body, MULTIPART + b'; charset=iso-8859-1') == {'a': value}


@given(st.binary().filter(lambda data: b'--limit' not in data))
def test_a_file_is_what_was_sent(data: bytes) -> None:
    assert read(multipart(part('a', data, more='; filename="x"')), MULTIPART)['a'].data == data


def test_a_boundary_may_be_quoted() -> None:
    assert read(multipart(part('a', b'1')), b'Multipart/Form-Data; Boundary="limit"') == {'a': '1'}
    assert read(
        b'--a b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--a b--', b'multipart/form-data; boundary="a b"'
    )


@pytest.mark.parametrize(
    ('body', 'content_type'),
    [
        (multipart(part('a', b'1')), b'multipart/form-data'),
        (multipart(part('a', b'1')), b'multipart/form-data; boundary='),
        (multipart(part('a', b'1')), b'multipart/form-data; boundary=other'),
        (multipart(part('a', b'1')), b'multipart/form-data; boundary="' + b'x' * 2000 + b'"'),
        (multipart(part('a', b'1'))[:-6], MULTIPART),
        (part('a', b'1'), MULTIPART),
        (b'x' + multipart(part('a', b'1')), MULTIPART),
        (b'a=1', MULTIPART),
        (multipart(part('a', b'\xff')), MULTIPART),
        (multipart(part('a', b'1', b'Content-Type: text/plain; charset=nope')), MULTIPART),
        (multipart(part('a', b'1', b'Content-Type: text/plain; charset=utf-7')), MULTIPART),
        (multipart(part('a', b'1', b'X: \xff')), MULTIPART),
        (multipart(part('a', b'1', b'no colon')), MULTIPART),
        (multipart(part('a', b'1', b'Content-Length: 5')), MULTIPART),
        (multipart(b'--limit\r\nContent-Disposition: form-data\r\n\r\n1\r\n'), MULTIPART),
        (multipart(b'--limit\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n'), MULTIPART),
        (multipart(b'--limit\r\n\r\n1\r\n'), MULTIPART),
        (multipart(part('a', b'1', *[b'X: 1'] * 8)), MULTIPART),
        (multipart(part('a', b'1', b'X: ' + b'x' * 5000)), MULTIPART),
        (multipart(*[part('a', b'1')] * (MAX_FIELDS + 1)), MULTIPART),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_a_multipart_form_that_is_wrong_is_a_bad_request(body: bytes, content_type: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        read(body, content_type)
    assert caught.value.needs_msg


def test_the_largest_multipart_form_is_read() -> None:
    assert len(read(multipart(*[part('a', b'1')] * MAX_FIELDS), MULTIPART)['a']) == MAX_FIELDS


# Writing


@pytest.mark.parametrize(
    ('payload', 'body'),
    [
        ({}, b''),
        ({'a': 1, 'b': None, 'c': True}, b'a=1&b=&c=true'),
        ({'a': ['x', 'y z'], 'b': []}, b'a=x&a=y+z'),
        ({'ä': '&='}, b'%C3%A4=%26%3D'),
        ('a=1', b'a=1'),
    ],
)
def test_a_dict_is_written_as_a_form(payload: Any, body: bytes) -> None:
    assert FORM.write(payload, {}) == (body, URLENCODED)


def test_a_long_value_is_written() -> None:
    value = 'ü&a ' * 20_000
    assert FORM.write({'a': value}, {})[0] == urlencode({'a': value}).encode()
    assert FORM.read(FORM.write({'a': value}, {})[0], URLENCODED, {}) == {'a': value}


def test_a_form_with_a_file_is_written_in_parts() -> None:
    file = FormFile('ä "x"\r\n.png', 'image/png', b'\0\xff\r\n--')
    body, content_type = FORM.write({'a "b"': file, 'c': [1, None], 'd': 'ü'}, {})
    boundary = content_type.removeprefix(b'multipart/form-data; boundary=')
    assert re.fullmatch(rb'[0-9a-f]{32}', boundary)
    head = b'--' + boundary + b'\r\nContent-Disposition: form-data; name='
    assert body == b''.join(
        [
            head + b'"a %22b%22"; filename="\xc3\xa4 %22x%22%0D%0A.png"\r\nContent-Type: image/png\r\n\r\n',
            b'\0\xff\r\n--\r\n',
            head + b'"c"\r\n\r\n1\r\n',
            head + b'"c"\r\n\r\n\r\n',
            head + b'"d"\r\n\r\n\xc3\xbc\r\n',
            b'--' + boundary + b'--\r\n',
        ]
    )


def test_nobody_knows_a_boundary_before() -> None:
    payload = {'a': FormFile('', '', b'')}
    assert FORM.write(payload, {})[1] != FORM.write(payload, {})[1]


@given(st.dictionaries(NAMES, VALUES | st.lists(VALUES, min_size=2), min_size=1))
def test_an_echo_of_a_form_with_files_is_the_form(payload: dict[str, Any]) -> None:
    payload['file'] = FormFile('x', 'a/b', b'')
    assert FORM.read(*FORM.write(payload, {}), {}) == payload


@pytest.mark.parametrize('content_type', ['a\r\nb', 'a\nb', 'ü', '\0'])
def test_a_content_type_of_a_file_that_would_end_its_line_is_an_error_of_the_server(content_type: str) -> None:
    with pytest.raises(ZatoException, match='is not the content type of a file'):
        FORM.write({'a': FormFile('x', content_type, b'')}, {})


@pytest.mark.parametrize(
    'payload', [5, [1], [{'a': 1}], {'a': {'b': 1}}, {'a': [[1]]}, {FormFile('', '', b''): {}}], ids=repr
)
def test_what_is_no_form_is_an_error_of_the_server(payload: Any) -> None:
    with pytest.raises(ZatoException) as caught:
        FORM.write(payload, {})
    assert caught.value.status == 500
