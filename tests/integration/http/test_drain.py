"""A stop: who asked is answered, and nobody else is waited for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.http_client import Server, request

LONG = 50  #: seconds; longer than anything here takes, unless something is left open


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def test_idle_connections_are_closed(server: Server) -> None:
    with server.connect() as client:
        assert client.get('/').status == 200
        assert server.drain(LONG) == 0
        assert client.rest() == b''


def test_without_connections_it_ends_at_once(server: Server) -> None:
    assert server.drain(LONG) == 0


def test_a_running_request_finishes_and_says_that_the_connection_closes(server: Server) -> None:
    with server.connect() as client:
        client.send(request('/wait') + request('/never'))
        server.ask('until running 1')
        server.start_drain(LONG)
        server.ask('release')
        answer = client.answer()
        assert answer.saw['path'] == '/wait'
        assert answer.closes
        assert client.rest() == b''
        assert server.listen() == 0


def test_an_open_connection_may_ask_once_more(server: Server) -> None:
    with server.connect() as used, server.connect() as unused:
        assert used.get('/').status == 200
        server.ask('until connections 2')
        server.start_drain(LONG)
        for client in (unused, used):
            assert client.get('/').closes
            assert client.rest() == b''
        assert server.listen() == 0


def test_half_a_request_may_be_finished(server: Server) -> None:
    with server.connect() as client:
        client.send(request('/', 'Content-Length: 5', 'Expect: 100-continue', method='POST'))
        assert client.answer().status == 100
        server.start_drain(LONG)
        client.send(b'hello')
        answer = client.answer()
        assert answer.body == b'hello'
        assert answer.closes
        assert client.rest() == b''
        assert server.listen() == 0


def test_a_connection_in_the_accept_queue_is_answered(server: Server) -> None:
    server.ask('freeze')
    clients = [server.connect() for _ in range(40)]
    for client in clients:
        client.send(request('/'))
    server.start_drain(LONG)
    for client in clients:
        assert client.answer().closes
        assert client.rest() == b''
        client.socket.close()
    assert server.listen() == 0


def test_what_takes_too_long_is_cut_off(server: Server) -> None:
    with server.connect() as client, server.connect() as silent:
        client.send(request('/wait'))
        silent.send(b'GET / HT')
        server.ask('until running 1')
        server.ask('until connections 2')
        assert server.drain(0.1) == 2
        assert client.rest() == b''
        assert silent.rest() == b''


def test_what_does_not_let_itself_be_cut_off_does_not_stop_the_stop(server: Server) -> None:
    with server.connect() as client:
        client.send(request('/stubborn'))
        server.ask('until running 1')
        assert server.drain(0.1) == 1


def test_connections_that_cannot_be_accepted_do_not_stop_the_stop(server: Server) -> None:
    with server.connect() as client:
        client.send(request('/wait'))
        server.ask('until running 1')
        server.ask('freeze')
        with server.connect() as waiting:
            server.ask('nofile 3')
            server.start_drain(LONG)
            server.ask('release')
            assert client.answer().closes
            assert client.rest() == b''
            assert server.listen() == 0
            with pytest.raises(ConnectionResetError):
                waiting.rest()
    assert 'Cannot accept waiting connections' in server.errors
