"""How `zato enmasse` shows what changes, or would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from zato.common.config.kind import Kind, find_kind
from zato.common.config.stored import MASK
from zato.common.enmasse.writing import shortest

_SIGNS: Final = {'create': '+', 'edit': '~', 'delete': '-'}
_WORDS: Final = {'create': 'create', 'edit': 'change', 'delete': 'delete'}
_IS_ACTIVE: Final = 'is_active'

#: What zato.config.apply answers of one change.
_Result = Mapping[str, Any]


def show_plan(answer: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> None:
    """What an import would do. answer: to a dry run; changes: what was asked for."""
    results = answer['results']
    reconnects = set(answer['reconnects'])
    for result, change in zip(results, changes, strict=True):
        if not result['is_changed']:
            continue
        title = _title(result)
        connects = '   (reconnects)' if result['action'] == 'edit' and title in reconnects else ''
        place = f'   {change["place"]}' if change.get('place') else ''
        click.echo(f'{_SIGNS[result["action"]]} {_WORDS[result["action"]]} {title}{connects}{place}')
        for line in _lines(result, change, '{} → {}'):
            click.echo(f'    {line}')
    for title in sorted(reconnects - {_title(result) for result in results if result['is_changed']}):
        click.echo(f'  {title} reconnects, for what it refers to changes')
    click.echo(_summary(results, '{} to create, {} to change, {} to delete, {} as they are'))


def show_changes(results: Sequence[_Result], changes: Sequence[Mapping[str, Any]]) -> None:
    """What an import did. changes: as in `show_plan`."""
    for result in results:
        if result['is_changed']:
            click.echo(f'{_SIGNS[result["action"]]} {_title(result)}')
    for result, change in zip(results, changes, strict=False):
        for name in _random_secrets(result, change):
            click.echo(f'Warning: {_title(result)}: `{name}` is a random one, since the file has none', err=True)
    click.echo(_summary(results, '{} created, {} changed, {} deleted, {} as they were'))


def show_difference(
    answer: Mapping[str, Any], changes: Sequence[Mapping[str, Any]], *, missing: Sequence[str], down: Mapping[str, str]
) -> bool:
    """Where the server's objects are not what a file says; False if nowhere. answer, changes: as in `show_plan`.

    missing: titles of objects that the file does not have. down: title → why, of objects that cannot be used.
    """
    different = [(result, change) for result, change in zip(answer['results'], changes, strict=True) if result['is_changed']]
    for result, change in different:
        is_there = result['action'] == 'edit'
        click.echo(f'{"Different" if is_there else "Only in the file"}: {_title(result)}   {change["place"]}')
        for line in _lines(result, change, 'server {}, file {}') if is_there else ():
            click.echo(f'    {line}')
    for title in missing:
        click.echo(f'Only on the server: {title}')
    for line in (line for why in down.values() for line in why.splitlines()):
        click.echo(f'Down: {line}')
    return bool(different or missing or down)


def _title(result: _Result) -> str:
    return find_kind(result['kind']).title(result['name'])


def _summary(results: Sequence[_Result], text: str) -> str:
    counts = Counter(result['action'] if result['is_changed'] else '' for result in results)
    return text.format(*(f'{counts[action]:,}' for action in (*_SIGNS, '')))


def _lines(result: _Result, change: Mapping[str, Any], text: str) -> Iterator[str]:
    """Field by field. text: how the old and the new value are told of."""
    kind = find_kind(result['kind'])
    before, after = result['before'], result['after']
    if result['action'] == 'create':
        yield from _all_lines(kind, {**after, **dict.fromkeys(_random_secrets(result, change), '(random)')})
    elif result['action'] == 'edit':
        if before[_IS_ACTIVE] != after[_IS_ACTIVE]:
            yield f'{_IS_ACTIVE}: {text.format(before[_IS_ACTIVE], after[_IS_ACTIVE])}'
        for name in result['changed']:
            old, new = _shown(before.get(name)), _shown(after.get(name))
            yield f'{name}: {text.format(old, "(new)" if new == MASK else new)}'


def _random_secrets(result: _Result, change: Mapping[str, Any]) -> list[str]:
    """Names of those that the server makes up for a new object."""
    if result['action'] != 'create':
        return []
    fields = [declared for declared in find_kind(result['kind']).fields.values() if declared.is_secret]
    return [declared.name for declared in fields if all(change.get(key) in (None, '', MASK) for key in declared.keys)]


def _all_lines(kind: Kind, after: Mapping[str, Any]) -> Iterator[str]:
    """What is not as the declaration has it."""
    if not after[_IS_ACTIVE]:
        yield f'{_IS_ACTIVE}: False'
    for name, declared in kind.fields.items():
        value = after.get(name)
        if value not in (None, '', [], declared.default):
            yield f'{name}: {_shown(value)}'


def _shown(value: Any) -> str:
    """In one line, whatever is in it."""
    if value in (None, '', []):
        return '(empty)'
    text = ', '.join(map(str, value)) if isinstance(value, list) else str(shortest(value))
    return ''.join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
