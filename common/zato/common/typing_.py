"""Short names of types, for the annotations of services and models: `user_list: list_[User]`, `name: strnone`.

They mean what they mean in classic Zato; `datetimez` and `isotimestamp` also say how a model converts a value. A field of a
model that is empty by default is `list_field()` or `dict_field()`.
"""

# ruff: noqa: N811, N813  # the names are lower-case since services know them so

from __future__ import annotations

from builtins import dict as dict_
from builtins import list as list_
from builtins import set as set_
from builtins import tuple as tuple_
from builtins import type as type_
from collections.abc import Callable as callable_
from collections.abc import Generator as generator_
from collections.abc import Iterable as iterable_
from collections.abc import Iterator as iterator_
from dataclasses import field
from datetime import date, datetime
from enum import Enum
from typing import IO as io_
from typing import TYPE_CHECKING, Annotated
from typing import Any as any_
from typing import BinaryIO as binaryio_
from typing import NamedTuple as namedtuple_
from typing import NoReturn as noreturn
from typing import Optional as optional
from typing import TextIO as textio_
from typing import TypeAlias as typealias_
from typing import TypeVar as typevar_
from typing import Union as union_
from typing import cast as cast_


class Conversion(Enum):
    """What a model makes of a value besides what the annotated type says."""

    ISO_TIMESTAMP = 'a date and time as text in ISO 8601, in whichever format it came'
    WITH_ZONE = 'a datetime with its zone; one that came without any is in UTC'


date_ = date
datetime_ = datetime
datetimez = Annotated[datetime, Conversion.WITH_ZONE]
isotimestamp = Annotated[str, Conversion.ISO_TIMESTAMP]
text_ = str
unicode_ = str

anydict = dict[any_, any_]
anylist = list[any_]
anyset = set[any_]
anytuple = tuple[any_, ...]
byteslist = list[bytes]
commoniter = anylist | anytuple
dictlist = list[anydict]
dictorlist = anydict | anylist
intanydict = dict[int, any_]
intdict = dict[int, int]
intdictdict = dict[int, anydict]
intlist = list[int]
intset = set[int]
intstrdict = dict[int, str]
iobytes_ = io_[bytes]
stranydict = dict[str, any_]
strbooldict = dict[str, bool]
strcalldict = dict[str, callable_[..., any_]]
strdict = stranydict
strdictdict = dict[str, anydict]
strdictlist = list[stranydict]
strint = str | int
strintbool = str | int | bool
strintdict = dict[str, int]
strlist = list[str]
strlistdict = dict[str, anylist]
stroranydict = str | anydict
strordict = str | anydict
strorfloat = str | float
strorint = strint
strorlist = str | anylist
strset = set[str]
strsetdict = dict[str, anyset]
strstrdict = dict[str, str]
strtuple = tuple[str, ...]
tuplist = anylist | anytuple

anydictnone = anydict | None
anylistnone = anylist | None
anynone = any_ | None
anysetnone = anyset | None
boolnone = bool | None
bytesnone = bytes | None
callnone = callable_[..., any_] | None
datenone = date | None
datetimenone = datetime | None
dictnone = anydictnone
floatnone = float | None
intlistnone = intlist | None
intnone = int | None
intsetnone = intset | None
listnone = anylistnone
strdictnone = stranydict | None
strintnone = strint | None
strlistnone = strlist | None
strnone = str | None
strorlistnone = strorlist | None
strtuplenone = strtuple | None
textionone = textio_ | None
tupnone = anytuple | None


def list_field() -> any_:
    """A dataclass's field that is a new empty list by default."""
    return field(default_factory=list)


def dict_field() -> any_:
    """A dataclass's field that is a new empty dict by default."""
    return field(default_factory=dict)


def set_field() -> any_:
    """A dataclass's field that is a new empty set by default."""
    return field(default_factory=set)


intlistempty = strlistempty = list_field

__all__ = [
    'TYPE_CHECKING',
    'Conversion',
    'any_',
    'anydict',
    'anydictnone',
    'anylist',
    'anylistnone',
    'anynone',
    'anyset',
    'anysetnone',
    'anytuple',
    'binaryio_',
    'boolnone',
    'byteslist',
    'bytesnone',
    'callable_',
    'callnone',
    'cast_',
    'commoniter',
    'date_',
    'datenone',
    'datetime_',
    'datetimenone',
    'datetimez',
    'dict_',
    'dict_field',
    'dictlist',
    'dictnone',
    'dictorlist',
    'floatnone',
    'generator_',
    'intanydict',
    'intdict',
    'intdictdict',
    'intlist',
    'intlistempty',
    'intlistnone',
    'intnone',
    'intset',
    'intsetnone',
    'intstrdict',
    'io_',
    'iobytes_',
    'isotimestamp',
    'iterable_',
    'iterator_',
    'list_',
    'list_field',
    'listnone',
    'namedtuple_',
    'noreturn',
    'optional',
    'set_',
    'set_field',
    'stranydict',
    'strbooldict',
    'strcalldict',
    'strdict',
    'strdictdict',
    'strdictlist',
    'strdictnone',
    'strint',
    'strintbool',
    'strintdict',
    'strintnone',
    'strlist',
    'strlistdict',
    'strlistempty',
    'strlistnone',
    'strnone',
    'stroranydict',
    'strordict',
    'strorfloat',
    'strorint',
    'strorlist',
    'strorlistnone',
    'strset',
    'strsetdict',
    'strstrdict',
    'strtuple',
    'strtuplenone',
    'text_',
    'textio_',
    'textionone',
    'tuple_',
    'tuplist',
    'tupnone',
    'type_',
    'typealias_',
    'typevar_',
    'unicode_',
    'union_',
]
