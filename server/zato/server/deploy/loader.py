"""Imports deployed modules from the versions that were accepted, never from users' files, which may be broken meanwhile.

Deployed modules may import one another by name. A module whose name the standard library or an installed package has too is
loaded under a private name: its services work, and nobody who imports the other one gets it instead.
"""

from __future__ import annotations

import ast
import importlib
import logging
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from pathlib import Path, PurePath
from types import CodeType, ModuleType

from zato.common.config.field import clean_name, shown
from zato.common.exception import DeploymentError
from zato.server.service.base import Service
from zato.server.service.compiled import CompiledService, CompileOptions, compile_service, has_handler
from zato.server.service.naming import service_name

logger = logging.getLogger(__name__)

_PRIVATE = 'zato_deployed.'
_NEVER = frozenset({'zato', 'zato_deployed', '__main__'})  #: names that no deployed module can have in sys.modules


class Source:
    """The text of one module. It is read, and compiled, when first needed."""

    __slots__ = ('_code', '_text', 'module', 'path')

    def __init__(self, module: str, path: str, text: bytes | Path) -> None:
        """path: the user's file. text: itself, or the file that it is in."""
        self.module = module
        self.path = path
        self._text = text
        self._code: CodeType | None = None

    @property
    def text(self) -> bytes:
        """Raises OSError if it is in a file that cannot be read."""
        if isinstance(self._text, Path):
            self._text = self._text.read_bytes()
        return self._text

    @property
    def is_package(self) -> bool:
        return PurePath(self.path).stem == '__init__'

    @property
    def code(self) -> CodeType:
        if self._code is None:
            self._code = compile(self.text, self.path, 'exec', dont_inherit=True)
        return self._code


