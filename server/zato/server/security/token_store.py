"""Lives of tokens in the ODB, by its own clock: one row each, whose ID says nothing about the token."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Double, bindparam, delete, insert, literal, select, update

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.odb.tables import config_object
from zato.common.odb.tables import security_token as table
from zato.server.propagate.configuration import Writer
from zato.server.propagate.ledger import Actor, Entry, Ledger
from zato.server.propagate.odb import ODB

_AT_ONCE = 500  #: values in one statement
_TIMEOUT = 5.0  #: seconds that a request waits for an answer


class TokenStore:
    """All methods raise ODBUnavailable. definition: the ID of the one that gives, or gave, a token."""

    def __init__(self, odb: ODB, writer: Writer, clock: Clock = SYSTEM_CLOCK) -> None:
        self._odb = odb
        self._writer = writer
        self._clock = clock

    def add(self, row_id: str, definition: int, seconds: float) -> bool:
        """A new token that lives that long. False if the definition is not active any more, or gone."""
        values = select(literal(row_id), config_object.c.id, self._odb.database.now + seconds)
        is_active = (config_object.c.id == definition) & config_object.c.is_active
        # With the row locked, who makes it inactive ends this token, too, or has done so before it is given.
        query = values.where(is_active).with_for_update(read=True)
        statement = insert(table).from_select(['id', 'object_id', 'expires'], query).returning(table.c.id)
        return self._odb.write(lambda connection: connection.execute(statement).first() is not None, timeout=_TIMEOUT)

    def life_of(self, row_id: str) -> float | None:
        """Seconds that it has left, 0 or less if it has expired; None if it was never given, or is gone."""
        query = select(table.c.expires - self._odb.database.now).where(table.c.id == row_id)
        return self._odb.read(lambda connection: connection.execute(query).scalar(), timeout=_TIMEOUT)

    def prolong(self, ends: Mapping[str, float]) -> set[str]:
        """Make tokens live until then, in monotonic seconds, if they do not live longer. Returns those that are there."""
        return self._odb.write(lambda connection: self._prolong(connection, ends))

    def limit(self, most: Mapping[int, float]) -> None:
        """most: by definition, the seconds that a token of it may have left."""
        now = self._odb.database.now
        is_longer = table.c.expires > now + bindparam('most', type_=Double)
        statement = (
            update(table)
            .where(table.c.object_id == bindparam('definition'), is_longer)
            .values(expires=now + bindparam('most', type_=Double))
        )
        rows = [{'definition': id, 'most': most[id]} for id in sorted(most)]
        self._odb.write(lambda connection: connection.execute(statement, rows))

    def remove(self, row_id: str, definition: int, name: str, actor: Actor) -> int:
        """End a token's life. Returns the event by which workers forget what they know of it, 0 if it has none any more.

        name: of the definition.
        """

        def work(ledger: Ledger) -> int:
            is_alive = table.c.expires > ledger.now
            if not ledger.connection.execute(delete(table).where(table.c.id == row_id, is_alive)).rowcount:
                return 0
            return ledger.add(Entry(kind='security_jwt', object_id=definition, name=name, action='log-out'))

        return self._writer.write(work, actor)[0]

    def _prolong(self, connection: Connection, ends: Mapping[str, float]) -> set[str]:
        ids = sorted(ends)  # in one order everywhere, or two workers could wait for each other's rows
        there: set[str] = set()
        for start in range(0, len(ids), _AT_ONCE):
            query = select(table.c.id).where(table.c.id.in_(ids[start : start + _AT_ONCE]))
            there.update(connection.execute(query).scalars())
        if there:
            database_now: float = connection.execute(select(self._odb.database.now)).scalar_one()
            offset = database_now - self._clock.monotonic()
            statement = (
                update(table)
                .where(table.c.id == bindparam('id_'), table.c.expires < bindparam('end'))
                .values(expires=bindparam('end'))
            )
            connection.execute(statement, [{'id_': id, 'end': ends[id] + offset} for id in ids if id in there])
        return there
