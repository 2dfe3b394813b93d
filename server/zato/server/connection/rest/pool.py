"""The connections of one outgoing connection object in one worker: how many there may be, and which are idle."""

from __future__ import annotations

from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

from zato.server.config.cooperation import Places
from zato.server.connection.rest.origin import Origin

#: Seconds. Firewalls forget connections that are idle for long, and then let nothing through, without a word.
LONGEST_IDLE: Final = 60.0


class Pooled(Protocol):
    @property
    def origin(self) -> Origin: ...

    @property
    def is_usable(self) -> bool:
        """Has the other side neither closed it nor sent anything?"""

    def close(self) -> None: ...


C = TypeVar('C', bound=Pooled)


class Pool(Generic[C]):
    """At most `size` connections are open at a time, those in use and those that are idle, whatever their origins.

    Who acquired a place takes an idle connection or makes a new one, and gives it back with `put` or closes it before the
    place is released.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._places = Places(size)
        self._idle: list[tuple[C, float]] = []  #: with since when (monotonic seconds), the longest idle one first
        self._is_closed = False

    def acquire(self, seconds: float) -> bool:
        """Wait for a place, in line. Returns False if there is none in that time."""
        return self._places.acquire(seconds)

    def release(self) -> None:
        self._places.release()

    def take(self, origin: Origin) -> C | None:
        """The connection that was idle for the shortest time; None after there is room for a new one."""
        now = monotonic()
        for index in range(len(self._idle) - 1, -1, -1):
            connection, since = self._idle[index]
            if connection.origin == origin:
                del self._idle[index]
                if now - since < LONGEST_IDLE and connection.is_usable:
                    return connection
                connection.close()
        while self._idle and self._places.taken + len(self._idle) > self._size:
            self._idle.pop(0)[0].close()
        return None

    def put(self, connection: C) -> None:
        """It is idle from now on."""
        if self._is_closed:
            connection.close()
        else:
            self._idle.append((connection, monotonic()))

    def close(self) -> None:
        """Idle connections are closed, and those in use once they are put back."""
        self._is_closed = True
        while self._idle:
            self._idle.pop()[0].close()
