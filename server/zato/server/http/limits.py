"""What one HTTP client may use of a worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes are bytes, times are seconds. Defaults are those of server.conf, stanza [http]."""

    request_line: int = 8192  #: method, target and version; longer: 414
    head: int = 32768  #: request line and all headers; longer: 431
    headers: int = 100  #: how many headers; more: 431
    body: int = 10_485_760  #: after removing chunked framing; longer: 413
    head_timeout: float = 15.0  #: from the first byte of a request to the end of its headers, then 408
    block_timeout: float = 30.0  #: for each `BLOCK` bytes of a body to arrive or of a response to be taken
    keepalive: float = 60.0  #: an idle connection is closed after this
    connections: int = 10_000  #: open at once in one worker; more wait in the listen queue
    tls_handshake_timeout: float = 10.0
    tls_handshakes: int = 200  #: under way at once in one worker; of more, the oldest one is closed


#: A peer that moves less than this in `block_timeout` seconds is too slow; it bounds trickling senders and readers alike.
BLOCK = 65_536
