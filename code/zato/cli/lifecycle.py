"""`zato start`, `zato stop`, `zato restart`: of a server, a dashboard, or a whole environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from zato.cli.component import PATH, component_of, components_of
from zato.cli.error import FAILED_TO_START, NO_FILE, CommandError
from zato.cli.process import Launch, Started, spawn, stop_component
from zato.common.component import ComponentDirectory, ServerDirectory, WebAdminDirectory
from zato.common.config.secrets import Secrets
from zato.common.exception import ZatoException
from zato.common.reach import url_of

F = TypeVar('F', bound=Callable[..., None])


def _start_options(command: F) -> F:
    options = (
        click.option('--fg', is_flag=True, help='Stay in the foreground, with the logs on the terminal.'),
        click.option('--env-file', type=click.Path(exists=True, dir_okay=False, path_type=Path), help='Has a stanza [env].'),
        click.option('--secret-key', default='', help='Instead of the one in secrets.conf.'),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument('path', type=PATH)
@_start_options
def start(path: Path, fg: bool, env_file: Path | None, secret_key: str) -> None:
    """Start the server or the dashboard, or all that the environment has, at PATH.

    Returns once they answer, or with the reason why they do not.
    """
    start_all(path, Launch(fg, env_file, secret_key))


@click.command()
@click.argument('path', type=PATH)
def stop(path: Path) -> None:
    """Stop the server or the dashboard, or all that the environment has, at PATH.

    Returns once their processes are gone.
    """
    if not stop_all(path):
        raise CommandError(f'{path} is not running', NO_FILE)
    click.echo('OK')


@click.command()
@click.argument('path', type=PATH)
@_start_options
def restart(path: Path, fg: bool, env_file: Path | None, secret_key: str) -> None:
    """Stop what runs at PATH, if anything does, and start it."""
    stop_all(path)
    start_all(path, Launch(fg, env_file, secret_key))


def stop_all(path: Path) -> bool:
    """The dashboard first, which needs servers. Returns whether there was anything to stop.

    Raises CommandError if something does not end; all else was stopped.
    """
    was_running = False
    failures: list[CommandError] = []
    for component in reversed(components_of(path)):
        try:
            was_running |= stop_component(component)
        except CommandError as e:
            failures.append(e)
    if failures:
        raise CommandError('\n'.join(map(str, failures)), failures[0].exit_code)
    return was_running


def start_all(path: Path, launch: Launch) -> None:
    """All at once. Raises CommandError; what was started beside the one that failed stays."""
    components = components_of(path)
    started: list[Started] = []
    failures: list[CommandError] = []
    for component in components:
        try:
            started.append(spawn(component, launch))
        except CommandError as e:
            failures.append(e)
    if launch.is_foreground:
        _stay(path, started, failures)
        return
    for item in started:
        _wait(item, failures)
    if failures:
        raise _summary(failures, components)
    click.echo('OK')


def run_in_foreground(server: ServerDirectory, launch: Launch) -> None:
    """Until it ends. Raises CommandError."""
    _stay(server.path, [spawn(server, launch)], [])


def _wait(item: Started, failures: list[CommandError]) -> None:
    try:
        item.wait_until_ready()
    except CommandError as e:
        failures.append(e)


def _summary(failures: Sequence[CommandError], components: Sequence[ComponentDirectory]) -> CommandError:
    """What failed, and what runs beside that."""
    lines = [str(failure) for failure in failures]
    running = [component.name for component in components if component.running_pid()]
    if running and len(components) > 1:
        lines.append(f'Running: {", ".join(running)}')
    return CommandError('\n'.join(lines), failures[0].exit_code)


def _stay(path: Path, started: Sequence[Started], failures: list[CommandError]) -> None:
    """Until all have ended. Ctrl-C reaches them too, so there is nothing to do about it here but to wait."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def forward(sig: int, frame: object) -> None:
        for item in started:
            item.process.terminate()

    signal.signal(signal.SIGTERM, forward)
    for item in started:
        _wait(item, failures)
    running = [item for item in started if item.process.poll() is None]
    if running and failures:
        names = ', '.join(item.component.name for item in running)
        reasons = '\n'.join(str(failure) for failure in failures)
        click.echo(f'Error: {reasons}\nRunning: {names}', err=True)
    elif component_of(path) == 'QUICKSTART' and not failures:
        _show_what_to_try([item.component for item in started])
    codes = [item.process.wait() for item in started]
    if failures:
        raise failures[0]
    if any(codes):
        raise CommandError(f'{path} ended with exit code {max(codes)}', FAILED_TO_START)


def _show_what_to_try(components: Sequence[ComponentDirectory]) -> None:
    servers = [component for component in components if isinstance(component, ServerDirectory)]
    dashboards = [component for component in components if isinstance(component, WebAdminDirectory)]
    steps = [_sample_call(servers[0])]
    steps += [_log_in(dashboard) for dashboard in dashboards]
    steps.append(f'Copy a Python file with a service of your own to:\n   {servers[0].services}')
    numbered = '\n\n'.join(f'{number}. {step}' for number, step in enumerate(steps, 1))
    click.echo(f'\nThings to try:\n\n{numbered}\n\nStop with Ctrl-C\n')


def _sample_call(server: ServerDirectory) -> str:
    try:
        password = Secrets(server.secrets_conf, os.environ).get('zato.pubapi_password')
    except ZatoException:
        password = '<password>'
    order = '{"customer": "Jane", "country": "DE", "lines": [{"sku": "A-100", "quantity": 2}]}'
    url = f'{url_of(server)}/zato/api/invoke/demo.place-order'
    return f"Call a sample service:\n   curl -u pubapi:{password} {url} -d '{order}'"


def _log_in(dashboard: WebAdminDirectory) -> str:
    return (
        f'Log in to the dashboard, as user admin, with the password that was shown when it was created:\n'
        f'   {url_of(dashboard)}/\n'
        f'   Another password: zato update password {dashboard.path} admin'
    )
