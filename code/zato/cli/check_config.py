"""`zato check-config`: would the server, or the dashboard, start?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click

from zato.cli.component import PATH, component_of, components_of
from zato.cli.error import FAILED, CommandError
from zato.cli.odb import address_of_server
from zato.common.component import ComponentDirectory, ServerDirectory, WebAdminDirectory
from zato.common.config.bind import check_free
from zato.common.config.pickup_conf import read_pickup_conf
from zato.common.config.reader import read_conf, read_server_conf
from zato.common.config.secrets import Secrets
from zato.common.config.web_admin_conf import is_directory, read_web_admin_conf
from zato.common.exception import ConfigError, ZatoException
from zato.common.log.config import LoggingConfigError, check
from zato.common.tls import calling_context, own_context, server_context


@click.command('check-config')
@click.argument('path', type=PATH)
def check_config(path: Path) -> None:
    """Check the configuration of the server or the dashboard, or of all that the environment has, at PATH."""
    problems = [problem for component in components_of(path) for problem in problems_of(component)]
    if problems:
        raise CommandError('\n'.join(problems), FAILED)
    click.echo('OK')


def problems_of(component: ComponentDirectory) -> list[str]:
    """What would keep it from starting."""
    if isinstance(component, ServerDirectory):
        problems = _problems_of_server(component)
    else:
        assert isinstance(component, WebAdminDirectory)
        problems = _problems_of_web_admin(component)
    _attempt(lambda: check(component.logging_conf, component.path), problems)
    for directory in (component.path, component.logs, component.work):
        if not os.access(directory, os.W_OK):
            problems.append(f'{directory} cannot be written to')
    return problems


def _attempt(step: Callable[[], object], problems: list[str]) -> None:
    try:
        step()
    except (ZatoException, LoggingConfigError, OSError) as e:
        problems.append(str(e))


def _problems_of_server(server: ServerDirectory) -> list[str]:
    problems: list[str] = []

    def read_with_secrets() -> None:
        secrets = Secrets(server.secrets_conf, os.environ)
        conf = read_server_conf(server.server_conf, os.environ, secrets.get)
        for name in ('pubapi_password', 'admin_invoke_password'):
            secrets.get(f'zato.{name}')
        for path in conf.user_config.values():
            read_conf(server.repo / path)
        if conf.crypto.use_tls:
            server_context(conf.crypto, server.repo)
        if not server.running_pid():
            check_free(conf.main.gunicorn_bind, server.server_conf)

    def check_odb() -> None:
        from zato.common.odb.cluster import read_cluster
        from zato.common.odb.database import Database
        from zato.common.odb.schema import check_schema

        secrets = Secrets(server.secrets_conf, os.environ)
        address = address_of_server(server)
        with closing(Database(address)) as database, database.read() as connection:
            check_schema(connection, str(address))
            read_cluster(connection, secrets.cipher, str(address))

    _attempt(read_with_secrets, problems)
    if not problems:
        _attempt(check_odb, problems)
    _attempt(lambda: read_pickup_conf(server.pickup_conf), problems)
    return problems


def _problems_of_web_admin(dashboard: WebAdminDirectory) -> list[str]:
    problems: list[str] = []

    def read_with_secrets() -> None:
        secrets = Secrets(dashboard.secrets_conf, os.environ)
        conf = read_web_admin_conf(dashboard.web_admin_conf, os.environ, secrets.get)
        for name in ('admin_invoke_password', 'django_secret_key'):
            secrets.get(f'zato.{name}')
        for name, address in conf.servers.items():
            if is_directory(address) and component_of(dashboard.path / address) != 'SERVER':
                raise ConfigError(f'[servers] {name}: {address} is not a server', path=str(dashboard.web_admin_conf))
        if conf.crypto.use_tls:
            own_context(dashboard.repo / conf.crypto.cert_location, dashboard.repo / conf.crypto.priv_key_location)
        if conf.crypto.ca_certs_location:
            calling_context(dashboard.repo / conf.crypto.ca_certs_location)
        if not dashboard.running_pid():
            check_free(conf.main.gunicorn_bind, dashboard.web_admin_conf)

    _attempt(read_with_secrets, problems)
    if dashboard.database.exists():
        _attempt(lambda: _check_database(dashboard.database), problems)
    return problems


def _check_database(file: Path) -> None:
    """A missing one is made at a start. Raises ConfigError."""
    try:
        with closing(sqlite3.connect(f'{file.as_uri()}?mode=rw', uri=True)) as connection:
            connection.execute('SELECT count(*) FROM sqlite_master')
    except sqlite3.Error as e:
        raise ConfigError(f'the database of users cannot be opened: {e}', path=str(file)) from None
