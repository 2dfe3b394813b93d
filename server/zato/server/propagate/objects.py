"""Reads configuration objects and what hangs together with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from zato.common.config.stored import StoredObject
from zato.common.odb.tables import config_key, config_object, config_reference

_AT_ONCE = 500  #: values in one statement


def stored_from(row: Row[Any]) -> StoredObject:
    return StoredObject(
        id=row.id,
        kind=row.kind,
        name=row.name,
        is_active=bool(row.is_active),
        version=row.version,
        settings=msgspec.json.decode(row.settings),
    )


def objects_by_id(connection: Connection, ids: Collection[int]) -> dict[int, StoredObject]:
    found = {}
    for some in _chunks(ids):
        for row in connection.execute(select(config_object).where(config_object.c.id.in_(some))):
            found[row.id] = stored_from(row)
    return found


def objects_by_name(connection: Connection, kind: str, names: Collection[str]) -> dict[str, StoredObject]:
    found = {}
    for some in _chunks(names):
        query = select(config_object).where(config_object.c.kind == kind, config_object.c.name.in_(some))
        for row in connection.execute(query):
            found[row.name] = stored_from(row)
    return found


def each_object(connection: Connection, kind: str = '') -> Iterator[StoredObject]:
    """By name. kind: '' for all of them."""
    query = select(config_object).order_by(config_object.c.name)
    for row in connection.execute(query.where(config_object.c.kind == kind) if kind else query):
        yield stored_from(row)


def all_objects(connection: Connection, kind: str = '') -> list[StoredObject]:
    """As `each_object`."""
    return list(each_object(connection, kind))


def names_of(connection: Connection, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """ID → (kind, name)."""
    found = {}
    table = config_object.c
    for some in _chunks(ids):
        for row in connection.execute(select(table.id, table.kind, table.name).where(table.id.in_(some))):
            found[row.id] = (row.kind, row.name)
    return found


def referrers(connection: Connection, targets: Collection[int]) -> list[tuple[int, str, int]]:
    """(object, field, target) of what refers to these."""
    found = []
    for some in _chunks(targets):
        for row in connection.execute(select(config_reference).where(config_reference.c.target_id.in_(some))):
            found.append((row.object_id, row.field, row.target_id))
    return found


def targets_of(connection: Connection, ids: Collection[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for some in _chunks(ids):
        for row in connection.execute(select(config_reference).where(config_reference.c.object_id.in_(some))):
            found.setdefault(row.object_id, []).append(row.target_id)
    return found


def owners_of_keys(connection: Connection, digests: Collection[str]) -> dict[tuple[str, str, str], int]:
    """(kind, fields, digest) → the object that has this key."""
    found = {}
    for some in _chunks(digests):
        for row in connection.execute(select(config_key).where(config_key.c.digest.in_(some))):
            found[row.kind, row.fields, row.digest] = row.object_id
    return found


def _chunks(values: Collection[Any]) -> Iterator[list[Any]]:
    unique = list(dict.fromkeys(values))
    for start in range(0, len(unique), _AT_ONCE):
        yield unique[start : start + _AT_ONCE]
