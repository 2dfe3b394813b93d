"""How an ODB gets its schema, and how one that does not fit is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, select, text, update

from tests.support.environment import PATIENCE
from zato.common.exception import ConfigError
from zato.common.odb import schema
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.odb.migrations import runner, versions
from zato.common.odb.tables import config_counter, config_key, config_object, metadata, server

Start = Callable[..., subprocess.Popen[str]]

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = '9000'
down_revision = {newest!r}


def upgrade():
    op.create_table('later', sa.Column('id', sa.Integer(), primary_key=True))
    op.add_column('server', sa.Column('later', sa.Integer()))
    op.execute('UPDATE config_counter SET event = 99')
    {last}
"""


@pytest.fixture
def database(odb_address: ODBAddress) -> Iterator[Database]:
    opened = Database(odb_address)
    yield opened
    opened.close()


def described(connection: Connection) -> dict[str, Any]:
    """All that the database itself says of its tables but Alembic's, and those that messages are in."""
    found = inspect(connection)
    return {
        table: {
            'columns': [{**column, 'type': str(column['type'])} for column in found.get_columns(table)],
            'primary key': found.get_pk_constraint(table),
            'foreign keys': sorted(found.get_foreign_keys(table), key=str),
            'unique': sorted(found.get_unique_constraints(table), key=str),
            'indexes': sorted(found.get_indexes(table), key=str),
        }
        for table in found.get_table_names()
        if table != 'alembic_version' and not table.startswith('ps_')
    }


