"""The reference pages of kinds, made from their declarations: `python -m zato.common.config.reference DIRECTORY`.

What a setting's values may be is put into words here for commands' help texts too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from zato.common.config.field import Field
from zato.common.config.json_schema import schema_of
from zato.common.config.kind import OPERATIONS, Kind, kinds

_PAGE = 'kinds.md'
_SCHEMAS = 'schema'
_TYPES = {str: 'text', int: 'integer', float: 'number', bool: 'boolean'}

_HEAD = """# Kinds of objects

What can be configured, kind by kind. This page and the JSON Schemas are made from the declarations in
`common/zato/common/config/kinds` by `python -m zato.common.config.reference docs/reference`.

Every object has a `name`, unique among those of its kind, and is active or not, `is_active`. Text and numbers may be
`$NAME`, an environment variable of the server's; text that begins with a dollar sign is written with two. An object is
named by `id` or `name` in requests, and one that it refers to by its name. Classic keys are accepted as well.
"""

_SECURITY = """## Where security definitions are used

By kind of definition, and of what refers to it: the setting that does.
"""


def pages() -> dict[str, str]:
    """Path below the directory of reference pages → content."""
    ordered = sorted(kinds().items())
    found = {_PAGE: '\n'.join([_HEAD, _SECURITY, security_table(), *(_section(kind) for _, kind in ordered)])}
    for name, kind in ordered:
        found[f'{_SCHEMAS}/{name}.json'] = json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + '\n'
    return found


def outdated(directory: Path) -> list[str]:
    """Paths below the directory that are not as the declarations have it, or should not be there."""
    wanted = pages()
    there = {_SCHEMAS + '/' + path.name for path in (directory / _SCHEMAS).glob('*.json')}
    wrong = {name for name, text in wanted.items() if _read(directory / name) != text}
    return sorted(wrong | (there - wanted.keys()))


def write(directory: Path) -> None:
    """Make the pages, and remove schemas of kinds that there are no longer."""
    wanted = pages()
    for name in outdated(directory):
        path = directory / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding='utf-8')
        else:
            path.unlink()


def security_table(page: str = '') -> str:
    """Which kinds of security definitions can be used where, as a table in Markdown. page: that kinds are described on."""
    security = [name for name in sorted(kinds()) if name.startswith('security_')]
    uses = {(target, user): _code(name) for user, name, target in _references() if target in security}
    users = sorted({user for _, user in uses})
    rows = [(f'[{name}]({page}#{name})', *(uses.get((name, user), '') for user in users)) for name in security]
    return '\n'.join(_table(('', *(f'[{user}]({page}#{user})' for user in users)), rows))


def type_of(declared: Field) -> str:
    """In a word: 'text', 'integer', 'reference' and so on."""
    if declared.refers_to:
        return 'references' if declared.is_many else 'reference'
    return 'choice' if declared.choices else 'secret' if declared.is_secret else _TYPES[declared.type]


def default_of(declared: Field) -> str:
    """'' if there is none to speak of."""
    if declared.is_secret:
        return 'random'
    if declared.made is not None:
        return 'made by the server'
    if declared.is_required or declared.default in (None, '', ()):
        return ''
    return str(declared.default)


def limits_of(declared: Field) -> str:
    """Range, choices and unit; '' if it may be anything."""
    if declared.choices:
        return ', '.join(choice or '(empty)' for choice in declared.choices)
    low, high = declared.minimum, declared.maximum
    if low is not None and high is not None:
        limits = f'{low:,.15g} to {high:,.15g}'
    elif low is not None:
        limits = f'{low:,.15g} or more'
    else:
        limits = f'{high:,.15g} or less' if high is not None else ''
    return f'{limits} {declared.unit}'.strip()


def _references() -> Iterator[tuple[str, str, str]]:
    """Kind, setting, kind that it may refer to."""
    for user, kind in kinds().items():
        for name, declared in kind.references.items():
            for target in declared.refers_to:
                yield user, name, target


def _section(kind: Kind) -> str:
    return '\n'.join(
        [f'## {kind.name}\n', f'**{kind.label}.** {kind.help}\n', *_facts(kind), *_services(kind), *_settings(kind)]
    )


def _facts(kind: Kind) -> Iterator[str]:
    unique = [' with '.join(_code(name) for name in names) for names in kind.unique]
    targets = dict.fromkeys(target for declared in kind.references.values() for target in declared.refers_to)
    facts = {
        'Commands': '; '.join(_commands(kind)),
        'In enmasse': ', '.join(_code(name) for name in kind.enmasse),
        'Refers to': _links(targets),
        'Unique': ', '.join(['`name`', *unique]),
        'JSON Schema': f'[{kind.name}.json]({_SCHEMAS}/{kind.name}.json)',
    }
    yield from _table(('', ''), [(what, text) for what, text in facts.items() if text])


def _commands(kind: Kind) -> Iterator[str]:
    actions = ('list', 'get', 'create', 'edit', 'delete', 'ping')
    able = [action for action in actions if {action, f'get-{action}'} & {*kind.operations}]
    yield '`zato object` with ' + ', '.join(_code(action) for action in able)
    if kind.command:
        yield _code(f'zato {kind.command_to("create")}')
        yield _code(f'zato {kind.command_to("delete")}')
    if 'change-password' in kind.operations:
        yield _code(f'zato change-password --kind {kind.name}')


def _services(kind: Kind) -> Iterator[str]:
    has_classic = bool(kind.services) and kind.services != kind.derived_services
    rows = [
        (
            _code(f'{kind.derived_services}.{operation}'),
            _code(f'{kind.services}.{operation}') if has_classic else '',
            kind.role_for(operation),
        )
        for operation in OPERATIONS
        if operation in kind.operations
    ]
    yield from _table(('Service', 'Classic name', 'Role'), rows)
    if kind.fixed:
        keys = ', '.join(_code(f'{key}={value}') for key, value in kind.fixed.items())
        yield f'Requests under classic names may have {keys}.\n'


def _settings(kind: Kind) -> Iterator[str]:
    rows = []
    for name, declared in kind.fields.items():
        default = (
            'required' if declared.is_required else 'set by the server' if declared.is_read_only else default_of(declared)
        )
        values = _links(declared.refers_to) or limits_of(declared)
        aliases = ', '.join(_code(alias) for alias in declared.aliases)
        what = f'{declared.help}. It cannot be changed later' if declared.is_fixed else declared.help
        rows.append((_code(name), declared.label, type_of(declared), default, values, what, aliases))
    yield from _table(('Key', 'Label', 'Type', 'Default', 'Values', 'What it is', 'Classic keys'), rows)


def _links(names: Iterable[str]) -> str:
    return ', '.join(f'[{name}](#{name})' for name in names)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield _row(head)
    yield _row(['---'] * len(head)).replace(' ', '')
    for row in rows:
        yield _row(row)
    yield ''


def _row(cells: Sequence[Any]) -> str:
    return '| ' + ' | '.join(str(cell).replace('|', '\\|').replace('\n', ' ') for cell in cells) + ' |'


def _code(text: str) -> str:
    return f'`{text}`'


def _read(path: Path) -> str:
    return path.read_text(encoding='utf-8') if path.exists() else ''


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('Usage: python -m zato.common.config.reference DIRECTORY')
    write(Path(sys.argv[1]))
