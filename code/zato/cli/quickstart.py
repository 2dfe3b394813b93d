"""`zato quickstart create PATH`: a whole environment in one directory."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zato.cli.component import PATH
from zato.cli.create import copy_template, forget_cluster, join, make_cluster, make_empty
from zato.cli.error import CLUSTER_EXISTS, CONFLICTING_OPTIONS, INVALID_INPUT, CommandError
from zato.cli.odb import address_from_options, odb_options
from zato.common.component import ServerDirectory, write_info
from zato.common.crypto import new_key
from zato.common.exception import NameTaken

if TYPE_CHECKING:
    from zato.common.odb.address import ODBAddress
    from zato.common.odb.cluster import Cluster

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
def create(
    path: Path,
    old_form: tuple[str, ...],
    cluster_name: str,
    servers: int,
    workers: int,
    secret_key: str,
    http_port: int,
    **options: Any,
) -> None:
    """Create an environment at PATH.

    The older form `PATH sqlite HOST PORT` is accepted; HOST and PORT have no meaning any more.
    """
    if old_form:
        options['odb_type'] = _odb_type(old_form)
    name = cluster_name or f'quickstart-{secrets.randbelow(900_000) + 100_000}'
    if options['odb_type'] == 'sqlite' and options['odb_db_name']:
        raise CommandError('--odb-db-name has no meaning here: the database is zato.db in PATH', CONFLICTING_OPTIONS)
    make_empty(path)
    path = path.resolve()
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}')  # an interruption leaves nothing half done at `path`
    if options['odb_type'] == 'sqlite':
        options['odb_db_name'] = str(unfinished / 'zato.db')
    address = address_from_options(**options)
    unfinished.mkdir()
    try:
        cluster = _fill(unfinished, name, secret_key or new_key(), address, servers, workers, http_port)
        unfinished.rename(path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    click.echo(f'Quickstart cluster {name} created')
    click.echo(f'API user: pubapi, password: {cluster.pubapi_password}')
    click.echo(f'Start it with: {path / "zato-qs-start.sh"}')


def _fill(path: Path, name: str, key: str, address: ODBAddress, servers: int, workers: int, http_port: int) -> Cluster:
    """Everything that an environment has, in an empty directory."""
    from zato.common.odb.migrations.runner import upgrade

    total = servers + 4
    before, _ = upgrade(address)
    click.echo(f'[1/{total}] ODB schema {"already exists" if before else "created"}')
    try:
        cluster = make_cluster(address, name, key)
    except NameTaken as e:
        raise CommandError(f'{e}; add servers to it with: zato create server', CLUSTER_EXISTS) from None
    try:
        click.echo(f'[2/{total}] Cluster created')
        for number in range(1, servers + 1):
            server = f'server{number}'
            port = http_port + number - 1 if http_port else 0
            join(path / server, name, server, port=port, workers=workers, key=key, odb=address)
            click.echo(f'[{2 + number}/{total}] {server} created')
        copy_template('services/demo.py', ServerDirectory(path / 'server1').services / 'demo.py')
        click.echo(f'[{total - 1}/{total}] Sample services created')
        _write_scripts(path)
        write_info(path, 'QUICKSTART', cluster_name=name)
        click.echo(f'[{total}/{total}] Management scripts created')
    except BaseException:
        forget_cluster(address)
        raise
    return cluster


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
