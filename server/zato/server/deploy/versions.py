"""Which version of each module is deployed, and earlier ones: in the ODB, for all servers of the cluster.

`revision` is the event by which something last changed; a module's own `revision` says at which of them it was last to be
loaded anew, for itself or for what it imports. Texts are kept in the server's directory too, by their SHA-256.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zato.common.config.kind import find_kind
from zato.common.exception import Conflict, NotFound
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.tables import module, module_source, module_version
from zato.server.deploy.seen import Seen, all_seen, remember, seen_at
from zato.server.propagate.change import Change
from zato.server.propagate.configuration import Writer
from zato.server.propagate.follower import MODULE
from zato.server.propagate.ledger import Actor, Entry, Ledger
from zato.server.propagate.objects import objects_by_name, referrers
from zato.server.propagate.odb import ODB

logger = logging.getLogger(__name__)

_AT_ONCE = 500  #: values in one statement
_KEEP_TEXTS = 3_600.0  #: seconds


@dataclass(frozen=True, slots=True)
class ServiceDeclaration:
    """A service in a module. line: of its class statement, 1 for the first."""

    name: str
    class_name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleVersion:
    """path: the user's file, on `server`. imports: names of the deployed modules it imports itself. deployed: UTC, ISO 8601.

    who: that deployed it. number, revision: 0 as long as it is not stored. size: bytes, where versions are listed, else 0.
    """

    module: str
    path: str
    server: str
    sha256: str
    services: tuple[ServiceDeclaration, ...]
    imports: tuple[str, ...]
    number: int = 0
    revision: int = 0
    deployed: str = ''
    who: str = ''
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is active, at one revision, by the modules' names."""

    revision: int = 0
    modules: Mapping[str, ModuleVersion] = field(default_factory=dict)

    def dependants(self, name: str) -> list[ModuleVersion]:
        """Modules that import `name`, themselves or through others, nearest first."""
        found: dict[str, ModuleVersion] = {}
        wanted = [name]
        while wanted:
            target = wanted.pop(0)
            for version in self.modules.values():
                if target in version.imports and version.module not in found and version.module != name:
                    found[version.module] = version
                    wanted.append(version.module)
        return list(found.values())


class Outdated(Conflict):
    """Something else was deployed meanwhile; look again"""

    retryable = True


def digest_of(source: bytes) -> str:
    return sha256(source).hexdigest()


