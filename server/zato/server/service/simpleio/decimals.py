"""Does an input have decimal numbers, which must not become floats on their way?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from decimal import Decimal as DecimalNumber
from typing import Any, get_args, get_type_hints

from zato.server.service.simpleio.declaration import Side
from zato.server.service.simpleio.element import Decimal, Dict, Elem


def has_decimals(side: Side) -> bool:
    """Raises NameError, TypeError for annotations that cannot be found."""
    return _in_elements(side.elements) if side.model is None else _in_annotation(side.model, set())


def _in_elements(elements: Iterable[Elem]) -> bool:
    return any(isinstance(elem, Decimal) or (isinstance(elem, Dict) and _in_elements(elem.keys)) for elem in elements)


def _in_annotation(annotation: Any, seen: set[Any]) -> bool:
    """seen: models that have been looked at: they may be in themselves."""
    if annotation is DecimalNumber:
        return True
    if hasattr(annotation, '__supertype__'):
        return _in_annotation(annotation.__supertype__, seen)
    if isinstance(annotation, type) and is_dataclass(annotation):
        if annotation in seen:
            return False
        seen.add(annotation)
        names = annotation.__dataclass_fields__
        return any(_in_annotation(hint, seen) for name, hint in get_type_hints(annotation).items() if name in names)
    return any(_in_annotation(arg, seen) for arg in get_args(annotation) if not isinstance(arg, str | int | bytes))
