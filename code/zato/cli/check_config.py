"""`zato check-config`: would the server start?"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click

from zato.cli.component import PATH, servers_of
from zato.cli.error import FAILED, CommandError
from zato.cli.odb import address_of_server
from zato.common.component import ServerDirectory
from zato.common.config.bind import parse_bind
from zato.common.config.pickup_conf import read_pickup_conf
from zato.common.config.reader import read_conf, read_server_conf
from zato.common.config.secrets import Secrets
from zato.common.exception import ZatoException
from zato.common.log.config import LoggingConfigError, check
from zato.common.tls import server_context


@click.command('check-config')
@click.argument('path', type=PATH)
def check_config(path: Path) -> None:
    """Check the configuration of the server, or of all servers, at PATH."""
    problems = [problem for server in servers_of(path) for problem in problems_of(server)]
    if problems:
        raise CommandError('\n'.join(problems), FAILED)
    click.echo('OK')


def problems_of(server: ServerDirectory) -> list[str]:
    """What would keep the server from starting."""
    problems: list[str] = []

    def attempt(step: Callable[[], object]) -> None:
        try:
            step()
        except (ZatoException, LoggingConfigError, OSError) as e:
            problems.append(str(e))

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
            _check_port(conf.main.gunicorn_bind)

    def check_odb() -> None:
        from zato.common.odb.cluster import read_cluster
        from zato.common.odb.database import Database
        from zato.common.odb.schema import check_schema

        secrets = Secrets(server.secrets_conf, os.environ)
        address = address_of_server(server)
        with closing(Database(address)) as database, database.read() as connection:
            check_schema(connection, str(address))
            read_cluster(connection, secrets.cipher, str(address))

    attempt(read_with_secrets)
    if not problems:
        attempt(check_odb)
    attempt(lambda: check(server.logging_conf, server.path))
    attempt(lambda: read_pickup_conf(server.pickup_conf))
    for directory in (server.path, server.logs, server.work):
        if not os.access(directory, os.W_OK):
            problems.append(f'{directory} cannot be written to')
    return problems


def _check_port(bind: str) -> None:
    try:
        host, port = parse_bind(bind)
    except ValueError as e:
        raise CommandError(str(e)) from None
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as e:
            raise CommandError(f'[main] gunicorn_bind={bind}: {e.strerror}') from None
