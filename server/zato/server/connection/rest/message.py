"""What goes through the transport of outgoing HTTP calls, and how that is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zato.server.connection.rest.answer_headers import AnswerHeaders

#: Methods whose requests say nothing of a body that they do not have (source: RFC 9110, 8.6).
WITHOUT_BODY: Final = frozenset({'GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """One request as it is sent. url: absolute, percent-encoded. headers: Content-Length is made from the body.

    follows_redirects: False gives the redirect itself. private_headers: in lower case, those that must not follow one to
    another origin; credentials and cookies never do.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b'', repr=False)
    follows_redirects: bool = True
    private_headers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """The answer, read whole and decompressed. url: after redirects. seconds: since the call began, redirects included."""

    status: int
    reason: str
    headers: AnswerHeaders = field(repr=False)
    body: bytes = field(repr=False)
    url: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """title: begins error texts, such as "Outgoing REST connection `CRM`". Times in seconds, max_response in bytes.

    connect_timeout: 0 is as timeout. max_redirects: 0 gives the redirect itself.
    """

    title: str
    timeout: float
    connect_timeout: float
    pool_size: int
    max_redirects: int
    max_response: int
    tls_verify: bool = True
    ca_certs: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
