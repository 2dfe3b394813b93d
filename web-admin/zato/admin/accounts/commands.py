"""What the command line does with users, also while the dashboard runs."""

from __future__ import annotations

import argparse
import sys

from django.db import DatabaseError

from zato.admin.accounts import attempts, changes, totp
from zato.admin.runtime import runtime
from zato.common.exception import ConfigError


def run(arguments: argparse.Namespace) -> None:
    """Raises ZatoException."""
    commands = {'create-user': _create, 'update-password': _update_password, 'reset-totp-key': _reset_totp_key}
    try:
        commands[arguments.command](arguments)
    except DatabaseError as e:
        raise ConfigError(f"the dashboard's database cannot be written: {e}") from None


def _create(arguments: argparse.Namespace) -> None:
    changes.create(username=arguments.username, email=arguments.email, role=arguments.role, password=_password_from_stdin())
    print('OK')


def _update_password(arguments: argparse.Namespace) -> None:
    """It also ends a lock-out."""
    user = changes.find(arguments.username)
    changes.change(user, is_stale_fine=True, password=changes.hashed(_password_from_stdin(), user))
    attempts.forget(user.username)
    print('OK')


def _reset_totp_key(arguments: argparse.Namespace) -> None:
    user = changes.find(arguments.username)
    if arguments.off:
        changes.change(user, is_stale_fine=True, totp_key='')
        print('OK')
        return
    new = totp.NewKey(totp.new_key(), user.username)
    changes.change(user, is_stale_fine=True, totp_key=runtime().cipher.encrypt(new.key), totp_step=0)
    print(f'TOTP key: {new.key}\n{new.uri}')


def _password_from_stdin() -> str:
    """One line."""
    return sys.stdin.readline().rstrip('\r\n')
