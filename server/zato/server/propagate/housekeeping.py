"""Prunes what is no longer needed, in one worker of the whole cluster at a time."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, delete, func, select, update

from zato.common.odb.lease import LOCK_PREFIX, Lease, LeaseLost, Leases
from zato.common.odb.tables import config_counter, config_event, config_object, lease, rate_limit, security_token
from zato.server.propagate.odb import ODB
from zato.server.propagate.presence import dead_workers

logger = logging.getLogger(__name__)

LEASE = 'config.prune'
INTERVAL = 60.0  #: seconds between prunings
_TTL = 3 * INTERVAL
_KEEP_EVENTS = 7 * 86_400.0  #: seconds; a worker that was away for longer reads everything anew
_KEEP_LOCKS = 7 * 86_400.0  #: seconds since a lock of services expired; its epochs begin anew then
_KEEP_TOKENS = 86_400.0  #: seconds since one expired: a worker that was without the ODB may have seen it used meanwhile
_KEEP_COUNTS = 600.0  #: seconds since the window of time ended that requests were counted in; nothing counts for so long
_KEEP_WORKERS = 60.0  #: seconds since the last heartbeat of a worker that did not say good-bye


class Housekeeping:
    """owner: this worker's ID."""

    def __init__(self, odb: ODB, owner: str, keep_events: float = _KEEP_EVENTS, keep_workers: float = _KEEP_WORKERS) -> None:
        self._odb = odb
        self._leases = Leases(odb.database, odb.write)
        self._owner = owner
        self._keep_events = keep_events
        self._keep_workers = keep_workers
        self._lease: Lease | None = None

    def prune(self) -> tuple[int, int]:
        """How many events and workers were removed; none if another worker does this. Raises ODBUnavailable."""
        self._lease = self._leases.acquire(LEASE, self._owner, _TTL)
        if self._lease is None:
            return 0, 0
        try:
            events, workers = self._odb.write(self._prune)
        except LeaseLost as e:
            logger.info('Not pruned: %s', e)
            return 0, 0
        if events or workers:
            logger.info('Pruned %d event(s) and %d dead worker(s)', events, workers, extra={'action': 'odb.pruned'})
        return events, workers

    def release(self) -> None:
        """Let another worker do it at once. Raises ODBUnavailable."""
        if self._lease is not None:
            self._leases.release(self._lease)
            self._lease = None

    def _prune(self, connection: Connection) -> tuple[int, int]:
        assert self._lease is not None  # it was just taken
        self._leases.check(connection, self._lease)
        now = connection.execute(select(self._odb.database.now)).scalar_one()
        connection.execute(delete(lease).where(lease.c.name.startswith(LOCK_PREFIX), lease.c.expires < now - _KEEP_LOCKS))
        connection.execute(delete(security_token).where(security_token.c.expires < now - _KEEP_TOKENS))
        _forget_counts(connection, now)
        old = config_event.c.at < now - self._keep_events
        last = connection.execute(select(func.max(config_event.c.id)).where(old)).scalar()
        events = 0
        if last is not None:
            connection.execute(update(config_counter).values(pruned=last))
            events = connection.execute(delete(config_event).where(config_event.c.id <= last)).rowcount
        return events, dead_workers(connection, now, self._keep_workers)


def _forget_counts(connection: Connection, now: float) -> None:
    """Those of windows that have ended, and of objects that are gone."""
    is_over = rate_limit.c.window + rate_limit.c.seconds < now - _KEEP_COUNTS
    is_gone = rate_limit.c.object_id.not_in(select(config_object.c.id))
    connection.execute(delete(rate_limit).where(is_over | is_gone))
