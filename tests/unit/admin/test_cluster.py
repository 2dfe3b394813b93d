"""How the dashboard reaches servers of which some hang, answer nonsense, or are away."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import Any

import pytest

from zato.admin import cluster as cluster_module
from zato.admin import hanging
from zato.admin.cluster import Cluster, Crowded, Failure, NoServer, Server
from zato.client.admin import ServerError, ServerUnreachable

HANG = b''


class Scripted:
    """A server that answers each request with `says`: HANG to say nothing. asked: the first lines of requests."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.asked: list[str] = []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Twice is safe."""
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in [*self._open, self._listener]:
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            data = b''
            while b'\r\n\r\n' not in data:
                data += connection.recv(65_536)
            self.asked.append(data.decode().splitlines()[0])
            if self.says == HANG:
                self._open.append(connection)
            else:
                connection.sendall(self.says)
                connection.close()


def http(body: bytes, status: str = '200 OK') -> bytes:
    return b'HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s' % (status.encode(), len(body), body)


def says(payload: Any) -> bytes:
    return http(json.dumps({'response': b64encode(json.dumps(payload).encode()).decode()}).encode())


def refuses(status: str, details: str) -> bytes:
    return http(json.dumps({'result': 'Error', 'cid': '1', 'details': details}).encode(), status)


@contextmanager
def servers(*said: bytes) -> Iterator[tuple[Cluster, list[Scripted]]]:
    """server1, server2, …, of which each says this."""
    with ExitStack() as stack:
        scripted = [Scripted(each) for each in said]
        for each in scripted:
            stack.callback(each.close)
        yield (
            Cluster([server(f'server{i}', each.port) for i, each in enumerate(scripted, 1)], 'secret', most_long=2),
            scripted,
        )


def server(name: str, port: int) -> Server:
    return Server(name, f'http://127.0.0.1:{port}', lambda: ('127.0.0.1', port, None))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanging, 'SLOW', 0.03)
    monkeypatch.setattr(hanging, 'LOOK', 0.05)
    monkeypatch.setattr(hanging, 'PAUSE', 0.0)


def posts(scripted: Scripted) -> int:
    return sum(line.startswith('POST') for line in scripted.asked)


def test_a_server_that_hangs_is_asked_for_nothing_until_it_answers_a_ping() -> None:
    with servers(HANG) as (cluster, (server1,)):
        calls = cluster.on_behalf_of('joe', 'viewer')
        for _ in range(3):
            with pytest.raises(NoServer):
                calls.ask('a.service', timeout=0.06)
            assert isinstance(calls.each('a.service', timeout=0.06)['server1'], Failure)
        assert posts(server1) == 1
        server1.says = says('here')
        assert calls.ask('a.service') == 'here'


def test_who_asks_a_server_that_hangs_while_another_one_looks_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanging, 'PAUSE', 60.0)
    with servers(HANG) as (cluster, (server1,)):
        calls = cluster.on_behalf_of('joe', 'viewer')
        with pytest.raises(NoServer, match='timed out'):
            calls.ask('a.service', timeout=0.06)
        for _ in range(20):
            with pytest.raises(NoServer, match='timed out'):
                calls.ask('a.service', timeout=0.06)
        assert len(server1.asked) == 2  # the call, and one ping


def test_a_change_is_not_sent_to_a_server_that_hangs() -> None:
    with servers(HANG, says('done')) as (cluster, (server1, server2)):
        calls = cluster.on_behalf_of('joe', 'admin')
        calls.each('a.service', timeout=0.06)
        assert calls.call('a.change').payload == 'done'
        assert (posts(server1), posts(server2)) == (1, 2)


def test_a_server_that_refuses_connections_is_asked_each_time() -> None:
    with servers(says('here')) as (_, (server1,)):
        cluster = Cluster([server('server1', server1.port)], 'secret')
        port = server1.port
        calls = cluster.on_behalf_of('joe', 'viewer')
        with socket.create_server(('127.0.0.1', 0)) as unused:
            away = unused.getsockname()[1]
        places = [away, port]
        cluster.servers = (Server('server1', '', lambda: ('127.0.0.1', places.pop(0), None)),)
        with pytest.raises(NoServer):
            calls.ask('a.service')
        assert calls.ask('a.service') == 'here'


@pytest.mark.parametrize(
    'said',
    [
        http(b'<html>'),
        http(b'', '302 Found'),
        refuses('401 Unauthorized', 'You are not authorized to access this resource'),
        refuses('503 Service Unavailable', 'The server is being stopped'),
        b'garbage\r\n\r\n',
    ],
    ids=['something else', 'redirect', 'other password', 'stops', 'garbage'],
)
def test_what_one_server_cannot_say_is_asked_of_the_next(said: bytes) -> None:
    with servers(said, says('here')) as (cluster, _):
        assert cluster.on_behalf_of('joe', 'viewer').ask('a.service') == 'here'


def test_what_one_server_refuses_after_a_long_wait_is_asked_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, 'LONG', 0.0)
    away = refuses('503 Service Unavailable', 'The ODB is away')
    with servers(away, says('here')) as (cluster, (_, server2)), pytest.raises(ServerError, match='ODB'):
        cluster.on_behalf_of('joe', 'viewer').ask('a.service')
    assert server2.asked == []


def test_what_none_can_say_is_told_as_the_first_one_has() -> None:
    stops = refuses('503 Service Unavailable', 'It stops')
    with servers(http(b'<html>'), stops) as (cluster, _), pytest.raises(ServerError) as raised:
        cluster.on_behalf_of('joe', 'viewer').ask('a.service')
    assert raised.value.http_status == 200


def test_of_many_servers_that_hang_not_all_are_waited_for() -> None:
    with servers(HANG, HANG, HANG, HANG) as (cluster, scripted):
        with pytest.raises(NoServer):
            cluster.on_behalf_of('joe', 'viewer').ask('a.service', timeout=0.06)
        assert sum(posts(each) for each in scripted) == 2


@pytest.mark.parametrize('status', ['400 Bad Request', '403 Forbidden', '404 Not Found'])
def test_what_a_server_refuses_with_a_reason_is_asked_of_no_other(status: str) -> None:
    with servers(refuses(status, 'No'), says('here')) as (cluster, _), pytest.raises(ServerError, match='No'):
        cluster.on_behalf_of('joe', 'viewer').ask('a.service')


def test_a_change_that_was_sent_is_not_sent_again() -> None:
    with servers(HANG, says('done')) as (cluster, (_, server2)):
        with pytest.raises(ServerUnreachable) as raised:
            cluster.on_behalf_of('joe', 'admin').call('a.change', timeout=0.06)
        assert raised.value.was_sent
        assert server2.asked == []


def test_calls_that_may_take_long_leave_threads_for_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, 'WAIT_FOR_OTHERS', 0.0)
    with servers(HANG) as (cluster, (server1,)):
        calls = cluster.on_behalf_of('joe', 'operator')
        failed: list[Callable[[], Any]] = []

        def run() -> None:
            with pytest.raises(ServerUnreachable):
                calls.run('a.service', 60.0)
            failed.append(run)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        end = monotonic() + 10
        while posts(server1) < 2 and monotonic() < end:
            threading.Event().wait(0.01)
        with pytest.raises(Crowded, match='2 calls'):
            calls.run('a.service', 60.0)
        with pytest.raises(NoServer):
            calls.ask('a.service', timeout=0.06)
        server1.close()
        for thread in threads:
            thread.join()
        assert len(failed) == 2
        with pytest.raises(NoServer):
            calls.run('a.service', 60.0)
