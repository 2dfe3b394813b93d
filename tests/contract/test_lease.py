"""What a lease promises, whichever database it is in: one holder at a time, and nothing of a former one is written."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import Connection, insert, select, update

from tests.support.environment import PATIENCE, eventually
from tests.support.postgresql import PostgreSQL
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.lease import Lease, LeaseLost, Leases
from zato.common.odb.tables import config_counter, config_event
from zato.common.odb.tables import lease as lease_table

Start = Callable[..., subprocess.Popen[str]]

only_postgresql = pytest.mark.parametrize('odb_engine', ['postgresql'], indirect=True)

LONG = 600.0  #: seconds; it does not expire in a test
SHORT = 0.05  #: seconds; a test waits for its end


@pytest.fixture
def database(odb_address: ODBAddress) -> Iterator[Database]:
    opened = Database(odb_address)
    yield opened
    opened.close()


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


def increment(connection: Connection) -> None:
    connection.execute(update(config_counter).values(event=config_counter.c.event + 1))


def counted(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(config_counter.c.event)).scalar_one())


def expires_in(database: Database) -> float:
    with database.read() as connection:
        return float(connection.execute(select(lease_table.c.expires - database.now)).scalar_one())


def holds(database: Database, lease: Lease) -> bool:
    with database.write() as connection:
        try:
            Leases(database).check(connection, lease)
        except LeaseLost:
            return False
    return True


def test_the_first_holder_has_epoch_one(leases: Leases) -> None:
    assert leases.acquire('a', 'one', LONG) == Lease('a', 'one', 1)


def test_what_one_holds_no_other_gets(database: Database, leases: Leases) -> None:
    lease = leases.acquire('a', 'one', LONG)
    assert lease is not None
    assert leases.acquire('a', 'two', LONG) is None
    assert holds(database, lease)


def test_leases_of_different_names_do_not_hinder_each_other(leases: Leases) -> None:
    assert leases.acquire('a', 'one', LONG) == Lease('a', 'one', 1)
    assert leases.acquire('b', 'two', LONG) == Lease('b', 'two', 1)


def test_who_holds_it_may_take_it_again_in_the_same_epoch(leases: Leases) -> None:
    first = leases.acquire('a', 'one', LONG)
    assert leases.acquire('a', 'one', LONG) == first


def test_taking_it_again_makes_it_last_longer(database: Database, leases: Leases) -> None:
    leases.acquire('a', 'one', SHORT)
    lease = leases.acquire('a', 'one', LONG)
    assert lease is not None
    assert expires_in(database) > LONG / 2
    assert holds(database, lease)


def test_renewing_makes_it_last_longer(database: Database, leases: Leases) -> None:
    lease = leases.acquire('a', 'one', LONG)
    assert lease is not None
    leases.renew(lease, 2 * LONG)
    assert expires_in(database) > 1.5 * LONG
    assert leases.acquire('a', 'two', LONG) is None


def test_what_is_released_another_gets_at_once_in_the_next_epoch(database: Database, leases: Leases) -> None:
    lease = leases.acquire('a', 'one', LONG)
    assert lease is not None
    leases.release(lease)
    assert not holds(database, lease)
    assert leases.acquire('a', 'two', LONG) == Lease('a', 'two', 2)


def test_what_expired_another_gets_in_the_next_epoch(database: Database, leases: Leases) -> None:
    first = leases.acquire('a', 'one', SHORT)
    assert first is not None
    second = eventually(lambda: leases.acquire('a', 'two', LONG), 'the end of the lease')
    assert second == Lease('a', 'two', 2)
    assert not holds(database, first)
    assert holds(database, second)


def test_what_expired_its_former_holder_gets_in_the_next_epoch(database: Database, leases: Leases) -> None:
    first = leases.acquire('a', 'one', SHORT)
    assert first is not None
    eventually(lambda: not holds(database, first), 'the end of the lease')
    assert leases.acquire('a', 'one', LONG) == Lease('a', 'one', 2)
    assert not holds(database, first)


def test_what_expired_cannot_be_renewed(database: Database, leases: Leases) -> None:
    lease = leases.acquire('a', 'one', SHORT)
    assert lease is not None
    eventually(lambda: not holds(database, lease), 'the end of the lease')
    with pytest.raises(LeaseLost, match='`a` is no longer held by one'):
        leases.renew(lease, LONG)
    assert not holds(database, lease)


def test_a_former_holder_can_neither_renew_nor_release_it(database: Database, leases: Leases) -> None:
    first = leases.acquire('a', 'one', LONG)
    assert first is not None
    leases.release(first)
    second = leases.acquire('a', 'two', LONG)
    assert second is not None
    with pytest.raises(LeaseLost):
        leases.renew(first, LONG)
    leases.release(first)
    assert holds(database, second)
    assert leases.acquire('a', 'one', LONG) is None


def test_a_lease_that_nobody_ever_took_is_not_held(database: Database, leases: Leases) -> None:
    never = Lease('a', 'one', 1)
    assert not holds(database, never)
    leases.release(never)
    with pytest.raises(LeaseLost):
        leases.renew(never, LONG)


def test_of_many_that_take_a_new_lease_at_once_one_gets_it(leases: Leases) -> None:
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(leases.acquire, 'a', f'owner-{number}', LONG) for number in range(8)]
        taken = [lease for lease in (one.result(PATIENCE) for one in waiting) if lease is not None]
    assert len(taken) == 1
    assert taken[0].epoch == 1


@only_postgresql
def test_who_takes_a_new_lease_while_another_does_finds_it_taken(
    database: Database, leases: Leases, postgresql: PostgreSQL
) -> None:
    waiting_for_lock = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as threads:
        with database.write() as connection:
            values = {'name': 'a', 'owner': 'one', 'epoch': 1, 'expires': database.now + LONG}
            connection.execute(insert(lease_table).values(values))
            second = threads.submit(leases.acquire, 'a', 'two', LONG)
            eventually(lambda: postgresql.execute(waiting_for_lock, database.address.db_name), 'the second one that waits')
        assert second.result(PATIENCE) is None


def test_nobody_takes_it_between_a_check_and_the_end_of_its_transaction(database: Database, leases: Leases) -> None:
    """Even if it expires meanwhile."""
    lease, is_over = leases.acquire('a', 'one', LONG), Event()
    assert lease is not None

    def take() -> tuple[bool, int]:
        eventually(lambda: leases.acquire('a', 'two', LONG), 'the end of the lease')
        return is_over.is_set(), counted(database)

    with ThreadPoolExecutor(1) as threads, database.write() as connection:
        leases.check(connection, lease)
        connection.execute(update(lease_table).values(expires=database.now + SHORT))
        other = threads.submit(take)
        is_held = select(lease_table.c.expires > database.now)
        eventually(lambda: not connection.execute(is_held).scalar_one(), 'the end of the lease')
        increment(connection)
        is_over.set()
    assert other.result(PATIENCE) == (True, 1)


def test_a_holder_that_was_paused_and_lost_it_meanwhile_writes_nothing(
    database: Database, leases: Leases, odb_address: ODBAddress, odb_process: Start
) -> None:
    process = odb_process(
        odb_address,
        f"""
