"""Directories of components: what each is, told by its `.zato-info`."""

from __future__ import annotations

import getpass
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Literal, get_args

from zato.common.exception import ConfigError, ZatoException
from zato.common.lock import FileLock, owner_of
from zato.common.version import version

INFO_FILE = '.zato-info'


class AlreadyRunning(ZatoException):
    """It is running already"""


Component = Literal['SERVER', 'WEB_ADMIN', 'QUICKSTART']


def write_info(path: Path, component: Component, **more: str) -> None:
    """Mark a directory as that of a component. more: such as server_name and cluster_name of a server."""
    info = {
        'version': version,
        'created_user_host': f'{getpass.getuser()}@{socket.gethostname()}',
        'created_ts': datetime.now(UTC).isoformat(),
        'component': component,
        **more,
    }
    (path / INFO_FILE).write_text(json.dumps(info, indent=2) + '\n', encoding='utf-8')


def read_info(path: Path) -> dict[str, str]:
    """Raises ConfigError if the directory is not that of a component."""
    file = path / INFO_FILE
    try:
        info = json.loads(file.read_text(encoding='utf-8'))
        if info['component'] in get_args(Component):
            return dict(info)
    except FileNotFoundError:
        if not path.is_dir():
            raise ConfigError(f'{path} does not exist') from None
        raise ConfigError(f'{path} is not a component: there is no {INFO_FILE} in it') from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ConfigError(f'cannot be read: {e}', path=str(file)) from None
    raise ConfigError(f'unknown component {info["component"]!r}', path=str(file))


class ComponentDirectory:
    """Where is what in the directory of something that runs. stem: what its files are named after."""

    def __init__(self, path: Path, stem: str) -> None:
        self.path = path.resolve()
        self.name = self.path.name
        self.repo = self.path / 'config' / 'repo'
        self.conf = self.repo / f'{stem}.conf'
        self.logging_conf = self.repo / 'logging.conf'
        self.secrets_conf = self.repo / 'secrets.conf'
        self.logs = self.path / 'logs'
        self.log = self.logs / f'{stem}.log'
        self.work = self.path / 'work'
        self.lock = self.work / f'{stem}.lock'
        self.address = self.work / 'address'  #: host:port that it listens on while it runs
        self.pidfile = self.path / 'pidfile'

    def running_pid(self) -> int:
        """The ID of its parent process, 0 if it does not run."""
        return owner_of(self.lock)

    def lock_alone(self, patience: float) -> None:
        """All processes of the component hold the lock, so whoever gets it knows that none is left.

        patience: seconds that those of a run whose parent process is gone may take to end. Raises AlreadyRunning.
        """
        lock = FileLock(self.lock)
        end = monotonic() + patience
        while not lock.acquire():
            pid = self.running_pid()
            if pid:
                raise AlreadyRunning(msg=f'it is running already (pid {pid}); zato stop {self.path}')
            if monotonic() > end:
                raise AlreadyRunning(msg=f'processes of an earlier run have not ended; they hold {self.lock}')
            sleep(0.1)
        lock.write_owner()


class ServerDirectory(ComponentDirectory):
    """Of a server."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 'server')
        self.server_conf = self.conf
        self.pickup_conf = self.repo / 'pickup.conf'
        self.user_conf = self.repo / 'user.conf'
        self.server_log = self.log
        self.services = self.path / 'pickup' / 'incoming' / 'services'
        self.user_conf_dir = self.path / 'pickup' / 'incoming' / 'user-conf'
        self.hot_deploy = self.work / 'hot-deploy'


class WebAdminDirectory(ComponentDirectory):
    """Of a dashboard."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 'web-admin')
        self.web_admin_conf = self.conf
        self.database = self.work / 'web-admin.db'  #: users, sessions, preferences
