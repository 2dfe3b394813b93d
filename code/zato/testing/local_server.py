"""What tests run services on: all that a server's worker has for them, in the test's process, without sockets and ODB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from bunch import bunchify

from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.crypto import Cipher, new_key
from zato.common.exception import NotAvailable
from zato.common.odb.lease import Leases
from zato.common.pubsub import PubSubMessage
from zato.server.admin_api import plain_services
from zato.server.deploy.loader import ModuleLoader, Source, compile_services
from zato.server.http.json import encode
from zato.server.security.principal import Principal
from zato.server.service import Service
from zato.server.service.call import Call
from zato.server.service.channel_info import channel_of_type
from zato.server.service.compiled import CompiledService, CompileOptions, compile_service
from zato.server.service.data import Request
from zato.server.service.facade.cache import Caches
from zato.server.service.facade.crypto import Crypto
from zato.server.service.facade.lock import Locks
from zato.server.service.facade.patterns import patterns_of
from zato.server.service.facade.server import ServerFacade
from zato.server.service.facade.static_config import StaticConfig
from zato.server.service.facade.time import Time
from zato.server.service.facades import Facades, Factory, Member, Outgoing
from zato.server.service.invocation import only_payload
from zato.server.service.naming import module_name
from zato.server.service.pubsub import ServiceTarget
from zato.server.service.store import ServiceStore
from zato.server.service.workers import WorkerCalls, shown
from zato.testing.locks import MemoryLeases
from zato.testing.pubsub import Published, TestPubSub
from zato.testing.recording import Invocation, RecordingInvoker
from zato.testing.rest import RESTResponse, send

_NAME = 'test'
_PATIENCE = 1.0  #: seconds that what is ended has for cleaning up
_TESTER = Principal('tester', 'admin')
_TO_BE_FAKED = ('out.rest', 'out.soap', 'rest', 'security')  #: what leads out of the process


class LocalServer:
    """directory: where JSON Schemas (`schema/json`) and static files (`static`) are looked for; it need not exist."""

    def __init__(self, directory: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        self._store = ServiceStore()
        self._store.add_internal(plain_services())
        self._compiled: dict[str, CompiledService] = {}
        self._loader = ModuleLoader()
        self._loaded: list[str] = []
        self._options = CompileOptions(schemas=directory / 'schema' / 'json')
        self._user_config: Any = bunchify({})
        crypto, caches = Crypto(Cipher(new_key())), Caches(clock)
        locks = Locks(cast(Leases, MemoryLeases(clock)), _NAME, clock)
        time, static_config = Time(clock), StaticConfig(directory / 'static')
        self._facades = Facades(
            {
                'cache': lambda service: caches,
                'crypto': lambda service: crypto,
                'lock': lambda service: locks,
                'patterns': patterns_of,
                'pubsub': lambda service: self._pubsub.of(service),
                'server': lambda service: ServerFacade(service, _NAME, crypto, partial(self._invoke_all_pids, service)),
                'static_config': lambda service: static_config,
                'time': lambda service: time,
                'user_config': lambda service: self._user_config,
                **{name: _to_be_faked(name) for name in _TO_BE_FAKED},
            }
        )
        self._invoker = RecordingInvoker(self._store, self._facades)
        self._invoker.invocations = []
        self._pubsub = TestPubSub(self._invoker.exists)

    @property
    def published(self) -> list[Published]:
        """What services have published so far. Nobody gets it: see `deliver`."""
        return self._pubsub.published

    @property
    def invocations(self) -> list[Invocation]:
        """Every run of a service so far, in the order in which they began."""
        return self._invoker.invocations

    def payloads(self, service: str | type[Service]) -> list[Any]:
        """What a service was invoked with, each time."""
        name = self._name(service)
        return [invocation.payload for invocation in self.invocations if invocation.service == name]

    def deploy(self, *what: type[Service] | ModuleType | Path | str) -> None:
        """Make services known: classes, modules, or the paths of files, which are loaded as a server loads them.

        Raises DeploymentError for a wrong declaration, and whatever importing a file raises.
        """
        for item in what:
            if isinstance(item, type):
                self._add({(compiled := compile_service(item, options=self._options)).name: compiled})
            elif isinstance(item, ModuleType):
                self._add(compile_services(item, item.__name__, item.__file__ or '', self._options))
            else:
                path = Path(item)
                name = module_name(path)
                self._add(compile_services(self._load(name, path), name, str(path), self._options))

    def fake_service(
        self, name: str, returns: Any = '', *, raises: BaseException | None = None, calls: Callable[[Any], Any] | None = None
    ) -> None:
        """Put a service in place of another one, or of one that is not there.

        It returns `returns`, or raises `raises`, or returns what `calls` returns for its payload.
        """

        def handle(self: Service) -> None:
            if raises is not None:
                raise raises
            self.response.payload = returns if calls is None else calls(self.request.payload)

        cls = type('FakeService', (Service,), {'name': name, 'handle': handle})
        self._add({name: compile_service(cls)})

    def fake(self, facade: str, value: Any) -> None:
        """Put `value` in place of what services reach as `self.<facade>`, such as 'cache', 'out.rest' or 'pubsub'.

        Raises NotAvailable for a facade that no service has.
        """
        if not is_facade(facade):
            raise NotAvailable(msg=f'Services have no self.{facade}')
        self._facades.put(facade, lambda service: value)

    def configure(self, user_config: Mapping[str, Any]) -> None:
        """What services read as `self.user_config`: file → section → key → value."""
        self._user_config = bunchify(dict(user_config))

    def invoke(
        self, service: str | type[Service], payload: Any = '', *, channel: str = 'invoke', cid: str = '', **kwargs: Any
    ) -> Any:
        """Run a service and return its response's payload. Its exceptions come through as they are.

        channel: type of the channel that it seems to come through. A class need not be deployed before. Raises TypeError for
        other keyword arguments beside a payload.
        """
        if kwargs:
            payload = only_payload(payload, kwargs)
        call = Call(self._find(service), cid or self._invoker.cids.new(), channel_of_type(channel), None, None, _TESTER)
        return self._invoker.run(call, Request(payload, payload)).payload

    def deliver(self, service: str | type[Service], data: Any = '', **attributes: Any) -> PubSubMessage:
        """Run a service as if a message had been published to it, which is its `self.request.raw_request`.

        data: goes the way to a subscriber and back, so a tuple is a list then. attributes: of the message, such as
        `priority` or `delivery_count`. Returns the message. What the service raises comes through: it would be tried again.
        Raises TypeError for an unknown attribute, BadRequest for data that cannot be published.
        """
        name = self._find(service).name
        message = self._pubsub.message(name, data, attributes)
        ServiceTarget(self._invoker, lambda: name, wraps=False).deliver([message], self._invoker.cids.new())
        return message

    def rest(
        self,
        service: str | type[Service],
        method: str = 'POST',
        url: str = '/',
        body: Any = None,
        *,
        data_format: str = 'json',
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> RESTResponse:
        """Run a service as a REST channel does, errors as clients see them included.

        url: such as '/customer/1?full=true'; its pattern, such as '/customer/{id}', is option `path`. body: bytes or text as
        they are, anything else as JSON. Where the client would be told of an error inside the server, that is raised here.
        """
        compiled = self._find(service)
        return send(
            self._invoker, compiled, method, url, body, data_format=data_format, headers=headers or {}, options=options
        )

    def wait(self, timeout: float = 5.0) -> None:
        """Wait for all that services run in the background. timeout: seconds. Raises TimeoutError."""
        if not self._invoker.background.join(timeout):
            raise TimeoutError(f'Services still run in the background after {timeout:g} s')

    def stop(self) -> None:
        """End what runs in the background, and forget the files that were deployed."""
        self._invoker.kill()
        self._invoker.background.join(_PATIENCE)
        self._loader.load([], removed=self._loaded)
        self._loader.uninstall()

    def _load(self, name: str, path: Path) -> ModuleType:
        """It can be imported by its name until the server stops."""
        self._loader.install()
        self._loaded.append(name)
        return self._loader.load([Source(name, str(path), path)])[name]

    def _add(self, services: Mapping[str, CompiledService]) -> None:
        self._compiled.update(services)
        self._store.swap({_NAME: self._compiled})

    def _find(self, service: str | type[Service]) -> CompiledService:
        """Raises ServiceMissingException."""
        if isinstance(service, type) and not any(compiled.cls is service for compiled in self._compiled.values()):
            self.deploy(service)
        return self._invoker.find(self._name(service))

    def _name(self, service: str | type[Service]) -> str:
        if isinstance(service, str):
            return service
        return next((name for name, item in self._compiled.items() if item.cls is service), service.get_name())

    def _invoke_all_pids(self, service: Service, name: str, payload: Any, timeout: float) -> dict[str, Any]:
        """As a server with one worker does it, JSON included."""
        pid, principal = service.server.pid, service._call.acting
        text = encode(payload).decode()
        answer = WorkerCalls(self._invoker, Path()).invoke_here(name, text, timeout, principal.name, principal.role)
        return {str(pid): shown(pid, answer)}


def _to_be_faked(name: str) -> Factory:
    def make(service: Service) -> Any:
        text = f'self.{name} is not there in tests: put something in its place by fake({name!r}, …)'
        raise NotAvailable(service.cid, text)

    return make


def is_facade(name: str) -> bool:
    """Do services reach anything by this name after `self.`?"""
    owner: type[Any] = Outgoing if name.startswith('out.') else Service
    found = owner.__dict__.get(name.removeprefix('out.'))
    return isinstance(found, Member) or name == 'lock'