class ModuleStore:
    """server: this one's name. texts: directory for copies of texts. history: earlier versions of a module that are kept.

    All methods raise ODBUnavailable.
    """

    def __init__(self, odb: ODB, writer: Writer, server: str, texts: Path, history: int) -> None:
        self.server = server
        self._odb = odb
        self._writer = writer
        self._texts = texts
        self._history = history
        self._snapshot = Snapshot(-1)

    def read(self) -> Snapshot:
        """What is active now."""

        def run(connection: Connection) -> Snapshot:
            revision = _revision(connection)
            return self._snapshot if revision == self._snapshot.revision else _read(connection, revision)

        self._snapshot = self._odb.read(run)
        return self._snapshot

    def seen(self) -> dict[str, Seen]:
        """By path, on this server."""
        return self._odb.read(lambda connection: all_seen(connection, self.server))

    def seen_at(self, path: str) -> Seen | None:
        return self._odb.read(lambda connection: seen_at(connection, self.server, path))

    def texts_of(self, digests: Iterable[str]) -> dict[str, Path]:
        """Files with the texts of these versions, by their SHA-256. Raises OSError too."""
        found, missing = {}, []
        for digest in dict.fromkeys(digests):
            path = self._texts / f'{digest}.py'
            if _is_whole(path, digest):
                found[digest] = path
            else:
                missing.append(digest)
        for start in range(0, len(missing), _AT_ONCE):
            for digest, source in self._odb.read(partial(_sources, digests=missing[start : start + _AT_ONCE])):
                found[digest] = self._texts / f'{digest}.py'
                _write(found[digest], source)
        return found

    def versions_of(self, name: str) -> list[ModuleVersion]:
        """All that are kept, the newest first. Raises NotFound."""
        query = _VERSIONS.add_columns(func.length(module_source.c.source).label('size'))
        query = query.join(module_source, module_source.c.sha256 == module_version.c.sha256)
        query = query.where(module.c.name == name).order_by(module_version.c.number.desc())
        rows = self._odb.read(lambda connection: connection.execute(query).all())
        if not rows:
            raise NotFound(msg=f'There is no module `{name}`')
        return [replace(_version_from(row), size=row.size) for row in rows]

    def activate(
        self,
        version: ModuleVersion,
        source: bytes,
        seen: Seen | None,
        reload: Iterable[str],
        removed: Iterable[str],
        *,
        based_on: int,
        actor: Actor,
        place: Callable[[], None] | None = None,
    ) -> int:
        """Make a version the active one, a new one if its number is 0. Returns the event.

        seen: what this server then remembers of the version's path; None for nothing. reload: modules that import it.
        removed: modules that it takes the place of. based_on: revision of the snapshot that this was decided by; Outdated
        is raised if it is not the current one. place: called last; if it raises, nothing is changed, and that is raised.
        Raises BadRequest, Conflict.
        """

        def run(ledger: Ledger) -> int:
            connection = ledger.connection
            if _revision(connection) != based_on:
                raise Outdated
            before = _read(connection, based_on)
            id = self._module_id(ledger, version.module)
            old = before.modules.get(version.module)
            number = version.number or self._add_version(ledger, id, version, source, actor)
            event = ledger.add(
                Entry(
                    kind=MODULE,
                    object_id=id,
                    name=version.module,
                    action='rollback' if version.number else 'deploy',
                    before=_summary(old),
                    after={'number': number, 'sha256': version.sha256},
                )
            )
            self._set(connection, version.module, number, event)
            for name in reload:
                connection.execute(update(module).where(module.c.name == name).values(revision=event))
            gone = [before.modules[name] for name in removed if name in before.modules]
            for item in gone:
                self._set(connection, item.module, 0, event)
            self._match_services(ledger, _services_of([version]), _services_of([old, *gone]), must_go=False)
            if seen is not None:
                remember(connection, self.server, version.path, seen)
            self._prune(connection, id, number)
            if place is not None:
                place()
            return event

        event, _ = self._writer.write(run, actor)
        self._discard_texts()
        return event

    def undeploy(self, name: str, *, actor: Actor) -> int:
        """Returns the event. Versions are kept. Raises NotFound, Conflict if something uses its services or imports it."""

        def run(ledger: Ledger) -> int:
            connection = ledger.connection
            before = _read(connection, _revision(connection))
            old = before.modules.get(name)
            if old is None:
                raise NotFound(msg=f'No module `{name}` is deployed')
            users = [version.module for version in before.dependants(name)]
            if users:
                raise Conflict(msg=f'Module `{name}` cannot be undeployed: it is imported by {", ".join(users)}')
            self._match_services(ledger, {}, _services_of([old]), must_go=True)
            id = self._module_id(ledger, name)
            event = ledger.add(Entry(kind=MODULE, object_id=id, name=name, action='undeploy', before=_summary(old)))
            self._set(connection, name, 0, event)
            return event

        event, _ = self._writer.write(run, actor)
        return event

    def remember(self, path: str, seen: Seen) -> None:
        """What came of a content that was found at a path of this server and not deployed."""
        self._odb.write(lambda connection: remember(connection, self.server, path, seen))

    def tell(self, event: int) -> None:
        self._writer.tell(event)

    def _module_id(self, ledger: Ledger, name: str) -> int:
        id = ledger.connection.execute(select(module.c.id).where(module.c.name == name)).scalar()
        if id is None:
            id = ledger.new_object_id()
            ledger.connection.execute(insert(module).values(id=id, name=name, number=0, revision=0))
        return int(id)

    def _add_version(self, ledger: Ledger, id: int, version: ModuleVersion, source: bytes, actor: Actor) -> int:
        connection = ledger.connection
        digest = version.sha256
        if connection.execute(select(module_source.c.sha256).where(module_source.c.sha256 == digest)).scalar() is None:
            connection.execute(insert(module_source).values(sha256=digest, source=source))
        newest = select(func.max(module_version.c.number)).where(module_version.c.module_id == id)
        number: int = (connection.execute(newest).scalar() or 0) + 1
        connection.execute(
            insert(module_version).values(
                module_id=id,
                number=number,
                sha256=digest,
                path=version.path,
                server=self.server,
                who=actor.name,
                deployed=ledger.now,
                services=json.dumps([asdict(service) for service in version.services]),
                imports=json.dumps(version.imports),
            )
        )
        return number

    @staticmethod
    def _set(connection: Connection, name: str, number: int, event: int) -> None:
        connection.execute(update(module).where(module.c.name == name).values(number=number, revision=event))

    def _match_services(self, ledger: Ledger, now: Mapping[str, str], before: Mapping[str, str], *, must_go: bool) -> None:
        """Have an object for each service that is deployed, and none for others, unless something refers to them.

        now, before: name → where it is implemented. must_go: is a service that is referred to an error?
        """
        kind = find_kind('service')
        known = objects_by_name(ledger.connection, kind.name, [*now, *before])
        gone = [known[name] for name in before if name not in now and name in known]
        used = set() if must_go else {target for _, _, target in referrers(ledger.connection, [item.id for item in gone])}
        changes = [
            Change(action='edit' if name in known else 'create', kind=kind, name=name, given={'impl_name': impl_name})
            for name, impl_name in now.items()
        ]
        changes += [Change(action='delete', kind=kind, id=item.id) for item in gone if item.id not in used]
        self._writer.change_set(ledger, is_system=True).apply(changes)

    def _prune(self, connection: Connection, id: int, active: int) -> None:
        """Keep as many versions before the newest as history allows, and the active one in any case."""
        own = module_version.c.module_id == id
        newest = connection.execute(select(func.max(module_version.c.number)).where(own)).scalar_one()
        old = own & (module_version.c.number < newest - self._history) & (module_version.c.number != active)
        if connection.execute(delete(module_version).where(old)).rowcount:
            used = select(module_version.c.sha256)
            connection.execute(delete(module_source).where(module_source.c.sha256.not_in(used)))

    def _discard_texts(self) -> None:
        """Copies of what has not been active for a while; the ODB has it. Others may be about to read those of just now."""
        try:
            active = {version.sha256 for version in self.read().modules.values()}
            for path in self._texts.glob('*.py'):
                if path.stem not in active and time() - path.stat().st_mtime > _KEEP_TEXTS:
                    path.unlink(missing_ok=True)
        except (ODBUnavailable, OSError) as e:
            logger.info('Old texts are discarded another time: %s', e)


