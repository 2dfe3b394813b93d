"""What locks promise, whichever database they are in: one holder at a time among all processes, and none for ever."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import gevent
import pytest
from sqlalchemy import insert, select

from tests.support.environment import PATIENCE
from zato.common.exception import LockTimeout
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database, ODBUnavailable
from zato.common.odb.lease import Leases
from zato.common.odb.tables import config_counter
from zato.common.odb.tables import lease as lease_table
from zato.server.propagate.housekeeping import Housekeeping
from zato.server.propagate.odb import ODB
from zato.server.service.facade.lock import Locks

Start = Callable[..., subprocess.Popen[str]]

LONG = 600.0  #: seconds; it does not expire in a test
SHORT = 0.05  #: seconds; a test waits for its end


@pytest.fixture
def database(odb_address: ODBAddress) -> Iterator[Database]:
    opened = Database(odb_address)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Nothing waits for ever."""
    with gevent.Timeout(4 * PATIENCE):
        yield


@pytest.fixture
def locks(database: Database) -> Locks:
    return Locks(Leases(database), 'worker1')


@pytest.fixture
def others(database: Database) -> Locks:
    """Those of another process, as far as they can tell."""
    return Locks(Leases(database), 'worker2')


def take(locks: Locks, **options: Any) -> int:
    with locks.lock('a', **options) as held:
        return held.epoch


