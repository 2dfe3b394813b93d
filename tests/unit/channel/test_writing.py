"""What a client is answered: each kind of payload in each data format, content types, compression, headers, streams."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from tests.unit.channel.rest import HIDDEN, REST, answering, service
from zato.common.exception import BadRequest
from zato.server.channel.format.registry import FORMATS
from zato.server.service import Int, Model, Service, dataclass

NAMES = sorted(FORMATS)
TYPES = {
    '': 'text/plain; charset=utf-8',
    'csv': 'text/csv; charset=utf-8',
    'form': 'application/x-www-form-urlencoded',
    'json': 'application/json',
    'xml': 'application/xml; charset=utf-8',
}
BINARY = 'application/octet-stream'
XML = "<?xml version='1.0' encoding='utf-8'?>\n"


@dataclass(init=False)
class Item(Model):
    a: int
    b: str


def item(a: int, b: str) -> Item:
    return Item.from_dict({'a': a, 'b': b})


class WithToDict:
    def to_dict(self) -> dict[str, Any]:
        return {'a': 1, 'b': 'x'}


class WithToJSON:
    def to_json(self) -> str:
        return '{"a":1,"b":"x"}'


class WithToZato:
    def to_zato(self) -> dict[str, Any]:
        return {'a': 1, 'b': 'x'}


class Row:
    """As SQLAlchemy's."""

    _mapping = {'a': 1, 'b': 'x'}  # noqa: RUF012  # as it is there


class Color(Enum):
    RED = 'red'


class Other:
    pass


