"""What patterns need of the service that uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

#: A service, by name or class.
Target = str | type[Any]


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
class Source:
    """name: of the service. exists: is there such a service? wait: for seconds; true if the worker stops meanwhile.

    invoke: `self.invoke`.
    """

    name: str
    cid: str
    new_cid: Callable[[], str]
    exists: Callable[[str], bool]
    invoke: Callable[[str, Any], Any]
    invoke_async: InvokeAsync
    invoke_apart: InvokeApart
    spawn: Spawn
    spawn_all: SpawnAll
    wait: Callable[[float], bool]


def name_of(target: Target) -> str:
    name: str = target if isinstance(target, str) else target.get_name()
    return name


def names_of(callbacks: Any, what: str, source: Source) -> list[str]:
    """Callbacks by name. Raises ValueError if one does not exist."""
    is_one = isinstance(callbacks, str) or hasattr(callbacks, 'get_name')
    items = [] if not callbacks else [callbacks] if is_one else list(callbacks)
    names = [name_of(item) for item in items]
    for name in names:
        if not source.exists(name):
            raise ValueError(f'{what}: there is no service {name}')
    return names


def now_utc() -> str:
    """ISO 8601 without a zone, as all times in callbacks are."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
