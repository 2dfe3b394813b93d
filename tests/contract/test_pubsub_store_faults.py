"""What the store of messages does when its database does not do what it should."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.environment import PATIENCE, eventually
from tests.support.postgresql import PostgreSQL
from tests.support.pubsub_store import MEGABYTE, Messages, fence, ids, keys
from zato.common.exception import StoreUnavailable
from zato.common.odb.address import ODBAddress
from zato.common.pubsub.schema import store_address, upgrade_sqlite
from zato.server.pubsub.store import postgresql as postgresql_store
from zato.server.pubsub.store import reserve, sqlite, statements
from zato.server.pubsub.store.interface import Ack, Fetch, Publish, StoreFull, Suspect
from zato.server.pubsub.store.plan import digest_of
from zato.server.pubsub.store.postgresql import PostgreSQLStore
from zato.server.pubsub.store.sqlite import SQLiteStore
from zato.server.pubsub.store.subscription_lock import HOLD_ALONE

Start = Callable[..., subprocess.Popen[str]]

A, B = 7, 8

only_sqlite = pytest.mark.parametrize('odb_engine', ['sqlite'], indirect=True)
only_postgresql = pytest.mark.parametrize('odb_engine', ['postgresql'], indirect=True)


@pytest.fixture
def messages(odb_address: ODBAddress) -> Iterator[Messages]:
    opened = Messages(odb_address)
    opened.subscribe(A)
    yield opened
    opened.check()
    opened.close()


@pytest.fixture
def file(odb_address: ODBAddress) -> Path:
    return Path(store_address(odb_address).db_name)


def failed(messages: Messages) -> str:
    """What a message that could not be published is told by."""
    (publish,) = messages.carry_out(Publish([messages.message()]))
    assert isinstance(publish.error, StoreUnavailable), publish.error
    return str(publish.error)


def test_what_was_written_is_so_though_it_could_not_be_read(messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    first = messages.publish()
    with monkeypatch.context() as patched:
        for module, name in ((sqlite, '_FETCH'), (statements, 'FETCH')):
            patched.setattr(module, name, 'SELECT nothing')
        ack = Ack(fence(A), [(4, first.seqs[0])])
        publish, fetch = Publish([messages.message()]), Fetch(A, limit=1, size=1, now=0)
        messages.carry_out(publish, ack, fetch)
    assert (publish.error, ack.error, ack.is_lost) == (None, None, False)
    assert isinstance(fetch.error, StoreUnavailable)
    assert ids(messages.fetch(A)) == ['m2']


# SQLite


@only_sqlite
def test_a_file_that_is_away_is_told_and_used_again_once_it_is_back(messages: Messages, file: Path) -> None:
    messages.publish()
    away = file.with_name('away')
    file.rename(away)
    assert failed(messages) == f'{file}: the file is missing; nothing was written'
    away.rename(file)
    messages.publish()
    assert ids(messages.fetch(A)) == ['m1', 'm3']


@only_sqlite
def test_a_file_that_was_replaced_is_used_from_then_on(messages: Messages, file: Path) -> None:
    messages.publish()
    for suffix in ('', '-wal', '-shm'):
        Path(f'{file}{suffix}').unlink()
    upgrade_sqlite(file)
    messages.publish()
    assert ids(messages.fetch(-1)) == ['m2']


@only_sqlite
def test_a_directory_that_is_away_is_told(messages: Messages, file: Path) -> None:
    away = file.parent.with_name('away')
    file.parent.rename(away)
    assert failed(messages) == f'{file}: the file is missing; nothing was written'
    away.rename(file.parent)
    messages.publish()


@only_sqlite
def test_a_file_that_is_damaged_is_told(messages: Messages, file: Path) -> None:
    messages.publish()
    messages.store.close()
    content = {path: path.read_bytes() for path in (file, Path(f'{file}-wal')) if path.exists()}
    for path in content:
        path.write_bytes(b'not a database' * 1_000)
    assert f'{file}: ' in failed(messages)
    for path, was in content.items():
        path.write_bytes(was)
    messages.publish()


@only_sqlite
def test_a_file_that_another_program_holds_is_told(
    messages: Messages, odb_address: ODBAddress, odb_process: Start, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, '_BUSY_TIMEOUT', 0.05)
    messages.store.close()
    holder = odb_process(
        odb_address,
        """
