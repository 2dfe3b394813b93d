"""`zato service`: invoke services, and manage the modules that they come from."""

from __future__ import annotations

import json
from http.client import NOT_FOUND
from pathlib import Path
from typing import Any

import click

from zato.cli.component import PATH, call, client_of, running_server, server_of, servers_of
from zato.cli.error import INVALID_INPUT, CommandError
from zato.cli.group import Group
from zato.cli.output import format_option, show, table, warn_of_workers
from zato.client.admin import ServerError, ServerUnreachable
from zato.common.component import ServerDirectory


@click.group(cls=Group)
def service() -> None:
    """Invoke services, list them, go back to earlier versions."""


@service.command()
@click.argument('path', type=PATH)
@click.argument('name')
@click.option('--payload', default='', help='JSON.')
@click.option('--is-async', is_flag=True, help='Print the cid and do not wait.')
@click.option('--url-path', default='/zato/admin/invoke', show_default=True)
@click.option('--timeout', type=float, default=60.0, show_default=True, help='Seconds.')
def invoke(path: Path, name: str, payload: str, is_async: bool, url_path: str, timeout: float) -> None:
    """Run service NAME of the server at PATH and print its response."""
    try:
        value = json.loads(payload) if payload else None
    except ValueError as e:
        raise CommandError(f'--payload is not JSON: {e}', INVALID_INPUT) from None
    server = server_of(path)
    try:
        click.echo(client_of(server, timeout=timeout, path=url_path).invoke(name, value, is_async=is_async))
    except ServerUnreachable as e:
        raise CommandError(f'{e}; start it with: zato start {server.path}') from None


@service.command()
@click.argument('cid')
@click.argument('path', type=PATH, default='.')
def cancel(cid: str, path: Path) -> None:
    """End the running calls that have this CID, on all servers at PATH, by default the current directory.

    `zato info` lists what runs. Clients that wait are answered with 503.
    """
    running_server(path)
    told = {server.name: _cancel_on(server, cid) for server in servers_of(path) if server.running_pid()}
    if not any(told.values()):
        raise CommandError(f'No call with cid {cid} is running')
    for name, count in told.items():
        if count:
            click.echo(f'{name}: {count} cancelled')


@service.command('list')
@click.argument('path', type=PATH)
@click.option('--with-internal', is_flag=True, help='Built-in ones too.')
@format_option
def list_(path: Path, with_internal: bool, format_: str) -> None:
    """List services."""
    found = [item for item in call(path, 'zato.service.get-list') if with_internal or not item['is_internal']]
    columns = ('id', 'name', 'is_active', 'is_deployed', 'impl_name')
    show(found, format_, lambda: table(columns, ([item[column] for column in columns] for item in found)))


@service.command()
@click.argument('path', type=PATH)
@click.argument('name')
@format_option
def versions(path: Path, name: str, format_: str) -> None:
    """List the versions of module NAME, or of the module that service NAME is in; the newest is the first."""
    found = call(path, 'zato.service.get-version-list', {'name': name})
    head = ('version', '', 'deployed (UTC)', 'by', 'server', 'SHA-256', 'services')
    show(found, format_, lambda: table(head, (_version_row(item) for item in found)))


@service.command()
@click.argument('path', type=PATH)
@click.argument('name')
@click.option('--to', type=click.IntRange(1), help='A version; by default the one before that which is active.')
@format_option
def rollback(path: Path, name: str, to: int | None, format_: str) -> None:
    """Serve an earlier version of module NAME, or of the module that service NAME is in. Users' files stay."""
    response = call(path, 'zato.service.rollback', {'name': name, 'number': to})
    services = ', '.join(response['services']) or 'no services'
    text = f'Version {response["number"]} of module {response["module"]} is served: {services}'
    show(response, format_, lambda: click.echo(text))
    warn_of_workers(response)


@service.command()
@click.argument('path', type=PATH)
@click.argument('name')
@format_option
def undeploy(path: Path, name: str, format_: str) -> None:
    """Stop serving module NAME, or the module that service NAME is in, if nothing uses it. Its versions stay."""
    response = call(path, 'zato.service.undeploy', {'name': name})
    module = response['module']
    text = f'Module {module} is not served any more; to have it back: zato service rollback {path} {module}'
    show(response, format_, lambda: click.echo(text))
    warn_of_workers(response)


def _cancel_on(server: ServerDirectory, cid: str) -> int:
    """How many calls of it were told."""
    try:
        return int(client_of(server).invoke('zato.service.cancel', {'cid': cid})['cancelled'])
    except ServerError as e:
        if e.http_status == NOT_FOUND:
            return 0
        raise
    except ServerUnreachable as e:
        click.echo(f'Warning: {e}; see {server.server_log}', err=True)
        return 0


def _version_row(item: dict[str, Any]) -> tuple[Any, ...]:
    is_active = 'active' if item['is_active'] else ''
    services = '\n'.join(item['services'])
    return item['number'], is_active, item['deployed'][:19], item['who'], item['server'], item['sha256'][:12], services
