"""`zato create`: ODBs, clusters, servers, secret keys, and objects of the kinds that declare such a command."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zato.cli.component import PATH, server_of
from zato.cli.directory import cipher_of, make_empty, make_server
from zato.cli.error import (
    CLUSTER_EXISTS,
    NO_OPTIONS,
    NO_SUCH_CLUSTER,
    ODB_EXISTS,
    SERVER_EXISTS,
    CommandError,
)
from zato.cli.kind_command import DerivedGroup
from zato.cli.odb import address_from_options, address_of_server, odb_options
from zato.cli.web_admin import create_user, create_web_admin
from zato.common.config.secrets import Secrets
from zato.common.crypto import new_key, new_password
from zato.common.exception import NameTaken

if TYPE_CHECKING:
    from zato.common.odb.address import ODBAddress
    from zato.common.odb.cluster import Cluster

_FIRST_PORT = 17010


@click.group(cls=DerivedGroup)
def create() -> None:
    """Create an ODB, a cluster, a server, a dashboard, its users, a secret key, or an object."""


create.add_command(create_web_admin)
create.add_command(create_user)


@create.command('secret-key')
def secret_key() -> None:
    """Print a new secret key."""
    click.echo(new_key())


@create.command('odb')
@click.option('--skip-if-exists', is_flag=True, help='Change nothing, and succeed, if there is a schema.')
@odb_options
def create_odb(skip_if_exists: bool, **options: Any) -> None:
    """Create the schema of an ODB in an empty database."""
    from zato.common.odb.migrations.runner import upgrade
    from zato.common.odb.schema import REVISION

    address = address_from_options(**options)
    before = revision_in(address)
    if not before:
        upgrade(address)
    elif not skip_if_exists:
        todo = '' if before == REVISION else '; zato odb upgrade brings it up to date'
        raise CommandError(f'{address} has a schema already, {before}{todo}', ODB_EXISTS)
    click.echo('OK')


@create.command()
@click.argument('name')
@click.option(
    '--secret-key', envvar='ZATO_SECRET_KEY', default='', show_envvar=True, help='A Fernet key, of all its servers.'
)
@click.option('--admin-invoke-password', default='', help='A random one by default.')
@click.option('--skip-if-exists', is_flag=True, help='Change nothing, and succeed, if there is a cluster.')
@odb_options
def cluster(name: str, secret_key: str, admin_invoke_password: str, skip_if_exists: bool, **options: Any) -> None:
    """Create cluster NAME in an ODB, whose schema is there. Servers that join need the same secret key."""
    if not secret_key:
        raise CommandError('--secret-key is required; zato create secret-key makes one', NO_OPTIONS)
    try:
        make_cluster(address_from_options(**options), name, secret_key, admin_invoke_password)
    except NameTaken as e:
        if not skip_if_exists:
            raise CommandError(str(e), CLUSTER_EXISTS) from None
    click.echo('OK')


@create.command()
@click.argument('path', type=PATH)
@click.argument('cluster_name')
@click.argument('server_name')
@click.option('--http-port', type=click.IntRange(0, 65_535), default=_FIRST_PORT, show_default=True)
@click.option('--workers', '--threads', 'workers', type=click.IntRange(1, 256), default=1, show_default=True)
@click.option('--like', type=PATH, help='A server of the cluster, whose ODB and secret key the new one has too.')
@click.option('--secret-key', envvar='ZATO_SECRET_KEY', default='', show_envvar=True, help='That of the cluster.')
@odb_options
def server(
    path: Path,
    cluster_name: str,
    server_name: str,
    http_port: int,
    workers: int,
    like: Path | None,
    secret_key: str,
    **options: Any,
) -> None:
    """Create a server's directory at PATH, for server SERVER_NAME of cluster CLUSTER_NAME."""
    if like is not None:
        other = server_of(like)
        key, address = Secrets(other.secrets_conf, os.environ).key, address_of_server(other)
    elif secret_key:
        key, address = secret_key, address_from_options(**options)
    else:
        raise CommandError('--secret-key, that of the cluster, is required, or --like, a server of it', NO_OPTIONS)
    join(path, cluster_name, server_name, port=http_port, workers=workers, key=key, odb=address)
    click.echo('OK')


def revision_in(address: ODBAddress) -> str:
    """The revision of its schema, '' if there is none. Raises ODBUnavailable."""
    from zato.common.odb.database import Database
    from zato.common.odb.schema import current_revision

    if address.is_sqlite and not Path(address.db_name).exists():
        return ''
    with closing(Database(address)) as database, database.read() as connection:
        return current_revision(connection)


def make_cluster(address: ODBAddress, name: str, key: str, admin_invoke_password: str = '') -> Cluster:
    """Raises NameTaken, CommandError, ConfigError, ODBUnavailable."""
    from zato.common.odb.cluster import Cluster, create_cluster
    from zato.common.odb.database import Database
    from zato.common.odb.schema import check_schema

    new = Cluster(name=name, pubapi_password=new_password(), admin_invoke_password=admin_invoke_password or new_password())
    with closing(Database(address)) as database, database.write() as connection:
        check_schema(connection, str(address))
        create_cluster(database, connection, new, cipher_of(key))
    return new


def forget_cluster(address: ODBAddress) -> None:
    """Undo what a creation that failed has left in the ODB: that cluster's key is nobody's."""
    from zato.common.odb.cluster import delete_cluster
    from zato.common.odb.database import Database, ODBUnavailable

    if address.is_sqlite:
        return  # the file goes with its directory
    try:
        with closing(Database(address)) as database, database.write() as connection:
            delete_cluster(connection)
    except ODBUnavailable as e:
        click.echo(f'The cluster remains in the ODB, without a server: {e}', err=True)


def join(path: Path, cluster_name: str, server_name: str, *, port: int, workers: int, key: str, odb: ODBAddress) -> Cluster:
    """Make a server's directory, and have the cluster know it. Raises CommandError, ConfigError, ODBUnavailable."""
    from zato.common.odb.cluster import add_server, read_cluster
    from zato.common.odb.database import Database
    from zato.common.odb.schema import check_schema

    make_empty(path)
    try:
        with closing(Database(odb)) as database, database.write() as connection:
            check_schema(connection, str(odb))
            found = read_cluster(connection, cipher_of(key), str(odb))
            if found.name != cluster_name:
                raise CommandError(f'{odb} has cluster `{found.name}`, not `{cluster_name}`', NO_SUCH_CLUSTER)
            add_server(database, connection, server_name)
            make_server(path, server_name, found, port=port, workers=workers, key=key, odb=odb)
    except BaseException as e:
        shutil.rmtree(path, ignore_errors=True)
        if isinstance(e, NameTaken):
            raise CommandError(str(e), SERVER_EXISTS) from None
        raise
    return found
