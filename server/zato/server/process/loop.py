"""A greenlet that does something again and again."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent
from gevent.event import Event

logger = logging.getLogger(__name__)


class Loop:
    """Calls `step` every `interval` seconds in one greenlet; a failed step is logged and the loop goes on."""

    def __init__(self, name: str, step: Callable[[], None], interval: float) -> None:
        self._name = name
        self._step = step
        self._interval = interval
        self._stopping = Event()
        self._greenlet = gevent.Greenlet(self._run)

    def start(self) -> None:
        self._greenlet.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Ends the wait at once; a step that runs has `timeout` seconds to finish. Twice is safe."""
        self._stopping.set()
        self._greenlet.join(timeout)
        self._greenlet.kill()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self._step()
            except Exception:
                logger.exception('%s: step failed', self._name, extra={'action': 'loop.failed'})
