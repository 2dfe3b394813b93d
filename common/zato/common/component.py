"""Directories of components: what each is, told by its `.zato-info`."""

from __future__ import annotations

import getpass
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from zato.common.exception import ConfigError
from zato.common.lock import owner_of
from zato.common.version import version

INFO_FILE = '.zato-info'

Component = Literal['SERVER', 'QUICKSTART']


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
        if info['component'] in ('SERVER', 'QUICKSTART'):
            return dict(info)
    except FileNotFoundError:
        if not path.is_dir():
            raise ConfigError(f'{path} does not exist') from None
        raise ConfigError(f'{path} is not a component: there is no {INFO_FILE} in it') from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ConfigError(f'cannot be read: {e}', path=str(file)) from None
    raise ConfigError(f'unknown component {info["component"]!r}', path=str(file))


class ServerDirectory:
    """Where everything is in a server's directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.name = self.path.name
        self.repo = self.path / 'config' / 'repo'
        self.server_conf = self.repo / 'server.conf'
        self.logging_conf = self.repo / 'logging.conf'
        self.secrets_conf = self.repo / 'secrets.conf'
        self.pickup_conf = self.repo / 'pickup.conf'
        self.user_conf = self.repo / 'user.conf'
        self.logs = self.path / 'logs'
        self.server_log = self.logs / 'server.log'
        self.services = self.path / 'pickup' / 'incoming' / 'services'
        self.user_conf_dir = self.path / 'pickup' / 'incoming' / 'user-conf'
        self.work = self.path / 'work'
        self.hot_deploy = self.work / 'hot-deploy'
        self.lock = self.work / 'server.lock'
        self.address = self.work / 'address'  #: host:port that the running server listens on
        self.pidfile = self.path / 'pidfile'

    def running_pid(self) -> int:
        """The arbiter's process ID, 0 if it does not run."""
        return owner_of(self.lock)
