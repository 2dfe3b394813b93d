"""Options of commands, made from what a kind declares. Values go to the server as text, which reads and judges them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from zato.cli.error import INVALID_INPUT, CommandError
from zato.common.config.field import Field
from zato.common.config.kind import Kind, find_kind
from zato.common.config.reference import default_of, limits_of, type_of
from zato.common.exception import BadRequest

FROM_STDIN = '-'  #: in place of a secret, which other users of the host would see in the list of processes

_METAVARS = {
    'integer': 'INTEGER',
    'number': 'NUMBER',
    'boolean': 'BOOLEAN',
    'reference': 'NAME',
    'references': 'NAME,NAME,…',
    'choice': 'CHOICE',
}


def kind_named(name: str) -> Kind:
    """Raises CommandError."""
    try:
        return find_kind(name)
    except BadRequest as e:
        raise CommandError(e.msg, INVALID_INPUT) from None


def service_of(kind: Kind, operation: str) -> str:
    """The admin service that does it. Raises CommandError."""
    if operation not in kind.operations:
        able = ', '.join(kind.operations)
        raise CommandError(f'{kind.label}: there is no {operation} of objects of this kind, only {able}', INVALID_INPUT)
    return f'{kind.derived_services}.{operation}'


def options_of(kind: Kind, *, is_new: bool) -> Iterator[click.Option]:
    """is_new: of an object that is created, so that there are defaults to tell of."""
    default = ' [default: True]' if is_new else ''
    yield click.Option(['is_active', '--is-active'], metavar='BOOLEAN', help=f'May it be used?{default}')
    for name, declared in kind.fields.items():
        if not declared.is_read_only and (is_new or not declared.is_fixed):
            flags = [f'--{key.replace("_", "-")}' for key in (name, *declared.aliases)]
            metavar = _METAVARS.get(type_of(declared), 'TEXT')
            yield click.Option([name, *flags], metavar=metavar, help=_help(declared, is_new=is_new))


def settings_from(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a request has of the options that were given. Raises CommandError."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        declared = kind.fields.get(name)
        if declared is not None and declared.is_secret:
            value = secret_from(value, name)
        elif declared is not None and declared.refers_to and declared.default is None:
            value = value or None
        found[name] = value
    return found


def secret_from(value: str, name: str) -> str:
    """The value, or a line of standard input where it says so. Raises CommandError."""
    if value != FROM_STDIN:
        return value
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True, err=True))
    line = sys.stdin.readline().rstrip('\r\n')
    if not line:
        raise CommandError(f'There is no {name} on standard input', INVALID_INPUT)
    return line


def _help(declared: Field, *, is_new: bool) -> str:
    notes = []
    if is_new and declared.is_required:
        notes.append('required')
    if is_new and default_of(declared):
        notes.append(f'default: {default_of(declared)}')
    if declared.is_secret:
        notes.append(f'{FROM_STDIN} reads it from standard input')
    if limits_of(declared):
        notes.append(limits_of(declared))
    return f'{declared.help} [{"; ".join(notes)}]' if notes else declared.help
