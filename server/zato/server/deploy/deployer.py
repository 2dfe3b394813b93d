"""Decides what becomes of a file that changed: deployed, or refused with a reason. One at a time, in one process a server.

A file is deployed when its content differs from what was last seen at its path, or when that content was refused before.
It is never deployed because it differs from the active version: undoing a rollback is not what saving a file means.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from zato.common.alarm import Alarms
from zato.common.clock import SYSTEM_CLOCK, Clock
from zato.common.exception import DeploymentError, IPCError
from zato.server.deploy.checker import Checked, CheckFailed, ModuleText
from zato.server.deploy.loader import imported_names
from zato.server.deploy.versions import ModuleStore, ModuleVersion, Seen, Snapshot, digest_of
from zato.server.service.naming import is_reserved, module_name

logger = logging.getLogger(__name__)

#: Imports (changed, others), returns what they are. Raises DeploymentError, IPCError.
Check = Callable[[list[ModuleText], list[ModuleText]], list[Checked]]

_MAX_SIZE = 10_485_760
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
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """text_directory: where a text is put for the checker to read."""
        self._store = store
        self._check = check
        self._alarms = alarms
        self._internal = internal
        self._deployed = deployed
        self._candidate = text_directory / 'candidate.py'
        self._clock = clock

    def scan(self, directories: Iterable[Path], *, retry: bool = False) -> None:
        """Deploy whatever changed in these directories.

        retry: what was refused before, except for taking too long, is tried again, for what it lacked may be there now.
        """
        for directory in directories:
            if directory.is_dir():
                for path in in_order(filter(is_deployable, directory.iterdir())):
                    self.deploy(path, retry=retry and not self._was_late(path))

    def deploy(self, path: Path, *, retry: bool = True) -> None:
        """Deploy a file if it changed. Errors are logged, and remembered for the receipt; none is raised.

        retry: if it was refused with this very content before, try again.
        """
        if not is_deployable(path):
            return
        key = str(path)
        try:
            source = self._read(path)
        except FileNotFoundError:
            return  # gone again; removing a file undeploys nothing
        except OSError as e:
            logger.error('%s cannot be read: %s', path, e, extra={'action': 'deploy.failed'})
            return
        digest = digest_of(source)
        try:
            last = self._store.read().seen.get(key)
            if last is not None and last.sha256 == digest and not (last.error and retry):
                if last.error:
                    self._alarms.begin(f'deploy:{key}', last.error, _WHAT_TO_DO, action='deploy.failed', log=False)
                return
            seen = Seen(sha256=digest, attempt=last.attempt + 1 if last else 1)
            self._deploy_or_refuse(path, source, seen)
        except (OSError, ValueError) as e:
            logger.exception('%s was not deployed', path, extra={'action': 'deploy.failed'})
            self._alarms.begin(f'deploy:{key}', str(e), 'see server.log', action='deploy.failed', log=False)

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
        self._alarms.end(f'deploy:{key}')
        self._deployed(revision)
        self._retry_those_missing(version.module)

    def _refuse(self, path: Path, seen: Seen, e: DeploymentError) -> None:
        if isinstance(e, CheckFailed):
            seen = replace(seen, missing=e.missing, is_late=e.is_late)
        self._store.refuse(str(path), replace(seen, error=e.msg))
        details = f'\n{e.details.rstrip()}' if e.details else ''
        logger.error('Not deployed: %s%s', e.msg, details, extra={'action': 'deploy.failed'})
        self._alarms.begin(f'deploy:{path}', e.msg, _WHAT_TO_DO, action='deploy.failed', log=False)

    def _retry_those_missing(self, module: str) -> None:
        """What was refused since it could not import `module` may work now."""
        for key, seen in self._store.read().seen.items():
            if seen.error and seen.missing.split('.')[0] == module.split('.')[0]:
                self.deploy(Path(key))

    def _was_late(self, path: Path) -> bool:
        seen = self._store.read().seen.get(str(path))
        return seen is not None and seen.is_late

    def _read(self, path: Path) -> bytes:
        source = path.read_bytes()
        if len(source) > _MAX_SIZE:
            raise OSError(f'it has more than {_MAX_SIZE} bytes')
        return source

    def _prepare(self, path: Path, source: bytes, seen: Seen) -> tuple[ModuleVersion, list[str], list[str], list[str]]:
        """The new version, warnings, and paths of modules to load anew and to remove. Raises DeploymentError."""
        snapshot = self._store.read()
        key = str(path)
        module = module_name(path)
        moved = self._moved_from(path, module, snapshot)
        others = {other: version for other, version in snapshot.modules.items() if other not in (key, *moved)}
        imports = self._imports(key, source, module, others)
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
            imports=imports,
        )
        return version, _warnings(key, checked, before), [item.path for item in dependants], moved

    def _moved_from(self, path: Path, module: str, snapshot: Snapshot) -> list[str]:
        """Paths of modules that this file replaces since their own files are gone and it is the same module.

        The same text or the same module's name elsewhere means that the user moved or renamed the file.
        """
        digest = digest_of(path.read_bytes())
        return [
            other
            for other, version in snapshot.modules.items()
            if other != str(path) and (version.sha256 == digest or version.module == module) and not Path(other).exists()
        ]

    def _imports(self, key: str, source: bytes, module: str, others: dict[str, ModuleVersion]) -> tuple[str, ...]:
        for other in others.values():
            if other.module == module:
                raise DeploymentError(f'there is a module `{module}` already, from {other.path}', path=key)
        try:
            names = imported_names(source)
        except (SyntaxError, ValueError) as e:
            line = getattr(e, 'lineno', None) or 0
            text = getattr(e, 'text', None) or ''
            reason = getattr(e, 'msg', None) or str(e)
            details = f'    {text.strip()}' if text.strip() else ''
            raise DeploymentError(f'{type(e).__name__}: {reason}', path=key, line=line, details=details) from None
        return tuple(sorted({version.module for version in others.values()} & names))

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
