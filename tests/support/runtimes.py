"""The run-time halves of some kinds, without the parts of a worker that other kinds ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec

from zato.server.config import runtime
from zato.server.config.runtime import Runtime


def runtimes_of(kinds: Iterable[str], parts: Iterable[object]) -> Mapping[str, Runtime]:
    """As make_runtimes, for these kinds."""
    by_type = {type(part): part for part in parts}
    found = {}
    for kind in kinds:
        (module,) = (name for package in runtime.PACKAGES if find_spec(name := f'{package}.{kind}') is not None)
        import_module(module)
        cls = runtime._classes[kind]
        found[kind] = cls(**runtime._arguments(cls, by_type))
    return found
