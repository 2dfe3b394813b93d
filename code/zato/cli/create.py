"""`zato create server`, `zato create secret-key`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from zato.cli.component import PATH
from zato.cli.error import DIRECTORY_NOT_EMPTY, INVALID_INPUT, CommandError
from zato.common.component import ServerDirectory, write_info
from zato.common.config.secrets import secrets_text
from zato.common.config.server_conf import template
from zato.common.crypto import Cipher, new_key, new_password

_DIRECTORIES = (
    'config/repo',
    'logs',
    'pickup/incoming/services',
    'pickup/incoming/user-conf',
    'work/hot-deploy',
)
_LOGS = ('server.log', 'http_access.log', 'ibm-mq.log')
_FIRST_PORT = 17010


@click.group()
def create() -> None:
    """Create a server or a secret key."""


@create.command('secret-key')
def secret_key() -> None:
    """Print a new secret key."""
    click.echo(new_key())


@create.command()
@click.argument('path', type=PATH)
@click.argument('cluster_name')
@click.argument('server_name')
@click.option('--http-port', type=click.IntRange(0, 65_535), default=_FIRST_PORT, show_default=True)
@click.option('--workers', '--threads', 'workers', type=click.IntRange(1, 256), default=1, show_default=True)
@click.option('--secret-key', default='', help='A Fernet key; a new one by default.')
def server(path: Path, cluster_name: str, server_name: str, http_port: int, workers: int, secret_key: str) -> None:
    """Create a server's directory at PATH."""
    make_server(path, port=http_port, workers=workers, key=secret_key)
    click.echo('OK')


def make_empty(path: Path) -> None:
    """Create the directory. Raises CommandError if there is something in it."""
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise CommandError(f'{path} is not empty; name a directory that is, or that does not exist', DIRECTORY_NOT_EMPTY)


def make_server(path: Path, *, port: int, workers: int, key: str = '') -> str:
    """key: '' for a new one. Returns the password of user pubapi. Raises CommandError."""
    key = key or new_key()
    try:
        Cipher(key)
    except Exception as e:
        raise CommandError(str(e), INVALID_INPUT) from None
    make_empty(path)
    path.chmod(0o750)  # configuration and logs are nobody else's
    directory = ServerDirectory(path)
    for name in _DIRECTORIES:
        (path / name).mkdir(parents=True)
    directory.server_conf.touch(mode=0o640)  # it may come to hold secrets
    directory.server_conf.write_text(
        template({'main': {'gunicorn_bind': f'0.0.0.0:{port}', 'gunicorn_workers': workers}}), encoding='utf-8'
    )
    directory.secrets_conf.touch(mode=0o600)
    passwords = {'pubapi_password': new_password(), 'admin_invoke_password': new_password()}
    directory.secrets_conf.write_text(secrets_text(key, passwords), encoding='utf-8')
    for name in ('logging.conf', 'pickup.conf', 'user.conf'):
        copy_template(name, directory.repo / name)
    for name in _LOGS:
        (directory.logs / name).touch(mode=0o640)
    write_info(path, 'SERVER')
    return passwords['pubapi_password']


def copy_template(name: str, target: Path) -> None:
    target.write_bytes(files('zato.cli').joinpath('templates', name).read_bytes())
