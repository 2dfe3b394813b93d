"""Outgoing calls to servers that do anything whatever: typed errors, and nothing is lost or left behind."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final

import gevent
import pytest
from gevent.event import Event
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.authority import Authority, server_context
from tests.support.scripted_target import Peer, Script, Target, answer, echo, once
from zato.common.exception import CallFailed, ZatoException
from zato.server.config.cooperation import Interrupted
from zato.server.connection.rest.transport import Inbound, Outbound, Transport

POOL_SIZE: Final = 4
ROUNDS: Final = 1_500
CHUNKED: Final = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

ANSWERS: Final = (
    answer(b'hello'),
    answer(gzip.compress(b'hello'), 'Content-Encoding: gzip'),
    answer(b'', 'Location: /elsewhere', status='307 Temporary Redirect'),
    CHUNKED + b'5\r\nhello\r\n0\r\n\r\n',
    b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello',
    b'HTTP/1.0 200 OK\r\n\r\nhello',
)
PARTS: Final = (
    *(line + b'\r\n' for answer in ANSWERS for line in answer.split(b'\r\n')),
    b'Content-Length: 5\r\n',
    b'Content-Length: 99999999999999999999\r\n',
    b'Content-Encoding: deflate\r\n',
    b'Location: http://[\r\n',
    b'Location: \xff\x00\r\n',
    b'Retry-After: \xb2\r\n',
    b'ffffffffffffffff\r\n',
    b'-1\r\n',
    b'0\r\n',
    b'\r\n',
    b' ',
    b'\0',
)


def unharmed(transport: Transport, target: Target) -> None:
    """As many calls as there are connections run at once, and no more."""
    all_here, count = Event(), 0

    def script(peer: Peer) -> None:
        nonlocal count
        while (received := peer.request()) is not None:
            count += 1
            if count == POOL_SIZE:
                all_here.set()
            all_here.wait()
            peer.answer(received.body)

    target.script = script
    transport.close()
    jobs = [gevent.spawn(transport.send, target.post(b'%d' % number), monotonic() + 60) for number in range(POOL_SIZE)]
    assert [job.get().body for job in jobs] == [b'0', b'1', b'2', b'3']


def mangled(answers: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Some bytes of it are others, or missing, or there twice."""

    def mangle(data: bytes, where: int, instead: bytes, length: int) -> bytes:
        start = where % (len(data) + 1)
        return data[:start] + instead + data[start + length :]

    return st.builds(mangle, answers, st.integers(0, 10_000), st.binary(max_size=3), st.integers(-3, 3))


garbage = st.one_of(
    st.binary(max_size=200),
    mangled(st.sampled_from(ANSWERS)),
    mangled(mangled(st.sampled_from(ANSWERS))),
    st.lists(st.sampled_from(PARTS), max_size=12).map(lambda parts: b'HTTP/1.1 200 OK\r\n' + b''.join(parts)),
    st.lists(st.sampled_from(PARTS), max_size=12).map(lambda parts: CHUNKED + b''.join(parts)),
)


def what_comes(transport: Transport, request: Outbound) -> Inbound | CallFailed:
    try:
        return transport.send(request, monotonic() + 60)
    except CallFailed as e:
        return e


def test_whatever_a_server_says_is_an_answer_or_a_typed_error() -> None:
    outcomes: set[type[object]] = set()

    @settings(max_examples=1_000, deadline=None)
    @given(garbage, st.sampled_from(['GET', 'HEAD', 'POST']))
    def say(data: bytes, method: str) -> None:
        target.script = once(data)
        outcome = what_comes(transport, Outbound(method=method, url=target.url(), headers={}))
        outcomes.add(type(outcome))
        if isinstance(outcome, Inbound):
            assert 200 <= outcome.status <= 599
            assert len(outcome.body) <= 10_000
        else:
            assert '`CRM`: http://127.0.0.1:' in str(outcome)

    with Target() as target:
        transport = target.transport(pool_size=POOL_SIZE, max_response=10_000)
        say()
        unharmed(transport, target)
    assert len(outcomes) > 3


def scripts(chance: Random) -> Script:
    """Good and bad ones by turns."""

    def half(peer: Peer) -> None:
        peer.request()
        data = chance.choice(ANSWERS)
        peer.send(data[: chance.randrange(len(data))])

    def late(peer: Peer) -> None:
        peer.request()
        peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell')
        peer.until_closed()

    def long(peer: Peer) -> None:
        peer.request()
        peer.send(b'HTTP/1.1 200 OK\r\n\r\n')
        peer.send_for_ever(bytes(10_000))

    def closes_later(peer: Peer) -> None:
        for _ in range(chance.randrange(1, 4)):
            if peer.request() is not None:
                peer.answer(b'hello')

    def deaf(peer: Peer) -> None:
        peer.socket.recv(1)

    bad = (half, late, long, closes_later, deaf, lambda peer: None, once(b'garbage\r\n\r\n'))
    return lambda peer: chance.choice((*bad, echo, echo, echo))(peer)


def descriptors() -> int:
    return len(os.listdir('/proc/self/fd'))


def call(transport: Transport, target: Target, chance: Random) -> None:
    body = bytes(chance.choice((0, 10, 200_000)))
    request = Outbound(method=chance.choice(('GET', 'POST', 'PUT')), url=target.url('/a'), headers={}, body=body)
    try:
        transport.send(request, monotonic() + chance.choice((0.005, 0.05)))
    except (ZatoException, Interrupted):
        pass


@pytest.mark.parametrize('has_tls', [False, True], ids=['plain', 'tls'])
def test_nothing_is_lost_or_left_behind_by_calls_that_fail_in_all_ways(has_tls: bool, tmp_path: Path) -> None:
    chance = Random(1)
    authority = Authority(tmp_path)
    options: dict[str, Any] = {'pool_size': POOL_SIZE, 'max_response': 100_000}
    with Target(tls=server_context(authority.issue('server')) if has_tls else None) as target:
        transport = target.transport(ca_certs=authority.path, **options)
        call(transport, target, chance)
        transport.close()
        target.until_open(0)
        before = descriptors()
        target.script = scripts(chance)
        jobs = [gevent.spawn(_calls, transport, target, chance) for _ in range(2 * POOL_SIZE)]
        while not all(job.ready() for job in jobs):
            gevent.sleep(0.01)
            victim = chance.choice(jobs)
            if not victim.ready():
                victim.kill(Interrupted, block=False)
        assert target.accepted > ROUNDS // 4
        transport.close()
        target.until_open(0)
        assert descriptors() == before
        unharmed(transport, target)


def _calls(transport: Transport, target: Target, chance: Random) -> None:
    for _ in range(ROUNDS // (2 * POOL_SIZE)):
        call(transport, target, chance)
