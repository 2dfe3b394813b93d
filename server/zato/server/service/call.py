"""One run of one service, and the correlation IDs that runs are told apart by."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from zato.common.log.cid import running_cid
from zato.server.security.principal import Principal

if TYPE_CHECKING:
    from zato.server.http.message import Request as HTTPMessage
    from zato.server.service.channel_info import ChannelInfo
    from zato.server.service.compiled import CompiledService
    from zato.server.service.data import Response

_CID_BYTES = 12
_CIDS_AT_ONCE = 256


class CIDs:
    """Correlation IDs: 96 bits from the system's random generator, as 24 hex digits. Make it after a fork."""

    def __init__(self) -> None:
        self._block = ''
        self._position = 0

    def new(self) -> str:
        position = self._position
        if position >= len(self._block):
            self._block = secrets.token_hex(_CID_BYTES * _CIDS_AT_ONCE)
            position = 0
        self._position = end = position + 2 * _CID_BYTES
        return self._block[position:end]


class Call:
    """`started`: monotonic seconds. `caller`: the run that waits for this one, if any. `principal`: who it is run for.

    in_reply_to: of callbacks, the cid of the call that they are told the result of. environ: `self.environ` of the service.
    response: that of a service that has failed, as far as it was. deadline: of this run alone, in monotonic seconds.
    """

    ended: float = 0.0
    in_reply_to: str = ''
    data_format: str = ''
    transport: str = ''
    job_type: str = ''
    response: Response | None = None
    deadline: float | None = None
    _environ: dict[str, Any] | None = None
    _acting: Principal | None = None
    _trace: tuple[str, str] = ('', '')

    def __init__(
        self,
        service: CompiledService,
        cid: str,
        channel: ChannelInfo,
        message: HTTPMessage | None,
        caller: Call | None,
        principal: Principal,
    ) -> None:
        self.service = service
        self.cid = cid
        self.channel = channel
        self.message = message
        self.caller = caller
        self.principal = principal
        self.greenlet = getcurrent()
        self.depth: int = caller.depth + 1 if caller is not None else 0
        self.started = monotonic()

    @property
    def trace(self) -> tuple[str, str]:
        """traceparent and tracestate (W3C Trace Context) that it was called with, '' where there are none."""
        if self.message is None:
            return self._trace
        headers = self.message.headers
        return headers.get(b'traceparent', b'').decode('latin-1'), headers.get(b'tracestate', b'').decode('latin-1')

    @trace.setter
    def trace(self, trace: tuple[str, str]) -> None:
        self._trace = trace

    @property
    def environ(self) -> dict[str, Any]:
        if self._environ is None:
            self._environ = {}
        return self._environ

    @environ.setter
    def environ(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    @property
    def started_utc(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=monotonic() - self.started)

    @property
    def seconds(self) -> float:
        """That it has taken so far, or took."""
        return (self.ended or monotonic()) - self.started

    @property
    def ended_utc(self) -> datetime | None:
        return datetime.now(UTC) - timedelta(seconds=monotonic() - self.ended) if self.ended else None

    @property
    def until(self) -> float | None:
        """The deadline, or that of a run that waits for this one, whichever is first. None if there is none."""
        found: float | None = None
        call: Call | None = self
        while call is not None:
            if call.deadline is not None and (found is None or call.deadline < found):
                found = call.deadline
            call = call.caller
        return found

    @property
    def acting(self) -> Principal:
        """Who acts: whom it is run for, or else the users' service that takes part in it, since that is trusted code."""
        if self._acting is None:
            self._acting = self._find_acting()
        return self._acting

    def _find_acting(self) -> Principal:
        call: Call | None = self
        while call is not None:
            if not call.service.is_internal:
                return Principal(f'service {call.service.name} (called by {self.principal.name})', 'admin')
            call = call.caller
        return self.principal


class StreamingCall:
    """The pieces of a call's response. The call is in `running` until the last one was taken, or it is closed."""

    def __init__(self, running: set[Call], call: Call, pieces: Iterator[bytes]) -> None:
        self._running = running
        self._call = call
        self._pieces = pieces
        running.add(call)

    def __iter__(self) -> StreamingCall:
        return self

    def __next__(self) -> bytes:
        logged_before = running_cid.set(self._call.cid)
        try:
            return next(self._pieces)
        except BaseException:
            self._end()
            raise
        finally:
            running_cid.reset(logged_before)

    def close(self) -> None:
        """Raises whatever the pieces' own `close` does."""
        self._end()
        close = getattr(self._pieces, 'close', None)
        if close is not None:
            close()

    def _end(self) -> None:
        if self._call in self._running:
            self._call.ended = monotonic()
            self._running.discard(self._call)
