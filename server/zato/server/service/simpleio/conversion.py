"""How the value of a model's field is converted, by the field's annotation."""

from __future__ import annotations

import types
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal as DecimalNumber
from enum import Enum
from typing import Annotated, Any, Final, Literal, NewType, Union, get_args, get_origin

from zato.common.exception import ElementIsNotAList, ModelValidationError
from zato.common.typing_ import Conversion
from zato.server.http.turns import Turns
from zato.server.service.simpleio.element import UUID, Bool, Date, DateTime, Decimal, Elem, Float, Int, Text

#: (value, the service or None) → value. Raises Rejected, ModelValidationError.
Convert = Callable[[Any, Any], Any]


class Rejected(Exception):
    """The value does not fit; `rule` says what it should be."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Converter:
    """exact: values of this very type need no conversion."""

    exact: type | None
    convert: Convert


_FAILURES: Final = (ValueError, TypeError, ArithmeticError, AttributeError)
SEQUENCES: Final = (list, tuple, set, frozenset, Sequence)


def converter_of(annotation: Any, parser_of: Callable[[type[Any]], Convert]) -> Converter:
    """parser_of: makes the parser of a model."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated(annotation, parser_of)
    if origin in (Union, types.UnionType):
        return _union(get_args(annotation), parser_of)
    if origin is Literal:
        return _literal(get_args(annotation))
    if origin is not None:
        return _generic(origin, get_args(annotation), parser_of)
    if isinstance(annotation, type):
        return _class(annotation, parser_of)
    if isinstance(annotation, NewType):
        return converter_of(annotation.__supertype__, parser_of)
    return Converter(None, _as_is)


def zero_of(annotation: Any) -> tuple[bool, Any]:
    """Is it optional, and what is it when it is missing: '', 0, 0.0, False, None, or the type of an empty list or dict?"""
    if get_origin(annotation) not in (Union, types.UnionType):
        return False, None
    args = get_args(annotation)
    if type(None) not in args:
        return False, None
    args = tuple(arg.__origin__ if get_origin(arg) is Annotated else arg for arg in args)
    types_ = [get_origin(arg) or arg for arg in args if arg is not type(None)]
    zeroes: dict[Any, Any] = {str: '', int: 0, bool: False, float: 0.0, list: list, dict: dict}
    return True, zeroes.get(types_[0]) if types_ else None


def _as_is(value: Any, service: Any) -> Any:
    return value


def _scalar(elem: Elem, exact: type) -> Converter:
    """Converts as an element of SimpleIO does, but for lists and dicts, which are no scalars."""
    parse, rule = elem.parse, elem.rule

    def convert(value: Any, service: Any) -> Any:
        if isinstance(value, list | dict | tuple):
            raise Rejected(rule)
        try:
            return parse(value)
        except _FAILURES:
            raise Rejected(rule) from None

    return Converter(exact, convert)


def _to_int(value: Any, service: Any) -> Any:
    if value == '' or isinstance(value, list | dict | tuple):
        raise Rejected(Int.rule)
    try:
        return _INT.parse(value)
    except _FAILURES:
        raise Rejected(Int.rule) from None


_INT: Final = Int('int')


def _to_float(value: Any, service: Any) -> Any:
    try:
        return _FLOAT.parse(value)
    except _FAILURES:
        raise Rejected(Float.rule) from None


_FLOAT: Final = Float('float')


def _to_date(value: Any, service: Any) -> Any:
    if type(value) is str and len(value) == _DATE_LENGTH:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # it may be a date that is written in another way
    try:
        found = _DATE.parse(value)
    except _FAILURES:
        raise Rejected(Date.rule) from None
    return found.date() if isinstance(found, datetime) else found


_DATE: Final = Date('date')
_DATE_LENGTH: Final = 10  #: of YYYY-MM-DD


def _to_time(value: Any, service: Any) -> Any:
    if isinstance(value, clock_time):
        return value
    try:
        return clock_time.fromisoformat(value)
    except _FAILURES:
        raise Rejected('Element is not a time') from None


def _to_bytes(value: Any, service: Any) -> Any:
    try:
        return value.encode()
    except _FAILURES:
        raise Rejected(Text.rule) from None


def _to_zoned(value: Any, service: Any) -> Any:
    found = _DATETIME.convert(value, service)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _to_iso_timestamp(value: Any, service: Any) -> Any:
    return _DATETIME.convert(value, service).isoformat()


#: Floats are not taken as they are: they may be NaN or infinite.
FLOAT: Final = Converter(None, _to_float)

_SCALARS: Final[Mapping[type, Converter]] = {
    str: _scalar(Text('text'), str),
    int: Converter(int, _to_int),
    float: FLOAT,
    bool: _scalar(Bool('bool'), bool),
    datetime: _scalar(DateTime('datetime'), datetime),
    date: Converter(date, _to_date),
    clock_time: Converter(clock_time, _to_time),
    DecimalNumber: _scalar(Decimal('decimal'), DecimalNumber),
    uuid.UUID: _scalar(UUID('uuid'), uuid.UUID),
    bytes: Converter(bytes, _to_bytes),
}


_DATETIME: Final = _SCALARS[datetime]
_BY_CONVERSION: Final = {
    Conversion.WITH_ZONE: Converter(None, _to_zoned),
    Conversion.ISO_TIMESTAMP: Converter(None, _to_iso_timestamp),
}


