"""Commands that classic Zato has for some kinds, made from their declarations: `zato create-rest-channel` and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import click

from zato.cli.component import PATH, call
from zato.cli.error import CONFLICTING_OPTIONS, FAILED, INVALID_INPUT, NO_OPTIONS, CommandError
from zato.cli.group import Group
from zato.cli.kind_option import FROM_STDIN, kind_named, options_of, secret_from, service_of, settings_from
from zato.cli.output import echo_json, warn_of_workers
from zato.client.admin import ServerError
from zato.common.config.kind import Kind, kinds

Action = Literal['create', 'delete']


class DerivedGroup(Group):
    """The group of commands for an action, which it is named after, with those of kinds among them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *commands_in(str(self.name))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or command_in(str(self.name), cmd_name)


def commands_in(group: Action | str) -> dict[str, tuple[Kind, Action]]:
    """The kind and the action of each derived command of a group, '' for those that are in none."""
    found: dict[str, tuple[Kind, Action]] = {}
    for kind in kinds().values():
        for action in get_args(Action):
            in_group, _, name = kind.command_to(action).rpartition(' ')
            if name and in_group == group and action in kind.operations:
                found[name] = (kind, action)
    return found


def command_in(group: str, name: str) -> click.Command | None:
    """The derived command of that name, if there is one."""
    found = commands_in(group).get(name)
    if found is None:
        return None
    kind, action = found
    return create_command(kind, name) if action == 'create' else delete_command(kind, name)


def summary(kind: Kind, action: Action) -> str:
    """What a derived command does, in a line."""
    return f'Create a new {kind.label}.' if action == 'create' else f'Delete an existing {kind.label}.'


@click.group(cls=DerivedGroup)
def delete() -> None:
    """Delete an object."""


@click.command('change-password')
@click.argument('path_argument', type=PATH, required=False, metavar='[PATH]')
@click.option('--path', 'path_option', type=PATH, help='The same as PATH.')
@click.option('--kind', help='Of the object; not needed if no other kind has an object of that name.')
@click.option('--id', help='Of the object.')
@click.option('--name', help='Of the object.')
@click.option('--password', help=f'The new one; {FROM_STDIN} reads it from standard input, which is where it is not seen.')
def change_password(
    path_argument: Path | None,
    path_option: Path | None,
    kind: str | None,
    id: str | None,
    name: str | None,
    password: str | None,
) -> None:
    """Set the password of an object of the server, or environment, at PATH."""
    path = _one_path(path_argument, path_option)
    which = _which(id, name)
    if not password:
        raise CommandError(f'--password is required; {FROM_STDIN} reads it from standard input', NO_OPTIONS)
    named = kind_named(kind) if kind else _kind_of(path, which)
    service = service_of(named, 'change-password')
    new = secret_from(password, 'password')
    _answer(lambda: call(path, service, {**which, 'password1': new, 'password2': new}))


def create_command(kind: Kind, name: str) -> click.Command:
    """Creates an object of the kind from options."""
    inlines = _inlines(kind)

    def create(path_argument: Path | None, path_option: Path | None, **values: Any) -> None:
        path = _one_path(path_argument, path_option)
        inline = {option: value for option in inlines if (value := values.pop(_inline_key(option))) is not None}
        given = settings_from(kind, values)
        if not inline:
            _answer(lambda: call(path, service_of(kind, 'create'), given))
            return
        changes = [*_inline_changes(inlines, inline, given), {'action': 'create', 'kind': kind.name, **given}]
        _answer(lambda: _apply(path, changes))

    inline_options = [
        click.Option(
            [_inline_key(option), f'--{option}'],
            metavar=','.join(target.inline[1:]).upper(),
            help=f'Create a {target.label} of the same name for it',
        )
        for option, (_, target) in inlines.items()
    ]
    own = [click.Option(['name', '--name'], help='[required]'), *options_of(kind, is_new=True)]
    params: list[click.Parameter] = [*_path_params(kind), *own, *inline_options]
    return click.Command(name, callback=create, params=params, help=f'{summary(kind, "create")} {kind.help}')


