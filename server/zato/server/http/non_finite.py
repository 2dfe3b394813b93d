"""NaN and infinity in what is to be JSON, which has no form for them: msgspec writes null."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from math import isfinite
from typing import Any, Final
from uuid import UUID

_SINGLE: Final = frozenset({bool, bytes, date, datetime, Decimal, int, str, time, type(None), UUID})

_VALUES: Final[Callable[[Any], Iterable[Any]]] = dict.values

#: Makes of a value one that JSON has. Raises TypeError if it cannot.
OwnForm = Callable[[Any], Any]


def has_non_finite(payload: Any, own_form: OwnForm | None) -> bool:
    """payload: can be JSON, so it does not contain itself."""
    level = list(payload.values()) if type(payload) is dict else [payload]
    while kinds := set(map(type, level)).difference(_SINGLE):
        if float in kinds:
            if not all(isfinite(value) for value in level if type(value) is float):
                return True
            kinds.remove(float)
        below: list[Any] = []
        for kind in kinds:
            alike = [value for value in level if type(value) is kind]
            below += chain.from_iterable(map(_VALUES, alike) if kind is dict else (_inside(v, own_form) for v in alike))
        level = below
    return False


def way_to_non_finite(payload: Any, own_form: OwnForm | None) -> str:
    """As in '/rows[1]/price', '' if it is the payload itself. Slow: for errors."""
    steps = [('', payload)]
    while steps:
        way, value = steps.pop()
        if isinstance(value, float):
            if not isfinite(value):
                return way
        elif isinstance(value, dict):
            steps += ((f'{way}/{key}', item) for key, item in value.items())
        elif type(value) not in _SINGLE:
            is_list = isinstance(value, list | tuple | set | frozenset)
            steps += ((f'{way}[{i}]' if is_list else way, item) for i, item in enumerate(_inside(value, own_form)))
    return ''


def _inside(value: Any, own_form: OwnForm | None) -> Iterable[Any]:
    """One level below, or its own form."""
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return ({item.name: getattr(value, item.name) for item in fields(value) if hasattr(value, item.name)},)
    try:
        return (own_form(value),) if own_form is not None else ()
    except (TypeError, ValueError):
        return ()
