"""What patterns need of the service that uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from zato.server.pattern.callback import Target, call_back


class InvokeApart(Protocol):
    """Runs a service in this greenlet and returns its response. Raises what it raises."""

    def __call__(self, target: str, payload: Any, *, cid: str, channel: str, in_reply_to: str = '') -> Any: ...


class Spawn(Protocol):
    """Runs a function in a greenlet of its own."""

    def __call__(self, function: Callable[..., Any], *args: Any) -> Any: ...


class SpawnAll(Protocol):
    """The same for each item of a list. Raises ServiceUnavailable, and runs none, where they are too many."""

    def __call__(self, function: Callable[..., Any], items: list[str], *args: Any) -> None: ...


class InvokeAsync(Protocol):
    """`self.invoke_async` of the service."""

    def __call__(self, name: Target, payload: Any = '', **options: Any) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """What goes on in the background has of the service: not its call, with all that it has received, which ends before.

    name: of the service. invoke: on behalf of it. wait: for seconds; true if the worker stops meanwhile.
    """

    name: str
    new_cid: Callable[[], str]
    invoke: InvokeApart
    wait: Callable[[float], bool]

    def call_back(self, names: list[str], told: dict[str, Any], cid: str, channel: str) -> None:
        """Invoke callbacks, one after another, each with a copy of `told`. cid: of what they are told."""
        for name in names:
            invoke = partial(self.invoke, name, dict(told), cid=self.new_cid(), channel=channel, in_reply_to=cid)
            call_back(name, self.name, cid, invoke)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The service itself, while it runs. exists: is there such a service? invoke: `self.invoke`."""

    cid: str
    exists: Callable[[str], bool]
    invoke: Callable[[str, Any], Any]
    invoke_async: InvokeAsync
    spawn: Spawn
    spawn_all: SpawnAll
    apart: Apart
