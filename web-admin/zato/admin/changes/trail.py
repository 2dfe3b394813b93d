"""The audit trail's entries as people read them: what was done to what, and which settings have which values since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zato.admin.cluster import Calls
from zato.admin.links import object_page
from zato.common.config.field import Field
from zato.common.config.kind import kinds
from zato.common.exception import ZatoException

_LONGEST = 500  #: characters of a value
_NONE = 'none'
#: What says nothing where an object was made or deleted.
_ALL_HAVE = frozenset({'name', 'is_active'})
#: What other entries than those of objects have, besides kinds and their settings.
_KINDS: Mapping[str, str] = {'module': 'Module'}
_KEYS: Mapping[str, str] = {'name': 'Name', 'is_active': 'Active', 'number': 'Version', 'sha256': 'SHA-256'}


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one setting. before, after: '' where the object was not there."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """at: UTC, ISO 8601. page: of the object, '' if it has none, or is deleted. note: where no setting can be shown."""

    event: int
    at: str
    who: str
    role: str
    action: str
    kind: str
    object_id: int
    name: str
    page: str
    differences: Sequence[Difference]
    note: str


class NotATrail(ZatoException):
    """The server answers with something else than changes; is it of this version?"""

    status = 502


def ask_for_trail(zato: Calls, which: Mapping[str, Any], before: int, size: int) -> tuple[list[Entry], bool]:
    """A page of the changes before an event, 0 for the latest, and whether there are older ones. Raises NotATrail."""
    asked = {**which, 'limit': size + 1, **({'before_event': before} if before else {})}
    found = read_trail(zato.ask('zato.audit.get-list', asked))
    return found[:size], len(found) > size


def read_trail(raw: Any) -> list[Entry]:
    """raw: as `zato.audit.get-list` answers. Raises NotATrail."""
    try:
        return [_read_entry(entry) for entry in raw]
    except (AttributeError, KeyError, TypeError) as e:
        raise NotATrail from e


def _read_entry(raw: Mapping[str, Any]) -> Entry:
    kind, action = str(raw['kind']), str(raw['action'])
    found = differences(kind, raw['before'], raw['after'])
    is_gone = action in ('delete', 'undeploy')
    return Entry(
        event=raw['event'],
        at=raw['at'],
        who=raw['who'],
        role=raw['role'],
        action=action,
        kind=kind_label(kind),
        object_id=raw['object_id'],
        name=raw['name'],
        page='' if is_gone else object_page(kind, raw['object_id'], raw['name']),
        differences=found,
        note='Only a secret, which is not shown' if action == 'edit' and not found else '',
    )


def kind_label(name: str) -> str:
    return kinds()[name].label if name in kinds() else _KINDS.get(name, name)


def kind_choices() -> list[tuple[str, str]]:
    """Name and label, by label."""
    labels = {**{name: kind.label for name, kind in kinds().items()}, **_KINDS}
    return sorted(labels.items(), key=lambda item: item[1].lower())


def differences(kind: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Difference]:
    """What was set otherwise. Of an object that was made or deleted: what is not as it is by default."""
    fields = kinds()[kind].fields if kind in kinds() else {}
    found = []
    keys = dict.fromkeys([*(after or {}), *(before or {})])
    for key in keys:
        if key in _ALL_HAVE and (before is None or after is None):
            continue
        declared = fields.get(key)
        default = declared.default if declared is not None and not declared.is_required else None
        old, new = (default if side is None else side.get(key, default) for side in (before, after))
        if _is_same(old, new):
            continue
        shown = ['' if side is None else as_text(value, declared) for side, value in ((before, old), (after, new))]
        if before is not None and after is not None and isinstance(old, list) and isinstance(new, list):
            shown = _of_lists(old, new) or shown
        found.append(Difference(_label(key, declared), *shown))
    return found


def _of_lists(old: list[Any], new: list[Any]) -> list[str]:
    """What was taken out, and what was added, each '' if nothing was; [] if merely the order differs."""
    parts = [item for item in old if item not in new], [item for item in new if item not in old]
    return [as_text(part, None) if part else '' for part in parts] if any(parts) else []


def as_text(value: Any, declared: Field | None) -> str:
    """A setting's value, with its unit, cut where it is long."""
    if value is None or value in ('', []):
        return _NONE
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, list):
        return _cut('\n'.join(as_text(item, None) for item in value))
    if isinstance(value, dict):
        return _cut(json.dumps(value, ensure_ascii=False))
    unit = f' {declared.unit}' if declared is not None and declared.unit and isinstance(value, int | float) else ''
    return _cut(f'{value}{unit}')


def _is_same(old: Any, new: Any) -> bool:
    """JSON has no tuples, and a setting's default may be one."""
    old, new = (list(value) if isinstance(value, tuple) else value for value in (old, new))
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _label(key: str, declared: Field | None) -> str:
    return declared.label if declared is not None and declared.label else _KEYS.get(key, key)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]}… ({len(text):,} characters)'
