"""`zato.ping`: is the server there?"""

from __future__ import annotations

from zato.server.service import Service


class Ping(Service):
    """Answers `{"pong": "zato"}`."""

    def handle(self) -> None:
        self.response.payload = {'pong': 'zato'}


class PubPing(Ping):
    """The same under the name that is meant for the public."""
