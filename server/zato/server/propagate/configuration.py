"""The one way by which configuration is changed: validate, write, tell all workers, wait until those that live have it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection

from zato.common.crypto import Cipher
from zato.common.odb.database import ODBUnavailable
from zato.server.config.cooperation import Bell
from zato.server.propagate.change import Change, Result
from zato.server.propagate.changes import ChangeSet
from zato.server.propagate.follower import Follower
from zato.server.propagate.ledger import Actor, Ledger
from zato.server.propagate.odb import ODB
from zato.server.propagate.presence import Peer, Presence, Progress, is_alive, live_workers
from zato.server.propagate.wake import send

logger = logging.getLogger(__name__)

T = TypeVar('T')

_PATIENCE = 5.0  #: seconds that an answer waits for other workers
_LOOK_FIRST, _LOOK_MOST = 0.05, 0.5  #: seconds between looks at workers that have not answered
_NOBODY = Actor('', '')  #: plans
_UNKNOWN = 'all others, which the ODB did not name'  #: in place of the workers that are pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """event: the last of those written, 0 if there was nothing to change. Workers are named 'server:pid'.

    applied: those that are through with it. pending: those that are not yet. failed: worker → object → why that one could
    not apply it.
    """

    results: tuple[Result, ...] = ()
    event: int = 0
    applied: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    failed: Mapping[str, Mapping[str, str]]

    def as_dict(self) -> dict[str, Any]:
        return {'event': self.event, 'pending': list(self.pending), 'failed': {k: dict(v) for k, v in self.failed.items()}}


@dataclass(frozen=True, slots=True)
class _Ask:
    """A worker wants to be told at `reply` when another one is past `event`, and what has failed there since `since`."""

    reply: str
    with_modules: bool
    event: int
    since: int

    @property
    def key(self) -> tuple[str, bool]:
        return self.reply, self.with_modules

    def with_other(self, other: _Ask) -> _Ask:
        return replace(self, event=max(self.event, other.event), since=min(self.since, other.since))


class _Planned(Exception):
    """Ends the transaction of a dry run, which must not be committed"""

    def __init__(self, results: list[Result], reconnects: list[str]) -> None:
        super().__init__()
        self.results = results
        self.reconnects = reconnects


class Writer:
    """Transactions that change configuration, for whoever does not wait for other workers."""

    def __init__(self, odb: ODB, cipher: Cipher) -> None:
        self._odb = odb
        self._cipher = cipher

    def change_set(self, ledger: Ledger, *, is_system: bool = False) -> ChangeSet:
        return ChangeSet(ledger, self._cipher, is_system=is_system)

    def write(self, work: Callable[[Ledger], T], actor: Actor) -> tuple[T, int]:
        """Returns what `work` returned, and the last event there is once it is committed. Raises ODBUnavailable."""

        def run(connection: Connection) -> tuple[T, int]:
            ledger = Ledger(self._odb.database, connection, actor)
            result = work(ledger)
            ledger.close()
            return result, ledger.last_event

        return self._odb.write(run)

    def plan(self, changes: Sequence[Change]) -> tuple[list[Result], list[str]]:
        """What these changes would do, and titles of what would connect anew; nothing is written. Raises as `apply` does."""

        def run(connection: Connection) -> None:
            change_set = self.change_set(Ledger(self._odb.database, connection, _NOBODY))
            results = change_set.apply(changes)
            raise _Planned(results, change_set.reconnects())

        try:
            self._odb.write(run)
        except _Planned as planned:
            return planned.results, planned.reconnects
        raise AssertionError('a dry run has been committed')

    def tell(self, event: int) -> None:
        """Wake all workers on this host."""
        try:
            send((peer.socket for peer in live_workers(self._odb) if peer.is_here), {'event': event})
        except ODBUnavailable as e:
            logger.info('Workers will see event %d by themselves: %s', event, e)


class Configuration:
    """One worker's part in it."""

    def __init__(self, odb: ODB, writer: Writer, follower: Follower, presence: Presence) -> None:
        self._odb = odb
        self._writer = writer
        self._follower = follower
        self._presence = presence
        self._heard: dict[str, Progress] = {}  # worker's ID → how far it said it is
        self._news = Bell()  # something was heard
        self._asks: dict[tuple[str, bool], _Ask] = {}  # what other workers wait for

    def apply(self, changes: Sequence[Change], actor: Actor, *, is_system: bool = False) -> Outcome:
        """All of them or none. Raises BadRequest, Conflict, NotFound, ODBUnavailable."""
        results, event = self._writer.write(
            lambda ledger: self._writer.change_set(ledger, is_system=is_system).apply(changes), actor
        )
        written = sum(result.is_changed for result in results)
        return self.wait_for(event if written else 0, tuple(results), since=event - written + 1, with_modules=False)

    def plan(self, changes: Sequence[Change]) -> tuple[list[Result], list[str]]:
        """What `apply` would do, and titles of what would connect anew. Raises as it does."""
        return self._writer.plan(changes)

    def wait_for(
        self, event: int, results: tuple[Result, ...] = (), *, since: int = 0, with_modules: bool = True
    ) -> Outcome:
        """Tell all workers of this event, and wait until those that live have applied it, for five seconds at most.

        since: the first of the events that were written with it. with_modules: are modules to be loaded too?
        """
        if not event:
            return Outcome(results=results, failed={})
        unknown: tuple[str, ...] = ()
        try:
            peers = [peer for peer in live_workers(self._odb) if peer.id != self._presence.id]
        except ODBUnavailable as e:
            logger.warning('It is not known which workers have applied event %d: %s', event, e)
            peers, unknown = [], (_UNKNOWN,)
        since = since or event
        ask = _Ask(str(self._presence.socket), with_modules, event, since)
        send((peer.socket for peer in peers if peer.is_here), asdict(ask))
        self._follower.catch_up()
        outcome = self._wait(ask, results, peers)
        return replace(outcome, pending=(*outcome.pending, *unknown))

    def receive(self, message: dict[str, Any]) -> None:
        """What another worker of this host said: that there is something new, or how far it is."""
        if 'reply' in message:
            ask = _Ask(**message)
            before = self._asks.get(ask.key)
            self._asks[ask.key] = ask.with_other(before) if before is not None else ask
            self._follower.wake()
            self.moved()
        elif 'event' in message:
            self._follower.wake()
        else:
            worker = message.pop('worker')
            self._heard[worker] = Progress(**message)
            self._news.ring()

    def moved(self) -> None:
        """This worker is further than before: tell those who wait for that."""
        progress = self._follower.progress
        for key, ask in list(self._asks.items()):
            if progress.is_past(ask.event, with_modules=ask.with_modules):
                del self._asks[key]
                failed = progress.shortened(ask.since)
                answer = {'worker': self._presence.id, 'applied': progress.applied, 'loaded': progress.loaded}
                send([ask.reply], {**answer, 'failed': failed})
        self._news.ring()

    def _wait(self, ask: _Ask, results: tuple[Result, ...], peers: Sequence[Peer]) -> Outcome:
        end = monotonic() + _PATIENCE
        pause = _LOOK_FIRST
        look_at = monotonic() + pause  # however much news there is: not all workers can send it
        waiting = {peer.id: peer for peer in peers}
        failed: dict[str, Mapping[str, str]] = {}
        while True:
            for id, peer in list(waiting.items()):
                for progress in (self._heard.get(id), peer.progress):
                    if progress is not None and progress.is_past(ask.event, with_modules=ask.with_modules):
                        failed[peer.name] = progress.failed_since(ask.since)
                        del waiting[id]
                        break
            is_own_done = self._follower.progress.is_past(ask.event, with_modules=ask.with_modules)
            left = end - monotonic()
            if (not waiting and is_own_done) or left <= 0:
                break
            self._news.wait(max(0.0, min(left, look_at - monotonic())))
            if monotonic() >= look_at:
                pause = min(pause * 2, _LOOK_MOST)
                look_at = monotonic() + pause
                waiting = self._look_again(waiting)
        pending = [peer.name for peer in waiting.values()] + ([] if is_own_done else [self._presence.name])
        failed[self._presence.name] = self._follower.progress.failed_since(ask.since)
        applied = [name for name in failed if name not in pending]
        self._heard = {id: progress for id, progress in self._heard.items() if id in {peer.id for peer in peers}}
        return Outcome(
            results=results,
            event=ask.event,
            applied=tuple(sorted(applied)),
            pending=tuple(pending),
            failed={name: errors for name, errors in failed.items() if errors},
        )

    def _look_again(self, waiting: Mapping[str, Peer]) -> dict[str, Peer]:
        """Without those that have died, with what the others say in their rows."""
        alive = {id: peer for id, peer in waiting.items() if is_alive(peer)}
        if not alive:
            return {}
        try:
            rows = {peer.id: peer for peer in live_workers(self._odb)}
        except ODBUnavailable:
            return alive
        return {id: rows[id] for id in alive if id in rows}
