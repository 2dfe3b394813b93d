"""A registry with objects in it, as a worker's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.odb import KEY
from tests.support.runtimes import runtimes_of
from zato.common.alarm import Alarms
from zato.common.config.stored import StoredObject
from zato.common.crypto import Cipher
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.registry import ENDPOINT, SUBSCRIPTION, TOPIC, Registry


def topic(id: int = 1, name: str = '/a', **kwargs: Any) -> StoredObject:
    return _stored(id, TOPIC, name, **kwargs)


def endpoint(id: int = 2, name: str = 'e', **kwargs: Any) -> StoredObject:
    return _stored(id, ENDPOINT, name, **{'endpoint_type': 'rest', 'topic_patterns': 'pub=/*\nsub=/*', **kwargs})


def subscription(id: int = 3, name: str = '', **kwargs: Any) -> StoredObject:
    settings = {'topic': 1, 'endpoint': 2, 'sub_key': f'zpsk.rest.{id}', 'delivery_method': 'pull', **kwargs}
    return _stored(id, SUBSCRIPTION, name or f's{id}', **settings)


def _stored(id: int, kind: str, name: str, *, is_active: bool = True, version: int = 1, **settings: Any) -> StoredObject:
    return StoredObject(id=id, kind=kind, name=name, is_active=is_active, version=version, settings=settings)


class Told:
    """What a listener was told, by the names of the objects."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, ...]] = []
        self.fails = False

    def subscribed(self, item: ConfigObject) -> None:
        self._add('subscribed', item.name)

    def changed(self, old: ConfigObject, new: ConfigObject) -> None:
        self._add('changed', old.name, new.name)

    def suspended(self, item: ConfigObject) -> None:
        self._add('suspended', item.name)

    def unsubscribed(self, item: ConfigObject) -> None:
        self._add('unsubscribed', item.name)

    def topic_changed(self, old: ConfigObject | None, new: ConfigObject | None) -> None:
        self._add('topic', old and old.name, new and new.name)

    def _add(self, *what: Any) -> None:
        self.all.append(what)
        if self.fails:
            raise ZeroDivisionError('it fails')


class Registered:
    """The registry of a worker whose objects are put here."""

    def __init__(self, *items: StoredObject) -> None:
        self.registry = Registry()
        self.told = Told()
        self.objects = ConfigObjects({}, Cipher(KEY).decrypt, Alarms())
        self.objects.use(runtimes_of([TOPIC, ENDPOINT, SUBSCRIPTION], [self.registry, self.objects]))
        self.registry.listen(self.told)
        self.put(*items)

    def put(self, *items: StoredObject, gone: Iterable[int] = ()) -> list[tuple[Any, ...]]:
        """Returns what the listener was told."""
        self.told.all.clear()
        self.objects.put(items, list(gone))
        return list(self.told.all)
