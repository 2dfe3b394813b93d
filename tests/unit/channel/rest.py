"""A channel that leads to a service, without sockets: requests go through the server's own pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.audit_log import recorder
from tests.support.odb import KEY
from tests.support.runtimes import runtimes_of
from tests.support.security import security_parts
from zato.common.alarm import Alarms
from zato.common.config.stored import StoredObject
from zato.common.crypto import Cipher
from zato.server.channel.channel import Channel
from zato.server.channel.format.registry import data_format as find_format
from zato.server.channel.pipeline import Pipeline
from zato.server.channel.routes import Routes
from zato.server.config.objects import ConfigObjects
from zato.server.http.message import Request, Response
from zato.server.http.message import serialize as to_wire
from zato.server.service import Service
from zato.server.service.channel_info import CHANNEL, ChannelInfo
from zato.server.service.compiled import CompiledService, compile_service
from zato.server.service.facade.crypto import Crypto
from zato.server.service.facades import Facades
from zato.server.service.invoker import Invoker
from zato.server.service.store import ServiceStore

Handle = Callable[[Any], Any]

CIPHER = Cipher(KEY)
HIDDEN = 'An error has occurred'
MEGABYTE = 2**20
CONTENT_TYPES = {
    'csv': b'text/csv',
    'form': b'application/x-www-form-urlencoded',
    'json': b'application/json',
    'xml': b'application/xml',
}


def service(handle: Handle | None = None, name: str = 'my.service', **attributes: Any) -> CompiledService:
    if handle is not None:
        attributes['handle'] = handle
    return compile_service(type('MyService', (Service,), {'name': name, **attributes}))


def answering(payload: Any, **attributes: Any) -> CompiledService:
    """A service that always answers the same. attributes: of its response, or of its class, such as `output`."""
    of_class = {key: attributes.pop(key) for key in ('input', 'output', 'SimpleIO') if key in attributes}

    def handle(self: Service) -> None:
        self.response.payload = payload
        for key, value in attributes.items():
            setattr(self.response, key, value)

    return service(handle, **of_class)


def raising(error: BaseException) -> CompiledService:
    def handle(self: Service) -> None:
        raise error

    return service(handle)


@dataclass(frozen=True, slots=True)
class Answer:
    """headers: by name in lower case, each value once for each line."""

    status: int
    body: bytes
    headers: dict[str, list[str]]
    response: Response

    @property
    def content_type(self) -> str:
        return self.response.content_type.decode()

    @property
    def cid(self) -> str:
        return self.response.cid

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def details(self) -> Any:
        """Of an error, which has a body in one form only."""
        found = self.json
        assert found == {'result': 'Error', 'cid': self.cid, 'details': found['details']}
        return found['details']

    def header(self, name: str) -> str | None:
        [value] = self.headers.get(name.lower(), [None])
        return value


class REST:
    """Keeps in `seen` the requests of a service that is not given."""

    def __init__(
        self,
        made: CompiledService | None = None,
        *others: CompiledService,
        pipeline: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """pipeline: its options. options: as `channel` takes them."""
        self.seen: list[Any] = []
        self.service = made or service(lambda service: self.seen.append(service.request))
        store = ServiceStore()
        store.swap({'m': {item.name: item for item in (self.service, *others)}})
        crypto = Crypto(CIPHER)
        self.invoker = Invoker(store, Facades({'crypto': lambda service: crypto}))
        self.routes = Routes()
        self.pipeline = Pipeline(self.routes, self.invoker, lambda e: HIDDEN, **(pipeline or {}))
        self.routes.add(self.channel(**options))

    def channel(self, path: str = '/a', data_format: str = 'json', name: str = 'c', **options: Any) -> Channel:
        info = ChannelInfo(name=name, type=CHANNEL.HTTP_SOAP, data_format=data_format, match_target=path)
        made = options.pop('service', self.service)
        options = {'resolve': lambda params, cid: made, 'info': info, 'format': find_format(data_format), **options}
        return Channel(name=name, path=path, **options)

    def ask(self, body: bytes = b'', target: bytes = b'/a', method: str = 'POST', **headers: bytes | str) -> Answer:
        """headers: with underscores for dashes."""
        response = self.pipeline.respond(request(body, target, method, **headers))
        body = response.body if isinstance(response.body, bytes) else b''.join(response.body)
        lines: dict[str, list[str]] = {}
        for key, value in response.headers:
            lines.setdefault(key.decode('latin-1').lower(), []).append(value.decode('latin-1'))
        if isinstance(response.body, bytes):
            assert to_wire(response, b'', b'', is_head=False).endswith(b'\r\n\r\n' + body)
        return Answer(response.status, body, lines, response)

    def input(self, body: bytes = b'', target: bytes = b'/a', method: str = 'POST', **headers: bytes | str) -> Any:
        """What the service was given as its input."""
        answer = self.ask(body, target, method, **headers)
        assert answer.status == 200, answer.body
        return self.seen.pop().input


class Configured(REST):
    """The channel is an object of configuration, as users make them."""

    def __init__(self, made: CompiledService | None = None, **settings: Any) -> None:
        super().__init__(made, path='/zato/other')
        objects = ConfigObjects({}, CIPHER.decrypt, Alarms())
        parts = [self.routes, self.invoker.store, *security_parts(), recorder(), objects]
        objects.use(runtimes_of(['service', 'security_basic_auth', 'channel_rest'], parts))
        definition = {'username': 'jane', 'password': CIPHER.encrypt('secret'), 'realm': 'API'}
        channel = {'url_path': '/a', 'service': 1, 'data_format': 'json', **settings}
        found = [
            stored(1, 'service', self.service.name, impl_name='m.MyService'),
            stored(2, 'security_basic_auth', 'my.security', **definition),
            stored(3, 'channel_rest', 'my.channel', **channel),
        ]
        objects.put(found, [], 0)
        assert objects.errors == {}


def stored(id: int, kind: str, name: str, **settings: Any) -> StoredObject:
    return StoredObject(id=id, kind=kind, name=name, is_active=True, version=1, settings=settings)


def request(body: bytes = b'', target: bytes = b'/a', method: str = 'POST', **headers: bytes | str) -> Request:
    lines = {
        name.replace('_', '-').encode(): value.encode('latin-1') if isinstance(value, str) else value
        for name, value in headers.items()
    }
    path, _, query = target.partition(b'?')
    made = Request(method.encode(), path, query, b'HTTP/1.1', lines, '127.0.0.1')
    made.body = body
    return made
