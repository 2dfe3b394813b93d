"""Giving other greenlets their turn in the middle of long work, and ending what they do."""

from __future__ import annotations

from time import monotonic

from gevent import GreenletExit, get_hub


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

    def now_and_then(self) -> None:
        """Call it between two steps."""
        if monotonic() - self._last > self._seconds:
            let_others_run()
            self._last = monotonic()
