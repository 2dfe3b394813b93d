"""CSV: what is read and written, and which line is wrong."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.csv import FORMAT as CSV
from zato.server.channel.format.xml import FORMAT as XML
from zato.server.http.form import FormFile

NO_HEADER: dict[str, Any] = {'csv_has_header': False}
SEMICOLONS: dict[str, Any] = {'csv_delimiter': ';', 'csv_quotechar': "'"}


@pytest.mark.parametrize(
    ('body', 'options', 'payload'),
    [
        (b'a,b\r\n1,2\r\n3,4\r\n', {}, [{'a': '1', 'b': '2'}, {'a': '3', 'b': '4'}]),
        (b'a,b\n1,2', {}, [{'a': '1', 'b': '2'}]),
        (b'a,b\r1,2\r', {}, [{'a': '1', 'b': '2'}]),
        (b'a,b\n1\n', {}, [{'a': '1'}]),
        (b'a,b\n,\n', {}, [{'a': '', 'b': ''}]),
        (b'\n\na\n\n1\n\n', {}, [{'a': '1'}]),
        (b'a\n"1\r\n""2"", 3"\n', {}, [{'a': '1\r\n"2", 3'}]),
        (b'a\n=1+1\n', {}, [{'a': '=1+1'}]),
        (b'a,\n1,2\n', {}, [{'a': '1', '': '2'}]),
        (b'a,b\n', {}, []),
        (b'\n', {}, []),
        (b'\xef\xbb\xbfa\n\xc3\xbc', {}, [{'a': 'ü'}]),
        (b"a;b\n1;'2;3'\n", SEMICOLONS, [{'a': '1', 'b': '2;3'}]),
        (b'a\tb\n1\t2\n', {'csv_dialect': 'excel-tab'}, [{'a': '1', 'b': '2'}]),
        (b'a|b\n1|2\n', {'csv_dialect': 'excel-tab', 'csv_delimiter': '|'}, [{'a': '1', 'b': '2'}]),
        (b'1,2\n3\n', NO_HEADER, [['1', '2'], ['3']]),
        (b'1,2\n3\n', NO_HEADER | {'csv_fields': ('a', 'b')}, [{'a': '1', 'b': '2'}, {'a': '3'}]),
        (b'A,B\n1,2\n', {'csv_fields': ('a', 'b')}, [{'a': '1', 'b': '2'}]),
        (b'1\n2\n', NO_HEADER | {'csv_fields': 'a'}, [{'a': '1'}, {'a': '2'}]),
        (b'a\n1\n', {'csv_delimiter': None, 'csv_unknown': 5, 'xml_root': 'x'}, [{'a': '1'}]),
    ],
)
def test_rows_are_read(body: bytes, options: dict[str, Any], payload: list[Any]) -> None:
    assert CSV.read(body, b'text/csv', options) == payload


def test_elements_are_looked_up_in_rows_that_have_names() -> None:
    assert CSV.fields(CSV.read(b'a\n1\n', b'', {})) == [{'a': '1'}]
    assert CSV.fields(CSV.read(b'a\n1\n', b'', NO_HEADER)) is None


@pytest.mark.parametrize(
    ('charset', 'codec'),
    [(b'iso-8859-1', 'latin-1'), (b'utf-16', 'utf-16'), (b'UTF-16LE', 'utf-16-le'), (b'"utf-8"', 'utf-8-sig')],
)
def test_the_charset_is_that_of_the_content_type(charset: bytes, codec: str) -> None:
    assert CSV.read('ä\nü\n'.encode(codec), b'text/csv; charset=' + charset, {}) == [{'ä': 'ü'}]


@pytest.mark.parametrize(
    ('body', 'reason'),
    [
        (b'a\n1\n1,2\n', 'line 3: there are 2 cells, and 1 columns'),
        (b'a,b\n"1\n2",3,4\n', 'line 3: there are 3 cells, and 2 columns'),
        (b'a\n1\n"2\n', 'line 3: unexpected end of data'),
        (b'a\n"1"2\n', 'line 2: '),
        (b'a\n1\n\0\n', 'line 3: there is a NUL character'),
        (b'a\n' + b'x' * 131_073, r'line 2: field larger than field limit \(131072\)'),
        (b'a,b,a\n1,2,3\n', 'line 1: there is more than one column `a`'),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_a_bad_request_names_the_line(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as caught:
        CSV.read(body, b'', {})
    assert caught.value.needs_msg


@pytest.mark.parametrize(
    ('body', 'charset'),
    [
        (b'a\n\xff', b'utf-8'),
        (b'a\n\xff', b'us-ascii'),
        (b'a\n1', b'utf-16'),
        (b'a\n1', b'utf-7'),
        (b'a\n1', b'nope'),
        ('a\n1'.encode('utf-16'), b''),
    ],
)
def test_bytes_that_are_not_in_the_charset_are_a_bad_request(body: bytes, charset: bytes) -> None:
    with pytest.raises(BadRequest):
        CSV.read(body, b'text/csv; charset=' + charset, {})


@pytest.mark.parametrize(
    ('payload', 'options', 'body'),
    [
        ([{'a': 1, 'b': None}, {'c': True, 'a': 'x'}], {}, 'a,b,c\r\n1,,\r\nx,,true\r\n'),
        ({'a': 1, 'b': 2}, {}, 'a,b\r\n1,2\r\n'),
        ([['a', 1], ['b', 2.5]], {}, 'a,1\r\nb,2.5\r\n'),
        ([['b', 2]], {'csv_fields': ('x', 'y')}, 'x,y\r\nb,2\r\n'),
        ([{'a': 1, 'b': 2}], {'csv_fields': ('b', 'c')}, 'b,c\r\n2,\r\n'),
        ([{'a': 1}], NO_HEADER, '1\r\n'),
        ([], {}, ''),
        ([], {'csv_fields': ('a', 'b')}, 'a,b\r\n'),
        ([{}], {}, '\r\n'),
        ([{'a': 'x,"y"\r\n'}], {}, 'a\r\n"x,""y""\r\n"\r\n'),
        ([{'a': '=1+1'}], {}, 'a\r\n=1+1\r\n'),
        ([{'a': 'x;y', 'b': 'ü'}], SEMICOLONS, "a;b\r\n'x;y';ü\r\n"),
        ([{'a': 1, 'b': 2}], {'csv_dialect': 'unix'}, '"a","b"\r\n"1","2"\r\n'),
        ([{'a': FormFile('b', 'c/d', b'\xff')}], SEMICOLONS, 'a\r\n{"filename":"b","content_type":"c/d","data":"/w=="}\r\n'),
        ([{True: 2, None: 3}], {}, 'true,\r\n2,3\r\n'),
        ('a\n1\n', {}, 'a\n1\n'),
    ],
)
def test_rows_are_written(payload: Any, options: dict[str, Any], body: str) -> None:
    assert CSV.write(payload, options) == (body.encode(), b'text/csv; charset=utf-8')


@pytest.mark.parametrize('payload', [5, [1], ['ab'], [{'a': 1}, [1]], [{'a': {'b': 1}}], [[[1]]]], ids=repr)
def test_what_has_no_rows_is_an_error_of_the_server(payload: Any) -> None:
    with pytest.raises(ZatoException):
        CSV.write(payload, {})


@pytest.mark.parametrize('options', [{'csv_delimiter': ';;'}, {'csv_quotechar': 5}, {'csv_dialect': 'nope'}], ids=repr)
def test_an_option_that_is_wrong_is_an_error_of_the_server(options: dict[str, Any]) -> None:
    for use in (lambda: CSV.read(b'a\n1\n', b'', options), lambda: CSV.write([{'a': 1}], options)):
        with pytest.raises(ZatoException, match='with these options') as caught:
            use()
        assert caught.value.status == 500


def test_an_element_of_xml_is_the_text_in_it() -> None:
    order = XML.read(b'<r><a>007</a><b>1.10</b><c> true</c></r>', b'', {})
    assert CSV.write({'a': order.a, 'b': order.b[0], 'c': order.c}, {})[0] == b'a,b,c\r\n007,1.10, true\r\n'
    with pytest.raises(ZatoException):
        CSV.write({'a': order}, {})


@pytest.mark.parametrize('columns', [1, 1000])
def test_long_tables_are_read_and_written_while_other_greenlets_run(columns: int) -> None:
    rows = [{str(column): str(row) for column in range(columns)} for row in range(50_000 // columns)]
    written = b''

    def write() -> None:
        nonlocal written
        written = CSV.write(rows, {})[0]

    for use in (write, lambda: CSV.read(written, b'', {})):
        ran: list[bool] = []
        gevent.spawn(ran.append, True)
        use()
        assert ran
    assert CSV.read(written, b'', {}) == rows
