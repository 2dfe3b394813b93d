"""Lists of one. Text of URLs, forms, CSV and XML does not tell them from single values; the declaration does."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from typing import Annotated, Any, Final, NewType, Union, get_args, get_origin, get_type_hints

from zato.common.exception import ModelValidationError
from zato.server.http.turns import Turns
from zato.server.service.simpleio.conversion import SEQUENCES
from zato.server.service.simpleio.declaration import Side
from zato.server.service.simpleio.element import Dict, DictList, Elem

#: What was received → the same, with lists where they are declared.
Fit = Callable[[Any], Any]

_LISTS: Final = (list, tuple, set, frozenset)
_UNIONS: Final = (Union, types.UnionType)


class Lists:
    """Where the input of a service has lists."""

    __slots__ = ('_named', '_whole')

    def __init__(self, named: Fit | None, *, is_list: bool) -> None:
        """named: fits the fields of one object. is_list: is the input a list of them?"""
        self._named = named or _as_is
        self._whole = _list(named) if is_list else _each(self._named)

    def whole(self, data: Any) -> Any:
        """All that the input is made of. None is nothing, and stays so. Raises ModelValidationError for what is too deep."""
        try:
            return data if data is None else self._whole(data)
        except RecursionError:
            raise ModelValidationError('/', 'Element is nested too deeply') from None

    def named(self, params: dict[str, Any]) -> dict[str, Any]:
        """Parameters of a URL, which are fields of the input, or of each of its items."""
        found: dict[str, Any] = self._named(params)
        return found


def lists_of(side: Side) -> Lists | None:
    """None where there are none. Raises NameError, TypeError for annotations that cannot be found."""
    named = _of_elements(side.elements) if side.model is None else _of_annotation(side.model, {})
    return Lists(named, is_list=side.is_list) if named is not None or side.is_list else None


class _Fields:
    """Fits values by their names."""

    __slots__ = ('fits',)

    def __init__(self) -> None:
        self.fits: tuple[tuple[str, Fit], ...] = ()

    def __call__(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {**data, **{name: fit(data[name]) for name, fit in self.fits if data.get(name) is not None}}


def _as_is(data: Any) -> Any:
    return data


def _list(item: Fit | None) -> Fit:
    turns = Turns()

    def fit(data: Any) -> Any:
        items = data if isinstance(data, list) else [data]
        return items if item is None else [item(one) for one in turns.over(items)]

    return fit


def _each(item: Fit) -> Fit:
    """For a list, if there is one."""
    of_list = _list(item)
    return lambda data: of_list(data) if isinstance(data, list) else item(data)


def _of_elements(elements: Iterable[Elem]) -> Fit | None:
    fits = [(elem.name, fit) for elem in elements if (fit := _of_element(elem)) is not None]
    if not fits:
        return None
    found = _Fields()
    found.fits = tuple(fits)
    return found


def _of_element(elem: Elem) -> Fit | None:
    """A List makes lists of whatever it gets."""
    if not isinstance(elem, Dict):
        return None
    inside = _of_elements(elem.keys)
    return _list(inside) if isinstance(elem, DictList) else inside


def _of_annotation(annotation: Any, seen: dict[Any, _Fields]) -> Fit | None:
    """seen: models that have been looked at, or are being: they may be in themselves."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_annotation(annotation.__origin__, seen)
    if isinstance(annotation, NewType):
        return _of_annotation(annotation.__supertype__, seen)
    if origin in _UNIONS:
        args = tuple(arg for arg in args if arg is not type(None))
        return _of_annotation(args[0], seen) if len(args) == 1 else None
    if annotation in _LISTS or (isinstance(origin, type) and issubclass(origin, SEQUENCES)):
        return _list(_of_annotation(args[0], seen) if args else None)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(args) > 1:
        inside = _of_annotation(args[1], seen)
        return None if inside is None else _of_values(inside)
    return _of_model(annotation, seen) if isinstance(annotation, type) and is_dataclass(annotation) else None


def _of_values(inside: Fit) -> Fit:
    return lambda data: {key: inside(value) for key, value in data.items()} if isinstance(data, dict) else data


def _of_model(cls: type[Any], seen: dict[Any, _Fields]) -> Fit | None:
    if cls in seen:
        return seen[cls]
    found = seen[cls] = _Fields()
    hints = get_type_hints(cls, include_extras=True)
    names = cls.__dataclass_fields__
    found.fits = tuple((name, fit) for name in names if (fit := _of_annotation(hints[name], seen)) is not None)
    return found if found.fits else None
