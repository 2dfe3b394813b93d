"""What of an object stays as it is, and what it may be called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zato.common.config.field import shown
from zato.common.config.kind import Kind
from zato.common.config.stored import StoredObject


def name_faults(kind: Kind, name: str, before: StoredObject | None, *, is_system: bool) -> Iterator[str]:
    """What is wrong with an object's new name. before: None for a new object. is_system: is it the server that names it?"""
    if not is_system and before is not None and not kind.is_renamable:
        yield 'objects of this kind cannot be renamed'
    elif not is_system and before is not None and kind.is_own(before.settings):
        yield 'it cannot be renamed: the server made it, and knows it by its name'
    elif not is_system and name.startswith(kind.reserved):
        yield f'a name must not begin with {", ".join(kind.reserved)}, as names do that the server gives'
    elif kind.check_name is not None:
        try:
            kind.check_name(name)
        except ValueError as e:
            yield f'a name {e}; got {shown(name)}'


def keep_fixed(kind: Kind, settings: dict[str, Any], before: StoredObject) -> Iterator[str]:
    """Names of settings that would change and must not. What the server made stays if nothing is given in its place."""
    for name, declared in kind.fields.items():
        old = before.settings.get(name, declared.default)
        new = settings.get(name, declared.default)
        if not declared.is_fixed or new == old:
            continue
        if declared.made is not None and new == '':
            settings[name] = old
        elif new or not declared.refers_to:  # of what there is not, something else tells
            yield name
