"""The audit log in the ODB: messages of each object and direction, the latest ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from time import time
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select

from zato.common.odb.tables import audit_message as table
from zato.common.odb.tables import config_object
from zato.server.propagate.odb import ODB

Direction = Literal['received', 'sent']

#: Messages that are deleted in one transaction: nobody else writes meanwhile.
_AT_ONCE: Final = 1_000
_SLACK: Final = 100  #: of those that are kept, a hundredth more may be there: not each batch is followed by a search
#: Seconds by which a host's clock may differ from that of the ODB before that one is believed. It is not as precise: it
#: takes a while to ask for it.
_SKEW: Final = 1.0
_MOST_DATA: Final = 16_000_000  #: characters in one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """at: seconds since 1970. what: such as 'POST /path'. size: bytes, all of it. encoding: of data, see masking.

    in_reply_to: the msg_id of the request that a response answers. status: HTTP's, 0 where there is none.
    """

    at: float
    kind: str
    object_id: int
    name: str
    direction: Direction
    cid: str
    msg_id: str
    in_reply_to: str
    remote: str
    what: str
    status: int
    size: int
    encoding: str
    is_cut: bool
    data: str


_FIELDS: Final = tuple(field.name for field in fields(Message))
_VALUES: Final = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which messages; '' and 0 for any. before_id: older ones than this."""

    cid: str = ''
    object_id: int = 0
    direction: str = ''
    before_id: int = 0
    limit: int


class AuditStore:
    """server: the name that messages are recorded under. All methods raise ODBUnavailable."""

    def __init__(self, odb: ODB, server: str) -> None:
        self._odb = odb
        self._server = server
        self._added: dict[tuple[int, str], int] = {}  # since older ones were last deleted

    def add(self, messages: Sequence[Message], keep: Mapping[tuple[int, str], int]) -> None:
        """In one transaction. keep: by object and direction, how many are."""
        added: dict[tuple[int, str], int] = {}
        for message in messages:
            of = (message.object_id, message.direction)
            added[of] = added.get(of, self._added.get(of, 0)) + 1
        due = [key for key, count in added.items() if count > keep[key] // _SLACK]

        def write(connection: Connection) -> None:
            now: float = connection.execute(select(self._odb.database.now)).scalar_one()
            late = now - time()
            late = late if abs(late) > _SKEW else 0.0
            connection.execute(insert(table), [self._row(message, late) for message in messages])
            for object_id, direction in due:
                _delete_older(connection, object_id, direction, keep[object_id, direction])

        self._odb.write(write)
        self._added.update(added)
        for key in due:
            del self._added[key]

    def find(self, query: Query) -> list[dict[str, Any]]:
        """The latest first. Once there are 16 MB of data, further messages come without, and say so in `is_left_out`."""
        if query.cid != storable(query.cid):
            return []
        return self._odb.read(lambda connection: _found(connection, query))

    def clear(self, object_id: int, direction: str = '') -> int:
        """Delete all messages of an object. Returns how many there were."""
        where = [table.c.object_id == object_id, *([table.c.direction == direction] if direction else [])]
        return self._delete(select(table.c.id).where(*where))

    def forget_deleted(self) -> int:
        """Delete the messages of objects that are no longer there. Returns how many there were."""
        gone = self._odb.read(_objects_gone)
        return sum(self.clear(object_id) for object_id in gone)

    def _delete(self, ids: Select[int]) -> int:
        statement = delete(table).where(table.c.id.in_(ids.limit(_AT_ONCE)))
        total = 0
        while count := self._odb.write(lambda connection: connection.execute(statement).rowcount):
            total += count
        return total

    def _row(self, message: Message, late: float) -> dict[str, Any]:
        row = dict(zip(_FIELDS, _VALUES(message), strict=True))
        return {**row, 'at': message.at + late, 'server': self._server}


def _delete_older(connection: Connection, object_id: int, direction: str, keep: int) -> None:
    own = (table.c.object_id == object_id) & (table.c.direction == direction)
    # Not by ID: workers write at different times.
    last = select(table.c.at).where(own).order_by(table.c.at.desc()).offset(keep).limit(1).scalar_subquery()
    connection.execute(delete(table).where(own, table.c.at <= last))


def _objects_gone(connection: Connection) -> list[int]:
    """One by one, by the index: there are many more messages than objects."""
    gone, last = [], -1
    while (
        found := connection.execute(select(func.min(table.c.object_id)).where(table.c.object_id > last)).scalar()
    ) is not None:
        last = found
        if connection.execute(select(config_object.c.id).where(config_object.c.id == last)).scalar() is None:
            gone.append(last)
    return gone


def _found(connection: Connection, query: Query) -> list[dict[str, Any]]:
    statement = select(*(column for column in table.c if column is not table.c.data))
    statement = statement.order_by(table.c.at.desc(), table.c.id.desc())
    for column in (table.c.cid, table.c.object_id, table.c.direction):
        value = getattr(query, column.name)
        statement = statement.where(column == value) if value else statement
    if query.before_id:
        statement = statement.where(_is_before(connection, query.before_id))
    return list(_with_data(connection, connection.execute(statement.limit(query.limit)).all()))


def _is_before(connection: Connection, id: int) -> ColumnElement[bool]:
    """If that message is no longer there, what was written before it was most likely before it."""
    at = connection.execute(select(table.c.at).where(table.c.id == id)).scalar()
    return table.c.id < id if at is None else (table.c.at < at) | ((table.c.at == at) & (table.c.id < id))


def _with_data(connection: Connection, rows: Iterable[Row[Any]]) -> Iterable[dict[str, Any]]:
    total = 0
    for row in rows:
        is_left_out = total >= _MOST_DATA
        data = '' if is_left_out else connection.execute(select(table.c.data).where(table.c.id == row.id)).scalar() or ''
        total += len(data)
        found = dict(row._mapping)
        at = datetime.fromtimestamp(found.pop('at'), UTC).isoformat(timespec='milliseconds')
        yield {'event_id': f'zae{row.id}', 'timestamp': at, **found, 'is_left_out': is_left_out, 'data': data}


def storable(text: str) -> str:
    """As databases can keep it."""
    return text.replace('\0', '').encode('utf-8', 'replace').decode()
