"""Clients that are slow, never read, never stop, or are many. Times are short here; nothing is measured."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator

import pytest

from tests.support.http_client import PATIENCE, Client, Server, request

MANY = 1_000
HEAD = request('/', 'Content-Length: 100000', method='POST')
CHUNKED = request('/', 'Transfer-Encoding: chunked', method='POST')

GONE = (BrokenPipeError, ConnectionResetError)


@pytest.fixture(scope='module')
def impatient() -> Iterator[Server]:
    with Server(head_timeout=0.2, block_timeout=0.2) as server:
        yield server


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    with Server(body=10**12) as server:
        yield server


@pytest.fixture(scope='module')
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY * 2
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_clients_that_stop_in_the_middle_are_told_and_let_go(impatient: Server) -> None:
    unfinished = (b'G', b'GET / HTTP/1.1\r\nHost: a\r\n', HEAD, HEAD + b'x' * 99_999, CHUNKED + b'5\r\nhel', CHUNKED)
    clients = [impatient.connect() for _ in unfinished]
    for client, sent in zip(clients, unfinished, strict=True):
        client.send(sent)
    for client in clients:
        check_too_late(client)


def test_clients_that_trickle_are_told_and_let_go(impatient: Server) -> None:
    tricklers = [(b'GET / HTTP/1.1\r\n', b'X: y\r\n'), (HEAD, b'x'), (CHUNKED, b'1\r\nx\r\n')]
    clients = [(impatient.connect(), piece) for _, piece in tricklers]
    for (client, _), (start, _) in zip(clients, tricklers, strict=True):
        client.send(start)
        client.socket.settimeout(0.01)
    while not all(client.input for client, _ in clients):
        for client, piece in clients:
            if not client.input:
                trickle(client, piece)
    for client, _ in clients:
        client.socket.settimeout(PATIENCE)
        check_too_late(client)


def trickle(client: Client, piece: bytes) -> None:
    client.send(piece)
    try:
        client.input = client.socket.recv(100_000)
    except TimeoutError:
        pass


def check_too_late(client: Client) -> None:
    answer = client.answer()
    assert answer.status == 408
    assert answer.closes
    assert client.rest() == b''


def test_a_client_that_does_not_read_its_answer_is_dropped_and_holds_nobody(impatient: Server) -> None:
    with impatient.connect(receive_buffer=4096) as client, impatient.connect() as other:
        client.send(request('/big/50000000'))
        assert other.get('/').status == 200
        other.socket.close()
        impatient.ask('until connections 0')


def test_a_client_that_sends_requests_and_reads_no_answers_is_dropped(impatient: Server) -> None:
    """Its last answer finds no room at all, not even for its first byte."""
    with impatient.connect(receive_buffer=4096) as client, pytest.raises(GONE):
        client.send_for_ever(request('/') * 100)


def test_an_idle_connection_is_closed_without_a_word() -> None:
    with Server(keepalive=0.2, head_timeout=0.2) as server:
        unused, empty_lines, used = (server.connect() for _ in range(3))
        empty_lines.send(b'\r\n\r\n')
        assert used.get('/').status == 200
        used.send(b'\r\n')
        assert unused.rest() == empty_lines.rest() == used.rest() == b''


def test_a_running_request_has_no_deadline() -> None:
    with Server(keepalive=0.1, head_timeout=0.1, block_timeout=0.1) as server, server.connect() as client:
        client.send(request('/wait'))
        server.ask('until running 1')
        with server.connect() as idle:
            assert idle.rest() == b'', 'closed by the same look at all deadlines'
        server.ask('release')
        assert client.answer().status == 200


def test_a_client_that_never_stops_sending_after_a_refusal_is_cut_off(server: Server) -> None:
    with server.connect() as client, server.connect() as other:
        client.send(b'GET / HTTP/9.9\r\n\r\n')
        assert client.answer().status == 505
        with pytest.raises(GONE):
            client.send_for_ever(b'x' * 1_000_000)
        assert other.get('/').status == 200


def test_more_connections_than_allowed_wait_for_their_turn() -> None:
    with Server(connections=2) as server:
        clients = [server.connect() for _ in range(3)]
        for client in clients:
            client.send(request('/'))
        server.ask('until connections 2')
        assert clients[0].answer().status == 200
        assert clients[1].answer().status == 200
        clients[0].socket.close()
        assert clients[2].answer().status == 200
        for client in clients:
            client.socket.close()


def test_a_worker_without_descriptors_accepts_again_once_it_has_some() -> None:
    with Server() as server, server.connect() as before:
        assert before.get('/').status == 200
        server.ask('nofile 3')
        with server.connect() as client:
            client.send(request('/'))
            while 'Cannot accept connections' not in server.errors:
                assert before.get('/').status == 200
            server.ask('nofile 1000')
            assert client.answer().status == 200


@pytest.mark.usefixtures('many_descriptors')
def test_a_thousand_connections_at_once() -> None:
    with Server() as server:
        clients = [server.connect() for _ in range(MANY)]
        server.ask(f'until connections {MANY}')
        for number, client in enumerate(clients):
            client.send(request(f'/{number}'))
        for number, client in enumerate(clients):
            assert client.answer().saw['path'] == f'/{number}'
        for client in clients:
            client.socket.close()
        server.ask('until connections 0')


def test_a_client_that_pipelines_does_not_have_all_its_answers_before_others_have_any(server: Server) -> None:
    total = 500
    with server.connect() as greedy, server.connect() as modest:
        first = modest.get('/').saw['count']
        server.ask('freeze')
        greedy.send(request('/spin/1') * total)  # in one piece, as they are few bytes
        server.ask('thaw')
        last = [modest.get('/').saw['count'] for _ in range(10)][-1]
        assert last - first < total
        for _ in range(total):
            assert greedy.answer().status == 200


def test_a_client_that_sends_a_body_without_end_does_not_starve_another(server: Server) -> None:
    done = threading.Event()

    def send() -> None:
        greedy.send(CHUNKED)
        while not done.is_set():
            greedy.send(b'1\r\nx\r\n' * 50_000)

    with server.connect() as greedy, server.connect() as modest:
        thread = threading.Thread(target=send)
        thread.start()
        for number in range(20):
            assert modest.get(f'/{number}').saw['path'] == f'/{number}'
        done.set()
        thread.join()
