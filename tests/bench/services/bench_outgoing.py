"""Passes what it is sent on to another server, and its answer back."""

from __future__ import annotations

from zato.server.service import Service


class PassOn(Service):
    name = 'bench.pass-on'

    def handle(self) -> None:
        response = self.out.rest['bench'].conn.post(self.cid, self.request.payload)
        self.response.payload = response.data
