"""A REST channel as the pipeline runs it: where it is, who may come in, which service, how the answer looks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from zato.server.http.message import Request, Response
from zato.server.security.definitions import Authenticator
from zato.server.service import data
from zato.server.service.compiled import CompiledService

#: Turns what the service answered into a response: (its response, cid, name of the channel).
Render = Callable[[data.Response, str, str], Response]

PARAM = re.compile(r'\{([^{}/]*)\}')


class Resolve(Protocol):
    """Names the service to run. Raises NotFound, Forbidden, ServiceUnavailable."""

    def __call__(self, params: dict[str, str], cid: str) -> CompiledService: ...


class Parse(Protocol):
    """Makes the service's request. Raises BadRequest."""

    def __call__(self, request: Request, params: dict[str, str]) -> data.Request: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Channel:
    """path: with parameters in braces, as in '/a/{b}'. method: '' for any. security: None lets everybody in."""

    name: str
    path: str
    method: str = ''
    is_active: bool = True
    security: Authenticator | None = None
    resolve: Resolve
    parse: Parse
    render: Render
    has_full_errors: bool = False  #: is the client told what went wrong inside a service?
    params: tuple[str, ...] = field(init=False)  #: names of the path's parameters, in order

    def __post_init__(self) -> None:
        object.__setattr__(self, 'params', tuple(PARAM.findall(self.path)))
