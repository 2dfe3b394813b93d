"""`self.patterns` of one service."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zato.server.pattern.facade import Patterns
from zato.server.pattern.source import Apart, Source

if TYPE_CHECKING:
    from zato.server.service.base import Service


def patterns_of(service: Service) -> Patterns:
    invoker, call = service._invoker, service._call
    background = invoker.background
    return Patterns(
        Source(
            cid=call.cid,
            exists=invoker.exists,
            invoke=lambda name, payload: invoker.invoke_from(call, name, payload),
            invoke_async=service.invoke_async,
            spawn=background.start,
            spawn_all=background.start_all,
            apart=Apart(
                name=call.service.name,
                new_cid=invoker.cids.new,
                invoke=partial(invoker.invoke_apart, call.acting),
                wait=background.wait,
            ),
        )
    )
