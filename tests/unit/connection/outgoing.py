"""Outgoing REST connections in a worker's real configuration, on transports that tests answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.unit.service.invoking import ALICE, CHANNEL_INFO, caller_of, invoker_of
from zato.common.alarm import Alarms
from zato.common.config.stored import StoredObject
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject
from zato.server.connection.registry import OutgoingConnections
from zato.server.connection.rest.answer_headers import AnswerHeaders
from zato.server.connection.rest.codecs import Surroundings
from zato.server.connection.rest.transport import Inbound, Outbound, TransportOptions
from zato.server.connection.types import outgoing_rest, security_bearer_token
from zato.server.http.message import Request as HTTPMessage
from zato.server.process.outgoing import add_outgoing, make_codecs
from zato.server.service.call import Call
from zato.server.service.compiled import CompiledService
from zato.server.service.data import Request

CID = '0123456789abcdef01234567'

Send = Callable[[Outbound], Inbound]


def told(body: Any = b'', status: int = 200, *, url: str = 'http://crm/', **headers: str) -> Inbound:
    """An answer. body: bytes, or what becomes JSON. headers: with `_` for `-`."""
    lines = {name.replace('_', '-'): value for name, value in headers.items()}
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        lines.setdefault('Content-Type', 'application/json')
    return Inbound(status=status, reason='', headers=AnswerHeaders(lines.items()), body=body, url=url, seconds=0.25)


class FakeTransport:
    """As `Transport`, with a function in place of sockets."""

    def __init__(self, options: TransportOptions, send: Callable[[], Send]) -> None:
        self.options = options
        self.sent: list[Outbound] = []
        self.deadlines: list[float | None] = []
        self.is_closed = False
        self._send = send

    def send(self, request: Outbound, deadline: float | None) -> Inbound:
        self.sent.append(request)
        self.deadlines.append(deadline)
        return self._send()(request)

    def close(self) -> None:
        self.is_closed = True


class World:
    """`send` answers all requests. transports: by the title of their object, the latest one."""

    def __init__(self, directory: Path, monkeypatch: Any, environ: Mapping[str, str] | None = None) -> None:
        self.environ = dict(environ or {})
        self.send: Send = lambda request: told()
        self.transports: dict[str, FakeTransport] = {}
        self.objects = ConfigObjects(self.environ, lambda text: text, Alarms())
        self.connections = OutgoingConnections(self.objects)
        self.surroundings = Surroundings(repo=directory, component='zato/test', codecs=make_codecs(), new_cid=lambda: CID)
        for module in (outgoing_rest, security_bearer_token):
            monkeypatch.setattr(module, 'Transport', self._make_transport)
        self.rest = outgoing_rest.OutgoingRESTConnections(self.connections, self.objects, self.surroundings)
        self.bearer = security_bearer_token.BearerTokenDefinitions(self.connections, self.surroundings)
        self.objects.use({'outgoing_rest': self.rest, 'security_bearer_token': self.bearer})
        self._versions: dict[int, int] = {}

    def put(self, kind: str, name: str, id: int, *, is_active: bool = True, **settings: Any) -> None:
        """A new object, or the one of this ID as it is now."""
        version = self._versions[id] = self._versions.get(id, 0) + 1
        item = StoredObject(id=id, kind=kind, name=name, is_active=is_active, version=version, settings=settings)
        self.objects.put([item], event=version)

    def crm(self, **settings: Any) -> None:
        """Outgoing REST connection CRM."""
        self.put('outgoing_rest', 'CRM', 1, **{'host': 'http://crm', **settings})

    def item(self, id: int = 1) -> ConfigObject:
        found = self.objects.get(id)
        assert found is not None
        return found

    @property
    def transport(self) -> FakeTransport:
        return self.transports['Outgoing REST connection `CRM`']

    @property
    def sent(self) -> Outbound:
        """The last request to CRM."""
        return self.transport.sent[-1]

    @property
    def header(self) -> dict[str, str]:
        """Those of that, by names in lower case."""
        return {name.lower(): value for name, value in self.sent.headers.items()}

    def run(
        self,
        handle: Callable[[Any], Any],
        *services: CompiledService,
        message: HTTPMessage | None = None,
        deadline: float | None = None,
    ) -> Any:
        """What a function returns that is the `handle` of a service. deadline: of its run, in monotonic seconds."""
        invoker = invoker_of(caller_of(handle), *services)
        add_outgoing(invoker.facades, self.connections, self.objects, self.environ)
        call = Call(invoker.find('caller'), CID, CHANNEL_INFO, message, None, ALICE)
        call.deadline = deadline
        return invoker.run(call, Request('', '')).payload

    def get(self, params: Any = None, **options: Any) -> Any:
        """As a service does it."""
        return self.run(lambda service: service.out.rest['CRM'].conn.get(service.cid, params, **options))

    def post(self, data: Any = '', params: Any = None, **options: Any) -> Any:
        return self.run(lambda service: service.out.rest['CRM'].conn.post(service.cid, data, params, **options))

    def _make_transport(self, options: TransportOptions) -> FakeTransport:
        transport = self.transports[options.title] = FakeTransport(options, lambda: self.send)
        return transport
