"""`zato create`: ODBs, clusters, servers, secret keys, and objects of the kinds that declare such a command."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zato.cli.component import PATH, server_of
from zato.cli.error import (
    CLUSTER_EXISTS,
    DIRECTORY_NOT_EMPTY,
    INVALID_INPUT,
    NO_OPTIONS,
    NO_SUCH_CLUSTER,
    ODB_EXISTS,
    SERVER_EXISTS,
    CommandError,
)
from zato.cli.kind_command import DerivedGroup
from zato.cli.odb import address_from_options, address_of_server, odb_options
from zato.common.component import ServerDirectory, write_info
from zato.common.config.reader import SECRET_PREFIX
from zato.common.config.secrets import Secrets, secrets_text
from zato.common.config.server_conf import template
from zato.common.crypto import Cipher, new_key, new_password
from zato.common.exception import CryptoError, NameTaken

if TYPE_CHECKING:
    from zato.common.odb.address import ODBAddress
    from zato.common.odb.cluster import Cluster

_DIRECTORIES = (
    'config/repo',
    'logs',
    'pickup/incoming/services',
    'pickup/incoming/user-conf',
    'work/hot-deploy',
)
_LOGS = ('server.log', 'http_access.log', 'ibm-mq.log')
_FIRST_PORT = 17010


@click.group(cls=DerivedGroup)
def create() -> None:
    """Create an ODB, a cluster, a server, a secret key, or an object."""


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


def cipher_of(key: str) -> Cipher:
    """Raises CommandError."""
    try:
        return Cipher(key)
    except CryptoError as e:
        raise CommandError(str(e), INVALID_INPUT) from None


def make_empty(path: Path) -> None:
    """Create the directory. Raises CommandError if there is something in it."""
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise CommandError(f'{path} is not empty; name a directory that is, or that does not exist', DIRECTORY_NOT_EMPTY)


def make_server(
    path: Path, server_name: str, cluster: Cluster, *, port: int, workers: int, key: str, odb: ODBAddress
) -> None:
    """Fill an empty directory."""
    path.chmod(0o750)  # configuration and logs are nobody else's
    directory = ServerDirectory(path)
    for name in _DIRECTORIES:
        (path / name).mkdir(parents=True)
    secrets = {'pubapi_password': cluster.pubapi_password, 'admin_invoke_password': cluster.admin_invoke_password}
    conf: dict[str, dict[str, Any]] = {
        'main': {'gunicorn_bind': f'0.0.0.0:{port}', 'gunicorn_workers': workers},
        'odb': {'engine': odb.engine, 'db_name': odb.db_name},
    }
    if odb.is_sqlite and Path(odb.db_name).is_relative_to(directory.path.parent):
        conf['odb']['db_name'] = os.path.relpath(odb.db_name, directory.repo)
    elif not odb.is_sqlite:
        conf['odb'].update(host=odb.host, port=odb.port, username=odb.username)
        if odb.password:
            conf['odb']['password'] = f'{SECRET_PREFIX}zato.odb_password'
            secrets['odb_password'] = odb.password
    directory.server_conf.touch(mode=0o640)  # it may come to hold secrets
    directory.server_conf.write_text(template(conf), encoding='utf-8')
    directory.secrets_conf.touch(mode=0o600)
    directory.secrets_conf.write_text(secrets_text(key, secrets), encoding='utf-8')
    for name in ('logging.conf', 'pickup.conf', 'user.conf'):
        copy_template(name, directory.repo / name)
    for name in _LOGS:
        (directory.logs / name).touch(mode=0o640)
    write_info(path, 'SERVER', server_name=server_name, cluster_name=cluster.name)


def copy_template(name: str, target: Path) -> None:
    target.write_bytes(files('zato.cli').joinpath('templates', name).read_bytes())
