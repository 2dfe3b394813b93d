"""Our own server, in a quickstart environment in a temporary directory, driven by the commands that users have."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.bench.processes import BIN, BenchError, Server, end_processes, environment, free_port, pinned
from zato.cli.component import client_of
from zato.common.component import ServerDirectory
from zato.common.config.secrets import Secrets

ZATO = str(BIN / 'zato')
ECHO = '/zato/api/invoke/helpers.echo'
CHANNEL = '/bench/echo'
_CHANNEL = [
    {'action': 'create', 'kind': 'security_basic_auth', 'name': 'bench', 'username': 'bench', 'password': 'secret'},
    {
        'action': 'create',
        'kind': 'channel_rest',
        'name': CHANNEL,
        'url_path': CHANNEL,
        'service': 'helpers.echo',
        'security': 'bench',
        'data_format': 'json',
    },
]

_TIMEOUT = 60.0  #: seconds that a command may take


class Environment:
    """Created on entering the block; stopped and removed at its end."""

    def __init__(self, workers: int, servers: int = 1) -> None:
        """workers: of each server. The first server is the one that is measured where nothing else is said."""
        self.workers = workers
        self.ports = [free_port() for _ in range(servers)]
        self._root = Path()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._root = Path(tempfile.mkdtemp(prefix='zato-bench-'))
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
    def port(self) -> int:
        return self.ports[0]

    @property
    def directories(self) -> list[ServerDirectory]:
        return [ServerDirectory(self.path / f'server{number}') for number in range(1, len(self.ports) + 1)]

    @property
    def directory(self) -> ServerDirectory:
        return self.directories[0]

    def start(self, cpu: int | None = None) -> Server:
        """Returns once it answers. cpu: the only one that it may use. Raises BenchError."""
        run(pinned([ZATO, 'start', str(self.path)], cpu))
        return self.running()

    def running(self) -> Server:
        """The server that was started. Raises BenchError."""
        pid = self.directory.running_pid()
        if not pid:
            raise BenchError(f'{self.path} is not running')
        self._server = Server('zato', pid, self.port, ECHO, {'Authorization': self._authorization()})
        return self._server

    def admin(self, service: str, request: object, server: int = 0) -> Any:
        """Call an admin service of a running server."""
        return client_of(self.directories[server]).invoke(service, request)

    def with_channel(self, server: Server) -> Server:
        """The same server, measured through a REST channel of its ODB with Basic Auth, which is made if need be."""
        names = [channel['name'] for channel in self.admin('zato.http-soap.get-list', {})]
        if CHANNEL not in names:
            self.admin('zato.config.apply', {'changes': _CHANNEL})
        credentials = base64.b64encode(b'bench:secret').decode()
        return replace(server, path=CHANNEL, headers={'Authorization': f'Basic {credentials}'})

    def stop(self) -> None:
        """By `zato stop`; should that fail, by pid."""
        if self._server is None and self.directory.running_pid():
            self.running()
        server, self._server = self._server, None
        if server is None:
            return
        pids = [directory.running_pid() for directory in self.directories]
        processes = [process for pid in pids if pid for process in Server('', pid, 0, '').processes()]
        try:
            run([ZATO, 'stop', str(self.path)])
        finally:
            end_processes([process for process in processes if process.is_running()])

    def worker_processes(self) -> list[psutil.Process]:
        """By pid, from the names of their sockets."""
        names = [path.stem for item in self.directories for path in (item.work / 'ipc').glob('worker-*.sock')]
        return [psutil.Process(pid) for pid in sorted(int(name.partition('-')[2]) for name in names)]

    def _create(self) -> None:
        command = [ZATO, 'quickstart', 'create', str(self.path), '--workers', str(self.workers)]
        run([*command, '--servers', str(len(self.ports)), '--http-port', '0'])
        for directory, port in zip(self.directories, self.ports, strict=True):
            conf = directory.server_conf
            text = conf.read_text()
            bind = 'gunicorn_bind=0.0.0.0:0\n'
            if bind not in text:
                raise BenchError(f'{conf} has no line {bind}')
            conf.write_text(text.replace(bind, f'gunicorn_bind=127.0.0.1:{port}\n'))

    def _authorization(self) -> str:
        password = Secrets(self.directory.secrets_conf, os.environ).get('zato.pubapi_password')
        return 'Basic ' + base64.b64encode(f'pubapi:{password}'.encode()).decode()


def run(command: list[str]) -> None:
    """Raises BenchError with what the command said."""
    done = subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode:
        raise BenchError(f'{" ".join(command)} failed: {(done.stderr or done.stdout).strip()}')


def as_json(data: object) -> bytes:
    return json.dumps(data, separators=(',', ':')).encode()
