"""Directories of new servers and dashboards, with their configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zato.cli.error import DIRECTORY_NOT_EMPTY, INVALID_INPUT, CommandError
from zato.common.component import ComponentDirectory, ServerDirectory, WebAdminDirectory, write_info
from zato.common.config import server_conf, web_admin_conf
from zato.common.config.reader import SECRET_PREFIX
from zato.common.config.secrets import secrets_text
from zato.common.crypto import Cipher, new_key
from zato.common.exception import CryptoError

if TYPE_CHECKING:
    from zato.common.odb.address import ODBAddress
    from zato.common.odb.cluster import Cluster

_OF_SERVER = (
    'config/repo',
    'logs',
    'pickup/incoming/services',
    'pickup/incoming/user-conf',
    'work/hot-deploy',
)
_OF_WEB_ADMIN = ('config/repo', 'logs', 'work')
_LOGS_OF_SERVER = ('server.log', 'http_access.log', 'ibm-mq.log', 'pubsub.log')
_LOGS_OF_WEB_ADMIN = ('web-admin.log', 'access.log')


def make_empty(path: Path) -> None:
    """Create the directory. Raises CommandError if there is something in it."""
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise CommandError(f'{path} is not empty; name a directory that is, or that does not exist', DIRECTORY_NOT_EMPTY)


def cipher_of(key: str) -> Cipher:
    """Raises CommandError."""
    try:
        return Cipher(key)
    except CryptoError as e:
        raise CommandError(str(e), INVALID_INPUT) from None


def make_server(
    path: Path, server_name: str, cluster: Cluster, *, port: int, workers: int, key: str, odb: ODBAddress
) -> None:
    """Fill an empty directory."""
    directory = ServerDirectory(path)
    secrets = {'pubapi_password': cluster.pubapi_password, 'admin_invoke_password': cluster.admin_invoke_password}
    conf: dict[str, dict[str, Any]] = {
        'main': {'gunicorn_bind': f'0.0.0.0:{port}', 'gunicorn_workers': workers},
        'odb': {'engine': odb.engine, 'db_name': odb.db_name},
    }
    if odb.is_sqlite and Path(odb.db_name).is_relative_to(directory.path.parent):
        conf['odb']['db_name'] = os.path.relpath(odb.db_name, directory.repo)
    elif not odb.is_sqlite:
        conf['odb'].update(host=odb.host, port=odb.port, username=odb.username)
        if odb.password:
            conf['odb']['password'] = f'{SECRET_PREFIX}zato.odb_password'
            secrets['odb_password'] = odb.password
    _make_directories(path, _OF_SERVER)
    _write_conf(directory, server_conf.template(conf), secrets_text(key, secrets))
    for name in ('logging.conf', 'pickup.conf', 'user.conf'):
        copy_template(name, directory.repo / name)
    _touch_logs(directory, _LOGS_OF_SERVER)
    write_info(path, 'SERVER', server_name=server_name, cluster_name=cluster.name)


def make_web_admin(path: Path, servers: Mapping[str, str], *, port: int, key: str, admin_invoke_password: str) -> None:
    """Fill an empty directory. servers: name → address, or the directory of a server, as web-admin.conf has them."""
    directory = WebAdminDirectory(path)
    secrets = {'admin_invoke_password': admin_invoke_password, 'django_secret_key': new_key()}
    conf = {'main': {'gunicorn_bind': f'0.0.0.0:{port}'}, 'servers': servers}
    _make_directories(path, _OF_WEB_ADMIN)
    _write_conf(directory, web_admin_conf.template(conf), secrets_text(key, secrets))
    copy_template('web-admin/logging.conf', directory.logging_conf)
    _touch_logs(directory, _LOGS_OF_WEB_ADMIN)
    write_info(path, 'WEB_ADMIN')


def copy_template(name: str, target: Path) -> None:
    target.write_bytes(files('zato.cli').joinpath('templates', name).read_bytes())


def _make_directories(path: Path, names: tuple[str, ...]) -> None:
    path.chmod(0o750)  # configuration and logs are nobody else's
    for name in names:
        (path / name).mkdir(parents=True)


def _write_conf(directory: ComponentDirectory, conf: str, secrets: str) -> None:
    directory.conf.touch(mode=0o640)  # it may come to hold secrets
    directory.conf.write_text(conf, encoding='utf-8')
    directory.secrets_conf.touch(mode=0o600)
    directory.secrets_conf.write_text(secrets, encoding='utf-8')


def _touch_logs(directory: ComponentDirectory, names: tuple[str, ...]) -> None:
    for name in names:
        (directory.logs / name).touch(mode=0o640)
