"""A service class as it is run: everything that can be known at deployment is found out then, not at each call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from zato.common.exception import MethodNotAllowed
from zato.server.service.base import Service

_VERB_PREFIX = 'handle_'


@dataclass(frozen=True, slots=True)
class CompiledService:
    """verbs: HTTP method → the function that handles it, empty if `handle` takes all of them."""

    name: str
    impl_name: str
    cls: type[Service]
    is_internal: bool
    handle: Callable[[Service], None] | None
    verbs: dict[bytes, Callable[[Service], None]]

    def handler(self, http_method: bytes | None) -> Callable[[Service], None]:
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
    return hasattr(cls, 'handle') or bool(_verbs(cls))


def _verbs(cls: type[Service]) -> dict[bytes, Callable[[Service], None]]:
    names = [attribute for attribute in dir(cls) if attribute.startswith(_VERB_PREFIX)]
    verbs = {attribute.removeprefix(_VERB_PREFIX): getattr(cls, attribute) for attribute in names}
    return {verb.encode(): function for verb, function in verbs.items() if verb.isupper()}


def compile_service(cls: type[Service], *, name: str = '', is_internal: bool = False) -> CompiledService:
    """`name` overrides the class's own. The class must have a handler."""
    name = name or cls.get_name()
    if 'logger' not in cls.__dict__:
        cls.logger = logging.getLogger(name)
    cls.name = name
    return CompiledService(
        name=name,
        impl_name=cls.get_impl_name(),
        cls=cls,
        is_internal=is_internal,
        handle=getattr(cls, 'handle', None),
        verbs=_verbs(cls),
    )
