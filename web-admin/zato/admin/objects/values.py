"""What a form's inputs hold: made of an object or of defaults, read from what a browser sends, turned into a request.

By field, and `name` and `is_active`: text, a boolean, or a list of names. References are names, `kind/name` where a name
alone would not say which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.http import QueryDict

from zato.common.config.field import REQUIRED, Field, is_variable, needs_kind
from zato.common.config.kind import Kind
from zato.common.enmasse.writing import shortest

Values = Mapping[str, str | bool | list[str]]

VARIABLE: Final = '$'  #: what a select says where its value is a variable, whose name is in an input of its own
OF_VARIABLE, TO_ADD = '.variable', '.add'  #: what follows a field's name in those of its further inputs


def fields_of(kind: Kind, item: Mapping[str, Any] | None) -> Iterator[Field]:
    """Those that can be given. item: the object, None for a new one.

    The password of an object that there is already is not among them: it is changed on a page of its own. Nor is what stays
    as it is.
    """
    for declared in kind.fields.values():
        if not declared.is_read_only and (item is None or not (declared.is_fixed or _has_own_page(kind, declared, item))):
            yield declared


def defaults_of(kind: Kind) -> dict[str, str | bool | list[str]]:
    """Of a new object."""
    values = {name: _shown(declared, declared.default) for name, declared in kind.fields.items()}
    return {'name': '', 'is_active': True, **values}


def values_of(kind: Kind, item: Mapping[str, Any]) -> dict[str, str | bool | list[str]]:
    """item: as `get` answers. Of secrets there are but names of variables."""
    values = {name: _of_item(declared, item) for name, declared in kind.fields.items()}
    return {'name': str(item.get('name', '')), 'is_active': bool(item.get('is_active', True)), **values}


def typed(kind: Kind, form: QueryDict) -> dict[str, str | bool | list[str]]:
    """What a browser sent. What it did not is not in the result, but for boxes that are not ticked."""
    values: dict[str, str | bool | list[str]] = {'is_active': 'is_active' in form}
    if 'name' in form:
        values['name'] = form.get('name', '')
    for declared in fields_of(kind, None):
        name = declared.name
        if declared.is_many:
            values[name] = _lines([*form.getlist(name), form.get(f'{name}{TO_ADD}', '')])
        elif declared.type is bool:
            values[name] = name in form
        elif name in form:
            values[name] = _variable(form, name) if declared.choices and form.get(name) == VARIABLE else form.get(name, '')
    return values


def request_of(kind: Kind, values: Values) -> dict[str, Any]:
    """What the admin service takes. Secrets that are empty stay what they are, or are made at random."""
    request: dict[str, Any] = {key: values[key] for key in ('name', 'is_active') if key in values}
    for name, declared in kind.fields.items():
        if name not in values or (declared.is_secret and not values[name]):
            continue
        is_none = declared.refers_to and not declared.is_many and not values[name]
        request[name] = None if is_none else values[name]
    return request


def differing(kind: Kind, theirs: Values, mine: Values) -> list[str]:
    """What differs between the two, by name; of secrets nothing is told."""
    return [
        name
        for name, value in mine.items()
        if theirs.get(name) != value and not (name in kind.fields and kind.fields[name].is_secret)
    ]


def text_of(value: str | bool | list[str]) -> str:
    """As people read it."""
    if isinstance(value, bool):
        return 'Yes' if value else 'No'
    return '\n'.join(value) if isinstance(value, list) else value


def reference_value(kind: str, name: str, refers_to: tuple[str, ...]) -> str:
    """What says which object is meant."""
    return f'{kind}/{name}' if len(refers_to) > 1 or needs_kind(name) else name


def _has_own_page(kind: Kind, declared: Field, item: Mapping[str, Any]) -> bool:
    if not declared.is_secret or is_variable(item.get(declared.name)):
        return False
    return 'change-password' in kind.operations and declared.name == kind.secrets[0]


def _of_item(declared: Field, item: Mapping[str, Any]) -> str | bool | list[str]:
    value = item.get(declared.name)
    if not declared.refers_to:
        return _shown(declared, value)
    of_kind = item.get(f'{declared.name}_kind')
    if not declared.is_many:
        return reference_value(str(of_kind or declared.refers_to[0]), str(value), declared.refers_to) if value else ''
    names = [str(name) for name in value or ()]
    found = of_kind if isinstance(of_kind, list) and len(of_kind) == len(names) else [declared.refers_to[0]] * len(names)
    return [reference_value(str(kind), name, declared.refers_to) for kind, name in zip(found, names, strict=True)]


def _shown(declared: Field, value: Any) -> str | bool | list[str]:
    """As an input has it."""
    if declared.is_many:
        return []
    if declared.is_secret:
        return value if is_variable(value) else ''
    if declared.type is bool:
        return value is True
    if value is None or value is REQUIRED:
        return ''
    return value if isinstance(value, str) else str(shortest(value))


def _lines(texts: list[str]) -> list[str]:
    """One of each."""
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return list(dict.fromkeys(filter(None, lines)))


def _variable(form: QueryDict, name: str) -> str:
    text = form.get(f'{name}{OF_VARIABLE}', '').strip()
    return text if text.startswith(VARIABLE) else f'{VARIABLE}{text}'
