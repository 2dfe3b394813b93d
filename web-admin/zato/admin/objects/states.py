"""Is an object up, and if not, where is it down, and why?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zato.admin.cluster import Failure
from zato.admin.wording import in_labels
from zato.common.config.kind import Kind

Errors = Mapping[str, Mapping[int, str] | Failure]


@dataclass(frozen=True, slots=True)
class Reason:
    """servers: '' where there is but one."""

    servers: str
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """word: what it is, for people. badge: the class that colours it."""

    word: str
    badge: str
    reasons: tuple[Reason, ...] = ()


UP = State('Up', 'good')
INACTIVE = State('Inactive', '')


def state_of(kind: Kind, id: int, errors: Errors, *, is_active: bool) -> State:
    """errors: of each server, why objects are down there."""
    servers: dict[str, list[str]] = {}
    for server, found in errors.items():
        if not isinstance(found, Failure) and found.get(id):
            servers.setdefault(found[id], []).append(server)
    if not servers:
        return UP if is_active else INACTIVE
    reasons = [
        Reason(', '.join(names) if len(errors) > 1 else '', without_title(kind, text)) for text, names in servers.items()
    ]
    return State('Down', 'bad', tuple(reasons)) if is_active else replace(INACTIVE, reasons=tuple(reasons))


def silent(errors: Errors) -> list[str]:
    """A sentence for each server that does not say what is down there."""
    return [
        f'{server} does not answer: {found.error}' if found.is_away else f'{server} answers with an error: {found.error}'
        for server, found in errors.items()
        if isinstance(found, Failure)
    ]


def without_title(kind: Kind, text: str) -> str:
    """Each line without the object's own title in front, which is beside it on the page; settings by their labels."""
    return in_labels(kind, '\n'.join(_untitled(kind, line) for line in text.split('\n')))


def _untitled(kind: Kind, line: str) -> str:
    if not line.startswith(f'{kind.label} `'):
        return line
    _, mark, rest = line.partition('`: ')
    return rest if mark else line


def variable_notes(name: str, id: int, errors: Errors) -> tuple[str, ...]:
    """What is known of the variable that is a setting's value, from why the object is down where it is."""
    is_set, is_missing, wrong = list[str](), list[str](), list[str]()
    for server, found in errors.items():
        if isinstance(found, Failure):
            continue
        why = found.get(id, '')
        lines = [line for line in why.split('\n') if f'`{name}`' in line]
        if not why:
            is_set.append(server)
        elif any('no environment variable' in line for line in lines):
            is_missing.append(server)
        else:
            wrong += [f'On {server} it {line.partition(f"`{name}`")[2].lstrip(", ")}' for line in lines]
    told = [f'{word} on {", ".join(servers)}' for word, servers in (('Set', is_set), ('Missing', is_missing)) if servers]
    return (*told, *wrong)
