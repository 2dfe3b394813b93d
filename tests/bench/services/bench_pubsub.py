"""Services that publish as fast as they can, or at a pace, and the one that the messages are for.

What the target may handle is counted: `bench.pubsub.drain` gives it so many permits, without one it waits with its message.
All of this is in one process, so a server with one worker is needed.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic, monotonic_ns
from typing import Any

import gevent
from gevent.event import Event

from zato.server.service import Float, Int, Service

_TARGET = 'bench.pubsub.target'
_PADDING = 'x' * 200
_MANY = 500  #: messages that `fill` publishes in one go
_RATE = 50  #: messages a second of `pace`
_TIMEOUT = 25.0  #: seconds that messages may take to be handled


class _Gate:
    """permits: how many messages may be handled. handled: how many were. ages: of each, in ms, while it is a list."""

    def __init__(self) -> None:
        self.permits = self.handled = 0
        self.ages: list[float] | None = None
        self.has_told = False
        self._wanted = 0
        self._opened, self._reached = Event(), Event()

    def admit(self, count: int) -> None:
        self.permits += count
        self._opened.set()

    def expect(self, count: int) -> None:
        """So many more are to be handled from now on."""
        self._wanted = self.handled + count
        self._reached.clear()

    def wait(self) -> None:
        """Until all that are expected have been handled."""
        if self.handled < self._wanted and not self._reached.wait(_TIMEOUT):
            raise TimeoutError(f'{self._wanted - self.handled} messages were not handled after {_TIMEOUT:g} s')

    def pass_through(self, made: int) -> None:
        while not self.permits:
            self._opened.clear()
            self._opened.wait()
        self.permits -= 1
        self.handled += 1
        if self.ages is not None:
            self.ages.append((monotonic_ns() - made) / 1e6)
        if self.handled == self._wanted:
            self._reached.set()


_gate = _Gate()


class Target(Service):
    """`tell`, in a message: a UDP port which the first message that this process handles is told to."""

    name = _TARGET

    def handle(self) -> None:
        data = self.request.raw_request.data
        if not _gate.has_told and 'tell' in data:
            _gate.has_told = True
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(b'handled', ('127.0.0.1', data['tell']))
        _gate.pass_through(data['t0'])


class Publish(Service):
    """As fast as so many callers can, which wait for each message to be stored. `to`: a topic or a service."""

    name = 'bench.pubsub.publish'
    input = Float('seconds'), Int('callers'), 'to'

    def handle(self) -> None:
        given = self.request.input
        start = monotonic()
        count = _publish(self, given.to, given.callers, start + given.seconds)
        self.response.payload = {'count': count, 'seconds': monotonic() - start}


class Steady(Service):
    """The same to the target, which handles them meanwhile; ends when all have been handled."""

    name = 'bench.pubsub.steady'
    input = Float('seconds'), Int('callers')

    def handle(self) -> None:
        given = self.request.input
        _gate.permits = 1 << 62
        start, before = monotonic(), _gate.handled
        count = _publish(self, _TARGET, given.callers, start + given.seconds)
        _gate.expect(count - (_gate.handled - before))
        _gate.wait()
        _gate.permits = 0
        self.response.payload = {'count': count, 'seconds': monotonic() - start}


class Fill(Service):
    """So many messages for the target, which is not allowed to handle them yet."""

    name = 'bench.pubsub.fill'
    input = Int('count'), Int('-tell')

    def handle(self) -> None:
        given = self.request.input
        more = {'tell': given.tell} if given.tell else {}
        _gate.has_told = False
        begun = monotonic()
        for start in range(0, given.count, _MANY):
            size = min(_MANY, given.count - start)
            self.pubsub.publish_many(_TARGET, [{'data': {**_message(), **more}} for _ in range(size)])
        self.response.payload = {'count': given.count, 'seconds': monotonic() - begun}


class Drain(Service):
    """Let the target handle so many messages that it has; returns how long that took."""

    name = 'bench.pubsub.drain'
    input = Int('count')

    def handle(self) -> None:
        count = self.request.input.count
        _gate.expect(count)
        start = monotonic()
        _gate.admit(count)
        _gate.wait()
        self.response.payload = {'count': count, 'seconds': monotonic() - start}


class Pace(Service):
    """50 messages a second to the target; returns their ages when they came there, in milliseconds."""

    name = 'bench.pubsub.pace'
    input = Float('seconds')

    def handle(self) -> None:
        count = int(self.request.input.seconds * _RATE)
        ages: list[float] = []
        _gate.ages = ages
        _gate.expect(count)
        _gate.admit(count)
        start = monotonic()
        for number in range(count):
            gevent.sleep(max(0.0, start + number / _RATE - monotonic()))
            self.pubsub.publish(_TARGET, data=_message())
        _gate.wait()
        _gate.ages = None
        self.response.payload = {'count': count, 'seconds': monotonic() - start, 'ages': ages}


def _message() -> dict[str, Any]:
    return {'t0': monotonic_ns(), 'pad': _PADDING}


def _publish(service: Service, to: str, callers: int, end: float) -> int:
    """Up to a time. Returns how many messages were stored."""
    publish: Callable[..., Any] = service.pubsub.publish

    def call() -> int:
        count = 0
        while monotonic() < end:
            publish(to, data=_message())
            count += 1
        return count

    greenlets = [gevent.spawn(call) for _ in range(callers)]
    gevent.joinall(greenlets, raise_error=True)
    return sum(greenlet.get() for greenlet in greenlets)
