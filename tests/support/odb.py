"""An ODB as a worker has it, for tests that need no server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from zato.common.crypto import Cipher, new_key
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.server.propagate.change import Change, Result
from zato.server.propagate.configuration import Writer
from zato.server.propagate.ledger import Actor
from zato.server.propagate.odb import ODB

ALICE = Actor('alice', 'admin')
KEY = new_key()


class OpenODB:
    """What a worker makes of an address. Two over the same one are as two workers."""

    def __init__(self, address: ODBAddress) -> None:
        self.database = Database(address)
        self.odb = ODB(self.database)
        self.cipher = Cipher(KEY)
        self.writer = Writer(self.odb, self.cipher)

    def close(self) -> None:
        for pool in (self.odb._readers, self.odb._writer):
            pool.kill()  # a worker's live as long as its process
        self.odb.close()

    def apply(self, *changes: Change, actor: Actor = ALICE, is_system: bool = False) -> list[Result]:
        """In one transaction."""
        results, _ = self.writer.write(
            lambda ledger: self.writer.change_set(ledger, is_system=is_system).apply(changes), actor
        )
        return results

    def rows(self, table: Table, order: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Everything that is in a table, in the order of some columns."""
        query = select(table).order_by(*(table.c[name] for name in order))
        return self.odb.read(lambda connection: [dict(row._mapping) for row in connection.execute(query)])
