"""Makes one worker serve what is deployed: compares what it has loaded with the store, imports, swaps in one step."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from zato.common.alarm import Alarms
from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.odb.database import ODBUnavailable
from zato.server.config.cooperation import Places
from zato.server.deploy.checker import describe_error
from zato.server.deploy.loader import ModuleLoader, Source, compile_services
from zato.server.deploy.versions import ModuleStore, ModuleVersion
from zato.server.service.naming import module_name

if TYPE_CHECKING:
    from zato.server.service.compiled import CompiledService, CompileOptions
    from zato.server.service.store import ServiceStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """What this worker serves of one module. since: UTC, ISO 8601."""

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
        options: CompileOptions | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._services = services
        self._loader = loader
        self._alarms = alarms
        self._limit = limit
        self._options = options
        self._clock = clock
        self._served: dict[str, Served] = {}
        self._errors: dict[str, str] = {}  # module → why this worker does not serve what the store says
        self._tried: dict[str, int] = {}  # module → revision that was tried last
        self._revision = -1
        self._turn = Places(1)

    def apply(self) -> dict[str, tuple[int, str]]:
        """Load what changed. A module that fails here stays as it was in this worker, with an alarm.

        Returns, by module, the event that it was tried to be loaded by, and why it failed. Raises ODBUnavailable; what is
        loaded then goes on being served.
        """
        with self._turn:
            snapshot = self._store.read()
            if snapshot.revision != self._revision:
                modules = snapshot.modules
                changed = [version for name, version in modules.items() if self._tried.get(name) != version.revision]
                removed = [served.version for name, served in self._served.items() if name not in modules]
                for name in self._errors.keys() - modules.keys():
                    self._forget_error(name)
                if self._served:
                    self._apply_changes(changed, removed)
                else:
                    self._apply_each(changed)
                self._revision = snapshot.revision
            return {f'Module `{name}`': (self._tried.get(name, 0), error) for name, error in self._errors.items()}

    def state_of(self, path: str) -> dict[str, Any]:
        """For receipts: what the last attempt at this path came to, and what this worker serves from it."""
        seen, active, error = None, None, ''
        name = module_name(Path(path))
        try:
            seen = self._store.seen_at(path)
            active = self._store.read().modules.get(name)
        except ODBUnavailable as e:
            error = str(e)
        served = self._served.get(name)
        return {
            'pid': os.getpid(),
            'module': name,
            'active': active.sha256 if active else '',
            'attempt': seen.attempt if seen else 0,
            'sha256': seen.sha256 if seen else '',
            'error': seen.error if seen else '',
            'store_error': error,
            'warnings': list(seen.warnings) if seen else [],
            'served': self._describe(served) if served else None,
            'load_error': self._errors.get(name, ''),
        }

    def as_list(self) -> list[dict[str, Any]]:
        return [self._describe(served) for served in self._served.values()]

    @property
    def served(self) -> list[ModuleVersion]:
        return [served.version for served in self._served.values()]

    @property
    def errors(self) -> Mapping[str, str]:
        """Why this worker does not serve what is active, by module."""
        return self._errors

    def _describe(self, served: Served) -> dict[str, Any]:
        version = served.version
        return {
            'path': version.path,
            'server': version.server,
            'module': version.module,
            'number': version.number,
            'sha256': version.sha256,
            'since': served.since,
            'error': self._errors.get(version.module, ''),
            'services': [service.name for service in version.services],
        }

    def _apply_each(self, versions: list[ModuleVersion]) -> None:
        """At the start: one module that fails must not keep the others from being served."""
        sources = self._sources(versions)
        self._loader.offer(source for source in sources.values() if source is not None)
        for version in versions:
            self._load([version], sources, [], again=False)

    def _apply_changes(self, versions: list[ModuleVersion], removed: list[ModuleVersion]) -> None:
        """Deployment by deployment, in their order: one that fails here must not keep the others from being served."""
        for revision in sorted({version.revision for version in versions}):
            group = [version for version in versions if version.revision == revision]
            replaced = [version for version in removed if any(_replaces(new, version) for new in group)]
            removed = [version for version in removed if version not in replaced]
            self._load(group, self._sources(group), replaced, again=True)
        if removed:
            self._load([], {}, removed, again=True)

    def _sources(self, versions: list[ModuleVersion]) -> dict[str, Source | None]:
        """By module; None where the text cannot be had."""
        texts = self._store.texts_of(version.sha256 for version in versions)
        found: dict[str, Source | None] = {}
        for version in versions:
            found[version.module] = None
            try:
                found[version.module] = Source(version.module, version.path, texts[version.sha256].read_bytes())
            except KeyError:
                self._fail([version], 'its text is not in the ODB', '')
            except OSError as e:
                self._fail([version], f'its text cannot be read: {e}', '')
        return found

    def _load(
        self,
        versions: list[ModuleVersion],
        sources: Mapping[str, Source | None],
        removed: list[ModuleVersion],
        *,
        again: bool,
    ) -> None:
        present = [source for version in versions if (source := sources[version.module]) is not None]
        for version in versions:
            self._tried[version.module] = version.revision
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
                    source.module: compile_services(modules[source.module], source.module, source.path, self._options)
                    for source in present
                }
        except BaseException as e:
            if isinstance(e, gevent.GreenletExit):
                raise
            failure = describe_error(e, versions[0].path)
            error = f'importing it took longer than {self._limit:g} s' if e is timeout else failure.error
            self._fail(versions, error, failure.details)
            return
        gone = frozenset(version.module for version in removed)
        self._services.swap(compiled, gone)
        for services in compiled.values():
            _tell_added(services.values())
        since = self._clock.utcnow().isoformat()
        for version in versions:
            self._served[version.module] = Served(version, since)
            self._forget_error(version.module)
        for name in gone:
            del self._served[name]
            self._tried.pop(name, None)

    def _forget_error(self, name: str) -> None:
        self._errors.pop(name, None)
        self._alarms.end(f'module:{name}')

    def _fail(self, versions: list[ModuleVersion], error: str, details: str) -> None:
        """It worked in the checker and does not work here."""
        names = ', '.join(version.path for version in versions)
        logger.error('Worker %d cannot load %s: %s\n%s', os.getpid(), names, error, details, extra={'action': 'load.failed'})
        for version in versions:
            self._errors[version.module] = error
            self._alarms.begin(
                f'module:{version.module}', error, 'save the file again, or restart', action='load.failed', log=False
            )


def _tell_added(services: Iterable[CompiledService]) -> None:
    for service in services:
        try:
            service.cls.after_add_to_store(service.cls.logger)
        except Exception:  # a hook of the user's; the service is deployed
            extra = {'action': 'service.hook.failed'}
            logger.exception('after_add_to_store of service %s failed', service.name, extra=extra)


def _replaces(new: ModuleVersion, old: ModuleVersion) -> bool:
    """Was the old one's file moved or renamed to the new one's?"""
    names = {service.name for service in old.services}
    return new.module == old.module or not names.isdisjoint(service.name for service in new.services)
