"""Our own server, in a quickstart environment in a temporary directory, driven by the commands that users have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import psutil

from tests.bench.exchange import PASSWORD, USERNAME, basic_auth
from tests.bench.processes import BIN, ROOT, BenchError, Server, end_processes, environment, free_port, pinned
from zato.cli.component import client_of
from zato.common.component import ServerDirectory, WebAdminDirectory
from zato.common.config.secrets import Secrets
from zato.common.odb.address import ODBAddress

ZATO = str(BIN / 'zato')
SERVICES = ROOT / 'tests' / 'bench' / 'services'
INVOKE = '/zato/api/invoke'
CHANNEL = '/bench/echo'

_SECURITY = 'bench'
_TIMEOUT = 60.0  #: seconds that a command may take


class Environment:
    """Created on entering the block; stopped and removed at its end."""

    def __init__(
        self,
        workers: int,
        servers: int = 1,
        *,
        web_admin: bool = False,
        odb: ODBAddress | None = None,
        parent: Path | None = None,
    ) -> None:
        """workers: of each server. The first server is the one that is measured where nothing else is said.

        web_admin: with a dashboard? admin_password: of its user admin. odb: an empty PostgreSQL database, else it is SQLite.
        parent: of its directory, if that is not to be where other temporary files are.
        """
        self.workers = workers
        self.has_web_admin = web_admin
        self._odb = odb
        self._parent = parent
        self.admin_password = ''
        self.ports = [free_port() for _ in range(servers)]
        self._root = Path()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._root = Path(tempfile.mkdtemp(prefix='zato-bench-', dir=self._parent))
        try:
            self._create()
        except BaseException:
            shutil.rmtree(self._root, ignore_errors=True)
            raise
        return self

    def __exit__(self, type_: type[BaseException] | None, e: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self._root, ignore_errors=True)

    @property
    def path(self) -> Path:
        return self._root / 'qs'

    @property
    def pubsub_db(self) -> Path:
        """Where messages are, unless the ODB is PostgreSQL."""
        return self.path / 'pubsub.db'

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def directories(self) -> list[ServerDirectory]:
        return [ServerDirectory(self.path / f'server{number}') for number in range(1, len(self.ports) + 1)]

    @property
    def directory(self) -> ServerDirectory:
        return self.directories[0]

    @property
    def web_admin(self) -> WebAdminDirectory:
        return WebAdminDirectory(self.path / 'web-admin')

    def start(self, cpu: int | None = None, **variables: str) -> Server:
        """Returns once it answers. cpu: the only one that it may use. variables: of its environment. Raises BenchError."""
        run(pinned([ZATO, 'start', str(self.path)], cpu), **variables)
        return self.running()

    def running(self) -> Server:
        """The server that was started. Raises BenchError."""
        pid = self.directory.running_pid()
        if not pid:
            raise BenchError(f'{self.path} is not running')
        password = Secrets(self.directory.secrets_conf, os.environ).get('zato.pubapi_password')
        self._server = Server('zato', pid, self.port, f'{INVOKE}/helpers.echo', basic_auth('pubapi', password))
        return self._server

    def admin(self, service: str, request: object, server: int = 0) -> Any:
        """Call an admin service of a running server."""
        return client_of(self.directories[server]).invoke(service, request)

    def with_channel(self, server: Server, path: str = CHANNEL, service: str = 'helpers.echo') -> Server:
        """The same server, measured through a REST channel with Basic Auth, which is made if need be: one an environment."""
        if path not in self._names('zato.channel-rest.get-list'):
            self.admin('zato.config.apply', {'changes': _channel(path, service)})
        return replace(server, path=path, headers=basic_auth())

    def deploy(self, modules: Mapping[str, str], services: Collection[str]) -> None:
        """Put modules, file name → text, into the pickup folder of a running server; returns once the services are there.

        Raises BenchError.
        """
        for name, text in modules.items():
            (self.directory.services / name).write_text(text)
        end = monotonic() + _TIMEOUT
        while missing := set(services) - self._names('zato.service.get-list'):
            if monotonic() > end:
                raise BenchError(f'{len(missing)} services were not deployed, such as {min(missing)}')
            sleep(0.05)

    def deploy_own(self, module: str, *services: str) -> None:
        """As `deploy`, for one module of tests/bench/services."""
        self.deploy({f'{module}.py': (SERVICES / f'{module}.py').read_text()}, services)

    def _names(self, get_list: str) -> set[str]:
        return {item['name'] for item in self.admin(get_list, {})}

    def stop(self) -> None:
        """By `zato stop`; should that fail, by pid."""
        if self._server is None and self.directory.running_pid():
            self.running()
        server, self._server = self._server, None
        if server is None:
            return
        pids = [directory.running_pid() for directory in (*self.directories, self.web_admin)]
        processes = [process for pid in pids if pid for process in Server('', pid, 0, '').processes()]
        try:
            run([ZATO, 'stop', str(self.path)])
        finally:
            end_processes([process for process in processes if process.is_running()])

    def kill(self) -> None:
        """kill -9 of all processes of the measured server. Without effect if it does not run."""
        server, self._server = self._server, None
        processes = server.processes() if server is not None else []
        for process in processes:
            process.kill()
        psutil.wait_procs(processes)

    def worker_processes(self) -> list[psutil.Process]:
        """By pid, from the names of their sockets."""
        names = [path.stem for item in self.directories for path in (item.work / 'ipc').glob('worker-*.sock')]
        return [psutil.Process(pid) for pid in sorted(int(name.partition('-')[2]) for name in names)]

    def _create(self) -> None:
        command = [ZATO, 'quickstart', 'create', str(self.path), '--workers', str(self.workers)]
        command += ['--web-admin-port', '0'] if self.has_web_admin else ['--no-web-admin']
        variables = {}
        if self._odb is not None:
            odb = self._odb
            command += ['--odb-type', odb.engine, '--odb-db-name', odb.db_name, '--odb-host', odb.host]
            command += ['--odb-port', str(odb.port), '--odb-user', odb.username]
            variables['ZATO_ODB_PASSWORD'] = odb.password
        shown = run([*command, '--servers', str(len(self.ports)), '--http-port', '0'], **variables)
        if found := re.search(r'^Dashboard user: admin, password: (\S+)$', shown, re.MULTILINE):
            self.admin_password = found[1]
        for directory, port in zip(self.directories, self.ports, strict=True):
            conf = directory.server_conf
            text = conf.read_text()
            bind = 'gunicorn_bind=0.0.0.0:0\n'
            if bind not in text:
                raise BenchError(f'{conf} has no line {bind}')
            conf.write_text(text.replace(bind, f'gunicorn_bind=127.0.0.1:{port}\n'))


def _channel(path: str, service: str) -> list[dict[str, Any]]:
    """Changes that make a channel, whose name is its path, and its security definition."""
    security = {'kind': 'security_basic_auth', 'name': _SECURITY, 'username': USERNAME, 'password': PASSWORD}
    channel = {'kind': 'channel_rest', 'name': path, 'url_path': path, 'service': service, 'security': _SECURITY}
    return [{'action': 'create', **security}, {'action': 'create', **channel, 'data_format': 'json'}]


def run(command: list[str], **variables: str) -> str:
    """Returns what the command said. variables: more of its environment. Raises BenchError with what it said."""
    env = {**environment(), **variables}
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode:
        raise BenchError(f'{" ".join(command)} failed: {(done.stderr or done.stdout).strip()}')
    return done.stdout
