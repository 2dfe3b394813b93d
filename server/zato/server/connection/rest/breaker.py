"""A circuit breaker: after many failures in a row, calls fail at once for a while, to the relief of both sides."""

from __future__ import annotations

import logging

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.exception import CircuitOpen

logger = logging.getLogger(__name__)


class Breaker:
    """failures: how many in a row open the circuit; 0 for never. pause: seconds until one call is let through as a trial.

    Whoever calls says `allow` before, and `succeeded` or `failed` after. A trial of which neither is heard, because its
    greenlet was ended, is forgotten after another `pause`.
    """

    def __init__(self, title: str, failures: int, pause: float, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._title = title
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._is_trying = False  #: is a call under way that was let through as a trial?
        self._closed_until = 0.0  #: no call is let through before that (monotonic seconds)

    @property
    def is_open(self) -> bool:
        return 0 < self._limit <= self._failures

    def allow(self) -> None:
        """Raises CircuitOpen."""
        if not self.is_open:
            return
        now = self._clock.monotonic()
        if now < self._closed_until:
            seconds = self._closed_until - now
            text = (
                f'{self._title} failed {self._failures} times in a row; it is tried again in {seconds:.1f} s at the latest'
            )
            raise CircuitOpen(msg=text)
        self._is_trying = True
        self._closed_until = now + self._pause

    def succeeded(self) -> None:
        if self.is_open:
            logger.info('%s: answers again', self._title, extra={'action': 'breaker.closed'})
        self._failures = 0
        self._is_trying = False

    def failed(self) -> None:
        was_open = self.is_open
        self._failures += 1
        if not self.is_open or (was_open and not self._is_trying):
            return
        self._is_trying = False
        self._closed_until = self._clock.monotonic() + self._pause
        if not was_open:
            text = '%s: failed %d times in a row; calls fail at once, but for one each %g s'
            logger.warning(text, self._title, self._failures, self._pause, extra={'action': 'breaker.open'})
