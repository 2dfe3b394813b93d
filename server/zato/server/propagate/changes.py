"""Validates changes of configuration objects, all of them before anything is written, and writes them.

A set of changes is judged by what it leads to: it may create an object and one that refers to it, or swap two names.
Everything that is wrong with it is told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from zato.common.config.field import Field, clean_name, is_variable, shown
from zato.common.config.kind import IS_INTERNAL, kinds
from zato.common.config.option import to_bool
from zato.common.config.stored import (
    Problem,
    StoredObject,
    Target,
    masked,
    missing_settings,
    read_settings,
    references_of,
    with_defaults,
)
from zato.common.crypto import Cipher, new_password
from zato.common.exception import BadRequest, Conflict, CryptoError, Fault, HTTPException, NotFound
from zato.common.odb.tables import audit
from zato.server.propagate import checks, objects
from zato.server.propagate.change import Change, Result
from zato.server.propagate.ledger import Entry, Ledger
from zato.server.propagate.plan import Plan
from zato.server.propagate.rows import write_objects
from zato.server.propagate.stays import keep_fixed, name_faults
from zato.server.propagate.targets import Targets, candidates, name_or_empty


class ChangeSet:
    """One transaction's changes. is_system: may it do what only the server itself does, such as create services?"""

    def __init__(self, ledger: Ledger, cipher: Cipher, *, is_system: bool = False) -> None:
        self._ledger = ledger
        self._connection = ledger.connection
        self._cipher = cipher
        self._is_system = is_system
        self._plan = Plan()
        self._targets = Targets(self._plan, ledger.connection)

    def apply(self, changes: Sequence[Change]) -> list[Result]:
        """Raises BadRequest, Conflict or NotFound, whose text has a line for everything that is wrong."""
        plan, connection = self._plan, self._connection
        changes = [replace(change, position=position) for position, change in enumerate(changes)]
        read = [(change, self._read(change)) for change in changes]
        plan.load(self._load(read))
        planned = self._plan_all(read)
        checks.check_names(plan)
        checks.check_settings(plan, connection)
        keys = checks.check_keys(plan, connection)
        references = checks.check_references(plan, connection)
        plan.problems.raise_any()
        changed = plan.changed
        shown_before, shown_after = self._write(changed, keys, references)
        return [
            self._result(change, id, shown_before.get(id), shown_after.get(id))
            for change, id in zip(changes, planned, strict=True)
        ]

    def reconnects(self) -> list[str]:
        """Titles of what connects anew: it changes, or what it refers to does. Ask after `apply`."""
        found: set[int] = set()
        todo = {id for id in self._plan.changed if self._plan.before[id] is not None}
        while todo:
            found |= todo
            todo = {user for user, _, _ in objects.referrers(self._connection, todo)} - found
        names = objects.names_of(self._connection, found)
        return sorted(kinds()[kind].title(name) for kind, name in names.values() if kinds()[kind].connects)

    def _problem(
        self, change: Change, text: str, error: type[HTTPException] = BadRequest, *, key: str = '', head: str = ''
    ) -> None:
        """head: what comes before the text where there is no form that shows which object and key it is about."""
        place = change.places.get(key) or change.place
        self._plan.problems.add(Fault(change.position, key, text), error, head=head, place=place)

    def _problem_of(self, change: Change) -> Problem:
        """What tells of the change's keys."""
        title = change.title

        def tell(key: str, text: str) -> None:
            self._problem(change, text, key=str(key), head=f'{title}: {shown(str(key))} ')

        return tell

    # Reading

    def _read(self, change: Change) -> dict[str, Any]:
        title = change.title
        action = 'edit' if change.action == 'put' else change.action
        if action not in change.kind.operations and not self._is_system:
            self._problem(change, f'objects of this kind cannot be {action.rstrip("e")}ed', head=f'{title}: ')
        if action == 'delete':
            return {}
        tell = self._problem_of(change)
        given = read_settings(change.kind, change.given, tell, is_system=self._is_system)
        if change.action in ('create', 'put'):
            given = missing_settings(change.kind, given, change.given, tell)
        return given

    def _load(self, read: Iterable[tuple[Change, dict[str, Any]]]) -> Iterator[StoredObject]:
        """Everything that the changes name, at once."""
        ids: list[int] = []
        names: dict[str, set[str]] = {}
        for change, given in read:
            if change.id is not None:
                ids.append(change.id)
            if isinstance(change.name, str):
                names.setdefault(change.kind.name, set()).add(name_or_empty(change.name))
            for target in _targets_in(given):
                if target.id is not None:
                    ids.append(target.id)
                for kind, name in candidates(target):
                    names.setdefault(kind, set()).add(name)
        yield from objects.objects_by_id(self._connection, ids).values()
        for kind, wanted in names.items():
            yield from objects.objects_by_name(self._connection, kind, wanted).values()

    # Planning

    def _plan_all(self, read: Sequence[tuple[Change, dict[str, Any]]]) -> list[int]:
        """IDs of the objects. What others refer to is planned before them, in whatever order the changes are."""
        order = {name: position for position, name in enumerate(kinds())}
        ids = [0] * len(read)
        for i in sorted(range(len(read)), key=lambda i: order[read[i][0].kind.name]):
            ids[i] = self._plan_one(*read[i])
        return ids

    def _plan_one(self, change: Change, given: dict[str, Any]) -> int:
        """Returns the object's ID, 0 if there is none."""
        if change.action == 'create':
            return self._plan_create(change, given)
        if change.action == 'put':
            return self._plan_put(change, given)
        id = self._find(change)
        if not id:
            return 0
        plan = self._plan
        before = plan.objects[id]
        plan.before.setdefault(id, before)
        plan.changes.setdefault(id, change)
        self._check_version(change, before)
        if change.action == 'delete':
            plan.delete(before)
        else:
            self._plan_edit(change, given, before)
        return id

    def _plan_put(self, change: Change, given: dict[str, Any]) -> int:
        id = self._plan.names.get((change.kind.name, name_or_empty(change.name)), 0)
        if not id and (id := self._same_as(change, given)):
            change = replace(change, id=id)
        if not id:
            return self._plan_create(change, given)
        plan = self._plan
        before = plan.objects[id]
        if id in plan.before:
            other = plan.changes[id].place
            text = f'is named twice, first in {other}' if other else 'is named twice'
            self._problem(change, text, Conflict, head=f'{change.title} ')
        plan.before.setdefault(id, before)
        plan.changes.setdefault(id, change)
        self._check_version(change, before)
        kept = {name: value for name, value in given.items() if self._is_put(change.kind.fields[name], value)}
        if change.id is not None and change.kind.is_own(before.settings):
            kept[IS_INTERNAL] = False  # who gives it another name has it from then on
        self._plan_edit(replace(change, is_active=True if change.is_active is None else change.is_active), kept, before)
        return id

    def _same_as(self, change: Change, given: Mapping[str, Any]) -> int:
        """The object that a put is about, though it has another name; 0 if there is none."""
        kind = change.kind
        settings = self._store(change, {name: given[name] for name in kind.same_by if name in given}, {})
        if not any(settings.values()):
            return 0
        key = checks.key_of(kind, kind.same_by, settings)
        id = objects.owners_of_keys(self._connection, [key[-1]]).get(key, 0)
        if id and id not in self._plan.before:
            self._plan.objects.update(objects.objects_by_id(self._connection, [id]))
            return id
        return 0

    def _is_put(self, declared: Field, value: Any) -> bool:
        """Secrets that are not given stay, and so does what the server makes or sets."""
        return bool(value or not (declared.is_secret or declared.made)) and (self._is_system or not declared.is_read_only)

    def _plan_edit(self, change: Change, given: dict[str, Any], before: StoredObject) -> None:
        kind = change.kind
        name = before.name if change.id is None or change.name is None else self._clean(change)
        settings = {**before.settings, **self._store(change, given, before.settings)}
        if name != before.name:
            self._check_new_name(change, name, replace(before, settings=settings))
        self._check_fixed(change, settings, before)
        is_active = before.is_active if change.is_active is None else self._bool(change)
        if not is_active and kind.must_be_active is not None and (why := kind.must_be_active(name, settings)):
            self._problem(change, f'cannot be made inactive: it {why}', key='is_active', head=f'{kind.title(name)} ')
        if with_defaults(kind, settings) == with_defaults(kind, before.settings):
            settings = dict(before.settings)  # it may have been stored before there were all of these
        after = replace(before, name=name, is_active=is_active, settings=settings)
        if after != before:
            self._plan.put(replace(after, version=before.version + 1), before)

    def _plan_create(self, change: Change, given: dict[str, Any]) -> int:
        kind = change.kind
        if change.action == 'put' and 'create' not in kind.operations and not self._is_system:
            self._problem(change, f'There is no {change.title}, and objects of this kind cannot be created', NotFound)
        for name in kind.secrets:
            given[name] = given[name] or new_password()
        id = self._ledger.new_object_id()
        is_active = True if change.is_active is None else self._bool(change)
        settings = self._store(change, given, {})
        for name, declared in kind.fields.items():
            if declared.made is not None and settings.get(name) == '':
                settings[name] = declared.made(lambda field: self._plan.objects.get(settings.get(field) or 0))
        self._plan.before[id] = None
        self._plan.changes[id] = change
        item = StoredObject(
            id=id, kind=kind.name, name=self._clean(change), is_active=is_active, version=1, settings=settings
        )
        self._check_new_name(change, item.name, None)
        self._plan.put(item, None)
        return id

    def _find(self, change: Change) -> int:
        label = change.kind.label
        if change.id is not None:
            found = self._plan.objects.get(change.id)
            if found is not None and found.kind == change.kind.name:
                return found.id
            self._problem(change, f'There is no {label} with ID {change.id}', NotFound)
            return 0
        if change.name is None:
            self._problem(change, '`id` or `name` is required, to say which one', head=f'{label}: ')
            return 0
        id = self._plan.names.get((change.kind.name, name_or_empty(change.name)), 0)
        if not id:
            hint = self._targets.hint(name_or_empty(change.name), [change.kind.name])
            self._problem(change, f'There is no {change.title}{hint}', NotFound)
        return id

    def _check_version(self, change: Change, before: StoredObject) -> None:
        if change.version is None or change.version == before.version:
            return
        last = self._connection.execute(
            select(audit.c.who).where(audit.c.object_id == before.id).order_by(audit.c.event.desc()).limit(1)
        ).scalar()
        by = f', last changed by {last}' if last else ''
        text = (
            f'has been changed meanwhile: version {change.version} was edited, and it is version {before.version} now{by}; '
            'load it again'
        )
        self._problem(change, text, Conflict, key='version', head=f'{change.kind.title(before.name)} ')

    def _check_new_name(self, change: Change, name: str, before: StoredObject | None) -> None:
        title = change.kind.title(before.name) if before is not None else change.title
        for text in name_faults(change.kind, name, before, is_system=self._is_system) if name else ():
            self._problem(change, text, key='name', head=f'{title}: ')

    def _check_fixed(self, change: Change, settings: dict[str, Any], before: StoredObject) -> None:
        for name in keep_fixed(change.kind, settings, before):
            key = change.key_of(name)
            text = 'stays what it was when the object was created; create another one in its place'
            self._problem(change, text, key=key, head=f'{change.kind.title(before.name)}: {shown(key)} ')

    def _clean(self, change: Change) -> str:
        tell = self._problem_of(change)
        if change.name is None:
            tell('name', 'is required')
            return ''
        try:
            return clean_name(change.name)
        except ValueError as e:
            tell('name', f'{e}; got {shown(change.name)}')
            return ''

    def _bool(self, change: Change) -> bool:
        try:
            return to_bool(change.is_active)
        except ValueError as e:
            self._problem_of(change)('is_active', f'{e}; got {shown(change.is_active)}')
            return True

    def _store(self, change: Change, given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """References as IDs, secrets encrypted."""
        kind = change.kind
        stored: dict[str, Any] = {}
        for name, value in given.items():
            if isinstance(value, Target):
                stored[name] = self._find_target(change, value)
            elif isinstance(value, list) and kind.fields[name].is_many:
                found = [self._find_target(change, target) for target in value]
                stored[name] = list(dict.fromkeys(filter(None, found)))
            elif kind.fields[name].is_secret and value and not is_variable(value):
                stored[name] = self._encrypt(value, before.get(name))
            else:
                stored[name] = value
        return stored

    def _find_target(self, change: Change, target: Target) -> int:
        """0 if there is none."""
        try:
            return self._targets.find(target)
        except ValueError as e:
            name = target.field.name
            self._problem(change, str(e), key=change.key_of(name), head=f'{change.title}: `{name}`: ')
            return 0

    def _encrypt(self, value: str, before: str | None) -> str:
        """The old text if it says the same: each encryption gives another one."""
        try:
            if before and not is_variable(before) and self._cipher.decrypt(before) == value:
                return before
        except CryptoError:
            pass  # it was encrypted with another key, and is replaced now
        return self._cipher.encrypt(value)

    # Writing

    def _write(
        self, changed: set[int], keys: Sequence[dict[str, Any]], references: Sequence[dict[str, Any]]
    ) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, Any]]]:
        """Returns what changed as it may be shown, before and after, by ID."""
        plan = self._plan
        before = {id: item for id in changed if (item := plan.before[id]) is not None}
        after = {id: plan.objects[id] for id in changed if id in plan.objects}
        names = self._target_names([*before.values(), *after.values()])
        shown_before = {id: _shown_in_audit(item, names) for id, item in before.items()}
        shown_after = {id: _shown_in_audit(item, names) for id, item in after.items()}
        if changed:
            write_objects(self._connection, before, after, keys, references)
        for id in plan.before:
            if id in changed:
                self._ledger.add(self._entry(id, shown_before.get(id), shown_after.get(id)))
        return shown_before, shown_after

    def _target_names(self, items: Iterable[StoredObject]) -> dict[int, str]:
        """Names of what these refer to."""
        ids = {target for item in items for _, target in references_of(kinds()[item.kind], item.settings)}
        stored = objects.names_of(self._connection, ids - self._plan.objects.keys())
        return {
            **{id: name for id, (_, name) in stored.items()},
            **{id: self._plan.objects[id].name for id in ids if id in self._plan.objects},
        }

    def _entry(self, id: int, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Entry:
        item = self._plan.objects.get(id) or self._plan.deleted[id]
        return Entry(kind=item.kind, object_id=id, name=item.name, action=_action(before, after), before=before, after=after)

    def _result(self, change: Change, id: int, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Result:
        plan = self._plan
        is_changed = before is not None or after is not None
        item = plan.objects.get(id) or plan.deleted[id]
        was = plan.before[id]
        changed: tuple[str, ...] = ()
        if is_changed and was is not None and id in plan.objects:
            old, new = (with_defaults(kinds()[item.kind], each.settings) for each in (was, item))
            changed = tuple(name for name in new if old.get(name) != new[name])
        return Result(
            action=change.action if change.action != 'put' else 'create' if was is None else 'edit',
            kind=item.kind,
            id=id,
            name=item.name,
            version=item.version if id in plan.objects else 0,
            is_changed=is_changed,
            changed=changed,
            before=before,
            after=after,
        )


def _action(before: object | None, after: object | None) -> str:
    return 'create' if before is None else 'delete' if after is None else 'edit'


def _targets_in(given: Mapping[str, Any]) -> Iterator[Target]:
    for value in given.values():
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, Target):
                yield each


def _shown_in_audit(item: StoredObject, names: Mapping[int, str]) -> dict[str, Any]:
    """names: of what it refers to, by ID."""
    kind = kinds()[item.kind]
    settings = masked(kind, item.settings)
    for name, declared in kind.references.items():
        value = settings.get(name)
        if value:
            settings[name] = [names.get(id) for id in value] if declared.is_many else names.get(value)
    return {'name': item.name, 'is_active': item.is_active, **settings}
