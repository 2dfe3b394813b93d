"""Which subscriptions this worker delivers: each one is delivered by one worker of the whole cluster, which holds its lease.

All leases of a worker are renewed at once. One of them is not of a subscription: who holds it takes part, and all that take
part work out alike which subscriptions are whose (placement.py). A worker takes those of its own that are free: never held,
let go, expired, or of a worker of this host that is known to have ended, which its lock tells at once; of a worker of
another host only the lease tells. It lets go of those that another one that takes part is the home of, once what is in hand
is done. What nobody takes in time the next one in the order takes, and keeps until those that take part are others.

Nothing that is done under a lease counts once it was lost, since it is written along with a check of the lease. So here it
is only a matter of stopping soon: by this worker's own clock, some time before the lease ends, if it could not be renewed.
Seconds. Not here: what a task does, and the check (store).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gevent
from gevent.event import Event

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.exception import StoreUnavailable
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.lease import Lease, Leases, LeaseState, Taken
from zato.server.config.cooperation import Slices
from zato.server.propagate.presence import Peer
from zato.server.pubsub.lease_names import WORKERS, lease_name, worker_lease_name
from zato.server.pubsub.members import Members, Others

logger = logging.getLogger('zato.pubsub')

TTL = 12.0  #: seconds that a lease is held without being renewed
_TICK = 0.3  #: seconds between looks whether anything is due, or a worker of this host has ended
_REST = 0.02  #: seconds between two ticks at least, however often it is woken
_LAST_WORD = 2.0  #: seconds that the store has to take note of what is let go when the time to stop is over
_PRUNE_FIRST, _PRUNE_EVERY, _PRUNE_AGE = 60.0, 3_600.0, 3_600.0


class Tasks(Protocol):
    """What delivers. None of this may raise; only `on_release` may wait."""

    def wanted(self) -> Mapping[int, str]:
        """Subscriptions that need a delivery task, with the server that it had best run in, '' for any."""

    def on_claimed(self, sub_id: int, lease: Lease, *, is_clean: bool) -> None:
        """Deliver from now on. is_clean: False if whoever delivered it last may have died in the middle of that."""

    def on_release(self, sub_id: int) -> None:
        """Deliver no more: returns once what is in hand is done and written. The lease is held until then.

        Runs in a greenlet of its own, which is killed if the lease is lost meanwhile; `on_lost` follows.
        """

    def on_lost(self, sub_id: int) -> None:
        """Stop at once and drop what is in hand: another worker may be delivering it."""


@dataclass(slots=True)
class _Held:
    """A subscription that this worker delivers. leaving: waits for the end of that; is_finished: it has come."""

    lease: Lease
    leaving: gevent.Greenlet[..., None] | None = None
    is_finished: bool = False


class Assignment:
    """This worker's. owner: its ID. ttl: seconds; all other times follow from it."""

    def __init__(
        self, leases: Leases, owner: str, tasks: Tasks, *, others: Others, ttl: float = TTL, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._leases = leases
        self._owner = owner
        self._tasks = tasks
        self._others = others
        self._clock = clock
        self._ttl = ttl
        self._often = ttl / 4  # leases are renewed, and looked at
        self._margin = ttl / 6  # what could not be renewed is dropped so long before others may take it
        self._grace = ttl * 5 / 12  # what its home does not take the next one takes
        self._held: dict[int, _Held] = {}
        self._membership: Lease | None = None
        self._until = 0.0  # all that is held is held until then
        self._states: dict[int, LeaseState] = {}
        self._members = Members(owner)
        self._strays: set[int] = set()  # held although another worker is their home, which did not take them
        self._free_since: dict[int, float] = {}
        self._renew_at = self._look_at = 0.0
        self._prune_at = clock.monotonic() + _PRUNE_FIRST
        self._settled_at = self._trusted_at = 0.0
        self._is_away = self._is_stopping = self._is_news = False
        self._woken, self._left, self._ended = Event(), Event(), Event()
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def start(self) -> None:
        """Take part, from the next turn of the event loop on."""
        self._greenlets = [gevent.spawn(self._run), gevent.spawn(self._guard)]

    def wake(self) -> None:
        """Look at once: subscriptions, workers or leases have changed."""
        self._look_at = 0.0
        self._woken.set()

    def doubt(self, sub_id: int) -> None:
        """The store says that its lease is lost: drop it at once, and look who has it."""
        held = self._held.get(sub_id)
        if held is not None:
            self._lose(sub_id, held)
            self.wake()

    def stop(self, grace: float) -> None:
        """Let go of everything: what is not done in `grace` seconds is dropped. Twice is safe."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._states.clear()
        self._give_away({})
        self._woken.set()
        if self._greenlets:
            self._left.wait(grace)
        self._ended.set()
        self._woken.set()
        gevent.joinall(self._greenlets, timeout=_TICK)
        gevent.killall(self._greenlets)
        self._drop_rest()

    def holds(self, sub_id: int) -> Lease | None:
        """The lease under which this worker delivers a subscription, None if it does not."""
        held = self._held.get(sub_id)
        is_held = held is not None and not held.is_finished and self._clock.monotonic() < self._until
        return held.lease if held is not None and is_held else None

    def owner_of(self, sub_id: int) -> tuple[str, int] | None:
        """The worker that delivers it and its epoch, as last seen, which is some seconds ago at most. None: nobody does."""
        lease = self.holds(sub_id)
        if lease is not None:
            return lease.owner, lease.epoch
        state = self._states.get(sub_id)
        return (state.owner, state.epoch) if state is not None and state.is_held and state.owner != self._owner else None

    @property
    def peers(self) -> Sequence[Peer]:
        """Live workers, this one among them, as last seen."""
        return self._members.live

    def tick(self) -> None:
        """Do what is due. Blocks as long as the database takes."""
        self.check()
        if self._is_stopping:
            self._give_away({})
        try:
            self._let_go()
            self._renew()
            self._look()
            self._prune()
        except (ODBUnavailable, StoreUnavailable) as e:
            self._missed(e)
        if self._is_news:
            self._is_news = False
            self._others.tell(self.peers)
        if self._is_stopping and self._has_left():
            self._left.set()

    def _has_left(self) -> bool:
        """While the store is away nobody can be told what is let go."""
        if self._is_away:
            return all(held.is_finished for held in self._held.values())
        return not self._held and self._membership is None

    def check(self) -> None:
        """Drop everything if it was not renewed in time by this worker's own clock."""
        if self._held and self._clock.monotonic() >= self._until:
            logger.warning('Leases could not be renewed: %d subscription(s) lost', len(self._held), extra=_action('lost'))
            for sub_id, held in list(self._held.items()):
                self._lose(sub_id, held)

    # What a tick does

    def _let_go(self) -> None:
        """Of what is done, and of taking part at a stop."""
        finished = {sub_id: held for sub_id, held in self._held.items() if held.is_finished}
        leases = [held.lease for held in finished.values()]
        if self._is_stopping and self._membership is not None:
            leases.append(self._membership)
        if not leases:
            return
        self._leases.release_all(leases)
        for sub_id in finished:
            self._held.pop(sub_id, None)
        if self._is_stopping:
            self._membership = None
        self._look_at = 0.0
        self._is_news = True
        logger.info('Let go of %d subscription(s)', len(finished), extra=_action('released'))

    def _renew(self) -> None:
        now = self._clock.monotonic()
        if now < self._renew_at:
            return
        held = {lease_name(sub_id): sub_id for sub_id, one in self._held.items() if not one.is_finished}
        taking_part = [] if self._is_stopping else [worker_lease_name(self._owner)]
        renewed = {lease.name: lease for lease in self._leases.renew_all([*held, *taking_part], self._owner, self._ttl)}
        self._until = now + self._ttl - self._margin
        for name, sub_id in held.items():
            one = self._held.get(sub_id)
            if one is not None and not one.is_finished and renewed.get(name) != one.lease:
                logger.warning('Subscription %d: its lease was lost', sub_id, extra=_action('lost'))
                self._lose(sub_id, one)
        for name in taking_part:
            if name not in renewed:
                self._membership = self._leases.acquire(name, self._owner, self._ttl)
                self._is_news = True
        self._renew_at = now + self._often

    def _look(self) -> None:
        """See who takes part and what is free, let others have what is theirs and take what is this worker's."""
        now = self._clock.monotonic()
        if self._is_stopping or (now < self._look_at and not self._members.has_one_died()):
            return
        self._look_at = now + self._often
        peers = self._others.peers()
        wanted = self._tasks.wanted()
        names = {lease_name(sub_id): sub_id for sub_id in wanted}
        states = self._leases.find([*names, *(worker_lease_name(peer.id) for peer in peers)])
        self._states = {names[name]: state for name, state in states.items() if name in names}
        self._came_back()
        # All leases have expired while the store was away; those that delivered will be back just as this one is.
        is_settling = self._clock.monotonic() < self._settled_at
        if self._members.see(peers, states, keep=is_settling):
            self._strays.clear()
            self._free_since.clear()
        self._give_away(wanted)
        self._claim(self._free(wanted, now), wanted)

    def _give_away(self, wanted: Mapping[int, str]) -> None:
        slices = Slices()
        for sub_id, held in list(self._held.items()):
            slices.now_and_then()
            if held.leaving is None and self._held.get(sub_id) is held and not self._is_own(sub_id, wanted):
                held.leaving = gevent.spawn(self._leave, sub_id, held)

    def _is_own(self, sub_id: int, wanted: Mapping[int, str]) -> bool:
        server = wanted.get(sub_id)
        if server is None:
            return False
        return sub_id in self._strays or self._members.placement.home_of(sub_id, server) == self._owner

    def _free(self, wanted: Mapping[int, str], now: float) -> list[int]:
        """What this worker is to take. Says when to look again, which is when the next lease of another expires."""
        free, slices, since = list[int](), Slices(), dict[int, float]()
        look_at = now + self._often
        for sub_id, server in wanted.items():
            slices.now_and_then()
            if sub_id in self._held:
                continue
            state = self._states.get(sub_id)
            if state is not None and state.is_held and state.owner != self._owner and state.owner not in self._members.dead:
                look_at = min(look_at, now + max(state.seconds_left, 0.0))
                continue
            since[sub_id] = self._free_since.get(sub_id, now)
            place = self._members.placement.place_of(self._owner, sub_id, server)
            if now >= since[sub_id] + place * self._grace:
                free.append(sub_id)
            else:
                look_at = min(look_at, since[sub_id] + place * self._grace)
        self._free_since = since
        self._look_at = min(self._look_at, look_at)
        return free

    def _claim(self, free: Sequence[int], wanted: Mapping[int, str]) -> None:
        names = {lease_name(sub_id): sub_id for sub_id in free}
        taken = self._leases.acquire_all(names, self._owner, self._ttl, self._members.dead)
        if self._clock.monotonic() >= self._until:
            return  # it took so long that the others of this worker are lost; the next look finds that it has these
        for one in taken:
            sub_id = names[one.lease.name]
            if self._members.placement.home_of(sub_id, wanted[sub_id]) != self._owner:
                self._strays.add(sub_id)
            self._free_since.pop(sub_id, None)
            self._begin(sub_id, one)
        if taken:
            self._is_news = True
            logger.info('Took over %d subscription(s)', len(taken), extra=_action('claimed'))

    def _prune(self) -> None:
        """Workers have new IDs each time they start. Epochs mean nothing for taking part."""
        now = self._clock.monotonic()
        if now >= self._prune_at and not self._is_away:
            self._prune_at = now + _PRUNE_EVERY
            self._leases.prune(WORKERS, _PRUNE_AGE)

    # One subscription

    def _begin(self, sub_id: int, taken: Taken) -> None:
        held = self._held[sub_id] = _Held(taken.lease)
        try:
            self._tasks.on_claimed(sub_id, taken.lease, is_clean=self._is_clean(taken))
        except Exception:
            logger.exception('Subscription %d: its delivery did not begin', sub_id, extra=_action('claim_failed'))
            held.is_finished = True
            self._free_since[sub_id] = self._clock.monotonic() + self._grace

    def _is_clean(self, taken: Taken) -> bool:
        """Did whoever had it last surely not die of what it delivered?

        One that died together with its server did not. Where the store was away, all leases have expired, which then says
        nothing of their holders.
        """
        if taken.is_clean or taken.former == self._owner:
            return True
        dead = self._members.dead_peer(taken.former)
        if dead is not None:
            return not self._others.died_alone(dead)
        return self._clock.monotonic() < self._trusted_at

    def _leave(self, sub_id: int, held: _Held) -> None:
        try:
            self._tasks.on_release(sub_id)
        except Exception:
            logger.exception('Subscription %d: its delivery did not end well', sub_id, extra=_action('release_failed'))
        held.is_finished = True
        self._woken.set()

    def _lose(self, sub_id: int, held: _Held) -> None:
        del self._held[sub_id]
        if held.is_finished:
            return
        if held.leaving is not None:
            held.leaving.kill(block=False)
        try:
            self._tasks.on_lost(sub_id)
        except Exception:
            logger.exception('Subscription %d: its delivery did not stop', sub_id, extra=_action('loss_failed'))

    # The store away, and the end

    def _missed(self, e: Exception) -> None:
        if not self._is_away:
            text = 'Subscriptions stay where they are, for %.0f s at most, since it is not known who delivers them: %s'
            logger.warning(text, max(0.0, self._until - self._clock.monotonic()), e, extra=_action('leases_away'))
        self._is_away = True
        self._look_at = 0.0

    def _came_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._settled_at = self._clock.monotonic() + self._often
            self._trusted_at = self._settled_at + self._ttl
            logger.info('It is known again who delivers which subscription', extra=_action('leases_back'))

    def _drop_rest(self) -> None:
        """What could not be let go of in time."""
        leases = [held.lease for held in self._held.values()]
        for sub_id, held in list(self._held.items()):
            self._lose(sub_id, held)
        if self._membership is not None:
            leases.append(self._membership)
            self._membership = None
        if self._is_away or not leases:
            return
        try:
            with gevent.Timeout(_LAST_WORD, False):  # type: ignore[arg-type]  # False ends the block without an exception
                self._leases.release_all(leases)
                self._others.tell(self.peers)
        except (ODBUnavailable, StoreUnavailable) as e:
            logger.info('Others take over %d subscription(s) when their leases expire: %s', len(leases), e)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._woken.clear()
            try:
                self.tick()
            except Exception:
                logger.exception('It was not looked who delivers which subscription', extra=_action('tick_failed'))
            self._ended.wait(_REST)
            self._woken.wait(_TICK)

    def _guard(self) -> None:
        """Beside the ticks, which may wait for the database for long."""
        while not self._ended.wait(_TICK):
            self.check()


def _action(name: str) -> dict[str, Any]:
    return {'action': f'pubsub.{name}'}
