"""Which schema the ODB has and which one this version needs. Servers compare them and never migrate."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from zato.common.exception import ConfigError

#: The newest migration; migrations are numbered in order.
REVISION = '0003'


def current_revision(connection: Connection) -> str:
    """'' if there is no schema."""
    if not inspect(connection).has_table('alembic_version'):
        return ''
    return str(connection.execute(text('SELECT version_num FROM alembic_version')).scalar() or '')


def check_schema(connection: Connection, where: str) -> None:
    """where: what messages call the database. Raises ConfigError that names the command to run."""
    found = current_revision(connection)
    if found == REVISION:
        return
    if not found:
        raise ConfigError(f'{where} has no schema; run: zato create odb')
    if found < REVISION:
        raise ConfigError(
            f'{where} has schema {found}, and this version needs {REVISION}; stop all servers, then run: zato odb upgrade'
        )
    raise ConfigError(
        f'{where} has schema {found}, which is newer than {REVISION}, the newest that this version knows; '
        f'install the newer version here too, or restore the backup made before: zato odb upgrade'
    )
