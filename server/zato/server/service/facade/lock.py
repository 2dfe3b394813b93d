"""`self.lock`: one holder at a time in the whole cluster, until it lets go or its time has passed.

A lock is a lease of the ODB, so that its time passes by the database's clock, whatever becomes of its holder. Those that
wait in one process stand in line: only the first one asks the database, again and again with growing pauses, unless the
holder is in this process too and will wake it. Between processes there is no order.

A lock is not re-entrant: who takes it again while holding it waits for itself. A holder whose time has passed is not
stopped; what must not be written then needs the lock's epoch, which grows with each holder.
"""

from __future__ import annotations

import logging
import math
import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import gevent
from gevent.event import Event

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.exception import LockTimeout, ZatoException
from zato.common.odb.lease import LOCK_PREFIX, Lease, LeaseLost, Leases

logger = logging.getLogger(__name__)

_LONGEST_NAME: Final = 200  #: characters
_TTL, _BLOCK = 20.0, 10.0  #: seconds (source: classic Zato)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25  #: seconds


@dataclass(frozen=True, slots=True)
class Lock:
    """One that is held. epoch: one more for each holder, as long as the lock is used once a week."""

    name: str
    epoch: int


@dataclass(slots=True)
class _Line:
    """Those in this process that wait for one lock, the first one first, and who holds it until when (monotonic seconds)."""

    waiting: deque[Event] = field(default_factory=deque)
    lease: Lease | None = None
    until: float = 0.0

    def wake_first(self) -> None:
        if self.waiting:
            self.waiting[0].set()


class Locks:
    """owner: this worker's ID."""

    def __init__(self, leases: Leases, owner: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._leases = leases
        self._owner = owner
        self._clock = clock
        self._numbers = count(1)
        self._lines: dict[str, _Line] = {}

    @contextmanager
    def lock(self, name: str, ttl: float = _TTL, block: float = _BLOCK) -> Iterator[Lock]:
        """Hold a lock during the block of code, for `ttl` seconds at most.

        name: 1 to 200 printable characters. ttl: above 0. block: the most seconds to wait for it, 0 or False for not at all,
        True for 10; the time that the database takes to answer is on top. Raises LockTimeout, ODBUnavailable. The end of
        the code raises nothing: that the time had passed before is a warning in the log.
        """
        seconds = _checked(name, ttl, block)
        lease = self._acquire(name, ttl, seconds)
        try:
            yield Lock(name, lease.epoch)
        finally:
            self._release(name, lease)

    def _acquire(self, name: str, ttl: float, block: float) -> Lease:
        line = self._lines.setdefault(name, _Line())
        me = Event()
        line.waiting.append(me)
        deadline = self._clock.monotonic() + block
        longest = 2 * _SHORTEST_PAUSE
        # Only the first in line asks the database; it is woken when it becomes that and when a holder here lets go.
        try:
            while True:
                pause = block
                if line.waiting[0] is me:
                    me.clear()
                    lease = self._try(name, ttl, line)
                    if lease is not None:
                        return lease
                    pause = self._held_here(line) or random.uniform(longest / 2, longest)
                    longest = min(2 * longest, _LONGEST_PAUSE)
                remaining = deadline - self._clock.monotonic()
                if remaining <= 0:
                    raise LockTimeout(name, block)
                me.wait(min(pause, remaining))
        finally:
            line.waiting.remove(me)
            line.wake_first()
            self._forget(name, line)

    def _held_here(self, line: _Line) -> float:
        """For how many seconds yet a holder in this process may have it."""
        return 0.0 if line.lease is None else max(0.0, line.until - self._clock.monotonic())

    def _try(self, name: str, ttl: float, line: _Line) -> Lease | None:
        if self._held_here(line):
            return None
        until = self._clock.monotonic() + ttl
        owner = f'{self._owner}:{next(self._numbers)}'
        # In a greenlet of its own: who is killed meanwhile is not there to let go of what the database gave it.
        attempt = gevent.spawn(self._outcome, f'{LOCK_PREFIX}{name}', owner, ttl)
        try:
            outcome = attempt.get()
        except BaseException:
            attempt.link(self._let_go)
            raise
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            line.lease, line.until = outcome, until
        return outcome

    def _outcome(self, name: str, owner: str, ttl: float) -> Lease | Exception | None:
        try:
            return self._leases.acquire(name, owner, ttl)
        except Exception as e:
            return e

    def _let_go(self, attempt: gevent.Greenlet[..., Lease | Exception | None]) -> None:
        if isinstance(attempt.value, Lease):
            self._end(attempt.value)

    def _release(self, name: str, lease: Lease) -> None:
        # In a greenlet of its own: it is let go even if whoever waits here is killed, or its time is over.
        gevent.spawn(self._end_here, name, lease).join()

    def _end_here(self, name: str, lease: Lease) -> None:
        try:
            self._end(lease)
        finally:
            line = self._lines.get(name)
            if line is not None:
                if line.lease == lease:
                    line.lease = None
                line.wake_first()
                self._forget(name, line)

    def _end(self, lease: Lease) -> None:
        name = lease.name.removeprefix(LOCK_PREFIX)
        try:
            self._leases.renew(lease, 0.0)  # unlike a release, it tells whether it was still held
        except LeaseLost:
            extra = {'action': 'lock.expired'}
            logger.warning('Lock `%s`: its time had passed before it was let go; others may have held it', name, extra=extra)
        except Exception as e:
            text = 'Lock `%s` was not let go; it is free once its time has passed: %s'
            is_own_fault = not isinstance(e, ZatoException)
            logger.warning(text, name, e, exc_info=is_own_fault, extra={'action': 'lock.not-released'})

    def _forget(self, name: str, line: _Line) -> None:
        if not line.waiting and line.lease is None and self._lines.get(name) is line:
            del self._lines[name]


def _checked(name: str, ttl: float, block: float) -> float:
    """The seconds to wait. Raises ValueError."""
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= _LONGEST_NAME:
        raise ValueError(f'The name of a lock has 1 to {_LONGEST_NAME} printable characters; got {name!r:.100}')
    if not isinstance(ttl, int | float) or not 0 < ttl < math.inf:
        raise ValueError(f'Lock `{name}`: ttl is in seconds, above 0; got {ttl!r}')
    if not isinstance(block, int | float) or not 0 <= block < math.inf:
        raise ValueError(f'Lock `{name}`: block is in seconds, at least 0; got {block!r}')
    return _BLOCK if block is True else float(block)
