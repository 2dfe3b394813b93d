"""Dashboards and their users: `zato create web-admin`, `zato create user`, `zato update password` and so on.

Users are the dashboard's own, in its database: a process of `zato.admin` works with it, as Django is not for this one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from zato.cli.component import PATH, servers_of, web_admin_of
from zato.cli.directory import cipher_of, make_empty, make_web_admin
from zato.cli.error import CONFLICTING_OPTIONS, FAILED, INVALID_INPUT, NO_OPTIONS, CommandError
from zato.cli.kind_option import FROM_STDIN, secret_from
from zato.common.component import ServerDirectory, WebAdminDirectory
from zato.common.config.bind import parse_bind
from zato.common.config.kind import ROLES
from zato.common.config.secrets import Secrets
from zato.common.config.web_admin_conf import check_address, is_directory
from zato.common.crypto import new_key, new_password
from zato.common.exception import ConfigError
from zato.common.reach import ANYWHERE, http_url, stanza_of

FIRST_USER = 'admin'
PORT = 8183
_ADMIN_INVOKE = 'zato.admin_invoke_password'
_LONGEST_PASSWORD = 1_000
_PATIENCE = 120.0  #: seconds that a change of users may take


class UserCommand:
    """A command of `zato.admin` about users, which runs beside this process until `finish`."""

    def __init__(
        self,
        dashboard: WebAdminDirectory,
        command: str,
        *arguments: str,
        password: str = '',
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """password: a line, given to it through a pipe, where nobody sees it. environ: by default that of this process."""
        reading, writing = os.pipe()
        os.write(writing, f'{password}\n'.encode())
        os.close(writing)
        try:
            self._process = subprocess.Popen(
                [sys.executable, '-P', '-m', 'zato.admin', command, str(dashboard.path), *arguments],
                env=environ,
                stdin=reading,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            os.close(reading)

    def finish(self) -> str:
        """What it has printed. Raises CommandError with its reason."""
        try:
            out, err = self._process.communicate(timeout=_PATIENCE)
        except BaseException:
            self.cancel()
            raise
        if self._process.returncode:
            told = re.search('^Error: (.*)', err, re.MULTILINE | re.DOTALL)
            text = told[1] if told else (err.strip().splitlines() or ['it ended without a word'])[-1]
            code = self._process.returncode
            raise CommandError(text.strip(), code if code > 0 else FAILED)
        return out

    def cancel(self) -> None:
        """Twice is safe."""
        self._process.kill()
        self._process.communicate()


def create_first_user(dashboard: WebAdminDirectory, password: str) -> UserCommand:
    """Begin to make the dashboard's database, with user admin in it."""
    environ = {name: value for name, value in os.environ.items() if name != 'ZATO_SECRET_KEY'}  # secrets.conf has the key
    arguments = ('--username', FIRST_USER, '--role', 'admin')
    return UserCommand(dashboard, 'create-user', *arguments, password=password, environ=environ)


@click.command('web-admin')
@click.argument('path', type=PATH)
@click.option('--http-port', type=click.IntRange(0, 65_535), default=PORT, show_default=True)
@click.option('--like', type=PATH, help='A server, or an environment, whose servers and secrets the dashboard is for.')
@click.option('--server', 'servers', multiple=True, metavar='NAME=ADDRESS', help='Such as server1=http://127.0.0.1:17010.')
@click.option(
    '--admin-invoke-password',
    envvar='ZATO_ADMIN_INVOKE_PASSWORD',
    default='',
    show_envvar=True,
    help='Of the servers: [zato] admin_invoke_password of their secrets.conf, decrypted.',
)
@click.option(
    '--secret-key', envvar='ZATO_SECRET_KEY', default='', show_envvar=True, help='A Fernet key; a new one by default.'
)
def create_web_admin(
    path: Path, http_port: int, like: Path | None, servers: Sequence[str], admin_invoke_password: str, secret_key: str
) -> None:
    """Create a dashboard's directory at PATH, with a user, admin, whose password is shown once."""
    key, invoke_password = secret_key or new_key(), admin_invoke_password
    found = _servers_from(servers, path)
    if like is not None:
        if admin_invoke_password:
            raise CommandError('Give either --like or --admin-invoke-password', CONFLICTING_OPTIONS)
        others = servers_of(like)
        secrets = Secrets(others[0].secrets_conf, os.environ)
        key, invoke_password = secret_key or secrets.key, secrets.get(_ADMIN_INVOKE)
        found = found or {server.name: entry_of(server, path) for server in others}
    if not found or not invoke_password:
        raise CommandError(
            '--like, a server or an environment, is required, or --server with --admin-invoke-password', NO_OPTIONS
        )
    cipher_of(key)  # so that a wrong one is refused before anything is done
    make_empty(path)
    password = new_password()
    try:
        make_web_admin(path, found, port=http_port, key=key, admin_invoke_password=invoke_password)
        create_first_user(WebAdminDirectory(path), password).finish()
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    click.echo(f'Dashboard user: {FIRST_USER}, password: {password}')
    click.echo(f'Start it with: zato start {path}')


