"""Where an ODB is and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy import URL

from zato.common.config.server_conf import ODB
from zato.common.exception import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ODBAddress:
    """db_name: of SQLite, the absolute path of its file. port: 0 for the default. password: plain."""

    engine: Literal['sqlite', 'postgresql']
    db_name: str
    host: str = ''
    port: int = 0
    username: str = ''
    password: str = field(default='', repr=False)

    @property
    def is_sqlite(self) -> bool:
        return self.engine == 'sqlite'

    @property
    def url(self) -> URL:
        if self.is_sqlite:
            return URL.create(
                'sqlite+pysqlite', database=f'file:{_quoted(self.db_name)}', query={'uri': 'true', 'mode': 'rw'}
            )
        return URL.create(
            'postgresql+psycopg',
            username=self.username or None,
            password=self.password or None,
            host=self.host or None,
            port=self.port or None,
            database=self.db_name,
        )

    def preload(self) -> None:
        """Import everything that a connection needs, once for all processes that are forked later."""
        self.url.get_dialect().import_dbapi()

    def __str__(self) -> str:
        """For messages."""
        where = self.db_name if self.is_sqlite else f'{self.db_name} on {self.host or "this host"}:{self.port or 5432}'
        return f'{self.engine} database {where}'


def address_from(stanza: ODB, repo: Path) -> ODBAddress:
    """repo: the directory that a path in server.conf is relative to. Raises ConfigError."""
    if not stanza.db_name:
        raise ConfigError('[odb] db_name is empty; it names the database that has the configuration')
    if stanza.engine == 'sqlite':
        return ODBAddress(engine='sqlite', db_name=str((repo / Path(stanza.db_name).expanduser()).resolve()))
    return ODBAddress(
        engine='postgresql',
        db_name=stanza.db_name,
        host=stanza.host,
        port=stanza.port,
        username=stanza.username,
        password=stanza.password,
    )


def _quoted(path: str) -> str:
    """As in an SQLite URI."""
    return path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')
