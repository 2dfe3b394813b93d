"""Makes the text of a file from what a server exports: the same text for the same objects, whatever order they come in.

Secrets are not in it, for the server does not tell them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal

import yaml

from zato.common.config.kind import find_kind
from zato.common.enmasse.sections import is_type_included, order_of, type_key

_WIDEST: Final = 1_000_000  #: characters, so that text without line breaks stays in one line
_MOST_EXACT: Final = 2**53  #: whole numbers up to it are the same as floats

Format = Literal['yaml', 'json']

_HEAD: Final = (
    '# Made by zato enmasse --export. Passwords and other secrets are not in it; objects keep those that they have.\n'
)


def document_of(
    objects: Iterable[Mapping[str, Any]], *, types: Collection[str] = (), names: Collection[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Section → items. objects: as zato.config.export answers. types, names: as in ItemReader.

    Raises BadRequest if there is a kind that is not known here.
    """
    parts = [name.casefold() for name in names]
    found: dict[str, list[dict[str, Any]]] = {}
    for item in objects:
        kind = find_kind(item['kind'])
        section = kind.enmasse[0]
        is_wanted = not parts or any(part in item['name'].casefold() for part in parts)
        if is_wanted and any(is_type_included(name, types) for name in kind.enmasse):
            type_ = type_key(kind)
            found.setdefault(section, []).append(
                {
                    'name': item['name'],
                    **({'type': type_} if type_ else {}),
                    **({} if item['is_active'] else {'is_active': False}),
                    **{name: shortest(item['settings'][name]) for name in kind.fields if name in item['settings']},
                }
            )
    for items in found.values():
        items.sort(key=lambda item: (item['name'], item.get('type', '')))
    return {section: found[section] for section in sorted(found, key=order_of)}


def render(document: Mapping[str, Any], format_: Format) -> str:
    """The file's text."""
    if format_ == 'json':
        return json.dumps(document, indent=2, ensure_ascii=False) + '\n'
    options: dict[str, Any] = {'sort_keys': False, 'allow_unicode': True, 'default_flow_style': False, 'width': _WIDEST}
    body = yaml.dump(dict(document), Dumper=_Dumper, **options)
    return f'{_HEAD}{body}'


def shortest(value: Any) -> Any:
    """The same value; a number without a fraction is written without one."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _MOST_EXACT else value


class _Dumper(yaml.SafeDumper):
    """Lists are indented; text of several lines is written line by line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '|' if '\n' in text else None
    return dumper.represent_scalar('tag:yaml.org,2002:str', text, style)


_Dumper.add_representer(str, _represent_text)
