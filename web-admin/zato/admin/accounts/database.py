"""The dashboard's own database, a SQLite file that is made and brought up to date when the dashboard starts."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from zato.common.exception import ConfigError
from zato.common.lock import FileLock


def prepare(file: Path) -> None:
    """One process after the other, as commands about users may come while the dashboard starts.

    Raises ConfigError if it cannot be used.
    """
    lock = FileLock(file.with_name(f'{file.name}-lock'))
    try:
        lock.acquire(blocking=True)
        if not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        _check(file)
        _migrate(file)
    except (DatabaseError, OSError) as e:
        raise ConfigError(f"{e}; this is the dashboard's database, of its users", path=str(file)) from None
    finally:
        connection.close()  # a fork must not share it
        lock.release()


def keep_open(file: Path) -> sqlite3.Connection | None:
    """While it is open, SQLite's files beside it stay, without which nothing can be read: a full disk has no room for them.

    None if it cannot be opened now; requests will tell.
    """
    try:
        held = sqlite3.connect(file, check_same_thread=False)
        held.execute('PRAGMA schema_version').fetchone()
    except sqlite3.Error:
        return None
    return held


def _check(file: Path) -> None:
    """Raises ConfigError."""
    with connection.cursor() as cursor:
        cursor.execute('PRAGMA journal_mode = WAL')
        found = [row[0] for row in cursor.execute('PRAGMA quick_check(3)')]
    if found != ['ok']:
        text = f'it is damaged ({"; ".join(found)}); put a copy of it back, or move it away and create users anew'
        raise ConfigError(text, path=str(file))


def _migrate(file: Path) -> None:
    """Raises ConfigError."""
    executor = MigrationExecutor(connection)
    known = executor.loader.graph.nodes
    if newer := sorted('.'.join(found) for found in executor.loader.applied_migrations if found not in known):
        text = f'it belongs to a newer version of Zato ({", ".join(newer)}); install that one, or put an older copy back'
        raise ConfigError(text, path=str(file))
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command('migrate', verbosity=0, interactive=False)
