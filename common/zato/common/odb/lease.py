"""What one holder in the whole cluster does: leases by the database's clock, whose epochs fence former holders.

A lease is held until it expires unless it is renewed. Each time it changes hands its epoch grows, so what a holder does
in a transaction of this database after `check` in it cannot be done by one that was paused and lost the lease meanwhile.
What is done with many leases takes one transaction, which locks their rows in one order, so that two never wait for each
other. Names are given one by one, never by how they begin: no index of PostgreSQL would find those, and locks may be many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import ARRAY, Connection, Row, Text, any_, bindparam, delete, func, literal, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from zato.common.exception import ZatoException
from zato.common.odb.database import Database
from zato.common.odb.tables import lease as table

T = TypeVar('T')

#: Names of leases that are locks of services begin with it.
LOCK_PREFIX = 'lock:'

#: Seconds that a process which stands still in the middle of taking leases keeps others from them; PostgreSQL then ends its
#: connection. SQLite knows no such thing: there others wait until the process goes on or ends.
STALLED_AFTER = 4

#: Two may want to be the first at once.
_MAKE = text("INSERT INTO lease (name, owner, epoch, expires) VALUES (:name, '', 0, 0) ON CONFLICT DO NOTHING")
_TAKE = (
    update(table)
    .where(table.c.name == bindparam('its_name'))
    .values(owner=bindparam('its_owner'), epoch=bindparam('its_epoch'), expires=bindparam('until'))
)


class LeaseLost(ZatoException):
    """The lease has expired or somebody else holds it. Nothing was written"""


@dataclass(frozen=True, slots=True)
class Lease:
    """epoch: 1 for the first holder, one more for each next one."""

    name: str
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A lease that was just taken. former: who had it last and did not let go of it, '' if it was let go or never held.

    It is the new holder itself where that held it all the time, or let it expire.
    """

    lease: Lease
    former: str = ''

    @property
    def is_clean(self) -> bool:
        """Did whoever had it last let go of it?"""
        return not self.former


@dataclass(frozen=True, slots=True)
class LeaseState:
    """What is known of a lease. owner: who has it, or had it last. seconds_left: until it expires, 0 and less if it has."""

    owner: str
    epoch: int
    seconds_left: float

    @property
    def is_held(self) -> bool:
        return self.seconds_left > 0


class Transact(Protocol):
    """Runs work in a transaction and returns what it returns."""

    def __call__(self, work: Callable[[Connection], T], /) -> T: ...


