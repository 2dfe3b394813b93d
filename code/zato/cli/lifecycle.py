"""`zato start`, `zato stop`, `zato restart`."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import click

from zato.cli.component import PATH, address_of, component_of, servers_of
from zato.cli.error import ALREADY_RUNNING, FAILED_TO_START, NO_FILE, CommandError
from zato.common.component import ServerDirectory
from zato.common.config.reader import read_server_stanza
from zato.common.config.secrets import Secrets
from zato.common.config.server_conf import Main
from zato.common.exception import ZatoException
from zato.common.lock import is_locked
from zato.common.start_report import reason_of

OUTPUT_LOG = 'output.log'  #: what the processes print, services' own prints above all
_START_TIMEOUT = 180.0  #: seconds
_STOP_GRACE = 20.0  #: seconds past its own graceful timeout that a server may take to stop
_FAILED_GRACE = 10.0
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Development:
    """For `zato dev`. host: where the server listens. debug_port: 0 for no debugger. is_waiting: is it waited for?"""

    host: str
    debug_port: int
    is_waiting: bool

    @property
    def arguments(self) -> list[str]:
        waiting = ['--wait-for-debugger'] if self.is_waiting else []
        return ['--dev', '--host', self.host, '--debug-port', str(self.debug_port), *waiting]


class Started:
    """A server process that was just started, and the pipe on which it reports."""

    def __init__(self, server: ServerDirectory, process: subprocess.Popen[bytes], report: int, log_start: int) -> None:
        self.server = server
        self.process = process
        self._report = report
        self._log_start = log_start  # how long server.log was before

    def wait_until_ready(self) -> None:
        """Raises CommandError with the reason if it does not get ready."""
        with os.fdopen(self._report, 'rb') as report:
            os.set_blocking(report.fileno(), True)
            reason = reason_of(_read_report(report.fileno()))
        if reason is None:
            return
        self._end()
        reason = reason or self._reason_from_log()
        code = ALREADY_RUNNING if 'running already' in reason else FAILED_TO_START
        raise CommandError(f'{self.server.path} did not start: {reason}', code)

    def _end(self) -> None:
        """Its processes end by themselves when a start fails; one that does not is told to."""
        try:
            self.process.wait(_FAILED_GRACE)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()

    def _reason_from_log(self) -> str:
        errors = []
        if self.server.server_log.exists():
            with self.server.server_log.open('rb') as log:
                log.seek(self._log_start)
                errors = [line for line in log.read().decode(errors='replace').splitlines() if ' - ERROR - ' in line]
        last = errors[-1].split(' - ', 4)[-1] if errors else 'its processes ended'
        return f'{last}; see server.log and {OUTPUT_LOG} in {self.server.logs}'


@click.command()
@click.argument('path', type=PATH)
@click.option('--fg', is_flag=True, help='Stay in the foreground, with the log on the terminal.')
@click.option('--env-file', type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Has a stanza [env].')
@click.option('--secret-key', default='', help='Instead of the one in secrets.conf.')
def start(path: Path, fg: bool, env_file: Path | None, secret_key: str) -> None:
    """Start the server, or all servers of the environment, at PATH.

    Returns once they answer, or with the reason why they do not.
    """
    start_all(path, fg, env_file, secret_key)


@click.command()
@click.argument('path', type=PATH)
def stop(path: Path) -> None:
    """Stop the server, or all servers of the environment, at PATH. Returns once their processes are gone."""
    stopped = [stop_server(server) for server in servers_of(path)]
    if not any(stopped):
        raise CommandError(f'{path} is not running', NO_FILE)
    click.echo('OK')


@click.command()
@click.argument('path', type=PATH)
@click.option('--fg', is_flag=True, help='Stay in the foreground, with the log on the terminal.')
@click.option('--env-file', type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Has a stanza [env].')
@click.option('--secret-key', default='', help='Instead of the one in secrets.conf.')
def restart(path: Path, fg: bool, env_file: Path | None, secret_key: str) -> None:
    """Stop what runs at PATH, if anything does, and start it."""
    for server in servers_of(path):
        stop_server(server)
    start_all(path, fg, env_file, secret_key)


def start_all(path: Path, fg: bool, env_file: Path | None, secret_key: str) -> None:
    """Raises CommandError; servers that were started before the one that failed stay."""
    started = [_spawn(server, fg, env_file, secret_key) for server in servers_of(path)]
    if fg:
        _stay(path, started)
        return
    for item in started:
        item.wait_until_ready()
    click.echo('OK')


def run_in_foreground(server: ServerDirectory, env_file: Path | None, development: Development) -> None:
    """Until it ends. Raises CommandError."""
    _stay(server.path, [_spawn(server, True, env_file, '', development)])


def stop_server(server: ServerDirectory) -> bool:
    """Returns whether there was anything to stop. Raises CommandError if it does not end."""
    if not is_locked(server.lock):
        server.pidfile.unlink(missing_ok=True)
        return False
    told = 0
    end = monotonic() + _graceful_timeout(server) + _STOP_GRACE
    while is_locked(server.lock):
        if monotonic() > end:
            raise CommandError(f'{server.path} has not stopped; see {server.server_log}')
        pid = server.running_pid()
        if pid != told:
            told = pid
            if pid:
                os.kill(pid, signal.SIGTERM)
        sleep(_POLL)
    return True


def _graceful_timeout(server: ServerDirectory) -> float:
    """What server.conf says; its default if it cannot be read, for even then a server must be stopped."""
    try:
        main = read_server_stanza(server.server_conf, os.environ, 'main')
    except ZatoException:
        main = Main()
    return float(main.gunicorn_graceful_timeout)


def _spawn(
    server: ServerDirectory, fg: bool, env_file: Path | None, secret_key: str, development: Development | None = None
) -> Started:
    """Run the server's parent process, in the background unless `fg`."""
    reading, writing = os.pipe()
    command = [sys.executable, '-P', '-m', 'zato.server', str(server.path), '--ready-fd', str(writing)]
    command += ['--fg'] if fg else []
    command += ['--env-file', str(env_file.resolve())] if env_file else []
    command += development.arguments if development is not None else []
    environment = {**os.environ, 'ZATO_SECRET_KEY': secret_key} if secret_key else None
    server.logs.mkdir(exist_ok=True)
    log_start = server.server_log.stat().st_size if server.server_log.exists() else 0
    with (server.logs / OUTPUT_LOG).open('ab') as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=server.path,
            stdin=None if fg else subprocess.DEVNULL,
            stdout=None if fg else log,
            stderr=None if fg else log,
            pass_fds=[writing],
            start_new_session=not fg,
        )
    os.close(writing)
    return Started(server, process, reading, log_start)


