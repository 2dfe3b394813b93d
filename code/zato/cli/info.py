"""`zato info`, `zato component-version`."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from zato.cli.component import PATH, components_of
from zato.cli.error import NOT_A_COMPONENT, CommandError
from zato.common.component import ComponentDirectory, ServerDirectory, read_info
from zato.common.exception import ConfigError, IPCError
from zato.common.ipc import call_workers, socket_directory
from zato.common.reach import address_of


@click.command()
@click.argument('path', type=PATH)
@click.option('--format', 'format_', type=click.Choice(['text', 'json', 'yaml']), default='text', show_default=True)
def info(path: Path, format_: str) -> None:
    """Show what the server at PATH is doing: its workers, their roles, what they run, what is wrong.

    Of a dashboard: where it is reached. Of an environment that has more than one of them: all; a list, in formats other
    than text.
    """
    found = [collect(component) for component in components_of(path)]
    details = found if len(found) > 1 else found[0]
    if format_ == 'json':
        click.echo(json.dumps(details, indent=2))
    elif format_ == 'yaml':
        import yaml

        click.echo(yaml.safe_dump(details, sort_keys=False))
    else:
        for item in found:
            _print(item)


@click.command('component-version')
@click.argument('path', type=PATH)
def component_version(path: Path) -> None:
    """Show which version the component at PATH was created with."""
    try:
        click.echo(read_info(path)['version'])
    except ConfigError as e:
        raise CommandError(str(e), NOT_A_COMPONENT) from None


def collect(component: ComponentDirectory) -> dict[str, Any]:
    """Everything about a server or a dashboard, running or not."""
    pid = component.running_pid()
    now = datetime.now(UTC)
    details: dict[str, Any] = {
        'component_details': read_info(component.path),
        'component_full_path': str(component.path),
        'component_host': socket.gethostname(),
        'component_running': bool(pid),
        'current_time_utc': now.isoformat(),
    }
    if not pid:
        return details
    started = datetime.fromtimestamp(component.pidfile.stat().st_mtime, UTC)
    host, port = address_of(component)
    return {
        **details,
        'address': f'{host}:{port}',
        'master_proc_pid': pid,
        'master_proc_create_time_utc': started.isoformat(),
        'master_proc_uptime_seconds': round((now - started).total_seconds(), 3),
        **(_workers_of(component) if isinstance(component, ServerDirectory) else {}),
    }


def _workers_of(server: ServerDirectory) -> dict[str, Any]:
    """Workers that do not answer have `error` and nothing else."""
    answers = call_workers(socket_directory(server.work), 'info')
    return {
        'master_proc_workers_no': len(answers),
        'master_proc_workers_pids': sorted(answers),
        'workers': [
            {'pid': worker, 'error': str(answer)} if isinstance(answer, IPCError) else answer
            for worker, answer in sorted(answers.items())
        ],
    }


def _print(details: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    main = Table(show_header=False, box=None)
    for key, value in details.items():
        if key not in ('workers', 'component_details'):
            main.add_row(key, str(value))
    for key, value in details['component_details'].items():
        main.add_row(f'component_details.{key}', str(value))
    console.print(main)
    for worker in details.get('workers', []):
        console.print()
        table = Table(show_header=False, title=f'Worker {worker["pid"]}', title_justify='left', box=None)
        for key, value in worker.items():
            if isinstance(value, list):
                value = '\n'.join(_line(item) for item in value) or '-'
            table.add_row(key, str(value))
        console.print(table)


def _line(item: Any) -> str:
    return ', '.join(f'{key}: {value}' for key, value in item.items()) if isinstance(item, dict) else str(item)
