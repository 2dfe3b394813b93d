"""An object as those see it who may not change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zato.admin.objects.rows import references_of
from zato.admin.objects.values import text_of, values_of
from zato.common.config.field import is_variable
from zato.common.config.kind import Kind


@dataclass(frozen=True, slots=True)
class Fact:
    """links: text and address, in place of the text. notes: what is known of a variable."""

    label: str
    text: str
    unit: str = ''
    links: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def facts_of(
    kind: Kind, item: Mapping[str, Any], notes_of: Callable[[str], tuple[str, ...]]
) -> list[tuple[str, list[Fact]]]:
    """By group, '' first. item: as `get` answers."""
    values = values_of(kind, item)
    found = {'': [Fact('Active', text_of(values['is_active']))]}
    for name, declared in kind.fields.items():
        value = values[name]
        text = '******' if declared.is_secret and not value else text_of(value)
        links = references_of(declared, item) if declared.refers_to else ()
        notes = notes_of(name) if is_variable(value) else ()
        found.setdefault(declared.group, []).append(Fact(declared.label, text, declared.unit, links, notes))
    return list(found.items())
