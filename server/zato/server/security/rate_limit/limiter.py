"""The rules of one object, ready for use: which line counts an address, and whether it lets the request in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import ceil
from typing import Protocol

from zato.common.config.network import parse_address
from zato.common.config.rate_limit import Rule
from zato.common.exception import Forbidden, TooManyRequests
from zato.server.security.rate_limit.tally import Key, Tally

_ADDRESSES = 1_024  #: whose lines are remembered, of one object
_NOT_LISTED, _TOO_MANY = 'Error 403 Forbidden', 'Error 429 Too Many Requests'


class Counter(Protocol):
    """Who counts."""

    def take(self, tally: Tally, rate: int) -> float:
        """Count a request. Returns 0, or the seconds until there may be more than the `rate` that there were."""

    def wait(self, tally: Tally, rate: int) -> float:
        """The same without counting, as far as it is known at once."""


class Line:
    """One rule. Networks are ranges of numbers, since comparing those costs a fifth of asking `ipaddress`."""

    __slots__ = ('first', 'last', 'rate', 'tally', 'version')

    def __init__(self, rule: Rule, tally: Tally) -> None:
        network = rule.network
        self.rate = rule.rate
        self.tally = tally
        self.version = network.version if network is not None else 0
        self.first = int(network.network_address) if network is not None else 0
        self.last = int(network.broadcast_address) if network is not None else 0


class Limiter:
    """is_open: is an address that no line fits let in, rather than refused? tallies: of an earlier limiter, which go on."""

    def __init__(
        self, object_id: int, rules: Iterable[Rule], counter: Counter, *, is_open: bool, tallies: Iterable[Tally] = ()
    ) -> None:
        before = {tally.key: tally for tally in tallies}
        keys = [(rule, Key(object_id, rule.source, rule.seconds)) for rule in rules]
        self.counter = counter
        self._lines = [Line(rule, before.get(key) or before.setdefault(key, Tally(key))) for rule, key in keys]
        self._is_open = is_open
        self._only = self._lines[0] if self._lines and not self._lines[0].version else None
        self._find = lru_cache(maxsize=_ADDRESSES)(self._search)

    @property
    def tallies(self) -> list[Tally]:
        return [line.tally for line in self._lines]

    def check(self, address: str, cid: str) -> None:
        """Count a request from an address, in text. Raises TooManyRequests; Forbidden where no line fits the address."""
        line = self._only or self._line_of(address, cid)
        if line is not None and line.rate is not None:
            wait = self.counter.take(line.tally, line.rate)
            if wait:
                raise _too_many(cid, wait)

    def look(self, address: str, cid: str) -> None:
        """Raises what `check` would raise, where that is known at once. Nothing is counted."""
        line = self._only or self._line_of(address, cid)
        if line is not None and line.rate is not None:
            wait = self.counter.wait(line.tally, line.rate)
            if wait:
                raise _too_many(cid, wait)

    def _line_of(self, address: str, cid: str) -> Line | None:
        line = self._find(address)
        if line is None and not self._is_open:
            raise Forbidden(cid, _NOT_LISTED)
        return line

    def _search(self, address: str) -> Line | None:
        found = parse_address(address)
        version, number = (found.version, int(found)) if found is not None else (-1, -1)  # as a Unix socket's peer
        for line in self._lines:
            if not line.version or (line.version == version and line.first <= number <= line.last):
                return line
        return None


def _too_many(cid: str, wait: float) -> TooManyRequests:
    return TooManyRequests(cid, _TOO_MANY, ceil(wait))
