"""The cluster itself and its servers, in the ODB."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select

from zato.common.crypto import WELL_KNOWN_DATA, Cipher
from zato.common.exception import ConfigError, CryptoError, NameTaken
from zato.common.odb.database import Database
from zato.common.odb.tables import cluster, server


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Passwords: those of the built-in users, plain, which all servers share."""

    name: str
    pubapi_password: str = field(repr=False)
    admin_invoke_password: str = field(repr=False)


def find_cluster_name(connection: Connection) -> str:
    """'' if there is no cluster."""
    return connection.execute(select(cluster.c.name)).scalar() or ''


def create_cluster(database: Database, connection: Connection, new: Cluster, cipher: Cipher) -> None:
    """Raises NameTaken: an ODB has one cluster."""
    found = find_cluster_name(connection)
    if found:
        raise NameTaken(f'{database.address} has the cluster `{found}` already')
    connection.execute(
        insert(cluster).values(
            id=1,
            name=new.name,
            well_known=cipher.encrypt(WELL_KNOWN_DATA),
            pubapi_password=cipher.encrypt(new.pubapi_password),
            admin_invoke_password=cipher.encrypt(new.admin_invoke_password),
            created=database.now,
        )
    )


def delete_cluster(connection: Connection) -> None:
    """With its servers."""
    connection.execute(delete(server))
    connection.execute(delete(cluster))


def read_cluster(connection: Connection, cipher: Cipher, where: str) -> Cluster:
    """where: what messages call the database. Raises ConfigError if there is none, or the key is not its own."""
    row = connection.execute(select(cluster)).one_or_none()
    if row is None:
        raise ConfigError(f'{where} has no cluster; run: zato create cluster')
    try:
        if cipher.decrypt(row.well_known) == WELL_KNOWN_DATA:
            return Cluster(
                name=row.name,
                pubapi_password=cipher.decrypt(row.pubapi_password),
                admin_invoke_password=cipher.decrypt(row.admin_invoke_password),
            )
    except CryptoError:
        pass  # the same error as below
    raise ConfigError(f'the secret key is not that of cluster `{row.name}` in {where}; all its servers have the same key')


def add_server(database: Database, connection: Connection, name: str) -> None:
    """Raises NameTaken."""
    if connection.execute(select(server.c.name).where(server.c.name == name)).scalar() is not None:
        raise NameTaken(f'there is a server `{name}` in this cluster already')
    connection.execute(insert(server).values(name=name, created=database.now))
