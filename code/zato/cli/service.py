"""`zato service invoke`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zato.cli.component import PATH, client_of, server_of
from zato.cli.error import INVALID_INPUT, CommandError
from zato.client.admin import ServerUnreachable


@click.group()
def service() -> None:
    """Invoke services."""


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