class Leases:
    """Over one database, which is that of what the leases protect. write, read: run its transactions, if not right here."""

    def __init__(self, database: Database, write: Transact | None = None, read: Transact | None = None) -> None:
        self._database = database
        self._write: Transact = write or self._write_here
        self._read: Transact = read or self._read_here

    def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take a lease that nobody holds, or renew one's own, for `ttl` seconds. None if another owner holds it.

        One's own expired lease is taken anew, with a new epoch: somebody may have held it in between.
        Raises ODBUnavailable.
        """
        taken = self.acquire_all([name], owner, ttl)
        return taken[0].lease if taken else None

    def acquire_all(self, names: Collection[str], owner: str, ttl: float, dead: Collection[str] = ()) -> list[Taken]:
        """Those of them that could be taken, as by `acquire`. dead: owners whose leases count as expired, since it is known
        that they have ended. Raises ODBUnavailable.
        """

        def run(connection: Connection) -> list[Taken]:
            self._limit(connection)
            connection.execute(_MAKE, [{'name': name} for name in sorted(set(names))])
            rows = self._locked(connection, names)
            now = connection.execute(select(self._database.now)).scalar_one()
            taken, values = list[Taken](), list[dict[str, Any]]()
            for row in rows:
                is_held = row.expires > now and row.owner not in dead
                if is_held and row.owner != owner:
                    continue
                epoch = row.epoch if is_held else row.epoch + 1
                taken.append(Taken(Lease(row.name, owner, epoch), row.owner if row.expires else ''))
                values.append({'its_name': row.name, 'its_epoch': epoch})
            if values:
                connection.execute(_TAKE, [{**one, 'its_owner': owner, 'until': now + ttl} for one in values])
            return taken

        return self._write(run) if names else []

    def renew(self, lease: Lease, ttl: float) -> None:
        """Hold it for another `ttl` seconds from now. Raises LeaseLost, ODBUnavailable."""

        def run(connection: Connection) -> None:
            self.check(connection, lease)
            expires = self._database.now + ttl
            connection.execute(update(table).where(table.c.name == lease.name).values(expires=expires))

        self._write(run)

    def renew_all(self, names: Collection[str], owner: str, ttl: float) -> list[Lease]:
        """Hold for another `ttl` seconds those that `owner` still holds, and return them. Raises ODBUnavailable."""

        def run(connection: Connection) -> list[Lease]:
            self._limit(connection)
            is_held = (table.c.owner == owner) & (table.c.expires > self._database.now)
            leases = [Lease(row.name, owner, row.epoch) for row in self._locked(connection, names, is_held)]
            held = self._among([lease.name for lease in leases])
            connection.execute(update(table).where(held).values(expires=self._database.now + ttl))
            return leases

        return self._write(run) if names else []

    def release(self, lease: Lease) -> None:
        """Let others have it at once. Without effect if it is lost already. Raises ODBUnavailable."""
        self.release_all([lease])

    def release_all(self, leases: Collection[Lease]) -> None:
        """As `release`. Raises ODBUnavailable."""
        released = {lease.name: lease for lease in leases}

        def run(connection: Connection) -> None:
            self._limit(connection)
            rows = self._locked(connection, released)
            own = [row.name for row in rows if released[row.name] == Lease(row.name, row.owner, row.epoch)]
            connection.execute(update(table).where(self._among(own)).values(expires=0.0))

        if released:
            self._write(run)

    def find(self, names: Collection[str]) -> dict[str, LeaseState]:
        """What is known of those that somebody held at some time. Raises ODBUnavailable."""

        def run(connection: Connection) -> dict[str, LeaseState]:
            left = table.c.expires - self._database.now
            rows = connection.execute(select(table.c.name, table.c.owner, table.c.epoch, left).where(self._among(names)))
            return {name: LeaseState(owner, epoch, seconds) for name, owner, epoch, seconds in rows}

        return self._read(run) if names else {}

    def prune(self, prefix: str, age: float) -> int:
        """Remove those whose names begin so, and that nobody holds and that did not expire in the last `age` seconds.

        Their epochs begin anew. Returns how many there were. Raises ODBUnavailable.
        """
        is_old = table.c.expires < self._database.now - age
        statement = delete(table).where(table.c.name.startswith(prefix, autoescape=True), is_old)
        return self._write(lambda connection: connection.execute(statement).rowcount)

    def check(self, connection: Connection, lease: Lease) -> None:
        """Within a write transaction: does the lease still stand? It then stands until the transaction ends.

        Raises LeaseLost.
        """
        row = connection.execute(
            select(table.c.owner, table.c.epoch, (table.c.expires > self._database.now).label('is_held'))
            .where(table.c.name == lease.name)
            .with_for_update()
        ).one_or_none()
        if row is None or (row.owner, row.epoch) != (lease.owner, lease.epoch) or not row.is_held:
            raise LeaseLost(msg=f'Lease `{lease.name}` is no longer held by {lease.owner} (epoch {lease.epoch})')

    def _limit(self, connection: Connection) -> None:
        if not self._database.address.is_sqlite:
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{STALLED_AFTER}s'"))

    def _locked(self, connection: Connection, names: Iterable[str], *conditions: ColumnElement[bool]) -> list[Row[Any]]:
        """Their rows, which nobody else changes until the transaction ends."""
        query = select(table).where(self._among(names), *conditions).order_by(table.c.name).with_for_update()
        return list(connection.execute(query))

    def _among(self, names: Iterable[str]) -> ColumnElement[bool]:
        """In one parameter, however many there are."""
        listed = list(names)
        if self._database.address.is_sqlite:
            return table.c.name.in_(select(func.json_each(json.dumps(listed)).table_valued('value').c.value))
        return table.c.name == any_(literal(listed, ARRAY(Text)))

    def _write_here(self, work: Callable[[Connection], T]) -> T:
        with self._database.write() as connection:
            return work(connection)

    def _read_here(self, work: Callable[[Connection], T]) -> T:
        with self._database.read() as connection:
            return work(connection)