def delete_command(kind: Kind, name: str) -> click.Command:
    """Deletes an object of the kind by `--id` or `--name`."""

    def remove(path_argument: Path | None, path_option: Path | None, id: str | None, name: str | None) -> None:
        path = _one_path(path_argument, path_option)
        which = _which(id, name)
        _answer(lambda: call(path, service_of(kind, 'delete'), which))

    own: list[click.Parameter] = [click.Option(['id', '--id']), click.Option(['name', '--name'])]
    return click.Command(name, callback=remove, params=[*_path_params(None), *own], help=summary(kind, 'delete'))


def _inlines(kind: Kind) -> dict[str, tuple[str, Kind]]:
    """Option → the field that comes to refer to what it makes, the kind that it makes one of."""
    found: dict[str, tuple[str, Kind]] = {}
    for name, declared in kind.references.items():
        for target in declared.refers_to:
            if kinds()[target].inline:
                found.setdefault(kinds()[target].inline[0], (name, kinds()[target]))
    return found


def _inline_key(option: str) -> str:
    """Apart from the names of settings."""
    return f'inline_{option.replace("-", "_")}'


def _inline_changes(
    inlines: dict[str, tuple[str, Kind]], inline: dict[str, str], given: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """What creates the objects that options ask for; `given` comes to refer to them. Raises CommandError."""
    for option, text in inline.items():
        field, target = inlines[option]
        if field in given:
            raise CommandError(
                f'--{option} makes what --{field.replace("_", "-")} names: give one of them', CONFLICTING_OPTIONS
            )
        names = target.inline[1:]
        parts = dict(zip(names, text.split(',', len(names) - 1), strict=False))
        settings = settings_from(target, parts)
        given[field] = f'{target.name}/{given.get("name", "")}'
        yield {'action': 'create', 'kind': target.name, 'name': given.get('name'), **settings}


def _apply(path: Path, changes: list[dict[str, Any]]) -> dict[str, Any]:
    response = call(path, 'zato.config.apply', {'changes': changes})
    last = response['results'][-1]
    return {'id': last['id'], 'name': last['name'], 'version': last['version'], **response}


def _answer(invoke: Callable[[], Any]) -> None:
    """Print what the service answered. Its error is printed likewise, and the command fails."""
    try:
        response = invoke()
    except ServerError as e:
        echo_json({'cid': e.cid, 'result': 'Error', 'details': e.details})
        raise click.exceptions.Exit(FAILED) from None
    echo_json(response)
    warn_of_workers(response)


def _path_params(kind: Kind | None) -> list[click.Parameter]:
    params: list[click.Parameter] = [click.Argument(['path_argument'], type=PATH, required=False, metavar='[PATH]')]
    is_taken = kind is not None and 'path' in kind.keys
    flag = '--server-path' if is_taken else '--path'
    return [*params, click.Option(['path_option', flag], type=PATH, help='The same as PATH: a server or an environment.')]


def _one_path(argument: Path | None, option: Path | None) -> Path:
    """Raises CommandError."""
    if argument is not None and option is not None:
        raise CommandError('Give PATH either by itself or with --path', CONFLICTING_OPTIONS)
    path = argument or option
    if path is None:
        raise CommandError('--path is required: a server, or an environment', NO_OPTIONS)
    return path


def _which(id: str | None, name: str | None) -> dict[str, str]:
    """Raises CommandError."""
    if id and name:
        raise CommandError('Give either --id or --name', CONFLICTING_OPTIONS)
    if not id and not name:
        raise CommandError('--id or --name is required', NO_OPTIONS)
    return {'id': id} if id else {'name': str(name)}


def _kind_of(path: Path, which: dict[str, str]) -> Kind:
    """The only kind that has such an object, and passwords. Raises CommandError."""
    key, value = next(iter(which.items()))
    able = [kind for kind in kinds().values() if 'change-password' in kind.operations]
    found = [kind for kind in able if any(str(item[key]) == value for item in call(path, service_of(kind, 'get-list')))]
    if len(found) == 1:
        return found[0]
    names = ' or '.join(kind.name for kind in found or able)
    what = 'Several kinds have an object' if found else 'There is no object with a password'
    raise CommandError(f'{what} with {key} {value}; say --kind {names}', INVALID_INPUT)
