"""What the run-time halves of topics, endpoints and subscriptions have in common: all of it."""

from __future__ import annotations

from zato.common.config.stored import StoredObject
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject, Runtime
from zato.server.pubsub.registry import Registry


class Registered(Runtime):
    """Puts objects into the registry. One that is still among the stored ones when it is stopped is down, and not gone."""

    def __init__(self, registry: Registry, objects: ConfigObjects) -> None:
        self._registry = registry
        self._objects = objects

    def start(self, item: ConfigObject) -> None:
        self._registry.put(item)

    def stop(self, item: ConfigObject) -> None:
        self._registry.remove(item, is_gone=self._is_gone(item.id))

    def replace(self, old: ConfigObject, new: ConfigObject) -> None:
        self._registry.put(new)

    def hold(self, item: StoredObject) -> None:
        self._registry.hold(item)

    def release(self, id: int) -> None:
        self._registry.release(id, is_gone=self._is_gone(id))

    def _is_gone(self, id: int) -> bool:
        return id not in self._objects.stored
