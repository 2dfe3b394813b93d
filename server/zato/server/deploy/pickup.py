"""What lies in the folders that a server deploys from, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from zato.server.config.cooperation import Slices
from zato.server.deploy.deployer import in_order, is_deployable, read_file
from zato.server.deploy.seen import Seen
from zato.server.deploy.versions import ModuleStore, ModuleVersion, Snapshot, digest_of
from zato.server.service.naming import module_name

#: deployed: it is what is active of its module. refused: see `error`. pending: the server has not come to it yet.
#: replaced: another version of its module is active. undeployed: none is. gone: not there any more, and still served.
State = Literal['deployed', 'refused', 'pending', 'replaced', 'undeployed', 'gone']


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedUp:
    """saved: when the file was last written. deployed: when the active version of its module was. UTC, ISO 8601, or ''.

    number: of that version, 0 if there is none.
    """

    path: str
    module: str
    state: State
    error: str = ''
    warnings: tuple[str, ...] = ()
    saved: str = ''
    deployed: str = ''
    number: int = 0


class PickupFolders:
    """max_size: bytes of a file, as the deployer has it. Methods raise ODBUnavailable."""

    def __init__(self, store: ModuleStore, directories: Sequence[Path], max_size: int) -> None:
        self._store = store
        self._directories = directories
        self._max_size = max_size

    def files(self) -> list[PickedUp]:
        """By path."""
        seen, snapshot = self._store.seen(), self._store.read()
        found, slices = [], Slices()
        for path in dict.fromkeys(self._paths()):
            found.append(self._describe(path, seen.get(str(path)), snapshot))
            slices.now_and_then()
        found += [
            _described(Path(version.path), 'gone', version, seen.get(version.path))
            for version in snapshot.modules.values()
            if version.server == self._store.server and not os.path.exists(version.path)
        ]
        return sorted(found, key=lambda item: item.path)

    def refused(self) -> dict[str, str]:
        """Why a file that is there was not deployed, by its module."""
        found = [(Path(key), seen.error) for key, seen in self._store.seen().items() if seen.error]
        return {module_name(path): error for path, error in found if path.exists()}

    def _paths(self) -> Iterator[Path]:
        for directory in self._directories:
            if directory.is_dir():
                yield from in_order(filter(is_deployable, directory.iterdir()))

    def _describe(self, path: Path, seen: Seen | None, snapshot: Snapshot) -> PickedUp:
        active = snapshot.modules.get(module_name(path))
        try:
            digest = digest_of(read_file(path, self._max_size))
        except OSError as e:
            return _described(path, 'refused', active, seen, error=f'{path}: {e}')
        if seen is None or seen.sha256 != digest:
            return _described(path, 'pending', active, None)
        if seen.error:
            return _described(path, 'refused', active, seen)
        if active is None:
            return _described(path, 'undeployed', active, seen)
        return _described(path, 'deployed' if active.sha256 == digest else 'replaced', active, seen)


def _described(path: Path, state: State, active: ModuleVersion | None, seen: Seen | None, error: str = '') -> PickedUp:
    return PickedUp(
        path=str(path),
        module=module_name(path),
        state=state,
        error=error or (seen.error if seen is not None else ''),
        warnings=seen.warnings if seen is not None else (),
        saved=_saved(path),
        deployed=active.deployed if active is not None else '',
        number=active.number if active is not None else 0,
    )


def _saved(path: Path) -> str:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
    except OSError:
        return ''
