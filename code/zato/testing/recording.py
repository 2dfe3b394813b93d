"""What was invoked in a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zato.server.service.call import Call
from zato.server.service.data import Request, Response
from zato.server.service.invoker import Invoker


@dataclass(slots=True)
class Invocation:
    """One run of a service. caller: name of the service that waits for it, '' if none does. channel: type of its channel.

    response and exception are set once it has ended.
    """

    service: str
    payload: Any
    cid: str
    channel: str
    caller: str
    response: Any = None
    exception: BaseException | None = None


class RecordingInvoker(Invoker):
    """invocations: all of them, in the order in which they began."""

    invocations: list[Invocation]

    def run(self, call: Call, request: Request) -> Response:
        caller = call.caller.service.name if call.caller is not None else ''
        invocation = Invocation(call.service.name, request.payload, call.cid, call.channel.type, caller)
        self.invocations.append(invocation)
        try:
            response = super().run(call, request)
        except BaseException as e:
            invocation.exception = e
            raise
        invocation.response = response.payload
        return response