def start_holder(odb_process: Start, address: ODBAddress, ttl: float) -> subprocess.Popen[str]:
    """Holds the lock when this returns, and goes on until it is ended."""
    process = odb_process(
        address,
        f"""
from zato.common.odb.lease import Leases
from zato.server.service.facade.lock import Locks
with Locks(Leases(database), 'holder').lock('a', {ttl}) as held:
    print(held.epoch, flush=True)
    sys.stdin.readline()
""",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == '1\n'
    return process


@pytest.mark.parametrize('block', [0, False, SHORT])
def test_two_holders_exclude_each_other(locks: Locks, others: Locks, block: float) -> None:
    with locks.lock('a', LONG), pytest.raises(LockTimeout, match=r'Lock `a` .*not free'):
        take(others, block=block)
    assert take(others, block=0) == 2


def test_what_is_let_go_another_process_has_at_once(
    odb_process: Start, odb_address: ODBAddress, locks: Locks, others: Locks
) -> None:
    process = start_holder(odb_process, odb_address, LONG)
    with pytest.raises(LockTimeout):
        take(locks, block=0)
    process.communicate('\n', timeout=PATIENCE)
    assert process.returncode == 0
    assert take(locks, block=0) == 2
    assert take(others, block=0) == 3


def test_the_lock_of_a_holder_that_was_killed_is_free_once_its_time_has_passed(
    odb_process: Start, odb_address: ODBAddress, locks: Locks
) -> None:
    process = start_holder(odb_process, odb_address, 1.0)
    process.kill()
    process.wait(PATIENCE)
    assert take(locks, block=PATIENCE) == 2


def test_the_lock_of_a_holder_that_was_killed_is_not_free_before(
    odb_process: Start, odb_address: ODBAddress, locks: Locks
) -> None:
    process = start_holder(odb_process, odb_address, LONG)
    process.kill()
    process.wait(PATIENCE)
    with pytest.raises(LockTimeout):
        take(locks, block=SHORT)


def test_one_that_was_paused_for_too_long_ends_with_a_warning_and_takes_nothing_from_the_next(
    odb_process: Start, odb_address: ODBAddress, locks: Locks, others: Locks
) -> None:
    process = odb_process(
        odb_address,
        f"""
import logging
from zato.common.odb.lease import Leases
from zato.server.service.facade.lock import Locks
logging.basicConfig(stream=sys.stdout)
with Locks(Leases(database), 'paused').lock('a', {SHORT}):
    print('held', flush=True)
    sys.stdin.readline()
""",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'held\n'
    process.send_signal(signal.SIGSTOP)
    with locks.lock('a', LONG, PATIENCE) as held:
        assert held.epoch == 2
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate('\n', timeout=PATIENCE)
        assert process.returncode == 0
        assert 'Lock `a`: its time had passed' in out
        with pytest.raises(LockTimeout):
            take(others, block=0)


def test_those_that_wait_in_one_process_get_it_in_their_order(locks: Locks) -> None:
    order, started = list[int](), list[int]()

    def wait(number: int) -> None:
        started.append(number)
        with locks.lock('a', LONG, PATIENCE):
            order.append(number)
            gevent.sleep(0)

    with locks.lock('a', LONG):
        waiting = [gevent.spawn(wait, number) for number in range(6)]
        while len(started) < 6:
            gevent.sleep(0.001)
    gevent.joinall(waiting, raise_error=True)
    assert order == started == [0, 1, 2, 3, 4, 5]


def test_a_lock_that_is_not_free_in_time_is_an_error_that_names_it_and_the_time(locks: Locks, others: Locks) -> None:
    with locks.lock('a', LONG), pytest.raises(LockTimeout) as info:
        take(others, block=SHORT)
    assert str(info.value) == 'Lock `a` was not free within 0.05 s'
    assert (info.value.name, info.value.seconds, info.value.retryable) == ('a', SHORT, True)


@pytest.mark.parametrize('name', ['x' * 200, "o'hara", 'zażółć', '%', 'with space', '𝄞'])
def test_any_printable_name_is_one(database: Database, locks: Locks, others: Locks, name: str) -> None:
    with locks.lock(name, LONG):
        with pytest.raises(LockTimeout):
            others.lock(name, block=0).__enter__()
        with database.read() as connection:
            assert connection.execute(select(lease_table.c.name)).scalars().all() == [f'lock:{name}']


def test_a_lock_is_not_a_lease_of_the_same_name(database: Database, locks: Locks) -> None:
    assert Leases(database).acquire('a', 'somebody', LONG) is not None
    assert take(locks, block=0) == 1


def test_without_the_database_there_are_no_locks(odb_address: ODBAddress) -> None:
    values = {'engine': 'sqlite', 'db_name': '/nowhere/zato.db'} if odb_address.is_sqlite else {'db_name': 'nowhere'}
    database = Database(ODBAddress(**{**asdict(odb_address), **values}))
    with pytest.raises(ODBUnavailable):
        take(Locks(Leases(database), 'worker1'))
    database.close()


ADDER = """
import gevent
from sqlalchemy import select, update
from zato.common.odb.lease import Leases
from zato.server.service.facade.lock import Locks

locks, epochs = Locks(Leases(database), arguments[0]), []

def add():
    for _ in range({rounds}):
        with locks.lock('a', 600, 600) as held:
            epochs.append(held.epoch)
            with database.read() as connection:
                value = connection.execute(select(config_counter.c.event)).scalar_one()
            gevent.sleep(0.001)
            with database.write() as connection:
                connection.execute(update(config_counter).values(event=value + 1))

print('ready', flush=True)
sys.stdin.readline()
gevent.joinall([gevent.spawn(add) for _ in range({greenlets})], raise_error=True)
print(json.dumps(epochs))
"""


def test_what_many_greenlets_of_many_processes_do_with_the_lock_held_is_done_by_one_at_a_time(
    database: Database, odb_address: ODBAddress, odb_process: Start
) -> None:
    """Each adds one to a number in two transactions, so that any two at a time would lose an addition."""
    code = ADDER.format(rounds=5, greenlets=3)
    processes = [odb_process(odb_address, code, f'worker{number}') for number in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
    for process in processes:
        assert process.stdin is not None
        process.stdin.write('\n')
        process.stdin.flush()
    epochs = [json.loads(process.communicate(timeout=3 * PATIENCE)[0]) for process in processes]
    with database.read() as connection:
        assert connection.execute(select(config_counter.c.event)).scalar_one() == 45
    assert sorted(chain.from_iterable(epochs)) == list(range(1, 46))
    assert all(own == sorted(own) for own in epochs)


KILLED = """
from gevent import monkey; monkey.patch_all()
import json, random, sys
import gevent
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.lease import Leases
from zato.server.propagate.odb import ODB
from zato.common.exception import LockTimeout
from zato.server.service.facade.lock import Locks

odb = ODB(Database(ODBAddress(**json.loads(sys.argv[1]))))
locks = Locks(Leases(odb.database, odb.write), 'worker1')
seed = random.randrange(1_000_000)
own = random.Random(seed)
together = worst = 0

def hold():
    global together, worst
    with gevent.Timeout(own.uniform(0, 0.05), False), locks.lock('a', 600, 600):
        together += 1
        worst = max(worst, together)
        try:
            gevent.sleep(own.uniform(0, 0.002))
        finally:
            together -= 1

for _ in range(60):
    greenlets = [gevent.spawn(hold) for _ in range(4)]
    gevent.sleep(own.uniform(0, 0.02))
    greenlets[own.randrange(4)].kill()
    gevent.joinall(greenlets)
    with locks.lock('a', 600, 10) as held:
        pass
print(json.dumps({'seed': seed, 'worst': worst, 'epoch': held.epoch}))
"""


def test_who_is_killed_or_gives_up_at_any_moment_leaves_no_lock_behind(odb_address: ODBAddress) -> None:
    command = [sys.executable, '-c', KILLED, json.dumps(asdict(odb_address))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)['worst'] == 1


def test_the_row_of_a_lock_that_nobody_used_for_a_week_is_pruned(database: Database) -> None:
    odb = ODB(database)
    with database.write() as connection:
        now = connection.execute(select(database.now)).scalar_one()
        for name, expires in (('lock:old', now - 8 * 86_400), ('lock:new', now - 86_400), ('other', now - 8 * 86_400)):
            connection.execute(insert(lease_table).values(name=name, owner='', epoch=1, expires=expires))
    Housekeeping(odb, 'worker1').prune()
    with database.read() as connection:
        names = set(connection.execute(select(lease_table.c.name)).scalars())
    assert names >= {'lock:new', 'other'}
    assert 'lock:old' not in names
    odb.close()
