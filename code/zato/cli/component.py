"""What the PATH argument of a command names, and how to reach what runs there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zato.cli.error import NO_FILE, NOT_A_COMPONENT, NOT_A_SERVER, CommandError
from zato.common.component import Component, ComponentDirectory, ServerDirectory, WebAdminDirectory, read_info
from zato.common.config.secrets import Secrets
from zato.common.exception import ConfigError
from zato.common.reach import address_of, tls_of

if TYPE_CHECKING:
    from zato.client.admin import AdminClient

#: The type of PATH arguments.
PATH = click.Path(file_okay=False, path_type=Path)


def component_of(path: Path) -> str:
    """One of Component. Raises CommandError."""
    try:
        return read_info(path)['component']
    except ConfigError as e:
        raise CommandError(str(e), NOT_A_COMPONENT) from None


def components_of(path: Path) -> list[ComponentDirectory]:
    """The server or the dashboard at `path`, or all servers of the environment at `path`, and its dashboard after them.

    Raises CommandError.
    """
    if component_of(path) == 'WEB_ADMIN':
        return [WebAdminDirectory(path)]
    return [*servers_of(path), *(WebAdminDirectory(item) for item in _parts(path, 'WEB_ADMIN'))]


def servers_of(path: Path) -> list[ServerDirectory]:
    """The server at `path`, or all servers of the environment at `path`. Raises CommandError."""
    component = component_of(path)
    if component == 'WEB_ADMIN':
        raise CommandError(
            f'{path} is a dashboard; this needs a server, or an environment, such as: {path.resolve().parent}', NOT_A_SERVER
        )
    if component == 'SERVER':
        return [ServerDirectory(path)]
    servers = [ServerDirectory(item) for item in _parts(path, 'SERVER')]
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


def web_admin_of(path: Path) -> WebAdminDirectory:
    """The dashboard at `path`, or that of the environment at `path`. Raises CommandError."""
    found = [path] if component_of(path) == 'WEB_ADMIN' else _parts(path, 'WEB_ADMIN')
    if not found:
        raise CommandError(f'There is no dashboard in {path}; zato create web-admin makes one', NOT_A_COMPONENT)
    if len(found) > 1:
        names = ', '.join(str(item) for item in found)
        raise CommandError(f'{path} has several dashboards, name one of them: {names}', NOT_A_COMPONENT)
    return WebAdminDirectory(found[0])


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


def client_of(server: ServerDirectory, *, timeout: float = 60.0, path: str = '/zato/admin/invoke') -> AdminClient:
    """A client that calls the server as admin.invoke. Raises ConfigError."""
    from zato.client.admin import AdminClient  # it needs http.client and ssl, which most commands do not

    host, port = address_of(server)
    password = Secrets(server.secrets_conf, os.environ).get('zato.admin_invoke_password')
    return AdminClient(host=host, port=port, password=password, timeout=timeout, path=path, tls=tls_of(server))


def _parts(path: Path, component: Component) -> list[Path]:
    """Directories of that kind in an environment; none in a component."""
    if component_of(path) != 'QUICKSTART':
        return []
    found = [item for item in sorted(path.iterdir()) if (item / '.zato-info').exists()]
    return [item for item in found if read_info(item)['component'] == component]
