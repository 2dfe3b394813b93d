"""One transaction that changes configuration: it has the counter's lock from its first statement, so such transactions run
one at a time, and the IDs of their events are in the order of their commits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from zato.common.odb.database import Database
from zato.common.odb.tables import audit, config_counter, config_event

CHANNEL = 'zato_config'  #: PostgreSQL's, by which commits are told


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change, as the audit trail names them, and the role they act in."""

    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """action: create, edit, delete, deploy and so on. before, after: None where there is nothing; secrets masked."""

    kind: str
    object_id: int
    name: str
    action: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


class Ledger:
    """Open it first in the transaction, close it last."""

    def __init__(self, database: Database, connection: Connection, actor: Actor) -> None:
        self.connection = connection
        self._database = database
        self._actor = actor
        row = connection.execute(
            update(config_counter)
            .values(event=config_counter.c.event)
            .returning(config_counter.c.event, config_counter.c.object)
        ).one()
        self._last_event: int = row.event
        self._last_object: int = row.object
        self._entries: list[Entry] = []
        self.now: float = connection.execute(select(database.now)).scalar_one()

    @property
    def last_event(self) -> int:
        return self._last_event

    def new_object_id(self) -> int:
        self._last_object += 1
        return self._last_object

    def add(self, entry: Entry) -> int:
        """Tell all workers that this object changed. Returns the event's ID."""
        self._entries.append(entry)
        self._last_event += 1
        return self._last_event

    def close(self) -> None:
        if not self._entries:
            return
        first = self._last_event - len(self._entries) + 1
        self.connection.execute(update(config_counter).values(event=self._last_event, object=self._last_object))
        self.connection.execute(
            insert(config_event),
            [
                {'id': first + i, 'at': self.now, 'kind': entry.kind, 'object_id': entry.object_id}
                for i, entry in enumerate(self._entries)
            ],
        )
        self.connection.execute(insert(audit), [self._audit(first + i, entry) for i, entry in enumerate(self._entries)])
        if not self._database.address.is_sqlite:
            self.connection.execute(select(func.pg_notify(CHANNEL, str(self._last_event))))

    def _audit(self, event: int, entry: Entry) -> dict[str, Any]:
        return {
            'event': event,
            'at': self.now,
            'who': self._actor.name,
            'role': self._actor.role,
            'action': entry.action,
            'kind': entry.kind,
            'object_id': entry.object_id,
            'name': entry.name,
            'before': '' if entry.before is None else json.dumps(entry.before),
            'after': '' if entry.after is None else json.dumps(entry.after),
        }
