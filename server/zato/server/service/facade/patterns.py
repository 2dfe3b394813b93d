"""`self.patterns` of one service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zato.server.pattern.facade import Patterns
from zato.server.pattern.source import Source

if TYPE_CHECKING:
    from zato.server.service.base import Service


def patterns_of(service: Service) -> Patterns:
    invoker, call = service._invoker, service._call

    def invoke_apart(target: str, payload: Any, *, cid: str, channel: str, in_reply_to: str = '') -> Any:
        return invoker.invoke_apart(call, target, payload, cid=cid, channel=channel, in_reply_to=in_reply_to)

    return Patterns(
        Source(
            name=call.service.name,
            cid=call.cid,
            new_cid=invoker.cids.new,
            exists=lambda name: invoker.store.get(name) is not None,
            invoke=lambda name, payload: invoker.invoke_from(call, name, payload),
            invoke_async=service.invoke_async,
            invoke_apart=invoke_apart,
            spawn=invoker.background.start,
            spawn_all=invoker.background.start_all,
            wait=invoker.background.wait,
        )
    )
