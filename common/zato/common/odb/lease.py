"""What one holder in the whole cluster does: leases by the database's clock, whose epochs fence former holders.

A lease is held until it expires unless it is renewed. Each time it changes hands its epoch grows, so what a holder does
in a transaction of this database after `check` in it cannot be done by one that was paused and lost the lease meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Connection, select, text, update

from zato.common.exception import ZatoException
from zato.common.odb.database import Database
from zato.common.odb.tables import lease as table

T = TypeVar('T')

#: Names of leases that are locks of services begin with it.
LOCK_PREFIX = 'lock:'

#: Two may want to be the first at once.
_MAKE = text("INSERT INTO lease (name, owner, epoch, expires) VALUES (:name, '', 0, 0) ON CONFLICT DO NOTHING")


class LeaseLost(ZatoException):
    """The lease has expired or somebody else holds it. Nothing was written"""


@dataclass(frozen=True, slots=True)
class Lease:
    """epoch: 1 for the first holder, one more for each next one."""

    name: str
    owner: str
    epoch: int


class Write(Protocol):
    """Runs work in a write transaction and returns what it returns."""

    def __call__(self, work: Callable[[Connection], T], /) -> T: ...


class Leases:
    """Over one database, which is that of what the leases protect. write: runs its transactions, if not right here."""

    def __init__(self, database: Database, write: Write | None = None) -> None:
        self._database = database
        self._write: Write = write or self._write_here

    def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take a lease that nobody holds, or renew one's own, for `ttl` seconds. None if another owner holds it.

        One's own expired lease is taken anew, with a new epoch: somebody may have held it in between.
        Raises ODBUnavailable.
        """

        def run(connection: Connection) -> Lease | None:
            connection.execute(_MAKE, {'name': name})
            row = connection.execute(select(table).where(table.c.name == name).with_for_update()).one()
            now = connection.execute(select(self._database.now)).scalar_one()
            is_held = row.expires > now
            if is_held and row.owner != owner:
                return None
            epoch = row.epoch if is_held else row.epoch + 1
            connection.execute(update(table).where(table.c.name == name).values(owner=owner, epoch=epoch, expires=now + ttl))
            return Lease(name, owner, epoch)

        return self._write(run)

    def renew(self, lease: Lease, ttl: float) -> None:
        """Hold it for another `ttl` seconds from now. Raises LeaseLost, ODBUnavailable."""

        def run(connection: Connection) -> None:
            self.check(connection, lease)
            expires = self._database.now + ttl
            connection.execute(update(table).where(table.c.name == lease.name).values(expires=expires))

        self._write(run)

    def release(self, lease: Lease) -> None:
        """Let others have it at once. Without effect if it is lost already. Raises ODBUnavailable."""

        def run(connection: Connection) -> None:
            is_own = (table.c.name == lease.name) & (table.c.owner == lease.owner) & (table.c.epoch == lease.epoch)
            connection.execute(update(table).where(is_own).values(expires=0.0))

        self._write(run)

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

    def _write_here(self, work: Callable[[Connection], T]) -> T:
        with self._database.write() as connection:
            return work(connection)