class ModuleLoader:
    """A finder and loader for `sys.meta_path`, asked after all others. `install` it once, then `load` as often as needed."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}  # by the name in sys.modules

    def install(self) -> None:
        if self not in sys.meta_path:
            sys.meta_path.append(self)

    def uninstall(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def load(self, sources: Iterable[Source], removed: Iterable[str] = ()) -> dict[str, ModuleType]:
        """Import these anew, all or none. removed: names of modules that are to go. Returns modules by name.

        Raises whatever importing raises; the modules loaded before are then back.
        """
        fresh = {import_name(source.module): source for source in sources}
        names = [*fresh, *map(import_name, removed)]
        old_sources, old_modules = dict(self._sources), {}
        for name in names:
            self._sources.pop(name, None)
            if name in sys.modules:
                old_modules[name] = sys.modules[name]
                _forget(name)
        self.offer(fresh.values())
        importlib.invalidate_caches()
        try:
            return {source.module: self.import_offered(source) for source in fresh.values()}
        except BaseException:
            for name in names:
                _forget(name)
            self._sources = old_sources
            for name in sorted(old_modules):  # packages before what is in them
                _put_back(name, old_modules[name])
            raise

    def offer(self, sources: Iterable[Source]) -> None:
        """Let these be imported, by whoever imports them."""
        self._sources.update({import_name(source.module): source for source in sources})

    def import_offered(self, source: Source) -> ModuleType:
        return importlib.import_module(import_name(source.module))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        source = self._sources.get(fullname)
        if source is not None:
            is_package = source.is_package
            return spec_from_loader(fullname, self, origin=source.path, is_package=is_package)  # type: ignore[arg-type]  # by duck
        prefix = f'{fullname}.'
        if any(name.startswith(prefix) for name in self._sources):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        source = self._sources[module.__name__]
        module.__file__ = source.path
        exec(source.code, module.__dict__)


@cache
def import_name(module: str) -> str:
    """The name in sys.modules: the module's own unless it belongs to something else already.

    Remembered for the life of the process: finding it out takes many looks into directories.
    """
    return _PRIVATE + module if is_shadowed(module) else module


def is_shadowed(module: str) -> bool:
    """Does the standard library, an installed package or the server itself have a module of this name?"""
    name, *rest = module.split('.')
    if name in sys.stdlib_module_names or name in _NEVER:
        return True
    spec = _find_installed(name)
    for part in rest:
        if spec is None:
            return False
        if spec.submodule_search_locations is None:
            return True  # a module that is no package: nothing below it can be imported
        name = f'{name}.{part}'
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec is not None


def _find_installed(name: str) -> ModuleSpec | None:
    """Asks all finders but ours; packages in editable mode have their own."""
    for finder in sys.meta_path:
        if not isinstance(finder, ModuleLoader):
            try:
                spec = finder.find_spec(name, None)
            except (ImportError, ValueError):
                continue
            if spec is not None:
                return spec
    return None


def _forget(name: str) -> None:
    """Take a module out of sys.modules and out of its package."""
    module = sys.modules.pop(name, None)
    package, _, child = name.rpartition('.')
    if package in sys.modules and sys.modules[package].__dict__.get(child) is module:
        sys.modules[package].__dict__.pop(child, None)


def _put_back(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    package, _, child = name.rpartition('.')
    if package in sys.modules:
        setattr(sys.modules[package], child, module)


def imported_names(source: Source) -> set[str]:
    """Names of modules that a module's import statements may refer to, wherever in it they are, and of their packages."""
    own_package = source.module if source.is_package else source.module.rpartition('.')[0]
    names = {own_package}
    for node in ast.walk(ast.parse(source.text, source.path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, own_package)
            names.add(base)
            names.update(f'{base}.{alias.name}' for alias in node.names)
    packages = {name[:i] for name in names for i, char in enumerate(name) if char == '.'}
    return (names | packages) - {'', source.module}


def _absolute(node: ast.ImportFrom, own_package: str) -> str:
    """What 'from … import' names: 'from ..x' in the package a.b is a.x."""
    if not node.level:
        return node.module or ''
    above = own_package.split('.')
    return '.'.join([*above[: len(above) - node.level + 1], *filter(None, [node.module])])


def class_lines(text: bytes) -> dict[str, int]:
    """Line of each class of the module's top level."""
    return {node.name: node.lineno for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}


def service_classes(module: ModuleType) -> list[type[Service]]:
    """Classes that the module itself defines and that are services, with a handler or without."""
    return [
        value
        for value in module.__dict__.values()
        if isinstance(value, type)
        and issubclass(value, Service)
        and value.__module__ == module.__name__
        and not value.__dict__.get('zato_dont_import')
    ]


def compile_services(
    module: ModuleType, own_name: str, path: str, options: CompileOptions | None = None
) -> dict[str, CompiledService]:
    """The module's services by name, compiled, without those that refuse it. Raises DeploymentError if two have one name.

    own_name: the module's name as users know it, which a private name hides.
    """
    found: dict[str, CompiledService] = {}
    for cls in dict.fromkeys(service_classes(module)):
        if not has_handler(cls):
            continue
        name = public_name(cls, own_name)
        if not isinstance(name, str):
            raise DeploymentError(f'attribute `name` of class {cls.__name__} must be text, not {name!r}', path=path)
        if not name.isprintable():
            raise DeploymentError(f'{name!r}, the name of class {cls.__name__}, cannot be printed', path=path)
        try:
            is_clean = clean_name(name) == name
        except ValueError as e:
            raise DeploymentError(f'{shown(name)}, the name of class {cls.__name__}, {e}', path=path) from None
        if not is_clean:
            text = 'must not begin or end with a space, and be in the form NFC of Unicode'
            raise DeploymentError(f'{shown(name)}, the name of class {cls.__name__}, {text}', path=path)
        if name in found:
            other = found[name].cls.__name__
            raise DeploymentError(f'classes {other} and {cls.__name__} are both called `{name}`', path=path)
        try:
            compiled = compile_service(cls, name=name, options=options)
        except DeploymentError as e:
            raise DeploymentError(e.msg, path=path, line=_line_of(cls)) from None
        if _wants_to_be_deployed(cls):
            found[name] = compiled
    return found


def _wants_to_be_deployed(cls: type[Service]) -> bool:
    try:
        wants = cls.before_add_to_store(cls.logger)
    except Exception:  # a hook of the user's; its class alone is not deployed
        logger.exception('Service %s is not deployed: its before_add_to_store failed', cls.name)
        return False
    if wants is not True:
        logger.warning('Service %s is not deployed: its before_add_to_store returned %r, not True', cls.name, wants)
    return wants is True


def _line_of(cls: type[Service]) -> int:
    """0 if it is not known."""
    for value in vars(cls).values():
        code = getattr(value, '__code__', None)
        if code is not None:
            return int(code.co_firstlineno)
    return 0


def public_name(cls: type[Service], own_name: str) -> str:
    """`get_name`, with the module's own name where it was loaded under a private one."""
    if cls.__module__.startswith(_PRIVATE):
        return cls.__dict__.get('name') or service_name(own_name, cls.__name__)
    return cls.get_name()
