"""The services of this process by name. Modules come and go whole: a swap is one step, running calls keep their class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zato.server.service.compiled import CompiledService


class ServiceStore:
    """Inactive services are there, but `get` does not find them."""

    def __init__(self) -> None:
        self._internal: dict[str, CompiledService] = {}
        self._modules: dict[str, dict[str, CompiledService]] = {}
        self._all: dict[str, CompiledService] = {}
        self._active: dict[str, CompiledService] = {}
        self._inactive: set[str] = set()

    def add_internal(self, services: Mapping[str, CompiledService]) -> None:
        """The built-in services, which stay."""
        self._internal.update(services)
        self._rebuild()

    def get(self, name: str) -> CompiledService | None:
        return self._active.get(name)

    def is_inactive(self, name: str) -> bool:
        """Is it deployed, and may not be invoked?"""
        return name in self._inactive and name in self._all

    def __iter__(self) -> Iterator[CompiledService]:
        return iter(self._all.values())

    def swap(self, modules: Mapping[str, Mapping[str, CompiledService]], removed: frozenset[str] = frozenset()) -> None:
        """Replace the services of `modules`, and of `removed` ones by nothing, in one step."""
        everything = {key: dict(services) for key, services in self._modules.items() if key not in removed}
        everything.update({key: dict(services) for key, services in modules.items()})
        self._modules = everything
        self._rebuild()

    def set_active(self, name: str, *, is_active: bool) -> None:
        if not is_active:
            self._inactive.add(name)
            self._active.pop(name, None)
        elif name in self._inactive:
            self._inactive.discard(name)
            if name in self._all:
                self._active[name] = self._all[name]

    def _rebuild(self) -> None:
        found = dict(self._internal)
        for services in self._modules.values():
            found.update(services)
        self._all = found
        self._active = {name: service for name, service in found.items() if name not in self._inactive}
