"""A service class as it is run: everything that can be known at deployment is found out then, not at each call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from zato.common.exception import MethodNotAllowed
from zato.server.service.base import Service
from zato.server.service.json_schema import compile_schema
from zato.server.service.lifecycle import Lifecycle, lifecycle_of
from zato.server.service.simpleio.compiled import IO, compile_io
from zato.server.service.simpleio.names import DEFAULT_RULES, NameRules

_VERB_PREFIX = 'handle_'

Handle = Callable[[Service], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What is the server's own. schemas: where JSON Schemas with relative paths are."""

    rules: NameRules = DEFAULT_RULES
    schemas: Path | None = None


class Usage:
    """count: how often the service has run in this worker."""

    __slots__ = ('count',)

    def __init__(self) -> None:
        self.count = 0


@dataclass(frozen=True, slots=True, eq=False)
class CompiledService:
    """verbs: HTTP method → the function that handles it, empty if `handle` takes all of them.

    io: None where nothing is declared. lifecycle: None where there are no hooks.
    """

    name: str
    impl_name: str
    cls: type[Service]
    is_internal: bool
    handle: Handle | None
    verbs: dict[bytes, Handle]
    io: IO | None = None
    lifecycle: Lifecycle | None = None
    usage: Usage = field(default_factory=Usage)

    def handler(self, http_method: bytes | None) -> Handle:
        """What to call. `http_method` is None where the request did not come over HTTP. Raises MethodNotAllowed."""
        if self.verbs and (http_method is not None or self.handle is None):
            found = self.verbs.get(http_method) if http_method is not None else None
            if found is None:
                allowed = tuple(sorted(verb.decode() for verb in self.verbs))
                raise MethodNotAllowed(msg=f'Service {self.name} handles {", ".join(allowed)} only', allowed=allowed)
            return found
        assert self.handle is not None  # compile_service lets no other class through
        return self.handle


def has_handler(cls: type[Service]) -> bool:
    return cls.handle is not Service.handle or bool(_verbs(cls))


def _verbs(cls: type[Service]) -> dict[bytes, Handle]:
    names = [attribute for attribute in dir(cls) if attribute.startswith(_VERB_PREFIX)]
    verbs = {attribute.removeprefix(_VERB_PREFIX): getattr(cls, attribute) for attribute in names}
    return {verb.encode(): function for verb, function in verbs.items() if verb.isupper()}


def compile_service(
    cls: type[Service], *, name: str = '', is_internal: bool = False, options: CompileOptions | None = None
) -> CompiledService:
    """`name` overrides the class's own. The class must have a handler. Raises DeploymentError for a wrong declaration."""
    options = options or CompileOptions()
    name = name or cls.get_name()
    io = compile_io(cls, options.rules)
    validate = compile_schema(cls.schema, options.schemas, cls.__name__)
    verbs = _verbs(cls)
    if 'logger' not in cls.__dict__:
        cls.logger = logging.getLogger(name)
    cls.name = name
    cls.http_method_handlers = {verb.decode(): function for verb, function in verbs.items()}
    return CompiledService(
        name=name,
        impl_name=cls.get_impl_name(),
        cls=cls,
        is_internal=is_internal,
        handle=cls.handle if cls.handle is not Service.handle else None,
        verbs=verbs,
        io=io,
        lifecycle=lifecycle_of(cls, Service, validate),
    )
