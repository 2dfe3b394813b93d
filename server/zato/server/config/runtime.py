"""What objects of a kind do in a worker: the run-time half of a kind, one module, found by its presence.

A half is a class made by `runtime('<kind>')` in one of the packages below. One instance serves all objects of the kind in a
worker; its `__init__` names by type what it needs, from what the worker has.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from zato.common.config.stored import StoredObject
from zato.common.exception import ConfigError

R = TypeVar('R', bound='type[Runtime]')

#: Where halves are.
PACKAGES = (
    'zato.server.security.types',
    'zato.server.connection.types',
    'zato.server.pubsub.types',
    'zato.server.service.types',
    'zato.server.channel.types',
)

_classes: dict[str, type[Runtime]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigObject:
    """An object as a worker uses it. settings: an instance of the kind's settings class, variables and secrets filled in."""

    id: int
    kind: str
    name: str
    is_active: bool
    version: int
    settings: Any


class Runtime:
    """Methods are called in one greenlet at a time and run no users' code. What they raise downs the object concerned."""

    def start(self, item: ConfigObject) -> None:
        """The object is there, active or not."""

    def stop(self, item: ConfigObject) -> None:
        """The object is gone, or about to be started anew."""

    def replace(self, old: ConfigObject, new: ConfigObject) -> None:
        """The object changed, or one that it refers to did."""
        self.stop(old)
        self.start(new)

    def hold(self, item: StoredObject) -> None:
        """The object is there, and is down: where that matters, nothing else takes its place. Must not raise."""

    def release(self, id: int) -> None:
        """What `hold` did ends; without effect if it did nothing."""

    def ping(self, item: ConfigObject) -> dict[str, Any]:
        """Is what it connects to there? Returns what to show. Raises what is wrong."""
        raise NotImplementedError


def runtime(kind: str) -> Callable[[R], R]:
    """Make a class the run-time half of a kind."""

    def register(cls: R) -> R:
        if _classes.setdefault(kind, cls) is not cls:
            raise ConfigError(f'kind {kind} has two run-time halves: {_classes[kind]!r} and {cls!r}')
        return cls

    return register


def make_runtimes(parts: Iterable[object]) -> Mapping[str, Runtime]:
    """An instance of each half by kind, given of `parts` what it asks for."""
    by_type = {type(part): part for part in parts}
    return {kind: cls(**_arguments(cls, by_type)) for kind, cls in runtimes().items()}


def runtimes() -> Mapping[str, type[Runtime]]:
    """All halves by kind. The first call imports them."""
    for package in PACKAGES:
        for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f'{package}.{info.name}')
    return _classes


def _arguments(cls: type[Runtime], by_type: Mapping[type, object]) -> dict[str, Any]:
    if cls.__init__ is object.__init__:
        return {}
    hints = get_type_hints(cls.__init__)
    return {name: by_type[hints[name]] for name in inspect.signature(cls).parameters}
