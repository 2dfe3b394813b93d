"""Telling whoever delivers a subscription that there is something new, at once: in this worker directly, in others of this
host by a datagram, on other hosts through PostgreSQL. What is lost on the way costs time, never a message: each task looks
at its queue now and then by itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import gevent

from zato.server.propagate.presence import Peer
from zato.server.propagate.wake import send

logger = logging.getLogger('zato.pubsub')

#: Key of messages between workers: pairs of subscription and rank of the most urgent new message, None if anything changed.
MESSAGE: Final = 'pubsub'
#: Key of messages that say that leases have changed hands.
LEASES: Final = 'pubsub_leases'
_OFTEN: Final = 0.02  #: seconds between notifications of other hosts
_MOST: Final = 400  #: pairs in one of them

#: Subscription → rank of the most urgent new message, None if its queue was changed in any other way.
News = Mapping[int, int | None]


class Owners(Protocol):
    """Who delivers what, as last seen."""

    @property
    def peers(self) -> Sequence[Peer]: ...

    def owner_of(self, sub_id: int) -> tuple[str, int] | None: ...

    def wake(self) -> None: ...


class Pokes:
    """own: this worker's ID. look: has a task of this worker look at its queue; False if there is none here.

    notify: tells other hosts, None where there can be none.
    """

    def __init__(self, own: str, look: Callable[[int, int | None], bool], notify: Callable[[str], None] | None) -> None:
        self._own = own
        self._look = look
        self._notify = notify
        self._owners: Owners | None = None
        self._waiting: dict[int, int | None] = {}
        self._is_leases = False
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def use(self, owners: Owners) -> None:
        self._owners = owners

    def changed(self, sub_ids: Iterable[int]) -> None:
        """Their queues were changed behind the back of their tasks."""
        self.tell(dict.fromkeys(sub_ids))

    def tell(self, news: News) -> None:
        """Tasks of this worker and of others. Must not wait: it is called in the event loop."""
        others = {sub_id: rank for sub_id, rank in news.items() if not self._look(sub_id, rank)}
        if others:
            self.tell_others(others)

    def tell_others(self, news: News) -> None:
        """The same of other workers alone."""
        if self._owners is None:
            return
        peers = {peer.id: peer for peer in self._owners.peers if peer.id != self._own}
        paths: dict[str, list[tuple[int, int | None]]] = {}
        away: dict[int, int | None] = {}
        for sub_id, rank in news.items():
            owner = self._owners.owner_of(sub_id)
            found = peers.get(owner[0]) if owner is not None else None
            told = [found] if found is not None else list(peers.values())
            for peer in told:
                if peer.is_here:
                    paths.setdefault(peer.socket, []).append((sub_id, rank))
                else:
                    away[sub_id] = rank
        for path, pairs in paths.items():
            send([path], {MESSAGE: pairs})
        if away and self._notify is not None:
            self._later(away)

    def tell_leases(self, peers: Sequence[Peer]) -> None:
        """Leases have changed hands, or are free."""
        send([peer.socket for peer in peers if peer.is_here and peer.id != self._own], {LEASES: True})
        if self._notify is not None and any(not peer.is_here for peer in peers):
            self._is_leases = True
            self._later({})

    def receive(self, message: Mapping[str, Any]) -> bool:
        """What another worker said. False if it is not about this."""
        if LEASES in message and self._owners is not None:
            self._owners.wake()
        for sub_id, rank in message.get(MESSAGE, ()):
            self._look(sub_id, rank)
        return MESSAGE in message or LEASES in message

    def receive_text(self, text: str) -> None:
        """The same through PostgreSQL."""
        try:
            self.receive(json.loads(text))
        except (ValueError, TypeError, AttributeError) as e:
            logger.warning('A notification was not understood: %s', e, extra={'action': 'pubsub.poke_failed'})

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()

    def _later(self, news: News) -> None:
        for sub_id, rank in news.items():
            before = self._waiting.get(sub_id, rank)
            self._waiting[sub_id] = None if rank is None or before is None else min(rank, before)
        if self._greenlet is None or self._greenlet.dead:
            self._greenlet = gevent.spawn_later(_OFTEN, self._notify_all)

    def _notify_all(self) -> None:
        assert self._notify is not None
        while self._waiting or self._is_leases:
            some = [(sub_id, self._waiting.pop(sub_id)) for sub_id in list(self._waiting)[:_MOST]]
            message: dict[str, Any] = {MESSAGE: some}
            if self._is_leases:
                self._is_leases = False
                message[LEASES] = True
            try:
                self._notify(json.dumps(message, separators=(',', ':')))
            except Exception as e:
                logger.info('Other hosts will see by themselves what was published: %s', e)
            gevent.sleep(_OFTEN)
