"""Kinds of configurable objects, each declared once: what it has, what its values may be, what it is called where.

Storage, validation, admin services, commands, forms, the reference page and the JSON Schema all come from a declaration, a
module in `zato.common.config.kinds`. What an object does at run time is another one, named after the kind, in the server.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from zato.common.config.field import Field, TargetOf, shown
from zato.common.config.option import nearest
from zato.common.exception import BadRequest, ConfigError

C = TypeVar('C')
Role = Literal['viewer', 'operator', 'admin']

#: Roles, each of which may do what those before it may.
ROLES: tuple[Role, ...] = get_args(Role)

#: What can be done to objects, and which role that takes unless a declaration says otherwise.
OPERATIONS: Mapping[str, Role] = {
    'get-list': 'viewer',
    'get': 'viewer',
    'create': 'admin',
    'edit': 'admin',
    'delete': 'admin',
    'change-password': 'admin',
    'ping': 'operator',
}

#: Keys that say nothing of an object: there is one cluster, and forms may send where in a list they came from.
IGNORED_KEYS = frozenset(
    {'cluster_id', 'paginate', 'query', 'cur_page', 'page_size', 'sort', 'is_down', 'should_include_scheduler'}
)

#: Keys that say something of every object, so no setting is called so.
OWN_KEYS = frozenset({'action', 'kind', 'id', 'name', 'is_active', 'version', 'error'})

#: The setting that says of an object that the server made it by itself.
IS_INTERNAL = 'is_internal'

_KINDS = 'zato.common.config.kinds'

#: Prefix of a kind's name → menus that it is in.
_MENUS: Mapping[str, tuple[str, ...]] = {
    'channel': ('Connections', 'Channels'),
    'outgoing': ('Connections', 'Outgoing'),
    'definition': ('Connections', 'Definitions'),
    'security': ('Security',),
    'pubsub': ('Pub/sub',),
    'scheduler': ('Scheduler',),
}
_OTHER_MENU = ('Other',)


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """settings: a frozen dataclass whose fields were made by `setting`, `secret` or `reference`.

    services: prefix of the admin services in classic Zato, '' for none; fixed: keys that tell kinds apart that share one,
    such as {'connection': 'channel'}. unique: sets of fields in which no two objects agree. command: what commands that
    create and delete it are called, 'rest-channel' for create-rest-channel, 'basic-auth' for create basic-auth.
    inline: option and fields by which commands make one on the fly for an object that refers to it.
    operations: without those that make no sense. roles: where they differ from OPERATIONS. check: of settings that must fit
    together; raises ValueError, its text being the rule. enmasse: sections of files, the one that is written first.
    enmasse_types: what an item's `type` says where kinds share a section; that of `fixed` unless it is given.
    ignored: classic keys that say nothing here → the values that they may have, None for any. connects: does it connect to
    something, so that a change of it connects anew? must_be_active: takes an object's name and settings, returns why it
    cannot be made inactive, '' if it can. menu: where users find it, the way to it from the top; by default it follows from
    the kind's name. check_name: of names; raises ValueError, its text being the rule. reserved: what names begin with that
    only the server gives. check_targets: as `check`, of settings and what they refer to. same_by: one of `unique`; where
    nothing has the name of what is put, it is the object with the same values of these, which gets the name. item_lists:
    keys of items of files that have a list in place of a setting's value: there is an object for each.
    """

    name: str
    label: str
    settings: type[Any]
    services: str = ''
    fixed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unique: tuple[tuple[str, ...], ...] = ()
    enmasse: tuple[str, ...] = ()
    enmasse_types: tuple[str, ...] = ()
    ignored: Mapping[str, tuple[Any, ...] | None] = dataclasses.field(default_factory=dict)
    connects: bool = False
    command: str = ''
    is_top_level_command: bool = False
    inline: tuple[str, ...] = ()
    operations: tuple[str, ...] = ('get-list', 'get', 'create', 'edit', 'delete')
    is_renamable: bool = True
    roles: Mapping[str, Role] = dataclasses.field(default_factory=dict)
    check: Callable[[Any], None] | None = None
    menu: tuple[str, ...] = ()
    must_be_active: Callable[[str, Mapping[str, Any]], str] | None = None
    check_name: Callable[[str], None] | None = None
    reserved: tuple[str, ...] = ()
    check_targets: Callable[[Any, TargetOf], None] | None = None
    same_by: tuple[str, ...] = ()
    item_lists: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """By name, in the order of the declaration, without `name` and `is_active`, which all objects have."""
        hints = get_type_hints(self.settings)
        own = vars(self.settings)['__annotations__']
        found = {}
        for item in sorted(dataclasses.fields(self.settings), key=lambda item: item.name not in own):  # inherited ones last
            declared: Field = item.metadata['field']
            type_ = declared.type if declared.refers_to else hints[item.name]
            found[item.name] = dataclasses.replace(declared, name=item.name, type=type_, default=item.default)
        return found

    @property
    def help(self) -> str:
        return (self.settings.__doc__ or '').strip()

    @property
    def menu_path(self) -> tuple[str, ...]:
        """Such as Connections, Channels, REST."""
        if self.menu:
            return self.menu
        prefix, _, rest = self.name.partition('_')
        return (*_MENUS.get(prefix if rest else '', _OTHER_MENU), self.label)

    @property
    def listed(self) -> tuple[Field, ...]:
        """Columns of lists: those that are declared to be, or else those that every object must have."""
        shown = [declared for declared in self.fields.values() if not declared.is_secret]
        return tuple(
            [declared for declared in shown if declared.is_listed]
            or [declared for declared in shown if declared.is_required]
        )

    @property
    def slug(self) -> str:
        """The name as URLs and service names have it."""
        return self.name.replace('_', '-')

    @property
    def derived_services(self) -> str:
        """Prefix of the names that follow from the kind's own: `zato.channel-rest` of channel_rest."""
        return f'zato.{self.slug}'

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(name for name, declared in self.fields.items() if declared.is_secret)

    @property
    def references(self) -> Mapping[str, Field]:
        return {name: declared for name, declared in self.fields.items() if declared.refers_to}

    @cached_property
    def keys(self) -> Mapping[str, Field]:
        """Every key that a field may be given by → the field."""
        return {key: declared for declared in self.fields.values() for key in declared.keys}

    @cached_property
    def may_refer_to_itself(self) -> bool:
        """Is there a way of references that leads from an object of this kind to another one of it?"""
        seen: set[str] = set()
        todo = [self]
        while todo:
            for declared in todo.pop().references.values():
                for name in declared.refers_to:
                    if name == self.name:
                        return True
                    if name not in seen and name in kinds():
                        seen.add(name)
                        todo.append(kinds()[name])
        return False

    def role_for(self, operation: str) -> Role:
        return self.roles.get(operation, OPERATIONS[operation])

    def command_to(self, action: Literal['create', 'delete']) -> str:
        """`create-rest-channel`, `create basic-auth`; '' if there is no such command."""
        return f'{action}{"-" if self.is_top_level_command else " "}{self.command}' if self.command else ''

    def is_own(self, settings: Mapping[str, Any]) -> bool:
        """Did the server make the object by itself? It keeps its name then, and is not in files."""
        return bool(settings.get(IS_INTERNAL))

    def title(self, name: str) -> str:
        """How messages name an object."""
        return f'{self.label} `{name}`'


