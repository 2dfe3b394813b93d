"""Elements that services declare their input and output by, and how each converts values.

`parse` makes what a service gets of what was received, `render` what is sent of what a service gave. Both are lenient, as
users know them (source: classic Zato): None stays None unless an element says otherwise. Both raise ValueError for what
cannot be converted; for nested elements ModelValidationError, which names the way to the element.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal as DecimalNumber
from decimal import InvalidOperation
from math import isfinite
from typing import Any, ClassVar, Final

from zato.common.exception import ElementMissing, ModelValidationError
from zato.server.http.json import ExactFloat
from zato.server.http.turns import Turns

_TRUE: Final = frozenset({'true', 'yes', 'on', 'y', 't', '1'})
_FALSE: Final = frozenset({'false', 'no', 'off', 'n', 'f', '0', ''})
_OPTIONAL: Final = '-'
_LONGEST_TIME: Final = 200  #: characters; dateutil takes 30 s of CPU for a million digits


class _NotGiven:
    """The type of NOT_GIVEN, which is false."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return 'NOT_GIVEN'


NOT_GIVEN: Final = _NotGiven()


class Elem:
    """One element, by name; `-` before the name makes it optional. default: what a missing optional one is, in input."""

    rule: ClassVar[str] = 'Element is not valid'  #: what the client is told of a value that cannot be converted
    #: Values of exactly these types are input, or output, as they are.
    input_type: ClassVar[type | None] = None
    output_type: ClassVar[type | None] = None
    #: What a missing optional one is, unless the declaration says.
    missing: ClassVar[Any] = ''

    def __init__(self, name: str, *, default: Any = NOT_GIVEN) -> None:
        if not isinstance(name, str) or not name.removeprefix(_OPTIONAL):
            raise ValueError(f'the name of an element must be text and not empty, not {name!r}')
        self.name = name.removeprefix(_OPTIONAL)
        self.is_optional = name.startswith(_OPTIONAL)
        self.default = default

    def __repr__(self) -> str:
        return f'{type(self).__name__}({"-" if self.is_optional else ""}{self.name})'

    def parse(self, value: Any) -> Any:
        return value

    def render(self, value: Any) -> Any:
        return self.parse(value)


class AsIs(Elem):
    """Any value, unchanged."""


class Text(Elem):
    """Text; whatever else is given becomes text."""

    rule = 'Element is not text'
    input_type = output_type = str

    def parse(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bytes):
            return value.decode()
        return str(value)


class Secret(Text):
    """A password or the like: encrypted before the service sees it; `self.server.decrypt` gives it back."""


class Int(Elem):
    """A whole number, or text that is one. Empty text stays so."""

    rule = 'Element is not an integer'
    input_type = output_type = int

    def parse(self, value: Any) -> Any:
        if value is None or value == '':
            return value
        if isinstance(value, float) and value != int(value):
            raise ValueError
        return int(value)


class Float(Elem):
    """A number; None is 0.0."""

    rule = 'Element is not a number'
    input_type = output_type = float  # but for NaN and infinity, which who goes by this looks for

    def parse(self, value: Any) -> Any:
        number = 0.0 if value is None else float(value)
        if not isfinite(number):
            raise ValueError
        return number


class Bool(Elem):
    """True or false: true, yes, on, y, t, 1 and false, no, off, n, f, 0, nothing; of other types, whether they are empty."""

    rule = 'Element is not true or false'
    input_type = output_type = bool
    missing = False

    def parse(self, value: Any) -> Any:
        if not isinstance(value, str):
            return bool(value)
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError


class DateTime(Elem):
    """A date and time; any text that dateutil understands, ISO 8601 first. Sent as ISO 8601."""

    rule = 'Element is not a date and time'
    output_type = None

    def parse(self, value: Any) -> Any:
        if value is None or isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime.combine(value, time())
        return parse_datetime(value)

    def render(self, value: Any) -> Any:
        if isinstance(value, str) or value is None:
            return value
        if isinstance(value, date):
            return value.isoformat()
        raise ValueError


class Date(DateTime):
    """A date, which is a datetime in input. Sent as YYYY-MM-DD."""

    rule = 'Element is not a date'

    def render(self, value: Any) -> Any:
        return value.strftime('%Y-%m-%d') if isinstance(value, date) else super().render(value)


class UTC(Elem):
    """A time in UTC, unchanged in input. Sent without its zone. Deprecated: DateTime says the zone."""

    def render(self, value: Any) -> Any:
        text = value.isoformat() if isinstance(value, date) else value
        return text.replace('+00:00', '') if isinstance(text, str) else text


class Decimal(Elem):
    """A decimal number of any precision. Sent as text."""

    rule = 'Element is not a decimal number'

    def parse(self, value: Any) -> Any:
        if value is None:
            return value
        if isinstance(value, list | tuple):
            raise ValueError  # a sign, digits and an exponent, to the constructor
        try:
            number = DecimalNumber(_text_of(value) if isinstance(value, float) else value)
        except InvalidOperation:
            raise ValueError from None
        if not number.is_finite():
            raise ValueError
        return number

    def render(self, value: Any) -> Any:
        return value if value is None or value == '' else str(self.parse(value))


