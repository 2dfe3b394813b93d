"""A worker's configuration objects: stored ones, resolved in the server's environment, each handed to its run-time half."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from zato.common.alarm import Alarms
from zato.common.config.kind import Kind, kinds
from zato.common.config.stored import ObjectDown, StoredObject, references_of, resolve, without_defaults
from zato.common.exception import ConfigError
from zato.server.config.cooperation import Slices
from zato.server.config.runtime import ConfigObject, Runtime

logger = logging.getLogger(__name__)


class ConfigObjects:
    """decrypt: of secrets. An object that cannot be used as it is stored is down, with an alarm; all others go on.

    One greenlet at a time may call `put`; whoever reads meanwhile sees some objects as they were, others as they are now.
    """

    def __init__(self, environ: Mapping[str, str], decrypt: Callable[[str], str], alarms: Alarms) -> None:
        self._environ = environ
        self._decrypt = decrypt
        self._alarms = alarms
        self._runtimes: Mapping[str, Runtime] = {}
        self._stored: dict[int, StoredObject] = {}
        self._up: dict[int, ConfigObject] = {}
        self._down: dict[int, str] = {}  # why it is
        self._errors: dict[str, tuple[int, str]] = {}  # title → the event that tried last, why it is down
        self._refused: set[int] = set()  # of those that are down, what is no fault of their settings
        self.generation = 0  #: grows with each object that is used in another way than before
        self.changes = 0  #: grows with each change of `errors`
        self._failing: set[int] = set()  # those that are to be tried again in this very `put`
        self._event = 0
        self._ids: dict[tuple[str, str], int] = {}
        self._users: dict[int, set[int]] = {}  # of what is referred to
        self._order = {name: position for position, name in enumerate(kinds())}

    def use(self, runtimes: Mapping[str, Runtime]) -> None:
        """Call it before anything is put."""
        self._runtimes = runtimes

    def get(self, id: int) -> ConfigObject | None:
        """None if there is none, or it is down."""
        return self._up.get(id)

    def find_stored(self, kind: str, name: str) -> StoredObject | None:
        """None if there is none of that name; up or down."""
        id = self._ids.get((kind, name))
        return self._stored[id] if id is not None else None

    def error_of(self, id: int) -> str:
        """Why an object is down; '' if it is not."""
        return self._down.get(id, '')

    def users_of(self, id: int) -> list[StoredObject]:
        """What refers to an object, by ID."""
        return [self._stored[user] for user in sorted(self._users.get(id, ()))]

    @property
    def down(self) -> Mapping[int, str]:
        """Why objects are down, by ID."""
        return self._down

    @property
    def stored(self) -> Mapping[int, StoredObject]:
        """All objects by ID."""
        return self._stored

    @property
    def errors(self) -> Mapping[str, tuple[int, str]]:
        """By title: the event that an object was last tried to be used by, and why it is down."""
        return self._errors

    def as_dict(self) -> dict[int, dict[str, Any]]:
        """What this worker has, for comparisons with other workers and with the ODB."""
        return {
            item.id: {
                'kind': item.kind,
                'name': item.name,
                'version': item.version,
                'is_active': item.is_active,
                'error': self.error_of(item.id),
            }
            for item in self._stored.values()
        }

    def __len__(self) -> int:
        return len(self._stored)

    def put(self, changed: Iterable[StoredObject], gone: Collection[int] = (), event: int = 0) -> None:
        """Take over objects as they are stored now. gone: IDs of those that no longer are. event: that tells of it.

        What cannot be used at first is tried again after the others: it may want what one of them had until now. An object
        that is as it was is told to its half, and not to what refers to it.
        """
        self._event = event
        known = kinds()
        new = {item.id: without_defaults(known[item.kind], item) for item in changed if item.kind in known}
        going = [self._stored[id] for id in gone if id in self._stored]
        touched = {*new, *gone}
        same = {id for id, item in new.items() if id in self._up and self._stored[id] == item}
        users = self._users_of(touched - same) - touched
        attempts = _Attempts()
        for item in self._by_kind(new.values()):
            attempts.add(item, self._put(item))
        for item in self._by_kind(going, reverse=True):
            self._remove(item)
            attempts.now_and_then()
        for item in self._by_kind(self._stored[id] for id in users if id in self._stored):
            attempts.add(item, self._put(item))
        kinds_touched = {item.kind for item in (*new.values(), *going)}
        again = {item.id: item for item in attempts.failed}
        again.update((id, self._stored[id]) for id in self._refused if self._stored[id].kind in kinds_touched)
        for item in self._by_kind(again.values()):
            self._settle(item, self._put(item))
            attempts.now_and_then()
        self._failing.clear()

    def _settle(self, item: StoredObject, error: Exception | None) -> None:
        if isinstance(error, ObjectDown):
            self._set_down(item, str(error), 'it is down until it is edited, or the server gets what it lacks and restarts')
        elif error is not None:
            is_explained = isinstance(error, ConfigError)
            if item.id not in self._refused and not is_explained:
                logger.error('%s cannot be used', self._title(item), exc_info=error, extra={'action': 'object.failed'})
            title = self._title(item)
            what = (
                f'{title}: {str(error).removeprefix(f"{title}: ")}' if is_explained else f'{type(error).__name__}: {error}'
            )
            self._set_down(item, what, 'save it again, or restart')
            self._refused.add(item.id)

    def _by_kind(self, items: Iterable[StoredObject], *, reverse: bool = False) -> list[StoredObject]:
        return sorted(items, key=lambda item: self._order[item.kind], reverse=reverse)

    def _users_of(self, ids: Iterable[int]) -> set[int]:
        found: set[int] = set()
        todo = list(ids)
        while todo:
            for user in self._users.get(todo.pop(), ()):
                if user not in found:
                    found.add(user)
                    todo.append(user)
        return found

    def _put(self, item: StoredObject) -> Exception | None:
        """Returns why the object is down now."""
        kind = kinds()[item.kind]
        before = self._stored.get(item.id)
        self._forget(item.id)
        if before is not None and before.name != item.name:
            self._set_up(before)
        self._remember(item, kind)
        old = self._up.pop(item.id, None)
        half = self._runtimes.get(item.kind)
        try:
            try:
                new = self._resolve(item, kind)
            except ObjectDown:
                if old is not None and half is not None:
                    half.stop(old)
                raise
            if half is not None:
                half.release(item.id)
                if old is None:
                    half.start(new)
                else:
                    half.replace(old, new)
        except Exception as e:
            self._failing.add(item.id)
            if half is not None:
                half.hold(item)
            return e
        self._up[item.id] = new
        self.generation += 1
        self._failing.discard(item.id)
        self._set_up(item)
        return None

    def _resolve(self, item: StoredObject, kind: Kind) -> ConfigObject:
        settings = resolve(kind, item, self._environ, self._decrypt)
        for target in _needed(kind, item):
            if target in self._down or target in self._failing:
                raise ObjectDown(msg=f'{kind.title(item.name)}: {self._title(self._stored[target])}, which it uses, is down')
        return ConfigObject(
            id=item.id, kind=item.kind, name=item.name, is_active=item.is_active, version=item.version, settings=settings
        )

    def _set_down(self, item: StoredObject, what: str, what_to_do: str) -> None:
        """Nobody misses an object that is inactive anyway, so there is no alarm of it."""
        title = self._title(item)
        self._down[item.id] = what
        self.changes += 1
        if item.is_active:
            self._errors[title] = (self._event, what)
            self._alarms.begin(title, what, what_to_do, action='object.down')
        else:
            self._errors.pop(title, None)
            self._alarms.end(title)

    def _set_up(self, item: StoredObject) -> None:
        """It is no longer down, or gone, or has another name."""
        self._refused.discard(item.id)
        if self._down.pop(item.id, None) is not None:
            self._errors.pop(self._title(item), None)
            self.changes += 1
            self._alarms.end(self._title(item))

    def _remove(self, item: StoredObject) -> None:
        self._forget(item.id)
        self._stored.pop(item.id, None)
        self._set_up(item)
        old = self._up.pop(item.id, None)
        half = self._runtimes.get(item.kind)
        if half is None:
            return
        try:
            half.release(item.id)
            if old is not None:
                half.stop(old)
        except Exception:
            logger.exception('%s could not be stopped', self._title(item), extra={'action': 'object.failed'})

    def _remember(self, item: StoredObject, kind: Kind) -> None:
        self._stored[item.id] = item
        self._ids[item.kind, item.name] = item.id
        for _, target in references_of(kind, item.settings):
            self._users.setdefault(target, set()).add(item.id)

    def _forget(self, id: int) -> None:
        old = self._stored.get(id)
        if old is None:
            return
        if self._ids.get((old.kind, old.name)) == id:
            del self._ids[old.kind, old.name]
        for _, target in references_of(kinds()[old.kind], old.settings):
            self._users.get(target, set()).discard(id)

    @staticmethod
    def _title(item: StoredObject) -> str:
        return kinds()[item.kind].title(item.name)


class _Attempts:
    """Objects that are taken over one after the other, requests running in between; but not while one has let go of what it
    had, and another one not yet of what that one is to have.
    """

    def __init__(self) -> None:
        self.failed: list[StoredObject] = []
        self._slices = Slices()
        self._is_halfway = False

    def add(self, item: StoredObject, error: Exception | None) -> None:
        if error is not None:
            self.failed.append(item)
            self._is_halfway = self._is_halfway or not isinstance(error, ObjectDown)
        self.now_and_then()

    def now_and_then(self) -> None:
        if not self._is_halfway:
            self._slices.now_and_then()


def _needed(kind: Kind, item: StoredObject) -> Iterator[int]:
    """Those of what it refers to that it cannot be used without; a list is as good as those of it that are up."""
    for name, declared in kind.references.items():
        target = item.settings.get(name)
        if target and not declared.is_many:
            yield target
