"""Runs services: for channels, for other services, in the background. Knows what runs right now."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent

from zato.common.exception import ZatoException
from zato.server.security.principal import Principal
from zato.server.service.base import Service
from zato.server.service.data import Request, Response

if TYPE_CHECKING:
    from zato.server.http.message import Request as HTTPMessage
    from zato.server.service.compiled import CompiledService
    from zato.server.service.store import ServiceStore

logger = logging.getLogger(__name__)

_CID_BYTES = 12
_CIDS_AT_ONCE = 256
_MAX_DEPTH = 100  #: services that may be waiting for one another


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
    """One run of one service. `started`: monotonic seconds. `caller`: the run that waits for this one, if any.

    `principal`: who it is run for.
    """

    __slots__ = ('caller', 'channel', 'cid', 'depth', 'message', 'principal', 'service', 'started')

    def __init__(
        self,
        service: CompiledService,
        cid: str,
        channel: str,
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
        self.depth: int = caller.depth + 1 if caller is not None else 0
        self.started = monotonic()

    @property
    def acting(self) -> Principal:
        """Who acts: whom it is run for, or else the users' service that takes part in it, since that is trusted code."""
        call: Call | None = self
        while call is not None:
            if not call.service.is_internal:
                return Principal(f'service {call.service.name} (called by {self.principal.name})', 'admin')
            call = call.caller
        return self.principal


class Invoker:
    """`user_config` returns what services see as `self.user_config`."""

    def __init__(self, store: ServiceStore, user_config: Callable[[], Any]) -> None:
        self.store = store
        self.user_config = user_config
        self.cids = CIDs()
        self.running: set[Call] = set()
        self.invoked = 0  #: how many calls there have been
        self._background: set[gevent.Greenlet[..., None]] = set()

    def run(self, call: Call, request: Request) -> Response:
        """Run the service of `call`. Its exceptions come through as they are."""
        compiled = call.service
        message = call.message
        handle = compiled.handler(message.method if message is not None else None)
        service = compiled.cls()
        service.cid = call.cid
        service.channel = call.channel
        service.request = request
        service.response = response = Response()
        service._invoker = self
        service._call = call
        self.invoked += 1
        running = self.running
        running.add(call)
        try:
            handle(service)
        finally:
            running.discard(call)
        return response

    def invoke_from(self, caller: Call, name: str | type[Service], payload: Any) -> Any:
        """`self.invoke`: as documented there."""
        compiled = self._find(name if isinstance(name, str) else name.get_name())
        if compiled.name == caller.service.name:
            raise ZatoException(caller.cid, f'Service {compiled.name} cannot invoke itself')
        call = Call(compiled, caller.cid, 'invoke', caller.message, caller, caller.principal)
        if call.depth > _MAX_DEPTH:
            raise ZatoException(caller.cid, f'More than {_MAX_DEPTH} services wait for one another: {_chain(call)}')
        return self.run(call, Request(payload, payload)).payload

    def invoke_async(self, name: str, payload: Any, principal: Principal, *, channel: str) -> str:
        """Start a service in the background. Returns its cid; its exceptions go to the log."""
        cid = self.cids.new()
        call = Call(self._find(name), cid, channel, None, None, principal)
        greenlet = gevent.spawn(self._run_in_background, call, payload)
        self._background.add(greenlet)
        greenlet.rawlink(self._background.discard)
        return cid

    def invoke_async_from(self, caller: Call, name: str, payload: Any) -> str:
        """`self.invoke_async`: as documented there."""
        return self.invoke_async(name, payload, caller.acting, channel='invoke-async')

    def finish(self, timeout: float) -> list[Call]:
        """Wait for what runs in the background, at most `timeout` seconds. Returns what still runs, there or elsewhere."""
        gevent.joinall(list(self._background), timeout=timeout)
        return list(self.running)

    def kill(self) -> None:
        """End what runs in the background."""
        gevent.killall(list(self._background), block=False)

    def _find(self, name: str) -> CompiledService:
        found = self.store.get(name)
        if found is None:
            problem = 'Service is inactive' if self.store.is_inactive(name) else 'No such service'
            raise KeyError(f'{problem}: {name}')
        return found

    def _run_in_background(self, call: Call, payload: Any) -> None:
        try:
            self.run(call, Request(payload, payload))
        except gevent.GreenletExit:
            return  # the worker stops, and has logged what it cuts off
        except BaseException:  # whatever a service raises is its failure, not the worker's end
            logger.exception(
                'Service %s failed in the background (cid: %s)',
                call.service.name,
                call.cid,
                extra={'action': 'service.failed', 'cid': call.cid},
            )


def _chain(call: Call | None) -> str:
    names: list[str] = []
    while call is not None and len(names) < 5:
        names.append(call.service.name)
        call = call.caller
    return ' <- '.join(names) + ' <- …'
