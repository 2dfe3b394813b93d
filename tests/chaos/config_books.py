"""What a client of the configuration storm believes: its own objects as they must be, and changes of them at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from zato.common.config.kind import kinds
from zato.common.config.stored import StoredObject, with_defaults

AUTH, CHANNEL = 'security_basic_auth', 'channel_rest'
PREFIXES = {AUTH: 'zato.security.basic-auth', CHANNEL: 'zato.channel-rest'}
SERVICES = ('helpers.echo', 'pub.helpers.echo')
_MOST = {AUTH: 6, CHANNEL: 10}


@dataclass
class Books:
    """What was done and what was seen. slowest: seconds that the longest answer took."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """settings: as they are stored, but a reference as a Thing, a service by its name, a password as it is."""

    name: str
    version: int = 1
    is_active: bool = True
    settings: Mapping[str, Any]


@dataclass(eq=False, slots=True)
class Thing:
    """An object. id: 0 as long as it is not known. state: None if there is no such object."""

    kind: str
    id: int = 0
    state: State | None = None

    @property
    def now(self) -> State:
        assert self.state is not None
        return self.state

    @property
    def name(self) -> str:
        return self.now.name


@dataclass(slots=True)
class Edit:
    """What a change makes of a thing. raw: the change as it is sent."""

    thing: Thing
    after: State | None
    raw: dict[str, Any]


@dataclass(slots=True)
class Attempt:
    """Changes for one call, all of them or none. refusal: the status with which they must be refused, 0 for none."""

    what: str
    edits: Sequence[Edit]
    changes: list[dict[str, Any]] = field(default_factory=list)
    refusal: int = 0

    def __post_init__(self) -> None:
        self.changes = self.changes or [edit.raw for edit in self.edits]


class Believer:
    """One client's belief, which nobody else's changes touch."""

    def __init__(self, number: int, own: random.Random) -> None:
        self.things: list[Thing] = []
        self._number = number
        self._random = own
        self._serial = count(1)

    def attempt(self) -> Attempt:
        """Something to change at random."""
        while True:
            made = self._random.choices(_WHAT, _WEIGHTS)[0](self)
            if made is not None:
                return made

    def take(self, edits: Sequence[Edit]) -> None:
        """They were made."""
        for edit in edits:
            edit.thing.state = edit.after
            if edit.after is not None and edit.thing not in self.things:
                self.things.append(edit.thing)
        self.things = [thing for thing in self.things if thing.state is not None]

    # Single changes

    def _text(self, what: str) -> str:
        return f'{what}-{self._number}-{next(self._serial)}'

    def _some(self, kind: str) -> Thing | None:
        return self._random.choice(found) if (found := [thing for thing in self.things if thing.kind == kind]) else None

    def _any(self) -> Thing | None:
        return self._random.choice(self.things) if self.things else None

    def _users(self, auth: Thing) -> list[Thing]:
        return [thing for thing in self.things if thing.now.settings.get('security') is auth]

    def _settings(self, kind: str, security: Thing | None = None) -> dict[str, Any]:
        if kind == AUTH:
            return {name: self._text(name) for name in ('username', 'realm', 'password')}
        return {
            'url_path': f'/{self._number}/{next(self._serial)}' + self._random.choice(['', '/{one}', '/{one}/x-{two}']),
            'service': self._random.choice(SERVICES),
            'method': self._random.choice(['', 'GET', 'POST']),
            'security': security,
            'data_format': self._random.choice(['', 'json']),
        }

    def _new(self, kind: str, security: Thing | None = None, security_name: str = '') -> Edit:
        settings = self._settings(kind, security)
        after = State(name=self._text(kind), is_active=self._random.random() < 0.8, settings=settings)
        raw = {'action': 'create', 'kind': kind, 'name': after.name, 'is_active': after.is_active, **settings}
        if kind == CHANNEL:
            raw['security'] = security_name or (security.name if security is not None else None)
        return Edit(Thing(kind), after, raw)

    def _edited(self, thing: Thing, **values: Any) -> Edit:
        """values: settings, or a new name."""
        before = thing.now
        raw: dict[str, Any] = {'action': 'edit', 'kind': thing.kind}
        raw |= {'name': before.name} if 'name' not in values and self._random.random() < 0.5 else {'id': thing.id}
        raw |= {'version': before.version} if self._random.random() < 0.5 else {}
        raw |= {key: value.name if isinstance(value, Thing) else value for key, value in values.items()}
        name, is_active = values.pop('name', before.name), before.is_active
        if self._random.random() < 0.3:
            raw['is_active'] = is_active = not is_active
        settings = {**before.settings, **values}
        return Edit(
            thing, replace(before, name=name, is_active=is_active, version=before.version + 1, settings=settings), raw
        )

    def _deleted(self, thing: Thing) -> Edit:
        which = {'id': thing.id} if self._random.random() < 0.5 else {'name': thing.name}
        return Edit(thing, None, {'action': 'delete', 'kind': thing.kind, **which})

    # What is attempted

    def create(self) -> Attempt | None:
        kind = self._random.choice([AUTH, CHANNEL])
        if sum(thing.kind == kind for thing in self.things) >= _MOST[kind]:
            return None
        return Attempt('create', [self._new(kind, self._some(AUTH) if kind == CHANNEL else None)])

    def edit(self) -> Attempt | None:
        thing = self._any()
        if thing is None:
            return None
        values = self._settings(thing.kind, self._some(AUTH))
        chosen = self._random.sample(sorted(values), self._random.randint(1, len(values)))
        unique = 'realm' if thing.kind == AUTH else 'url_path'  # so that something changes in any case
        return Attempt('edit', [self._edited(thing, **{name: values[name] for name in {*chosen, unique}})])

    def rename(self) -> Attempt | None:
        thing = self._any()
        return Attempt('rename', [self._edited(thing, name=self._text('renamed'))]) if thing is not None else None

    def delete(self) -> Attempt | None:
        thing = self._any()
        if thing is None or self._users(thing):
            return None
        return Attempt('delete', [self._deleted(thing)])

    def create_together(self) -> Attempt | None:
        if len(self.things) >= sum(_MOST.values()):
            return None
        auth = self._new(AUTH)
        assert auth.after is not None
        return Attempt('create together', [auth, self._new(CHANNEL, auth.thing, auth.after.name)])

    def delete_together(self) -> Attempt | None:
        auth = self._some(AUTH)
        if auth is None:
            return None
        return Attempt('delete together', [self._deleted(thing) for thing in (auth, *self._users(auth))])

    def swap_names(self) -> Attempt | None:
        return self._swap('name', lambda thing: thing.name, self._random.choice([AUTH, CHANNEL]))

    def swap_paths(self) -> Attempt | None:
        return self._swap('url_path', lambda thing: thing.now.settings['url_path'], CHANNEL)

    def _swap(self, key: str, read: Callable[[Thing], str], kind: str) -> Attempt | None:
        found = [thing for thing in self.things if thing.kind == kind]
        if len(found) < 2:
            return None
        size = self._random.randint(2, min(3, len(found)))
        chosen = self._random.sample(found, size)
        values = [read(thing) for thing in chosen]
        edits = [self._edited(thing, **{key: value}) for thing, value in zip(chosen, values[1:] + values[:1], strict=True)]
        for edit in edits:  # their own names will be others'
            edit.raw['id'] = edit.thing.id
            if key != 'name':
                edit.raw.pop('name', None)
        return Attempt(f'swap {key}', edits)

    # What must be refused

    def delete_what_is_used(self) -> Attempt | None:
        used = [thing for thing in self.things if self._users(thing)]
        return self._refused('delete what is used', self._deleted(used[0]), 409) if used else None

    def edit_an_old_version(self) -> Attempt | None:
        thing = self._any()
        if thing is None or thing.now.version == 1:
            return None
        edit = self._edited(thing, name=self._text('old'))
        edit.raw['version'] = self._random.randint(1, thing.now.version - 1)
        return self._refused('edit an old version', edit, 409)

    def take_a_name(self) -> Attempt | None:
        thing = self._any()
        if thing is None:
            return None
        edit = self._new(thing.kind)
        edit.raw['name'] = thing.name
        return self._refused('take a name', edit, 409)

    def take_a_path(self) -> Attempt | None:
        thing = self._some(CHANNEL)
        if thing is None:
            return None
        edit = self._new(CHANNEL)
        edit.raw |= {key: thing.now.settings[key] for key in ('url_path', 'method')}
        return self._refused('take a path', edit, 409)

    def set_what_there_is_not(self) -> Attempt:
        edit = self._new(CHANNEL)
        edit.raw['no_such_key'] = 1
        return self._refused('set what there is not', edit, 400)

    def refer_to_nothing(self) -> Attempt:
        return self._refused('refer to nothing', self._new(CHANNEL, security_name='nobody'), 400)

    def delete_what_is_gone(self) -> Attempt:
        raw = {'action': 'delete', 'kind': AUTH, 'id': 10**9}
        return self._refused('delete what is gone', Edit(Thing(AUTH), None, raw), 404)

    def _refused(self, what: str, edit: Edit, status: int) -> Attempt:
        """With another change, as good as any, half of the times: neither may be made."""
        good = [self._new(AUTH).raw] if self._random.random() < 0.5 else []
        return Attempt(what, [], [*good, edit.raw], refusal=status)


_WHAT: list[Callable[[Believer], Attempt | None]] = [
    Believer.create,
    Believer.edit,
    Believer.rename,
    Believer.delete,
    Believer.create_together,
    Believer.delete_together,
    Believer.swap_names,
    Believer.swap_paths,
    Believer.delete_what_is_used,
    Believer.edit_an_old_version,
    Believer.take_a_name,
    Believer.take_a_path,
    Believer.set_what_there_is_not,
    Believer.refer_to_nothing,
    Believer.delete_what_is_gone,
]
_WEIGHTS = [6, 8, 3, 3, 2, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1]


def is_as(
    stored: StoredObject | None,
    thing: Thing,
    state: State | None,
    services: Mapping[str, int],
    decrypt: Callable[[str], str],
) -> bool:
    """Is what the ODB has the thing in this state? services: IDs by name."""
    if stored is None or state is None:
        return stored is None and state is None
    expected: dict[str, Any] = {}
    for name, value in state.settings.items():
        expected[name] = value.id if isinstance(value, Thing) else services[value] if name == 'service' else value
    found = {name: decrypt(value) if name == 'password' else value for name, value in stored.settings.items()}
    return (
        (stored.kind, stored.name, stored.version, stored.is_active)
        == (thing.kind, state.name, state.version, state.is_active)
        and (not thing.id or stored.id == thing.id)
        and found == with_defaults(kinds()[thing.kind], expected)
    )
