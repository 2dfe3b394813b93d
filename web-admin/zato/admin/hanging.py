"""Servers that hang: each would hold whoever asks for as long as one waits for an answer, and soon all threads.

A server that took too long to answer, or to take the call, is asked for nothing until it answers a ping. Of all who want
something of it one pings, now and then; the others are told at once what was wrong.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic

from zato.client.admin import AdminClient, ServerError, ServerUnreachable

SLOW = 0.9  #: seconds; what fails within them holds nobody
LOOK = 1.0  #: seconds that a ping may take
PAUSE = 1.0  #: seconds between two


@dataclass(slots=True)
class _Hang:
    """text: what was wrong when it was asked. next_look: monotonic time."""

    text: str
    next_look: float = 0.0


class Hanging:
    """Shared by all threads."""

    def __init__(self) -> None:
        self._found: dict[str, _Hang] = {}  # by the server's name
        self._lock = Lock()

    def note(self, server: str, error: ServerUnreachable, seconds: float) -> None:
        """It did not answer. seconds: that it was waited for."""
        if seconds > SLOW:
            with self._lock:
                self._found.setdefault(server, _Hang(str(error)))

    def check(self, server: str, client: AdminClient) -> None:
        """Raises ServerUnreachable if it hangs still, as far as anybody knows."""
        with self._lock:
            hang = self._found.get(server)
            if hang is None:
                return
            now = monotonic()
            is_looking = now >= hang.next_look
            if is_looking:
                hang.next_look = now + 2 * LOOK + PAUSE  # to connect, and to be answered
        if not is_looking:
            raise ServerUnreachable(hang.text, was_sent=False)
        self._look(server, client, hang)

    def _look(self, server: str, client: AdminClient, hang: _Hang) -> None:
        """Raises ServerUnreachable."""
        try:
            with suppress(ServerError):  # an answer, whatever it is
                replace(client, timeout=LOOK, connect_timeout=LOOK).get('/zato/ping')
        except ServerUnreachable:
            hang.next_look = monotonic() + PAUSE
            raise ServerUnreachable(hang.text, was_sent=False) from None
        with self._lock:
            self._found.pop(server, None)
