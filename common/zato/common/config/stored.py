"""Objects as they are stored, and how a server makes of one what it works with.

What users give is read into the stored form: checked, references as IDs, secrets encrypted, `$NAME` as it is. The resolved
form, an instance of the kind's settings class, is made when a worker loads the object, in the server's own environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from zato.common.config.field import REQUIRED, Field, TargetOf, convert_value, is_id, is_variable, shown
from zato.common.config.kind import IGNORED_KEYS, Kind
from zato.common.config.option import nearest
from zato.common.exception import CryptoError, ZatoException

MASK = '******'  #: what is shown in place of a secret; given back, it means that the secret stays

#: Takes the key that something is wrong with, as the user gave it, and what is.
Problem = Callable[[str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """settings: JSON values by field name. version: 1 at first, grows with each edit."""

    id: int
    kind: str
    name: str
    is_active: bool
    version: int
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """What a user gave for a reference: an ID, or a name, which may have the target's kind before it: kind/name."""

    field: Field
    id: int | None = None
    name: str = ''

    def with_other(self, other: Target, key: str, problem: Problem) -> Target:
        """The same reference was given by another key too; of an ID and a name, both must fit."""
        if self.name and other.name and self.name != other.name:
            problem(key, f'contradicts another key; got {shown(self.name)} and {shown(other.name)}')
        return Target(self.field, self.id if self.id is not None else other.id, self.name or other.name)


class ObjectDown(ZatoException):
    """An object cannot be used as it is configured"""


def read_settings(kind: Kind, raw: Mapping[str, Any], problem: Problem, *, is_system: bool = False) -> dict[str, Any]:
    """What a user gave → values by field, references as a Target, None, or a list. What is missing is not in the result.

    is_system: are read-only fields set?
    """
    given: dict[str, Any] = {}
    for key, value in raw.items():
        declared = kind.keys.get(key)
        if declared is None:
            _check_other_key(kind, key, value, problem)
        elif declared.is_read_only and not is_system:
            continue  # clients give back what they were given
        elif declared.is_many:
            _read_references(declared, key, value, given, problem)
        elif declared.refers_to:
            _read_reference(declared, key, value, given, problem)
        elif declared.is_secret and value in (MASK, '', None):
            continue  # forms send back what they were given
        else:
            try:
                given[declared.name] = convert_value(declared, value)
            except ValueError as e:
                is_told = not (declared.is_secret or declared.is_multiline)  # secrets may be among the lines
                problem(key, f'{e}; got {shown(value)}' if is_told else str(e))
    return given


