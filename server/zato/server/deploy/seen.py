"""What a server found last at each path that it deploys from, and what came of it: table `pickup_seen` of the ODB."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from zato.common.odb.tables import pickup_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last content that was found at a path, and what came of it. error: '' if it was deployed."""

    sha256: str
    attempt: int
    error: str = ''
    warnings: tuple[str, ...] = ()
    missing: str = ''  #: name of the module that it could not import
    is_late: bool = False  #: importing it took too long


def all_seen(connection: Connection, server: str) -> dict[str, Seen]:
    """By path."""
    query = select(pickup_seen).where(pickup_seen.c.server == server)
    return {row.path: _seen_from(row) for row in connection.execute(query)}


def seen_at(connection: Connection, server: str, path: str) -> Seen | None:
    query = select(pickup_seen).where(pickup_seen.c.server == server, pickup_seen.c.path == _text_of(path))
    row = connection.execute(query).one_or_none()
    return _seen_from(row) if row is not None else None


def remember(connection: Connection, server: str, path: str, seen: Seen) -> None:
    path = _text_of(path)
    is_it = (pickup_seen.c.server == server) & (pickup_seen.c.path == path)
    texts = {'error': _text_of(seen.error), 'warnings': json.dumps(seen.warnings), 'missing': _text_of(seen.missing)}
    values: dict[str, Any] = {**asdict(seen), **texts}
    if connection.execute(update(pickup_seen).where(is_it).values(values)).rowcount == 0:
        connection.execute(insert(pickup_seen).values(server=server, path=path, **values))


def _text_of(text: str) -> str:
    """As any database can store it: in paths that are not UTF-8, and in what modules raise, there may be anything."""
    return text.encode('utf-8', 'backslashreplace').decode().replace('\0', '\\x00')


def _seen_from(row: Row[Any]) -> Seen:
    return Seen(
        sha256=row.sha256,
        attempt=row.attempt,
        error=row.error,
        warnings=tuple(json.loads(row.warnings)),
        missing=row.missing,
        is_late=row.is_late,
    )
