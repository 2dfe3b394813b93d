"""`self.request.input`."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from bunch import Bunch

from zato.server.http.turns import Turns

if TYPE_CHECKING:
    # To a type checker it is assignable to any model, since that is what it is where a model is declared.
    _Base = Any
else:
    _Base = Bunch


_METHODS = frozenset(dir(dict)) | {'deepcopy', 'require_any', 'toDict', 'toJSON', 'toYAML', 'fromDict', 'fromYAML'}


class Input(_Base):  # type: ignore[misc]  # of Any, or of a class without types
    """A dict whose keys are attributes too; it prints as a plain dict."""

    if TYPE_CHECKING:

        def get(self, name: str, default: Any = None) -> Any: ...

        def __getitem__(self, name: str) -> Any: ...

        def __contains__(self, name: str) -> bool: ...

    else:
        __contains__ = dict.__contains__

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f'There is no element `{name}` in the input') from None

    def __repr__(self) -> str:
        return dict.__repr__(self)

    __str__ = __repr__

    def deepcopy(self) -> Input:
        return Input(deepcopy(dict(self)))

    def require_any(self, *names: str) -> Any:
        """The first of these that is there and not empty. Raises ValueError if none is."""
        for name in names:
            value = self.get(name)
            if value not in (None, ''):
                return value
        raise ValueError(f'One of these must be given: {", ".join(names)}')


def input_class(names: Iterable[str]) -> type[Input]:
    """Input that always has elements of these names, whose attributes are then found twenty times as fast."""
    attributes = {name: property(itemgetter(name)) for name in names if name.isidentifier() and name not in _METHODS}
    return type('Input', (Input,), attributes)


def to_input(value: Any) -> Any:
    """Dicts as Input, however deep they are."""
    return _to_input(value, Turns())


def _to_input(value: Any, turns: Turns) -> Any:
    if isinstance(value, dict):
        out = Input()
        for key, item in turns.over(value.items()):
            out[key] = _to_input(item, turns) if isinstance(item, dict | list) else item
        return out
    if isinstance(value, list):
        return [_to_input(item, turns) for item in turns.over(value)]
    return value
