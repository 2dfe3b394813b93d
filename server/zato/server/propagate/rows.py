"""Writes configuration objects that were found to be right, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from zato.common.config.stored import StoredObject
from zato.common.odb.tables import config_key, config_object, config_reference, security_token


def write_objects(
    connection: Connection,
    before: Mapping[int, StoredObject],
    after: Mapping[int, StoredObject],
    keys: Sequence[dict[str, Any]],
    references: Sequence[dict[str, Any]],
) -> None:
    """before, after: by ID, of what changes. keys, references: rows of `after`, and of what does not change."""
    for table in (config_key, config_reference):
        _delete(connection, table, 'object_id', before)
    _delete(connection, config_object, 'id', before.keys() - after.keys())
    edited = [(before[id], item) for id, item in after.items() if id in before]
    # Two may swap their names.
    _update(connection, [{'id_': new.id, 'name_': f' {new.id}'} for old, new in edited if old.name != new.name])
    _update(connection, [{f'{key}_': value for key, value in _row(new).items() if key != 'kind'} for _, new in edited])
    # Not before: who gives a token has the definition's row locked meanwhile.
    _end_tokens(connection, [new.id for old, new in edited if _ends_tokens(old, new)])
    _insert(connection, config_object, [_row(item) for id, item in after.items() if id not in before])
    for table, rows in ((config_key, keys), (config_reference, references)):
        _insert(connection, table, [row for row in rows if row['object_id'] in after])


def _ends_tokens(old: StoredObject, new: StoredObject) -> bool:
    """For good: they do not live on if the definition is made what it was before. Tokens of deleted ones go with its row."""
    if new.kind != 'security_jwt':
        return False
    return not new.is_active or any(old.settings[name] != new.settings[name] for name in ('username', 'password'))


def _end_tokens(connection: Connection, definitions: Iterable[int]) -> None:
    """In the order in which their lives are written: neither waits for rows of the other's that are locked."""
    for id in definitions:
        ordered = select(security_token.c.id).where(security_token.c.object_id == id).order_by(security_token.c.id)
        connection.execute(delete(security_token).where(security_token.c.id.in_(ordered.with_for_update())))


def _delete(connection: Connection, table: Table, column: str, ids: Iterable[int]) -> None:
    rows = [{'id_': id} for id in ids]
    if rows:
        connection.execute(delete(table).where(table.c[column] == bindparam('id_')), rows)


def _update(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Keys of rows: columns of config_object, with an underscore after each."""
    if rows:
        columns: dict[str, Any] = {key.removesuffix('_'): bindparam(key) for key in rows[0] if key != 'id_'}
        connection.execute(update(config_object).where(config_object.c.id == bindparam('id_')).values(columns), rows)


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _row(item: StoredObject) -> dict[str, Any]:
    return {
        'id': item.id,
        'kind': item.kind,
        'name': item.name,
        'is_active': item.is_active,
        'version': item.version,
        'settings': msgspec.json.encode(item.settings).decode(),
    }
