"""What `self.response.payload` is at first where output is declared: attributes become elements, items a list of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Payload:
    """`payload.name = …` sets an element; `payload[:] = rows` and `payload.append(row)` make a list."""

    __slots__ = ('__dict__', '_rows')

    _rows: list[Any]

    def __setitem__(self, key: slice | str, value: Any) -> None:
        if isinstance(key, slice):
            rows = rows_of(self) or []
            rows[key] = value
            self._rows = rows
        else:
            self.__dict__[key] = value

    def __getitem__(self, key: str) -> Any:
        return self.__dict__[key]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f'The response has no `{name}` yet')

    def __len__(self) -> int:
        return len(content_of(self))

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return repr(content_of(self))

    def append(self, row: Any) -> None:
        self[:] = [*(rows_of(self) or []), row]

    def extend(self, rows: Iterable[Any]) -> None:
        self[:] = [*(rows_of(self) or []), *rows]

    def get(self, name: str, default: Any = None) -> Any:
        return self.__dict__.get(name, default)

    def update(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def content_of(payload: Payload) -> dict[str, Any] | list[Any]:
    """Its rows, or else its elements."""
    rows = rows_of(payload)
    return payload.__dict__ if rows is None else rows


_ROWS: Any = Payload.__dict__['_rows']  # a slot's descriptor, which `__getattr__` does not stand in for


def rows_of(payload: Payload) -> list[Any] | None:
    """None if it is no list."""
    try:
        rows: list[Any] = _ROWS.__get__(payload)
    except AttributeError:
        return None
    return rows
