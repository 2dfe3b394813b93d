"""Requests that no well-meaning client makes, made of parts that many do."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from tests.unit.channel.rest import CONTENT_TYPES

#: Names of elements that the services of these tests declare, and of some that nobody does.
NAMES = (
    'as_is', 'binary', 'by_a', 'color', 'csv', 'date', 'date_time', 'decimal', 'dict', 'dict_list', 'flag', 'id', 'int',
    'list', 'maps', 'name', 'number', 'one', 'others', 'password', 'self', 'tags', 'text', 'time', 'tree', 'union', 'utc',
    'uuid', 'keys', 'get', '__class__', 'ü', 'a b', '', '/', '\x00',
)  # fmt: skip
TEXTS = (
    '', '\ud800', '0', '1', '-1', '1.5', '1e999', '-1e999', '9' * 5000, '1_000', '٣', 'NaN', 'Infinity', 'true', 'no',
    'null', 'x', '2030-01-02', '2030-01-02T03:04:05Z', '2030-13-45', '99999-01-01', '0000-00-00', '10:00', 'Jan 1 1',
    '1 1 1 1 1', '12345678-1234-5678-1234-567812345678', '{}', '[]', ',', 'a,b', 'red', '\x00', '\ufffe', '\U0010ffff', 'ü',
    '😀' * 100, '\r\n', '<a>&amp;</a>', '%ff', '"', '+00:00', 'T', ' ', '1e5', '0x10', 'sNaN', '1E+999999999', '-0',
    'zato.secf.x',
)  # fmt: skip
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, -(2**63), 2**64 - 1, 1.5, -0.0, 1e308, 5e-324, 1e100)

CHARSETS = (
    'utf-8', 'UTF-8-SIG', 'utf-16', 'utf-32-be', 'utf-7', 'iso-8859-1', 'shift_jis', 'hz', 'idna', 'rot13', '\xff', '', '"',
)  # fmt: skip
BOUNDARY = 'b'

scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.sampled_from(NAMES), items, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
payloads = objects | st.lists(objects | values, max_size=3) | values
pairs = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS) | st.text(max_size=5)), max_size=6)


def to_json(payload: Any) -> bytes:
    """Lone surrogates are escaped, infinite numbers are names: as lenient clients write it."""
    return json.dumps(payload).encode()


def to_form(fields: list[tuple[str, str]]) -> bytes:
    return '&'.join(f'{_quoted(name)}={_quoted(value)}' for name, value in fields).encode()


def to_multipart(fields: list[tuple[str, str]]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{"; filename=x" if len(value) % 3 == 0 else ""}'
        f'\r\nContent-Type: text/plain{"; charset=utf-16" if len(value) % 5 == 0 else ""}\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return _bytes(''.join([*parts, f'--{BOUNDARY}--\r\n']))


def to_csv(rows: list[list[tuple[str, str]]]) -> bytes:
    cells = [','.join(f'"{text}"' for _, text in row) for row in rows]
    header = ','.join(f'"{name}"' for name, _ in rows[0]) if rows else ''
    return _bytes('\r\n'.join([header, *cells]))


def to_xml(payload: Any, name: str = 'r') -> bytes:
    """Not escaped, so that there is a mistake here and there."""
    if isinstance(payload, dict):
        return b'<%b>%b</%b>' % (_bytes(name), b''.join(to_xml(value, key) for key, value in payload.items()), _bytes(name))
    if isinstance(payload, list):
        return b'<%b>%b</%b>' % (_bytes(name), b''.join(to_xml(item, 'as_is') for item in payload), _bytes(name))
    return b'<%b x="1">%b</%b>' % (_bytes(name), _bytes(str(payload)), _bytes(name))


def _bytes(text: str) -> bytes:
    return text.encode('utf-8', 'surrogatepass')


def _quoted(text: str) -> str:
    return quote_from_bytes(_bytes(text))


@st.composite
def damaged(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """With something in it replaced."""
    body = draw(bodies)
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 10)))
    return body[:start] + draw(st.binary(max_size=10)) + body[end:]


GOOD = {
    '': payloads.map(to_json),
    'csv': st.lists(pairs, max_size=4).map(to_csv),
    'form': pairs.map(to_form) | pairs.map(to_multipart),
    'json': payloads.map(to_json),
    'xml': payloads.map(to_xml),
}


def bodies(data_format: str) -> st.SearchStrategy[bytes]:
    good = GOOD[data_format]
    recoded = st.tuples(good, st.sampled_from(['utf-16', 'utf-32', 'utf-8-sig'])).map(
        lambda pair: pair[0].decode('utf-8', 'replace').encode(pair[1])
    )
    return good | good | good | damaged(good) | recoded | st.binary(max_size=50) | st.one_of(*GOOD.values())


@st.composite
def content_types(draw: st.DrawFn, data_format: str) -> bytes:
    known = [*CONTENT_TYPES.values(), f'multipart/form-data; boundary={BOUNDARY}'.encode(), b'text/plain', b'', b';', b'x']
    own = CONTENT_TYPES.get(data_format, b'')
    media_type = draw(st.sampled_from([own] * len(known) + known))
    if data_format == 'form' and draw(st.booleans()):
        media_type = b'multipart/form-data; boundary=b'
    charset = draw(st.none() | st.none() | st.sampled_from(CHARSETS))
    return media_type if charset is None else media_type + b'; charset=' + charset.encode('latin-1')


header_values = st.binary(max_size=20).map(lambda value: bytes(byte for byte in value if byte > 31 and byte != 127))
HEADERS = {
    'accept': st.sampled_from([b'*/*', b'application/json', b'text/*;q=0', b'q=,;,', b'a/b;q="']),
    'accept_encoding': st.sampled_from([b'gzip', b'gzip;q=x', b'*', b';;', b'identity']),
    'origin': st.sampled_from([b'https://page.example', b'null', b'*', b'https://\xff']),
    'access_control_request_method': st.sampled_from([b'POST', b'\xff', b'', b'GET, POST']),
    'authorization': st.sampled_from([b'Basic \xff', b'Basic amFuZTpzZWNyZXQ=', b'Bearer x']),
    'host': st.sampled_from([b'h', b'[::1]:1', b':']),
    'user_agent': st.just(b'\xff\x80'),
}
ENCODINGS = st.sampled_from([b'gzip', b'gzip, gzip', b'identity', b'br', b'', b',', b'deflate', b'\xff'])
TARGETS = st.lists(
    st.sampled_from(['&', '=', '+', '%', '%ff', '%00', '%C3%BC', '%2F', ';', '?', '/', '\\', '"', 'x', '1e999', *NAMES])
    | st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='#'), max_size=3),
    max_size=8,
).map(lambda found: ''.join(found).encode('ascii', 'ignore').replace(b' ', b'').replace(b'\x00', b''))
METHODS = st.sampled_from(['POST'] * 25 + ['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'BREW'])


@st.composite
def requests(draw: st.DrawFn, data_format: str) -> dict[str, Any]:
    """Arguments of REST.ask, for a channel whose path is /a/{p}."""
    body = draw(bodies(data_format))
    found: dict[str, Any] = {'method': draw(METHODS)}
    path, query = draw(TARGETS), draw(TARGETS)
    found['target'] = b'/a/x' + path.replace(b'?', b'') + (b'?' + query if query else b'')
    if draw(st.integers(0, 9)):
        found['content_type'] = draw(content_types(data_format) | header_values)
    if draw(st.integers(0, 3)) == 0:
        body = draw(
            st.sampled_from([body, gzip.compress(body), gzip.compress(gzip.compress(body)), gzip.compress(body)[:-3]])
        )
        found['content_encoding'] = draw(ENCODINGS)
    for name, strategy in HEADERS.items():
        if draw(st.integers(0, 3)) == 0:
            found[name] = draw(strategy | header_values)
    return {'body': body, **found}
