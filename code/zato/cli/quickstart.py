"""`zato quickstart create PATH`: a whole environment in one directory."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click

from zato.cli.component import PATH
from zato.cli.create import copy_template, make_empty, make_server
from zato.cli.error import INVALID_INPUT, CommandError
from zato.common.component import ServerDirectory, write_info

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
@click.option('--odb-type', default='sqlite', show_default=True, help='Where the configuration is kept.')
@click.option('--secret-key', default='', help='A Fernet key; a new one by default.')
@click.option('--http-port', type=click.IntRange(0, 65_535), default=_FIRST_PORT, show_default=True)
def create(
    path: Path,
    old_form: tuple[str, ...],
    cluster_name: str,
    servers: int,
    workers: int,
    odb_type: str,
    secret_key: str,
    http_port: int,
) -> None:
    """Create an environment at PATH.

    The older form `PATH sqlite HOST PORT` is accepted; HOST and PORT have no meaning any more.
    """
    odb_type = _odb_type(old_form, odb_type)
    if odb_type != 'sqlite':
        raise CommandError(f'--odb-type {odb_type} is not in this version; use sqlite', INVALID_INPUT)
    if servers > 1:
        raise CommandError('--servers above 1 is not in this version; use --workers', INVALID_INPUT)
    name = cluster_name or f'quickstart-{secrets.randbelow(900_000) + 100_000}'
    make_empty(path)
    path = path.resolve()
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}')  # an interruption leaves nothing half done at `path`
    password = make_server(unfinished / 'server1', port=http_port, workers=workers, key=secret_key)
    click.echo('[1/3] server1 created')
    copy_template('services/demo.py', ServerDirectory(unfinished / 'server1').services / 'demo.py')
    click.echo('[2/3] Sample services created')
    _write_scripts(unfinished)
    write_info(unfinished, 'QUICKSTART')
    unfinished.rename(path)
    click.echo('[3/3] Management scripts created')
    click.echo(f'Quickstart cluster {name} created')
    click.echo(f'API user: pubapi, password: {password}')
    click.echo(f'Start it with: {path / "zato-qs-start.sh"}')


def _odb_type(old_form: tuple[str, ...], odb_type: str) -> str:
    if len(old_form) > 3:
        raise CommandError(f'Too many arguments: {" ".join(old_form[3:])}', INVALID_INPUT)
    if len(old_form) > 1:
        click.echo('The host and the port after the type of the ODB have no meaning any more', err=True)
    return old_form[0] if old_form else odb_type


def _write_scripts(path: Path) -> None:
    zato = Path(sys.executable).parent / 'zato'
    for name, command in _SCRIPTS.items():
        script = path / name
        script.write_text(f'#!/bin/sh\nexec "{zato}" {command} "$(dirname "$0")" "$@"\n', encoding='utf-8')
        script.chmod(0o740)
