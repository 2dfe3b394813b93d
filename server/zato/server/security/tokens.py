"""Tokens that live on each time they are used, without a write for each use.

A row says until when a token lives: a life of `ttl` seconds since its last use, and `slack` more. It is written anew, in the
background, once half of the slack has been used up; so no worker, whenever it reads the row, refuses a token earlier than
`ttl` after its last use, and none lets one in later than `slack` after that. While the ODB is away, a worker goes by what it
has seen itself.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from math import inf

import gevent
from gevent.event import Event

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.odb.database import ODBUnavailable
from zato.server.propagate.ledger import Actor
from zato.server.security.token_codec import Claims, TokenCodec
from zato.server.security.token_store import TokenStore

logger = logging.getLogger(__name__)

_TOKEN_BYTES = 16
_MOST_SLACK = 30.0  #: seconds
_PAUSE, _LONGEST_PAUSE = 0.02, 5.0  #: seconds between writes; the longer ones while the ODB is away
_LAST_WRITE = 2.0  #: seconds that a worker which stops has for it


def slack_of(ttl: float) -> float:
    """Seconds that a token may live for longer than `ttl`."""
    return min(ttl / 10, _MOST_SLACK)


@dataclass(slots=True, eq=False)
class Life:
    """What a worker knows of the life of one token. Times are monotonic seconds.

    ends: as the row had it. used: when it last was, here.
    """

    row_id: str
    ttl: float
    ends: float
    used: float
    enough: float = field(init=False)  #: seconds after a use for which the row should say that it lives

    def __post_init__(self) -> None:
        self.enough = self.ttl + slack_of(self.ttl) / 2

    @property
    def is_due(self) -> bool:
        """Is its row to be written?"""
        return self.ends - self.used < self.enough

    def end(self) -> None:
        """There is no row any more."""
        self.ends = self.used = -inf

    def is_over(self, now: float) -> bool:
        """As far as this worker knows; another one may have seen it used."""
        return now >= self.ends and now >= self.used + self.ttl


class Tokens:
    """One worker's. start, stop: of what is written in the background."""

    def __init__(self, store: TokenStore, codec: TokenCodec, clock: Clock = SYSTEM_CLOCK) -> None:
        self.codec = codec
        self.clock = clock
        self._store = store
        self._due: dict[str, Life] = {}  # whose row is to be written
        self._limits: dict[int, float] = {}  # definitions → seconds that their tokens may have left
        self._woken = Event()
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def give(self, username: str, definition: int, version: str, ttl: float) -> str | None:
        """A new token; None if the definition is not active any more, or gone. Raises ODBUnavailable.

        version: of the definition's credentials.
        """
        claims = Claims(
            username=username, definition=definition, version=version, token_id=secrets.token_urlsafe(_TOKEN_BYTES)
        )
        if not self._store.add(claims.row_id, definition, ttl + slack_of(ttl)):
            return None
        return self.codec.encode(claims, int(self.clock.utcnow().timestamp()))

    def life_of(self, claims: Claims, ttl: float) -> Life | None:
        """None if it is over, whatever was known of it. Raises ODBUnavailable."""
        now = self.clock.monotonic()  # before the row is read: a slow ODB makes no life longer
        left = self._store.life_of(claims.row_id)
        if left is None or left <= 0:
            return None
        return Life(claims.row_id, ttl, now + min(left, ttl + slack_of(ttl)), now)

    def prolong(self, life: Life) -> None:
        """It was used, and its row does not say that it lives for so long."""
        if life.row_id not in self._due:
            self._due[life.row_id] = life
            self._woken.set()

    def end(self, claims: Claims, name: str, actor: Actor) -> int:
        """Returns the event by which all workers learn of it, 0 if it was over. name: of the definition.

        Raises ODBUnavailable.
        """
        return self._store.remove(claims.row_id, claims.definition, name, actor)

    def limit(self, definition: int, ttl: float) -> None:
        """In the background: no token of this definition has longer left than one that was just used."""
        self._limits[definition] = ttl + slack_of(ttl)
        self._woken.set()

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """What is to be written is written, if the ODB answers. Twice is safe."""
        if self._greenlet is None:
            return
        self._greenlet.kill()
        self._greenlet = None
        with gevent.Timeout(_LAST_WRITE, False):  # type: ignore[arg-type]  # False ends the block without an exception
            try:
                self.write()
            except ODBUnavailable as e:
                logger.info('Last uses of some tokens were not written: %s', e)

    def write(self) -> None:
        """All that is to be written. Raises ODBUnavailable; it is tried again then."""
        if self._due:
            due = list(self._due.values())
            ends = {life.row_id: life.used + life.ttl + slack_of(life.ttl) for life in due}
            there = self._store.prolong(ends)
            for life in due:
                if life.row_id in there:
                    life.ends = max(life.ends, ends[life.row_id])
                    if life.is_due:
                        continue  # it was used again, and the ODB had taken its time
                else:
                    life.end()
                del self._due[life.row_id]
            if self._due:
                self._woken.set()
        if self._limits:
            limits = dict(self._limits)
            self._store.limit(limits)
            self._limits = {id: most for id, most in self._limits.items() if limits.get(id) != most}

    def _run(self) -> None:
        pause = _PAUSE
        while True:
            self._woken.wait()
            self._woken.clear()
            try:
                self.write()
                pause = _PAUSE
            except Exception as e:
                if not isinstance(e, ODBUnavailable):  # of which an alarm tells
                    logger.exception('Lives of tokens could not be written', extra={'action': 'token.failed'})
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._woken.set()
            gevent.sleep(pause)
