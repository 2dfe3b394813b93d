"""Lists: which columns a kind has, and what is in the cells of each object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zato.admin.links import object_page
from zato.admin.listing import Choice, Column
from zato.admin.objects.states import Errors, State, state_of
from zato.common.config.field import Field
from zato.common.config.kind import Kind
from zato.common.enmasse.writing import shortest

_LONGEST: Final = 200  #: characters of a cell
_MOST_LINKS: Final = 5  #: of a list of references


@dataclass(frozen=True, slots=True)
class Cell:
    """label: the column's. links: text and address, in place of text. more: how many further ones there are."""

    label: str
    text: str
    is_number: bool = False
    links: tuple[tuple[str, str], ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """url: of the object's page, which those of what can be done to it begin with."""

    id: int
    name: str
    is_active: bool
    url: str
    cells: tuple[Cell, ...]
    state: State
    is_highlighted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What all rows of one list have in common. base: the address of the kind's list. highlight: ID of one to show."""

    kind: Kind
    base: str
    errors: Errors
    highlight: int

    def of(self, items: Iterable[Mapping[str, Any]]) -> list[Row]:
        return [self._row(item) for item in items]

    def _row(self, item: Mapping[str, Any]) -> Row:
        id, is_active = int(item['id']), bool(item['is_active'])
        return Row(
            id=id,
            name=str(item['name']),
            is_active=is_active,
            url=f'{self.base}{id}/',
            cells=tuple(cell_of(declared, item) for declared in self.kind.listed),
            state=state_of(self.kind, id, self.errors, is_active=is_active),
            is_highlighted=id == self.highlight,
        )


def sort_keys(kind: Kind) -> list[str]:
    """What a list can be sorted by: its columns."""
    return ['name', 'is_active', *(declared.name for declared in kind.listed), 'error']


def columns_of(kind: Kind, choice: Choice, base: str) -> Iterator[Column]:
    """base: the address of the kind's list."""
    fields = {declared.name: declared for declared in kind.listed}
    own = {'name': 'Name', 'is_active': 'Active', 'error': 'State'}
    for key in sort_keys(kind):
        declared = fields.get(key)
        if declared is None:
            yield choice.column(base, key, own[key])
        else:
            yield choice.column(base, key, declared.label, unit=declared.unit, is_number=_is_number(declared))


def cell_of(declared: Field, item: Mapping[str, Any]) -> Cell:
    """item: as `get-list` answers."""
    value = item.get(declared.name)
    if declared.refers_to:
        links = references_of(declared, item)
        return Cell(declared.label, '', links=links[:_MOST_LINKS], more=max(0, len(links) - _MOST_LINKS))
    if isinstance(value, bool):
        return Cell(declared.label, 'Yes' if value else 'No')
    text = '' if value is None else value if isinstance(value, str) else str(shortest(value))
    text = text if len(text) <= _LONGEST else f'{text[:_LONGEST]}…'
    return Cell(declared.label, text, is_number=_is_number(declared))


def references_of(declared: Field, item: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Name and address of what it refers to."""
    names, ids, found = (_as_list(item.get(f'{declared.name}{part}')) for part in ('', '_id', '_kind'))
    in_kinds = found if len(found) == len(ids) else [declared.refers_to[0]] * len(ids)
    return tuple(
        (str(name), object_page(str(kind), int(id), str(name)) if id else '')
        for name, id, kind in zip(names, ids, in_kinds, strict=False)
    )


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _is_number(declared: Field) -> bool:
    return not declared.refers_to and declared.type in (int, float)
