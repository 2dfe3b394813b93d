"""What is done with many leases at once, whichever database they are in, and in memory for tests."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from sqlalchemy import event, update

from tests.support.clock import HandClock
from tests.support.environment import PATIENCE
from tests.support.leases import MemoryLeases
from tests.support.postgresql import PostgreSQL
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.lease import Lease, Leases, LeaseState, Taken
from zato.common.odb.tables import lease as table

LONG = 600.0  #: seconds; it does not expire unless the test says so


class Party(NamedTuple):
    """later: lets that many seconds pass, for leases."""

    leases: Leases | MemoryLeases
    later: Callable[[float], None]


@pytest.fixture(params=['memory', 'sqlite', 'postgresql'])
def party(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Party]:
    if request.param == 'memory':
        clock = HandClock()

        def pass_by_hand(seconds: float) -> None:
            clock.now += seconds

        yield Party(MemoryLeases(clock), pass_by_hand)
        return
    database = Database(_address(request, tmp_path))

    def pass_in_database(seconds: float) -> None:
        with database.write() as connection:
            held = table.c.expires > 0
            connection.execute(update(table).where(held).values(expires=table.c.expires - seconds))

    yield Party(Leases(database), pass_in_database)
    database.close()


def _address(request: pytest.FixtureRequest, directory: Path) -> ODBAddress:
    """As the fixture `odb_address`, which has no place for what is in memory."""
    if request.param == 'sqlite':
        path = directory / 'zato.db'
        shutil.copy(request.getfixturevalue('sqlite_template'), path)
        return ODBAddress(engine='sqlite', db_name=str(path))
    server: PostgreSQL = request.getfixturevalue('postgresql')
    return server.database(f'odb_{uuid4().hex}', template=request.getfixturevalue('postgresql_template'))


def by_name(taken: list[Taken]) -> dict[str, Taken]:
    return {one.lease.name: one for one in taken}


def test_many_are_taken_at_once_but_for_those_of_others(party: Party) -> None:
    leases, _ = party
    leases.acquire('b', 'one', LONG)
    taken = by_name(leases.acquire_all(['c', 'a', 'b'], 'two', LONG))
    assert {name: one.lease for name, one in taken.items()} == {'a': Lease('a', 'two', 1), 'c': Lease('c', 'two', 1)}


def test_what_nobody_ever_held_or_was_let_go_is_clean_and_what_expired_is_not(party: Party) -> None:
    leases, later = party
    released = leases.acquire('released', 'one', LONG)
    assert released is not None
    leases.release(released)
    leases.acquire('expired', 'one', LONG)
    later(LONG + 1)
    taken = by_name(leases.acquire_all(['never', 'released', 'expired'], 'two', LONG))
    assert {name: (one.former, one.is_clean, one.lease.epoch) for name, one in taken.items()} == {
        'never': ('', True, 1),
        'released': ('', True, 2),
        'expired': ('one', False, 2),
    }


def test_what_a_dead_one_holds_is_taken_in_a_new_epoch_whatever_its_expiry(party: Party) -> None:
    leases, _ = party
    leases.acquire('a', 'dead', LONG)
    leases.acquire('b', 'alive', LONG)
    assert leases.acquire_all(['a', 'b'], 'heir', LONG, dead={'dead'}) == [Taken(Lease('a', 'heir', 2), 'dead')]


def test_of_two_heirs_one_inherits(party: Party) -> None:
    leases, _ = party
    leases.acquire('a', 'dead', LONG)
    assert leases.acquire_all(['a'], 'heir', LONG, dead={'dead'})
    assert leases.acquire_all(['a'], 'late heir', LONG, dead={'dead'}) == []


def test_what_one_holds_already_keeps_its_epoch_and_what_expired_gets_a_new_one(party: Party) -> None:
    leases, later = party
    leases.acquire('a', 'one', LONG)
    assert leases.acquire_all(['a'], 'one', LONG) == [Taken(Lease('a', 'one', 1), 'one')]
    later(LONG + 1)
    assert leases.acquire_all(['a'], 'one', LONG) == [Taken(Lease('a', 'one', 2), 'one')]


def test_all_that_one_holds_is_renewed_at_once_and_nothing_else(party: Party) -> None:
    leases, later = party
    names = ['a', 'b', 'expired', 'released', 'taken', 'never']
    for name in names[:2] + names[3:4]:
        leases.acquire(name, 'one', LONG)
    leases.acquire('expired', 'one', 1.0)
    leases.acquire('taken', 'two', LONG)
    leases.release(Lease('released', 'one', 1))
    later(10)
    renewed = leases.renew_all(names, 'one', LONG)
    assert sorted(renewed, key=lambda lease: lease.name) == [Lease('a', 'one', 1), Lease('b', 'one', 1)]
    later(LONG - 5)
    held = {name for name, state in leases.find(names).items() if state.is_held}
    assert held == {'a', 'b'}


def test_all_are_let_go_at_once_but_for_what_somebody_else_holds_by_now(party: Party) -> None:
    leases, _ = party
    mine = [taken.lease for taken in leases.acquire_all(['a', 'b', 'c'], 'one', LONG)]
    leases.acquire_all(['b'], 'two', LONG, dead={'one'})
    leases.release_all(mine)
    states = leases.find(['a', 'b', 'c'])
    assert {name: (state.owner, state.is_held) for name, state in states.items()} == {
        'a': ('one', False),
        'b': ('two', True),
        'c': ('one', False),
    }


def test_a_former_epoch_of_ones_own_is_not_let_go(party: Party) -> None:
    leases, later = party
    first = leases.acquire('a', 'one', LONG)
    assert first is not None
    later(LONG + 1)
    leases.acquire('a', 'one', LONG)
    leases.release_all([first])
    assert leases.find(['a'])['a'].is_held


def test_what_is_known_of_leases(party: Party) -> None:
    leases, later = party
    leases.acquire('a', 'one', LONG)
    leases.acquire('b', 'two', 5.0)
    later(10)
    states = leases.find(['a', 'b', 'never'])
    assert set(states) == {'a', 'b'}
    assert states['a'] == LeaseState('one', 1, states['a'].seconds_left)
    assert LONG - 11 - PATIENCE < states['a'].seconds_left <= LONG - 10
    assert states['a'].is_held
    assert states['b'].seconds_left <= -5
    assert not states['b'].is_held


def test_only_what_nobody_has_held_for_long_is_pruned_by_the_beginning_of_its_name(party: Party) -> None:
    leases, later = party
    for name in ('x_held', 'x_old', 'y_old', 'xyold'):
        leases.acquire(name, 'one', LONG if name == 'x_held' else 1.0)
    later(100)
    leases.acquire('x_new', 'one', 1.0)
    later(10)
    assert leases.prune('x_', 50) == 1
    assert set(leases.find(['x_held', 'x_old', 'y_old', 'x_new', 'xyold'])) == {'x_held', 'y_old', 'x_new', 'xyold'}


def test_none_are_none(party: Party) -> None:
    leases, _ = party
    assert leases.acquire_all([], 'one', LONG) == []
    assert leases.renew_all([], 'one', LONG) == []
    assert leases.find([]) == {}
    leases.release_all([])


def test_a_thousand_take_as_many_statements_as_one(odb_address: ODBAddress) -> None:
    database, said = Database(odb_address), list[str]()
    leases = Leases(database)

    def count(connection: object, cursor: object, statement: str, *rest: object) -> None:
        said.append(statement)

    def statements_for(number: int) -> int:
        names = [f'pubsub:{i}' for i in range(number)]
        said.clear()
        taken = leases.acquire_all(names, 'one', LONG)
        assert len(taken) == len(leases.renew_all(names, 'one', LONG)) == len(leases.find(names)) == number
        leases.release_all([one.lease for one in taken])
        return len(said)

    event.listen(database._engine, 'before_cursor_execute', count)
    assert statements_for(1_000) == statements_for(1)
    database.close()


def test_those_that_take_renew_and_let_go_of_the_same_ones_at_once_never_wait_for_each_other(
    odb_address: ODBAddress,
) -> None:
    """Rows that are locked in different orders would end in a deadlock of PostgreSQL's, which is an error."""
    database = Database(odb_address)
    leases = Leases(database)
    names = [f'{"aZ-_"[i % 4]}:{i}' for i in range(120)]

    def take_turns(owner: str, own: list[str]) -> int:
        taken_at_all = 0
        for turn in range(12):
            new = [f'{name} {turn}' for name in own]
            taken = leases.acquire_all(new, owner, LONG)
            leases.renew_all(new, owner, LONG)
            leases.release_all([one.lease for one in taken])
            taken_at_all += len(taken)
        return taken_at_all

    orders = [names, names[::-1], names[60:] + names[:60], sorted(names)]
    with ThreadPoolExecutor(4) as threads:
        turns = [threads.submit(take_turns, f'owner-{i}', order) for i, order in enumerate(orders)]
        assert sum(turn.result(PATIENCE) for turn in turns) > 0
    database.close()


