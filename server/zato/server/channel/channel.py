"""A REST channel as the pipeline runs it: where it is, who may come in, which service, how the answer looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from zato.server.http.message import Request, Response
from zato.server.security.basic_auth import BasicAuth
from zato.server.service import data
from zato.server.service.compiled import CompiledService

#: Turns what the service answered into a response: (its response, cid, name of the channel).
Render = Callable[[data.Response, str, str], Response]


class Resolve(Protocol):
    """Names the service to run. Raises NotFound, Forbidden."""

    def __call__(self, params: dict[str, str], cid: str) -> CompiledService: ...


class Parse(Protocol):
    """Makes the service's request. Raises BadRequest."""

    def __call__(self, request: Request, params: dict[str, str]) -> data.Request: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """security: None lets everybody in. param: name of the path's last part if it is variable, as in '/a/b/{name}'."""

    name: str
    path: str
    param: str = ''
    security: BasicAuth | None = None
    resolve: Resolve
    parse: Parse
    render: Render
    has_full_errors: bool = False  #: is the client told what went wrong inside a service?


class Routes:
    """Finds the channel of a path: exact ones first, then those whose last part is variable, the longest first."""

    def __init__(self, channels: list[Channel]) -> None:
        self._exact = {channel.path.encode(): channel for channel in channels if not channel.param}
        self._prefixes = sorted(
            ((channel.path.encode(), channel) for channel in channels if channel.param), key=lambda item: -len(item[0])
        )

    def match(self, path: bytes) -> tuple[Channel, bytes] | None:
        """The channel, and the variable part of the path as sent. None if there is no such path."""
        channel = self._exact.get(path)
        if channel is not None:
            return channel, b''
        for prefix, candidate in self._prefixes:
            if path.startswith(prefix):
                rest = path[len(prefix) :]
                if rest and b'/' not in rest:
                    return candidate, rest
        return None
