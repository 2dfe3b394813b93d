"""`zato quickstart create PATH`: a whole environment in one directory."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zato.cli.component import PATH
from zato.cli.create import forget_cluster, join, make_cluster
from zato.cli.directory import cipher_of, copy_template, make_empty, make_web_admin
from zato.cli.error import CLUSTER_EXISTS, CONFLICTING_OPTIONS, INVALID_INPUT, CommandError
from zato.cli.odb import address_from_options, odb_options
from zato.cli.web_admin import FIRST_USER, PORT, UserCommand, create_first_user
from zato.common.component import ServerDirectory, WebAdminDirectory, write_info
from zato.common.crypto import new_key, new_password
from zato.common.exception import NameTaken

if TYPE_CHECKING:
    from zato.common.odb.address import ODBAddress

_SCRIPTS = {
    'zato-qs-start.sh': 'start',
    'zato-qs-stop.sh': 'stop',
    'zato-qs-restart.sh': 'restart',
}
_FIRST_PORT = 17010


class QuickstartGroup(click.Group):
    """`zato quickstart PATH` means `zato quickstart create PATH`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ['create', *args]
        return super().resolve_command(ctx, args)


@click.group(cls=QuickstartGroup)
def quickstart() -> None:
    """Create a whole environment in one directory."""


@quickstart.command()
@click.argument('path', type=PATH)
@click.argument('old_form', nargs=-1, metavar='[sqlite [HOST [PORT]]]')
@click.option('--cluster-name', default='', help='By default quickstart-<number>.')
@click.option('--servers', type=click.IntRange(1), default=1, show_default=True, help='How many servers.')
@click.option(
    '--workers',
    '--threads-per-server',
    'workers',
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help='Worker processes of each server.',
)
@click.option('--secret-key', envvar='ZATO_SECRET_KEY', default='', help='A Fernet key; a new one by default.')
@odb_options
@click.option('--http-port', type=click.IntRange(0, 65_535), default=_FIRST_PORT, show_default=True)
@click.option(
    '--web-admin-port',
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    help="The dashboard's; 0: a free one.",
)
@click.option('--no-web-admin', is_flag=True, help='Without a dashboard.')
def create(
    path: Path,
    old_form: tuple[str, ...],
    cluster_name: str,
    servers: int,
    workers: int,
    secret_key: str,
    http_port: int,
    web_admin_port: int,
    no_web_admin: bool,
    **options: Any,
) -> None:
    """Create an environment at PATH.

    The older form `PATH sqlite HOST PORT` is accepted; HOST and PORT have no meaning any more.
    """
    if old_form:
        options['odb_type'] = _odb_type(old_form)
    if options['odb_type'] == 'sqlite' and options['odb_db_name']:
        raise CommandError('--odb-db-name has no meaning here: the database is zato.db in PATH', CONFLICTING_OPTIONS)
    plan = _Plan(
        cluster_name=cluster_name or f'quickstart-{secrets.randbelow(900_000) + 100_000}',
        key=secret_key or new_key(),
        servers=servers,
        workers=workers,
        http_port=http_port,
        web_admin_port=None if no_web_admin else web_admin_port,
    )
    cipher_of(plan.key)  # so that a wrong one is refused before anything is done
    make_empty(path)
    _create_at(path.resolve(), plan, options)


