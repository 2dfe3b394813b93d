"""How one setting of a kind is declared, and how what a user gave becomes the value that is stored.

A stored string or number may be `$NAME`: the server puts the environment variable's value in its place when it loads the
object. `$$…` is text that begins with a dollar sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from zato.common.config.option import Option, number_rule, to_bool, to_number

if TYPE_CHECKING:
    from zato.common.config.stored import StoredObject

REQUIRED = MISSING
_LONGEST_NAME = 200  #: characters
_SHOWN = 100  #: characters of a wrong value that an error text quotes
_NAME_OF_VARIABLE: Final = re.compile(r'[^\W\d]\w*')
_CREDENTIALS: Final = re.compile(r'://[^\s/]*@')  #: of an address, whose password may have an @

OnDelete = Literal['delete', 'detach']
Widget = Literal['', 'text', 'textarea', 'password', 'number', 'checkbox', 'select']

#: Takes the name of a reference, returns the object that it leads to, None if it leads to nothing.
TargetOf = Callable[[str], 'StoredObject | None']


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Option):
    """name, type and default come from the settings class. label: what forms call it.

    max_length: characters. refers_to: names of the kinds that a reference may lead to. aliases: classic names of the same
    setting. none_names: what a reference to nothing is called.
    unique_as: what the value is compared by, where objects must not agree in it. synonyms: classic values and what they say.
    is_many: are there any number of references, or none? on_delete: what becomes of an object that has the reference in its
    list where the target is deleted with all that depends on it: it is deleted too, or loses that one. is_listed: is it a
    column of lists? group: the heading that forms have it under, folded; '' for those that are asked for first.
    made: makes the value of a new object that is given none. is_fixed: does it stay what it is once the object is there?
    """

    name: str = ''
    type: type[Any] = str
    default: Any = None
    label: str = ''
    max_length: int = 2_000
    is_multiline: bool = False
    is_secret: bool = False
    is_read_only: bool = False  #: set by the server, never by a user
    is_fixed: bool = False
    made: Callable[[TargetOf], str] | None = None
    refers_to: tuple[str, ...] = ()
    is_many: bool = False
    on_delete: OnDelete = 'delete'
    aliases: tuple[str, ...] = ()
    none_names: tuple[str, ...] = ()
    unique_as: Callable[[Any], Any] | None = None
    synonyms: Mapping[str, Any] = field(default_factory=dict)
    declared_widget: Widget = ''
    is_listed: bool = False
    group: str = ''

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED

    @property
    def widget(self) -> Widget:
        """The form's input, made of what the value may be unless the declaration says."""
        if self.declared_widget:
            return self.declared_widget
        if self.is_secret:
            return 'password'
        if self.refers_to or self.choices:
            return 'select'
        if self.type is bool:
            return 'checkbox'
        return 'textarea' if self.is_multiline else 'number' if self.type in (int, float) else 'text'

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that it may be given by."""
        own = (self.name, f'{self.name}_name', f'{self.name}_id') if self.refers_to else (self.name,)
        return (*own, *self.aliases)


def setting(
    default: Any = REQUIRED,
    *,
    label: str,
    help: str,
    unit: str = '',
    minimum: float | None = None,
    maximum: float | None = None,
    max_length: int = 2_000,
    choices: tuple[str, ...] = (),
    check: Callable[[Any], None] | None = None,
    unique_as: Callable[[Any], Any] | None = None,
    aliases: tuple[str, ...] = (),
    synonyms: Mapping[str, Any] | None = None,
    is_multiline: bool = False,
    is_read_only: bool = False,
    is_fixed: bool = False,
    made: Callable[[TargetOf], str] | None = None,
    widget: Widget = '',
    is_listed: bool = False,
    group: str = '',
) -> Any:
    """A field of a settings class: str, int, float or bool by its annotation."""
    declared = Field(
        help=help,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        label=label,
        max_length=max_length,
        is_multiline=is_multiline,
        is_read_only=is_read_only,
        is_fixed=is_fixed or made is not None,
        made=made,
        aliases=aliases,
        check=check,
        unique_as=unique_as,
        synonyms=synonyms or {},
        declared_widget=widget,
        is_listed=is_listed,
        group=group,
    )
    return field(default=default, metadata={'field': declared})


def secret(*, label: str, help: str, aliases: tuple[str, ...] = ()) -> Any:
    """A password or the like: encrypted at rest, never shown. New objects get a random one if none is given."""
    declared = Field(help=help, label=label, is_secret=True, aliases=aliases)
    return field(default='', repr=False, metadata={'field': declared})


def reference(
    *kinds: str,
    label: str,
    help: str,
    default: Any = REQUIRED,
    aliases: tuple[str, ...] = (),
    none_names: tuple[str, ...] = (),
    is_listed: bool = False,
    is_read_only: bool = False,
    is_fixed: bool = False,
    group: str = '',
) -> Any:
    """The ID of another object, an `int`, or None where `default` is. Users give its name; kinds: what it may be."""
    declared = Field(
        help=help,
        label=label,
        refers_to=kinds,
        aliases=aliases,
        none_names=none_names,
        type=int,
        is_listed=is_listed,
        is_read_only=is_read_only,
        is_fixed=is_fixed,
        group=group,
    )
    return field(default=default, metadata={'field': declared})


def references(
    *kinds: str,
    label: str,
    help: str,
    aliases: tuple[str, ...] = (),
    on_delete: OnDelete = 'delete',
    is_listed: bool = False,
) -> Any:
    """The IDs of any number of other objects, a `tuple[int, ...]`, those that are down too. Users give a list of names."""
    declared = Field(
        help=help,
        label=label,
        refers_to=kinds,
        is_many=True,
        aliases=aliases,
        type=int,
        on_delete=on_delete,
        is_listed=is_listed,
    )
    return field(default=(), metadata={'field': declared})


def is_variable(value: Any) -> bool:
    """Does the value stand for an environment variable?"""
    return isinstance(value, str) and len(value) > 1 and value[0] == '$' and value[1] != '$'


def is_id(value: Any) -> bool:
    """Can it be the ID of an object, or a version, as a number or as text?"""
    if isinstance(value, str):
        return value.isdecimal() and len(value) <= 18
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18


def needs_kind(name: str) -> bool:
    """Must a reference to an object of this name be `kind/name`, as the part before its slash could be taken for a kind?"""
    return name.find('/') > 0


def shown(value: Any) -> str:
    """A value as error texts quote it, without credentials in addresses."""
    text = _CREDENTIALS.sub('://******@', value if isinstance(value, str) else repr(value))
    text = text.encode('utf-8', 'backslashreplace').decode()
    text = ''.join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: _SHOWN + 1])
    return f'`{text[:_SHOWN]}…`' if len(text) > _SHOWN else f'`{text}`'


def convert_value(declared: Field, raw: Any, *, may_vary: bool = True) -> Any:
    """What is stored for `raw`, which may be text where a number or a boolean is meant, as forms send it.

    may_vary: may it be `$NAME`? Raises ValueError, its text being the rule that is broken.
    """
    if isinstance(raw, str) and raw in declared.synonyms:
        return declared.synonyms[raw]
    if declared.type is bool:
        return raw if isinstance(raw, bool) else to_bool(raw)
    variable = raw.strip() if isinstance(raw, str) and not declared.is_secret else raw
    if may_vary and is_variable(variable):
        _check_text(variable, declared.max_length, is_multiline=False)
        if declared.is_secret and not _NAME_OF_VARIABLE.fullmatch(variable[1:]):
            raise ValueError(
                'begins with a dollar sign, after which there must be the name of an environment variable: letters, digits '
                'and _. One that is to begin with a dollar sign itself must be given with two of them'
            )
        return variable
    value = _to_text(declared, raw) if declared.type is str else _to_number(declared, raw)
    if declared.check is not None:
        declared.check(value)
    return value


def clean_name(raw: Any) -> str:
    """An object's name: stripped, in Unicode's form NFC, so that what looks the same is the same. Raises ValueError."""
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError('must be text and not empty')
    if len(raw) > _LONGEST_NAME * 4:
        raise ValueError(f'must have {_LONGEST_NAME} characters or fewer, it has {len(raw):,}')
    name = unicodedata.normalize('NFC', raw.strip())
    _check_text(name, _LONGEST_NAME, is_multiline=False)
    return name


def _to_text(declared: Field, raw: Any) -> str:
    if raw is None:
        raw = ''
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = str(raw)  # YAML and forms have numbers where text is meant
    if declared.is_multiline and isinstance(raw, list) and all(isinstance(line, str) for line in raw):
        raw = '\n'.join(raw)  # classic files have lists where forms have a value a line
    if not isinstance(raw, str):
        raise ValueError('must be text')
    if declared.choices:
        if raw not in declared.choices:
            raise ValueError(f'must be one of: {", ".join(choice or "(empty)" for choice in declared.choices)}')
        return raw
    if declared.is_multiline:
        text = raw.replace('\r\n', '\n').replace('\r', '\n')  # as browsers end lines
    else:
        text = raw if declared.is_secret else raw.strip()
    if not text and declared.is_required:
        raise ValueError('must not be empty')
    _check_text(text, declared.max_length, is_multiline=declared.is_multiline)
    return text


def _to_number(declared: Field, raw: Any) -> Any:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(number_rule(declared))
    if declared.type is int and isinstance(raw, float):
        raise ValueError(f'{number_rule(declared)}, without a fraction')
    return to_number(str(raw), declared.type, declared)


def _check_text(text: str, max_length: int, *, is_multiline: bool) -> None:
    if len(text) > max_length:
        raise ValueError(f'must have {max_length:,} characters or fewer, it has {len(text):,}')
    allowed = '\n\t\r' if is_multiline else ''
    for char in text:
        category = unicodedata.category(char)
        if category in ('Cc', 'Cs', 'Zl', 'Zp') and char not in allowed:
            raise ValueError(f'must not have the character {ascii(char)[1:-1]}, which cannot be printed')
