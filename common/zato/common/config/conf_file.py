"""What a .conf file may say, and the text of a new one.

Stanzas with fixed keys are dataclasses made of `option`; in open ones, keys are the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zato.common.config.option import declared

#: stanza → key → value
Values = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStanza:
    """help: a sentence for the file's comment. check: of each value; raises ValueError, its text being the rule.

    example: of a line, if there must be one at least.
    """

    help: str
    check: Callable[[str], None] | None = None
    example: str = ''


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfFile:
    """component: in names of environment variables, Zato_Config_<component>_… .

    unused: what classic Zato reads and we do not, stanza → keys, '*' for all of them: one warning, and the start goes on.
    """

    component: str
    stanzas: Mapping[str, type[Any]]
    open_stanzas: Mapping[str, OpenStanza]
    unused: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all stanzas."""
        return (*self.stanzas, *self.open_stanzas)

    def text(self, reader: str, values: Values) -> str:
        """Of a new file. reader: what reads it. values: where they are not the defaults, and those of open stanzas."""
        lines = [f'# Read when the {reader} starts; a restart applies changes. $NAME stands for an environment variable.']
        for stanza, cls in self.stanzas.items():
            lines += ['', f'# {cls.__doc__}', f'[{stanza}]']
            for key, (_, declaration, default) in declared(cls).items():
                unit = f' ({declaration.unit})' if declaration.unit else ''
                lines += ['', f'# {_sentence(declaration.help + unit)} Default: {_text(default) or "empty"}']
                lines.append(f'{key}={_text(values.get(stanza, {}).get(key, default))}')
        for stanza, open_stanza in self.open_stanzas.items():
            lines += ['', f'# {open_stanza.help}', f'[{stanza}]']
            lines += [f'{key}={_text(value)}' for key, value in values.get(stanza, {}).items()]
        return '\n'.join([*lines, ''])


def _sentence(text: str) -> str:
    return text if text.endswith('?') else f'{text}.'


def _text(value: Any) -> str:
    return ', '.join(value) if isinstance(value, tuple) else str(value)