def kind(name: str, *, label: str, **options: Any) -> Callable[[type[C]], type[C]]:
    """Declare a kind; the decorated class has its settings, and the docstring says what it is. options: as in Kind."""

    def declare(settings: type[C]) -> type[C]:
        settings.__zato_kind__ = Kind(name=name, label=label, settings=settings, **options)  # type: ignore[attr-defined]  # found by kinds()
        return settings

    return declare


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name, each after those that it refers to."""
    found: dict[str, Kind] = {}
    for info in pkgutil.iter_modules(import_module(_KINDS).__path__):
        module = import_module(f'{_KINDS}.{info.name}')
        for value in vars(module).values():
            declared = value.__dict__.get('__zato_kind__') if isinstance(value, type) else None
            if declared is not None and value.__module__ == module.__name__:
                _check_declaration(declared)
                found[declared.name] = declared
    return _in_order(found)


def find_kind(name: str) -> Kind:
    """Raises BadRequest."""
    found = kinds().get(name.replace('-', '_')) if isinstance(name, str) else None
    if found is None:
        raise BadRequest(msg=f'There is no kind {shown(name)}{nearest(str(name), list(kinds()))}', needs_msg=True)
    return found


def _check_declaration(declared: Kind) -> None:
    """Raises ConfigError."""
    taken = sorted(OWN_KEYS & declared.keys.keys())
    if taken:
        raise ConfigError(f'kind {declared.name}: these keys have a meaning for all objects: {", ".join(taken)}')
    missing = [name for names in declared.unique for name in names if name not in declared.fields]
    if missing:
        raise ConfigError(f'kind {declared.name}: `unique` names what is no setting: {", ".join(missing)}')


def _in_order(found: Mapping[str, Kind]) -> dict[str, Kind]:
    ordered: dict[str, Kind] = {}

    def add(name: str, waiting: Iterable[str]) -> None:
        if name in ordered or name in waiting or name not in found:
            return
        for declared in found[name].references.values():
            for target in declared.refers_to:
                add(target, [*waiting, name])
        ordered[name] = found[name]

    for name in sorted(found):
        add(name, [])
    return ordered
