"""A REST channel as the pipeline runs it: where it is, who may come in, which service, how the answer looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from zato.common.config.kinds.channel_rest import PARAM
from zato.common.exception import ServiceUnavailable
from zato.server.channel.accept import ANYTHING, normalize
from zato.server.channel.cors import CORS
from zato.server.channel.format.base import DataFormat
from zato.server.http.message import Request, Response
from zato.server.security.definitions import Authenticator
from zato.server.service import data
from zato.server.service.channel_info import INVOKE, ChannelInfo
from zato.server.service.compiled import CompiledService

#: Puts what the service answered into what is sent: (its response, cid).
Envelope = Callable[[data.Response, str], Any]

#: By the ID of the definition that let a client in.
InfoOf = Callable[[int], ChannelInfo]

NO_LIMIT: Final = 2**62


class ChannelDown(ServiceUnavailable):
    """The channel is down; its alarm has told why, and calls, which anybody can make, are not logged"""


class Resolve(Protocol):
    """Names the service to run. Raises NotFound, Forbidden, ServiceUnavailable."""

    def __call__(self, params: dict[str, str], cid: str) -> CompiledService: ...


class Audit(Protocol):
    """Keeps messages in the audit log. Neither waits nor raises."""

    def received(self, request: Request, cid: str) -> None: ...

    def sent(self, request: Request, response: Response) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Channel:
    """path: with parameters in braces, as in '/a/{b}'. method: '' for any. security: None lets everybody in."""

    name: str
    path: str
    method: str = ''
    http_accept: str = ANYTHING  #: what the client must accept, as in 'application/json' or 'application/*'
    match_slash: bool = False  #: may parameters in the path have slashes in them?
    cors: CORS | None = None  #: None if pages of other origins may not call
    is_active: bool = True
    is_limited: bool = True  #: do rate limits apply? What administrators put them right with has none
    security: Authenticator | None = None
    resolve: Resolve
    format: DataFormat
    info: ChannelInfo = INVOKE  #: what services see as `self.channel`
    info_of: InfoOf | None = None  #: the same for each client, where not all come in by one definition
    envelope: Envelope | None = None
    merges_params: bool = True  #: are parameters of the URL part of the input?
    drops_path: bool = False  #: are those of the path the channel's own, and not the service's?
    is_path_first: bool = False  #: does the path go over the query string?
    is_message_first: bool = False  #: does the body go over the URL?
    is_query_payload: bool = False  #: is the query string the payload where there is no body?
    content_type: bytes = b''  #: of responses, b'' for that of the format
    is_gzip: bool = False  #: are responses compressed?
    timeout: float = 0.0  #: seconds that a service may take, 0 for no limit
    max_body: int = NO_LIMIT  #: bytes
    shown_path: bytes = b''  #: what logs have in place of a request's path; b'' for that path
    audit: Audit | None = None  #: None unless messages are kept in the audit log
    has_full_errors: bool = False  #: is the client told what went wrong inside a service?
    params: tuple[str, ...] = field(init=False)  #: names of the path's parameters, in order

    def __post_init__(self) -> None:
        object.__setattr__(self, 'http_accept', normalize(self.http_accept))
        object.__setattr__(self, 'params', tuple(PARAM.findall(self.path)))
