"""The trace that a request belongs to goes along with what is invoked for it, in the background too."""

from __future__ import annotations

from zato.server.service import Service
from zato.testing import LocalServer

TRACE = ('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'vendor=1')


class Inner(Service):
    name = 'inner'
    traces: list[tuple[str, str]] = []  # noqa: RUF012  # of each run

    def handle(self) -> None:
        self.traces.append(self._call.trace)


class Middle(Service):
    name = 'middle'

    def handle(self) -> None:
        self.invoke_async(Inner)


class Outer(Service):
    name = 'outer'

    def handle(self) -> None:
        self.invoke(Inner)
        self.invoke_async(Inner)
        self.invoke_async(Middle)


def test_the_trace_of_a_request_goes_along_with_all_that_is_invoked_for_it(zato: LocalServer) -> None:
    zato.deploy(Inner, Middle)
    Inner.traces.clear()
    zato.rest(Outer, body={}, headers={'traceparent': TRACE[0], 'tracestate': TRACE[1]})
    zato.wait()
    assert Inner.traces == [TRACE] * 3


def test_without_a_trace_there_is_none(zato: LocalServer) -> None:
    zato.deploy(Inner, Middle)
    Inner.traces.clear()
    zato.invoke(Outer)
    zato.wait()
    assert Inner.traces == [('', '')] * 3
