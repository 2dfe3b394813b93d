"""One page of a kind's objects: searched and sorted as they are stored, of which there may be thousands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from zato.common.config.kind import Kind
from zato.common.config.stored import StoredObject
from zato.server.admin_api.paging import Page
from zato.server.config.objects import ConfigObjects

_OF_ALL = ('name', 'is_active', 'error', 'version', 'id')


def sortable(kind: Kind) -> tuple[str, ...]:
    """Keys that lists of the kind can be sorted by."""
    return (*_OF_ALL, *(name for name, declared in kind.fields.items() if not declared.is_secret))


class ObjectList:
    """The objects of a kind that a page may be made of.

    A search looks through names, all settings that differ from their defaults, those with defaults that are columns of
    lists, and the names of what is referred to; not through secrets, and not for True or False.
    """

    def __init__(self, kind: Kind, objects: ConfigObjects) -> None:
        self._kind = kind
        self._objects = objects
        self._columns = {
            declared.name: declared.default
            for declared in kind.listed
            if not (declared.refers_to or declared.is_required or declared.is_secret)
        }

    def select(self, items: Iterable[StoredObject], page: Page) -> list[StoredObject]:
        """Those that the page is to be cut from, in its order."""
        error_of = self._objects.error_of
        wanted = (item for item in items if page.wants(is_active=item.is_active, is_down=bool(error_of(item.id))))
        found = [item for item in wanted if not page.words or page.finds('\n'.join(self._texts(item)))]
        return page.in_order(found, lambda item: item.name, lambda item: self._value(item, page.sort))

    def _texts(self, item: StoredObject) -> Iterator[str]:
        yield item.name
        fields = self._kind.fields
        for name, value in {**self._columns, **item.settings}.items():
            declared = fields.get(name)
            if declared is None or declared.is_secret or isinstance(value, bool):
                continue
            yield self._names(value) if declared.refers_to else str(value)

    def _value(self, item: StoredObject, key: str) -> Any:
        if key == 'error':
            return self._objects.error_of(item.id)
        if key in _OF_ALL:
            return getattr(item, key)
        declared = self._kind.fields[key]
        value = item.settings.get(key, None if declared.refers_to or declared.is_required else declared.default)
        return self._names(value) if declared.refers_to else value

    def _names(self, value: Any) -> str:
        """Of what a reference or a list of references leads to."""
        stored = self._objects.stored
        ids = value if isinstance(value, list) else [value]
        return ', '.join(found.name for id in ids if (found := stored.get(id or 0)) is not None)
