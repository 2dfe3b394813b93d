"""Decides what becomes of a file that changed: deployed, or refused with a reason. One at a time, in one process a server.

Uploads, and going back to earlier versions, are done in any process. What is deployed on one server is deployed on all; if
two deploy at once, the second looks again.

A file is deployed when its content differs from what was last seen at its path, or when that content was refused before.
It is never deployed because it differs from the active version: undoing a rollback is not what saving a file means.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from zato.common.alarm import Alarms
from zato.common.exception import BadRequest, Conflict, DeploymentError, IPCError, NotFound
from zato.common.odb.database import ODBUnavailable
from zato.server.deploy.checker import Checked, CheckFailed, ModuleText
from zato.server.deploy.seen import Seen
from zato.server.deploy.versions import ModuleStore, ModuleVersion, Outdated, Snapshot, digest_of
from zato.server.propagate.ledger import Actor
from zato.server.service.naming import is_reserved, module_name

logger = logging.getLogger(__name__)

#: Imports (changed, others), returns what they are. Raises DeploymentError, IPCError.
Check = Callable[[list[ModuleText], list[ModuleText]], list[Checked]]

TRIES = 5  #: of a deployment, when others deploy meanwhile
_FIRST = ('common', 'util', 'model')  #: files whose names begin so are deployed before others (source: classic Zato)
_WHAT_TO_DO = 'mend the file and save it again; what was deployed from it before goes on'


def is_deployable(path: Path) -> bool:
    """Is it a file of the kind that is deployed, by its name?"""
    return path.suffix == '.py' and not path.name.startswith('.')


def read_file(path: Path, max_size: int) -> bytes:
    """What is in it. max_size: bytes. Raises OSError, also for what is too large, or no file."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError('it is not a regular file')  # opening a FIFO would wait for ever
    if status.st_size > max_size:
        raise OSError(f'it has more than {max_size} bytes')
    return path.read_bytes()


def in_order(paths: Iterable[Path]) -> list[Path]:
    def rank(path: Path) -> tuple[int, str]:
        return next((i for i, start in enumerate(_FIRST) if path.name.startswith(start)), len(_FIRST)), path.name

    return sorted(paths, key=rank)


@dataclass(frozen=True, slots=True)
class Activated:
    """A version that has become the active one by this event, and what whoever wrote it should know."""

    version: ModuleVersion
    warnings: tuple[str, ...]
    event: int


