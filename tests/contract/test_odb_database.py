"""What transactions on an ODB promise, whichever database it is in and whatever happens to it."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, func, insert, select, text, update

from tests.support.environment import PATIENCE, eventually
from tests.support.postgresql import PostgreSQL
from zato.common.lock import FileLock
from zato.common.odb import database as database_module
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.odb.tables import config_counter, module_source, server

Start = Callable[..., subprocess.Popen[str]]

only_sqlite = pytest.mark.parametrize('odb_engine', ['sqlite'], indirect=True)
only_postgresql = pytest.mark.parametrize('odb_engine', ['postgresql'], indirect=True)

#: What was read is locked until the transaction ends: on PostgreSQL another writer could change it meanwhile.
INCREMENT = """
from sqlalchemy import select, update

def increment(connection):
    value = connection.execute(select(config_counter.c.event).with_for_update()).scalar_one()
    connection.execute(update(config_counter).values(event=value + 1))
"""


@pytest.fixture
def database(odb_address: ODBAddress) -> Iterator[Database]:
    opened = Database(odb_address)
    yield opened
    assert opened._engine.pool.checkedout() == 0, 'a connection was not given back'  # type: ignore[attr-defined]
    opened.close()


def add(connection: Connection, name: str) -> None:
    connection.execute(insert(server).values(name=name, created=1.5))


def write(database: Database, work: Callable[[Connection], object]) -> None:
    with database.write() as connection:
        work(connection)


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(server.c.name).order_by(server.c.name)).scalars())


def test_what_is_written_is_read_from_another_connection(database: Database, odb_address: ODBAddress) -> None:
    with database.write() as connection:
        add(connection, 'żółw')
        connection.execute(insert(module_source).values(sha256='1', source=b'\0\xff'))
    with closing(Database(odb_address)) as other, other.read() as connection:
        assert connection.execute(select(server)).one() == ('żółw', 1.5)
        assert connection.execute(select(module_source.c.source)).scalar_one() == b'\0\xff'


@pytest.mark.parametrize('error', [ValueError('mine'), KeyboardInterrupt()], ids=['exception', 'interrupt'])
def test_an_error_in_the_block_rolls_all_of_it_back_and_is_raised_as_it_is(database: Database, error: BaseException) -> None:
    def work(connection: Connection) -> None:
        add(connection, 'one')
        raise error

    with pytest.raises(type(error)) as raised:
        write(database, work)
    assert raised.value is error
    with database.write() as connection:
        add(connection, 'two')
    assert names(database) == ['two']


def test_a_statement_that_fails_rolls_all_of_it_back(database: Database) -> None:
    def work(connection: Connection) -> None:
        add(connection, 'one')
        connection.execute(text('SELECT * FROM nothing_such'))

    with pytest.raises(ODBUnavailable, match='nothing_such'):
        write(database, work)
    assert names(database) == []


def test_what_nobody_waits_for_any_more_is_not_written(database: Database) -> None:
    is_run = False
    with pytest.raises(ODBUnavailable, match='nobody waits'), database.write(lambda: False):
        is_run = True
    assert not is_run
    with database.write(lambda: True) as connection:
        add(connection, 'one')
    assert names(database) == ['one']


@only_sqlite
def test_whether_it_is_wanted_is_asked_when_it_is_its_turn(database: Database, odb_address: ODBAddress) -> None:
    path = Path(f'{odb_address.db_name}.lock')
    turn, is_over = FileLock(path), Event()
    turn.acquire()

    def write() -> None:
        with database.write(is_over.is_set) as connection:
            add(connection, 'one')

    def is_waited_for() -> bool:
        lines = Path('/proc/locks').read_text().splitlines()
        return any('->' in line and f':{path.stat().st_ino} ' in line for line in lines)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(write)
        try:
            eventually(is_waited_for, 'a writer that waits')
            is_over.set()
        finally:
            turn.release()
        waiting.result(PATIENCE)
    assert names(database) == ['one']


@pytest.mark.parametrize(
    'odb_engine',
    [
        'sqlite',
        'postgresql',
    ],
    indirect=True,
)
def test_a_reader_sees_all_tables_as_they_were_at_its_first_statement(database: Database) -> None:
    with database.write() as connection:
        add(connection, 'one')
    with database.read() as reader:
        assert reader.execute(select(server.c.name)).scalars().all() == ['one']
        with database.write() as connection:
            add(connection, 'two')
            connection.execute(update(config_counter).values(event=1))
        assert reader.execute(select(server.c.name)).scalars().all() == ['one']
        assert reader.execute(select(config_counter.c.event)).scalar_one() == 0
    assert names(database) == ['one', 'two']


def test_readers_and_a_writer_do_not_wait_for_each_other(database: Database, odb_address: ODBAddress) -> None:
    with database.read() as reader, closing(Database(odb_address)) as other:
        assert reader.execute(select(server.c.name)).all() == []
        with database.write() as connection:
            add(connection, 'one')
            assert names(other) == []
    assert names(database) == ['one']


def test_the_clock_is_in_seconds_since_1970(database: Database) -> None:
    with database.read() as connection:
        now = connection.execute(select(database.now)).scalar_one()
    assert isinstance(now, float)
    assert abs(now - time.time()) < 60


def test_increments_by_many_processes_are_all_counted(
    database: Database, odb_address: ODBAddress, odb_process: Start
) -> None:
    processes, times = 4, 100
    code = f"""
{INCREMENT}
print('ready', flush=True)
sys.stdin.readline()
for _ in range({times}):
    with database.write() as connection:
        increment(connection)
