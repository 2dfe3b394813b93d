"""Judges what a set of changes leads to: names, what must be unique, what refers to what.

Each check adds what is wrong to the plan's problems; two of them return the rows to write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from zato.common.config.field import shown
from zato.common.config.kind import Kind, kinds
from zato.common.config.stored import StoredObject, misfit, references_of
from zato.common.exception import Conflict
from zato.server.propagate import objects
from zato.server.propagate.plan import Plan

_MOST_USERS = 10  #: that a message names


def check_settings(plan: Plan, connection: Connection) -> None:
    """Do the settings of each object fit together, and to what they refer to?"""
    judged = [(item, kind) for item, kind in plan.touched() if kind.check is not None or kind.check_targets is not None]
    wanted = {id for item, kind in judged if kind.check_targets is not None for _, id in references_of(kind, item.settings)}
    known = {**objects.objects_by_id(connection, wanted - plan.objects.keys()), **plan.objects}
    for item, kind in judged:
        why = misfit(kind, item.settings, lambda name, item=item: known.get(item.settings.get(name) or 0))  # type: ignore[misc]
        if why:
            plan.problem(item, why, key=_named_first(kind, why))


def _named_first(kind: Kind, rule: str) -> str:
    """The setting that a rule begins with, '' if it begins otherwise."""
    before, _, rest = rule.partition('`')
    name = rest.partition('`')[0]
    return name if not before and name in kind.fields else ''


def check_names(plan: Plan) -> None:
    for item, _ in plan.touched():
        other = plan.stored_names.get((item.kind, item.name))
        if other is not None and other != item.id and other not in plan.before:
            plan.problem(item, 'already exists in this cluster', Conflict, key='name', glue=' ')


def check_keys(plan: Plan, connection: Connection) -> list[dict[str, Any]]:
    """The rows of config_key for what is touched."""
    found: dict[tuple[str, str, str], int] = {}
    for item, kind in plan.touched():
        for names in kind.unique:
            if any(kind.fields[name].is_required and name not in item.settings for name in names):
                continue  # it is wrong, of which is told elsewhere
            if all(item.settings.get(name) in (None, '') for name in names):
                continue  # there may be any number without
            key = key_of(kind, names, item.settings)
            if key in found:
                _refuse_key(plan, connection, item, names, plan.objects[found[key]].name)
            found[key] = item.id
    for key, owner in objects.owners_of_keys(connection, [digest for _, _, digest in found]).items():
        if key in found and owner not in plan.before:
            item = plan.objects[found[key]]
            _refuse_key(plan, connection, item, tuple(key[1].split(',')), objects.names_of(connection, [owner])[owner][1])
    return [
        {'kind': kind, 'fields': names, 'digest': digest, 'object_id': id} for (kind, names, digest), id in found.items()
    ]


def _refuse_key(plan: Plan, connection: Connection, item: StoredObject, names: Sequence[str], other: str) -> None:
    kind = kinds()[item.kind]
    values = ' and '.join(f'`{name}` {shown(_as_given(plan, connection, item, name))}' for name in names)
    verb = 'already exist together' if len(names) > 1 else 'already exists'
    plan.problem(item, f'{values} {verb}, in {kind.title(other)}', Conflict, key=names[0])


def _as_given(plan: Plan, connection: Connection, item: StoredObject, name: str) -> Any:
    """The value of a setting; of one that refers to another object, that object's name."""
    value = item.settings.get(name, '')
    target = dict(references_of(kinds()[item.kind], item.settings)).get(name)
    if target is None:
        return value
    known = plan.objects.get(target)
    return known.name if known is not None else objects.names_of(connection, [target])[target][1]


def key_of(kind: Kind, names: Sequence[str], settings: Mapping[str, Any]) -> tuple[str, str, str]:
    """Kind, fields and digest of what these settings have in fields that are unique together."""
    values: list[Any] = []
    for name in names:
        as_compared = kind.fields[name].unique_as
        value = settings.get(name)
        values.append(as_compared(value) if as_compared is not None and value is not None else value)
    return kind.name, ','.join(names), sha256(json.dumps(values).encode()).hexdigest()


def check_references(plan: Plan, connection: Connection) -> list[dict[str, Any]]:
    """The rows of config_reference for what is touched."""
    rows: list[dict[str, Any]] = [
        {'object_id': item.id, 'field': field, 'target_id': target}
        for item, kind in plan.touched()
        for field, target in references_of(kind, item.settings)
    ]
    gone = [id for id in plan.before if id not in plan.objects]
    for row in rows:
        if row['target_id'] in gone:
            item = plan.objects[row['object_id']]
            _refuse_deletion(plan, row['target_id'], [(item.kind, item.name)])
    users: dict[int, list[int]] = {}
    for object_id, _, target in objects.referrers(connection, gone):
        if object_id not in plan.before:
            users.setdefault(target, []).append(object_id)
    names = objects.names_of(connection, [id for ids in users.values() for id in ids])
    for target, ids in users.items():
        _refuse_deletion(plan, target, [names[id] for id in dict.fromkeys(ids)])
    _check_circles(plan, connection, rows)
    return rows


def _refuse_deletion(plan: Plan, target: int, users: Sequence[tuple[str, str]]) -> None:
    titles = ', '.join(kinds()[kind].title(name) for kind, name in users[:_MOST_USERS])
    more = f' and {len(users) - _MOST_USERS} more' if len(users) > _MOST_USERS else ''
    plan.problem(plan.deleted[target], f'cannot be deleted: it is used by {titles}{more}', Conflict, glue=' ')


def _check_circles(plan: Plan, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    touched = {kind.name: kind for _, kind in plan.touched()}
    if not rows or not any(kind.may_refer_to_itself for kind in touched.values()):
        return
    graph: dict[int, list[int]] = {item.id: [] for item, _ in plan.touched()}
    for row in rows:
        graph[row['object_id']].append(row['target_id'])
    todo = {target for targets in graph.values() for target in targets} - graph.keys()
    while todo:  # what is referred to from there on
        found = objects.targets_of(connection, todo)
        graph.update({id: found.get(id, []) for id in todo})
        todo = {target for targets in found.values() for target in targets} - graph.keys()
    for item, _ in plan.touched():
        circle = _circle_from(item.id, graph)
        if circle:
            names = objects.names_of(connection, circle)
            titles = [plan.objects[id].name if id in plan.objects else names[id][1] for id in circle]
            plan.problem(item, f'refers to itself: {" -> ".join(map(shown, titles))}', glue=' ')
            return


def _circle_from(start: int, graph: Mapping[int, Sequence[int]]) -> list[int]:
    """A way from an object back to it, [] if there is none."""
    ways: dict[int, list[int]] = {start: [start]}
    todo = [start]
    while todo:
        id = todo.pop()
        for target in graph.get(id, ()):
            if target == start:
                return [*ways[id], start]
            if target not in ways:
                ways[target] = [*ways[id], target]
                todo.append(target)
    return []
