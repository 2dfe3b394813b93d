"""What answers look like, and what a failing application does to its connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.support.http_client import Server, request
from zato.server.http.message import CLOSE, Response, serialize


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    with Server(body=1000) as server:
        yield server


def test_an_answer_has_the_headers_that_all_have(server: Server) -> None:
    with server.connect() as client:
        answer = client.get('/')
    assert answer.status_line == 'HTTP/1.1 200 OK'
    assert set(answer.headers) == {'content-type', 'x-zato-cid', 'server', 'date', 'x-saw', 'content-length'}
    assert answer.headers['server'] == 'Zato'
    assert answer.headers['date'].endswith(' GMT')
    assert abs(parsedate_to_datetime(answer.headers['date']) - datetime.now(UTC)) < timedelta(minutes=5)


def test_head_is_answered_without_a_body_and_with_its_length(server: Server) -> None:
    with server.connect() as client:
        for _ in range(2):
            answer = client.get('/big/100', method='HEAD')
            assert answer.headers['content-length'] == '100'
        assert client.get('/big/100').body == b'x' * 100


@pytest.mark.parametrize('status', [204, 304])
def test_a_status_without_a_body_has_neither_body_nor_length(server: Server, status: int) -> None:
    with server.connect() as client:
        answer = client.get(f'/status/{status}')
        assert answer.status == status
        assert 'content-length' not in answer.headers
        assert client.get('/').status == 200


def test_a_refused_head_request_is_answered_without_a_body(server: Server) -> None:
    with server.connect() as client:
        client.send(request('/', 'Expect: other', method='HEAD'))
        assert client.answer(is_head=True).status == 417
        assert client.rest() == b''


def test_a_connection_serves_many_requests(server: Server) -> None:
    with server.connect() as client:
        for number in range(200):
            answer = client.get(f'/{number}')
            assert answer.saw['path'] == f'/{number}'
            assert 'connection' not in answer.headers


def test_an_http_1_0_client_that_asks_for_it_is_told_that_the_connection_stays(server: Server) -> None:
    with server.connect() as client:
        for _ in range(3):
            client.send(b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
            assert client.answer().headers['connection'] == 'keep-alive'
        client.send(b'GET / HTTP/1.0\r\n\r\n')
        assert client.answer().closes
        assert client.rest() == b''


@pytest.mark.parametrize('framing', ['Content-Length: 5', 'Transfer-Encoding: chunked'])
def test_a_body_that_waits_for_100_is_asked_for(server: Server, framing: str) -> None:
    with server.connect() as client:
        client.send(request('/', 'Expect: 100-continue', framing, method='POST'))
        assert client.answer().status_line == 'HTTP/1.1 100 Continue'
        client.send(b'hello' if 'Length' in framing else b'5\r\nhello\r\n0\r\n\r\n')
        assert client.answer().body == b'hello'
        assert client.get('/').status == 200


def test_a_body_too_large_is_refused_at_once_even_if_it_keeps_coming(server: Server) -> None:
    with server.connect() as client:
        client.send(request('/', 'Content-Length: 123456789', method='POST') + b'x' * 500_000)
        answer = client.answer()
        assert answer.status == 413
        assert answer.closes


def test_a_client_that_stops_sending_after_its_request_gets_its_answer(server: Server) -> None:
    with server.connect() as client:
        client.send(request('/a') + request('/b'))
        client.socket.shutdown(1)
        assert [client.answer().saw['path'], client.answer().saw['path']] == ['/a', '/b']
        assert client.rest() == b''


@pytest.mark.parametrize('sent', [b'GET', b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell'])
def test_half_a_request_is_not_answered(server: Server, sent: bytes) -> None:
    with server.connect() as client:
        client.send(sent)
        client.socket.shutdown(1)
        assert client.rest() == b''


@pytest.mark.parametrize('how', ['exception', 'timeout', 'exit', 'header', 'content-type'])
def test_an_application_that_fails_is_answered_for(server: Server, how: str) -> None:
    with server.connect() as client:
        client.send(request(f'/fail/{how}') + request('/never'))
        answer = client.answer()
        assert answer.status == 500
        assert answer.closes
        assert b'injected' not in answer.body.lower()
        assert client.rest() == b''
    with server.connect() as client:
        assert client.get('/').status == 200
    assert 'No answer to a request from 127.0.0.1' in server.errors
    assert 'Traceback' in server.errors


def test_headers_that_are_the_engine_s_own_are_not_taken_from_the_application(server: Server) -> None:
    with server.connect() as client:
        answer = client.get('/header/value')
        assert answer.headers['x-echo'] == 'value'
        assert answer.headers['content-length'] == '0'


@pytest.mark.parametrize(
    'header',
    [
        (b'X', b'a\r\nY: b'),
        (b'X', b'a\nb'),
        (b'X', b'a\rb'),
        (b'X', b'a\0'),
        (b'X: a\r\nY', b'b'),
        (b'', b'a'),
        (b'X ', b'a'),
    ],
)
def test_a_header_that_would_break_out_of_its_line_is_refused(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match='Not a header'):
        serialize(Response(200, b'', 'cid', headers=(header,)), b'', CLOSE, is_head=False)


def test_a_response_is_one_piece() -> None:
    response = Response(299, b'body', 'cid', b'text/plain', ((b'X-Name', b'value'), (b'transfer-encoding', b'chunked')))
    assert serialize(response, b'Date: today\r\n', CLOSE, is_head=False) == (
        b'HTTP/1.1 299 \r\nContent-Type: text/plain\r\nX-Zato-CID: cid\r\nDate: today\r\nConnection: close\r\n'
        b'X-Name: value\r\nContent-Length: 4\r\n\r\nbody'
    )
