"""Servers that are slow in any way: each wait of a call ends in time, with a typed error, and harms no other call."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from time import monotonic
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from tests.support.scripted_target import Peer, Script, Target, answer, echo
from zato.common.exception import CallTimeout, NotReachable, PoolExhausted, TimeoutException
from zato.server.connection.rest.transport import Outbound

SOON = 0.05  #: seconds
OK = b'HTTP/1.1 200 OK\r\n'


def soon() -> float:
    return monotonic() + SOON


def trickle(data: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        for number in data:
            peer.send(bytes([number]))
            gevent.sleep(0.001)
        while True:
            peer.send(data[-1:])
            gevent.sleep(0.001)

    return script


def silent(peer: Peer) -> None:
    peer.request()
    peer.until_closed()


def half(peer: Peer) -> None:
    peer.request()
    peer.send(answer(b'hello')[:-1])
    peer.until_closed()


@pytest.mark.parametrize('script', [silent, half], ids=['nothing', 'half'])
def test_an_answer_that_stops_coming_is_not_waited_for(script: Script) -> None:
    with Target(script) as target:
        transport = target.transport(timeout=SOON)
        for _ in range(3):
            with pytest.raises(CallTimeout, match='it sent nothing for too long, after') as caught:
                transport.send(target.post(b'hello'), None)
            target.until_open(0)
        assert caught.value.status == 504
        assert caught.value.retryable
        assert isinstance(caught.value, TimeoutException)
        target.script = echo
        assert transport.send(target.post(b'hello'), None).body == b'hello'


@pytest.mark.parametrize(
    'script',
    [
        silent,
        half,
        trickle(OK + b'X-Name: a'),
        trickle(OK + b'\r\n'),
        trickle(OK + b'Transfer-Encoding: chunked\r\n\r\n1;a'),
        trickle(b'HTTP/1.1 1'),
    ],
    ids=['nothing', 'half', 'headers', 'body', 'chunk', 'status'],
)
def test_a_call_ends_with_its_deadline(script: Script) -> None:
    with Target(script) as target:
        transport = target.transport()
        for _ in range(3):
            with pytest.raises(CallTimeout, match='there was no complete answer by the deadline of the call, after'):
                transport.send(target.get(), soon())
            target.until_open(0)
        target.script = echo
        assert transport.send(target.post(b'hello'), monotonic() + 30).body == b'hello'


@pytest.mark.parametrize(
    ('head', 'piece'),
    [
        (OK + b'\r\n', bytes(65_536)),
        (OK + b'Transfer-Encoding: chunked\r\n\r\n', b'1\r\na\r\n' * 10_000),
        (OK + b'Content-Encoding: gzip\r\n\r\n', gzip.compress(b'') * 1_000),
    ],
    ids=['body', 'chunks', 'gzip'],
)
def test_a_server_that_always_has_more_to_say_does_not_outlast_the_deadline(head: bytes, piece: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head)
        peer.send_for_ever(piece)

    def other() -> None:
        while not call.ready():
            gevent.sleep(0)
            turns.append(True)

    turns: list[bool] = []
    with Target(script) as target:
        transport = target.transport(max_response=10**12)
        call = gevent.spawn(transport.send, target.get(), soon())
        gevent.spawn(other).join()
        assert isinstance(call.exception, CallTimeout)
    assert len(turns) > 5


def test_a_server_that_takes_no_request_is_not_waited_for() -> None:
    def script(peer: Peer) -> None:
        peer.hang()

    long = bytes(20_000_000)
    with Target(script) as target:
        transport = target.transport(timeout=SOON)
        with pytest.raises(CallTimeout, match='it did not take the request in time'):
            transport.send(target.post(long), None)
        transport = target.transport()
        with pytest.raises(CallTimeout, match='deadline'):
            transport.send(target.post(long), soon())
        target.script = echo
        assert transport.send(target.post(b'hello'), None).body == b'hello'


def test_a_request_may_take_longer_than_the_timeout_while_the_server_takes_some_of_it() -> None:
    def script(peer: Peer) -> None:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        while peer.socket.recv(65_536):
            gevent.sleep(0.001)

    with Target(script) as target, pytest.raises(CallTimeout, match='deadline'):
        target.transport(timeout=SOON).send(target.post(bytes(200_000_000)), monotonic() + 6 * SOON)


@contextmanager
def full_listener() -> Iterator[int]:
    """The port of one that takes no connections any more, as a host does that is switched off."""
    with closing(socket.socket()) as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen(0)
        waiting = []
        try:
            while True:
                waiting.append(socket.socket())
                waiting[-1].settimeout(SOON)
                waiting[-1].connect(listener.getsockname())
        except TimeoutError:
            yield listener.getsockname()[1]
        finally:
            for sock in waiting:
                sock.close()


@pytest.mark.parametrize(
    ('options', 'deadline', 'match'),
    [
        ({'connect_timeout': SOON}, None, 'no connection was made in time'),
        ({'timeout': SOON}, None, 'no connection was made in time'),
        ({}, soon, 'deadline'),
    ],
    ids=['connect timeout', 'timeout', 'deadline'],
)
class TestConnecting:
    def test_a_host_that_does_not_answer_is_not_waited_for(
        self, options: dict[str, Any], deadline: Callable[[], float] | None, match: str
    ) -> None:
        with full_listener() as port, Target() as target:
            transport = target.transport(**options)
            for _ in range(3):
                request = Outbound(method='GET', url=f'http://127.0.0.1:{port}/', headers={})
                with pytest.raises(CallTimeout, match=match):
                    transport.send(request, deadline() if deadline else None)
            assert transport.send(target.get(), None).status == 200

    def test_a_name_that_is_not_found_in_time_is_not_waited_for(
        self, options: dict[str, Any], deadline: Callable[[], float] | None, match: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *args, **kwargs: Event().wait())
        with Target() as target:
            transport = target.transport(**options)
            with pytest.raises(CallTimeout, match=match):
                transport.send(target.get(), deadline() if deadline else None)
            monkeypatch.undo()
            assert transport.send(target.get(), None).status == 200

    def test_a_handshake_that_does_not_end_is_not_waited_for(
        self, options: dict[str, Any], deadline: Callable[[], float] | None, match: str
    ) -> None:
        def script(peer: Peer) -> None:
            for number in b'\x16\x03\x03\x3f\x00':
                peer.send(bytes([number]))
                gevent.sleep(0.001)
            peer.until_closed()

        with Target(script) as target:
            transport = target.transport(**options)
            for _ in range(3):
                request = Outbound(method='GET', url=f'https://127.0.0.1:{target.port}/', headers={})
                with pytest.raises(CallTimeout, match=match):
                    transport.send(request, deadline() if deadline else None)
                target.until_open(0)
            target.script = echo
            assert transport.send(target.get(), None).status == 200


def addresses(*ports: int) -> Callable[..., object]:
    return lambda *args, **kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.1', port)) for port in ports]


def test_an_address_that_does_not_answer_leaves_time_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_listener() as dead, Target() as target:
        monkeypatch.setattr(socket, 'getaddrinfo', addresses(dead, target.port))
        assert target.transport(connect_timeout=2 * SOON).send(target.get(), None).status == 200


def test_a_name_without_addresses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, 'getaddrinfo', addresses())
    with Target() as target, pytest.raises(NotReachable, match='no connection could be made'):
        target.transport().send(target.get(), None)


def test_a_call_whose_deadline_has_passed_is_not_made() -> None:
    with Target() as target:
        with pytest.raises(CallTimeout, match='the deadline of the call had passed before it was made'):
            target.transport().send(target.get(), monotonic())
        assert target.accepted == 0


def busy(may_answer: Event) -> Script:
    """It says something now and then, and nothing that ends the answer before it may."""

    def script(peer: Peer) -> None:
        while peer.request() is not None:
            peer.send(OK)
            while not may_answer.is_set():
                peer.send(b'X-Name: a\r\n')
                gevent.sleep(0.005)
            peer.send(b'Content-Length: 1\r\n\r\nx')

    return script


@pytest.mark.parametrize('has_deadline', [False, True])
def test_a_call_waits_for_a_free_connection_only_so_long(has_deadline: bool) -> None:
    may_answer = Event()
    with Target(busy(may_answer)) as target:
        transport = target.transport(timeout=30 if has_deadline else 4 * SOON)
        first = [gevent.spawn(transport.send, target.get(), None) for _ in range(2)]
        target.until_open(2)
        with pytest.raises(PoolExhausted, match=r'all of its connections \(pool_size 2\) were in use, after') as caught:
            transport.send(target.get(), soon() if has_deadline else None)
        assert caught.value.status == 503
        assert isinstance(caught.value, TimeoutException)
        may_answer.set()
        assert [job.get().body for job in first] == [b'x', b'x']
        assert transport.send(target.get(), None).body == b'x'
        assert target.accepted == 2


def test_who_is_interrupted_while_waiting_for_a_connection_takes_none() -> None:
    may_answer = Event()
    with Target(busy(may_answer)) as target:
        transport = target.transport(pool_size=1)
        first, second, third = (gevent.spawn(transport.send, target.get(), None) for _ in range(3))
        target.until_open(1)
        second.kill()
        may_answer.set()
        assert [job.get().body for job in (first, third)] == [b'x', b'x']
        assert target.accepted == 1


def test_never_more_connections_than_the_pool_has() -> None:
    most = 0

    def script(peer: Peer) -> None:
        nonlocal most
        while peer.request() is not None:
            most = max(most, target.open)
            gevent.sleep(0)
            peer.answer(b'x')

    with Target(script) as target:
        transport = target.transport(pool_size=3)
        jobs = [gevent.spawn(transport.send, target.get(), None) for _ in range(50)]
        assert {job.get().body for job in jobs} == {b'x'}
        assert (most, target.accepted) == (3, 3)
