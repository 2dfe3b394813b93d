"""Responses that are sent piece by piece: what is sent, what is closed, and how long the call counts as running."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.channel.rest import REST, answering, request, service
from tests.unit.channel.test_writing import NAMES, TYPES, XML


def pieces(*items: Any) -> Iterator[Any]:
    yield from items


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    'make',
    [
        lambda: pieces('a', 'ü', b'\xff', bytearray(b'b'), memoryview(b'c')),
        lambda: iter(['aü', b'\xffbc']),
        lambda: map(bytes, [b'a\xc3\xbc', b'\xffbc']),
        lambda: io.BytesIO(b'a\xc3\xbc\xffbc'),
    ],
    ids=['generator', 'iterator', 'map', 'file'],
)
def test_an_iterator_or_a_file_is_sent_piece_by_piece(name: str, make: Callable[[], Any]) -> None:
    answer = REST(service(lambda service: setattr(service.response, 'payload', make())), data_format=name).ask()
    assert not isinstance(answer.response.body, bytes)
    assert (answer.status, answer.body, answer.content_type) == (200, b'a\xc3\xbc\xffbc', TYPES[name])


def test_an_open_text_file_is_sent_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    path.write_text('ü' * 100_000, encoding='utf-8')
    rest = REST(service(lambda service: setattr(service.response, 'payload', path.open(encoding='utf-8'))))
    response = rest.pipeline.respond(request())
    found = list(response.body)
    assert b''.join(found).decode() == 'ü' * 100_000
    assert len(found) > 1
    response.body.close()


@pytest.mark.parametrize('taken', [0, 1])
def test_a_file_is_closed_wherever_its_sending_ends(taken: int) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b'x' * 200_000)
        file.seek(0)
        response = REST(answering(file)).pipeline.respond(request())
        for _ in range(taken):
            next(response.body)
        response.body.close()
        assert file.closed


def test_a_generator_is_closed_wherever_its_sending_ends() -> None:
    ended: list[str] = []

    def make() -> Iterator[bytes]:
        try:
            yield b'a'
            yield b'b'
        finally:
            ended.append('ended')

    response = REST(answering(make())).pipeline.respond(request())
    next(response.body)
    response.body.close()
    assert ended == ['ended']


def test_a_call_runs_until_its_stream_was_sent() -> None:
    rest = REST(answering(pieces(b'a', b'b')))
    response = rest.pipeline.respond(request())
    [call] = rest.invoker.running
    assert (call.cid, call.service) == (response.cid, rest.service)
    assert list(response.body) == [b'a', b'b']
    assert rest.invoker.running == set()


@pytest.mark.parametrize('taken', [0, 1])
def test_a_call_whose_stream_is_given_up_runs_no_more(taken: int) -> None:
    rest = REST(answering(pieces(b'a', b'b')))
    response = rest.pipeline.respond(request())
    for _ in range(taken):
        next(response.body)
    assert len(rest.invoker.running) == 1
    response.body.close()
    assert rest.invoker.running == set()


@pytest.mark.parametrize('items', [('a', 5), (None,), ([b'a'],)])
def test_a_piece_that_is_neither_text_nor_bytes_is_an_error_and_the_call_ends(items: tuple[Any, ...]) -> None:
    rest = REST(answering(pieces(*items)))
    response = rest.pipeline.respond(request())
    with pytest.raises(Exception, match='A response is streamed as bytes or text, not'):
        list(response.body)
    assert rest.invoker.running == set()


def test_what_a_generator_raises_comes_through_and_the_call_ends() -> None:
    def make() -> Iterator[bytes]:
        yield b'a'
        raise ZeroDivisionError

    rest = REST(answering(make()))
    response = rest.pipeline.respond(request())
    with pytest.raises(ZeroDivisionError):
        list(response.body)
    assert rest.invoker.running == set()


def test_a_stream_is_not_compressed() -> None:
    answer = REST(answering(pieces(b'a')), is_gzip=True).ask(accept_encoding='gzip')
    assert (answer.body, answer.headers) == (b'a', {})


def test_status_headers_and_content_type_of_a_stream_are_the_services() -> None:
    made = answering(pieces(b'a'), status_code=206, headers={'X-A': '1'}, content_type='video/mp4')
    answer = REST(made).ask()
    assert (answer.status, answer.content_type, answer.headers) == (206, 'video/mp4', {'x-a': ['1']})


def test_an_element_of_xml_is_no_stream_whatever_a_client_calls_its_elements() -> None:
    rest = REST(service(lambda service: setattr(service.response, 'payload', service.request.payload)), data_format='xml')
    body = b'<r><read>1</read><__next__/><__iter__/><close/></r>'
    assert rest.ask(body).body.decode() == XML + body.decode()
