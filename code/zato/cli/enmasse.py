"""`zato enmasse`: configuration in files, which one environment exports and another one imports."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from zato.cli.component import PATH
from zato.cli.enmasse_plan import show_changes, show_difference, show_plan
from zato.cli.enmasse_server import EnmasseServer
from zato.cli.error import CONFLICTING_OPTIONS, INVALID_INPUT, NO_FILE, NO_OPTIONS, CommandError
from zato.cli.output import warn_of_workers
from zato.common.config.env_file import read_env_file
from zato.common.config.kind import find_kind
from zato.common.enmasse.environment import CallersEnvironment
from zato.common.enmasse.items import Item, ItemReader
from zato.common.enmasse.reading import Reader
from zato.common.enmasse.sections import TYPES
from zato.common.enmasse.writing import Format, document_of, render

DRIFT: Final = 1  #: exit code: the running configuration is not the file's
_STDOUT: Final = '-'
_ALL: Final = 'all'

_FILE = click.Path(dir_okay=False, path_type=Path)
_SECONDS = click.FloatRange(min=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command was given, by the names of its options."""

    is_import: bool
    is_export: bool
    drift: Path | None
    input: Path | None
    output: str | None
    format: Format
    include_type: tuple[str, ...]
    include_name: tuple[str, ...]
    ignore_missing_includes: bool
    env_file: Path | None
    initial_wait_time: float
    missing_wait_time: float
    dry_run: bool
    delete_missing: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a file asks for. items: by (kind, name), in the file's order."""

    items: Mapping[tuple[str, str], Item]
    reader: ItemReader

    def missing_in(self, exported: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
        """(kind, name) of the server's objects that the file's sections do not have."""
        kinds = {kind.name for kind in self.reader.kinds}
        found = [(item['kind'], item['name']) for item in exported if not self._has_under_other_name(item)]
        return [key for key in found if key[0] in kinds and key not in self.items and self.reader.is_name_included(key[1])]

    def _has_under_other_name(self, exported: Mapping[str, Any]) -> bool:
        """Is it one of the objects that get the names which the file has for them?"""
        fields = find_kind(exported['kind']).same_by
        wanted = {name: exported['settings'].get(name) for name in fields}
        return any(wanted.values()) and any(
            item.kind.name == exported['kind'] and {name: item.value_of(name) for name in fields} == wanted
            for item in self.items.values()
        )

    def down_in(self, exported: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Title → why, of the file's objects that the server cannot use."""
        return {
            find_kind(item['kind']).title(item['name']): item['error']
            for item in exported
            if item['error'] and (item['kind'], item['name']) in self.items
        }


def _split(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(',') if part.strip())


def _split_types(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    types = _split(ctx, param, value)
    unknown = [name for name in types if name not in TYPES and name != _ALL]
    if unknown:
        raise click.BadParameter(f'{", ".join(unknown)}: it must be {_ALL}, or some of {", ".join(TYPES)}', ctx, param)
    return types


@click.command()
@click.argument('path', type=PATH)
@click.option('--import', 'is_import', is_flag=True, help='Make the configuration be what the file --input says.')
@click.option('--export', '--export-odb', '--export-local', 'is_export', is_flag=True, help='Write it to a file.')
@click.option('--drift', type=_FILE, metavar='FILE', help='Tell where it differs from FILE; if it does, exit with 1.')
@click.option('--input', type=_FILE, help='What to import: .yaml, .yml or .json.')
@click.option('--output', help='Where to export to, - for standard output. [default: zato-export-<time>.yaml]')
@click.option('--format', '--dump-format', type=click.Choice(['yaml', 'json']), default='yaml', show_default=True)
@click.option('--dry-run', is_flag=True, help='Change nothing: tell what an import would do.')
@click.option('--delete-missing', is_flag=True, help="Delete what the file's sections do not have.")
@click.option('--include-type', default='', callback=_split_types, help=f'Only these: {_ALL}, or {",".join(TYPES)}.')
@click.option('--include-name', default='', callback=_split, help='Only objects with one of these texts in their names.')
@click.option('--ignore-missing-includes', is_flag=True, help='Go on without included files that are not there.')
@click.option('--env-file', type=_FILE, help='More variables for Zato_Enmasse_Env: the stanza [env] of this file.')
@click.option('--initial-wait-time', type=_SECONDS, default=0, help='Seconds to wait for the server to start.')
@click.option('--missing-wait-time', type=_SECONDS, default=0, help='Seconds to wait for services to be deployed.')
@click.option('--replace', '--replace-odb-objects', is_flag=True, expose_value=False, help='Said for clarity: always so.')
@click.option('--exit-on-missing-file', is_flag=True, expose_value=False, help='Said for clarity: always so.')
def enmasse(path: Path, **options: Any) -> None:
    """Import, export or compare the configuration of the server, or the environment, at PATH.

    An import is made whole or not at all, and may be repeated: objects are found by their names. Settings that the file does
    not have get their defaults; passwords stay. A value `$NAME` is a variable of the server's; Zato_Enmasse_Env.NAME is one
    of this command's, when the file is imported.
    """
    given = Options(**options)
    _check(given)
    server = EnmasseServer(path)
    if given.initial_wait_time:
        server.wait(given.initial_wait_time)
    if given.is_export:
        _export(server, given)
    elif given.drift is not None:
        _compare(server, given, given.drift)
    else:
        _import(server, given)


def _check(given: Options) -> None:
    """Raises CommandError."""
    actions = [given.is_import, given.is_export, given.drift is not None]
    if sum(actions) > 1:
        raise CommandError('Give one of --import, --export and --drift', CONFLICTING_OPTIONS)
    if not any(actions):
        raise CommandError('Give --import, --export or --drift', NO_OPTIONS)
    if given.is_import and given.input is None:
        raise CommandError('--import needs --input, the file', NO_OPTIONS)
    importing = {'--input': given.input, '--dry-run': given.dry_run, '--delete-missing': given.delete_missing}
    for option, value in importing.items():
        if value and not given.is_import:
            raise CommandError(f'{option} is for --import', CONFLICTING_OPTIONS)
    if given.output and not given.is_export:
        raise CommandError('--output is for --export', CONFLICTING_OPTIONS)


def _import(server: EnmasseServer, given: Options) -> None:
    assert given.input is not None  # it was checked
    wanted = _wanted(server, given, given.input)
    changes = [item.as_change() for item in wanted.items.values()]
    if given.delete_missing:
        changes += [{'action': 'delete', 'kind': kind, 'name': name} for kind, name in wanted.missing_in(server.export())]
    if given.dry_run:
        show_plan(server.plan(changes), changes)
        return
    answer = server.apply(changes)
    show_changes(answer['results'], changes)
    warn_of_workers(answer)
    told = {title for failed in answer['failed'].values() for title in failed}
    for title, why in wanted.down_in(server.export()).items():
        if title not in told:
            click.echo(f'Warning: {why}; it is down', err=True)


def _compare(server: EnmasseServer, given: Options, file: Path) -> None:
    wanted = _wanted(server, given, file)
    changes = [item.as_change() for item in wanted.items.values()]
    exported = server.export()
    missing = [find_kind(kind).title(name) for kind, name in wanted.missing_in(exported)]
    if show_difference(server.plan(changes), changes, missing=missing, down=wanted.down_in(exported)):
        raise click.exceptions.Exit(DRIFT)
    click.echo(f'The running configuration is what {file} says')


def _wanted(server: EnmasseServer, given: Options, file: Path) -> _Wanted:
    """Raises CommandError with everything that is wrong with the file."""
    if not file.exists():
        raise CommandError(f'There is no file {file}', NO_FILE)
    environment = CallersEnvironment({**os.environ, **(read_env_file(given.env_file) if given.env_file else {})})
    reader = Reader(environment, may_miss_includes=given.ignore_missing_includes)
    items = ItemReader(environment, types=given.include_type, names=given.include_name)
    found = {(item.kind.name, item.name): item for item in items.read(reader.read(file))}
    for text in reader.skipped:
        click.echo(f'Warning: {text}', err=True)
    for variable in environment.unused:
        click.echo(f'Warning: {variable} is set, and no object in the file has what it names', err=True)
    problems = [*reader.problems, *items.problems]
    if problems:
        raise CommandError('\n'.join([f'{file} cannot be used', *problems]), INVALID_INPUT)
    server.wait_for_services({name for item in found.values() for name in item.services}, given.missing_wait_time)
    return _Wanted(found, items)


def _export(server: EnmasseServer, given: Options) -> None:
    document = document_of(server.export(), types=given.include_type, names=given.include_name)
    text = render(document, given.format)
    if given.output == _STDOUT:
        click.echo(text, nl=False)
        return
    time = datetime.now(UTC).strftime('%Y-%m-%dT%H_%M_%S')
    output = Path(given.output or f'zato-export-{time}.{given.format}')
    _write(output, text)
    click.echo(f'Written to {output}: {sum(map(len, document.values())):,} object(s)')


def _write(path: Path, text: str) -> None:
    """The whole text or nothing; only the user who exports may read it. Raises CommandError, OSError."""
    if not path.parent.is_dir():
        raise CommandError(f'There is no directory {path.parent}', NO_FILE)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w', encoding='utf-8') as file:
            file.write(text)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