from sqlalchemy import update
from zato.common.odb.lease import LeaseLost, Leases
leases = Leases(database)
lease = leases.acquire('a', 'paused', {SHORT})
print(lease.epoch, flush=True)
sys.stdin.readline()
try:
    with database.write() as connection:
        leases.check(connection, lease)
        connection.execute(update(config_counter).values(event=999))
    print('written')
except LeaseLost:
    print('lost')
""",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == '1\n'
    process.send_signal(signal.SIGSTOP)
    process.stdin.write('\n')
    process.stdin.flush()
    taken = eventually(lambda: leases.acquire('a', 'other', LONG), 'the end of the lease')
    assert taken == Lease('a', 'other', 2)
    with database.write() as connection:
        leases.check(connection, taken)
        increment(connection)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=PATIENCE)[0] == 'lost\n'
    assert counted(database) == 1
    assert holds(database, taken)


def test_a_check_in_a_transaction_that_wrote_already_takes_that_back(database: Database, leases: Leases) -> None:
    lease = leases.acquire('a', 'one', LONG)
    assert lease is not None
    leases.release(lease)

    def work() -> None:
        with database.write() as connection:
            increment(connection)
            leases.check(connection, lease)

    with pytest.raises(LeaseLost):
        work()
    assert counted(database) == 0


HOLDER = """
import random
from sqlalchemy import insert, select
from zato.common.odb.lease import LeaseLost, Leases

owner, chance = arguments[0], random.Random(arguments[1])
leases = Leases(database)
written = lost = refused = 0
print('ready', flush=True)
sys.stdin.readline()
for _ in range({tries}):
    lease = leases.acquire('a', owner, chance.choice((0.001, 0.02, 600)))
    if lease is None:
        refused += 1
        continue
    try:
        for _ in range(chance.randint(1, 3)):
            with database.write() as connection:
                leases.check(connection, lease)
                value = connection.execute(select(config_counter.c.event)).scalar_one() + 1
                connection.execute(config_counter.update().values(event=value))
                connection.execute(insert(config_event).values(id=value, at=0, kind=owner, object_id=lease.epoch))
            written += 1
    except LeaseLost:
        lost += 1
    leases.release(lease)
print(json.dumps([written, lost, refused]))
"""


def test_many_processes_that_take_turns_lose_no_write_and_share_no_epoch(
    database: Database, leases: Leases, odb_address: ODBAddress, odb_process: Start
) -> None:
    seed, tries = random.randrange(2**32), 60
    owners = [f'owner-{number}' for number in range(4)]
    code = HOLDER.format(tries=tries)
    started = {owner: odb_process(odb_address, code, owner, f'{seed} {owner}') for owner in owners}
    for process in started.values():
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
    for process in started.values():
        assert process.stdin is not None
        process.stdin.write('\n')
        process.stdin.flush()
    said = {owner: json.loads(process.communicate(timeout=2 * PATIENCE)[0]) for owner, process in started.items()}
    print(f'{odb_address.engine}: seed {seed}, {tries} tries each; written, lost, refused: {said}')

    with database.read() as connection:
        rows = connection.execute(select(config_event).order_by(config_event.c.id)).all()
    written = Counter[str](row.kind for row in rows)
    holders = defaultdict[int, set[str]](set)
    for row in rows:
        holders[row.object_id].add(row.kind)
    print(f'{len(rows)} writes in {len(holders)} epochs')
    assert {owner: counts[0] for owner, counts in said.items()} == {owner: written[owner] for owner in owners}
    assert counted(database) == len(rows) > 0
    assert all(len(found) == 1 for found in holders.values()), holders
    epochs = [row.object_id for row in rows]
    assert epochs == sorted(epochs), 'a former holder wrote after its successor'
