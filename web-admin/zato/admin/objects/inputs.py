"""A form's inputs, made of a kind's declaration and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from zato.admin.objects.asking import Names
from zato.admin.objects.values import VARIABLE, Values, defaults_of, fields_of, reference_value, text_of
from zato.common.config.field import Field, is_variable
from zato.common.config.kind import Kind, kinds
from zato.common.config.reference import limits_of

_MOST_IN_SELECT: Final = 300  #: names that a select has; of more, some of them are suggested as one types
_MOST_BOXES: Final = 100  #: boxes to tick; of more, names are written a line each


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """label: of a kind of objects, where there are several."""

    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """looks: which of the template's inputs it is. choices: of selects and boxes; suggestions: of text.

    variable: what the input beside a select has, '$NAME'. notes: what is known of a variable, server by server.
    create: (kind's slug, label) of each, where there is nothing yet to refer to.
    """

    name: str
    label: str
    looks: str
    value: str | bool | list[str]
    help: str = ''
    unit: str = ''
    mode: str = ''
    is_required: bool = False
    choices: tuple[Choices, ...] = ()
    suggestions: tuple[str, ...] = ()
    variable: str = ''
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    create: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return f'field-{self.name}'

    @property
    def described_by(self) -> str:
        """IDs of the texts that belong to it."""
        parts = (('help', self.help), ('notes', self.notes), ('errors', self.errors))
        return ' '.join(f'{self.id}-{part}' for part, text in parts if text)

    @property
    def text(self) -> str:
        """The value as people read it."""
        return text_of(self.value)


@dataclass(frozen=True, slots=True)
class Group:
    """title: '' for what is asked for first. is_open: it has something that is not as it is by default, or is wrong."""

    title: str
    inputs: tuple[Input, ...]
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What inputs are made of. item: the object, None for a new one. names_of: objects of some kinds.

    errors: by field, what is wrong. notes_of: what is known of a field whose value is a variable.
    """

    kind: Kind
    item: Mapping[str, Any] | None
    values: Values
    names_of: Callable[[Sequence[str]], Names]
    errors: Mapping[str, Sequence[str]]
    notes_of: Callable[[str], tuple[str, ...]] = lambda name: ()

    def groups(self) -> list[Group]:
        """The first one has no title."""
        defaults = defaults_of(self.kind)
        found: dict[str, list[Input]] = {'': list(self._own())}
        for declared in fields_of(self.kind, self.item):
            found.setdefault(declared.group, []).append(self._input(declared))
        return [
            Group(title, tuple(inputs), any(item.errors or item.value != defaults.get(item.name) for item in inputs))
            for title, inputs in found.items()
        ]

    def _own(self) -> Iterator[Input]:
        """What all objects have."""
        is_fixed = self.item is not None and not self.kind.is_renamable
        name = Input(
            name='name',
            label='Name',
            looks='read_only' if is_fixed else 'text',
            value=self.values.get('name', ''),
            is_required=not is_fixed,
            errors=tuple(self.errors.get('name', ())),
        )
        yield name
        active = self.values.get('is_active', True)
        yield Input(
            name='is_active', label='Active', looks='checkbox', value=active, errors=tuple(self.errors.get('is_active', ()))
        )
        yield from (
            Input(name=declared.name, label=declared.label, looks='read_only', value=self.values.get(declared.name, ''))
            for declared in self.kind.fields.values()
            if (declared.is_read_only or declared.is_fixed) and self.item is not None
        )

    def _input(self, declared: Field) -> Input:
        value = self.values.get(declared.name, '')
        plain = Input(
            name=declared.name,
            label=declared.label,
            looks='checkbox' if declared.type is bool else declared.widget,
            value=value,
            help=_help_of(declared),
            unit=declared.unit,
            is_required=declared.is_required,
            errors=tuple(self.errors.get(declared.name, ())),
            notes=self.notes_of(declared.name) if is_variable(value) else (),
        )
        if declared.refers_to:
            return self._reference(declared, plain)
        if declared.choices:
            return _choice(declared, plain)
        if declared.is_secret:
            return self._secret(plain)
        return replace(plain, mode={int: 'numeric', float: 'decimal'}.get(declared.type, ''))

    def _secret(self, plain: Input) -> Input:
        """A variable's name is none, and is shown."""
        if is_variable(plain.value):
            return replace(plain, looks='text')
        help_ = plain.help if self.item is None else f'{plain.help}. It stays as it is if this is empty'
        return replace(plain, looks='password', value='', help=help_)

    def _reference(self, declared: Field, plain: Input) -> Input:
        names = self.names_of(declared.refers_to)
        create: tuple[tuple[str, str], ...] = ()
        if names.by_kind and not names.total:
            makers = (kinds()[name] for name in declared.refers_to)
            create = tuple((kind.slug, kind.label) for kind in makers if 'create' in kind.operations)
        chosen = plain.value if isinstance(plain.value, list) else [str(plain.value)] if plain.value else []
        if declared.is_many:
            looks = 'boxes' if names.total <= _MOST_BOXES else 'lines'
        else:
            looks = 'select' if names.total <= _MOST_IN_SELECT else 'suggested'
        groups = _grouped(declared, names, chosen)
        if looks in ('boxes', 'select'):
            if looks == 'select' and not (declared.is_required or declared.default):
                groups = [Choices('', (Choice('', '(none)', not chosen),)), *groups]
            return replace(plain, looks=looks, choices=tuple(groups), create=create)
        suggestions = tuple(choice.value for group in groups for choice in group.choices)
        return replace(plain, looks=looks, suggestions=suggestions)


def _help_of(declared: Field) -> str:
    """With the range of numbers."""
    limits = limits_of(declared) if declared.minimum is not None or declared.maximum is not None else ''
    return f'{declared.help}. {limits[:1].upper()}{limits[1:]}' if limits else declared.help


def _choice(declared: Field, plain: Input) -> Input:
    value = str(plain.value)
    is_other = value not in declared.choices
    choices = [Choice(choice, choice or '(empty)', choice == value) for choice in declared.choices]
    if is_other and not is_variable(value):
        choices.append(Choice(value, f'{value} (not valid)', True))
    choices.append(Choice(VARIABLE, 'Environment variable…', is_other and is_variable(value)))
    return replace(
        plain, looks='choice', choices=(Choices('', tuple(choices)),), variable=value if is_variable(value) else ''
    )


def _grouped(declared: Field, names: Names, chosen: Iterable[str]) -> list[Choices]:
    """By kind; what is chosen and not there comes last, so that it is not lost unseen."""
    wanted = dict.fromkeys(chosen)
    groups, seen = [], set[str]()
    for kind, found in names.by_kind.items():
        choices = []
        for name in found:
            value = reference_value(kind, name, declared.refers_to)
            chosen_by = value if value in wanted else name if name in wanted and name not in seen else ''
            seen.update(filter(None, (chosen_by,)))
            choices.append(Choice(value, name, bool(chosen_by)))
        if choices:
            groups.append(Choices(kinds()[kind].label if len(names.by_kind) > 1 else '', tuple(choices)))
    missing = [Choice(value, value, True) for value in wanted if value not in seen]
    return [*groups, Choices('', tuple(missing))] if missing else groups
