"""What a service has to be done by, which goes along with whatever it invokes."""

from __future__ import annotations

from time import monotonic

from zato.server.service import Service
from zato.testing import LocalServer


class Inner(Service):
    name = 'inner'

    def handle(self) -> None:
        until = self._call.until
        self.response.payload = None if until is None else round(until - monotonic())


class Outer(Service):
    name = 'outer'

    def handle(self) -> None:
        self.response.payload = self.invoke(Inner, timeout=self.request.input.get('timeout', 0))


def test_without_a_timeout_there_is_no_deadline(zato: LocalServer) -> None:
    zato.deploy(Inner)
    assert zato.invoke(Outer) is None
    assert zato.rest(Outer, body={}).body == b''


def test_the_timeout_of_a_channel_is_the_deadline_of_all_that_it_runs(zato: LocalServer) -> None:
    zato.deploy(Inner)
    assert zato.rest(Inner, body={}, timeout=60.0).json() == 60
    assert zato.rest(Outer, body={}, timeout=60.0).json() == 60


def test_the_timeout_of_an_invocation_is_a_deadline_unless_there_is_an_earlier_one(zato: LocalServer) -> None:
    zato.deploy(Inner)
    assert zato.rest(Outer, body={'timeout': 30}, timeout=60.0).json() == 30
    assert zato.rest(Outer, body={'timeout': 90}, timeout=60.0).json() == 60
    assert zato.invoke(Outer, {'timeout': 30}) == 30
