"""`zato odb upgrade`, and what commands that work with the ODB itself have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zato.cli.component import PATH, servers_of
from zato.cli.error import INVALID_INPUT, NO_OPTIONS, CommandError
from zato.common.config.reader import read_server_conf
from zato.common.config.secrets import Secrets

if TYPE_CHECKING:
    from zato.common.component import ServerDirectory
    from zato.common.odb.address import ODBAddress

F = TypeVar('F', bound=Callable[..., Any])

_OPTIONS = (
    click.option('--odb-type', type=click.Choice(['sqlite', 'postgresql']), default='sqlite', show_default=True),
    click.option('--odb-db-name', default='', help='Name of the database; of SQLite, the path of its file.'),
    click.option('--odb-host', default='', help='Of PostgreSQL.'),
    click.option('--odb-port', type=click.IntRange(0, 65_535), default=0, help='Of PostgreSQL; by default 5432.'),
    click.option('--odb-user', default='', help='Of PostgreSQL.'),
    click.option('--odb-password', default='', envvar='ZATO_ODB_PASSWORD', show_envvar=True, help='Of PostgreSQL.'),
)


def odb_options(command: F) -> F:
    """Options that say where an ODB is."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def address_from_options(
    odb_type: str, odb_db_name: str, odb_host: str, odb_port: int, odb_user: str, odb_password: str
) -> ODBAddress:
    """Raises CommandError."""
    from zato.common.odb.address import ODBAddress  # SQLAlchemy takes longer to import than most commands to run

    if odb_type == 'sqlite':
        if not odb_db_name:
            raise CommandError('--odb-db-name is required: the path of the database file', NO_OPTIONS)
        return ODBAddress(engine='sqlite', db_name=str(Path(odb_db_name).expanduser().resolve()))
    missing = [
        name
        for name, value in {'--odb-host': odb_host, '--odb-user': odb_user, '--odb-db-name': odb_db_name}.items()
        if not value
    ]
    if missing:
        raise CommandError(f'{", ".join(missing)} must be given with --odb-type {odb_type}', NO_OPTIONS)
    return ODBAddress(
        engine='postgresql', db_name=odb_db_name, host=odb_host, port=odb_port, username=odb_user, password=odb_password
    )


def address_of_server(server: ServerDirectory) -> ODBAddress:
    """What its server.conf says. Raises ConfigError."""
    from zato.common.odb.address import address_from

    secrets = Secrets(server.secrets_conf, os.environ)
    return address_from(read_server_conf(server.server_conf, os.environ, secrets.get).odb, server.repo)


@click.group()
def odb() -> None:
    """Work with the database that has a cluster's configuration."""


@odb.command()
@click.argument('path', type=PATH, required=False)
@odb_options
def upgrade(path: Path | None, **options: Any) -> None:
    """Bring the ODB to the schema of this version. Stop all servers first, and make a backup.

    PATH is a server, or an environment, whose ODB it is; without it, options say which one.
    """
    from zato.common.odb.migrations.runner import upgrade as run

    if path is not None:
        server = servers_of(path)[0]
        address = address_of_server(server)
    else:
        address = address_from_options(**options)
    if address.is_sqlite and not Path(address.db_name).exists():
        raise CommandError(f'{address.db_name} is missing; zato create odb makes a new one', INVALID_INPUT)
    before, after = run(address)
    click.echo(f'Schema {after}, as it was' if before == after else f'Schema {after}; it was {before or "missing"}')
