"""Where messages are is the same in both databases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from zato.common.exception import ConfigError
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.migrations import runner
from zato.common.pubsub.schema import check_sqlite, store_address, upgrade_sqlite

only_sqlite = pytest.mark.parametrize('odb_engine', ['sqlite'], indirect=True)
only_postgresql = pytest.mark.parametrize('odb_engine', ['postgresql'], indirect=True)


def described(address: ODBAddress) -> dict[str, Any]:
    """What can be compared between databases. In SQLite a primary key's columns need not say that they are not null."""
    with closing(Database(address)) as database, database.read() as connection:
        found = inspect(connection)
        return {
            table: {
                'columns': [(column['name'], _is_required(column)) for column in found.get_columns(table)],
                'primary key': found.get_pk_constraint(table)['constrained_columns'],
                'unique': sorted(each['column_names'] for each in found.get_unique_constraints(table)),
                'indexes': sorted(
                    (str(index['name']), index['column_names'], index['unique'], _condition(index))
                    for index in found.get_indexes(table)
                    if 'duplicates_constraint' not in index
                ),
            }
            for table in found.get_table_names()
            if table.startswith('ps_')
        }


def _is_required(column: Any) -> bool:
    return not column['nullable'] or bool(column.get('primary_key'))


def _condition(index: Any) -> str:
    """Of a partial one."""
    options = index.get('dialect_options', {})
    return str(options.get('sqlite_where', options.get('postgresql_where', ''))).strip('()')


@only_postgresql
def test_postgresql_has_the_tables_that_sqlite_has(odb_address: ODBAddress, sqlite_template: Path) -> None:
    expected = described(store_address(ODBAddress(engine='sqlite', db_name=str(sqlite_template))))
    seq = ('seq', True)  # which PostgreSQL's is a sequence
    expected['ps_state']['columns'].remove(seq)
    assert described(odb_address) == expected


@only_sqlite
def test_an_upgrade_makes_the_file_where_it_is_missing(odb_address: ODBAddress) -> None:
    path = Path(store_address(odb_address).db_name)
    path.unlink()
    with pytest.raises(ConfigError, match=r'pubsub.db, which messages are published to, is missing; zato odb upgrade'):
        check_sqlite(path)
    runner.upgrade(odb_address)
    check_sqlite(path)


@only_sqlite
def test_a_second_upgrade_keeps_what_is_there(odb_address: ODBAddress) -> None:
    address = store_address(odb_address)
    with closing(Database(address)) as database, database.write() as connection:
        connection.exec_driver_sql("INSERT INTO ps_sub (id, topic_id, sub_key) VALUES (1, 2, 'a')")
    upgrade_sqlite(Path(address.db_name))
    with closing(Database(address)) as database, database.read() as connection:
        assert connection.exec_driver_sql('SELECT sub_key FROM ps_sub').all() == [('a',)]


@only_sqlite
def test_a_file_of_a_newer_version_is_refused(odb_address: ODBAddress) -> None:
    path = Path(store_address(odb_address).db_name)
    with closing(Database(store_address(odb_address))) as database, database.write() as connection:
        connection.exec_driver_sql('PRAGMA user_version=99')
    for refuse in (check_sqlite, upgrade_sqlite):
        with pytest.raises(ConfigError, match='has version 99 of the schema of messages, and this program knows'):
            refuse(path)


@pytest.mark.parametrize(
    ('odb', 'store'), [('/a/zato.db', '/a/pubsub.db'), ('/a/other.db', '/a/other-pubsub.db'), ('/a/b', '/a/b-pubsub.db')]
)
def test_it_is_beside_the_odb(odb: str, store: str) -> None:
    assert store_address(ODBAddress(engine='sqlite', db_name=odb)) == ODBAddress(engine='sqlite', db_name=store)


def test_in_postgresql_it_is_the_odb() -> None:
    odb = ODBAddress(engine='postgresql', db_name='one', host='a', username='b')
    assert store_address(odb) == odb
