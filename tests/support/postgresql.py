"""A real PostgreSQL server in a temporary directory, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal

import psutil
import psycopg
from psycopg import sql

from tests.support.environment import PATIENCE, eventually
from zato.common.odb.address import ODBAddress

HOST = '127.0.0.1'
SUPERUSER = 'postgres'
USERNAME = 'zato'  #: owns the databases, and is nobody special otherwise

_SIGNALS = {'fast': signal.SIGINT, 'immediate': signal.SIGQUIT}
_SETTINGS = {
    'listen_addresses': HOST,
    'unix_socket_directories': '',
    'fsync': 'off',
    'shared_buffers': '16MB',
    'max_connections': '200',
}


class PostgreSQL:
    """It runs once it is made, until it is closed or the process that made it ends, however that ends.

    By its settings here it never calls fsync: what is committed survives `kill -9` of it, but it would not survive a crash
    of the host.
    """

    def __init__(self, **settings: str) -> None:
        """settings: of PostgreSQL, instead of those that are good for tests."""
        self._settings = settings
        self._programs = _programs()
        self._password = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._directory = Path(tempfile.mkdtemp(prefix='zato-postgresql-', dir='/tmp'))
        self._data = self._directory / 'data'
        self._log = self._directory / 'log'
        try:
            self._initdb()
            self.start()
            user, password = sql.Identifier(USERNAME), sql.Literal(self._password)
            self.execute(sql.SQL('CREATE ROLE {} LOGIN PASSWORD {}').format(user, password))
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Without effect if it runs."""
        if self._process is None:
            settings = [f'--{name}={value}' for name, value in {**_SETTINGS, **self._settings, 'port': self.port}.items()]
            command = [*_setpriv(), str(self._programs / 'postgres'), '-D', str(self._data), *settings]
            with self._log.open('ab') as log:
                self._process = subprocess.Popen(
                    command,
                    cwd=self._directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            eventually(self._is_ready, 'the start of PostgreSQL')

    @property
    def pid(self) -> int:
        """Of the process that started all others of it, 0 if it does not run."""
        return self._process.pid if self._process is not None else 0

    def stop(self, mode: Literal['fast', 'immediate'] = 'fast') -> None:
        """Connections are closed. Without effect if it does not run."""
        if self._process is not None:
            self._process.send_signal(_SIGNALS[mode])
            self._process.wait(PATIENCE)
            self._process = None

    def restart(self, mode: Literal['fast', 'immediate'] = 'fast') -> None:
        self.stop(mode)
        self.start()

    def crash(self) -> None:
        """kill -9 of all its processes at once."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGSTOP)  # no new ones
        children = psutil.Process(self._process.pid).children(recursive=True)
        for child in children:
            child.kill()
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process = None
        eventually(lambda: all(map(_has_ended, children)), 'the end of the processes of PostgreSQL')

    def close(self) -> None:
        """Whatever state it is in."""
        self.crash()
        shutil.rmtree(self._directory, ignore_errors=True)

    def database(self, name: str, *, template: str = 'template1') -> ODBAddress:
        """A new database, empty or a copy of another one that nobody is connected to."""
        names = map(sql.Identifier, (name, USERNAME, template))
        self.execute(sql.SQL('CREATE DATABASE {} OWNER {} TEMPLATE {}').format(*names))
        return ODBAddress(
            engine='postgresql', db_name=name, host=HOST, port=self.port, username=USERNAME, password=self._password
        )

    def drop(self, name: str) -> None:
        """With its connections."""
        self.execute(sql.SQL('DROP DATABASE {} WITH (FORCE)').format(sql.Identifier(name)))

    def execute(self, statement: str | sql.Composed, *parameters: Any) -> list[tuple[Any, ...]]:
        """As the superuser, not in a transaction. Returns the rows, if any."""
        with psycopg.connect(
            host=HOST,
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            dbname='postgres',
            connect_timeout=int(PATIENCE),
            autocommit=True,
        ) as connection:
            # Any text is a statement here, while psycopg's own types want a literal.
            cursor = connection.execute(statement.encode() if isinstance(statement, str) else statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def _initdb(self) -> None:
        password_file = self._directory / 'password'
        password_file.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self._directory, password_file):
                shutil.chown(path, SUPERUSER)
        command = [*_setpriv(), str(self._programs / 'initdb'), '--pgdata', str(self._data)]
        command += ['--username', SUPERUSER, '--pwfile', str(password_file)]
        command += ['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--no-sync']
        done = subprocess.run(command, cwd=self._directory, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            self.execute('SELECT 1')
        except psycopg.OperationalError:
            return False
        return True


def _programs() -> Path:
    """The directory of the newest installed version."""
    debian = Path('/usr/lib/postgresql').glob('*/bin/postgres')
    found = max(debian, key=lambda path: [int(part) for part in re.findall(r'\d+', str(path))], default=None)
    in_path = shutil.which('postgres')
    assert found or in_path, 'no PostgreSQL here; run as root: apt-get install postgresql'
    return found.parent if found else Path(in_path or '').resolve().parent


def _setpriv() -> list[str]:
    """What runs a command that ends with this process, and not as root: PostgreSQL refuses that."""
    command = ['setpriv', '--pdeathsig', 'QUIT']
    if os.geteuid() == 0:
        user = pwd.getpwnam(SUPERUSER)
        command += ['--reuid', str(user.pw_uid), '--regid', str(user.pw_gid), '--clear-groups']
    return [*command, '--']


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _has_ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
