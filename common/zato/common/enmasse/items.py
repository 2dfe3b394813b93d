"""Items of sections, read into what is asked of the server: an object of this name with these settings.

What can be told without the server is told here, with file and line, for all items at once: what is missing, unknown or
not what its setting may be. Whether what is referred to is there, the server knows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from zato.common.config.field import Field, clean_name, convert_value, is_id, shown
from zato.common.config.kind import Kind
from zato.common.config.option import nearest, to_bool
from zato.common.config.stored import missing_settings, read_settings
from zato.common.enmasse import sections
from zato.common.enmasse.environment import CallersEnvironment, MissingVariable, literal
from zato.common.enmasse.lists import one_for_each
from zato.common.enmasse.nodes import MapNode, Node, Place, ScalarNode, text_of, value_of
from zato.common.enmasse.reading import Section

_NAME: Final = 'name'
_IS_ACTIVE: Final = 'is_active'
_TYPE: Final = 'type'
_NOT_PORTABLE: Final = ('id', 'cluster_id')  #: keys of classic items that say nothing of another environment
_WRONG: Final = object()  #: in place of a value of which has been told that it is wrong

#: What an item has, by key.
_Raw = Mapping[str, tuple[Place, Node]]


@dataclass(frozen=True, slots=True)
class Given:
    """What an item says of one key."""

    value: Any
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """given: by key, as the file has it, without the name and what only tells kinds apart."""

    kind: Kind
    name: str
    place: Place
    given: Mapping[str, Given] = field(repr=False)

    @property
    def title(self) -> str:
        return self.kind.title(self.name)

    @property
    def services(self) -> set[str]:
        """Names of services that it refers to."""
        found = set()
        for key, given in self.given.items():
            declared = self.kind.keys.get(key)
            if declared is not None and declared.refers_to == ('service',):
                found.add(str(given.value))
        return found

    def value_of(self, setting: str) -> Any:
        """As the file has it, None if it does not."""
        keys = self.kind.fields[setting].keys
        return next((given.value for key, given in self.given.items() if key in keys), None)

    def as_change(self) -> dict[str, Any]:
        """For zato.config.apply."""
        known = {key: given for key, given in self.given.items() if key in self.kind.keys or key == _IS_ACTIVE}
        references = {
            key for name in self.kind.references for key in self.kind.fields[name].keys
        }  # all else has been judged
        return {
            'action': 'put',
            'kind': self.kind.name,
            'name': self.name,
            **{key: given.value for key, given in known.items()},
            'place': str(self.place),
            'places': {key: str(known[key].place) for key in known if key in references},
        }


class ItemReader:
    """problems: a line for everything that is wrong. kinds: of all sections that have a list, be it empty.

    types, names: if there are any, only items of these types of sections, and with one of these texts in their names.
    """

    def __init__(self, environment: CallersEnvironment, *, types: Collection[str] = (), names: Collection[str] = ()) -> None:
        self.problems: list[str] = []
        self.kinds: set[Kind] = set()
        self._environment = environment
        self._types = types
        self._names = [name.casefold() for name in names]
        self._places: dict[tuple[str, str], Place] = {}

    def read(self, found: Iterable[Section]) -> list[Item]:
        items = []
        for section in found:
            if sections.is_type_included(section.name, self._types) and self._is_known(section):
                self.kinds.update(() if section.is_null else sections.kinds_in(section.name))
                nodes = [one for node in section.items for one in self._each(section, node)]
                items += [item for node in nodes if (item := self._item(section, node)) is not None]
        return items

    def is_name_included(self, name: str) -> bool:
        return not self._names or any(part in name.casefold() for part in self._names)

    def _problem(self, place: Place, text: str) -> None:
        self.problems.append(f'{place}: {text}')

    def _is_known(self, section: Section) -> bool:
        if sections.kinds_in(section.name):
            return True
        title = sections.later_title(section.name)
        if title:
            self._problem(section.place, f'section {shown(section.name)} ({title}) is not in this version')
        else:
            hint = nearest(section.name, sections.known_sections())
            self._problem(section.place, f'there is no section {shown(section.name)}{hint}')
        return False

    def _each(self, section: Section, node: Node) -> list[Node]:
        """The items that one stands for."""
        if not isinstance(node, MapNode):
            return [node]
        given = {key.text for key, _ in node.pairs}
        lists = [(kind, *pair) for kind in sections.kinds_in(section.name) for pair in kind.item_lists.items()]
        for kind, key, name in lists:
            if key in given and not given.intersection(kind.fields[name].keys):
                try:
                    return [*one_for_each(node, key, name, self._environment.fill)]
                except MissingVariable as e:
                    self._problem(Place(section.place.path, node.line), f'an item of {shown(section.name)}: {e.msg}')
                    return []
        return [node]

    # One item

    def _item(self, section: Section, node: Node) -> Item | None:
        place = Place(section.place.path, node.line)
        if not isinstance(node, MapNode):
            self._problem(place, f'an item of {shown(section.name)} must be a mapping with a name')
            return None
        raw = {key.text: (Place(place.path, key.line), value) for key, value in node.pairs}
        name = self._name(section, place, raw)
        if not name or not self.is_name_included(name):
            return None
        kind = self._kind(section, place, raw, name)
        if kind is None:
            return None
        before = self._places.setdefault((kind.name, name), place)
        if before is not place:
            self._problem(place, f'{kind.title(name)} is in {before} already')
        overrides = self._environment.overrides(section.name, name, [*kind.keys, _IS_ACTIVE])
        taken = {key for override in overrides for key in _keys_alike(kind, override.key)}
        given = dict(self._given(kind, {key: one for key, one in raw.items() if key not in taken}, kind.title(name)))
        for override in overrides:
            given[override.key] = Given(_as_setting(kind, override.key, override.value), Place(override.variable))
        self._check(kind, kind.title(name), place, given)
        return Item(kind=kind, name=name, place=place, given={k: one for k, one in given.items() if one.value is not _WRONG})

    def _name(self, section: Section, place: Place, raw: _Raw) -> str:
        """'' if it is wrong."""
        at, node = raw.get(_NAME, (place, None))
        title = f'an item of {shown(section.name)}'
        if node is None or (isinstance(node, ScalarNode) and node.is_null):
            self._problem(place, f'{title} has no `name`')
            return ''
        try:
            return clean_name(self._environment.fill(node.text) if isinstance(node, ScalarNode) else text_of(node))
        except ValueError as e:
            self._problem(at, f'{title}: `name` {e}; got {shown(text_of(node))}')
        except MissingVariable as e:
            self._problem(at, f'{title}: `name`: {e.msg}')
        return ''

    def _kind(self, section: Section, place: Place, raw: _Raw, name: str) -> Kind | None:
        """The one of the section's kinds that fits what the item says of keys that tell kinds apart."""
        fitting = sections.kinds_in(section.name)
        title = f'item {shown(name)} of {shown(section.name)}'
        for key in dict.fromkeys(key for kind in fitting for key in kind.fixed):
            at, node = raw.get(key, (place, None))
            value = text_of(node) if node is not None else None
            words = sorted({word for kind in fitting for word in _words(kind, key)})
            if value not in (None, ''):
                fitting = tuple(kind for kind in fitting if value in _words(kind, key))
                if not fitting:
                    later = sections.later_title(value) if isinstance(value, str) else ''
                    rule = f'({later}) is not in this version' if later else f'must be one of: {", ".join(words)}'
                    self._problem(at, f'{title}: `{key}` {shown(value)} {rule}')
                    return None
            elif len({kind.fixed.get(key) for kind in fitting}) > 1:
                self._problem(place, f'{title}: `{key}` is required, one of: {", ".join(words)}')
                return None
        return fitting[0]

    def _given(self, kind: Kind, raw: _Raw, title: str) -> Iterator[tuple[str, Given]]:
        """Without what is nothing, and what has been read already."""
        for key, (place, node) in raw.items():
            if key in (_NAME, *_NOT_PORTABLE) or key in kind.fixed or (isinstance(node, ScalarNode) and node.is_null):
                continue
            if key not in kind.keys and key != _IS_ACTIVE:
                yield key, Given(value_of(node), place)
                continue
            text = text_of(node)
            declared = kind.keys.get(key)
            if declared is not None and declared.refers_to and key.endswith('_id') and is_id(text):
                self._check_has_name(declared, raw, place, title)
                continue
            if declared is not None and text == '' and _means_default(declared):
                continue
            try:
                value = self._filled(kind, key, text)
            except MissingVariable as e:
                self._problem(place, f'{title}: `{key}`: {e.msg}')
                value = _WRONG
            if value == '' and text and key in kind.keys and kind.keys[key].is_secret:
                self._problem(place, f'{title}: `{key}`: {shown(text)} is empty')
            yield key, Given(value, place)

    def _check_has_name(self, declared: Field, raw: _Raw, place: Place, title: str) -> None:
        """An ID is that of the environment that it was exported from: here it may be something else's."""
        others = (raw[key][1] for key in declared.keys if key in raw and not key.endswith('_id'))
        if not any(text_of(node) for node in others):
            self._problem(place, f'{title}: `{declared.name}` must be a name: IDs differ from one environment to another')

    def _filled(self, kind: Kind, key: str, value: Any) -> Any:
        """Raises MissingVariable."""
        if isinstance(value, list):
            return [self._filled(kind, key, one) for one in value]
        if not isinstance(value, str):
            return value
        filled = self._environment.fill(value)
        return filled if filled == value or value.startswith('$') else _as_setting(kind, key, filled)

    def _check(self, kind: Kind, title: str, place: Place, given: Mapping[str, Given]) -> None:
        """Everything that can be told without the server."""

        def tell(key: str, text: str) -> None:
            self._problem(given[key].place if key in given else place, f'{title}: {shown(key)} {text}')

        values = {key: one.value for key, one in given.items() if one.value is not _WRONG}
        if _IS_ACTIVE in values:
            try:
                to_bool(values.pop(_IS_ACTIVE))
            except ValueError as e:
                tell(_IS_ACTIVE, f'{e}; got {shown(given[_IS_ACTIVE].value)}')
        by_field: dict[str, str] = {}
        for key, value in values.items():
            declared = kind.keys.get(key)
            if declared is not None and not declared.refers_to:
                other = by_field.setdefault(declared.name, key)
                if _said(declared, values[other]) != _said(declared, value):
                    tell(key, f'is another key for {shown(other)}, which says something else')
        read = read_settings(kind, values, tell)
        missing_settings(kind, read, given, tell)


def _words(kind: Kind, key: str) -> tuple[str, ...]:
    """What an item of the kind may say of a key that tells kinds apart."""
    if key == _TYPE and kind.enmasse_types:
        return kind.enmasse_types
    return (kind.fixed[key],) if key in kind.fixed else ()


def _keys_alike(kind: Kind, key: str) -> tuple[str, ...]:
    """All keys of the same setting."""
    declared = kind.keys.get(key)
    return declared.keys if declared is not None else (key,)


def _said(declared: Field, value: Any) -> Any:
    """What is stored for a value; the value itself if it is wrong, of which is told elsewhere."""
    try:
        return convert_value(declared, value)
    except ValueError:
        return value


def _means_default(declared: Field) -> bool:
    """Is an empty text no value of the setting? Classic files have it in place of nothing."""
    if declared.is_required or declared.refers_to:
        return False
    try:
        convert_value(declared, '')
    except ValueError:
        return True
    return False


def _as_setting(kind: Kind, key: str, text: str) -> str:
    """Text of the caller's environment, which is no variable of the server's, whatever it begins with."""
    declared = kind.keys.get(key)
    return text if declared is None or declared.refers_to else literal(text)
