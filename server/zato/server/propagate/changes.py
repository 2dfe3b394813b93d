"""Validates changes of configuration objects, all of them before anything is written, and writes them.

A set of changes is judged by what it leads to: it may create an object and one that refers to it, or swap two names.
Everything that is wrong with it is told at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from zato.common.config.field import clean_name, is_variable, shown
from zato.common.config.kind import Kind, kinds
from zato.common.config.option import nearest, to_bool
from zato.common.config.stored import StoredObject, Target, check_together, masked, missing_settings, read_settings
from zato.common.crypto import Cipher, new_password
from zato.common.exception import BadRequest, Conflict, CryptoError, HTTPException, NotFound
from zato.common.odb.tables import audit, config_object
from zato.server.propagate import objects
from zato.server.propagate.change import Change, Result
from zato.server.propagate.ledger import Entry, Ledger
from zato.server.propagate.rows import write_objects

_MOST_PROBLEMS = 100  #: in one answer
_MOST_HINTS = 20  #: of them with the name that may be meant
_MOST_NAMES = 2_000  #: among which that one is looked for


class ChangeSet:
    """One transaction's changes. is_system: may it do what only the server itself does, such as create services?"""

    def __init__(self, ledger: Ledger, cipher: Cipher, *, is_system: bool = False) -> None:
        self._ledger = ledger
        self._connection = ledger.connection
        self._cipher = cipher
        self._is_system = is_system
        self._problems: list[tuple[type[HTTPException], str]] = []
        self._objects: dict[int, StoredObject] = {}  # as they will be, with those that are only referred to
        self._names: dict[tuple[str, str], int] = {}
        self._stored_names: dict[tuple[str, str], int] = {}  # as they are
        self._before: dict[int, StoredObject | None] = {}  # of what is touched
        self._deleted: dict[int, StoredObject] = {}
        self._known_names: dict[str, list[str]] = {}

    def apply(self, changes: Sequence[Change]) -> list[Result]:
        """Raises BadRequest, Conflict or NotFound, whose text has a line for everything that is wrong."""
        read = [(change, self._title(change), self._read(change)) for change in changes]
        self._load(read)
        planned = self._plan_all(read)
        self._check_names()
        for item, kind in self._touched():
            check_together(kind, item, self._problem)
        keys = self._check_keys()
        references = self._check_references()
        self._raise_problems()
        changed = {id for id, before in self._before.items() if self._objects.get(id) != before}
        self._write(changed, keys, references)
        return [self._result(change, id, id in changed) for change, id in zip(changes, planned, strict=True)]

    def _problem(self, text: str, error: type[HTTPException] = BadRequest) -> None:
        self._problems.append((error, text))

    def _raise_problems(self) -> None:
        if not self._problems:
            return
        errors = {error for error, _ in self._problems}
        error = errors.pop() if len(errors) == 1 else BadRequest
        texts = list(dict.fromkeys(text for _, text in self._problems))
        more = [f'and {len(texts) - _MOST_PROBLEMS} more'] if len(texts) > _MOST_PROBLEMS else []
        raise error(msg='\n'.join([*texts[:_MOST_PROBLEMS], *more]), needs_msg=True)

    # Reading

    def _title(self, change: Change) -> str:
        if isinstance(change.name, str) and change.name.strip():
            return f'{change.kind.label} {shown(change.name.strip())}'
        return f'{change.kind.label} {change.id if change.id is not None else ""}'.strip()

    def _read(self, change: Change) -> dict[str, Any]:
        title = self._title(change)
        if change.action not in change.kind.operations and not self._is_system:
            self._problem(f'{title}: objects of this kind cannot be {change.action.rstrip("e")}ed')
        if change.action == 'delete':
            return {}
        given = read_settings(change.kind, title, change.given, self._problem, is_system=self._is_system)
        if change.action == 'create':
            given = missing_settings(change.kind, title, given, change.given, self._problem)
            for name in change.kind.secrets:
                given[name] = given[name] or new_password()
        return given

    def _load(self, read: Iterable[tuple[Change, str, dict[str, Any]]]) -> None:
        """Everything that the changes name, at once."""
        ids: list[int] = []
        names: dict[str, set[str]] = {}
        for change, _, given in read:
            if change.id is not None:
                ids.append(change.id)
            if isinstance(change.name, str):
                names.setdefault(change.kind.name, set()).add(_name_or_empty(change.name))
            for target in given.values():
                if isinstance(target, Target):
                    if target.id is not None:
                        ids.append(target.id)
                    for kind, name in _candidates(target):
                        names.setdefault(kind, set()).add(name)
        found = list(objects.objects_by_id(self._connection, ids).values())
        for kind, wanted in names.items():
            found += objects.objects_by_name(self._connection, kind, wanted).values()
        for item in found:
            self._objects[item.id] = item
            self._names[item.kind, item.name] = item.id
        self._stored_names.update(self._names)

    # Planning

    def _plan_all(self, read: Sequence[tuple[Change, str, dict[str, Any]]]) -> list[int]:
        """IDs of the objects. What others refer to is planned before them, in whatever order the changes are."""
        order = {name: position for position, name in enumerate(kinds())}
        ids = [0] * len(read)
        for i in sorted(range(len(read)), key=lambda i: order[read[i][0].kind.name]):
            ids[i] = self._plan(*read[i])
        return ids

    def _plan(self, change: Change, title: str, given: dict[str, Any]) -> int:
        """Returns the object's ID, 0 if there is none."""
        if change.action == 'create':
            return self._plan_create(change, title, given)
        id = self._find(change, title)
        if not id:
            return 0
        before = self._objects[id]
        self._before.setdefault(id, before)
        title = change.kind.title(before.name)
        self._check_version(change, before, title)
        if change.action == 'delete':
            self._deleted[id] = before
            del self._objects[id]
            if self._names.get((before.kind, before.name)) == id:  # and not that of another one, renamed to it
                del self._names[before.kind, before.name]
            return id
        name = before.name if change.id is None or change.name is None else self._clean(change, title)
        if name != before.name and not change.kind.is_renamable and not self._is_system:
            self._problem(f'{title}: objects of this kind cannot be renamed')
        settings = {**before.settings, **self._store(change.kind, title, given, before.settings)}
        is_active = before.is_active if change.is_active is None else self._bool(change, title)
        after = replace(before, name=name, is_active=is_active, settings=settings)
        if after != before:
            self._put(replace(after, version=before.version + 1), before)
        return id

    def _plan_create(self, change: Change, title: str, given: dict[str, Any]) -> int:
        id = self._ledger.new_object_id()
        is_active = True if change.is_active is None else self._bool(change, title)
        settings = self._store(change.kind, title, given, {})
        name = self._clean(change, title)
        self._before[id] = None
        self._put(
            StoredObject(id=id, kind=change.kind.name, name=name, is_active=is_active, version=1, settings=settings), None
        )
        return id

    def _put(self, item: StoredObject, before: StoredObject | None) -> None:
        if before is not None and self._names.get((before.kind, before.name)) == item.id:
            del self._names[before.kind, before.name]
        if (item.kind, item.name) in self._names and item.name:
            other = self._names[item.kind, item.name]
            if other in self._before and other != item.id:
                self._problem(f'{kinds()[item.kind].title(item.name)} is named twice', Conflict)
        self._objects[item.id] = item
        self._names[item.kind, item.name] = item.id

    def _find(self, change: Change, title: str) -> int:
        if change.id is not None:
            found = self._objects.get(change.id)
            if found is not None and found.kind == change.kind.name:
                return found.id
            self._problem(f'There is no {change.kind.label} with ID {change.id}', NotFound)
            return 0
        if change.name is None:
            self._problem(f'{change.kind.label}: `id` or `name` is required, to say which one')
            return 0
        id = self._names.get((change.kind.name, _name_or_empty(change.name)), 0)
        if not id:
            hint = self._hint(_name_or_empty(change.name), [change.kind.name])
            self._problem(f'There is no {title}{hint}', NotFound)
        return id

    def _check_version(self, change: Change, before: StoredObject, title: str) -> None:
        if change.version is None or change.version == before.version:
            return
        last = self._connection.execute(
            select(audit.c.who).where(audit.c.object_id == before.id).order_by(audit.c.event.desc()).limit(1)
        ).scalar()
        by = f', last changed by {last}' if last else ''
        self._problem(
            f'{title} has been changed meanwhile: version {change.version} was edited, and it is version '
            f'{before.version} now{by}; load it again',
            Conflict,
        )

    def _clean(self, change: Change, title: str) -> str:
        if change.name is None:
            self._problem(f'{title}: `name` is required')
            return ''
        try:
            return clean_name(change.name)
        except ValueError as e:
            self._problem(f'{title}: `name` {e}; got {shown(change.name)}')
            return ''

    def _bool(self, change: Change, title: str) -> bool:
        try:
            return to_bool(change.is_active)
        except ValueError as e:
            self._problem(f'{title}: `is_active` {e}; got {shown(change.is_active)}')
            return True

    def _store(self, kind: Kind, title: str, given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """References as IDs, secrets encrypted."""
        stored: dict[str, Any] = {}
        for name, value in given.items():
            if isinstance(value, Target):
                stored[name] = self._find_target(value, title)
            elif kind.fields[name].is_secret and value and not is_variable(value):
                stored[name] = self._encrypt(value, before.get(name))
            else:
                stored[name] = value
        return stored

    def _encrypt(self, value: str, before: str | None) -> str:
        """The old text if it says the same: each encryption gives another one."""
        try:
            if before and not is_variable(before) and self._cipher.decrypt(before) == value:
                return before
        except CryptoError:
            pass  # it was encrypted with another key, and is replaced now
        return self._cipher.encrypt(value)

    def _find_target(self, target: Target, title: str) -> int:
        declared = target.field
        labels = ' or '.join(kinds()[name].label for name in declared.refers_to)
        if target.id is not None:
            found = self._objects.get(target.id)
            if found is not None and found.kind in declared.refers_to:
                if target.name and (found.kind, found.name) not in _candidates(target):
                    text = f'`{declared.name}`: ID {found.id} is that of {shown(found.name)}, not of {shown(target.name)}'
                    self._problem(f'{title}: {text}')
                return found.id
            self._problem(f'{title}: `{declared.name}`: there is no {labels} with ID {target.id}')
            return 0
        ids = [id for key in _candidates(target) if (id := self._names.get(key))]
        if len(ids) == 1:
            return ids[0]
        if ids:
            choices = ' or '.join(f'{kind}/{name}' for kind, name in _candidates(target) if (kind, name) in self._names)
            self._problem(f'{title}: `{declared.name}`: there are several of that name; say {choices}')
        else:
            hint = self._hint(target.name, declared.refers_to)
            self._problem(f'{title}: `{declared.name}`: there is no {labels} {shown(target.name)}{hint}')
        return 0

    def _hint(self, name: str, kinds_: Iterable[str]) -> str:
        """The name that may be meant, in the first few problems: others wait for their turn to write."""
        if len(self._problems) >= _MOST_HINTS:
            return ''
        return nearest(name, [known for kind in kinds_ for known in self._all_names(kind)])

    def _all_names(self, kind: str) -> list[str]:
        if kind not in self._known_names:
            query = select(config_object.c.name).where(config_object.c.kind == kind).limit(_MOST_NAMES)
            self._known_names[kind] = list(self._connection.execute(query).scalars())
        return self._known_names[kind]

    # Checking what all changes together lead to

    def _touched(self) -> Iterator[tuple[StoredObject, Kind]]:
        """Those that stay."""
        for id in self._before:
            item = self._objects.get(id)
            if item is not None:
                yield item, kinds()[item.kind]

    def _check_names(self) -> None:
        for item, kind in self._touched():
            other = self._stored_names.get((item.kind, item.name))
            if other is not None and other != item.id and other not in self._before:
                self._problem(f'{kind.title(item.name)} already exists in this cluster', Conflict)

    def _check_keys(self) -> list[dict[str, Any]]:
        """The rows of config_key for what is touched."""
        found: dict[tuple[str, str, str], int] = {}
        for item, kind in self._touched():
            for names in kind.unique:
                if any(kind.fields[name].is_required and name not in item.settings for name in names):
                    continue  # it is wrong, of which is told elsewhere
                key = (kind.name, ','.join(names), _digest(kind, names, item.settings))
                if key in found:
                    self._refuse_key(kind, item, names, self._objects[found[key]].name)
                found[key] = item.id
        for key, owner in objects.owners_of_keys(self._connection, [digest for _, _, digest in found]).items():
            if key in found and owner not in self._before:
                item = self._objects[found[key]]
                names = tuple(key[1].split(','))
                self._refuse_key(kinds()[key[0]], item, names, objects.names_of(self._connection, [owner])[owner][1])
        return [
            {'kind': kind, 'fields': names, 'digest': digest, 'object_id': id} for (kind, names, digest), id in found.items()
        ]

    def _refuse_key(self, kind: Kind, item: StoredObject, names: Sequence[str], other: str) -> None:
        values = ' and '.join(f'`{name}` {shown(item.settings.get(name, ""))}' for name in names)
        self._problem(f'{kind.title(item.name)}: {values} already exist together, in {kind.title(other)}', Conflict)

    def _check_references(self) -> list[dict[str, Any]]:
        """The rows of config_reference for what is touched."""
        rows = [
            {'object_id': item.id, 'field': name, 'target_id': target}
            for item, kind in self._touched()
            for name in kind.references
            if (target := item.settings.get(name))
        ]
        gone = [id for id in self._before if id not in self._objects]
        for row in rows:
            if row['target_id'] in gone:
                item = self._objects[row['object_id']]
                self._refuse_deletion(row['target_id'], [(item.kind, item.name)])
        users: dict[int, list[int]] = {}
        for object_id, _, target in objects.referrers(self._connection, gone):
            if object_id not in self._before:
                users.setdefault(target, []).append(object_id)
        names = objects.names_of(self._connection, [id for ids in users.values() for id in ids])
        for target, ids in users.items():
            self._refuse_deletion(target, [names[id] for id in ids])
        self._check_cycles(rows)
        return rows

    def _refuse_deletion(self, target: int, users: Sequence[tuple[str, str]]) -> None:
        before = self._deleted[target]
        titles = ', '.join(kinds()[kind].title(name) for kind, name in users[:10])
        more = f' and {len(users) - 10} more' if len(users) > 10 else ''
        self._problem(f'{kinds()[before.kind].title(before.name)} cannot be deleted: it is used by {titles}{more}', Conflict)

    def _check_cycles(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows or not any(
            kind.may_refer_to_itself for kind in {kind.name: kind for _, kind in self._touched()}.values()
        ):
            return
        graph: dict[int, list[int]] = {item.id: [] for item, _ in self._touched()}
        for row in rows:
            graph[row['object_id']].append(row['target_id'])
        todo = {target for targets in graph.values() for target in targets} - graph.keys()
        while todo:  # what is referred to from there on
            found = objects.targets_of(self._connection, todo)
            graph.update({id: found.get(id, []) for id in todo})
            todo = {target for targets in found.values() for target in targets} - graph.keys()
        for item, _ in self._touched():
            circle = _circle_from(item.id, graph)
            if circle:
                names = objects.names_of(self._connection, circle)
                titles = [self._objects[id].name if id in self._objects else names[id][1] for id in circle]
                self._problem(f'{kinds()[item.kind].title(item.name)} refers to itself: {" -> ".join(map(shown, titles))}')
                return

    # Writing

    def _write(self, changed: set[int], keys: Sequence[dict[str, Any]], references: Sequence[dict[str, Any]]) -> None:
        if not changed:
            return
        before = {id: item for id in changed if (item := self._before[id]) is not None}
        after = {id: self._objects[id] for id in changed if id in self._objects}
        names = self._target_names([*before.values(), *after.values()])
        write_objects(self._connection, before, after, keys, references)
        for id in self._before:
            if id in changed:
                self._ledger.add(self._entry(id, names))

    def _target_names(self, items: Iterable[StoredObject]) -> dict[int, str]:
        """Names of what these refer to."""
        ids = {target for item in items for name in kinds()[item.kind].references if (target := item.settings.get(name))}
        stored = objects.names_of(self._connection, ids - self._objects.keys())
        return {
            **{id: name for id, (_, name) in stored.items()},
            **{id: self._objects[id].name for id in ids if id in self._objects},
        }

    def _entry(self, id: int, names: Mapping[int, str]) -> Entry:
        before, after = self._before[id], self._objects.get(id)
        item = after or before
        assert item is not None  # it was there before, or is now
        return Entry(
            kind=item.kind,
            object_id=id,
            name=item.name,
            action='create' if before is None else 'delete' if after is None else 'edit',
            before=None if before is None else _shown_in_audit(before, names),
            after=None if after is None else _shown_in_audit(after, names),
        )

    def _result(self, change: Change, id: int, is_changed: bool) -> Result:
        item = self._objects.get(id) or self._deleted[id]
        return Result(
            action=change.action,
            kind=item.kind,
            id=id,
            name=item.name,
            version=item.version if id in self._objects else 0,
            is_changed=is_changed,
        )


def _shown_in_audit(item: StoredObject, names: Mapping[int, str]) -> dict[str, Any]:
    """names: of what it refers to, by ID."""
    kind = kinds()[item.kind]
    settings = masked(kind, item.settings)
    references = {name: names.get(settings[name]) for name in kind.references if settings.get(name)}
    return {'name': item.name, 'is_active': item.is_active, **settings, **references}


def _name_or_empty(name: Any) -> str:
    try:
        return clean_name(name)
    except ValueError:
        return ''


def _candidates(target: Target) -> list[tuple[str, str]]:
    """(kind, name) of what a target may mean."""
    prefix, slash, rest = target.name.partition('/')
    if slash:
        for kind in target.field.refers_to:
            if prefix == kind or kind.endswith(f'_{prefix}'):
                return [(kind, _name_or_empty(rest))]
    return [(kind, _name_or_empty(target.name)) for kind in target.field.refers_to] if target.name else []


def _digest(kind: Kind, names: Sequence[str], settings: Mapping[str, Any]) -> str:
    values: list[Any] = []
    for name in names:
        as_compared = kind.fields[name].unique_as
        value = settings.get(name)
        values.append(as_compared(value) if as_compared is not None and value is not None else value)
    return sha256(json.dumps(values).encode()).hexdigest()


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
