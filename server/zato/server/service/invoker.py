"""Runs services: for channels, for other services, in the background. Knows what runs right now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
from gevent import get_hub

from zato.common.exception import Inactive, ServiceMissingException, ZatoException
from zato.common.log.cid import running_cid
from zato.server.config.cooperation import Interrupted, Stopped
from zato.server.pattern.callback import name_of, names_of
from zato.server.security.principal import Principal
from zato.server.service.background import Background
from zato.server.service.base import Service
from zato.server.service.call import Call, CIDs, StreamingCall
from zato.server.service.channel_info import INVOKE, channel_of_type
from zato.server.service.data import Request, Response
from zato.server.service.facade.crypto import STORED_PREFIX
from zato.server.service.invocation import call_back, prepared
from zato.server.service.simpleio.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from zato.server.service.channel_info import ChannelInfo
    from zato.server.service.compiled import CompiledService
    from zato.server.service.facades import Facades
    from zato.server.service.store import ServiceStore

logger = logging.getLogger(__name__)

_MAX_DEPTH = 100  #: services that may be waiting for one another
_CALLBACK_SUFFIX = '-async-callback'


class Cancelled(Interrupted):
    """An administrator has cancelled the call. Thrown into its greenlet; services cannot catch it by mistake."""


class Invoker:
    """find_id: name of the service that has an ID, None if none has."""

    def __init__(
        self, store: ServiceStore, facades: Facades, find_id: Callable[[int], str | None] = lambda id: None
    ) -> None:
        self.store = store
        self.facades = facades
        self.cids = CIDs()
        self.running: set[Call] = set()
        self.invoked = 0  #: how many calls there have been
        self.background = Background()
        self._find_id = find_id

    def run(self, call: Call, request: Request) -> Response:
        """Run the service of `call`. Its exceptions come through as they are."""
        compiled = call.service
        message = call.message
        handle = compiled.handler(message.method if message is not None else None) if compiled.verbs else compiled.handle
        service = compiled.cls()
        service.cid = call.cid
        service.request = request
        service.response = response = Response()
        service._invoker = self
        service._call = call
        self.invoked += 1
        compiled.usage.count += 1
        running = self.running
        running.add(call)
        logged_before = running_cid.set(call.cid) if call.caller is None else None  # else it is the same
        io = compiled.io
        is_accepted = True
        try:
            if io is not None:
                if io.parse is not None:
                    self._parse(service, request, compiled)
                if io.render is not None:
                    response.payload = Payload()
            if compiled.lifecycle is None:
                handle(service)  # type: ignore[misc]  # compile_service lets no class without it through
            else:
                is_accepted = compiled.lifecycle.run(service, handle)  # type: ignore[arg-type]  # as above
            if io is not None and io.render is not None and is_accepted:
                payload = response.payload
                if type(payload) is dict or not hasattr(type(payload), '__next__'):  # what is streamed is sent as it comes
                    response.payload = io.render(payload)
        except BaseException:
            call.response = response
            raise
        finally:
            call.ended = monotonic()
            running.discard(call)
            if logged_before is not None:
                running_cid.reset(logged_before)
        return response

    def invoke_from(
        self,
        caller: Call,
        target: str | type[Service],
        payload: Any,
        channel: ChannelInfo = INVOKE,
        data_format: str = '',
        transport: str = '',
        *,
        deadline: float | None = None,
    ) -> Any:
        """`self.invoke` without options: as documented there. deadline: monotonic seconds."""
        compiled = self.find(target if isinstance(target, str) else name_of(target))
        if compiled is caller.service:
            raise ZatoException(caller.cid, f'Service {compiled.name} cannot invoke itself')
        call = Call(compiled, caller.cid, channel, caller.message, caller, caller.principal)
        if data_format or transport:
            call.data_format, call.transport = data_format, transport
        if deadline is not None:
            call.deadline = deadline
        if call.depth > _MAX_DEPTH:
            raise ZatoException(caller.cid, f'More than {_MAX_DEPTH} services wait for one another: {_chain(call)}')
        request = Request(payload, payload)
        if call.message is not None:
            request.set_message(call.message)
        return self.run(call, request).payload

    def invoke_apart(
        self, principal: Principal, target: str, payload: Any, *, cid: str, channel: str, in_reply_to: str = ''
    ) -> Any:
        """Run a service on behalf of one that may have ended meanwhile, as patterns do. principal: who acts."""
        call = Call(self.find(target), cid, channel_of_type(channel), None, None, principal)
        call.in_reply_to = in_reply_to
        return self.run(call, Request(payload, payload)).payload

    def invoke_async(self, name: str, payload: Any, principal: Principal, *, channel: str) -> str:
        """Start a service in the background. Returns its cid; its exceptions go to the log."""
        cid = self.cids.new()
        self.start(Call(self.find(name), cid, channel_of_type(channel), None, None, principal), Request(payload, payload))
        return cid

    def invoke_async_from(
        self,
        caller: Call,
        target: str | type[Service],
        payload: Any,
        *,
        channel: str,
        data_format: str = 'dict',
        transport: str = '',
        to_json_string: bool = False,
        cid: str = '',
        callback: str | type[Service] | Iterable[str | type[Service]] | None = None,
        environ: dict[str, Any] | None = None,
    ) -> str:
        """`self.invoke_async`: as documented there."""
        call = Call(
            self.find(name_of(target)),
            cid or self.cids.new(),
            channel_of_type(channel),
            None,
            None,
            caller.acting,
        )
        if caller.message is not None or caller.trace[0]:
            call.trace = caller.trace
        if data_format != 'dict' or to_json_string:
            payload = prepared(payload, data_format, caller.cid, to_json_string=to_json_string)
            call.data_format = data_format
        if transport:
            call.transport = transport
        if environ is not None:
            call.environ = environ
        self._start(call, Request(payload, payload), self._callbacks(caller, callback), caller.service.name)
        return call.cid

    def start(self, call: Call, request: Request) -> None:
        """Run the service of `call` in the background; its exceptions go to the log."""
        self._start(call, request)

    def running_while(self, call: Call, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces of a streamed response; the call counts as running until they have been sent, or are closed."""
        return StreamingCall(self.running, call, pieces)

    def exists(self, name: str) -> bool:
        return self.store.get(name) is not None

    def find(self, name: str) -> CompiledService:
        """Raises ServiceMissingException, Inactive."""
        found = self.store.get(name)
        if found is None:
            if self.store.is_inactive(name):
                raise Inactive(name)
            raise ServiceMissingException(msg=f'No such service: {name}')
        return found

    def name_of_id(self, id: int) -> str:
        """Raises ServiceMissingException."""
        name = self._find_id(id)
        if name is None:
            raise ServiceMissingException(msg=f'No service has ID {id}')
        return name

    def name_of_impl(self, impl_name: str) -> str:
        """Raises ServiceMissingException."""
        for service in self.store:
            if service.impl_name == impl_name:
                return service.name
        raise ServiceMissingException(msg=f'No service is implemented by {impl_name}')

    def new_instance(self, caller: Call, name: str) -> Service:
        """Raises ServiceMissingException, Inactive."""
        compiled = self.find(name)
        service = compiled.cls()
        service.cid = caller.cid
        service.request, service.response = Request('', ''), Response()
        service._invoker = self
        service._call = Call(compiled, caller.cid, INVOKE, caller.message, caller, caller.principal)
        return service

    def cancel(self, cid: str, who: str) -> int:
        """End the calls that have this cid: they raise, wherever they wait, and their callers are told. Returns how many.

        who: has asked for it, for the log.
        """
        calls = [call for call in self.running if call.cid == cid]
        greenlets = {call.greenlet for call in calls}
        if calls:
            names = ', '.join(sorted({call.service.name for call in calls}))
            extra = {'action': 'service.cancelled', 'cid': cid}
            logger.warning('Cancelled by %s: %s (cid: %s)', who, names, cid, extra=extra)
        for greenlet in greenlets:
            get_hub().loop.run_callback(self._throw, greenlet, cid)
        return len(greenlets)

    def end_pauses(self) -> None:
        """The worker stops: no service is invoked again after it has failed."""
        self.background.end_waits()

    def finish(self, timeout: float) -> list[Call]:
        """Wait for what runs in the background, at most `timeout` seconds. Returns what still runs, there or elsewhere."""
        self.background.finish(timeout)
        return list(self.running)

    def kill(self) -> None:
        """End what runs in the background."""
        self.background.kill()

    def _parse(self, service: Service, request: Request, compiled: CompiledService) -> None:
        io = compiled.io
        assert io is not None
        assert io.parse is not None
        is_whole = request._is_payload_all and request.channel_params is None
        data = request.payload if is_whole else request.merged(io.lists)
        request._input = parsed = io.parse(data, service)
        if io.secrets:
            self._encrypt(service, parsed, io.secrets)
        params = request.channel_params
        if params and type(parsed) is not list and io.is_flat:
            for name, value in params.items():
                if name not in io.names:
                    parsed[name] = value

    def _encrypt(self, service: Service, parsed: Any, names: tuple[str, ...]) -> None:
        encrypt = self.facades.make('crypto', service).encrypt
        for item in parsed if isinstance(parsed, list) else (parsed,):
            for name in names:
                if item.get(name):
                    item[name] = STORED_PREFIX + encrypt(item[name])

    def _throw(self, greenlet: Any, cid: str) -> None:
        """In the hub, where nothing runs meanwhile: what has ended, or serves another request by now, is left alone."""
        if not greenlet.dead and any(call.cid == cid and call.greenlet is greenlet for call in self.running):
            greenlet.throw(Cancelled(f'The call with cid {cid} was cancelled'))

    def _callbacks(self, caller: Call, callback: Any) -> list[str]:
        """Raises ValueError."""
        if callback:
            return names_of(callback, 'callback', self.exists)
        name = f'{caller.service.name}{_CALLBACK_SUFFIX}'
        return [name] if self.exists(name) else []

    def _start(self, call: Call, request: Request, callbacks: Sequence[str] = (), source: str = '') -> None:
        """source: the service that makes the call; not its call itself, with all that it has received."""
        self.background.start(self._run_in_background, call, request, callbacks, source)

    def _run_in_background(self, call: Call, request: Request, callbacks: Sequence[str], source: str) -> None:
        call.greenlet = gevent.getcurrent()
        response, error = None, None
        try:
            response = self.run(call, request).payload
        except Stopped:
            return  # the worker has logged what it cuts off
        except BaseException as e:  # whatever a service raises is its failure, not the worker's end
            error = e
            logger.exception(
                'Service %s failed in the background (cid: %s)',
                call.service.name,
                call.cid,
                extra={'action': 'service.failed', 'cid': call.cid},
            )
        if callbacks:
            call_back(self, source, call, callbacks, response, error)


def _chain(call: Call | None) -> str:
    names: list[str] = []
    while call is not None and len(names) < 5:
        names.append(call.service.name)
        call = call.caller
    return ' <- '.join(names) + ' <- …'
