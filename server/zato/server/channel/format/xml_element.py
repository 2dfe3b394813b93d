"""Elements as services get them: those of ElementTree, with what users of lxml.objectify know."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final
from xml.etree.ElementTree import Element

_SPACE: Final = ' \t\r\n'
_NUMBER: Final = re.compile(rf'[{_SPACE}]*-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?[{_SPACE}]*').fullmatch
_BOOLEANS: Final = {'true': True, 'false': False}

#: Of one element, as a list: children_of(element, ALL).
children_of: Final = Element.__getitem__
ALL: Final = slice(None)


class XMLElement(Element):
    """`order.customer.name`: the elements of that local name that are one level below, or AttributeError. For names that
    Element has an attribute of, or that begin with two underscores, `order['items']`; with a namespace, `order['{urn:x}a']`.

    str() is the text. `pyval` is int, float or bool where JSON would read the text, without white space around it, as one,
    else the text: '007' and '+1' stay text. int() and float() convert the text, bool() is that of `pyval`. An element
    without others in it equals its text, and its number.

    What Element has is what it is there: len(), iteration and numbers as index are about the elements inside, and elements
    equal each other if they are the same one. There is no XPath but that of `find`, `findall` and `iterfind`, no way to the
    element around, and nothing is assigned by name; new elements come in by `append` and the like.
    """

    __slots__ = ()

    @property
    def pyval(self) -> Any:
        """The element itself where there are others in it. Raises ValueError for a number of thousands of digits."""
        if len(self):
            return self
        found = self.text or ''
        number = _NUMBER(found)
        if number is None:
            return _BOOLEANS.get(found.strip(_SPACE), found)
        if number[1] is None and number[2] is None:
            return int(found)
        value = float(found)
        return value if math.isfinite(value) else found

    def __getattr__(self, name: str) -> Siblings:
        found = None if name.startswith('__') else self._named(name)
        if not found:
            raise AttributeError(f'There is no element `{name}` in `{self.tag}`')
        return Siblings(found)

    def __getitem__(self, key: Any) -> Any:
        """A number or a slice: of the elements inside. A name: as an attribute."""
        if not isinstance(key, str):
            return children_of(self, key)
        found = self._named(key)
        if not found:
            raise KeyError(key)
        return Siblings(found)

    def _named(self, name: str) -> list[Element]:
        children = children_of(self, ALL)
        if name.startswith('{'):
            return [child for child in children if child.tag == name]
        end = '}' + name
        return [child for child in children if isinstance(tag := child.tag, str) and (tag == name or tag.endswith(end))]

    def __iter__(self) -> Iterator[Any]:
        return iter(children_of(self, ALL))

    def __eq__(self, other: object) -> bool:
        if len(self) or not isinstance(other, str | int | float):
            return NotImplemented
        if isinstance(other, str):
            return (self.text or '') == other
        try:
            return bool(self.pyval == other)
        except ValueError:
            return False

    __hash__ = Element.__hash__

    def __str__(self) -> str:
        return self.text or ''

    def __int__(self) -> int:
        return int(self.text or '')

    def __float__(self) -> float:
        return float(self.text or '')

    def __bool__(self) -> bool:
        return len(self) > 0 or bool(self.pyval)

    def __deepcopy__(self, memo: dict[int, Any]) -> XMLElement:
        found = type(self)(self.tag, self.attrib)
        found.text, found.tail = self.text, self.tail
        found.extend(deepcopy(child, memo) for child in self)
        return found


class Siblings:
    """Elements of the same name in the same element: a sequence of them. Everything else is that of the first one."""

    __slots__ = ('_elements',)

    _elements: list[Any]

    def __init__(self, elements: list[Any]) -> None:
        object.__setattr__(self, '_elements', elements)

    def __getitem__(self, key: Any) -> Any:
        return self._elements[0][key] if isinstance(key, str) else self._elements[key]

    def __len__(self) -> int:
        return len(self._elements)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements)

    @property
    def pyval(self) -> Any:
        return self._elements[0].pyval

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(self._elements[0], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._elements[0], name, value)

    def __eq__(self, other: object) -> bool:
        first = self._elements[0]
        return bool(first == (other.pyval if isinstance(other, Siblings) else other))

    def __str__(self) -> str:
        return str(self._elements[0])

    def __repr__(self) -> str:
        return f'Siblings({self._elements!r})'

    def __int__(self) -> int:
        return int(self._elements[0])

    def __float__(self) -> float:
        return float(self._elements[0])

    def __bool__(self) -> bool:
        return bool(self._elements[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return Siblings, (self._elements,)
