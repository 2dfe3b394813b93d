"""What all data formats have in common: clients' mistakes are told from ours, and what was written can be read."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zato.common.exception import BadRequest, ConfigError, UnsupportedMediaType, ZatoException
from zato.server.channel.format.base import dicts
from zato.server.channel.format.registry import FORMATS, data_format
from zato.server.http.content_type import charset_of, parse_content_type

NAMES = sorted(FORMATS)

FORM_PART = (
    b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--\r\n'
)

BODIES = [
    b'{"a": [1, 2.5, "\xc3\xbc", null, true]}',
    b'a=1&b=%C3%BC&a=+2',
    FORM_PART,
    b'a,b\r\n1,"2 ""x"""\r\n',
    b'<?xml version="1.0" encoding="utf-8"?><r xmlns="urn:x" a="1"><!--c--><b>1<c/></b><![CDATA[x]]>&amp;&#10;</r>',
    b'<p:r xmlns:p="urn:p"><b p:a="1">x</b><c>' + b'9' * 5000 + b'</c></p:r>',
]
CONTENT_TYPES = [
    b'',
    b'application/json',
    b'text/csv; charset=utf-16',
    b'application/xml; charset="iso-8859-1"',
    b'application/x-www-form-urlencoded; charset=shift_jis',
    b'multipart/form-data; boundary=x',
    b'multipart/form-data; boundary="x"; charset=latin-1',
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good body with something replaced in it."""
    body = draw(st.sampled_from(BODIES))
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 10)))
    return body[:start] + draw(st.binary(max_size=10)) + body[end:]


def text(*, empty: bool = True) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=['Cs', 'Cc'], exclude_characters='\ufffe\uffff'), min_size=not empty)


@pytest.mark.parametrize('name', NAMES)
@given(body=st.binary() | damaged(), content_type=st.binary() | st.sampled_from(CONTENT_TYPES))
def test_any_bytes_are_a_payload_or_a_bad_request(name: str, body: bytes, content_type: bytes) -> None:
    found = data_format(name)
    try:
        payload = found.read(body, content_type, {})
    except (BadRequest, UnsupportedMediaType):
        return
    fields = found.fields(payload)
    assert fields is None or fields == dicts(fields)


@pytest.mark.parametrize('name', NAMES)
def test_an_empty_body_is_no_payload(name: str) -> None:
    found = data_format(name)
    assert found.read(b'', b'', {}) is None
    assert found.fields(None) is None


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    ('payload', 'body'), [('', b''), ('ü', 'ü'.encode()), (b'\xff\x00', b'\xff\x00'), (bytearray(b'a'), b'a'), (None, b'')]
)
def test_text_and_bytes_are_written_as_they_are(name: str, payload: Any, body: bytes) -> None:
    assert data_format(name).write(payload, {})[0] == body


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('payload', ['\ud800', {'a': '\ud800'}, {'a': object()}, object()])
def test_what_cannot_be_written_is_an_error_of_the_server(name: str, payload: Any) -> None:
    with pytest.raises(ZatoException) as caught:
        data_format(name).write(payload, {})
    assert caught.value.status == 500


@pytest.mark.parametrize('name', NAMES)
def test_a_payload_in_itself_is_an_error_of_the_server(name: str) -> None:
    payload: dict[str, Any] = {}
    payload['a'] = payload
    with pytest.raises(ZatoException):
        data_format(name).write(payload, {})


@given(st.dictionaries(text(empty=False), st.lists(text(), min_size=2) | text(), min_size=1))
def test_a_form_that_was_written_is_read(payload: dict[str, Any]) -> None:
    form = data_format('form')
    assert form.read(*form.write(payload, {}), {}) == payload


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | text(),
        lambda items: st.lists(items) | st.dictionaries(text(), items),
        max_leaves=20,
    ).filter(lambda payload: payload is not None and not isinstance(payload, str))
)
def test_json_that_was_written_is_read(payload: Any) -> None:
    found = data_format('json')
    assert found.read(*found.write(payload, {}), {}) == payload


@given(
    st.lists(text(), min_size=1, unique=True).flatmap(
        lambda names: st.lists(st.fixed_dictionaries({name: text() | st.just('a\r\n"b",') for name in names}))
    )
)
def test_csv_that_was_written_is_read(payload: list[dict[str, str]]) -> None:
    csv = data_format('csv')
    assert (csv.read(*csv.write(payload, {}), {}) or []) == payload


@given(
    st.dictionaries(
        st.from_regex(r'[A-Za-z_][A-Za-z0-9._-]*', fullmatch=True),
        st.lists(text(), min_size=2) | text() | st.just('a\r\n\tb'),
    )
)
def test_xml_that_was_written_is_read(payload: dict[str, Any]) -> None:
    xml = data_format('xml')
    assert xml.fields(xml.read(*xml.write(payload, {}), {})) == payload


def test_there_are_no_other_formats() -> None:
    assert [data_format(name).name for name in NAMES] == NAMES
    with pytest.raises(ConfigError, match='no data format `yaml`'):
        data_format('yaml')


def test_libraries_are_imported_with_the_format_that_needs_them() -> None:
    code = """if True:
        import sys
        from zato.server.channel.format.registry import data_format
        for name in ('', 'json', 'csv', 'form'):
            data_format(name)
        data_format('form').read(b'a=1', b'', {})
        print({'xml.etree.ElementTree', 'multipart', 'lxml'} & set(sys.modules))
        data_format('xml')
        print({'xml.etree.ElementTree', 'multipart', 'lxml'} & set(sys.modules))
    """
    found = subprocess.check_output([sys.executable, '-c', code], text=True).splitlines()
    assert found == ['set()', "{'xml.etree.ElementTree'}"]


@pytest.mark.parametrize(
    ('payload', 'found'),
    [
        ({'a': 1}, {'a': 1}),
        ([{'a': 1}, {}], [{'a': 1}, {}]),
        ([], []),
        ([{'a': 1}, 2], None),
        ([1], None),
        ('a', None),
        (5, None),
        (None, None),
    ],
)
def test_elements_are_looked_up_in_dicts_only(payload: Any, found: Any) -> None:
    assert data_format('json').fields(payload) == found


# Content-Type


@pytest.mark.parametrize(
    ('header', 'media_type', 'parameters'),
    [
        (b'', '', {}),
        (b'Text/CSV', 'text/csv', {}),
        (b' text/csv ; Charset=UTF-8 ;header=present', 'text/csv', {'charset': 'UTF-8', 'header': 'present'}),
        (b'a/b; x="a;b\\"c\\\\"; y=1', 'a/b', {'x': 'a;b"c\\', 'y': '1'}),
        (b'a/b; x=1; x=2', 'a/b', {'x': '1'}),
        (b'a/b; boundary=----=_Part:1', 'a/b', {'boundary': '----=_Part:1'}),
        (b'a/b; x="open', 'a/b', {'x': '"open'}),
        (b'a/b;;; =; \xff=1; x=', 'a/b', {'x': ''}),
    ],
)
def test_a_content_type_is_a_media_type_and_parameters(header: bytes, media_type: str, parameters: dict[str, str]) -> None:
    assert parse_content_type(header) == (media_type, parameters)


@pytest.mark.parametrize(
    ('header', 'codec'),
    [
        (b'', 'utf_8'),
        (b'text/csv', 'utf_8'),
        (b'text/csv; header=present', 'utf_8'),
        (b'text/csv; charset=', 'utf_8'),
        (b'text/csv; charset="UTF-8"', 'utf_8'),
        (b'text/csv; charset=utf8', 'utf_8'),
        (b'text/csv; charset=ISO-8859-1', 'latin_1'),
        (b'text/csv; charset=iso-8859-15', 'iso8859_15'),
        (b'text/csv; charset=windows-1250', 'cp1250'),
        (b'text/csv; charset=us-ascii', 'ascii'),
        (b'text/csv; charset=UTF-16LE', 'utf_16_le'),
        (b'text/csv; charset=Shift_JIS', 'shift_jis'),
        (b'text/csv; charset=koi8-u', 'koi8_u'),
    ],
)
def test_a_charset_is_found_by_its_usual_names(header: bytes, codec: str) -> None:
    assert charset_of(header) == codec


@pytest.mark.parametrize(
    'charset', [b'utf-7', b'base64', b'hex', b'rot13', b'idna', b'unicode_escape', b'nope', b'\xff', b'../x']
)
def test_what_is_no_charset_for_text_is_a_bad_request(charset: bytes) -> None:
    with pytest.raises(BadRequest, match='There is no charset'):
        charset_of(b'text/csv; charset=' + charset)
