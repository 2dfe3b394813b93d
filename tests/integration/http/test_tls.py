"""TLS: good clients, and clients that stall, talk something else or have no certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.support.certificate import make_certificate
from tests.support.http_client import Client, Server, request

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

each_version = pytest.mark.parametrize('version', VERSIONS, ids=[version.name for version in VERSIONS])


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_certificate(tmp_path_factory.mktemp('server'), 'server')


@pytest.fixture(scope='module')
def client_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_certificate(tmp_path_factory.mktemp('client'), 'client')


@pytest.fixture(scope='module')
def server(files: dict[str, str]) -> Iterator[Server]:
    with Server(tls=files, tls_handshake_timeout=0.2, keepalive=0.7, body=20_000_000) as server:
        yield server


@pytest.fixture
def context(files: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files['certificate'])
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # that a server says good-bye is part of what is tested
    return context


@each_version
def test_requests_are_answered(server: Server, context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as client:
        for number in range(20):
            assert client.get(f'/{number}').saw['path'] == f'/{number}'
        client.send(b''.join(request(f'/{number}') for number in range(1000)))
        for number in range(1000):
            assert client.answer().saw['path'] == f'/{number}'


@each_version
def test_large_bodies_pass_both_ways(server: Server, context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    context.minimum_version = context.maximum_version = version
    body = bytes(range(256)) * 40_000
    with server.connect(context) as client:
        for _ in range(2):
            client.send(request('/', f'Content-Length: {len(body)}', method='POST') + body)
            answer = client.answer()
            assert len(answer.body) == len(body)
            assert answer.body == body


def test_the_server_says_good_bye(server: Server, context: ssl.SSLContext) -> None:
    clients: list[Client] = []
    for version in VERSIONS:
        context.minimum_version, context.maximum_version = VERSIONS[0], version
        asked, idle, unused = (server.connect(context) for _ in range(3))
        assert idle.get('/').status == 200
        assert asked.get('/', 'Connection: close').closes
        clients += asked, idle, unused
    for client in clients:
        assert client.rest() == b''


@each_version
def test_a_client_may_say_good_bye(server: Server, context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as client:
        client.send(request('/'))
        assert client.answer().status == 200
        assert isinstance(client.socket, ssl.SSLSocket)
        client.socket.unwrap().close()


@each_version
def test_an_answer_reaches_a_client_that_still_sends(
    server: Server, context: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    context.minimum_version = context.maximum_version = version
    with server.connect(context) as client:
        client.send(request('/', 'Content-Length: 123456789', method='POST') + b'x' * 1_000_000)
        answer = client.answer()
        assert answer.status == 413
        assert client.rest() == b''


def test_a_client_without_a_handshake_is_let_go(server: Server, context: ssl.SSLContext) -> None:
    with server.connect() as silent, server.connect() as slow:
        slow.send(b'\x16\x03\x01\x02')
        assert silent.rest() == slow.rest() == b''
    with server.connect(context) as client:
        assert client.get('/').status == 200


def test_plain_bytes_end_their_own_connection_only(server: Server, context: ssl.SSLContext) -> None:
    with server.connect(context) as client, server.connect() as plain:
        plain.send(request('/'))
        end(plain)
        assert client.get('/').status == 200


def end(plain: Client) -> None:
    """The server closes, with what it has not read if it is quick."""
    try:
        assert b'HTTP' not in plain.rest()
    except ConnectionResetError:
        pass


def test_a_connection_without_a_handshake_is_no_warning_that_anybody_could_fill_the_log_with(
    files: dict[str, str], context: ssl.SSLContext
) -> None:
    with Server(tls=files) as server:
        server.connect().socket.close()
        with server.connect() as plain:
            plain.send(b'no TLS at all\r\n\r\n')
            end(plain)
        server.ask('until connections 0')
        assert 'No TLS' not in server.errors


def test_stalled_handshakes_do_not_keep_others_out(files: dict[str, str], context: ssl.SSLContext) -> None:
    with Server(tls=files, tls_handshakes=5, tls_handshake_timeout=50) as server:
        stalled = [server.connect() for _ in range(50)]
        for _ in range(20):
            with server.connect(context) as client:
                assert client.get('/').status == 200
        for client in stalled[:40]:
            assert client.rest() == b'', 'the oldest ones are closed'
        for client in stalled:
            client.socket.close()


def test_a_drain_does_not_wait_for_a_handshake(files: dict[str, str]) -> None:
    with Server(tls=files, tls_handshake_timeout=0.2) as server, server.connect() as stalled:
        server.ask('until connections 1')
        assert server.drain(50) == 0
        assert stalled.rest() == b''


def test_clients_need_a_certificate_where_one_is_required(
    files: dict[str, str], client_files: dict[str, str], context: ssl.SSLContext
) -> None:
    with Server(tls={**files, 'clients': client_files['certificate']}) as server:
        with pytest.raises(ssl.SSLError, match=r'(?i)alert'), server.connect(context) as client:
            client.get('/')
        context.load_cert_chain(files['certificate'], files['key'])
        with pytest.raises(ssl.SSLError, match=r'(?i)alert'), server.connect(context) as client:
            client.get('/')
        context.load_cert_chain(client_files['certificate'], client_files['key'])
        with server.connect(context) as client:
            assert client.get('/').status == 200