def description(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return described(connection)


def revision(database: Database) -> str:
    with database.read() as connection:
        return schema.current_revision(connection)


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds one after the newest that ends with the given statement."""

    def add(last: str) -> None:
        directory = tmp_path / 'versions'
        shutil.copytree(Path(versions.__path__[0]), directory, ignore=shutil.ignore_patterns('__pycache__'))
        (directory / '9000_later.py').write_text(MIGRATION.format(newest=schema.REVISION, last=last))
        original = runner.config

        def config(connection: Connection) -> Config:
            found = original(connection)
            found.set_main_option('path_separator', 'os')
            found.set_main_option('version_locations', os.fspath(directory).replace('%', '%%'))
            return found

        monkeypatch.setattr(runner, 'config', config)

    return add


def _is_declared_here(name: str | None, type_: str, parents: object) -> bool:
    """Tables of messages are compared with those in SQLite (test_pubsub_schema.py)."""
    return not (type_ == 'table' and str(name).startswith('ps_'))


def test_migrations_make_the_tables_that_are_declared(database: Database) -> None:
    with database.write() as connection:
        options = {'compare_type': True, 'compare_server_default': True, 'include_name': _is_declared_here}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_migrations_make_what_the_declared_tables_would_make_by_themselves(
    database: Database, empty_odb_address: ODBAddress
) -> None:
    if empty_odb_address.is_sqlite:
        Path(empty_odb_address.db_name).touch()
    with closing(Database(empty_odb_address)) as other:
        with other.write() as connection:
            metadata.create_all(connection)
        declared = description(other)
    assert description(database) == declared
    assert sorted(declared) == sorted(metadata.tables)


def test_a_new_odb_has_the_newest_schema(empty_odb_address: ODBAddress) -> None:
    assert runner.upgrade(empty_odb_address) == ('', schema.REVISION)
    with closing(Database(empty_odb_address)) as database, database.read() as connection:
        schema.check_schema(connection, 'it')
        assert connection.execute(select(config_counter)).all() == [(1, 0, 0, 0)]


def test_a_second_upgrade_changes_nothing(database: Database, odb_address: ODBAddress) -> None:
    with database.write() as connection:
        connection.execute(insert(server).values(name='one', created=1.5))
        connection.execute(update(config_counter).values(event=7))
    before = description(database)
    assert runner.upgrade(odb_address) == (schema.REVISION, schema.REVISION)
    assert description(database) == before
    with database.read() as connection:
        assert connection.execute(select(server)).all() == [('one', 1.5)]
        assert connection.execute(select(config_counter)).all() == [(1, 7, 0, 0)]


@pytest.mark.parametrize(
    'odb_engine',
    [
        # Some runs pass.
        'sqlite',
        'postgresql',
    ],
    indirect=True,
)
def test_of_two_upgrades_at_once_one_makes_the_schema_and_the_other_finds_it(
    empty_odb_address: ODBAddress, odb_process: Start
) -> None:
    code = """
from zato.common.odb.migrations import runner
print('ready', flush=True)
sys.stdin.readline()
print(*map(repr, runner.upgrade(address)))
"""
    started = [odb_process(empty_odb_address, code) for _ in range(2)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
    for process in started:
        assert process.stdin is not None
        process.stdin.write('\n')
        process.stdin.flush()
    said = sorted(process.communicate(timeout=PATIENCE)[0].strip() for process in started)
    newest = repr(schema.REVISION)
    assert said == [f"'' {newest}", f'{newest} {newest}']
    with closing(Database(empty_odb_address)) as database, database.read() as connection:
        assert connection.execute(text('SELECT version_num FROM alembic_version')).all() == [(schema.REVISION,)]
        assert connection.execute(select(config_counter)).all() == [(1, 0, 0, 0)]


def test_an_upgrade_brings_an_older_schema_to_the_newest(
    database: Database, odb_address: ODBAddress, add_migration: Callable[[str], None]
) -> None:
    add_migration('pass')
    assert runner.upgrade(odb_address) == (schema.REVISION, '9000')
    assert 'later' in description(database)


@pytest.mark.parametrize(
    ('last', 'error'),
    [("raise RuntimeError('mine')", RuntimeError), ("op.execute('SELECT * FROM nothing_such')", ODBUnavailable)],
    ids=['python', 'sql'],
)
def test_a_migration_that_fails_leaves_all_as_it_was(
    database: Database,
    odb_address: ODBAddress,
    add_migration: Callable[[str], None],
    last: str,
    error: type[Exception],
) -> None:
    before = description(database)
    add_migration(last)
    with pytest.raises(error):
        runner.upgrade(odb_address)
    assert description(database) == before
    assert revision(database) == schema.REVISION
    with database.read() as connection:
        assert connection.execute(select(config_counter.c.event)).scalar_one() == 0


def test_a_migration_that_fails_leaves_a_new_odb_without_a_schema(
    empty_odb_address: ODBAddress, add_migration: Callable[[str], None]
) -> None:
    add_migration("raise RuntimeError('mine')")
    with pytest.raises(RuntimeError):
        runner.upgrade(empty_odb_address)
    with closing(Database(empty_odb_address)) as database:
        assert revision(database) == ''
        assert description(database) == {}


@pytest.mark.parametrize(
    'odb_engine',
    [
        'sqlite',
        'postgresql',
    ],
    indirect=True,
)
def test_a_migration_that_changes_a_table_keeps_what_refers_to_it(
    database: Database, odb_address: ODBAddress, add_migration: Callable[[str], None]
) -> None:
    with database.write() as connection:
        values = {'id': 1, 'kind': 'a', 'name': 'b', 'is_active': True, 'version': 1, 'settings': '{}'}
        connection.execute(insert(config_object).values(values))
        connection.execute(insert(config_key).values(kind='a', fields='b', digest='c', object_id=1))
    add_migration("""
    with op.batch_alter_table('config_object') as batch:
        batch.alter_column('name', existing_type=sa.Text(), nullable=True)
""")
    runner.upgrade(odb_address)
    with database.read() as connection:
        assert connection.execute(select(config_object)).all() == [(1, 'a', 'b', True, 1, '{}')]
        assert connection.execute(select(config_key)).all() == [('a', 'b', 'c', 1)]


def test_the_newest_schema_is_accepted(database: Database) -> None:
    with database.read() as connection:
        assert schema.current_revision(connection) == schema.REVISION
        schema.check_schema(connection, 'it')


@pytest.mark.parametrize(
    ('found', 'told'),
    [
        ('0000', f'it has schema 0000, and this version needs {schema.REVISION}.*run: zato odb upgrade'),
        ('9999', 'it has schema 9999, which is newer.*zato odb upgrade'),
    ],
    ids=['older', 'newer'],
)
def test_another_schema_is_refused_with_what_to_do(database: Database, found: str, told: str) -> None:
    with database.write() as connection:
        connection.execute(text('UPDATE alembic_version SET version_num = :found'), {'found': found})
    with database.read() as connection, pytest.raises(ConfigError, match=told):
        schema.check_schema(connection, 'it')


def test_a_database_without_a_schema_is_refused_with_what_to_do(empty_odb_address: ODBAddress) -> None:
    if empty_odb_address.is_sqlite:
        Path(empty_odb_address.db_name).touch()
    with (
        closing(Database(empty_odb_address)) as database,
        database.read() as connection,
        pytest.raises(ConfigError, match='it has no schema; run: zato create odb'),
    ):
        schema.check_schema(connection, 'it')