def _annotated(annotation: Any, parser_of: Callable[[type[Any]], Convert]) -> Converter:
    for note in annotation.__metadata__:
        if isinstance(note, Conversion):
            return _BY_CONVERSION[note]
    return converter_of(annotation.__origin__, parser_of)


def _class(cls: type[Any], parser_of: Callable[[type[Any]], Convert]) -> Converter:
    found = _SCALARS.get(cls)
    if found is not None:
        return found
    if issubclass(cls, Enum):
        return _enum(cls)
    if is_dataclass(cls):
        return Converter(cls, parser_of(cls))
    if cls in (list, tuple, set, frozenset):
        return _list(cls, Converter(None, _as_is))
    if issubclass(cls, dict):
        return _dict(Converter(None, _as_is))
    return Converter(None, _as_is)


def _enum(cls: type[Enum]) -> Converter:
    rule = f'Element is not one of {", ".join(str(item.value) for item in cls)}'
    numbers = _by_text(item.value for item in cls)

    def convert(value: Any, service: Any) -> Any:
        try:
            return cls(value)
        except _FAILURES:
            if isinstance(value, str) and value in numbers:
                return cls(numbers[value])
            raise Rejected(rule) from None

    return Converter(cls, convert)


def _literal(choices: tuple[Any, ...]) -> Converter:
    rule = f'Element is not one of {", ".join(map(str, choices))}'
    numbers = _by_text(choices)

    def convert(value: Any, service: Any) -> Any:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return value
        if isinstance(value, str) and value in numbers:
            return numbers[value]
        raise Rejected(rule)

    return Converter(None, convert)


def _by_text(choices: Iterable[Any]) -> dict[str, int]:
    """Those that are whole numbers: in URLs and forms everything is text."""
    return {str(choice): choice for choice in choices if type(choice) is int}


def _generic(origin: Any, args: tuple[Any, ...], parser_of: Callable[[type[Any]], Convert]) -> Converter:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _dict(converter_of(args[1], parser_of) if len(args) > 1 else Converter(None, _as_is))
    if origin is tuple and args[-1:] != (...,):
        return _tuple([converter_of(arg, parser_of) for arg in args])
    if isinstance(origin, type) and issubclass(origin, SEQUENCES):
        return _list(origin, converter_of(args[0], parser_of) if args else Converter(None, _as_is))
    return Converter(None, _as_is)


_LISTS: Final = (list, tuple, set, frozenset)


def _list(cls: type[Any], item: Converter) -> Converter:
    exact, convert_item = item.exact, item.convert
    make = cls if cls in (tuple, set, frozenset) else None
    turns = Turns()

    def convert(value: Any, service: Any) -> Any:
        if not isinstance(value, _LISTS):
            raise ElementIsNotAList('')
        out: list[Any] = []
        try:
            for one in turns.over(value):
                out.append(one if type(one) is exact or one is None else convert_item(one, service))
        except Rejected as e:
            raise ModelValidationError(f'[{len(out)}]', e.rule) from None
        except ModelValidationError as e:
            raise e.within(f'[{len(out)}]') from None
        try:
            return out if make is None else make(out)
        except TypeError:
            raise Rejected('Element has values that cannot be in a set') from None

    return Converter(None, convert)


def _tuple(items: list[Converter]) -> Converter:
    """Of as many items, each of a type of its own."""
    rule = f'Element is not a list of {len(items)}'

    def convert(value: Any, service: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ElementIsNotAList('')
        if len(value) != len(items):
            raise Rejected(rule)
        return tuple(
            one if one is None else _within(f'[{i}]', item.convert, one, service)
            for i, (one, item) in enumerate(zip(value, items, strict=True))
        )

    return Converter(None, convert)


def _dict(item: Converter) -> Converter:
    exact, convert_item = item.exact, item.convert
    turns = Turns()

    def convert(value: Any, service: Any) -> Any:
        if not isinstance(value, dict):
            raise Rejected('Element is not a dict')
        out = {}
        for key, one in turns.over(value.items()):
            if type(one) is exact or one is None:
                out[key] = one
            else:
                out[key] = _within(f'/{key}', convert_item, one, service)
        return out

    return Converter(None, convert)


def _within(parent: str, convert: Convert, value: Any, service: Any) -> Any:
    """The value converted. Raises ModelValidationError, with `parent` before the way to what is wrong."""
    try:
        return convert(value, service)
    except Rejected as e:
        raise ModelValidationError(parent, e.rule) from None
    except ModelValidationError as e:
        raise e.within(parent) from None


def _union(args: tuple[Any, ...], parser_of: Callable[[type[Any]], Convert]) -> Converter:
    """A value of the very type of one of them is that; otherwise the first one that can be made of it is taken."""
    converters = [converter_of(arg, parser_of) for arg in args if arg is not type(None)]
    if len(converters) == 1:
        return converters[0]
    exact = {item.exact for item in converters if item.exact is not None}
    has_float = float in args  # it has no exact type, since infinity is refused

    def convert(value: Any, service: Any) -> Any:
        if type(value) in exact:
            return value
        if has_float and isinstance(value, float):
            return _to_float(value, service)
        error: Exception = Rejected('Element is not valid')
        for item in converters:
            try:
                return item.convert(value, service)
            except (Rejected, ModelValidationError) as e:
                error = e
        raise error

    return Converter(None, convert)
