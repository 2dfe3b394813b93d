"""Our own server, in a quickstart environment in a temporary directory, driven by the commands that users have."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.bench.processes import BIN, BenchError, Server, end_processes, environment, free_port, pinned
from zato.common.component import ServerDirectory
from zato.common.config.secrets import Secrets

ZATO = str(BIN / 'zato')
ECHO = '/zato/api/invoke/helpers.echo'

_TIMEOUT = 60.0  #: seconds that a command may take


class Environment:
    """Created on entering the block; stopped and removed at its end."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.port = free_port()
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
    def directory(self) -> ServerDirectory:
        return ServerDirectory(self.path / 'server1')

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

    def stop(self) -> None:
        """By `zato stop`; should that fail, by pid."""
        if self._server is None and self.directory.running_pid():
            self.running()
        server, self._server = self._server, None
        if server is None:
            return
        processes = server.processes()
        try:
            run([ZATO, 'stop', str(self.path)])
        finally:
            end_processes([process for process in processes if process.is_running()])

    def worker_processes(self) -> list[psutil.Process]:
        """By pid, from the names of their sockets."""
        names = [path.stem for path in (self.directory.work / 'ipc').glob('worker-*.sock')]
        return [psutil.Process(pid) for pid in sorted(int(name.partition('-')[2]) for name in names)]

    def _create(self) -> None:
        run([ZATO, 'quickstart', 'create', str(self.path), '--workers', str(self.workers), '--http-port', str(self.port)])
        conf = self.directory.server_conf
        text = conf.read_text()
        bind = f'gunicorn_bind=0.0.0.0:{self.port}'
        if bind not in text:
            raise BenchError(f'{conf} has no line {bind}')
        conf.write_text(text.replace(bind, f'gunicorn_bind=127.0.0.1:{self.port}'))

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
