"""What a change of a configuration object is, and how requests name one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from zato.common.config.field import is_id, shown
from zato.common.config.kind import OWN_KEYS, Kind, find_kind
from zato.common.exception import BadRequest, Fault

Action = Literal['create', 'edit', 'delete', 'put']
ACTIONS: tuple[str, ...] = get_args(Action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """given: settings as the user named them. id, or else name, says which object is edited or deleted; with an ID, `name`
    is the new name. version: that the user saw; the edit is refused if it is not the current one. None: not given.

    put: the object of this name is made to be what the change says, or created; what is not given has its default, secrets
    stay. place: where the user wrote it, such as 'file.yaml:12'; places: the same by key. position: in the list of changes.
    """

    action: Action
    kind: Kind
    id: int | None = None
    name: Any = None
    is_active: Any = None
    version: int | None = None
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)  # passwords among it
    place: str = ''
    places: Mapping[str, str] = field(default_factory=dict)
    position: int = 0

    @property
    def title(self) -> str:
        """How messages name what it is about."""
        if isinstance(self.name, str) and self.name.strip():
            return f'{self.kind.label} {shown(self.name.strip())}'
        return f'{self.kind.label} {self.id if self.id is not None else ""}'.strip()

    def key_of(self, name: str) -> str:
        """What the user called a setting; its own name where the user did not give it."""
        declared = self.kind.fields.get(name)
        given = (key for source in (self.places, self.given) for key in (declared.keys if declared else ()) if key in source)
        return next(given, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one change, or would. action: create, edit or delete. version: 0 of what was deleted.

    is_changed: False if there was nothing to do. changed: names of settings that differ. before, after: settings by name,
    secrets masked, None where there is nothing.
    """

    action: str
    kind: str
    id: int
    name: str
    version: int
    is_changed: bool
    changed: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    def as_dict(self, *, is_plan: bool) -> dict[str, Any]:
        """is_plan: with what changes how."""
        whole = asdict(self)
        return whole if is_plan else {key: whole[key] for key in ('action', 'kind', 'id', 'name', 'version', 'is_changed')}


def parse_change(raw: Any) -> Change:
    """A change as JSON, all on one level: action, kind, id, name, is_active, version and settings. Raises BadRequest."""
    if not isinstance(raw, dict):
        raise BadRequest(msg=f'A change must be an object; got {shown(raw)}', needs_msg=True)
    action = raw.get('action')
    if action not in ACTIONS:
        raise BadRequest(msg=f'`action` must be one of: {", ".join(ACTIONS)}; got {shown(action)}', needs_msg=True)
    place, places = raw.get('place', ''), raw.get('places', {})
    if not isinstance(place, str) or not isinstance(places, dict):
        raise BadRequest(msg='`place` must be text, and `places` an object', needs_msg=True)
    given = {key: value for key, value in raw.items() if key not in ('place', 'places')}
    return replace(make_change(action, find_kind(raw.get('kind', '')), given), place=place, places=places)


def make_change(action: Action, kind: Kind, raw: Mapping[str, Any]) -> Change:
    """Raises BadRequest."""
    numbers: dict[str, int | None] = {}
    for key in ('id', 'version'):
        value = raw.get(key)
        if value in (None, ''):
            numbers[key] = None
        elif isinstance(value, bool) or not is_id(value):
            fault = Fault(0, key, f'must be a number; got {shown(value)}')
            raise BadRequest(msg=f'{kind.label}: `{key}` {fault.text}', needs_msg=True).with_errors([fault])
        else:
            numbers[key] = int(value)
    return Change(
        action=action,
        kind=kind,
        id=numbers['id'] if action in ('edit', 'delete') else None,
        name=raw.get('name'),
        is_active=raw.get('is_active'),
        version=numbers['version'],
        given={key: value for key, value in raw.items() if key not in OWN_KEYS},
    )
