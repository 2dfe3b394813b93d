"""`zato wait`, `zato ping`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

import click

from zato.cli.component import PATH, client_of, component_of, servers_of
from zato.cli.error import CONFLICTING_OPTIONS, FAILED, INVALID_INPUT, TIMEOUT, CommandError
from zato.client.admin import AdminClient, ServerUnreachable
from zato.common.component import ServerDirectory, WebAdminDirectory
from zato.common.reach import address_of, tls_of

_LOG_IN_PAGE = '/accounts/login/'


@click.command()
@click.option('--path', type=PATH, help='A server, a dashboard, or an environment, to wait for.')
@click.option('--address', help='An address to wait for, such as http://127.0.0.1:17010.')
@click.option('--url-path', default='/zato/ping', show_default=True, help='Of servers, and of --address.')
@click.option('--timeout', type=click.FloatRange(min=0), default=60.0, show_default=True, help='Seconds.')
@click.option('--interval', type=click.FloatRange(min=0), default=0.1, show_default=True, help='Seconds between two tries.')
@click.option('--silent', is_flag=True)
def wait(path: Path | None, address: str | None, url_path: str, timeout: float, interval: float, silent: bool) -> None:
    """Wait until the server or the dashboard, or each server of the environment, answers, whatever it answers."""
    if (path is None) == (address is None):
        raise CommandError('Give either --path or --address', CONFLICTING_OPTIONS)
    if path is not None:
        is_dashboard = component_of(path) == 'WEB_ADMIN'
        pages = [_log_in_page(path)] if is_dashboard else [(client_of(server), url_path) for server in servers_of(path)]
    else:
        pages = [(_client_at(str(address)), url_path)]
    end = monotonic() + timeout
    for client, page in pages:
        while not _answers(client, page, timeout, end):
            sleep(interval)
    if not silent:
        click.echo('OK')


@click.command()
@click.argument('path', type=PATH)
def ping(path: Path) -> None:
    """Ask the server at PATH, or all servers of the environment, whether they are there."""
    for server in servers_of(path):
        _ping(server)


def _ping(server: ServerDirectory) -> None:
    start = monotonic()
    try:
        status, body = client_of(server, timeout=10.0).get('/zato/ping')
    except ServerUnreachable as e:
        raise CommandError(f'{e}; start it with: zato start {server.path}', FAILED) from None
    if status != 200:
        raise CommandError(f'{server.path} answered with {status}; see {server.server_log}', FAILED)
    click.echo(f'{json.loads(body)["pong"]} answered in {(monotonic() - start) * 1000:.3f} ms')


def _log_in_page(path: Path) -> tuple[AdminClient, str]:
    dashboard = WebAdminDirectory(path)
    host, port = address_of(dashboard)
    return AdminClient(host=host, port=port, tls=tls_of(dashboard)), _LOG_IN_PAGE


def _answers(client: AdminClient, url_path: str, timeout: float, end: float) -> bool:
    """Raises CommandError once it is too late."""
    try:
        replace(client, timeout=max(0.1, min(end - monotonic(), 5.0))).get(url_path)
    except ServerUnreachable as e:
        if monotonic() > end:
            raise CommandError(f'{e} in {timeout:g} s; see its log', TIMEOUT) from None
        return False
    return True


def _client_at(address: str) -> AdminClient:
    url = urlsplit(address if '//' in address else f'//{address}')
    if not url.hostname or url.scheme not in ('', 'http'):
        raise CommandError(f'--address {address} is not like http://127.0.0.1:17010', INVALID_INPUT)
    return AdminClient(host=url.hostname, port=url.port or 80)