print('done')
"""
    started = [odb_process(odb_address, code) for _ in range(processes)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
    for process in started:
        assert process.stdin is not None
        process.stdin.write('\n')
        process.stdin.flush()
    assert [process.communicate(timeout=PATIENCE)[0] for process in started] == ['done\n'] * processes
    with database.read() as connection:
        counted = connection.execute(select(config_counter.c.event)).scalar_one()
    print(f'{odb_address.engine}: {processes} processes x {times} increments, counted {counted}')
    assert counted == processes * times


def test_increments_by_more_threads_than_there_are_connections_are_all_counted(database: Database) -> None:
    def write() -> None:
        with database.write() as connection:
            connection.execute(update(config_counter).values(event=config_counter.c.event + 1))

    with ThreadPoolExecutor(16) as threads:
        for waiting in [threads.submit(write) for _ in range(64)]:
            waiting.result(PATIENCE)
    with database.read() as connection:
        assert connection.execute(select(config_counter.c.event)).scalar_one() == 64


def test_a_writer_that_is_killed_leaves_nothing_and_blocks_nobody(
    database: Database, odb_address: ODBAddress, odb_process: Start
) -> None:
    code = f"""
{INCREMENT}
with database.write() as connection:
    increment(connection)
    print('written', flush=True)
    sys.stdin.readline()
"""
    process = odb_process(odb_address, code)
    assert process.stdout is not None
    assert process.stdout.readline() == 'written\n'
    process.kill()
    with database.write() as connection:
        counted = connection.execute(select(config_counter.c.event).with_for_update()).scalar_one()
        connection.execute(update(config_counter).values(event=counted + 7))
    with database.read() as connection:
        assert connection.execute(select(config_counter.c.event)).scalar_one() == 7


@pytest.mark.parametrize('doing', ['read', 'write'])
def test_a_database_that_is_not_there_is_named_with_what_makes_one(odb_address: ODBAddress, doing: str) -> None:
    missing = replace(odb_address, db_name=f'{odb_address.db_name}_missing')
    told = pytest.raises(ODBUnavailable, match=r'_missing.*zato create odb')
    with closing(Database(missing)) as database, told as raised, getattr(database, doing)():
        pass
    assert (raised.value.status, raised.value.retryable) == (503, True)
    assert not Path(missing.db_name).exists(), 'it is not made in passing'


def test_tables_that_are_not_there_are_named_with_what_makes_them(empty_odb_address: ODBAddress) -> None:
    if empty_odb_address.is_sqlite:
        Path(empty_odb_address.db_name).touch()
    told = pytest.raises(ODBUnavailable, match=r'server.*zato create odb')
    with closing(Database(empty_odb_address)) as database, told:
        names(database)


@only_sqlite
def test_a_directory_that_is_not_there_is_named(odb_address: ODBAddress, tmp_path: Path) -> None:
    missing = replace(odb_address, db_name=str(tmp_path / 'missing' / 'zato.db'))
    with closing(Database(missing)) as database, pytest.raises(ODBUnavailable, match='missing'), database.write():
        pass


@only_sqlite
def test_a_file_that_was_moved_is_not_written_to_and_used_again_when_it_is_back(
    database: Database, odb_address: ODBAddress, tmp_path: Path
) -> None:
    """SQLite's own connections would go on with it, and whoever opens the name meanwhile with another one."""
    write(database, lambda connection: add(connection, 'before'))
    path = Path(odb_address.db_name)
    away = path.rename(tmp_path / 'away.db')
    for _ in range(2):
        with pytest.raises(ODBUnavailable, match='the file is missing'):
            write(database, lambda connection: add(connection, 'lost'))
        with pytest.raises(ODBUnavailable, match='the file is missing'):
            names(database)
    away.rename(path)
    write(database, lambda connection: add(connection, 'after'))
    assert names(database) == ['after', 'before']


