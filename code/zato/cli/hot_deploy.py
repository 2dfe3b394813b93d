"""`zato hot-deploy`: copies files into the pickup folder and waits for what comes of them."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import click

from zato.cli.component import PATH, client_of, servers_of
from zato.cli.error import FAILED, NO_FILE, TIMEOUT, CommandError
from zato.cli.output import warn_of_workers
from zato.common.component import ServerDirectory
from zato.common.config.reader import read_server_stanza
from zato.common.exception import IPCError
from zato.common.ipc import call_workers, socket_directory

_POLL = 0.02
_GRACE = 20.0  #: seconds past the time that checking a module may take


@click.command('hot-deploy')
@click.argument('path', type=PATH)
@click.argument(
    'files', nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar='FILE…'
)
def hot_deploy(path: Path, files: tuple[Path, ...]) -> None:
    """Deploy each FILE to all servers, through the running one at PATH, and show what every worker serves."""
    server = next((server for server in servers_of(path) if server.running_pid()), None)
    if server is None:
        raise CommandError(f'{path} is not running; start it with: zato start {path}', NO_FILE)
    conf = read_server_stanza(server.server_conf, os.environ, 'hot_deploy')
    folder = (server.repo / conf.pickup_dir).resolve()
    errors = []
    for file in files:
        try:
            if file.stat().st_size > conf.max_size:
                raise CommandError(f'{file} has more than {conf.max_size} bytes, [hot_deploy] max_size')
            _deploy(server, file, folder / file.name, conf.check_timeout + _GRACE)
        except CommandError as e:
            errors.append(e)
    if errors:
        raise CommandError('\n'.join(str(e) for e in errors), errors[0].exit_code)


def _deploy(server: ServerDirectory, file: Path, target: Path, timeout: float) -> None:
    if target.suffix != '.py':
        raise CommandError(f'{file} is not a Python file; its name must end with .py', FAILED)
    text = file.read_bytes()
    digest = sha256(text).hexdigest()
    before, _ = _ask(server, target)
    _refuse_unchanged(file, digest, before)
    attempt = max((state['attempt'] for state in before), default=0)
    temporary = target.with_name(f'.{target.name}.{os.getpid()}')
    try:
        temporary.write_bytes(text)
        temporary.replace(target)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise CommandError(f'{file} cannot be copied to {target.parent}: {e.strerror}', FAILED) from None
    end = monotonic() + timeout
    while True:
        states, silent = _ask(server, target)
        if states and all(_is_settled(state, digest, attempt) for state in states):
            break
        if monotonic() > end:
            raise CommandError(f'{file}: no result in {timeout:g} s; see {server.server_log}', TIMEOUT)
        sleep(_POLL)
    _show(server, file, states)
    if silent:
        pids = ', '.join(map(str, silent))
        raise CommandError(f'{file}: no answer from worker {pids}; it will serve the file once it is free', TIMEOUT)


def _ask(server: ServerDirectory, target: Path) -> tuple[list[dict[str, Any]], list[int]]:
    """What workers say, and those that say nothing."""
    answers = call_workers(socket_directory(server.work), 'deployment', path=str(target))
    silent = [pid for pid, answer in answers.items() if isinstance(answer, IPCError)]
    return [answer for answer in answers.values() if not isinstance(answer, IPCError)], silent


def _is_settled(state: dict[str, Any], digest: str, before: int) -> bool:
    """Has the server come to a result for this content, and has this worker?"""
    if state['store_error']:
        raise CommandError(state['store_error'], FAILED)
    if state['sha256'] != digest:
        return False
    if state['error']:
        return bool(state['attempt'] > before)
    served = state['served']
    return bool(state['load_error'] or (served and served['sha256'] == digest))


def _refuse_unchanged(file: Path, digest: str, states: list[dict[str, Any]]) -> None:
    """The server deploys no content twice, or saving a file would undo what was rolled back or undeployed."""
    for state in states:
        if state['sha256'] == digest and not state['error'] and state['active'] != digest:
            raise CommandError(
                f'{file} has not changed since it was deployed last; it has been rolled back or undeployed since. '
                f'zato service versions PATH {state["module"]} lists its versions, zato service rollback brings one back',
                FAILED,
            )


def _show(server: ServerDirectory, file: Path, states: list[dict[str, Any]]) -> None:
    refused = next((state['error'] for state in states if state['error']), '')
    if refused:
        raise CommandError(f'Not deployed: {refused}', FAILED)
    from rich.console import Console
    from rich.table import Table

    receipt = client_of(server).invoke('zato.service.get-receipt', {'name': states[0]['module']})
    table = Table('Worker', 'Version', 'State', 'Services', title=file.name, title_justify='left')
    services = '\n'.join(receipt['services']) or '-'
    failed = []
    others: dict[str, dict[str, str]] = {}
    for worker in receipt['applied']:
        others[worker] = dict(receipt['failed'].get(worker, {}))
        error = others[worker].pop(f'Module `{receipt["module"]}`', '')  # of other things, it is a mere warning
        failed += [f'worker {worker} cannot load {file.name}: {error}'] if error else []
        table.add_row(worker, str(receipt['number']), 'failed' if error else 'served', services)
    for worker in receipt['pending']:
        failed.append(f'worker {worker} has not answered; it will serve the file once it is free')
        table.add_row(worker, str(receipt['number']), 'pending', services)
    Console().print(table)
    for warning in next((state['warnings'] for state in states), []):
        click.echo(f'Warning: {warning}', err=True)
    warn_of_workers({'failed': others})
    if failed:
        raise CommandError('\n'.join(failed), FAILED)
