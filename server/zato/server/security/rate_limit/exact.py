"""Counts of the whole cluster, in the ODB: never are more requests let in than the rate says, by all workers together.

Requests that come while a transaction is under way wait for the next one, which counts all of them. A count is committed
before the request goes on, so one that is lost with its worker was counted at most too high. While the ODB does not answer
the worker goes on counting for itself, with an alarm, and adds that once it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic, time

import gevent

from zato.common.alarm import Alarms
from zato.common.odb.database import ODBUnavailable
from zato.server.config.cooperation import Bell
from zato.server.security.rate_limit.store import Asked, Counted, Counts, Unsaved
from zato.server.security.rate_limit.tally import Key, Tally

_PATIENCE = 2.0  #: seconds that a request waits for the ODB at most
_AT_LEAST = 0.05  #: seconds that the ODB has at least
_RETRY = 1.0  #: seconds between tries while the ODB is away
_MOMENT = 0.001  #: seconds
_NONE = Asked(0, 0)
_SUBJECT = 'Exact rate limits'


class _Batch:
    """Requests that one transaction counts. before: how many of each key there were already; None if it has failed."""

    __slots__ = ('asked', 'before', 'done', 'since', 'tallies')

    def __init__(self) -> None:
        self.asked: dict[Key, Asked] = {}
        self.tallies: set[Tally] = set()
        self.before: Mapping[Key, int] | None = None
        self.since = monotonic()
        self.done = Bell()

    def add(self, tally: Tally, rate: int) -> int:
        """Returns which one of those of its key the request is, from 1."""
        if not self.asked:
            self.since = monotonic()
        others = self.asked.get(tally.key, _NONE)
        self.asked[tally.key] = asked = Asked(others.requests + 1, max(others.rate, rate))
        self.tallies.add(tally)
        return asked.requests


class ExactCounter:
    """One worker's. clock: its own, seconds since 1970, UTC."""

    def __init__(self, counts: Counts, alarms: Alarms, clock: Callable[[], float] = time) -> None:
        self._counts = counts
        self._alarms = alarms
        self._clock = clock
        self._batch = _Batch()
        self._unsaved: set[Tally] = set()
        self._is_away = False
        self._writer: gevent.Greenlet[..., None] | None = None

    def take(self, tally: Tally, rate: int) -> float:
        """As `Counter.take`. It waits for the ODB, two seconds at most, unless the tally is known to be full."""
        if wait := tally.wait(self._clock(), rate):
            return wait
        if not self._is_away:
            batch = self._batch
            position = batch.add(tally, rate)
            if self._writer is None or self._writer.dead:
                self._writer = gevent.spawn(self._write)
            batch.done.wait()
            if batch.before is not None:
                is_let_in = batch.before[tally.key] + position <= rate
                return 0.0 if is_let_in else max(tally.ends - self._clock(), _MOMENT)
        return self._take_here(tally, rate)

    def wait(self, tally: Tally, rate: int) -> float:
        """As `Counter.wait`."""
        return tally.wait(self._clock(), rate)

    def stop(self) -> None:
        """No more transactions. Requests that still wait are counted here. Twice is safe."""
        if self._writer is not None:
            self._writer.kill()

    def _take_here(self, tally: Tally, rate: int) -> float:
        wait = tally.take(self._clock(), rate)
        if not wait:
            tally.unsaved += 1
            self._unsaved.add(tally)
        return wait

    def _write(self) -> None:
        """Until there is nothing left to write."""
        while self._batch.asked or self._unsaved or self._is_away:
            batch, self._batch = self._batch, _Batch()
            is_saved = False
            try:
                self._save(batch)
                is_saved = True
            except ODBUnavailable as e:
                self._begin_alarm(e)
            finally:
                if not is_saved:  # those who have come meanwhile do not wait either
                    self._batch.done.ring()
                    self._batch = _Batch()
                batch.done.ring()
            if is_saved:
                self._end_alarm()
            else:
                gevent.sleep(_RETRY)

    def _save(self, batch: _Batch) -> None:
        """Raises ODBUnavailable."""
        sent = {tally: Unsaved(tally.key, tally.unsaved, tally.window) for tally in batch.tallies | self._unsaved}
        waited = monotonic() - batch.since if batch.asked else 0.0
        counted = self._counts.add(batch.asked, sent.values(), timeout=max(_PATIENCE - waited, _AT_LEAST))
        batch.before = counted.before
        for tally, unsaved in sent.items():
            self._take_over(tally, unsaved, counted)

    def _take_over(self, tally: Tally, unsaved: Unsaved, counted: Counted) -> None:
        """What the ODB has now becomes what is known here."""
        if tally.window == unsaved.window:  # else another one has begun here meanwhile
            tally.unsaved -= unsaved.requests
            total = counted.after.get(tally.key)
            if total is not None:
                window = counted.window(tally.key)
                tally.know(window, counted.here - (counted.now - window), total)
        if not tally.unsaved:
            self._unsaved.discard(tally)

    def _begin_alarm(self, e: ODBUnavailable) -> None:
        if not self._is_away:
            self._is_away = True
            what = f'each worker counts for itself, since the ODB does not answer: {e}'
            self._alarms.begin(_SUBJECT, what, 'they are exact again once it does', action='rate_limit.odb_away')

    def _end_alarm(self) -> None:
        if self._is_away:
            self._is_away = False
            self._alarms.end(_SUBJECT)
