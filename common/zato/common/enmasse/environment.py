"""The environment of whoever imports: what values of files and single attributes are taken from it.

`Zato_Enmasse_Env.NAME`, or `{Zato_Enmasse_Env.NAME}` within text, is the variable NAME when the file is imported. `$NAME` is
not for here: the server keeps it, and looks into its own environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from zato.common.exception import ZatoException

_WHOLE: Final = re.compile(r'\s*(?:Zato_Enmasse_Env|ZatoEnmasseEnv)\.(\S+)\s*')
_WITHIN: Final = re.compile(r'\{(?:Zato_Enmasse_Env|ZatoEnmasseEnv)\.([^\s{}]+)\}')
_OVERRIDES: Final = 'Zato_Enmasse_Env_'


class MissingVariable(ZatoException):
    """There is no such environment variable"""

    def __init__(self, name: str) -> None:
        super().__init__(msg=f'there is no environment variable {name}')


@dataclass(frozen=True, slots=True)
class Override:
    """What one variable says of one attribute. key: the attribute."""

    variable: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class CallersEnvironment:
    """Names of variables → their values. used: those that overrode something."""

    variables: Mapping[str, str] = field(repr=False)
    used: set[str] = field(default_factory=set)

    def fill(self, text: str) -> str:
        """The text with the values of variables in it. Raises MissingVariable."""
        whole = _WHOLE.fullmatch(text)
        if whole and not _WITHIN.search(text):
            return self._value(whole[1])
        return _WITHIN.sub(lambda found: self._value(found[1]), text)

    def overrides(self, section: str, name: str, keys: Iterable[str]) -> list[Override]:
        """What Zato_Enmasse_Env_<section>_<name>_<key> says of an object, `__` for a dot, `_` for what variables cannot have
        in their names.
        """
        prefix = _as_variable(f'{_OVERRIDES}{section}_{name}_')
        known = {_as_variable(key): key for key in keys}
        found = []
        for variable in self._overriding:
            rest = _as_variable(variable)
            if rest.startswith(prefix) and rest[len(prefix) :] in known:
                found.append(Override(variable, known[rest[len(prefix) :]], self.variables[variable]))
                self.used.add(variable)
        return found

    @property
    def unused(self) -> list[str]:
        """Variables that were to override something, and did not."""
        return [variable for variable in self._overriding if variable not in self.used]

    @property
    def _overriding(self) -> list[str]:
        return sorted(name for name in self.variables if name.startswith(_OVERRIDES))

    def _value(self, name: str) -> str:
        try:
            return self.variables[name]
        except KeyError:
            raise MissingVariable(name) from None


def literal(text: str) -> str:
    """The setting that says this very text: one that begins with a dollar sign would be a variable of the server's."""
    return f'${text}' if text.startswith('$') else text


def _as_variable(text: str) -> str:
    return re.sub(r'[^A-Za-z0-9_]', '_', text.replace('.', '__'))
