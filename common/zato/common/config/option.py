"""How a key of a configuration file is declared, and how its text becomes a value.

A stanza is a frozen dataclass whose fields are made by `option`. The file's template, its checks and its error texts all
come from that declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from math import inf
from typing import Any, get_type_hints

_TRUE = frozenset({'true', 'yes', 'on', '1'})
_FALSE = frozenset({'false', 'no', 'off', '0'})


@dataclass(frozen=True, slots=True)
class Option:
    """help: a sentence for the file's comment. unit: such as 'seconds'. minimum, maximum: inclusive.

    check: raises ValueError, its text being the rule.
    """

    help: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None


def option(
    default: Any,
    help: str,
    *,
    unit: str = '',
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    check: Callable[[Any], None] | None = None,
) -> Any:
    """A field of a stanza. The field's annotation is its type: str, int, float, bool or tuple[str, ...]."""
    return field(default=default, metadata={'option': Option(help, unit, minimum, maximum, choices, check)})


def declared(stanza: type[Any]) -> dict[str, tuple[Any, Option, Any]]:
    """Key → (type, option, default)."""
    hints = get_type_hints(stanza)
    return {item.name: (hints[item.name], item.metadata['option'], item.default) for item in fields(stanza)}


def convert(raw: Any, type_: Any, declaration: Option) -> Any:
    """The value that `raw`, as ConfigObj read it, stands for. Raises ValueError, its text being the rule."""
    value = _convert(raw, type_, declaration)
    if declaration.check is not None:
        declaration.check(value)
    return value


def _convert(raw: Any, type_: Any, declaration: Option) -> Any:
    if type_ is bool:
        return to_bool(raw)
    if type_ == tuple[str, ...]:
        items = raw if isinstance(raw, list) else str(raw).split(',')
        return tuple(item.strip() for item in items if item.strip())
    if isinstance(raw, list):
        raw = ', '.join(raw)
    if type_ is str:
        if declaration.choices and raw not in declaration.choices:
            raise ValueError(f'must be one of: {", ".join(declaration.choices)}')
        return raw
    return to_number(raw, type_, declaration)


def to_bool(raw: Any) -> bool:
    """Raises ValueError, its text being the rule."""
    word = str(raw).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError('must be True or False')


def number_rule(declaration: Option) -> str:
    """What a number must be, in words."""
    unit = f' {declaration.unit}' if declaration.unit else ''
    low, high = declaration.minimum, declaration.maximum
    if low is not None and high is not None:
        return f'must be a number from {low:,.15g} to {high:,.15g}{unit}'
    if low is not None:
        return f'must be a number of {low:,.15g}{unit} or more'
    if high is not None:
        return f'must be a number of {high:,.15g}{unit} or less'
    return f'must be a number{unit and " of" + unit}'


def to_number(raw: str, type_: Any, declaration: Option) -> Any:
    """Raises ValueError, its text being the rule."""
    low, high = declaration.minimum, declaration.maximum
    try:
        value = type_(raw.strip().replace('_', ''))
    except ValueError:
        raise ValueError(number_rule(declaration)) from None
    if (low is not None and value < low) or (high is not None and value > high) or value != value or abs(value) == inf:
        raise ValueError(number_rule(declaration))
    return value


def nearest(name: str, known: list[str]) -> str:
    """', did you mean …?' if there is a name alike, else ''."""
    found = get_close_matches(name, known, n=1, cutoff=0.6)
    return f'; did you mean `{found[0]}`?' if found else ''
