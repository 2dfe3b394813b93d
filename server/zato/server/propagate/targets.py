"""Finds what users name: objects that others refer to, with the name that may be meant where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, select

from zato.common.config.field import clean_name, is_variable, shown
from zato.common.config.kind import kinds
from zato.common.config.option import nearest
from zato.common.config.stored import Target
from zato.common.odb.tables import config_object
from zato.server.propagate.plan import Plan

_MOST_HINTS = 20  #: problems that come with the name that may be meant
_MOST_NAMES = 2_000  #: among which that one is looked for


def name_or_empty(name: Any) -> str:
    """As it is stored, '' for what cannot be a name."""
    try:
        return clean_name(name)
    except ValueError:
        return ''


def candidates(target: Target) -> list[tuple[str, str]]:
    """(kind, name) of what a target may mean."""
    prefix, slash, rest = target.name.partition('/')
    if slash:
        for kind in target.field.refers_to:
            if prefix == kind or kind.endswith(f'_{prefix}'):
                return [(kind, name_or_empty(rest))]
    return [(kind, name_or_empty(target.name)) for kind in target.field.refers_to] if target.name else []


class Targets:
    """Of one plan, whose objects are those that the changes name."""

    def __init__(self, plan: Plan, connection: Connection) -> None:
        self._plan = plan
        self._connection = connection
        self._known_names: dict[str, list[str]] = {}

    def find(self, target: Target) -> int:
        """Its ID. Raises ValueError, its text being what is wrong."""
        plan = self._plan
        labels = ' or '.join(kinds()[name].label for name in target.field.refers_to)
        if target.id is not None:
            found = plan.objects.get(target.id)
            if found is None or found.kind not in target.field.refers_to:
                raise ValueError(f'there is no {labels} with ID {target.id}')
            if target.name and (found.kind, found.name) not in candidates(target):
                raise ValueError(f'ID {found.id} is that of {shown(found.name)}, not of {shown(target.name)}')
            return found.id
        keys = [key for key in candidates(target) if key in plan.names]
        if len(keys) == 1:
            return plan.names[keys[0]]
        if keys:
            choices = ' or '.join(f'{kind}/{name}' for kind, name in keys)
            raise ValueError(f'there are several of that name; say {choices}')
        if any(plan.stored_names.get(key) in plan.deleted for key in candidates(target)):
            raise ValueError(f'{labels} {shown(target.name)} is deleted together with this change')
        hint = self.hint(target.name, target.field.refers_to)
        raise ValueError(f'there is no {labels} {shown(target.name)}{hint}')

    def hint(self, name: str, kinds_: Iterable[str]) -> str:
        """The name that may be meant, in the first few problems: others wait for their turn to write."""
        if is_variable(name):
            return '; it must be a name, not a variable'
        if len(self._plan.problems) >= _MOST_HINTS:
            return ''
        return nearest(name, [known for kind in kinds_ for known in self._all_names(kind)])

    def _all_names(self, kind: str) -> list[str]:
        if kind not in self._known_names:
            query = select(config_object.c.name).where(config_object.c.kind == kind).limit(_MOST_NAMES)
            self._known_names[kind] = [*self._connection.execute(query).scalars(), *self._new_names(kind)]
        return self._known_names[kind]

    def _new_names(self, kind: str) -> Iterator[str]:
        return (name for name_kind, name in self._plan.names if name_kind == kind)
