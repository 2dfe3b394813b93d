"""`zato dev`: a server to write services with."""

from __future__ import annotations

from pathlib import Path

import click

from zato.cli.component import servers_of
from zato.cli.lifecycle import run_in_foreground
from zato.cli.process import Development, Launch
from zato.cli.quickstart import create

_DEBUG_PORT = 5678


@click.command()
@click.argument('path', type=click.Path(file_okay=False, path_type=Path))
@click.option('--host', default='127.0.0.1', show_default=True, help='Where the server listens; its port is as ever.')
@click.option(
    '--debug-port',
    type=click.IntRange(0, 65_535),
    default=_DEBUG_PORT,
    show_default=True,
    help='Where a debugger attaches, on this host only; 0 for none.',
)
@click.option('--wait-for-debugger', is_flag=True, help='Start once a debugger has attached.')
@click.option('--env-file', type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Has a stanza [env].')
@click.pass_context
def dev(
    context: click.Context, path: Path, host: str, debug_port: int, wait_for_debugger: bool, env_file: Path | None
) -> None:
    """Run the server, or the first server of the environment, at PATH for development.

    In the foreground, with one worker; nothing is interrupted for taking too long, a debugger may attach, and clients are
    answered with the traceback of what fails, so it listens on this host only unless --host says otherwise. If there is
    nothing at PATH, a quickstart environment is created there.
    """
    if not path.exists() or not any(path.iterdir()):
        context.invoke(create, path=path)
    server = servers_of(path.resolve())[0]
    development = Development(host, debug_port, is_waiting=wait_for_debugger)
    run_in_foreground(server, Launch(is_foreground=True, env_file=env_file, development=development))
