"""The admin services of each kind, made from its declaration: get-list, get, create, edit, delete, change-password, ping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

from zato.common.config.field import is_id
from zato.common.config.kind import OPERATIONS, Kind, kinds
from zato.common.config.stored import MASK, StoredObject, masked, with_defaults
from zato.common.exception import BadRequest
from zato.server.admin_api.context import AdminService
from zato.server.admin_api.object_list import ObjectList, sortable
from zato.server.admin_api.paging import read_page
from zato.server.propagate.change import Action, Change, make_change
from zato.server.propagate.configuration import Outcome


class ObjectService(AdminService):
    """kinds_served: more than one where kinds share a classic prefix; a request's keys then tell them apart."""

    kinds_served: ClassVar[tuple[Kind, ...]]

    def kind(self) -> Kind:
        """Raises BadRequest."""
        request = self.request.input
        fitting = [
            kind
            for kind in self.kinds_served
            if all(request.get(key) in (None, '', value) for key, value in kind.fixed.items())
        ]
        if len(fitting) > 1:
            fitting = self._with_such_an_object(fitting)
        if len(fitting) == 1:
            return fitting[0]
        known = ' or '.join(str(dict(kind.fixed)) for kind in self.kinds_served)
        raise BadRequest(self.cid, f'The request must say which kind of object it is about: {known}', needs_msg=True)

    def _with_such_an_object(self, fitting: list[Kind]) -> list[Kind]:
        """Those of the kinds that have the object that the request names."""
        request, objects = self.request.input, self.context.objects
        if is_id(request.get('id')):
            stored = objects.stored.get(int(request['id']))
            return [kind for kind in fitting if stored is not None and stored.kind == kind.name]
        return [kind for kind in fitting if objects.find_stored(kind.name, str(request.get('name') or '')) is not None]

    def show(self, item: StoredObject) -> dict[str, Any]:
        """As lists and forms have it: references by name and by ID, secrets masked."""
        objects = self.context.objects
        kind = kinds()[item.kind]
        settings = masked(kind, with_defaults(kind, item.settings))
        for name, declared in kind.references.items():
            if declared.is_many:
                targets = [found for id in settings[name] if (found := objects.stored.get(id)) is not None]
                settings[name] = [target.name for target in targets]
                settings[f'{name}_id'] = [target.id for target in targets]
                if len(declared.refers_to) > 1:
                    settings[f'{name}_kind'] = [target.kind for target in targets]
                continue
            target = objects.stored.get(settings.get(name) or 0)
            settings[name] = settings[f'{name}_name'] = target.name if target is not None else None
            settings[f'{name}_id'] = target.id if target is not None else None
            if len(declared.refers_to) > 1:
                settings[f'{name}_kind'] = target.kind if target is not None else None
        return {
            'id': item.id,
            'name': item.name,
            'is_active': item.is_active,
            'version': item.version,
            'kind': item.kind,
            **kind.fixed,
            **settings,
            'error': objects.error_of(item.id),
        }

    def change(self, action: Action) -> Outcome:
        kind = self.kind()
        change = make_change(action, kind, {key: value for key, value in self.request.input.items() if key != 'kind'})
        return self.context.configuration.apply([change], self.actor)

    def answer(self, outcome: Outcome) -> None:
        result = outcome.results[0]
        self.response.payload = {
            'id': result.id,
            'name': result.name,
            'version': result.version,
            **outcome.as_dict(),
        }


class GetList(ObjectService):
    """All objects of a kind, by name. Secrets are masked; `error` says why an object is down.

    With `paginate` one page of them: `cur_page`, `page_size`, `query`, `sort`, `is_active`, `is_down` say which.
    """

    def handle(self) -> None:
        kind = self.kind()
        found = [item for item in self.context.objects.stored.values() if item.kind == kind.name]
        page = read_page(self, sortable(kind))
        if page is None:
            self.response.payload = [self.show(item) for item in sorted(found, key=lambda item: item.name)]
        else:
            self.response.payload = page.answer(ObjectList(kind, self.context.objects).select(found, page), self.show)


class Get(ObjectService):
    """One object, by `id` or `name`."""

    def handle(self) -> None:
        self.response.payload = self.show(self.stored(self.kind()))


class Create(ObjectService):
    """A new object: `name`, `is_active` and its settings. Answers once all live workers have it."""

    def handle(self) -> None:
        self.answer(self.change('create'))


class Edit(ObjectService):
    """Change an object, by `id` or `name`: what is given changes, the rest stays. `version`, if given, must be current."""

    def handle(self) -> None:
        self.answer(self.change('edit'))


class Delete(ObjectService):
    """Delete an object, by `id` or `name`, that nothing refers to."""

    def handle(self) -> None:
        self.answer(self.change('delete'))


class ChangePassword(ObjectService):
    """Set the password of an object, by `id` or `name`: `password1` and, the same again, `password2`."""

    def handle(self) -> None:
        request = self.request.input
        password = request.get('password1', request.get('password'))
        if not isinstance(password, str) or not password:
            raise BadRequest(self.cid, 'Element missing: password1', needs_msg=True)
        if password == MASK:
            raise BadRequest(self.cid, f'{MASK} stands for a password and cannot be one', needs_msg=True)
        if request.get('password2', password) != password:
            raise BadRequest(self.cid, 'The two passwords are not the same', needs_msg=True)
        kind = self.kind()
        item = self.stored(kind)
        change = Change(action='edit', kind=kind, id=item.id, given={kind.secrets[0]: password})
        self.answer(self.context.configuration.apply([change], self.actor))


class Ping(ObjectService):
    """Is what an object connects to there?"""

    def handle(self) -> None:
        kind = self.kind()
        objects = self.context.objects
        item = self.stored(kind)
        up, half = objects.get(item.id), self.context.runtime_of(kind.name)
        if up is None or half is None:
            raise BadRequest(
                self.cid, objects.error_of(item.id) or f'{kind.label}: there is nothing to ping', needs_msg=True
            )
        self.response.payload = half.ping(up)


_CLASSES: dict[str, type[ObjectService]] = {
    'get-list': GetList,
    'get': Get,
    'create': Create,
    'edit': Edit,
    'delete': Delete,
    'change-password': ChangePassword,
    'ping': Ping,
}


@cache
def object_services() -> Mapping[str, type[AdminService]]:
    """The services of all kinds by name: derived names, and classic ones where there are.

    Made once, by the arbiter: workers share them.
    """
    classic: dict[str, list[Kind]] = {}
    for kind in kinds().values():
        if kind.services and kind.services != kind.derived_services:
            classic.setdefault(kind.services, []).append(kind)
    derived = [(kind.derived_services, [kind]) for kind in kinds().values()]
    return {name: service for prefix, served in [*derived, *classic.items()] for name, service in _services(prefix, served)}


def _services(prefix: str, served: Iterable[Kind]) -> Iterator[tuple[str, type[AdminService]]]:
    served = tuple(served)
    for operation in OPERATIONS:
        able = tuple(kind for kind in served if operation in kind.operations)
        if able:
            base = _CLASSES[operation]
            attributes = {'kinds_served': able, 'role': able[0].role_for(operation), '__doc__': base.__doc__}
            yield f'{prefix}.{operation}', type(base.__name__, (base,), attributes)
