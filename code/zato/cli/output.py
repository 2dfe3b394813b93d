"""How commands show what a server answered."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from zato.common.alarm import in_one_line

#: Width of tables that no terminal limits: nothing is cut off or wrapped for whoever reads a pipe.
_WIDE = 10_000
_ODD = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')

format_option = click.option(
    '--format', 'format_', type=click.Choice(['text', 'json', 'yaml']), default='text', show_default=True
)


def show(document: Any, format_: str, as_text: Callable[[], None]) -> None:
    """Print a document as JSON or YAML, or call what prints it as text."""
    if format_ == 'json':
        echo_json(document)
    elif format_ == 'yaml':
        import yaml

        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)
    else:
        as_text()


def echo_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print one; without a heading if `head` is empty."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    columns = [Column(name, overflow='fold') for name in head]
    shown = Table(*columns, show_header=bool(head), box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(Text('' if value is None else str(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(shown)


def printable(text: str) -> str:
    """What has been sent by anybody must not speak to a terminal."""
    return _ODD.sub(lambda odd: f'\\x{ord(odd[0]):02x}', text.replace('\r\n', '\n'))


def warn_of_workers(response: dict[str, Any]) -> None:
    """Say so if a change was made that some workers do not have, or cannot use."""
    found: dict[str, list[str]] = {}
    for worker, objects in (response.get('failed') or {}).items():
        for title, reason in objects.items():
            found.setdefault(in_one_line(title, reason), []).append(worker)
    for what, workers in found.items():
        click.echo(
            f'Warning: {"worker" if len(workers) == 1 else "workers"} {", ".join(sorted(workers))} cannot use {what}',
            err=True,
        )
    if response.get('pending'):
        click.echo(f'Warning: it is done, but not yet on workers: {", ".join(response["pending"])}', err=True)