@click.command('user')
@click.argument('path', type=PATH)
@click.option('--username', prompt=True)
@click.option('--email', default='')
@click.option(
    '--password', default='', help=f'A random one by default, which is shown; {FROM_STDIN} reads it from standard input.'
)
@click.option('--role', type=click.Choice(ROLES), default='admin', show_default=True)
def create_user(path: Path, username: str, email: str, password: str, role: str) -> None:
    """Create a user of the dashboard, or of the environment's dashboard, at PATH."""
    dashboard = web_admin_of(path)
    given = _one_line(secret_from(password, 'password')) if password else ''
    used = given or new_password()
    arguments = ('--username', username, '--role', role, *(('--email', email) if email else ()))
    UserCommand(dashboard, 'create-user', *arguments, password=used).finish()
    click.echo('OK' if given else f'User: {username}, password: {used}')


@click.group()
def update() -> None:
    """Set a user's password."""


@update.command('password')
@click.argument('path', type=PATH)
@click.argument('username')
@click.option(
    '--password', default=FROM_STDIN, help='By default it is asked for, or read from standard input, where it is not seen.'
)
def update_password(path: Path, username: str, password: str) -> None:
    """Set the password of a user of the dashboard, or of the environment's dashboard, at PATH."""
    dashboard = web_admin_of(path)
    new = _one_line(secret_from(password, 'password'))
    UserCommand(dashboard, 'update-password', username, password=new).finish()
    click.echo('OK')


@click.command('reset-totp-key')
@click.argument('path', type=PATH)
@click.argument('username')
@click.option('--off', is_flag=True, help='The user logs in with the password alone, until a new key is made.')
def reset_totp_key(path: Path, username: str, off: bool) -> None:
    """Make a new TOTP key for a user of the dashboard, or of the environment's dashboard, at PATH, and show it."""
    click.echo(UserCommand(web_admin_of(path), 'reset-totp-key', username, *(['--off'] if off else [])).finish().strip())


@click.command('set-admin-invoke-password')
@click.argument('path', type=PATH)
@click.option(
    '--password', default=FROM_STDIN, help='By default it is asked for, or read from standard input, where it is not seen.'
)
def set_admin_invoke_password(path: Path, password: str) -> None:
    """Tell the dashboard, or the environment's dashboard, at PATH the password with which it calls servers."""
    dashboard = web_admin_of(path)
    secrets = Secrets(dashboard.secrets_conf, os.environ)
    secrets.write(_ADMIN_INVOKE, _one_line(secret_from(password, 'password')))
    click.echo(f'OK; it is used after: zato restart {dashboard.path}' if dashboard.running_pid() else 'OK')


def entry_of(server: ServerDirectory, dashboard: Path) -> str:
    """What web-admin.conf says of a server on this host: its address if that is fixed and plain, else its directory.

    Raises CommandError, ConfigError.
    """
    try:
        host, port = parse_bind(stanza_of(server, 'main').gunicorn_bind)
    except ValueError as e:
        raise ConfigError(str(e), path=str(server.server_conf)) from None
    if not port or stanza_of(server, 'crypto').use_tls:
        return _directory_entry(server.path, dashboard)
    return http_url(ANYWHERE.get(host, host), port)


def _directory_entry(server: Path, dashboard: Path) -> str:
    """Relative where both are in one directory, which may then be moved."""
    home = dashboard.resolve()
    return os.path.relpath(server, home) if server.is_relative_to(home.parent) else str(server)


def _servers_from(options: Sequence[str], dashboard: Path) -> dict[str, str]:
    """Of --server. Raises CommandError."""
    found: dict[str, str] = {}
    for option in options:
        name, _, address = (part.strip() for part in option.partition('='))
        if not name or not address:
            raise CommandError(f'--server {option} is not like server1=http://127.0.0.1:17010', INVALID_INPUT)
        if name in found:
            raise CommandError(f'--server {name} is given twice', CONFLICTING_OPTIONS)
        try:
            check_address(address)
        except ValueError as e:
            raise CommandError(f'--server {name} {e}, not `{address}`', INVALID_INPUT) from None
        if is_directory(address):
            [server] = servers_of(Path(address))
            address = _directory_entry(server.path, dashboard)
        found[name] = address
    return found


def _one_line(password: str) -> str:
    """Raises CommandError."""
    if not 0 < len(password) <= _LONGEST_PASSWORD or '\n' in password or '\r' in password:
        raise CommandError(f'A password must be a line of up to {_LONGEST_PASSWORD:,} characters', INVALID_INPUT)
    return password
