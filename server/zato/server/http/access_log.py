"""logs/http_access.log: a line a request, written in batches since one write a request would cost as much as the answer.

Fields as in classic Zato: client, cid/seconds, "channel", [local time], "method path version", status, size, "-", "agent".
Paths are logged without their query string, which may hold what nobody should read, nor parameters that are secrets.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zato.common.log.writers import BufferedLines
    from zato.server.http.message import Request, Response

_ODD = re.compile(r'["\\]|[^ -~]')
_AT_ONCE = 200  #: lines that are written without waiting for the next flush


class AccessLog:
    """`lines` is None where nobody wants the log."""

    def __init__(self, lines: BufferedLines | None) -> None:
        self._lines = lines
        self._waiting = 0
        self._second = 0
        self._time = ''

    def add(self, request: Request, response: Response, size: int, seconds: float) -> None:
        """size: bytes of the body. seconds: from the end of the request's head to the end of the answer."""
        if self._lines is None:
            return
        self._append(
            f'{request.peer} {response.cid}/{seconds:.6f} "{response.channel}" {self._now()} '
            f'"{request.method.decode()} {_quoted(request.shown_path)} {request.version.decode()}" '
            f'{response.status} {size} "-" "{_quoted_agent(request.headers.get(b"user-agent", b"-"))}"'
        )

    def add_rejected(self, peer: str, response: Response) -> None:
        """For what could not be read as a request."""
        self._append(f'{peer} {response.cid}/0.000000 "-" {self._now()} "-" {response.status} {response.size} "-" "-"')

    def flush(self) -> None:
        self._waiting = 0
        if self._lines is not None:
            self._lines.flush()

    def _append(self, line: str) -> None:
        if self._lines is None:
            return
        self._lines.add(line)
        self._waiting += 1
        if self._waiting >= _AT_ONCE:
            self.flush()

    def _now(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._time = time.strftime('[%d/%b/%Y:%H:%M:%S %z]', time.localtime(now))
        return self._time


def _quoted(raw: bytes) -> str:
    """As text that is ready to stand between quotes: nothing in it ends them, starts a line, or speaks to a terminal."""
    text = raw.decode('latin-1')
    if text.isascii() and text.isprintable() and b'"' not in raw and b'\\' not in raw:
        return text
    return _ODD.sub(lambda odd: '\\' + odd[0] if odd[0] in '"\\' else f'\\x{ord(odd[0]):02x}', text)


_quoted_agent = lru_cache(maxsize=256)(_quoted)
