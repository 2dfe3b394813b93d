"""What the PATH argument of a command names, and how to reach what runs there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zato.cli.error import NO_FILE, NOT_A_COMPONENT, NOT_A_SERVER, CommandError
from zato.common.component import ServerDirectory, read_info
from zato.common.config.bind import parse_bind
from zato.common.config.reader import read_server_stanza
from zato.common.config.secrets import Secrets
from zato.common.exception import ConfigError

if TYPE_CHECKING:
    import ssl

    from zato.client.admin import AdminClient

#: The type of PATH arguments.
PATH = click.Path(file_okay=False, path_type=Path)


def component_of(path: Path) -> str:
    """'SERVER' or 'QUICKSTART'. Raises CommandError."""
    try:
        return read_info(path)['component']
    except ConfigError as e:
        raise CommandError(str(e), NOT_A_COMPONENT) from None


def servers_of(path: Path) -> list[ServerDirectory]:
    """The server at `path`, or all servers of the environment at `path`. Raises CommandError."""
    if component_of(path) == 'SERVER':
        return [ServerDirectory(path)]
    found = [item for item in sorted(path.iterdir()) if (item / '.zato-info').exists()]
    servers = [ServerDirectory(item) for item in found if read_info(item)['component'] == 'SERVER']
    if not servers:
        raise CommandError(f'There is no server in {path}', NOT_A_SERVER)
    return servers


def server_of(path: Path) -> ServerDirectory:
    """The server at `path`; of an environment with one server, that one. Raises CommandError."""
    servers = servers_of(path)
    if len(servers) > 1:
        names = ', '.join(str(server.path) for server in servers)
        raise CommandError(f'{path} has several servers, name one of them: {names}', NOT_A_SERVER)
    return servers[0]


def running_server(path: Path) -> ServerDirectory:
    """The server at `path`, or the first one that runs of the environment there. Raises CommandError."""
    for server in servers_of(path):
        if server.running_pid():
            return server
    raise CommandError(f'{path} is not running; start it with: zato start {path}', NO_FILE)


def call(path: Path, service: str, payload: Any = None) -> Any:
    """Invoke a service that answers the same on each server of an environment.

    Raises CommandError, ConfigError, ServerError with what the service failed with.
    """
    from zato.client.admin import ServerUnreachable

    server = running_server(path)
    try:
        return client_of(server).invoke(service, payload)
    except ServerUnreachable as e:
        raise CommandError(f'{e}; see {server.server_log}') from None


def address_of(server: ServerDirectory) -> tuple[str, int]:
    """Where to reach the server from this host: what it says it listens on, else what server.conf says."""
    try:
        text = server.address.read_text(encoding='utf-8').strip()
    except FileNotFoundError:
        text = read_server_stanza(server.server_conf, os.environ, 'main').gunicorn_bind
    try:
        host, port = parse_bind(text)
    except ValueError as e:
        raise CommandError(f'{server.server_conf}: {e}') from None
    return {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host), port


def client_of(server: ServerDirectory, *, timeout: float = 60.0, path: str = '/zato/admin/invoke') -> AdminClient:
    """A client that calls the server as admin.invoke. Raises ConfigError."""
    from zato.client.admin import AdminClient  # it needs http.client and ssl, which most commands do not

    host, port = address_of(server)
    password = Secrets(server.secrets_conf, os.environ).get('zato.admin_invoke_password')
    return AdminClient(host=host, port=port, password=password, timeout=timeout, path=path, tls=_tls_of(server))


def _tls_of(server: ServerDirectory) -> ssl.SSLContext | None:
    """What verifies this very server: its own certificate, whatever name it was reached by."""
    crypto = read_server_stanza(server.server_conf, os.environ, 'crypto')
    if not crypto.use_tls:
        return None
    import ssl

    context = ssl.create_default_context(cafile=str(server.repo / crypto.cert_location))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if crypto.tls_client_certs != 'none':
        context.load_cert_chain(server.repo / crypto.cert_location, server.repo / crypto.priv_key_location)
    return context
