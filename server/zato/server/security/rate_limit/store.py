"""Table rate_limit: counts that all workers of the cluster share. Windows are those of the database's clock.

Workers' clocks may differ, and then each of them would begin a window of its own; the database has one clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, Insert, bindparam, select, update

from zato.common.odb.tables import rate_limit as table
from zato.server.propagate.odb import ODB
from zato.server.security.rate_limit.tally import Key, window_at

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgreSQLInsert
    from sqlalchemy.dialects.sqlite import Insert as SQLiteInsert

_KEY = ('object_id', 'source', 'seconds', 'window')
_UPDATE = update(table).where(*(table.c[name] == bindparam(f'at_{name}') for name in _KEY))


@dataclass(frozen=True, slots=True)
class Asked:
    """requests: that want to be let in, as long as there are fewer than `rate` in their window."""

    requests: int
    rate: int


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Requests that were let in already, which count unless their window has ended."""

    key: Key
    requests: int
    window: int


@dataclass(frozen=True, slots=True)
class Counted:
    """now: by the database's clock. here: the same moment by the worker's, or a little earlier. Seconds since 1970, UTC.

    before, after: how many requests the running window of a key had before those that wanted to be let in, and now has.
    """

    now: float
    here: float
    before: Mapping[Key, int]
    after: Mapping[Key, int]

    def window(self, key: Key) -> int:
        """When the one that was counted in began, by the database's clock."""
        return window_at(self.now, key.seconds)


class Counts(Protocol):
    """What all workers count in."""

    def add(self, asked: Mapping[Key, Asked], unsaved: Iterable[Unsaved], *, timeout: float) -> Counted:
        """All of it or nothing; requests that are not let in are not counted. timeout: seconds. Raises ODBUnavailable."""


class StoredCounts:
    """clock: the worker's, seconds since 1970, UTC."""

    def __init__(self, odb: ODB, clock: Callable[[], float] = time) -> None:
        self._odb = odb
        self._clock = clock
        self._upsert = _upsert(is_sqlite=odb.database.address.is_sqlite)

    def add(self, asked: Mapping[Key, Asked], unsaved: Iterable[Unsaved], *, timeout: float) -> Counted:
        """As `Counts.add`."""
        return self._odb.write(lambda connection: self._add(connection, asked, unsaved), timeout=timeout)

    def _add(self, connection: Connection, asked: Mapping[Key, Asked], unsaved: Iterable[Unsaved]) -> Counted:
        here = self._clock()
        now = connection.execute(select(self._odb.database.now)).scalar_one()
        sums = {key: wanted.requests for key, wanted in asked.items()}
        for one in unsaved:
            if one.window >= window_at(now, one.key.seconds):
                sums[one.key] = sums.get(one.key, 0) + one.requests
        totals = self._count(connection, now, sums)
        before = {key: total - (asked[key].requests if key in asked else 0) for key, total in totals.items()}
        after = {
            key: min(total, max(before[key], asked[key].rate)) if key in asked else total for key, total in totals.items()
        }
        self._correct(connection, now, {key: number for key, number in after.items() if number != totals[key]})
        return Counted(now, here, before, after)

    def _count(self, connection: Connection, now: float, sums: Mapping[Key, int]) -> dict[Key, int]:
        """Returns the totals. Rows are written in one order, so that no two workers can wait for each other."""
        rows = [{**_columns(key, now), 'requests': sums[key]} for key in sorted(sums) if sums[key]]
        counted = connection.execute(self._upsert, rows).all() if rows else ()
        return {Key(*columns): total for *columns, total in counted}

    def _correct(self, connection: Connection, now: float, numbers: Mapping[Key, int]) -> None:
        """Take back those that are not let in. This transaction has the rows since it has counted in them."""
        if numbers:
            rows = [{f'at_{name}': value for name, value in _columns(key, now).items()} for key in numbers]
            values = [{**row, 'requests': number} for row, number in zip(rows, numbers.values(), strict=True)]
            connection.execute(_UPDATE, values)


def _columns(key: Key, now: float) -> dict[str, int | str]:
    return {**key._asdict(), 'window': window_at(now, key.seconds)}


def _upsert(*, is_sqlite: bool) -> Insert:
    # Each dialect is imported where it is used alone: that of PostgreSQL takes megabytes.
    made: PostgreSQLInsert | SQLiteInsert
    if is_sqlite:
        from sqlalchemy.dialects import sqlite

        made = sqlite.insert(table)
    else:
        from sqlalchemy.dialects import postgresql

        made = postgresql.insert(table)
    counted = made.on_conflict_do_update(index_elements=_KEY, set_={'requests': table.c.requests + made.excluded.requests})
    return counted.returning(table.c.object_id, table.c.source, table.c.seconds, table.c.requests)
