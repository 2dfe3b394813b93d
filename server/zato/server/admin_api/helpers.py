"""Small services for trying things out."""

from __future__ import annotations

from zato.server.service import Service


class Echo(Service):
    """Answers with what it was sent."""

    def handle(self) -> None:
        payload = self.request.payload
        self.response.payload = self.request.raw_request if payload is None else payload


class HelpersEcho(Echo):
    """The same, under a shorter name."""


class PubEcho(Echo):
    """The same, under the name that is meant for the public."""