ONE = {
    'json': '{"a":1,"b":"x"}',
    'form': 'a=1&b=x',
    'csv': 'a,b\r\n1,x\r\n',
    'xml': f'{XML}<response><a>1</a><b>x</b></response>',
}
TWO = {
    'json': '[{"a":1,"b":"x"},{"a":2,"b":"y"}]',
    'csv': 'a,b\r\n1,x\r\n2,y\r\n',
    'xml': f'{XML}<response><item><a>1</a><b>x</b></item><item><a>2</a><b>y</b></item></response>',
}
VALUES = {
    'decimal': Decimal('1.10'),
    'uuid': UUID(int=5),
    'time': datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    'day': date(2030, 1, 2),
    'yes': True,
    'none': None,
    'color': Color.RED,
}
#: Payload, and what it becomes; where a format is missing it cannot hold such a payload, which is the service's error.
TABLE: dict[str, tuple[Any, dict[str, str]]] = {
    'dict': ({'a': 1, 'b': 'x'}, ONE),
    'model': (item(1, 'x'), ONE),
    'to_dict': (WithToDict(), ONE),
    'to_json': (WithToJSON(), ONE),
    'to_zato': (WithToZato(), ONE),
    'row': (Row(), ONE),
    'empty dict': ({}, {'json': '{}', 'form': '', 'csv': '\r\n', 'xml': f'{XML}<response/>'}),
    'dicts': ([{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}], TWO),
    'tuple of dicts': (({'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}), TWO),
    'models': ([item(1, 'x'), item(2, 'y')], TWO),
    'mixed': ([WithToJSON(), {'a': 2, 'b': 'y'}], TWO),
    'empty list': ([], {'json': '[]', 'csv': '', 'xml': f'{XML}<response/>'}),
    'list': ([1, 'x'], {'json': '[1,"x"]', 'xml': f'{XML}<response><item>1</item><item>x</item></response>'}),
    'zero': (0, {'json': '0', 'xml': f'{XML}<response>0</response>'}),
    'number': (1.5, {'json': '1.5', 'xml': f'{XML}<response>1.5</response>'}),
    'false': (False, {'json': 'false', 'xml': f'{XML}<response>false</response>'}),
    'nested': (
        {'a': [WithToDict()]},
        {'json': '{"a":[{"a":1,"b":"x"}]}', 'xml': f'{XML}<response><a><a>1</a><b>x</b></a></response>'},
    ),
    'values': (
        VALUES,
        {
            'json': '{"decimal":"1.10","uuid":"00000000-0000-0000-0000-000000000005","time":"2030-01-02T03:04:05Z",'
            '"day":"2030-01-02","yes":true,"none":null,"color":"red"}',
            'form': 'decimal=1.10&uuid=00000000-0000-0000-0000-000000000005&time=2030-01-02T03%3A04%3A05%2B00%3A00'
            '&day=2030-01-02&yes=true&none=&color=red',
            'csv': 'decimal,uuid,time,day,yes,none,color\r\n1.10,00000000-0000-0000-0000-000000000005,'
            '2030-01-02T03:04:05+00:00,2030-01-02,true,,red\r\n',
            'xml': f'{XML}<response><decimal>1.10</decimal><uuid>00000000-0000-0000-0000-000000000005</uuid>'
            '<time>2030-01-02T03:04:05+00:00</time><day>2030-01-02</day><yes>true</yes><none/><color>red</color></response>',
        },
    ),
    'object': (Other(), {}),
}


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('kind', TABLE)
def test_a_payload_is_written_in_the_format_of_the_channel(kind: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    payload, bodies = TABLE[kind]
    expected = bodies.get(name or 'json')
    answer = REST(answering(payload), data_format=name).ask()
    if expected is not None:
        assert (answer.status, answer.body.decode(), answer.content_type) == (200, expected, TYPES[name or 'json'])
    else:
        assert (answer.status, answer.details) == (500, HIDDEN)
        assert f'Request failed (cid: {answer.cid}' in caplog.text


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    ('payload', 'body', 'raw_type'),
    [
        ('ü', 'ü'.encode(), TYPES['']),
        ('', b'', TYPES['']),
        (None, b'', TYPES['']),
        (b'\x00\xff', b'\x00\xff', BINARY),
        (bytearray(b'\xff'), b'\xff', BINARY),
        (memoryview(b'\xff'), b'\xff', BINARY),
    ],
)
def test_text_and_bytes_are_sent_as_they_are(name: str, payload: Any, body: bytes, raw_type: str) -> None:
    answer = REST(answering(payload), data_format=name).ask()
    assert (answer.status, answer.body, answer.content_type) == (200, body, TYPES[name] if name else raw_type)


@pytest.mark.parametrize('name', NAMES)
def test_a_service_that_answers_nothing_has_an_empty_body(name: str) -> None:
    answer = REST(service(lambda service: None), data_format=name).ask()
    assert (answer.status, answer.body, answer.content_type) == (200, b'', TYPES[name])


def test_what_was_encoded_with_classic_options_is_there_for_formats_that_have_them() -> None:
    sio = type('SimpleIO', (), {'output': ('a', 'b'), 'response_elem': None, 'csv_delimiter': ';', 'xml_root': 'order'})
    made = answering({'a': 1, 'b': 2}, SimpleIO=sio)
    assert REST(made, data_format='csv').ask().body == b'a;b\r\n1;2\r\n'
    assert REST(made, data_format='xml').ask().body.decode() == f'{XML}<order><a>1</a><b>2</b></order>'


# Declared output


def set_attributes(self: Service) -> None:
    self.response.payload.a = '1'
    self.response.payload.b = 'x'
    self.response.payload.c = 'not declared'


def test_elements_that_are_set_one_by_one_are_the_response() -> None:
    assert REST(service(set_attributes, output=(Int('a'), 'b'))).ask().json == {'a': 1, 'b': 'x'}


@pytest.mark.parametrize(
    ('attributes', 'expected'),
    [
        ({}, {'response': {'a': 1, 'b': 'x'}}),
        ({'response_elem': 'order'}, {'order': {'a': 1, 'b': 'x'}}),
        ({'response_elem': None}, {'a': 1, 'b': 'x'}),
    ],
)
def test_what_class_simple_io_declares_is_wrapped(attributes: dict[str, Any], expected: Any) -> None:
    sio = type('SimpleIO', (), {'output': (Int('a'), 'b'), **attributes})
    assert REST(service(set_attributes, SimpleIO=sio)).ask().json == expected
    assert REST(answering({'a': '1', 'b': 'x'}, SimpleIO=sio)).ask().json == expected


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    ('payload', 'told'), [({'a': 1}, 'Element missing in the response: b'), ({'a': 'x', 'b': 1}, 'not an integer: a')]
)
def test_what_is_not_the_declared_output_is_the_services_error(
    payload: Any, told: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = REST(answering(payload, output=(Int('a'), 'b')), data_format=name).ask()
    assert (answer.status, answer.details) == (500, HIDDEN)
    assert told in caplog.text


# Content types


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    ('of_channel', 'of_response', 'of_headers', 'expected'),
    [
        (b'', '', None, ''),
        (b'text/x', '', None, 'text/x'),
        (b'text/x', 'text/y', None, 'text/y'),
        (b'text/x', 'text/y', 'text/z', 'text/z'),
        (b'', '', 'text/z', 'text/z'),
    ],
)
def test_the_content_type_is_the_services_or_the_channels_or_that_of_the_format(
    name: str, of_channel: bytes, of_response: str, of_headers: str | None, expected: str
) -> None:
    headers = {'content-TYPE': of_headers} if of_headers else {}
    made = answering({'a': 1}, content_type=of_response, headers=headers)
    answer = REST(made, data_format=name, content_type=of_channel).ask()
    assert answer.content_type == (expected or TYPES[name or 'json'])
    assert answer.header('content-type') is None


# Compression


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(('of_channel', 'of_response'), [(True, ''), (False, 'gzip'), (True, 'gzip')])
def test_a_response_is_compressed_where_channel_or_service_say_so(name: str, of_channel: bool, of_response: str) -> None:
    plain = REST(answering({'a': 1}), data_format=name).ask()
    rest = REST(answering({'a': 1}, content_encoding=of_response), data_format=name, is_gzip=of_channel)
    answer = rest.ask(accept_encoding='br, gzip')
    assert gzip.decompress(answer.body) == plain.body
    assert (answer.header('content-encoding'), answer.header('vary')) == ('gzip', 'Accept-Encoding')
    assert answer.content_type == plain.content_type


@pytest.mark.parametrize('accept_encoding', [b'', b'br', b'gzip;q=0', b'identity'])
def test_who_does_not_accept_a_compressed_response_gets_another_one(accept_encoding: bytes) -> None:
    answer = REST(answering({'a': 1}), is_gzip=True).ask(accept_encoding=accept_encoding)
    assert answer.json == {'a': 1}
    assert (answer.header('content-encoding'), answer.header('vary')) == (None, 'Accept-Encoding')


def test_neither_errors_nor_empty_bodies_are_compressed() -> None:
    def handle(service: Any) -> None:
        raise BadRequest(msg='no', needs_msg=True)

    assert REST(service(handle), is_gzip=True).ask(accept_encoding='gzip').details == 'no'
    answer = REST(answering(''), is_gzip=True).ask(accept_encoding='gzip')
    assert (answer.body, answer.headers) == (b'', {})


# Status and headers


def test_status_reason_and_headers_are_the_services() -> None:
    made = answering({}, status_code=201, status_message='Made it', headers={'X-A': 'ü', 'X-B': '2'})
    answer = REST(made).ask()
    assert (answer.status, answer.response.reason) == (201, 'Made it')
    assert answer.headers == {'x-a': ['ü'], 'x-b': ['2']}


@pytest.mark.parametrize('status', [None, '200', 199, 600, 99, 1_000, -1, 3.5])
def test_a_status_that_is_none_is_the_services_error(status: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = REST(answering({}, status_code=status)).ask()
    assert (answer.status, answer.details) == (500, HIDDEN)
    assert f'must be a number from 200 to 599, not {status!r}' in caplog.text


@pytest.mark.parametrize('error', [BadRequest('', 'no', needs_msg=True), ValueError('no')])
def test_headers_that_a_service_set_before_it_failed_are_sent(error: Exception) -> None:
    def handle(self: Service) -> None:
        self.response.headers = {'X-A': '1', 'Content-Type': 'text/plain'}
        self.response.content_type = 'text/plain'
        raise error

    answer = REST(service(handle)).ask()
    assert answer.status in (400, 500)
    assert (answer.headers, answer.content_type) == ({'x-a': ['1']}, 'application/json')
    assert answer.details in ('no', HIDDEN)


def test_headers_that_cannot_be_sent_do_not_hide_why_a_service_failed(caplog: pytest.LogCaptureFixture) -> None:
    def handle(self: Service) -> None:
        self.response.headers['X-A'] = '€'
        raise BadRequest(msg='why', needs_msg=True)

    assert REST(service(handle)).ask().details == 'why'