class Deployer:
    """`deployed` is called with the event after each deployment. internal: names of built-in services."""

    def __init__(
        self,
        store: ModuleStore,
        check: Check,
        alarms: Alarms,
        internal: frozenset[str],
        deployed: Callable[[int], None],
        text_directory: Path,
        max_size: int,
    ) -> None:
        """text_directory: where a text is put for the checker to read. max_size: bytes, of a file."""
        self._store = store
        self._check = check
        self._alarms = alarms
        self._internal = internal
        self._deployed = deployed
        self._text_directory = text_directory
        self._candidates = count(1)
        self._actor = Actor(f'pickup on {store.server}', 'admin')
        self._max_size = max_size
        self._alarmed: set[Path] = set()
        self._later: set[Path] = set()
        self._is_away = False  # has it been logged that the ODB is?
        self._retried_at = -1  # revision up to which what was refused for want of a module has been tried again

    def scan(self, directories: Iterable[Path], *, retry: bool = False) -> None:
        """Deploy whatever changed in these directories.

        retry: what was refused before, except for taking too long, is tried again, for what it lacked may be there now.
        """
        try:
            late = {key for key, seen in self._store.seen().items() if seen.is_late}
            if self._retried_at < 0:
                self._retried_at = self._store.read().revision
        except ODBUnavailable as e:
            if not self._is_away:
                logger.error('Nothing is deployed until that ends: %s', e, extra={'action': 'deploy.failed'})
            self._is_away = True
            self._later.update(directories)
            return
        self._is_away = False
        for directory in directories:
            if os.path.isdir(directory):
                for path in in_order(filter(is_deployable, directory.iterdir())):
                    self.deploy(path, retry=retry and str(path) not in late)

    def deploy(self, path: Path, *, retry: bool = True) -> None:
        """Deploy a file if it changed. Errors are logged, and remembered for the receipt; none is raised.

        retry: if it was refused with this very content before, try again.
        """
        if not is_deployable(path):
            return
        try:
            self._deploy_changed(path, retry)
        except FileNotFoundError:
            self._end_alarm(path)  # gone again; removing a file undeploys nothing
        except OSError as e:
            self._begin_alarm(path, f'not deployed: {e}', 'mend that, then save the file again', log=True)
        except ODBUnavailable as e:
            self._begin_alarm(path, f'not deployed: {e}', 'it will be once the ODB is back', log=True)
            self._later.add(path)
        except Exception as e:
            logger.exception('%s was not deployed', path, extra={'action': 'deploy.failed'})
            self._begin_alarm(path, f'{type(e).__name__}: {e}', 'see server.log')

    def tend(self) -> None:
        """Now and then: try again what the ODB was not there for, or what lacked a module that somebody has deployed since,
        and end alarms of files that are gone.
        """
        later, self._later = self._later, set()
        for path in in_order(later):
            if os.path.isdir(path):
                self.scan([path])
            else:
                self.deploy(path)
        for path in [path for path in self._alarmed if not os.path.exists(path)]:
            self._end_alarm(path)
        if self._alarmed:
            self._retry_refused()

    def _deploy_changed(self, path: Path, retry: bool) -> None:
        for _ in range(TRIES):
            source = read_file(path, self._max_size)
            digest = digest_of(source)
            last = self._store.seen_at(str(path))
            if last is not None and last.sha256 == digest and not (last.error and retry):
                if last.error:
                    self._begin_alarm(path, last.error, _WHAT_TO_DO)
                else:
                    self._end_alarm(path)
                return
            seen = Seen(sha256=digest, attempt=last.attempt + 1 if last else 1)
            try:
                self._deploy_or_refuse(path, source, seen)
                return
            except Outdated:
                continue
        text = 'other modules were deployed again and again meanwhile; save it again'
        self._refuse(path, seen, DeploymentError(text, path=str(path)))

    def _begin_alarm(self, path: Path, what: str, what_to_do: str, *, log: bool = False) -> None:
        self._alarms.begin(f'deploy:{path}', what, what_to_do, action='deploy.failed', log=log)
        self._alarmed.add(path)

    def _end_alarm(self, path: Path) -> None:
        self._alarms.end(f'deploy:{path}')
        self._alarmed.discard(path)

    def _deploy_or_refuse(self, path: Path, source: bytes, seen: Seen) -> None:
        """Raises Outdated, ODBUnavailable."""
        key = str(path)
        try:
            activated = self.activate(path, source, seen, actor=self._actor)
        except DeploymentError as e:
            self._refuse(path, seen, e)
            return
        except IPCError as e:
            self._refuse(path, seen, DeploymentError(f'it could not be checked: {e}; save it again', path=key))
            return
        self._end_alarm(path)
        if activated is None:
            self._store.remember(key, seen)
            return
        self._deployed(activated.event)
        self._retry_refused()

    def activate(
        self, path: Path, source: bytes, seen: Seen, *, actor: Actor, place: Callable[[], None] | None = None
    ) -> Activated | None:
        """Make this text the active version of the module that `path` is; None if it is already.

        seen: what is to be remembered of the path. place: see `ModuleStore.activate`. Workers are not told of it.
        Raises DeploymentError, IPCError, ODBUnavailable; Outdated if something was deployed meanwhile: look again.
        """
        snapshot = self._store.read()
        active = snapshot.modules.get(module_name(path))
        if active is not None and active.sha256 == seen.sha256 and not self._is_elsewhere(active, path):
            return None
        version, warnings, reload, removed = self._prepare(path, source, seen, snapshot)
        new = replace(seen, warnings=tuple(warnings))
        try:
            event = self._store.activate(
                version, source, new, reload, removed, based_on=snapshot.revision, actor=actor, place=place
            )
        except Outdated:
            raise
        except (BadRequest, Conflict, NotFound) as e:
            raise DeploymentError(e.msg, path=str(path)) from e
        names = [service.name for service in version.services]
        logger.info('Deployed %d service(s) from `%s` -> %s', len(names), path, names, extra={'action': 'deploy.done'})
        for warning in warnings:
            logger.warning('%s', warning, extra={'action': 'deploy.warning'})
        return Activated(version, tuple(warnings), event)

    def rollback(self, name: str, number: int, actor: Actor) -> tuple[ModuleVersion, int]:
        """Make an earlier version of a module the active one, as far as it still works with what it imports.

        number: 0 for the newest one before the active one, or the newest of an undeployed module. Returns it and the event.
        Raises NotFound, Conflict, DeploymentError, IPCError, ODBUnavailable.
        """
        for _ in range(TRIES):
            snapshot = self._store.read()
            wanted = self._earlier(name, number, snapshot.modules.get(name))
            source = self._store.texts_of([wanted.sha256])[wanted.sha256].read_bytes()
            others = {other: version for other, version in snapshot.modules.items() if other != name}
            dependants = snapshot.dependants(name)
            checked, *_ = self._run_check(wanted.path, name, source, dependants, others)
            self._refuse_names_in_use(wanted.path, checked, others)
            reload = [item.module for item in dependants]
            try:
                return wanted, self._store.activate(
                    wanted, source, None, reload, (), based_on=snapshot.revision, actor=actor
                )
            except Outdated:
                continue
        raise Conflict(msg='Other modules were deployed again and again meanwhile; try again')

    def _earlier(self, name: str, number: int, active: ModuleVersion | None) -> ModuleVersion:
        versions = self._store.versions_of(name)
        if number:
            found = [version for version in versions if version.number == number]
        else:
            found = [version for version in versions if active is None or version.number < active.number]
        if not found:
            kept = ', '.join(str(version.number) for version in versions)
            which = f'version {number}' if number else 'earlier version'
            raise NotFound(msg=f'Module `{name}` has no {which}; it has: {kept}')
        if active is not None and found[0].number == active.number:
            raise Conflict(msg=f'Version {active.number} of module `{name}` is the active one already')
        return found[0]

    def _is_elsewhere(self, version: ModuleVersion, path: Path) -> bool:
        """Was it deployed from another file of this very server, which is still there?"""
        return version.server == self._store.server and version.path != str(path) and os.path.exists(version.path)

    def _refuse(self, path: Path, seen: Seen, e: DeploymentError) -> None:
        if isinstance(e, CheckFailed):
            seen = replace(seen, missing=e.missing, is_late=e.is_late)
        self._store.remember(str(path), replace(seen, error=e.msg))
        details = f'\n{e.details.rstrip()}' if e.details else ''
        logger.error('Not deployed: %s%s', e.msg, details, extra={'action': 'deploy.failed'})
        self._begin_alarm(path, e.msg, _WHAT_TO_DO)

    def _retry_refused(self) -> None:
        """What was refused since it could not import a module may work now, if that has been deployed since, by whomever."""
        try:
            snapshot = self._store.read()
        except ODBUnavailable:
            return  # the next look is soon
        since, self._retried_at = self._retried_at, snapshot.revision
        names = {name.split('.')[0] for name, version in snapshot.modules.items() if version.revision > since}
        if names:
            for key, seen in self._store.seen().items():
                if seen.error and seen.missing.split('.')[0] in names:
                    self.deploy(Path(key))

    def _prepare(
        self, path: Path, source: bytes, seen: Seen, snapshot: Snapshot
    ) -> tuple[ModuleVersion, list[str], list[str], list[str]]:
        """The new version, warnings, and names of modules to load anew and to remove. Raises DeploymentError."""
        key = str(path)
        module = module_name(path)
        if not module.isprintable():
            raise DeploymentError('the name of the file cannot be printed in UTF-8; rename it', path=key)
        before = snapshot.modules.get(module)
        if before is not None and self._is_elsewhere(before, path):
            raise DeploymentError(f'there is a module `{module}` already, from {before.path}', path=key)
        moved = self._moved_from(module, seen.sha256, snapshot)
        others = {name: version for name, version in snapshot.modules.items() if name not in (module, *moved)}
        dependants = [version for version in snapshot.dependants(module) if version.module in others]
        checked, *_ = self._run_check(key, module, source, dependants, others)
        self._refuse_names_in_use(key, checked, others)
        self._refuse_lost_handlers(key, checked, before)
        version = ModuleVersion(
            path=key,
            module=module,
            server=self._store.server,
            sha256=seen.sha256,
            services=checked.services,
            imports=tuple(sorted(others.keys() & set(checked.imports))),
        )
        return version, _warnings(key, checked, before), [item.module for item in dependants], moved

    def _moved_from(self, module: str, digest: str, snapshot: Snapshot) -> list[str]:
        """Modules that this file replaces since it has their text and their own files, on this server, are gone.

        The user renamed the file. A module that others import by its old name stays, or they could not be loaded again.
        """
        return [
            name
            for name, version in snapshot.modules.items()
            if name != module
            and version.sha256 == digest
            and version.server == self._store.server
            and not snapshot.dependants(name)
            and not os.path.exists(version.path)
        ]

    def _run_check(
        self,
        key: str,
        module: str,
        source: bytes,
        dependants: list[ModuleVersion],
        others: dict[str, ModuleVersion],
    ) -> list[Checked]:
        self._text_directory.mkdir(parents=True, exist_ok=True)
        candidate = self._text_directory / f'candidate-{os.getpid()}-{next(self._candidates)}.py'
        candidate.write_bytes(source)
        changed = [ModuleText(module=module, path=key, text_path=str(candidate))]
        texts = self._store.texts_of(version.sha256 for version in others.values())

        def text_of(version: ModuleVersion) -> ModuleText:
            return ModuleText(module=version.module, path=version.path, text_path=str(texts[version.sha256]))

        again = {version.module for version in dependants}
        changed += [text_of(version) for version in dependants]
        try:
            return self._check(changed, [text_of(version) for name, version in others.items() if name not in again])
        finally:
            candidate.unlink(missing_ok=True)

    def _refuse_names_in_use(self, key: str, checked: Checked, others: dict[str, ModuleVersion]) -> None:
        taken = {service.name: (version, service) for version in others.values() for service in version.services}
        for service in checked.services:
            if service.name in self._internal or is_reserved(service.name):
                raise DeploymentError(f'`{service.name}` is reserved for built-in services', path=key, line=service.line)
            if service.name in taken:
                version, first = taken[service.name]
                where = f'{version.path}:{first.line} (class {first.class_name})'
                raise DeploymentError(f'service `{service.name}` exists already, in {where}', path=key, line=service.line)

    def _refuse_lost_handlers(self, key: str, checked: Checked, before: ModuleVersion | None) -> None:
        """A service that works must not go because its method was misspelt."""
        served = {service.class_name for service in before.services} if before else set()
        for class_name, line in checked.without_handler:
            if class_name in served:
                raise DeploymentError(f'class {class_name} no longer has a method `handle`', path=key, line=line)


def _warnings(key: str, checked: Checked, before: ModuleVersion | None) -> list[str]:
    warnings = [
        f'{key}:{line}: class {name} has no method `handle`, so it is not a service'
        for name, line in checked.without_handler
    ]
    if checked.is_shadowed:
        warnings.append(f'{key}: other modules cannot import it, since `import {checked.module}` means another module')
    if before is not None:
        gone = sorted({item.name for item in before.services} - {item.name for item in checked.services})
        if gone:
            warnings.append(f'{key}: no longer in the file, so no longer deployed: {gone}')
    return warnings