def missing_settings(kind: Kind, given: Mapping[str, Any], raw: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """`given`, with defaults for what is not in it. raw: what it was read from, some of which may be wrong."""
    complete = dict(given)
    tried = {declared.name for key in raw if (declared := kind.keys.get(key)) is not None}
    for name, declared in kind.fields.items():
        if name in complete:
            continue
        if declared.is_required:
            if name not in tried:
                problem(name, 'is required')
        elif declared.is_many:
            complete[name] = []
        elif declared.refers_to and declared.default is not None:
            complete[name] = Target(declared, name=declared.default)
        else:
            complete[name] = declared.default
    return {name: complete[name] for name in kind.fields if name in complete}


def resolve(kind: Kind, stored: StoredObject, environ: Mapping[str, str], decrypt: Callable[[str], str] | None) -> Any:
    """The object's settings, with variables and secrets filled in. decrypt: None leaves secrets out.

    Raises ObjectDown, which lists all that is wrong.
    """
    title = kind.title(stored.name)
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, declared in kind.fields.items():
        try:
            values[name] = _resolved(declared, stored.settings.get(name, declared.default), environ, decrypt)
        except ValueError as e:
            problems.append(f'{title}: `{name}`{e}')
    if problems:
        raise ObjectDown(msg='\n'.join(problems))
    settings = kind.settings(**values)
    if kind.check is not None:
        try:
            kind.check(settings)
        except ValueError as e:
            raise ObjectDown(msg=f'{title}: {e}') from None
    return settings


def references_of(kind: Kind, settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """(field, ID of what it refers to) of a stored object; of lists the field has the position in it, `members.0`."""
    for name, declared in kind.references.items():
        value = settings.get(name)
        if declared.is_many:
            yield from ((f'{name}.{position}', target) for position, target in enumerate(value or ()))
        elif value:
            yield name, value


def misfit(kind: Kind, settings: Mapping[str, Any], target_of: TargetOf) -> str:
    """Why settings do not fit together, or to what they refer to; '' if they do.

    With a variable among them the former is found out once they are resolved.
    """
    values = with_defaults(kind, settings)
    if len(values) < len(kind.fields) or any(map(is_variable, values.values())):
        return ''
    whole = kind.settings(**values)
    try:
        if kind.check is not None:
            kind.check(whole)
        if kind.check_targets is not None:
            kind.check_targets(whole, target_of)
    except ValueError as e:
        return str(e)
    return ''


def without_defaults(kind: Kind, item: StoredObject) -> StoredObject:
    """The same object with those settings alone that differ from the defaults, which is how many of them fit into memory."""
    fields = kind.fields
    settings = {
        name: value for name, value in item.settings.items() if name not in fields or not _is_default(fields[name], value)
    }
    return replace(item, settings=settings)


def with_defaults(kind: Kind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings, in the order of their declaration; required ones that are missing are left out."""
    found = {
        name: settings.get(name, [] if declared.is_many else declared.default) for name, declared in kind.fields.items()
    }
    return {name: value for name, value in found.items() if value is not REQUIRED}


def _is_default(declared: Field, value: Any) -> bool:
    if declared.is_many:
        return not value
    return bool(value == declared.default) and type(value) is type(declared.default)


def masked(kind: Kind, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they may be shown: a variable's name is no secret, what is encrypted is."""
    secrets = kind.secrets
    return {
        name: MASK if name in secrets and value and not is_variable(value) else value for name, value in settings.items()
    }


def _resolved(declared: Field, value: Any, environ: Mapping[str, str], decrypt: Callable[[str], str] | None) -> Any:
    """Raises ValueError, its text being what follows the name of the setting."""
    if is_variable(value) and not declared.refers_to:
        return _from_variable(declared, value[1:], environ, may_be_empty=decrypt is None)
    if declared.is_secret and value:
        value = _opened(value, decrypt) if decrypt is not None else ''
    if declared.is_secret and value == '' and decrypt is not None:
        raise ValueError(' is empty')
    if isinstance(value, str) and value.startswith('$$'):
        return value[1:]
    return tuple(value) if declared.is_many else value


def _from_variable(declared: Field, variable: str, environ: Mapping[str, str], *, may_be_empty: bool) -> Any:
    """may_be_empty: may a secret be? Of `$name` that is not there, NAME counts (source: classic Zato). Raises ValueError."""
    variable = variable if variable in environ else variable.upper() if variable.upper() in environ else variable
    if variable not in environ:
        raise ValueError(f' is ${variable}, and the server has no environment variable {variable}')
    if declared.is_secret and not environ[variable] and not may_be_empty:
        raise ValueError(f', from environment variable {variable}, is empty')
    try:
        return convert_value(declared, environ[variable], may_vary=False)
    except ValueError as e:
        # Its value is not told: it may be another variable's than was meant, and a secret.
        raise ValueError(f', from environment variable {variable}, {e}') from None


def _opened(value: str, decrypt: Callable[[str], str]) -> str:
    """Raises ValueError, as above."""
    try:
        return decrypt(value)
    except CryptoError as e:
        raise ValueError(f' cannot be decrypted: {e}') from None


def _read_reference(declared: Field, key: str, value: Any, given: dict[str, Any], problem: Problem) -> None:
    if isinstance(value, bool) or not isinstance(value, int | str | None):
        problem(key, f'must be the name of an object; got {shown(value)}')
    elif value is None or value in declared.none_names:
        if declared.default is None:
            given.setdefault(declared.name, None)
        elif value is not None:
            problem(key, 'must name an object')
    else:
        before = given.get(declared.name)
        new = _target(declared, key, value)
        given[declared.name] = new.with_other(before, key, problem) if isinstance(before, Target) else new


def _read_references(declared: Field, key: str, value: Any, given: dict[str, Any], problem: Problem) -> None:
    """As text they are told apart by commas or lines."""
    values = re.split(r'[,\n]', value) if isinstance(value, str) else [] if value is None else value
    if not isinstance(values, list | tuple) or any(
        isinstance(one, bool) or not isinstance(one, int | str) for one in values
    ):
        problem(key, f'must be a list of names; got {shown(value)}')
        return
    targets = {one: _target(declared, key, one) for one in values if str(one).strip()}
    if targets or not given.get(declared.name):  # names and IDs of the same objects may be given, as they were shown
        given[declared.name] = list(targets.values())


def _target(declared: Field, key: str, value: int | str) -> Target:
    if key.endswith('_id') and is_id(value):
        return Target(declared, id=int(value))
    return Target(declared, name=str(value).strip())


def _check_other_key(kind: Kind, key: str, value: Any, problem: Problem) -> None:
    if key in IGNORED_KEYS or key.removesuffix('_kind') in kind.references:
        return
    if key in kind.fixed:
        if value not in (None, '', kind.fixed[key]):
            problem(key, f'must be `{kind.fixed[key]}`; got {shown(value)}')
        return
    if key in kind.ignored:
        allowed = kind.ignored[key]
        if allowed is not None and value not in allowed:
            problem(key, f'is not in this version; got {shown(value)}')
        return
    known = [name for name, declared in kind.fields.items() if not declared.is_read_only]
    problem(key, f'is unknown{nearest(str(key), [*known, "name", "is_active", *kind.keys])}')