def _text_of(number: float) -> str:
    return number.text if type(number) is ExactFloat else repr(number)


class UUID(Elem):
    """A UUID. Sent as 32 hexadecimal digits."""

    rule = 'Element is not a UUID'

    def parse(self, value: Any) -> Any:
        if value is None or isinstance(value, uuid.UUID):
            return value
        if not isinstance(value, str):
            raise ValueError
        return uuid.UUID(value)

    def render(self, value: Any) -> Any:
        return value if value is None or value == '' else self.parse(value).hex


class CSV(Elem):
    """A list, received and sent as text with commas."""

    rule = 'Element is not text with commas'
    input_type = list

    def parse(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.split(',') if value else []
        return List.parse(self, value)  # type: ignore[arg-type]  # its self is not used

    def render(self, value: Any) -> Any:
        return value if isinstance(value, str) else ','.join(map(str, self.parse(value)))


class List(Elem):
    """A list; anything else becomes a list of one, and None an empty one."""

    rule = 'Element is not a list'
    input_type = output_type = list

    def parse(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return value
        return [] if value is None else [value]


class Dict(Elem):
    """A dict. keys: names or elements that it has, `-` before optional ones; without them it may have any."""

    rule = 'Element is not a dict'

    def __init__(self, name: str, *keys: str | Elem, default: Any = NOT_GIVEN) -> None:
        super().__init__(name, default=default)
        self.keys = tuple(key if isinstance(key, Elem) else AsIs(key) for key in keys)
        self._turns = Turns()

    def parse(self, value: Any) -> Any:
        return self._convert(value, is_input=True)

    def render(self, value: Any) -> Any:
        return self._convert(value, is_input=False)

    def _convert(self, value: Any, *, is_input: bool) -> Any:
        if value is None:
            return value
        if not isinstance(value, Mapping):
            to_dict = getattr(value, 'to_dict', None)
            if to_dict is None:
                raise ValueError
            value = to_dict()
        if not self.keys:
            return value
        out = {}
        for key in self.keys:
            if key.name in value:
                out[key.name] = convert(key, key.parse if is_input else key.render, value[key.name], '/')
            elif not key.is_optional:
                raise ElementMissing(f'/{key.name}')
            elif is_input:
                out[key.name] = missing_value(key)
        return out


class DictList(Dict):
    """A list of dicts, each as in Dict."""

    rule = 'Element is not a list of dicts'

    def _convert(self, value: Any, *, is_input: bool) -> Any:
        if value is None:
            return value
        if not isinstance(value, list | tuple):
            raise ValueError
        out = []
        for i, item in enumerate(self._turns.over(value)):
            try:
                out.append(super()._convert(item, is_input=is_input))
            except ModelValidationError as e:
                raise e.within(f'[{i}]') from None
            except ValueError:
                raise ModelValidationError(f'[{i}]', Dict.rule) from None
        return out


#: Classic names of the same.
Opaque = Nested = AsIs
Boolean = Bool
Integer = Int
ListOfDicts = DictList
Unicode = Text
ForceType = SIOElem = Elem

#: What a value cannot be converted with: whatever the constructors of numbers, dates and the like raise.
_FAILURES: Final = (ValueError, TypeError, ArithmeticError, RecursionError, AttributeError)


def convert(elem: Elem, function: Callable[[Any], Any], value: Any, before: str = '') -> Any:
    """`function(value)`. Raises ModelValidationError. before: the element's name, '/' for one in another one."""
    try:
        return function(value)
    except ModelValidationError as e:
        raise e.within(f'/{elem.name}') from None
    except _FAILURES:
        raise ModelValidationError(f'{before}{elem.name}', elem.rule) from None


def missing_value(elem: Elem, default: Any = NOT_GIVEN) -> Any:
    """What an optional element is that was not given. default: that of all elements of a service."""
    found = elem.default if elem.default is not NOT_GIVEN else default
    if found is NOT_GIVEN:
        return elem.missing
    return deepcopy(found) if isinstance(found, list | dict | set) else found


def parse_datetime(text: Any) -> datetime:
    """ISO 8601, or whatever else dateutil understands; of names of zones, only UTC, GMT and Z. Raises ValueError."""
    if not isinstance(text, str) or len(text) > _LONGEST_TIME:
        raise ValueError
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        from dateutil.parser import parse  # it takes long to import, and ISO 8601 does without it

        return parse(text, tzinfos=_zone)


def _zone(name: str, offset: int | None) -> timezone | None:
    """offset: seconds, None where the name says nothing. Without this, dateutil warns of each name that it does not know."""
    return None if offset is None else timezone(timedelta(seconds=offset))
