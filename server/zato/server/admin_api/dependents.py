"""What has to go, or to be edited, where an object is deleted with all that depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from zato.common.config.field import Field, needs_kind
from zato.common.config.kind import Kind, Role, find_kind, kinds
from zato.common.config.stored import StoredObject
from zato.common.exception import BadRequest, Conflict
from zato.server.admin_api.context import AdminService
from zato.server.config.objects import ConfigObjects


@dataclass(frozen=True, slots=True)
class _Dependent:
    """item refers to target by field."""

    item: StoredObject
    field: Field
    target: StoredObject

    @property
    def kind(self) -> Kind:
        return kinds()[self.item.kind]


class GetDependents(AdminService):
    """What depends on an object that `kind` and `id`, or `name`, say, on and on: `dependents`, each with `kind`, `label`,
    `id`, `name`, the `action` that it takes (delete, or edit), the `field` that refers, and `why`: what to.

    `changes`, given to `zato.config.apply` as they are, delete the object with all that.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        objects = self.context.objects
        root = self.stored(find_kind(self.require('kind')))
        deletions = Deletions(objects, root)
        deletions.check()
        self.response.payload = {'changes': list(deletions.changes()), 'dependents': list(deletions.dependents())}


class Deletions:
    """Of an object and what depends on it. What has it in a list may be such that it just loses it: `on_delete`."""

    def __init__(self, objects: ConfigObjects, root: StoredObject) -> None:
        self._objects = objects
        self._root = root
        self._deleted: dict[int, _Dependent] = {}  # each after what it refers to
        self._edited: dict[int, _Dependent] = {}
        todo = [root]
        for target in todo:
            todo += self._deleted_with(target)

    def check(self) -> None:
        """Raises BadRequest or Conflict where something cannot be done."""
        kind = kinds()[self._root.kind]
        if 'delete' not in kind.operations:
            raise BadRequest(msg=f'{kind.title(self._root.name)}: objects of this kind cannot be deleted', needs_msg=True)
        for found, operation, verb in self._all():
            if operation not in found.kind.operations:
                user, target = found.kind.title(found.item.name), kinds()[found.target.kind].title(found.target.name)
                text = f'{user}, which uses {target}, is of a kind whose objects cannot be {verb}'
                raise Conflict(msg=f'{kind.title(self._root.name)} cannot be deleted with what depends on it: {text}')

    def changes(self) -> Iterator[dict[str, Any]]:
        """As `zato.config.apply` takes them: what refers to something comes before it."""
        for found in self._edited.values():
            item = found.item
            yield {'action': 'edit', 'kind': item.kind, 'id': item.id, 'version': item.version, **self._remaining(found)}
        for item in (*(found.item for found in reversed(self._deleted.values())), self._root):
            yield {'action': 'delete', 'kind': item.kind, 'id': item.id, 'name': item.name, 'version': item.version}

    def dependents(self) -> Iterator[dict[str, Any]]:
        for found, action, _ in self._all():
            yield {
                'kind': found.item.kind,
                'label': found.kind.label,
                'id': found.item.id,
                'name': found.item.name,
                'action': action,
                'field': found.field.label,
                'why': kinds()[found.target.kind].title(found.target.name),
            }

    def _all(self) -> Iterator[tuple[_Dependent, str, str]]:
        """With what is done to it, and how one says that it is done."""
        yield from ((found, 'delete', 'deleted') for found in self._deleted.values())
        yield from ((found, 'edit', 'edited') for found in self._edited.values())

    def _deleted_with(self, target: StoredObject) -> Iterator[StoredObject]:
        """Those of what refers to it that go with it, and were not found before."""
        for user in self._objects.users_of(target.id):
            if user.id == self._root.id or user.id in self._deleted:
                continue
            fields = [
                declared
                for name, declared in kinds()[user.kind].references.items()
                if target.id in _ids(user.settings.get(name))
            ]
            losing = [declared for declared in fields if declared.is_many and declared.on_delete == 'detach']
            if losing == fields:
                self._edited.setdefault(user.id, _Dependent(user, losing[0], target))
                continue
            needing = next(declared for declared in fields if declared not in losing)
            self._edited.pop(user.id, None)
            self._deleted[user.id] = _Dependent(user, needing, target)
            yield user

    def _remaining(self, found: _Dependent) -> dict[str, list[str]]:
        """What each list that loses something has then."""
        gone = {self._root.id, *self._deleted}
        lists = {}
        for name, declared in found.kind.references.items():
            ids = _ids(found.item.settings.get(name))
            if declared.is_many and not gone.isdisjoint(ids):
                lists[name] = [reference_name(self._objects, declared, id) for id in ids if id not in gone]
        return lists


def reference_name(objects: ConfigObjects, declared: Field, id: int) -> str:
    """What says in a request or a file which object is meant: its name, or `kind/name` where that alone would not say it."""
    target = objects.stored[id]
    same = [kind for kind in declared.refers_to if objects.find_stored(kind, target.name) is not None]
    return f'{target.kind}/{target.name}' if len(same) > 1 or needs_kind(target.name) else target.name


def _ids(value: Any) -> list[int]:
    """Of what a reference or a list of references leads to."""
    return value if isinstance(value, list) else [value] if value else []