def test_of_many_that_take_all_at_once_each_lease_has_one_holder(odb_address: ODBAddress) -> None:
    database = Database(odb_address)
    leases = Leases(database)
    names = [f'pubsub:{i}' for i in range(50)]
    with ThreadPoolExecutor(4) as threads:
        turns = [threads.submit(leases.acquire_all, names, f'owner-{i}', LONG) for i in range(4)]
        taken = [one.lease.name for turn in turns for one in turn.result(PATIENCE)]
    assert sorted(taken) == sorted(names)
    database.close()


@pytest.mark.parametrize('odb_engine', ['postgresql'], indirect=True)
def test_a_process_that_stands_still_while_it_takes_leases_keeps_others_from_them_for_some_seconds_only(
    odb_address: ODBAddress, odb_process: Callable[..., subprocess.Popen[str]]
) -> None:
    process = odb_process(
        odb_address,
        """
import os, signal
from zato.common.odb import lease

class Leases(lease.Leases):
    def _locked(self, *arguments):
        rows = super()._locked(*arguments)
        print('stands still', flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        return rows

lease.STALLED_AFTER = 1
leases = Leases(database)
try:
    leases.acquire_all(['a', 'b'], 'stopped', 600)
except ODBUnavailable:
    print('refused')
""",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'stands still\n'
    database = Database(odb_address)
    taken = Leases(database).acquire_all(['a', 'b'], 'other', LONG)
    assert {one.lease for one in taken} == {Lease('a', 'other', 1), Lease('b', 'other', 1)}
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=PATIENCE)[0] == 'refused\n'
    database.close()