_VERSIONS = select(module_version, module.c.name, module.c.revision, module.c.number.label('active')).join(
    module, module.c.id == module_version.c.module_id
)


def _revision(connection: Connection) -> int:
    return connection.execute(select(func.max(module.c.revision))).scalar() or 0


def _read(connection: Connection, revision: int) -> Snapshot:
    rows = connection.execute(_VERSIONS.where(module_version.c.number == module.c.number).order_by(module.c.name))
    return Snapshot(revision, {row.name: _version_from(row) for row in rows})


def _version_from(row: Row[Any]) -> ModuleVersion:
    return ModuleVersion(
        module=row.name,
        path=row.path,
        server=row.server,
        sha256=row.sha256,
        services=tuple(ServiceDeclaration(**service) for service in json.loads(row.services)),
        imports=tuple(json.loads(row.imports)),
        number=row.number,
        revision=row.revision,
        deployed=datetime.fromtimestamp(row.deployed, UTC).isoformat(),
        who=row.who,
    )


def _sources(connection: Connection, digests: list[str]) -> list[tuple[str, bytes]]:
    rows = connection.execute(select(module_source).where(module_source.c.sha256.in_(digests)))
    return [(row.sha256, row.source) for row in rows]


def _summary(version: ModuleVersion | None) -> dict[str, Any] | None:
    return {'number': version.number, 'sha256': version.sha256} if version is not None else None


def _services_of(versions: Iterable[ModuleVersion | None]) -> dict[str, str]:
    return {
        service.name: f'{version.module}.{service.class_name}'
        for version in versions
        if version is not None
        for service in version.services
    }


def _is_whole(path: Path, digest: str) -> bool:
    try:
        return digest_of(path.read_bytes()) == digest
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    """Several processes may do this at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}')
    temporary.write_bytes(data)
    temporary.replace(path)