import sqlite3
connection = sqlite3.connect(arguments[0], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.readline()
connection.execute('ROLLBACK')
print('free', flush=True)
""",
        file,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == 'held\n'
    assert failed(messages) == f'{file}: database is locked; nothing was written'
    holder.stdin.write('\n')
    holder.stdin.flush()
    assert holder.stdout.readline() == 'free\n'
    messages.publish()


def limit_pages(store: Any, pages: int) -> None:
    """Of the file; 0 for as many as there are."""
    assert isinstance(store, SQLiteStore)
    assert store._connection is not None
    store._connection.execute(f'PRAGMA max_page_count={pages}').close()


@only_sqlite
def test_where_there_is_no_space_acknowledgements_go_on(
    messages: Messages, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserve, '_PAUSE', 0.0)
    kept = file.with_name(f'{file.name}.reserve')
    messages.publish(*[messages.message(b'x' * 3_000) for _ in range(20)])
    assert kept.stat().st_size == reserve.SIZE
    rows = messages.fetch(A)
    limit_pages(messages.store, 1)

    publish = Publish([messages.message(b'x' * 100_000)])
    ack, fetch = Ack(fence(A), keys(rows[:5])), Fetch(A, limit=100, size=MEGABYTE, now=0)
    messages.carry_out(publish, ack, fetch)
    assert isinstance(publish.error, StoreFull)
    assert 'database or disk is full; free some disk space; nothing was written' in str(publish.error)
    assert (ack.error, ack.is_lost, fetch.error) == (None, False, None)
    assert fetch.rows == rows[5:]
    assert not kept.exists(), 'the reserve was not given up'

    messages.ack(A, *rows[5:])
    limit_pages(messages.store, 1_000_000)
    messages.publish()
    assert kept.stat().st_size == reserve.SIZE
    assert len(messages.fetch(A)) == 1


@only_sqlite
def test_while_there_is_no_reserve_nothing_is_published(
    messages: Messages, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserve, '_PAUSE', 0.0)
    messages.publish()
    kept = file.with_name(f'{file.name}.reserve')
    kept.unlink()
    kept.mkdir()  # so it cannot be made
    assert failed(messages) == f'{file}: the disk is full; free some disk space; nothing was written'
    messages.ack(A, *messages.fetch(A))
    kept.rmdir()
    messages.publish()


@only_sqlite
def test_without_a_reserve_what_has_space_in_the_file_is_published(
    messages: Messages, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file does not become smaller, so the disk may be full of what was delivered long ago."""
    monkeypatch.setattr(reserve, '_PAUSE', 0.0)
    monkeypatch.setattr(sqlite, 'SIZE', 20_000)
    messages.publish(*[messages.message(b'x' * 3_000) for _ in range(20)])
    messages.ack(A, *messages.fetch(A))
    kept = file.with_name(f'{file.name}.reserve')
    kept.unlink()
    kept.mkdir()
    messages.publish(*[messages.message() for _ in range(5)])
    messages.publish(*[messages.message(b'x' * 3_000) for _ in range(20)])
    assert 'the disk is full' in failed(messages)
    kept.rmdir()


NO_GROWTH = """
import resource
from pathlib import Path
from tests.support.pubsub_store import *
from zato.server.pubsub.store import reserve

reserve._PAUSE = 0.0
messages = Messages(address)
messages.publish(*[messages.message(b'x' * 50_000) for _ in range(10)])
size = Path(f'{store_address(address).db_name}-wal').stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
(publish, fetch) = messages.carry_out(Publish([messages.message(b'x' * 50_000)]), Fetch(7, limit=20, size=MEGABYTE, now=0))
(ack,) = messages.carry_out(Ack(fence(7), keys(fetch.rows)))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
found = ids(fetch.rows)
messages.ack(7, *fetch.rows)
messages.publish(messages.message(msg_id='after'))
print(json.dumps([type(publish.error).__name__, str(publish.error), type(ack.error).__name__, found]))
"""


@only_sqlite
def test_where_no_file_may_grow_that_is_told_and_all_goes_on_once_they_may(
    messages: Messages, odb_address: ODBAddress, odb_process: Start
) -> None:
    process = odb_process(odb_address, NO_GROWTH)
    publish, error, ack, found = json.loads(process.communicate(timeout=PATIENCE)[0])
    assert publish == ack == 'StoreFull'
    assert error.endswith('disk I/O error; free some disk space; nothing was written')
    assert len(found) == 10
    assert ids(messages.fetch(A)) == ['after']


@only_sqlite
def test_the_log_of_changes_does_not_grow_without_bounds(messages: Messages, file: Path) -> None:
    """Though others read all the time."""
    with ThreadPoolExecutor(1) as threads:
        is_over = False

        def read() -> int:
            other, turns = Messages(messages.address), 0
            while not is_over:
                other.fetch(A, limit=10)
                turns += 1
            other.close()
            return turns

        reading = threads.submit(read)
        sizes = []
        for _ in range(60):
            messages.publish(*[messages.message(b'x' * 2_000) for _ in range(500)])
            messages.ack(A, *messages.fetch(A, limit=500, size=10 * MEGABYTE))
            sizes.append(os.stat(f'{file}-wal').st_size)
        is_over = True
        assert reading.result(PATIENCE) > 0
    assert max(sizes) < 40 * MEGABYTE, sizes
    assert file.stat().st_size < 20 * MEGABYTE


# PostgreSQL


@contextmanager
def connected(address: ODBAddress) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else."""
    with psycopg.connect(
        host=address.host,
        port=address.port,
        user=address.username,
        password=address.password,
        dbname=address.db_name,
    ) as connection:
        yield connection


def connection_of(messages: Messages) -> Any:
    assert isinstance(messages.store, PostgreSQLStore)
    return messages.store._connection


def is_waiting(postgresql: PostgreSQL, messages: Messages) -> bool:
    """For a lock that somebody else has."""
    query = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    return bool(postgresql.execute(query, connection_of(messages).info.backend_pid))


@only_postgresql
def test_a_server_that_is_away_is_told_and_used_again_once_it_is_back(messages: Messages, postgresql: PostgreSQL) -> None:
    messages.publish()
    postgresql.stop()
    try:
        assert failed(messages).endswith('; nothing was written')
    finally:
        postgresql.start()
    messages.publish()
    assert ids(messages.fetch(A)) == ['m1', 'm3']


@only_postgresql
def test_a_connection_that_was_closed_meanwhile_is_made_anew_without_an_error(
    messages: Messages, postgresql: PostgreSQL
) -> None:
    messages.publish()
    pid = connection_of(messages).info.backend_pid
    postgresql.execute('SELECT pg_terminate_backend(%s, 5000)', pid)
    messages.publish()
    assert connection_of(messages).info.backend_pid != pid
    assert ids(messages.fetch(A)) == ['m1', 'm2']


@only_postgresql
def test_a_server_that_was_restarted_meanwhile_is_used_without_an_error(messages: Messages, postgresql: PostgreSQL) -> None:
    messages.publish()
    postgresql.restart()
    messages.publish()
    assert ids(messages.fetch(A)) == ['m1', 'm2']


def in_thread(messages: Messages, *operations: Any) -> tuple[ThreadPoolExecutor, Future[Any]]:
    threads = ThreadPoolExecutor(1)
    return threads, threads.submit(messages.carry_out, *operations)


@only_postgresql
def test_of_what_was_under_way_as_the_connection_was_lost_it_is_not_known(
    messages: Messages, postgresql: PostgreSQL
) -> None:
    messages.publish()
    publish = Publish([messages.message()])
    with connected(messages.address) as other:
        other.execute(HOLD_ALONE.encode())
        threads, done = in_thread(messages, publish)
        eventually(lambda: is_waiting(postgresql, messages), 'the store that waits')
        postgresql.execute('SELECT pg_terminate_backend(%s)', connection_of(messages).info.backend_pid)
        done.result(PATIENCE)
        threads.shutdown()
    assert isinstance(publish.error, StoreUnavailable)
    assert str(publish.error).endswith('; it is not known whether it was written')
    messages.publish()
    assert ids(messages.fetch(A)) == ['m1', 'm3']


@only_postgresql
def test_of_a_connection_that_was_lost_in_a_commit_it_is_not_known(messages: Messages) -> None:
    messages.publish()
    messages.run("""CREATE FUNCTION leave() RETURNS trigger AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$ LANGUAGE plpgsql SECURITY DEFINER""")
    messages.run("""CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON ps_msg DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION leave()""")
    assert failed(messages).endswith('; it is not known whether it was written')
    messages.run('DROP TRIGGER leave ON ps_msg')
    messages.publish()
    assert ids(messages.fetch(A)) == ['m1', 'm3']


@only_postgresql
def test_what_waits_too_long_for_a_change_of_subscriptions_is_told(messages: Messages, postgresql: PostgreSQL) -> None:
    messages.publish()
    connection_of(messages).execute("SET lock_timeout = '50ms'")
    with connected(messages.address) as other:
        other.execute(HOLD_ALONE.encode())
        assert failed(messages).endswith('canceling statement due to lock timeout; nothing was written')
    messages.publish()
    assert ids(messages.fetch(A)) == ['m1', 'm3']


@only_postgresql
def test_a_server_that_does_not_answer_is_given_up(messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    messages.publish()
    monkeypatch.setattr(postgresql_store, '_TIMEOUT', 0.1)
    with connected(messages.address) as other:
        other.execute(HOLD_ALONE.encode())
        assert failed(messages).endswith('it is not known whether it was written')
    monkeypatch.undo()
    eventually(lambda: len(messages.publish().seqs) == 1, 'the next one')
    assert 'm3' in ids(messages.fetch(A))


@only_postgresql
def test_of_two_who_publish_with_the_same_id_at_once_one_stores_it(messages: Messages, postgresql: PostgreSQL) -> None:
    messages.publish()
    publish = Publish([messages.message(msg_id='x')])
    publish.own_ids = frozenset({0})
    beside = Publish([messages.message()])
    with connected(messages.address) as other:
        digest = digest_of(messages.message().data)
        other.execute(f"INSERT INTO ps_seen (msg_id, topic_id, digest, at) VALUES ('x', 1, {digest}, 1)")
        threads, done = in_thread(messages, publish, beside)
        eventually(lambda: is_waiting(postgresql, messages), 'the store that waits')
        other.commit()
        done.result(PATIENCE)
        threads.shutdown()
    assert (publish.error, publish.repeated, beside.error) == (None, frozenset({0}), None)
    assert ids(messages.fetch(A)) == ['m1', 'm2']


@only_postgresql
def test_who_waits_for_a_lease_that_changes_hands_has_lost_it(messages: Messages, postgresql: PostgreSQL) -> None:
    messages.publish()
    rows = messages.fetch(A)
    suspect, ack = Suspect(fence(A), keys(rows), crashes=1), Ack(fence(A), keys(rows))
    with connected(messages.address) as other:
        other.execute("UPDATE lease SET owner = 'other', epoch = epoch + 1")
        threads, done = in_thread(messages, suspect, ack)
        eventually(lambda: is_waiting(postgresql, messages), 'the store that waits')
        other.commit()
        done.result(PATIENCE)
        threads.shutdown()
    assert (suspect.is_lost, ack.is_lost) == (True, True)
    assert messages.fetch(A) == rows


@only_postgresql
def test_what_others_do_with_the_same_message_meanwhile_is_counted(messages: Messages, postgresql: PostgreSQL) -> None:
    messages.subscribe(B)
    messages.publish(messages.message(), messages.message())
    rows = messages.fetch(A)
    ack = Ack(fence(A), keys(rows))
    with connected(messages.address) as other:
        other.execute('DELETE FROM ps_queue WHERE sub_id = %s', (B,))
        other.execute('UPDATE ps_msg SET refs = refs - 1')
        threads, done = in_thread(messages, ack)
        eventually(lambda: is_waiting(postgresql, messages), 'the store that waits')
        other.commit()
        done.result(PATIENCE)
        threads.shutdown()
    assert (ack.error, ack.is_lost) == (None, False)
    assert messages.stored() == []


@only_postgresql
def test_where_the_disk_is_full_acknowledgements_go_on_in_postgresql_too(messages: Messages) -> None:
    messages.publish()
    rows = messages.fetch(A)
    messages.run("""CREATE FUNCTION full_disk() RETURNS trigger AS $$
        BEGIN RAISE EXCEPTION 'could not extend file: No space left' USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql""")
    messages.run('CREATE TRIGGER full_disk BEFORE INSERT ON ps_msg FOR EACH ROW EXECUTE FUNCTION full_disk()')
    publish, ack = Publish([messages.message()]), Ack(fence(A), keys(rows))
    messages.carry_out(publish, ack)
    assert isinstance(publish.error, StoreFull)
    assert str(publish.error).endswith('No space left; free some disk space; nothing was written')
    assert (ack.error, ack.is_lost) == (None, False)
    assert messages.fetch(A) == []


PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent, psycopg
from tests.support.pubsub_store import *
from gevent._hub_local import get_hub_if_exists
from zato.server.pubsub.store.subscription_lock import HOLD_ALONE

options = dict(host=address.host, port=address.port, user=address.username, password=address.password)
other = psycopg.connect(dbname=address.db_name, autocommit=True, **options)
other.execute('BEGIN')
other.execute(HOLD_ALONE)
publish, done = Publish([StoredMessage('m1', TOPIC, 5, 1, 0, 'text/plain', 't', 3, 5, 0, None, b'one')]), []

def run():
    store = PostgreSQLStore(address)
    store.open()
    done.append('open')
    store.commit(lambda: [publish])
    store.close()
    done.append(get_hub_if_exists())

monkey.get_original('_thread', 'start_new_thread')(run, ())
waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted'
ticks = 0
while not other.execute(waiting).fetchall():
    gevent.sleep(0.001)
while ticks < 100:
    gevent.sleep(0.001)
    ticks += 1
assert done == ['open'], done
other.execute('COMMIT')
with gevent.Timeout(20):
    while len(done) < 2:
        gevent.sleep(0.001)
print(ticks, publish.error, len(publish.seqs), done[1])
"""


@only_postgresql
def test_an_event_loop_goes_on_while_the_store_waits(
    messages: Messages, odb_address: ODBAddress, odb_process: Start
) -> None:
    process = odb_process(odb_address, PATCHED)
    assert process.communicate(timeout=PATIENCE)[0] == '100 None 1 None\n'
