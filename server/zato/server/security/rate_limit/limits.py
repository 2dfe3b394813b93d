"""The rate limits of a worker, of whatever kinds of objects."""

from __future__ import annotations

from collections.abc import Callable
from time import time

from zato.common.config.rate_limit import EXACT, RateLimited, parse_rules
from zato.server.config.runtime import ConfigObject
from zato.server.security.rate_limit.limiter import Counter, Limiter
from zato.server.security.rate_limit.tally import Tally

_SERVICE = 'service'
_KEPT = 1_000  #: objects without limits whose counts are kept: a change takes their limits away, and puts new ones


class ApproximateCounter:
    """This worker counts what it sees itself. clock: seconds since 1970, UTC."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock

    def take(self, tally: Tally, rate: int) -> float:
        """As `Counter.take`."""
        return tally.take(self._clock(), rate)

    def wait(self, tally: Tally, rate: int) -> float:
        """As `Counter.wait`."""
        return tally.wait(self._clock(), rate)


class RateLimits:
    """is_any: is there a limit at all? Ask it first: nothing else is to be done where there is none.

    exact: who counts for the whole cluster; by default this worker is alone.
    """

    def __init__(self, exact: Counter | None = None, approximate: Counter | None = None) -> None:
        self.is_any = False
        self._approximate = approximate or ApproximateCounter()
        self._exact = exact or self._approximate
        self._limiters: dict[int, Limiter] = {}
        self._services: dict[str, Limiter] = {}
        self._kept: dict[int, Limiter] = {}

    def put(self, item: ConfigObject) -> None:
        """The object is there, or has changed. Counts of those lines that it had before go on."""
        self.remove(item)
        settings: RateLimited = item.settings
        if not settings.is_rate_limit_active:
            return
        counter = self._exact if settings.rate_limit_type == EXACT else self._approximate
        before = self._kept.pop(item.id, None)
        limiter = Limiter(
            item.id,
            parse_rules(settings.rate_limit_def),
            counter,
            is_open=settings.rate_limit_check_parent_def,
            tallies=before.tallies if before is not None and before.counter is counter else (),
        )
        self._limiters[item.id] = limiter
        if item.kind == _SERVICE:
            self._services[item.name] = limiter
        self.is_any = True

    def remove(self, item: ConfigObject) -> None:
        """The object is gone, or about to be put again. Without effect if it had no limits."""
        limiter = self._limiters.pop(item.id, None)
        if limiter is None:
            return
        if item.kind == _SERVICE:
            self._services.pop(item.name, None)
        self._kept[item.id] = limiter
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        self.is_any = bool(self._limiters)

    def check(self, id: int, address: str, cid: str) -> None:
        """Count a request from an address, in text, for the object of this ID. Those without limits, 0 too, let it in.

        Raises TooManyRequests, Forbidden.
        """
        limiter = self._limiters.get(id)
        if limiter is not None:
            limiter.check(address, cid)

    def check_service(self, name: str, address: str, cid: str) -> None:
        """The same for an invocation of a service through a channel."""
        limiter = self._services.get(name)
        if limiter is not None:
            limiter.check(address, cid)

    def look(self, id: int, address: str, cid: str) -> None:
        """Raises what `check` would raise, where that is known at once. Nothing is counted."""
        limiter = self._limiters.get(id)
        if limiter is not None:
            limiter.look(address, cid)
