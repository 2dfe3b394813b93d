"""Deploys texts that administrators send, as files of the pickup folder.

A text is checked first. Its file is put into the folder in the transaction that makes it the active version, or not at all,
so that what is served and what lies there do not differ, whatever fails; whoever watches the folder finds nothing new.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex

from zato.common.config.field import shown
from zato.common.exception import BadRequest, Conflict, ContentTooLarge, DeploymentError, IPCError, ServiceUnavailable
from zato.server.config.cooperation import Places
from zato.server.deploy.deployer import TRIES, Deployer, is_deployable, read_file
from zato.server.deploy.seen import Seen
from zato.server.deploy.versions import ModuleStore, Outdated, digest_of
from zato.server.propagate.ledger import Actor
from zato.server.service.naming import module_name

_LONGEST = 200  #: bytes of a file's name
_PATIENCE = 30.0  #: seconds that an upload waits for others before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """event: by which the text has become the active version, 0 if it was already."""

    path: Path
    sha256: str
    event: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return module_name(self.path)


class Uploads:
    """folder: that files are put into. max_size: bytes, of a file."""

    def __init__(self, deployer: Deployer, store: ModuleStore, folder: Path, max_size: int) -> None:
        self._deployer = deployer
        self._store = store
        self._folder = folder
        self._max_size = max_size
        self._turn = Places(1)  # of this worker's: only those of others can come in between

    def upload(self, name: str, source: bytes, actor: Actor) -> Uploaded:
        """Deploy a text, and have it in the folder under this name. Workers are not told of it.

        Raises BadRequest for the name, ContentTooLarge, DeploymentError for what cannot be deployed, ServiceUnavailable,
        Conflict if others deploy again and again meanwhile, ODBUnavailable.
        """
        path = self._path_of(name)
        if len(source) > self._max_size:
            text = f'{name} has {len(source)} bytes, and [hot_deploy] max_size is {self._max_size}'
            raise ContentTooLarge(msg=text)
        if not self._turn.acquire(_PATIENCE):
            raise ServiceUnavailable(msg=f'Other uploads are still being checked; upload {name} again')
        try:
            return self._deploy(path, source, actor)
        finally:
            self._turn.release()

    def _deploy(self, path: Path, source: bytes, actor: Actor) -> Uploaded:
        name, digest = path.name, digest_of(source)
        place = partial(_place, path, source)
        for _ in range(TRIES):
            last = self._store.seen_at(str(path))
            seen = Seen(sha256=digest, attempt=last.attempt + 1 if last else 1)
            try:
                activated = self._deployer.activate(path, source, seen, actor=actor, place=place)
            except Outdated:
                continue
            except IPCError as e:
                raise ServiceUnavailable(msg=f'{name} could not be checked: {e}; upload it again') from e
            if activated is not None:
                return Uploaded(path=path, sha256=digest, event=activated.event, warnings=activated.warnings)
            self._put_back(path, source, seen, last)
            return Uploaded(path=path, sha256=digest)
        raise Conflict(msg=f'Other modules were deployed again and again meanwhile; upload {name} again')

    def _path_of(self, name: str) -> Path:
        """Raises BadRequest."""
        path = self._folder / name
        is_plain = name.isprintable() and '/' not in name and len(name.encode()) <= _LONGEST
        if not is_plain or not is_deployable(path):
            rule = f'must be that of a Python file, such as my_services.py, without a directory, at most {_LONGEST} bytes'
            raise BadRequest(msg=f'The name of the file {rule}; got {shown(name)}', needs_msg=True)
        return path

    def _put_back(self, path: Path, source: bytes, seen: Seen, last: Seen | None) -> None:
        """It is the active version already; the file may have been changed, or removed, since."""
        try:
            is_there = read_file(path, self._max_size) == source
        except OSError:
            is_there = False
        if not is_there:
            _place(path, source)
        if last is None or last.error or last.sha256 != seen.sha256:
            self._store.remember(str(path), seen)


def _place(path: Path, source: bytes) -> None:
    """In one step, for whoever looks. Raises DeploymentError."""
    temporary = path.with_name(f'.{path.name}.{token_hex(4)}')
    try:
        temporary.write_bytes(source)
        temporary.replace(path)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise DeploymentError(f'it cannot be put there: {e.strerror}', path=str(path)) from e