@only_sqlite
@pytest.mark.parametrize('name', ['a b', '100%', 'a%20b', 'c#?d', "e'&=;f", 'żółw', ':memory:'])
def test_the_file_may_have_any_name(odb_address: ODBAddress, tmp_path: Path, name: str) -> None:
    path = Path(odb_address.db_name).rename(tmp_path / name)
    with closing(Database(replace(odb_address, db_name=str(path)))) as database:
        with database.write() as connection:
            add(connection, 'one')
        assert names(database) == ['one']
    with closing(sqlite3.connect(path)) as other:
        assert other.execute('SELECT name FROM server').fetchall() == [('one',)]


@only_sqlite
def test_what_another_program_locked_is_told_and_still_readable(
    odb_address: ODBAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, '_BUSY_TIMEOUT', 1)
    with closing(sqlite3.connect(odb_address.db_name)) as shell, closing(Database(odb_address)) as database:
        shell.execute('BEGIN EXCLUSIVE')
        with pytest.raises(ODBUnavailable, match='locked'), database.write():
            pass
        assert names(database) == []
        shell.rollback()
        with database.write() as connection:
            add(connection, 'one')
        assert names(database) == ['one']


@only_sqlite
def test_a_full_disk_is_told_and_what_was_written_before_stays(database: Database) -> None:
    def fill(connection: Connection) -> None:
        add(connection, 'two')
        pages = connection.execute(text('PRAGMA page_count')).scalar_one()
        connection.execute(text(f'PRAGMA max_page_count = {pages}'))
        connection.execute(insert(module_source).values(sha256='1', source=bytes(1_000_000)))

    with database.write() as connection:
        add(connection, 'one')
    with pytest.raises(ODBUnavailable, match='disk space'):
        write(database, fill)
    assert names(database) == ['one']
    with database.write() as connection:
        connection.execute(text('PRAGMA max_page_count = 1000000'))
        add(connection, 'three')
    assert names(database) == ['one', 'three']


@only_postgresql
@pytest.mark.parametrize('how', ['stop', 'crash'])
def test_a_server_that_is_down_is_told_and_used_again_when_it_is_back(
    database: Database, postgresql: PostgreSQL, how: str
) -> None:
    with database.read() as first, database.write() as second:  # two connections, idle in its pool from now on
        first.execute(select(server))
        add(second, 'one')
    getattr(postgresql, how)()
    try:
        with pytest.raises(ODBUnavailable, match='on 127'):
            names(database)
        with pytest.raises(ODBUnavailable), database.write():
            pass
    finally:
        postgresql.start()
    with database.write() as connection:
        add(connection, 'two')
    assert names(database) == ['one', 'two']


@only_postgresql
@pytest.mark.parametrize('how', ['stop', 'crash'])
def test_a_server_that_goes_down_in_the_middle_of_it_has_nothing_of_it(
    database: Database, postgresql: PostgreSQL, how: str
) -> None:
    def work(connection: Connection) -> None:
        add(connection, 'one')
        getattr(postgresql, how)()
        add(connection, 'two')

    try:
        with pytest.raises(ODBUnavailable, match='writing failed'):
            write(database, work)
        with pytest.raises(ODBUnavailable, match='reading failed'):
            names(database)
    finally:
        postgresql.start()
    assert names(database) == []


def lose(connection: Connection, postgresql: PostgreSQL) -> None:
    """Let the server end this connection."""
    pid = connection.execute(select(func.pg_backend_pid())).scalar_one()
    postgresql.execute('SELECT pg_terminate_backend(%s, 10000)', pid)


@only_postgresql
def test_a_connection_that_is_lost_before_a_statement_is_told(database: Database, postgresql: PostgreSQL) -> None:
    def work(connection: Connection) -> None:
        lose(connection, postgresql)
        add(connection, 'one')

    with pytest.raises(ODBUnavailable, match='terminating connection'):
        write(database, work)
    assert names(database) == []


@only_postgresql
def test_a_connection_that_is_lost_at_the_commit_leaves_it_open_whether_it_was_written(
    database: Database, postgresql: PostgreSQL
) -> None:
    def work(connection: Connection) -> None:
        add(connection, 'one')
        lose(connection, postgresql)

    with pytest.raises(ODBUnavailable, match='not known whether it was written'):
        write(database, work)
    assert names(database) == [], 'this one was not, since the server closed the connection before'


@only_postgresql
def test_an_error_in_the_block_is_raised_as_it_is_even_if_the_connection_is_lost(
    database: Database, postgresql: PostgreSQL
) -> None:
    def work(connection: Connection) -> None:
        lose(connection, postgresql)
        raise ValueError('mine')

    with pytest.raises(ValueError, match='mine'):
        write(database, work)
    assert names(database) == []


@only_postgresql
def test_a_wrong_password_is_told_without_it(odb_address: ODBAddress) -> None:
    wrong = replace(odb_address, password='Swordfish')
    authentication = pytest.raises(ODBUnavailable, match='password authentication failed')
    with closing(Database(wrong)) as database, authentication as raised:
        names(database)
    assert 'Swordfish' not in str(raised.value)
    assert 'Swordfish' not in repr(wrong)
