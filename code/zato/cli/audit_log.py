"""`zato audit-log`: messages that channels and connections received and sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from zato.cli.component import PATH, call
from zato.cli.error import NO_OPTIONS, CommandError
from zato.cli.kind_option import kind_named
from zato.cli.output import format_option, printable, show


@click.command('audit-log')
@click.argument('path', type=PATH)
@click.option('--cid', help='Those of one request, in all objects on all servers.')
@click.option('--kind', help='With --name: those of one object, such as channel_rest.')
@click.option('--name', help='Of the object.')
@click.option('--direction', type=click.Choice(['received', 'sent']), help='By default, both.')
@click.option('--before-id', type=click.IntRange(1), help='Only earlier ones than this.')
@click.option('--limit', type=click.IntRange(1, 1_000), default=100, show_default=True, help='Messages, the latest ones.')
@format_option
def audit_log(
    path: Path,
    *,
    cid: str | None,
    kind: str | None,
    name: str | None,
    direction: str | None,
    before_id: int | None,
    limit: int,
    format_: str,
) -> None:
    """Show messages that objects of any server received and sent, the latest first, with secrets masked.

    Objects keep them if `is_audit_log_received_active` and `is_audit_log_sent_active` are on.
    """
    if bool(kind) != bool(name):
        raise CommandError('--kind and --name go together; one of them is missing', NO_OPTIONS)
    if not cid and not kind:
        raise CommandError('Say which messages: give --cid, or --kind and --name', NO_OPTIONS)
    request = {'cid': cid, 'name': name, 'direction': direction, 'before_id': before_id, 'limit': limit}
    if kind:
        request['kind'] = kind_named(kind).name
    found = call(path, 'zato.audit-log.event.get-list', request)
    show(found, format_, lambda: click.echo('\n\n'.join(map(_text, found)) or 'There are no such messages', err=not found))


def _text(message: Mapping[str, Any]) -> str:
    """A line with what there is to know, and the data below it."""
    parts = [
        f'{message["id"]}',
        message['timestamp'].replace('T', ' ')[:23],
        message['direction'],
        f'{message["kind"]} {message["name"]}',
        message['what'],
        str(message['status'] or ''),
        message['remote'],
        f'{message["size"]} bytes',
        f'server {message["server"]}',
        f'cid {message["cid"]}',
    ]
    notes = [message['encoding']] if message['encoding'] != 'text' else []
    notes += ['cut off'] if message['is_cut'] else []
    notes += [f'data left out, see --before-id {message["id"] + 1}'] if message['is_left_out'] else []
    line = '  '.join(printable(part) for part in (*parts, *(f'({note})' for note in notes)) if part)
    return f'{line}\n{printable(message["data"])}' if message['data'] else line
