"""Giving other greenlets their turn in the middle of long work, waiting for them, and ending what they do.

What several greenlets wait for is a `Bell` or has `Places`, where each is woken by itself. Of those that share an event of
gevent's (26.9) some may be forgotten for good: if another one is killed, or its time is over, as all are woken.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from types import TracebackType
from typing import Any

from gevent import GreenletExit, Timeout, get_hub, getcurrent
from gevent.event import Event


class Interrupted(BaseException):
    """Thrown into a greenlet, wherever it waits, to end the request or the call that it serves, and not the greenlet."""


class Stopped(GreenletExit):
    """The worker stops: thrown into what runs in the background, which ends without a word, since the stop has logged it."""


def let_others_run() -> None:
    """Wait until the event loop has looked at all sockets.

    gevent.sleep(0) does not wait for that: the loop looks only after it has run fifty of what such calls ask it to run.
    """
    hub = get_hub()
    timer = hub.loop.timer(0.0)
    try:
        hub.wait(timer)
    finally:
        timer.close()


class Slices:
    """Work that others interrupt. seconds: how long it goes on before they do."""

    def __init__(self, seconds: float = 0.002) -> None:
        self._seconds = seconds
        self._last = monotonic()

    def begin(self) -> None:
        """Others have just run."""
        self._last = monotonic()

    def now_and_then(self) -> None:
        """Call it between two steps."""
        if monotonic() - self._last > self._seconds:
            let_others_run()
            self._last = monotonic()


class TimeLimit:
    """Interrupts what a greenlet does `with` it where that takes longer than so many seconds, as often as it is used.

    A gevent.Timeout is raised there then, which is `error` up to the next one. It is for one greenlet at a time; close it in
    the end. A gevent.Timeout itself is good for one time, and making it takes as long as the rest of a short call.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.error: Timeout | None = None
        self._timer = get_hub().loop.timer(seconds, seconds)  # libev: one that does not repeat would go on where it stopped

    def __enter__(self) -> None:
        self._timer.again(self._end, getcurrent(), update=True)

    def __exit__(self, type_: type[BaseException] | None, e: BaseException | None, traceback: TracebackType | None) -> None:
        self._timer.stop()

    def close(self) -> None:
        self._timer.close()

    def _end(self, greenlet: Any) -> None:
        self._timer.stop()
        self.error = Timeout(self.seconds)
        self.error.close()  # it is raised by us
        greenlet.throw(self.error)


class Bell:
    """Wakes all that wait for it."""

    def __init__(self) -> None:
        self._waiting: set[_Sleeper] = set()

    def wait(self, seconds: float | None = None) -> bool:
        """Was it rung in that time?"""
        hub = get_hub()
        sleeper = _Sleeper()
        self._waiting.add(sleeper)
        timer = hub.loop.timer(max(seconds, 0.0)) if seconds is not None else None
        try:
            if timer is not None:
                timer.start(sleeper.wake, update=True)
            while not sleeper.is_over:
                hub.switch()
        finally:
            sleeper.is_over = True
            self._waiting.discard(sleeper)
            if timer is not None:
                timer.close()
        return sleeper.is_rung

    def ring(self) -> None:
        for sleeper in self._waiting:
            if not sleeper.is_rung:
                sleeper.is_rung = True
                get_hub().loop.run_callback(sleeper.wake)


class _Sleeper:
    """The greenlet that makes it, while it waits."""

    __slots__ = ('_greenlet', 'is_over', 'is_rung')

    def __init__(self) -> None:
        self._greenlet = getcurrent()
        self.is_over = self.is_rung = False

    def wake(self) -> None:
        """In the event loop."""
        if not self.is_over:
            self.is_over = True
            self._greenlet.switch()


class Places:
    """`size` greenlets at a time have one; the others stand in line. One greenlet must not want two."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[Event] = deque()  # the first one is given the next place

    @property
    def taken(self) -> int:
        return self._taken

    def acquire(self, seconds: float | None = None) -> bool:
        """False if there is none in that time."""
        if self._taken < self._size:
            self._taken += 1
            return True
        given = Event()
        self._waiting.append(given)
        try:
            given.wait(seconds)
        except BaseException:
            if given.is_set():
                self.release()
            else:
                self._waiting.remove(given)
            raise
        if not given.is_set():
            self._waiting.remove(given)
        return given.is_set()

    def release(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()  # it is not free in between: nobody who comes just now can take it
        else:
            self._taken -= 1

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, type_: type[BaseException] | None, e: BaseException | None, traceback: TracebackType | None) -> None:
        self.release()
