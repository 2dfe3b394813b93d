"""The processes of one component, a server or a dashboard: how they are started, and told to end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from zato.cli.error import ALREADY_RUNNING, FAILED_TO_START, CommandError
from zato.common.component import ComponentDirectory, WebAdminDirectory
from zato.common.config.server_conf import Main
from zato.common.exception import ZatoException
from zato.common.lock import is_locked
from zato.common.reach import stanza_of
from zato.common.start_report import reason_of

OUTPUT_LOG = 'output.log'  #: what the processes print, services' own prints above all
_START_TIMEOUT = 180.0  #: seconds
_STOP_GRACE = 20.0  #: seconds past its own graceful timeout that a component may take to stop
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


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start. is_foreground: with the log on the terminal. secret_key: '' for that in secrets.conf.

    development: of servers only.
    """

    is_foreground: bool = False
    env_file: Path | None = None
    secret_key: str = ''
    development: Development | None = None

    @property
    def arguments(self) -> list[str]:
        foreground = ['--fg'] if self.is_foreground else []
        env_file = ['--env-file', str(self.env_file.resolve())] if self.env_file else []
        return [*foreground, *env_file, *(self.development.arguments if self.development is not None else [])]


class Started:
    """A component's process that was just started, and the pipe on which it reports."""

    def __init__(self, component: ComponentDirectory, process: subprocess.Popen[bytes], report: int, log_start: int) -> None:
        self.component = component
        self.process = process
        self._report = report
        self._log_start = log_start  # how long the log was before

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
        raise CommandError(f'{self.component.path} did not start: {reason}', code)

    def _end(self) -> None:
        """Its processes end by themselves when a start fails; one that does not is told to."""
        try:
            self.process.wait(_FAILED_GRACE)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()

    def _reason_from_log(self) -> str:
        errors = []
        log = self.component.log
        if log.exists():
            with log.open('rb') as file:
                file.seek(self._log_start)
                errors = [line for line in file.read().decode(errors='replace').splitlines() if ' - ERROR - ' in line]
        last = errors[-1].split(' - ', 4)[-1] if errors else 'its processes ended'
        return f'{last}; see {log.name} and {OUTPUT_LOG} in {self.component.logs}'


def spawn(component: ComponentDirectory, launch: Launch) -> Started:
    """Run its parent process. Raises CommandError."""
    reading, writing = os.pipe()
    command = [*_command(component), '--ready-fd', str(writing), *launch.arguments]
    try:
        log_start = component.log.stat().st_size if component.log.exists() else 0
        process = _run(component, launch, command, writing)
    except OSError as e:
        os.close(reading)
        raise CommandError(f'{component.path} did not start: {e}', FAILED_TO_START) from e
    finally:
        os.close(writing)
    return Started(component, process, reading, log_start)


def stop_component(component: ComponentDirectory) -> bool:
    """Returns whether there was anything to stop. Raises CommandError if it does not end."""
    if not is_locked(component.lock):
        component.pidfile.unlink(missing_ok=True)
        return False
    told = 0
    end = monotonic() + _graceful_timeout(component) + _STOP_GRACE
    while is_locked(component.lock):
        if monotonic() > end:
            raise CommandError(f'{component.path} has not stopped; see {component.log}')
        pid = component.running_pid()
        if pid != told:
            told = pid
            if pid:
                os.kill(pid, signal.SIGTERM)
        sleep(_POLL)
    return True


def _command(component: ComponentDirectory) -> list[str]:
    python = [sys.executable, '-P', '-m']
    if isinstance(component, WebAdminDirectory):
        return [*python, 'zato.admin', 'serve', str(component.path)]
    return [*python, 'zato.server', str(component.path)]


def _run(component: ComponentDirectory, launch: Launch, command: list[str], report: int) -> subprocess.Popen[bytes]:
    """Raises OSError."""
    is_foreground = launch.is_foreground
    component.logs.mkdir(exist_ok=True)
    with (component.logs / OUTPUT_LOG).open('ab') as log:
        return subprocess.Popen(
            command,
            env={**os.environ, 'ZATO_SECRET_KEY': launch.secret_key} if launch.secret_key else None,
            cwd=component.path,
            stdin=None if is_foreground else subprocess.DEVNULL,
            stdout=None if is_foreground else log,
            stderr=None if is_foreground else log,
            pass_fds=[report],
            start_new_session=not is_foreground,
        )


def _graceful_timeout(component: ComponentDirectory) -> float:
    """What its configuration says; a server's default if it cannot be read, for even then it must be stopped."""
    try:
        main = stanza_of(component, 'main')
    except ZatoException:
        main = Main()
    return float(main.gunicorn_graceful_timeout)


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
