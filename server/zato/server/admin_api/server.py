"""`zato.server.*`: what this server is doing, whichever of its workers is asked."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any, ClassVar

import gevent
from sqlalchemy import select

from zato.common.config.kind import Role
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.tables import config_counter
from zato.common.version import version
from zato.server.admin_api.context import AdminService

_ODB_TIMEOUT = 2.0  #: seconds


class GetInfo(AdminService):
    """What this server is doing: its address, since when it runs, and all its workers, with their alarms.

    A worker that does not answer within 2 seconds has `error`. `last_event` is the newest one of the ODB, None if that does
    not answer, which `odb_error` is about then: a worker with a lower `applied_event` is behind. `memory`, `max_memory` are
    resident bytes. Of `running`, `alarms` the first 100 are listed, of `modules` those with an error, with_modules: all.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        with_modules = bool(self.boolean('with_modules'))
        asked = gevent.spawn(self._last_event)
        workers = [self._without_this_call(worker) for worker in self.context.calls.summaries(with_modules=with_modules)]
        last_event, odb_error = asked.get()
        self.response.payload = {
            **self._server(),
            'last_event': last_event,
            'odb_error': odb_error,
            'workers': workers,
        }

    def _without_this_call(self, worker: dict[str, Any]) -> dict[str, Any]:
        running = worker.get('running', [])
        others = [call for call in running if call['cid'] != self.cid]
        if len(others) == len(running):
            return worker
        return {**worker, 'running': others, 'running_count': worker['running_count'] - len(running) + len(others)}

    def _server(self) -> dict[str, Any]:
        facts = self.context.facts
        now = datetime.now(UTC)
        started = facts.started()
        return {
            'server': facts.name,
            'cluster': facts.cluster,
            'version': version,
            'host': socket.gethostname(),
            'pid': facts.arbiter,
            'address': facts.address(),
            'now': now.isoformat(),
            'started': started.isoformat() if started is not None else None,
            'uptime_seconds': round((now - started).total_seconds(), 3) if started is not None else None,
        }

    def _last_event(self) -> tuple[int | None, str]:
        """And why there is none."""
        query = select(config_counter.c.event)
        try:
            found = self.context.odb.read(lambda connection: connection.execute(query).scalar_one(), timeout=_ODB_TIMEOUT)
        except ODBUnavailable as e:
            return None, e.msg
        return int(found), ''
