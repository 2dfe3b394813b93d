"""Real `zato` processes in a temporary directory, on a free port, driven by the real command."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from zato.common.component import ComponentDirectory, ServerDirectory, WebAdminDirectory
from zato.common.config.secrets import Secrets
from zato.common.ipc import socket_directory
from zato.common.odb.address import ODBAddress

ZATO = Path(sys.executable).with_name('zato')
PATIENCE = 30.0  #: seconds that anything may take before a test gives up

#: One of several servers: its index, or its directory.
Server = int | ServerDirectory


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def zato(*arguments: Any, env: dict[str, str] | None = None) -> Result:
    """Run the command to its end."""
    done = subprocess.run(
        [ZATO, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE * 3,
        env={**os.environ, **(env or {})},
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def eventually(check: Callable[[], Any], what: str) -> Any:
    """The first true value of `check`. Fails if there is none in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError(f'not in {PATIENCE:g} s: {what}')


class Environment:
    """A quickstart environment, stopped and its processes gone when it is closed. `server` is the first of `servers`.

    `web_admin` is its dashboard; admin_password: of the dashboard's user admin, '' if there is no dashboard.
    """

    def __init__(
        self, path: Path, *, workers: int = 1, servers: int = 1, odb: ODBAddress | None = None, web_admin: bool = False
    ) -> None:
        """odb: an empty PostgreSQL database; by default it is SQLite, in the environment's directory."""
        self.path = path
        if odb is None:
            template, self.admin_password = _template(workers, servers, web_admin)
            shutil.copytree(template, path, symlinks=True, dirs_exist_ok=True)
        else:
            options = {'odb-type': odb.engine, 'odb-db-name': odb.db_name, 'odb-host': odb.host, 'odb-port': odb.port}
            options |= {'odb-user': odb.username, 'odb-password': odb.password}
            self.admin_password = _create(path, workers, servers, web_admin, **options)
        self.servers = [ServerDirectory(path / f'server{number}') for number in range(1, servers + 1)]
        self.server = self.servers[0]
        self.web_admin = WebAdminDirectory(path / 'web-admin')

    def start(self, *arguments: Any, env: dict[str, str] | None = None, server: Server | None = None) -> None:
        """All servers unless one is named."""
        started = zato('start', self._path_of(server), *arguments, env=env)
        assert started.code == 0, started.err + ''.join(self.log(each) for each in self._some(server))

    def stop(self, server: Server | None = None) -> None:
        """All servers unless one is named."""
        stopped = zato('stop', self._path_of(server))
        assert stopped.code == 0, stopped.err

    def close(self) -> None:
        """Whatever state it is in."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for server in self.servers:
            sockets = socket_directory(server.work)
            if not sockets.is_relative_to(self.path):
                shutil.rmtree(sockets)

    def processes(self, server: Server | None = None) -> list[int]:
        """All processes, of everything unless a server is named, found by their command line, which children inherit."""
        components = [*self.servers, self.web_admin] if server is None else [self._one(server)]
        return self._processes_of(components)

    def web_admin_processes(self) -> list[int]:
        return self._processes_of([self.web_admin])

    def _processes_of(self, components: Sequence[ComponentDirectory]) -> list[int]:
        paths = {os.fsencode(each.path) for each in components}
        found = []
        for entry in Path('/proc').iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / 'cmdline').read_bytes().split(b'\0')
                    state = (entry / 'stat').read_text().rpartition(')')[2].split()[0]
                except OSError:
                    continue
                if {b'zato.server', b'zato.admin'} & set(command) and not paths.isdisjoint(command) and state != 'Z':
                    found.append(int(entry.name))
        return sorted(found)

    def kill_all(self, server: Server | None = None) -> None:
        """kill -9 of every process, and wait for their end."""
        for pid in self.processes(server):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.processes(server), 'the end of the processes')

    def log(self, server: Server = 0) -> str:
        return self._one(server).server_log.read_text(encoding='utf-8')

    def log_has(self, pattern: str, server: Server = 0) -> bool:
        return re.search(pattern, self.log(server)) is not None

    @property
    def port(self) -> int:
        return self.port_of(0)

    def port_of(self, server: Server) -> int:
        return int(self._one(server).address.read_text().rpartition(':')[2])

    @property
    def web_admin_port(self) -> int:
        return int(self.web_admin.address.read_text().rpartition(':')[2])

    @property
    def arbiter(self) -> int:
        return int(self.server.pidfile.read_text())

    def info(self, server: Server = 0) -> dict[str, Any]:
        shown = zato('info', self._one(server).path, '--format', 'json')
        assert shown.code == 0, shown.err
        return dict(json.loads(shown.out))

    def password(self, name: str = 'pubapi') -> str:
        return Secrets(self.server.secrets_conf, os.environ).get(f'zato.{name}_password')

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        user: str = '',
        password: str = '',
        headers: dict[str, str] | None = None,
        server: Server = 0,
    ) -> Answer:
        headers = dict(headers or {})
        if user:
            headers['Authorization'] = 'Basic ' + b64encode(f'{user}:{password}'.encode()).decode()
        connection = http.client.HTTPConnection('127.0.0.1', self.port_of(server), timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def invoke(self, service: str, payload: Any = None, method: str = 'POST', *, server: Server = 0) -> Answer:
        """As user pubapi, through /zato/api/invoke."""
        body = None if payload is None else json.dumps(payload).encode()
        path = f'/zato/api/invoke/{service}'
        return self.request(method, path, body, user='pubapi', password=self.password(), server=server)

    def save(self, name: str, text: str | bytes, *, server: Server = 0) -> Path:
        """Put a file into the pickup folder the way an editor does: write it elsewhere, rename it into place."""
        target = self._one(server).services / name
        temporary = target.with_name(f'.{name}.tmp')
        temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
        temporary.replace(target)
        return target

    def deploy(self, name: str, text: str | bytes, *, server: Server = 0) -> Result:
        """`zato hot-deploy` of a file of that name."""
        source = self.path / 'outbox' / name
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        return zato('hot-deploy', self._one(server).path, source)

    def _one(self, server: Server) -> ServerDirectory:
        return self.servers[server] if isinstance(server, int) else server

    def _some(self, server: Server | None) -> list[ServerDirectory]:
        return self.servers if server is None else [self._one(server)]

    def _path_of(self, server: Server | None) -> Path:
        return self.path if server is None else self._one(server).path


def _create(path: Path, workers: int, servers: int, web_admin: bool, **options: Any) -> str:
    """Returns the password of the dashboard's user admin, '' without a dashboard."""
    options = {'workers': workers, 'servers': servers, 'http-port': 0, 'web-admin-port': 0, **options}
    flags = [] if web_admin else ['--no-web-admin']
    created = zato('quickstart', 'create', path, *flags, *(f'--{name}={value}' for name, value in options.items()))
    assert created.code == 0, created.err
    found = re.search(r'^Dashboard user: admin, password: (\S+)$', created.out, re.MULTILINE)
    return found[1] if found else ''


@cache
def _template(workers: int, servers: int, web_admin: bool) -> tuple[Path, str]:
    """An environment on SQLite that is created once and then copied, which takes a hundredth of the time."""
    root = tempfile.mkdtemp(prefix='zato-test-')
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    password = _create(Path(root) / 'env', workers, servers, web_admin)
    return Path(root) / 'env', password


def service_file(version: Any = 1, *, name: str = 'my.service', extra: str = '') -> str:
    """A module with one service that answers with `version` and its worker's pid."""
    return (
        f'import os\n'
        f'from zato.server.service import Service\n'
        f'{extra}\n'
        f'class MyService(Service):\n'
        f'    name = {name!r}\n'
        f'    def handle(self):\n'
        f"        self.response.payload = {{'version': {version!r}, 'pid': os.getpid()}}\n"
    )
