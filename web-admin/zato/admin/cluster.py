"""The cluster's servers as the dashboard reaches them: over the admin API, on behalf of the user who looks at a page.

What all servers know is asked of the first that answers; what each knows for itself, of each. A server that did not
answer is asked last for a while, one that hangs not at all, so that pages do not wait for it again and again.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from zato.admin.hanging import Hanging
from zato.client.admin import AdminClient, Answer, ServerError, ServerUnreachable
from zato.common.component import ServerDirectory
from zato.common.config.web_admin_conf import is_directory
from zato.common.exception import ConfigError, ZatoException
from zato.common.reach import address_of, tls_of
from zato.common.tls import calling_context

CONNECT_TIMEOUT = 3.0  #: seconds
_AWAY = 10.0  #: seconds that a server which did not answer is asked after the others
WAIT_FOR_OTHERS = 2.0  #: seconds that a call which may take long waits until fewer others are being made
_MOST_SIZE = 64_000_000  #: bytes of an answer
_USUAL = 30.0  #: seconds that a call may take
_READ = 6.0  #: seconds that a read may take; a server gives up after 5 if it cannot connect to the ODB
LONG = 2.0  #: seconds; a server that refuses a read after them has waited for something that others wait for too
#: HTTP status codes of answers that all servers of the cluster would give.
_FINAL = (400, 403, 404, 409)
_PATIENCE = 5.0  #: seconds that an answer may take longer than the service


@dataclass(frozen=True, slots=True)
class Server:
    """address: as web-admin.conf has it: an http:// or https:// address, or the directory of a server on this host.

    locate: host, port and TLS of where it is now. Raises ConfigError.
    """

    name: str
    address: str
    locate: Callable[[], tuple[str, int, ssl.SSLContext | None]]


@dataclass(frozen=True, slots=True)
class Failure:
    """What a server has answered with, or that it has not: in place of an Answer."""

    server: str
    error: ZatoException

    @property
    def text(self) -> str:
        return self.error.details if isinstance(self.error, ServerError) else str(self.error)

    @property
    def is_away(self) -> bool:
        return not isinstance(self.error, ServerError)


class NoServer(ZatoException):
    """None of the servers that web-admin.conf names has answered"""

    status = 503
    retryable = True


class UnknownServer(ZatoException):
    """web-admin.conf names no such server"""

    status = 404


class Crowded(NoServer):
    """As many calls that may take long are being made already as there may be"""

    status = 429


class Cluster:
    """The dashboard process's, shared by its threads. password: of admin.invoke.

    most_long: calls that may take long, at a time; half of the threads, so that there are others for everything else.
    """

    def __init__(self, servers: Sequence[Server], password: str, *, most_long: int = 4) -> None:
        self.servers = tuple(servers)
        self.most_long = most_long
        self._password = password
        self._away: dict[str, float] = {}  # server → until when it is asked after the others
        self._hanging = Hanging()
        self._long = BoundedSemaphore(most_long)
        self._threads = ThreadPoolExecutor(2 * most_long * max(1, len(self.servers)), thread_name_prefix='server')

    def on_behalf_of(self, user: str, role: str) -> Calls:
        return Calls(self, user, role)

    def by_likelihood(self) -> list[Server]:
        """In the order of web-admin.conf, those that did not answer lately at the end."""
        now = monotonic()
        return sorted(self.servers, key=lambda server: self._away.get(server.name, 0.0) > now)

    def find(self, name: str) -> Server:
        """Raises UnknownServer."""
        for server in self.servers:
            if server.name == name:
                return server
        known = ', '.join(server.name for server in self.servers)
        raise UnknownServer(msg=f'There is no server `{name}` in web-admin.conf, which names: {known}')

    def call(self, server: Server, client: AdminClient, service: str, payload: Any, options: Mapping[str, Any]) -> Answer:
        """Raises ServerError, ServerUnreachable."""
        try:
            host, port, tls = server.locate()
        except ConfigError as e:
            raise ServerUnreachable(f'Server {server.name} cannot be reached: {e}', was_sent=False) from e
        found = replace(client, host=host, port=port, tls=tls, password=self._password)
        self._hanging.check(server.name, found)
        start = monotonic()
        try:
            answer = found.call(service, payload, **options)
        except ServerUnreachable as e:
            self._away[server.name] = monotonic() + _AWAY
            self._hanging.note(server.name, e, monotonic() - start)
            raise
        self._away.pop(server.name, None)
        return answer

    @contextmanager
    def room_for(self, seconds: float) -> Iterator[None]:
        """While a call is made that may take so long. Raises Crowded."""
        if seconds <= _USUAL:
            yield
            return
        if not self._long.acquire(timeout=WAIT_FOR_OTHERS):
            text = f'{self.most_long} calls that may take long are being made already; try again when one has ended'
            raise Crowded(msg=f'{text}, or raise gunicorn_threads in web-admin.conf')
        try:
            yield
        finally:
            self._long.release()

    def map(self, servers: Sequence[Server], function: Callable[[Server], Answer | Failure]) -> dict[str, Answer | Failure]:
        """Of each of these servers, all at once."""
        answers = self._threads.map(function, servers)
        return {server.name: answer for server, answer in zip(servers, answers, strict=True)}


class Calls:
    """Calls that one user makes, for one page. answered: servers that have, so far."""

    def __init__(self, cluster: Cluster, user: str, role: str) -> None:
        self.answered: set[str] = set()
        self._cluster = cluster
        self._client = AdminClient(
            host='', port=0, connect_timeout=CONNECT_TIMEOUT, max_size=_MOST_SIZE, user=user, role=role
        )

    @property
    def servers(self) -> tuple[Server, ...]:
        return self._cluster.servers

    def call(
        self, service: str, payload: Any = None, *, server: str = '', timeout: float = _USUAL, **options: Any
    ) -> Answer:
        """What the named server answers, or else the first that does. timeout: seconds; options: of `zato.service.invoke`.

        A call that may have arrived is not made again. Raises ServerError with what the server said, ServerUnreachable,
        NoServer, Crowded, UnknownServer.
        """
        return self._first(service, payload, replace(self._client, timeout=timeout), server, options)

    def run(self, service: str, seconds: float, *, server: str = '', **options: Any) -> Answer:
        """As `call`, of a service that the server ends after so many seconds, with ServerError 504."""
        client = replace(self._client, timeout=seconds + _PATIENCE)
        return self._first(service, None, client, server, {**options, 'timeout': seconds})

    def _first(self, service: str, payload: Any, client: AdminClient, server: str, options: Mapping[str, Any]) -> Answer:
        candidates = [self._cluster.find(server)] if server else self._cluster.by_likelihood()
        failed = []
        with self._cluster.room_for(client.timeout):
            for candidate in candidates:
                try:
                    return self._call(candidate, client, service, payload, options)
                except ServerUnreachable as e:
                    if e.was_sent or server:
                        raise
                    failed.append(f'{candidate.name}: {e}')
        raise NoServer(msg='\n'.join(failed))

    def _call(self, server: Server, client: AdminClient, service: str, payload: Any, options: Mapping[str, Any]) -> Answer:
        answer = self._cluster.call(server, client, service, payload, options)
        self.answered.add(server.name)
        return answer

    def ask(self, service: str, payload: Any = None, *, timeout: float = _READ) -> Any:
        """The payload of what `call` answers; of a read, which is asked of the next server whatever has become of it.

        Raises ServerError of the first server that has said anything at all, NoServer.
        """
        client = replace(self._client, timeout=timeout)
        refused: list[ServerError] = []
        failed = []
        end = monotonic() + 2 * timeout  # if two servers hang, it may be what all of them need that does
        for candidate in self._cluster.by_likelihood():
            start = monotonic()
            if start > end:
                break
            try:
                return self._call(candidate, client, service, payload, {}).payload
            except ServerError as e:
                if e.http_status in _FINAL or monotonic() - start > LONG:
                    raise
                refused.append(e)
            except ServerUnreachable as e:
                failed.append(f'{candidate.name}: {e}')
        raise refused[0] if refused else NoServer(msg='\n'.join(failed))

    def each(
        self,
        service: str,
        payload: Any = None,
        *,
        payloads: Mapping[str, Any] | None = None,
        timeout: float = 5.0,
        **options: Any,
    ) -> dict[str, Answer | Failure]:
        """Of every server, by its name: what it answered, or why there is no answer.

        payloads: by a server's name, in place of `payload`; others are not asked then. Raises Crowded, UnknownServer.
        """
        client = replace(self._client, timeout=timeout)
        if payloads is None:
            payloads = {server.name: payload for server in self.servers}

        def ask_one(server: Server) -> Answer | Failure:
            try:
                return self._call(server, client, service, payloads[server.name], options)
            except ZatoException as e:
                return Failure(server.name, e)

        with self._cluster.room_for(timeout):
            return self._cluster.map([self._cluster.find(name) for name in payloads], ask_one)


def make_server(name: str, address: str, directory: Path, ca_certs: Path | None) -> Server:
    """directory: that a relative path of a server's directory starts from. Raises ConfigError."""
    if is_directory(address):
        return Server(name, address, lambda: _locate_directory((directory / address).resolve()))
    parts = urlsplit(address)
    tls = calling_context(ca_certs) if parts.scheme == 'https' else None
    place = (parts.hostname or '', parts.port or (443 if tls else 80), tls)
    return Server(name, address, lambda: place)


def _locate_directory(path: Path) -> tuple[str, int, ssl.SSLContext | None]:
    server = ServerDirectory(path)
    try:
        host, port = address_of(server)
        return host, port, _tls_of(server.path, server.address.stat().st_mtime_ns)
    except OSError as e:
        raise ConfigError(f'the server in {path} does not run, or has never: {e}') from None


@lru_cache
def _tls_of(path: Path, started: int) -> ssl.SSLContext | None:
    """started: when it wrote its address; TLS may be another one after its next start."""
    return tls_of(ServerDirectory(path))