def _read_report(fd: int) -> str:
    data = b''
    end = monotonic() + _START_TIMEOUT
    while True:
        ready, _, _ = select.select([fd], [], [], max(0.0, end - monotonic()))
        if not ready:
            return f'it was not ready in {_START_TIMEOUT:g} s'
        more = os.read(fd, 65_536)
        data += more
        if not more or data.endswith(b'\n'):
            return data.decode(errors='replace')


def _stay(path: Path, started: list[Started]) -> None:
    """Until the servers end. Ctrl-C reaches them too, so there is nothing to do about it here but to wait."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def forward(sig: int, frame: object) -> None:
        for item in started:
            item.process.terminate()

    signal.signal(signal.SIGTERM, forward)
    failure: CommandError | None = None
    for item in started:
        try:
            item.wait_until_ready()
        except CommandError as e:
            failure = e
    if failure is None and component_of(path) == 'QUICKSTART':
        _show_what_to_try(started[0].server)
    codes = [item.process.wait() for item in started]
    if failure is not None:
        raise failure
    if any(codes):
        raise CommandError(f'{path} ended with exit code {max(codes)}', FAILED_TO_START)


def _show_what_to_try(server: ServerDirectory) -> None:
    host, port = address_of(server)
    try:
        password = Secrets(server.secrets_conf, os.environ).get('zato.pubapi_password')
    except ZatoException:
        password = '<password>'
    order = '{"customer": "Jane", "country": "DE", "lines": [{"sku": "A-100", "quantity": 2}]}'
    click.echo(
        f'\nThree things to try:\n'
        f'\n1. Call a sample service:\n'
        f"   curl -u pubapi:{password} http://{host}:{port}/zato/api/invoke/demo.place-order -d '{order}'\n"
        f'\n2. Copy a Python file with a service of your own to:\n'
        f'   {server.services}\n'
        f'\n3. Stop with Ctrl-C\n'
    )
