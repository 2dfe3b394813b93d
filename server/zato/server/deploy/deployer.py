"""Decides what becomes of a file that changed: deployed, or refused with a reason. One at a time, in one process a server.

A file is deployed when its content differs from what was last seen at its path, or when that content was refused before.
It is never deployed because it differs from the active version: undoing a rollback is not what saving a file means.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from zato.common.alarm import Alarms
from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.exception import DeploymentError, IPCError
from zato.server.deploy.checker import Checked, CheckFailed, ModuleText
from zato.server.deploy.versions import ModuleStore, ModuleVersion, Seen, Snapshot, StoreUnavailable, digest_of
from zato.server.service.naming import is_reserved, module_name

logger = logging.getLogger(__name__)

#: Imports (changed, others), returns what they are. Raises DeploymentError, IPCError.
Check = Callable[[list[ModuleText], list[ModuleText]], list[Checked]]

_FIRST = ('common', 'util', 'model')  #: files whose names begin so are deployed before others (source: classic Zato)
_WHAT_TO_DO = 'mend the file and save it again; what was deployed from it before goes on'


def is_deployable(path: Path) -> bool:
    """Is it a file of the kind that is deployed, by its name?"""
    return path.suffix == '.py' and not path.name.startswith('.')


def in_order(paths: Iterable[Path]) -> list[Path]:
    def rank(path: Path) -> tuple[int, str]:
        return next((i for i, start in enumerate(_FIRST) if path.name.startswith(start)), len(_FIRST)), path.name

    return sorted(paths, key=rank)


class Deployer:
    """`deployed` is called with the new revision after each deployment. internal: names of built-in services."""

    def __init__(
        self,
        store: ModuleStore,
        check: Check,
        alarms: Alarms,
        internal: frozenset[str],
        deployed: Callable[[int], None],
        text_directory: Path,
        max_size: int,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """text_directory: where a text is put for the checker to read. max_size: bytes, of a file."""
        self._store = store
        self._check = check
        self._alarms = alarms
        self._internal = internal
        self._deployed = deployed
        self._candidate = text_directory / 'candidate.py'
        self._max_size = max_size
        self._clock = clock
        self._alarmed: set[Path] = set()

    def scan(self, directories: Iterable[Path], *, retry: bool = False) -> None:
        """Deploy whatever changed in these directories.

        retry: what was refused before, except for taking too long, is tried again, for what it lacked may be there now.
        """
        try:
            late = {key for key, seen in self._store.read().seen.items() if seen.is_late}
        except StoreUnavailable as e:
            logger.error('Nothing is deployed: %s', e, extra={'action': 'deploy.failed'})
            return
        for directory in directories:
            if directory.is_dir():
                for path in in_order(filter(is_deployable, directory.iterdir())):
                    self.deploy(path, retry=retry and str(path) not in late)

    def deploy(self, path: Path, *, retry: bool = True) -> None:
        """Deploy a file if it changed. Errors are logged, and remembered for the receipt; none is raised.

        retry: if it was refused with this very content before, try again.
        """
        if not is_deployable(path):
            return
        try:
            self._deploy_changed(path, self._read(path), retry)
        except FileNotFoundError:
            self._end_alarm(path)  # gone again; removing a file undeploys nothing
        except (OSError, StoreUnavailable) as e:
            self._begin_alarm(path, f'not deployed: {e}', 'mend that, then save the file again', log=True)
        except Exception as e:
            logger.exception('%s was not deployed', path, extra={'action': 'deploy.failed'})
            self._begin_alarm(path, f'{type(e).__name__}: {e}', 'see server.log')

    def end_alarms_of_gone_files(self) -> None:
        """A file that was refused and is gone needs nobody any more."""
        for path in [path for path in self._alarmed if not path.exists()]:
            self._end_alarm(path)

    def _deploy_changed(self, path: Path, source: bytes, retry: bool) -> None:
        digest = digest_of(source)
        snapshot = self._store.read()
        last, active = snapshot.seen.get(str(path)), snapshot.modules.get(str(path))
        is_lost = active is not None and active.sha256 == digest and not self._store.path_of(digest).exists()
        if last is not None and last.sha256 == digest and not (last.error and retry) and not is_lost:
            if last.error:
                self._begin_alarm(path, last.error, _WHAT_TO_DO)
            else:
                self._end_alarm(path)
            return
        self._deploy_or_refuse(path, source, Seen(sha256=digest, attempt=last.attempt + 1 if last else 1))

    def _begin_alarm(self, path: Path, what: str, what_to_do: str, *, log: bool = False) -> None:
        self._alarms.begin(f'deploy:{path}', what, what_to_do, action='deploy.failed', log=log)
        self._alarmed.add(path)

    def _end_alarm(self, path: Path) -> None:
        self._alarms.end(f'deploy:{path}')
        self._alarmed.discard(path)

    def _deploy_or_refuse(self, path: Path, source: bytes, seen: Seen) -> None:
        key = str(path)
        try:
            version, warnings, reload, removed = self._prepare(path, source, seen)
        except DeploymentError as e:
            self._refuse(path, seen, e)
            return
        except IPCError as e:
            self._refuse(path, seen, DeploymentError(f'it could not be checked: {e}; save it again', path=key))
            return
        revision = self._store.activate(version, source, replace(seen, warnings=tuple(warnings)), reload, removed)
        names = [service.name for service in version.services]
        logger.info('Deployed %d service(s) from `%s` -> %s', len(names), path, names, extra={'action': 'deploy.done'})
        for warning in warnings:
            logger.warning('%s', warning, extra={'action': 'deploy.warning'})
        self._end_alarm(path)
        self._deployed(revision)
        self._retry_those_missing(version.module)

    def _refuse(self, path: Path, seen: Seen, e: DeploymentError) -> None:
        if isinstance(e, CheckFailed):
            seen = replace(seen, missing=e.missing, is_late=e.is_late)
        self._store.refuse(str(path), replace(seen, error=e.msg))
        details = f'\n{e.details.rstrip()}' if e.details else ''
        logger.error('Not deployed: %s%s', e.msg, details, extra={'action': 'deploy.failed'})
        self._begin_alarm(path, e.msg, _WHAT_TO_DO)

    def _retry_those_missing(self, module: str) -> None:
        """What was refused since it could not import `module` may work now."""
        for key, seen in self._store.read().seen.items():
            if seen.error and seen.missing.split('.')[0] == module.split('.')[0]:
                self.deploy(Path(key))

    def _read(self, path: Path) -> bytes:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError('it is not a regular file')  # opening a FIFO would wait for ever
        if status.st_size > self._max_size:
            raise OSError(f'it has more than {self._max_size} bytes')
        return path.read_bytes()

    def _prepare(self, path: Path, source: bytes, seen: Seen) -> tuple[ModuleVersion, list[str], list[str], list[str]]:
        """The new version, warnings, and paths of modules to load anew and to remove. Raises DeploymentError."""
        snapshot = self._store.read()
        key = str(path)
        module = module_name(path)
        moved = self._moved_from(path, module, seen.sha256, snapshot)
        others = {other: version for other, version in snapshot.modules.items() if other not in (key, *moved)}
        if not module.isprintable():
            raise DeploymentError('the name of the file cannot be printed in UTF-8; rename it', path=key)
        for other in others.values():
            if other.module == module:
                raise DeploymentError(f'there is a module `{module}` already, from {other.path}', path=key)
        dependants = [version for version in snapshot.dependants(module) if version.path in others]
        checked, *_ = self._run_check(key, module, source, dependants, others)
        self._refuse_names_in_use(key, checked, others)
        before = snapshot.modules.get(key)
        self._refuse_lost_handlers(key, checked, before)
        version = ModuleVersion(
            path=key,
            module=module,
            sha256=seen.sha256,
            number=0,
            revision=0,
            deployed=self._clock.utcnow().isoformat(),
            services=checked.services,
            imports=tuple(sorted({other.module for other in others.values()}.intersection(checked.imports))),
        )
        return version, _warnings(key, checked, before), [item.path for item in dependants], moved

    def _moved_from(self, path: Path, module: str, digest: str, snapshot: Snapshot) -> list[str]:
        """Paths of modules that this file replaces since their own files are gone and it is the same module.

        The same text or the same module's name elsewhere means that the user moved or renamed the file. A module that
        others import by its old name stays, or they could not be loaded again.
        """
        return [
            other
            for other, version in snapshot.modules.items()
            if other != str(path)
            and (version.module == module or (version.sha256 == digest and not snapshot.dependants(version.module)))
            and not Path(other).exists()
        ]

    def _run_check(
        self,
        key: str,
        module: str,
        source: bytes,
        dependants: list[ModuleVersion],
        others: dict[str, ModuleVersion],
    ) -> list[Checked]:
        self._candidate.parent.mkdir(parents=True, exist_ok=True)
        self._candidate.write_bytes(source)
        changed = [ModuleText(module=module, path=key, text_path=str(self._candidate))]
        changed += [self._text_of(version) for version in dependants]
        again = {version.path for version in dependants}
        return self._check(changed, [self._text_of(version) for path, version in others.items() if path not in again])

    def _text_of(self, version: ModuleVersion) -> ModuleText:
        return ModuleText(module=version.module, path=version.path, text_path=str(self._store.path_of(version.sha256)))

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
