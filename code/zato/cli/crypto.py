"""`zato encrypt`, `zato decrypt`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from zato.cli.component import PATH, server_of
from zato.cli.error import CONFLICTING_OPTIONS, CommandError
from zato.common.config.secrets import Secrets
from zato.common.crypto import Cipher


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for decorate in (
        click.option('--path', type=PATH, help='A server whose key to use.'),
        click.option('--secret-key', default='', help='The key itself.'),
        click.option('--data', required=True, help='What to encrypt or decrypt.'),
    ):
        function = decorate(function)
    return function


@click.command()
@_options
def encrypt(data: str, secret_key: str, path: Path | None) -> None:
    """Print the encrypted form of --data."""
    click.echo(_cipher(secret_key, path).encrypt(data))


@click.command()
@_options
def decrypt(data: str, secret_key: str, path: Path | None) -> None:
    """Print what --data was before it was encrypted."""
    click.echo(_cipher(secret_key, path).decrypt(data))


def _cipher(secret_key: str, path: Path | None) -> Cipher:
    if bool(secret_key) == (path is not None):
        raise CommandError('Give either --secret-key or --path', CONFLICTING_OPTIONS)
    if path is None:
        return Cipher(secret_key)
    return Secrets(server_of(path).secrets_conf, os.environ).cipher
