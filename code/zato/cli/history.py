"""`zato object history`: who changed what, from the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from zato.cli.component import PATH, call
from zato.cli.kind_option import kind_named
from zato.cli.output import format_option, show, table
from zato.common.config.field import shown


@click.command()
@click.argument('path', type=PATH)
@click.argument('kind')
@click.argument('name', required=False)
@click.option('--limit', type=click.IntRange(1, 1_000), default=100, show_default=True, help='Changes, the latest ones.')
@format_option
def history(path: Path, kind: str, name: str | None, limit: int, format_: str) -> None:
    """Show who changed objects of KIND, the latest change first. Of object NAME, under other names too that it had."""
    found = _entries(path, kind_named(kind).name, name, limit)
    rows = (
        [entry['event'], entry['at'][:19], entry['who'], entry['action'], entry['name'], _changes(entry)] for entry in found
    )
    show(found, format_, lambda: table(['event', 'at (UTC)', 'who', 'action', 'name', 'what'], rows))


def _entries(path: Path, kind: str, name: str | None, limit: int) -> list[dict[str, Any]]:
    named = {'kind': kind, 'limit': limit, **({'name': name} if name else {})}
    found: list[dict[str, Any]] = call(path, 'zato.audit.get-list', named)
    if not name:
        return found
    by_event = {entry['event']: entry for entry in found}
    for id in {entry['object_id'] for entry in found}:  # it may have had other names
        more = call(path, 'zato.audit.get-list', {'kind': kind, 'limit': limit, 'object_id': id})
        by_event.update({entry['event']: entry for entry in more})
    return [by_event[event] for event in sorted(by_event, reverse=True)][:limit]


def _changes(entry: dict[str, Any]) -> str:
    return '\n'.join(_lines(entry['before'] or {}, entry['after'] or {}))


def _lines(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """What differs, key by key; nothing of what is deleted, and of what is new, what it has."""
    for key, value in after.items():
        if not before and value not in (None, ''):
            yield f'{key}: {shown(value)}'
        elif before and before.get(key) != value:
            yield f'{key}: {shown(before.get(key))} → {shown(value)}'
