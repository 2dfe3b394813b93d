"""Makes calls again that failed in a way that may pass, and only those that may be made twice (source: RFC 9110, 9.2.2)."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import gevent

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.exception import CallFailed, CircuitOpen
from zato.server.connection.rest.message import Inbound

IDEMPOTENT: Final = frozenset({'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'})

_STATUSES: Final = {429, 502, 503, 504}
_LONGEST_PAUSE: Final = 30.0  #: seconds


class Retries:
    """max_retries: 0 and more. first_pause: seconds; the n-th pause is at most 2 to the power of n-1 times as long.

    A pause is chosen at random between nothing and the most it may be, so that many callers do not come back all at once;
    no pause is longer than 30 s, or `first_pause` if that is more. spread: gives a number from 0 to 1.
    """

    def __init__(
        self,
        max_retries: int,
        first_pause: float,
        *,
        clock: Clock = SYSTEM_CLOCK,
        sleep: Callable[[float], object] = gevent.sleep,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._max_retries = max_retries
        self._first_pause = first_pause
        self._clock = clock
        self._sleep = sleep
        self._spread = spread

    def run(self, send: Callable[[], Inbound], method: str, deadline: float | None) -> Inbound:
        """The first answer that is not 429, 502, 503 or 504, or the last one. deadline: monotonic seconds.

        What `send` raises last is raised. Nothing is begun after the deadline, and nothing that the server wants more than
        30 s later.
        """
        left = self._max_retries if method in IDEMPOTENT else 0
        longest = self._first_pause
        while True:
            answer, error = None, None
            try:
                answer = send()
            except CallFailed as e:
                if not e.retryable or isinstance(e, CircuitOpen):
                    raise
                error = e
            if answer is not None and answer.status not in _STATUSES:
                return answer
            pause = self._pause(longest, answer) if left else None
            if pause is None or not self._may_wait(pause, deadline):
                if answer is not None:
                    return answer
                assert error is not None
                raise error
            self._sleep(pause)
            left -= 1
            longest *= 2

    def _pause(self, longest: float, answer: Inbound | None) -> float | None:
        """Seconds; None if the server wants more of them than are waited for."""
        pause = self._spread() * min(longest, max(_LONGEST_PAUSE, self._first_pause))
        wanted = retry_after(answer.headers.get('retry-after', ''), self._clock) if answer is not None else 0.0
        return None if wanted > _LONGEST_PAUSE else max(pause, wanted)

    def _may_wait(self, pause: float, deadline: float | None) -> bool:
        return deadline is None or self._clock.monotonic() + pause < deadline


def retry_after(value: str, clock: Clock = SYSTEM_CLOCK) -> float:
    """Seconds that a header of that name says; 0 if it says nothing that is understood (source: RFC 9110, 10.2.3)."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return max(0.0, (when - clock.utcnow()).total_seconds())
