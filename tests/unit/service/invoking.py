"""Services made of functions, and an invoker that has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zato.common.api import CHANNEL
from zato.server.http.message import Request as HTTPMessage
from zato.server.security.principal import Principal
from zato.server.service import Service
from zato.server.service.call import Call
from zato.server.service.channel_info import ChannelInfo
from zato.server.service.compiled import CompiledService, compile_service
from zato.server.service.data import Request
from zato.server.service.facade.patterns import patterns_of
from zato.server.service.facades import Facades
from zato.server.service.invoker import Invoker
from zato.server.service.store import ServiceStore

Handle = Callable[[Any], None]

ALICE = Principal('alice', 'operator')
CHANNEL_INFO = ChannelInfo(id=7, name='my.channel', type=CHANNEL.HTTP_SOAP, data_format='json')
PATIENCE = 30.0  #: seconds after which what a test waits for does not happen


def service(name: str, handle: Handle | None = None, **attributes: Any) -> CompiledService:
    if handle is not None:
        attributes['handle'] = handle
    return compile_service(type(name, (Service,), {'name': name, **attributes}))


def answering(name: str, payload: Any) -> CompiledService:
    """A service that always answers the same."""

    def handle(self: Service) -> None:
        self.response.payload = payload

    return service(name, handle)


def echo(name: str = 'echo') -> CompiledService:
    def handle(self: Service) -> None:
        self.response.payload = self.request.payload

    return service(name, handle)


def failing(name: str, error: BaseException) -> CompiledService:
    def handle(self: Service) -> None:
        raise error

    return service(name, handle)


def invoker_of(*services: CompiledService, ids: dict[int, str] | None = None) -> Invoker:
    """ids: of services, with their names."""
    store = ServiceStore()
    store.swap({'m': {item.name: item for item in services}})
    return Invoker(store, Facades({'patterns': patterns_of}), (ids or {}).get)


def call_of(invoker: Invoker, name: str, message: HTTPMessage | None = None, cid: str = 'c1') -> Call:
    return Call(invoker.find(name), cid, CHANNEL_INFO, message, None, ALICE)


def invoke(invoker: Invoker, name: str, payload: Any = '', message: HTTPMessage | None = None) -> Any:
    """What the service answers to somebody who comes through a channel."""
    return invoker.run(call_of(invoker, name, message), Request(payload, payload)).payload


def run(handle: Callable[[Any], Any], *services: CompiledService, ids: dict[int, str] | None = None) -> Any:
    """What a function returns that is the `handle` of a service `caller`, beside others. Nothing may run after it."""
    invoker = invoker_of(caller_of(handle), *services, ids=ids)
    try:
        return invoke(invoker, 'caller')
    finally:
        finish(invoker)


def caller_of(function: Callable[[Any], Any]) -> CompiledService:
    def handle(self: Service) -> None:
        self.response.payload = function(self)

    return service('caller', handle)


def finish(invoker: Invoker) -> None:
    """Wait for what runs in the background, after which nothing runs."""
    assert invoker.background.join(PATIENCE)
    assert invoker.running == set()


def http_message(method: str) -> HTTPMessage:
    return HTTPMessage(method.encode(), b'/', b'', b'HTTP/1.1', {}, '127.0.0.1')
