"""The services of this process by name. Modules come and go whole: a swap is one step, running calls keep their class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zato.server.service.compiled import CompiledService


class ServiceStore:
    def __init__(self, internal: Mapping[str, CompiledService]) -> None:
        """`internal`: the built-in services, which stay."""
        self._internal = dict(internal)
        self._modules: dict[str, dict[str, CompiledService]] = {}
        self._by_name: dict[str, CompiledService] = dict(internal)

    def get(self, name: str) -> CompiledService | None:
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[CompiledService]:
        return iter(self._by_name.values())

    def swap(self, modules: Mapping[str, Mapping[str, CompiledService]], removed: frozenset[str] = frozenset()) -> None:
        """Replace the services of `modules`, and of `removed` ones by nothing, in one step."""
        everything = {key: dict(services) for key, services in self._modules.items() if key not in removed}
        everything.update({key: dict(services) for key, services in modules.items()})
        by_name = dict(self._internal)
        for services in everything.values():
            by_name.update(services)
        self._modules, self._by_name = everything, by_name
