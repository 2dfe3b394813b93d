"""`zato object`: configuration objects of any kind, through the admin services that each kind has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from zato.cli.component import PATH, call
from zato.cli.error import NO_OPTIONS, CommandError
from zato.cli.group import Group
from zato.cli.history import history
from zato.cli.kind_option import kind_named, options_of, service_of, settings_from
from zato.cli.output import echo_json, format_option, show, table, warn_of_workers
from zato.common.config.field import Field
from zato.common.config.json_schema import schema_of, schema_of_all
from zato.common.config.kind import Kind, kinds

_COLUMNS = 6  #: settings that a list as text has; there are all of them in its other formats


class KindsCommand(click.Command):
    """Its help lists the kinds that it is for. operation: what it does to objects, '' if anything can be named."""

    def __init__(self, *arguments: Any, operation: str = '', **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.operation = operation

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_kinds(formatter, self.operation)


class KindsGroup(click.Group):
    """PATH, then KIND, then the options that objects of that kind have. make: the command for one kind."""

    def __init__(self, *arguments: Any, operation: str, make: Callable[[Kind], click.Command], **options: Any) -> None:
        options |= {'subcommand_metavar': 'KIND [OPTIONS]', 'invoke_without_command': True}
        super().__init__(*arguments, **options)
        self.operation = operation
        self.make = make

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [kind.name for kind in _kinds_with(self.operation)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        kind = kind_named(cmd_name)
        service_of(kind, self.operation)
        return self.make(kind)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in ctx.help_option_names:
            click.echo(ctx.get_help())
            ctx.exit()
        if args[0].startswith('-'):
            raise click.UsageError(f'KIND must come before {args[0]}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_kinds(formatter, self.operation)


def _kinds_with(operation: str) -> list[Kind]:
    return sorted(
        (kind for kind in kinds().values() if not operation or operation in kind.operations), key=lambda kind: kind.name
    )


def _write_kinds(formatter: click.HelpFormatter, operation: str) -> None:
    with formatter.section('Kinds'):
        formatter.write_dl([(kind.name, f'{kind.label}. {kind.help}') for kind in _kinds_with(operation)])


def _create_command(kind: Kind) -> click.Command:
    @click.pass_obj
    def create(path: Path, /, **values: Any) -> None:
        _change(path, service_of(kind, 'create'), settings_from(kind, values))

    name = click.Option(['name', '--name'], help='What it is called [required]')
    return click.Command(kind.name, callback=create, params=[name, *options_of(kind, is_new=True)], help=kind.help)


def _edit_command(kind: Kind) -> click.Command:
    @click.pass_obj
    def edit(path: Path, /, name: str, version: str | None, new_name: str | None = None, **values: Any) -> None:
        given = settings_from(kind, values)
        if not given and new_name is None:
            raise CommandError('Give at least one option that says what changes', NO_OPTIONS)
        which = {'name': name}
        if new_name is not None:
            which = {'id': call(path, service_of(kind, 'get'), {'name': name})['id'], 'name': new_name}
        seen = {} if version is None else {'version': version}
        _change(path, service_of(kind, 'edit'), {**which, **seen, **given})

    params: list[click.Parameter] = [click.Argument(['name'])]
    if kind.is_renamable:
        params.append(click.Option(['new_name', '--new-name'], help='What it is called from now on'))
    params.append(click.Option(['version', '--version'], metavar='INTEGER', help='Only if this is still its version'))
    help = f'Change an object: what options say; all else stays.\n\n{kind.help}'
    return click.Command(kind.name, callback=edit, params=[*params, *options_of(kind, is_new=False)], help=help)


@click.group('object', cls=Group)
def object_() -> None:
    """Work with objects of any kind: REST channels, security definitions and so on.

    Values may be '$NAME', an environment variable of the server's.
    """


@object_.command('list', cls=KindsCommand, operation='get-list')
@click.argument('path', type=PATH)
@click.argument('kind')
@format_option
def list_(path: Path, kind: str, format_: str) -> None:
    """List the objects of KIND."""
    named = kind_named(kind)
    found = call(path, service_of(named, 'get-list'))
    show(found, format_, lambda: _show_list(named, found))


@object_.command(cls=KindsCommand, operation='get')
@click.argument('path', type=PATH)
@click.argument('kind')
@click.argument('name')
@format_option
def get(path: Path, kind: str, name: str, format_: str) -> None:
    """Show object NAME of KIND."""
    found = call(path, service_of(kind_named(kind), 'get'), {'name': name})
    show(found, format_, lambda: table((), found.items()))


@object_.group(cls=KindsGroup, operation='create', make=_create_command)
@click.argument('path', type=PATH)
@click.pass_context
def create(ctx: click.Context, path: Path) -> None:
    """Create an object of KIND. `zato object create PATH KIND --help` shows its options.

    A secret that is not given is a random one.
    """
    _enter(ctx, path)


@object_.group(cls=KindsGroup, operation='edit', make=_edit_command)
@click.argument('path', type=PATH)
@click.pass_context
def edit(ctx: click.Context, path: Path) -> None:
    """Change an object of KIND. `zato object edit PATH KIND --help` shows its options."""
    _enter(ctx, path)


@object_.command(cls=KindsCommand, operation='delete')
@click.argument('path', type=PATH)
@click.argument('kind')
@click.argument('name')
def delete(path: Path, kind: str, name: str) -> None:
    """Delete object NAME of KIND, if nothing refers to it."""
    _change(path, service_of(kind_named(kind), 'delete'), {'name': name})


@object_.command(cls=KindsCommand, operation='ping')
@click.argument('path', type=PATH)
@click.argument('kind')
@click.argument('name')
def ping(path: Path, kind: str, name: str) -> None:
    """Is what object NAME of KIND connects to there?"""
    echo_json(call(path, service_of(kind_named(kind), 'ping'), {'name': name}))


@object_.command(cls=KindsCommand)
@click.argument('kind', required=False)
def schema(kind: str | None) -> None:
    """Print the JSON Schema of a KIND, or of all kinds."""
    echo_json(schema_of(kind_named(kind)) if kind else schema_of_all())


object_.add_command(history)


def _enter(ctx: click.Context, path: Path) -> None:
    if ctx.invoked_subcommand is None:
        raise click.UsageError("Missing argument 'KIND'.", ctx)
    ctx.obj = path


def _change(path: Path, service: str, request: Mapping[str, Any]) -> None:
    response = call(path, service, dict(request))
    echo_json(response)
    warn_of_workers(response)


def _is_shown_in_lists(declared: Field) -> bool:
    return not (declared.is_secret or declared.is_multiline or declared.is_many)


def _show_list(kind: Kind, found: list[dict[str, Any]]) -> None:
    settings = [name for name, declared in kind.fields.items() if _is_shown_in_lists(declared)]
    columns = ['id', 'name', 'is_active', *settings[:_COLUMNS]]
    if any(item.get('error') for item in found):
        columns.append('error')
    table(columns, ([item.get(column) for column in columns] for item in found))
