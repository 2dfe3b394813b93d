"""Which version of each module is deployed, kept in the server's directory. One writer at a time: the role's holder.

The interface is `ModuleStore`; what keeps versions elsewhere has the same methods. `revision` grows with each change of the
whole; a module's own `revision` says at which of them it was last to be loaded anew, for itself or for what it imports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from zato.common.exception import ZatoException


@dataclass(frozen=True, slots=True)
class ServiceDeclaration:
    """A service in a module. line: of its class statement, 1 for the first."""

    name: str
    class_name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleVersion:
    """path: the user's file. imports: names of the deployed modules it imports itself. deployed: UTC, ISO 8601."""

    path: str
    module: str
    sha256: str
    number: int
    revision: int
    deployed: str
    services: tuple[ServiceDeclaration, ...]
    imports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last content that was found at a path, and what came of it. error: '' if it was deployed."""

    sha256: str
    attempt: int
    error: str = ''
    warnings: tuple[str, ...] = ()
    missing: str = ''  #: name of the module that it could not import
    is_late: bool = False  #: importing it took too long


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, at one revision. Keys are paths."""

    revision: int = 0
    modules: Mapping[str, ModuleVersion] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)

    def dependants(self, module: str) -> list[ModuleVersion]:
        """Modules that import `module`, themselves or through others, nearest first."""
        found: dict[str, ModuleVersion] = {}
        wanted = [module]
        while wanted:
            name = wanted.pop(0)
            for version in self.modules.values():
                if name in version.imports and version.path not in found and version.module != module:
                    found[version.path] = version
                    wanted.append(version.module)
        return list(found.values())


class StoreUnavailable(ZatoException):
    """What is deployed cannot be read or written; it stays as it was"""

    retryable = True


class ModuleStore(Protocol):
    """Its methods raise StoreUnavailable, whose text names what is wrong and what to do."""

    def read(self) -> Snapshot:
        """The current state; cheap when nothing has changed."""

    def path_of(self, digest: str) -> Path:
        """The file that has a version's text, by the text's SHA-256."""

    def activate(
        self, version: ModuleVersion, source: bytes, seen: Seen, reload: Iterable[str], removed: Iterable[str]
    ) -> int:
        """Make a version the active one, on disk before it returns. reload, removed: paths. Returns the revision."""

    def refuse(self, path: str, seen: Seen) -> None:
        """Remember that a content was not deployed."""


def digest_of(source: bytes) -> str:
    return sha256(source).hexdigest()


class DirectoryStore:
    """`index.json`, replaced as a whole, and `versions/<sha256>.py`."""

    def __init__(self, directory: Path, history: int) -> None:
        """history: how many versions of a module are kept, the active one included."""
        self._index = directory / 'index.json'
        self._versions = directory / 'versions'
        self._history = history
        self._stamp: tuple[int, int, int] | None = None
        self._snapshot = Snapshot()

    def read(self) -> Snapshot:
        try:
            status = self._index.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._snapshot = _parse(json.loads(self._index.read_bytes()))
                self._stamp = stamp
        except FileNotFoundError:
            pass  # nothing was deployed yet
        except OSError as e:
            raise StoreUnavailable(msg=f'{self._index} cannot be read: {e}') from e
        except (AttributeError, KeyError, TypeError, ValueError) as e:
            todo = (
                'put a good copy back, or delete it and restart: the files in the pickup directories are then deployed anew'
            )
            raise StoreUnavailable(msg=f'{self._index} is damaged ({type(e).__name__}: {e}); {todo}') from e
        return self._snapshot

    def path_of(self, digest: str) -> Path:
        return self._versions / f'{digest}.py'

    def activate(
        self, version: ModuleVersion, source: bytes, seen: Seen, reload: Iterable[str], removed: Iterable[str]
    ) -> int:
        old = self.read()
        revision = old.revision + 1
        _write_durably(self.path_of(version.sha256), source)
        gone = frozenset(removed)
        modules = {path: item for path, item in old.modules.items() if path not in gone}
        for path in reload:
            modules[path] = replace(modules[path], revision=revision)
        number = modules[version.path].number + 1 if version.path in modules else 1
        for superseded in {old.modules[path].sha256 for path in (*gone, version.path) if path in old.modules}:
            self._touch(superseded)
        modules[version.path] = replace(version, number=number, revision=revision)
        self._write(Snapshot(revision, modules, {**old.seen, version.path: seen}))
        self._prune(modules)
        return revision

    def refuse(self, path: str, seen: Seen) -> None:
        old = self.read()
        self._write(Snapshot(old.revision, old.modules, {**old.seen, path: seen}))

    def _write(self, snapshot: Snapshot) -> None:
        document = {
            'revision': snapshot.revision,
            'modules': {path: asdict(version) for path, version in snapshot.modules.items()},
            'seen': {path: asdict(seen) for path, seen in snapshot.seen.items()},
        }
        _write_durably(self._index, json.dumps(document).encode())

    def _touch(self, digest: str) -> None:
        """Files are pruned by how long ago they were active, not by how long ago they were deployed."""
        try:
            os.utime(self.path_of(digest))
        except OSError:
            pass  # it is lost already

    def _prune(self, modules: Mapping[str, ModuleVersion]) -> None:
        """Keep as many sources as history allows for all modules together; active ones stay in any case."""
        active = {version.sha256 for version in modules.values()}
        inactive = [file for file in self._versions.glob('*.py') if file.stem not in active]
        keep = self._history * max(1, len(modules))
        if len(inactive) > keep:
            inactive.sort(key=lambda file: file.stat().st_mtime, reverse=True)
            for file in inactive[keep:]:
                file.unlink(missing_ok=True)


def _parse(document: dict[str, Any]) -> Snapshot:
    modules = {}
    for path, item in document['modules'].items():
        services = tuple(ServiceDeclaration(**service) for service in item.pop('services'))
        modules[path] = ModuleVersion(services=services, imports=tuple(item.pop('imports')), **item)
    seen = {path: Seen(**{**item, 'warnings': tuple(item['warnings'])}) for path, item in document['seen'].items()}
    return Snapshot(document['revision'], modules, seen)


def _write_durably(path: Path, data: bytes) -> None:
    """Replace a file as a whole: after a crash it is the old one or the new one. Raises StoreUnavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace_file(path, data)
    except OSError as e:
        raise StoreUnavailable(msg=f'{path} cannot be written: {e}') from e


def _replace_file(path: Path, data: bytes) -> None:
    temporary = path.with_name(f'.{path.name}.new')
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
