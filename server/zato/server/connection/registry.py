"""The outgoing connections of a worker, whatever their kind."""

from __future__ import annotations

from typing import Protocol

from zato.common.config.kind import kinds
from zato.common.config.option import nearest
from zato.common.exception import ConnectionDown, ConnectionMissing
from zato.server.config.objects import ConfigObjects


class Connection(Protocol):
    def close(self) -> None:
        """What runs goes on; nothing more is begun. Idempotent."""


class OutgoingConnections:
    """By kind and name. Run-time halves of connections put here what services call; names are those of the objects."""

    def __init__(self, objects: ConfigObjects) -> None:
        self._objects = objects
        self._by_id: dict[int, Connection] = {}

    def put(self, id: int, connection: Connection) -> None:
        self._by_id[id] = connection

    def remove(self, id: int) -> Connection | None:
        """Returns the one that was there, if any."""
        return self._by_id.pop(id, None)

    def by_id(self, id: int) -> Connection | None:
        """None if there is none, or it is down."""
        return self._by_id.get(id)

    def get(self, kind: str, name: str) -> Connection:
        """Raises ConnectionMissing, ConnectionDown."""
        stored = self._objects.find_stored(kind, name)
        if stored is None:
            raise ConnectionMissing(msg=f'There is no {kinds()[kind].label} `{name}`{nearest(str(name), self.names(kind))}')
        found = self._by_id.get(stored.id)
        if found is None:
            title = kinds()[kind].title(name)
            raise ConnectionDown(msg=self._objects.error_of(stored.id) or f'{title} is not there yet, or no longer')
        return found

    def exists(self, kind: str, name: object) -> bool:
        """Up or down."""
        return isinstance(name, str) and self._objects.find_stored(kind, name) is not None

    def names(self, kind: str) -> list[str]:
        """Sorted; up or down."""
        return sorted(item.name for item in self._objects.stored.values() if item.kind == kind)

    def close(self) -> None:
        """The worker ends."""
        for connection in self._by_id.values():
            connection.close()