def _create_at(path: Path, plan: _Plan, options: dict[str, Any]) -> None:
    """options: those of odb_options."""
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}')  # an interruption leaves nothing half done at `path`
    if options['odb_type'] == 'sqlite':
        options['odb_db_name'] = str(unfinished / 'zato.db')
    address = address_from_options(**options)
    unfinished.mkdir()
    try:
        with _Dashboard(unfinished, plan) as dashboard:
            pubapi_password = _fill(unfinished, plan, address, dashboard)
        unfinished.rename(path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    click.echo(f'Quickstart cluster {plan.cluster_name} created')
    click.echo(f'API user: pubapi, password: {pubapi_password}')
    if plan.web_admin_port is not None:
        if plan.web_admin_port:
            click.echo(f'Dashboard: http://localhost:{plan.web_admin_port}')
        click.echo(f'Dashboard user: {FIRST_USER}, password: {dashboard.password}')
    click.echo(f'Start it with: {path / "zato-qs-start.sh"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """http_port: of the first server, the others' come after it; 0: free ones. web_admin_port: None for no dashboard."""

    cluster_name: str
    key: str
    servers: int
    workers: int
    http_port: int
    web_admin_port: int | None

    @property
    def ports(self) -> dict[str, int]:
        """Of each server, by its name."""
        return {f'server{i + 1}': self.http_port + i if self.http_port else 0 for i in range(self.servers)}

    @property
    def addresses(self) -> dict[str, str]:
        """Of each server, or its directory, as the dashboard reaches it."""
        return {name: f'http://127.0.0.1:{port}' if port else f'../{name}' for name, port in self.ports.items()}


class _Dashboard:
    """The dashboard of an environment, which is made beside all else that an environment has."""

    def __init__(self, environment: Path, plan: _Plan) -> None:
        self._path = environment / 'web-admin'
        self._plan = plan
        self._creation: UserCommand | None = None
        self.admin_invoke_password = new_password()
        self.password = new_password()

    def __enter__(self) -> _Dashboard:
        plan = self._plan
        if plan.web_admin_port is not None:
            self._path.mkdir()
            make_web_admin(
                self._path,
                plan.addresses,
                port=plan.web_admin_port,
                key=plan.key,
                admin_invoke_password=self.admin_invoke_password,
            )
            self._creation = create_first_user(WebAdminDirectory(self._path), self.password)
        return self

    def finish(self) -> None:
        """Raises CommandError."""
        if self._creation is not None:
            self._creation.finish()

    def __exit__(self, *error: object) -> None:
        if self._creation is not None:
            self._creation.cancel()


def _fill(path: Path, plan: _Plan, address: ODBAddress, dashboard: _Dashboard) -> str:
    """Everything that an environment has, in an empty directory. Returns the password of pubapi."""
    from zato.common.odb.migrations.runner import upgrade

    step = _steps(plan)
    before, _ = upgrade(address)
    step(f'ODB schema {"already exists" if before else "created"}')
    try:
        cluster = make_cluster(address, plan.cluster_name, plan.key, dashboard.admin_invoke_password)
    except NameTaken as e:
        raise CommandError(f'{e}; add servers to it with: zato create server', CLUSTER_EXISTS) from None
    try:
        step('Cluster created')
        for name, port in plan.ports.items():
            join(path / name, plan.cluster_name, name, port=port, workers=plan.workers, key=plan.key, odb=address)
            step(f'{name} created')
        copy_template('services/demo.py', ServerDirectory(path / 'server1').services / 'demo.py')
        step('Sample services created')
        if plan.web_admin_port is not None:
            dashboard.finish()
            step('Dashboard created')
        _write_scripts(path)
        write_info(path, 'QUICKSTART', cluster_name=plan.cluster_name)
        step('Management scripts created')
    except BaseException:
        forget_cluster(address)
        raise
    return cluster.pubapi_password


def _steps(plan: _Plan) -> Callable[[str], None]:
    """What tells of one step after the other."""
    total = plan.servers + (4 if plan.web_admin_port is None else 5)
    numbers = itertools.count(1)
    return lambda what: click.echo(f'[{next(numbers)}/{total}] {what}')


def _odb_type(old_form: tuple[str, ...]) -> str:
    if len(old_form) > 3:
        raise CommandError(f'Too many arguments: {" ".join(old_form[3:])}', INVALID_INPUT)
    if len(old_form) > 1:
        click.echo('The host and the port after the type of the ODB have no meaning any more', err=True)
    if old_form[0] not in ('sqlite', 'postgresql'):
        raise CommandError(f'The type of the ODB must be sqlite or postgresql, not {old_form[0]}', INVALID_INPUT)
    return old_form[0]


def _write_scripts(path: Path) -> None:
    zato = Path(sys.executable).parent / 'zato'
    for name, command in _SCRIPTS.items():
        script = path / name
        script.write_text(f'#!/bin/sh\nexec "{zato}" {command} "$(dirname "$0")" "$@"\n', encoding='utf-8')
        script.chmod(0o740)
