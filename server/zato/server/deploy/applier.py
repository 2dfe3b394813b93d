"""Makes one worker serve what is deployed: compares what it has loaded with the store, imports, swaps in one step."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gevent
from gevent.lock import RLock

from zato.common.alarm import Alarms
from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.server.deploy.checker import describe_error
from zato.server.deploy.loader import ModuleLoader, Source, compile_services
from zato.server.deploy.versions import ModuleStore, ModuleVersion, Snapshot, StoreUnavailable

if TYPE_CHECKING:
    from zato.server.service.store import ServiceStore

logger = logging.getLogger(__name__)

_STORE = 'deployments'  #: subject of the alarm


@dataclass(frozen=True, slots=True)
class Served:
    """What this worker serves from one path. since: UTC, ISO 8601."""

    version: ModuleVersion
    since: str


class Applier:
    """limit: seconds that importing what one change needs may take."""

    def __init__(
        self,
        store: ModuleStore,
        services: ServiceStore,
        loader: ModuleLoader,
        alarms: Alarms,
        limit: float,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._services = services
        self._loader = loader
        self._alarms = alarms
        self._limit = limit
        self._clock = clock
        self._served: dict[str, Served] = {}
        self._errors: dict[str, str] = {}  # path → why this worker does not serve what the store says
        self._tried: dict[str, int] = {}  # path → revision that was tried last
        self._revision = -1
        self._lock = RLock()

    def apply(self) -> None:
        """Load what changed. A module that fails here stays as it was in this worker, with an alarm.

        If the store cannot be read, what is loaded goes on being served, with an alarm; StoreUnavailable is raised
        where nothing was ever read, since a worker without the users' services must not take requests.
        """
        with self._lock:
            try:
                snapshot = self._store.read()
            except StoreUnavailable as e:
                if self._revision < 0:
                    raise
                self._alarms.begin(_STORE, str(e), 'what is loaded goes on being served', action='store.failed')
                return
            self._alarms.end(_STORE)
            if snapshot.revision == self._revision:
                return
            changed = [version for path, version in snapshot.modules.items() if self._tried.get(path) != version.revision]
            removed = [served.version for path, served in self._served.items() if path not in snapshot.modules]
            if self._served:
                self._apply_changes(changed, removed)
            else:
                self._apply_each(changed)
            self._revision = snapshot.revision

    def state_of(self, path: str) -> dict[str, Any]:
        """For receipts: what the last attempt at this path came to, and what this worker serves from it."""
        error = ''
        try:
            snapshot = self._store.read()
        except StoreUnavailable as e:
            snapshot, error = Snapshot(), str(e)
        seen, served = snapshot.seen.get(path), self._served.get(path)
        return {
            'pid': os.getpid(),
            'attempt': seen.attempt if seen else 0,
            'sha256': seen.sha256 if seen else '',
            'error': seen.error if seen else '',
            'store_error': error,
            'warnings': list(seen.warnings) if seen else [],
            'served': self._describe(served) if served else None,
            'load_error': self._errors.get(path, ''),
        }

    def as_list(self) -> list[dict[str, Any]]:
        return [self._describe(served) for served in self._served.values()]

    def _describe(self, served: Served) -> dict[str, Any]:
        version = served.version
        return {
            'path': version.path,
            'module': version.module,
            'number': version.number,
            'sha256': version.sha256,
            'since': served.since,
            'error': self._errors.get(version.path, ''),
            'services': [service.name for service in version.services],
        }

    def _apply_each(self, versions: list[ModuleVersion]) -> None:
        """At the start: one module that fails must not keep the others from being served."""
        sources = {version.path: self._source(version) for version in versions}
        self._loader.offer(source for source in sources.values() if source is not None)
        for version in versions:
            self._load([version], sources, [], again=False)

    def _apply_changes(self, versions: list[ModuleVersion], removed: list[ModuleVersion]) -> None:
        """Deployment by deployment, in their order: one that fails here must not keep the others from being served."""
        for revision in sorted({version.revision for version in versions}):
            group = [version for version in versions if version.revision == revision]
            replaced = [version for version in removed if any(_replaces(new, version) for new in group)]
            removed = [version for version in removed if version not in replaced]
            self._load(group, {version.path: self._source(version) for version in group}, replaced, again=True)
        if removed:
            self._load([], {}, removed, again=True)

    def _source(self, version: ModuleVersion) -> Source | None:
        try:
            return Source(version.module, version.path, self._store.path_of(version.sha256).read_bytes())
        except OSError as e:
            self._fail([version], f'its text cannot be read: {e}', '')
            return None

    def _load(
        self,
        versions: list[ModuleVersion],
        sources: Mapping[str, Source | None],
        removed: list[ModuleVersion],
        *,
        again: bool,
    ) -> None:
        present = [source for version in versions if (source := sources[version.path]) is not None]
        for version in versions:
            self._tried[version.path] = version.revision
        if len(present) < len(versions):
            return
        timeout = gevent.Timeout(self._limit)
        try:
            with timeout:
                if again:
                    modules = self._loader.load(present, [version.module for version in removed])
                else:
                    modules = {source.module: self._loader.import_offered(source) for source in present}
                compiled = {
                    source.path: compile_services(modules[source.module], source.module, source.path) for source in present
                }
        except BaseException as e:
            if isinstance(e, gevent.GreenletExit):
                raise
            failure = describe_error(e, versions[0].path)
            error = f'importing it took longer than {self._limit:g} s' if e is timeout else failure.error
            self._fail(versions, error, failure.details)
            return
        gone = frozenset(version.path for version in removed)
        self._services.swap(compiled, gone)
        since = self._clock.utcnow().isoformat()
        for version in versions:
            self._served[version.path] = Served(version, since)
            self._errors.pop(version.path, None)
            self._alarms.end(f'module:{version.path}')
        for path in gone:
            del self._served[path]

    def _fail(self, versions: list[ModuleVersion], error: str, details: str) -> None:
        """It worked in the checker and does not work here."""
        names = ', '.join(version.path for version in versions)
        logger.error('Worker %d cannot load %s: %s\n%s', os.getpid(), names, error, details, extra={'action': 'load.failed'})
        for version in versions:
            self._errors[version.path] = error
            self._alarms.begin(
                f'module:{version.path}', error, 'save the file again, or restart', action='load.failed', log=False
            )


def _replaces(new: ModuleVersion, old: ModuleVersion) -> bool:
    """Was the old one's file moved or renamed to the new one's?"""
    names = {service.name for service in old.services}
    return new.module == old.module or not names.isdisjoint(service.name for service in new.services)
