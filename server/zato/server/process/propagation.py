"""One worker's part in the configuration that all workers share: it follows changes, and tells how far it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gevent

from zato.common.exception import ZatoException
from zato.common.odb.database import ODBUnavailable
from zato.server.process.loop import Loop
from zato.server.propagate.configuration import Configuration, Writer
from zato.server.propagate.follower import Follower
from zato.server.propagate.housekeeping import INTERVAL, Housekeeping
from zato.server.propagate.presence import HEARTBEAT, Presence
from zato.server.propagate.wake import WakeSocket

if TYPE_CHECKING:
    from zato.common.alarm import Alarms
    from zato.common.odb.address import ODBAddress
    from zato.server.config.objects import ConfigObjects
    from zato.server.deploy.applier import Applier
    from zato.server.process.settings import Settings
    from zato.server.propagate.notify import Listener
    from zato.server.propagate.odb import ODB

logger = logging.getLogger(__name__)

#: Seconds between looks whether this worker's row says how far it is. On one host, datagrams say it at once.
_ROW_EVERY_LOCAL, _ROW_EVERY = 1.0, 0.05


class Propagation:
    """`follower.load`, `wake.start`, `appear` and `follow` in this order; their opposites in reverse."""

    def __init__(
        self, settings: Settings, odb: ODB, *, writer: Writer, objects: ConfigObjects, applier: Applier, alarms: Alarms
    ) -> None:
        self.follower = Follower(odb, objects, applier.apply, lambda: self.configuration.moved(), alarms)
        self.presence = Presence(odb, settings.name, settings.sockets, lambda: self.follower.progress)
        self.configuration = Configuration(odb, writer, self.follower, self.presence)
        self.wake = WakeSocket(self.presence.socket, self._receive)
        self._hearers: list[Callable[[dict[str, Any]], bool]] = []
        self._notified: dict[str, Callable[[str], None]] = {}  # channel of PostgreSQL → who is told
        self._listener = None if settings.odb.is_sqlite else _make_listener(settings.odb, self.follower.wake, self._notified)
        self._housekeeping = Housekeeping(odb, self.presence.id)
        self._row_every = _ROW_EVERY_LOCAL if settings.odb.is_sqlite else _ROW_EVERY

    def loops(self) -> list[Loop]:
        """What goes on in the background; they are not started."""
        return [
            Loop('heartbeat in the ODB', unless_away(self.presence.beat), HEARTBEAT),
            Loop('progress in the ODB', unless_away(self.presence.beat_if_new), self._row_every),
            Loop('housekeeping', unless_away(self._housekeeping.prune), INTERVAL),
        ]

    def hear(self, hearer: Callable[[dict[str, Any]], bool]) -> None:
        """It is given what other workers of this host say, and returns whether that was for it."""
        self._hearers.append(hearer)

    def hear_notifications(self, channel: str, hearer: Callable[[str], None]) -> None:
        """It is given what is told through a channel of PostgreSQL. Before `follow`."""
        self._notified[channel] = hearer

    def appear(self) -> None:
        """What is changed from here on waits for this worker; what was changed before is caught up with."""
        self.presence.appear()
        self.follower.apply_all()

    def disappear(self) -> None:
        for leave in (self.presence.disappear, self._housekeeping.release):
            try:
                leave()
            except ODBUnavailable as e:
                logger.info('The ODB will find out by itself that this worker has ended: %s', e)

    def follow(self) -> None:
        self.follower.start()
        if self._listener is not None:
            self._listener.start()

    def stop_following(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        self.follower.stop()

    def deployed(self, event: int) -> None:
        """Something was, which this event tells of. Does not wait for other workers."""
        gevent.spawn(self._watch_deployment, event)

    def _receive(self, message: dict[str, Any]) -> None:
        if not any(hearer(message) for hearer in self._hearers):
            self.configuration.receive(message)

    def _watch_deployment(self, event: int) -> None:
        """Tell all workers, and log which of them do not serve what was deployed."""
        try:
            outcome = self.configuration.wait_for(event)
        except ZatoException as e:
            logger.warning('It is not known which workers have applied event %d: %s', event, e)
            return
        if outcome.pending:
            logger.warning('Not applied yet by: %s', ', '.join(outcome.pending), extra={'action': 'deploy.pending'})


def unless_away(step: Callable[[], object]) -> Callable[[], None]:
    """A step that is left out while the ODB is away, of which the follower tells."""

    def run() -> None:
        try:
            step()
        except ODBUnavailable as e:
            logger.debug('%s', e)

    return run


def _make_listener(address: ODBAddress, heard: Callable[[], None], others: Mapping[str, Callable[[str], None]]) -> Listener:
    from zato.server.propagate.notify import Listener  # its driver takes longer to import than SQLAlchemy's core

    return Listener(address, heard, others)
