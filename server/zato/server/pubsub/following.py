"""What a worker does as topics and subscriptions come, change and go: rows of the store, delivery, what is in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

import gevent
from sqlalchemy import Connection, select

from zato.common.exception import ZatoException
from zato.common.odb.tables import config_object
from zato.server.config.runtime import ConfigObject
from zato.server.propagate.odb import ODB
from zato.server.pubsub.assign import Assignment
from zato.server.pubsub.deliveries import Deliveries
from zato.server.pubsub.depth import Depths
from zato.server.pubsub.pokes import Pokes
from zato.server.pubsub.ram import RAMQueues
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.subs import SubRow, SubscriptionRows

logger = logging.getLogger('zato.pubsub')


@dataclass(slots=True, eq=False, kw_only=True)
class Following:
    """A listener of the registry. odb: has the definitions, rows are in the store. Before `start` nothing is written."""

    registry: Registry
    odb: ODB
    rows: SubscriptionRows
    deliveries: Deliveries
    assignment: Assignment
    pokes: Pokes
    ram: RAMQueues
    depths: Depths
    is_started: bool = False

    def start(self) -> None:
        """Raises ODBUnavailable."""
        self.is_started = True
        self.ensure()

    def stop(self) -> None:
        """Twice is safe."""
        self.is_started = False

    def ensure(self) -> None:
        """All subscriptions are known to those who publish, and no others. Raises ODBUnavailable."""
        self.pokes.changed(self.rows.ensure([_row_of(item) for item in self.registry.subscriptions()]))
        self.rows.reconcile(self._existing)

    # What the registry tells

    def subscribed(self, item: ConfigObject) -> None:
        self.ram.changed(item)
        self.deliveries.restart(item)
        if self.is_started:
            self.pokes.changed(self.rows.ensure([_row_of(item)]))
            self.assignment.wake()

    def changed(self, old: ConfigObject, new: ConfigObject) -> None:
        self.ram.changed(new)
        self.deliveries.restart(new)
        self.assignment.wake()

    def suspended(self, item: ConfigObject) -> None:
        self.assignment.wake()

    def unsubscribed(self, item: ConfigObject) -> None:
        self.ram.forget(item)
        self.assignment.wake()
        if self.is_started:
            gevent.spawn(self._in_background, self.rows.remove, item.id)

    def topic_changed(self, old: ConfigObject | None, new: ConfigObject | None) -> None:
        if new is None and old is not None and self.is_started:
            self.depths.forget(old.id)
            gevent.spawn(self._in_background, self.rows.remove_topic, old.id)

    def _in_background(self, function: Callable[[int], object], id: int) -> None:
        """What could not be done now is done when a worker starts."""
        try:
            function(id)
        except ZatoException as e:
            logger.warning('Messages of deleted objects are tidied up later: %s', e, extra={'action': 'pubsub.tidy_failed'})

    def _existing(self, ids: Collection[int]) -> Collection[int]:
        def read(connection: Connection) -> list[int]:
            return list(connection.execute(select(config_object.c.id).where(config_object.c.id.in_(list(ids)))).scalars())

        return self.odb.read(read)


def _row_of(item: ConfigObject) -> SubRow:
    return SubRow(item.id, item.settings.topic, item.settings.sub_key)
