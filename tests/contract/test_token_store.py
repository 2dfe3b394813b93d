"""What a store of tokens promises, whichever database it is in, and also in the memory of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any, cast

import pytest
from sqlalchemy import Connection, insert, update

from tests.support.clock import HandClock
from tests.support.environment import PATIENCE
from tests.support.odb import OpenODB
from tests.support.security import MemoryTokenStore
from zato.common.clock import SYSTEM_CLOCK
from zato.common.config.kind import find_kind
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.odb.tables import audit, config_event, security_token
from zato.server.propagate.change import Change
from zato.server.propagate.housekeeping import Housekeeping
from zato.server.propagate.ledger import Actor
from zato.server.security.token_store import TokenStore

JANE = Actor('jane', '')
LONG = 1_000.0  #: seconds
NEAR = 5.0  #: seconds that a test may take


class InODB:
    """Two definitions in an ODB, and the store."""

    def __init__(self, address: ODBAddress) -> None:
        self.open = OpenODB(address)
        self.store = TokenStore(self.open.odb, self.open.writer)
        self.now = SYSTEM_CLOCK.monotonic
        jwt = find_kind('security_jwt')
        self.definition, self.other = (
            self.open.apply(Change(action='create', kind=jwt, name=name, given={'username': name}))[0].id
            for name in ('jane', 'joe')
        )

    def set_active(self, is_active: bool) -> None:
        self.open.apply(Change(action='edit', kind=find_kind('security_jwt'), id=self.definition, is_active=is_active))

    def expire(self, row_id: str, seconds: float = 1.0) -> None:
        """That long ago."""
        statement = update(security_token).where(security_token.c.id == row_id)
        self.open.odb.write(
            lambda connection: connection.execute(statement.values(expires=self.open.database.now - seconds))
        )

    def close(self) -> None:
        self.open.close()


class InMemory:
    def __init__(self) -> None:
        clock = HandClock()
        self.store = cast(TokenStore, MemoryTokenStore(clock))
        self.now = clock.monotonic
        self.definition, self.other = 1, 2

    @property
    def _memory(self) -> MemoryTokenStore:
        return cast(Any, self.store)

    def set_active(self, is_active: bool) -> None:
        self._memory.inactive = set() if is_active else {1}

    def expire(self, row_id: str) -> None:
        self._memory.rows[row_id] = self._memory.rows[row_id][0], self.now() - 1.0


Place = InODB | InMemory


@pytest.fixture
def odb(odb_address: ODBAddress) -> Iterator[InODB]:
    found = InODB(odb_address)
    yield found
    found.close()


@pytest.fixture
def place(odb_engine: str, request: pytest.FixtureRequest) -> Place:
    return InMemory() if odb_engine == 'memory' else cast(InODB, request.getfixturevalue('odb'))


everywhere = pytest.mark.parametrize('odb_engine', ['memory', 'sqlite', 'postgresql'], indirect=True)


def is_near(found: float | None, wanted: float) -> bool:
    return found is not None and wanted - NEAR < found < wanted + NEAR


@everywhere
def test_a_token_lives_as_long_as_it_was_given_for(place: Place) -> None:
    place.store.add('a', place.definition, LONG)
    assert is_near(place.store.life_of('a'), LONG)
    assert place.store.life_of('b') is None


@everywhere
def test_a_life_is_prolonged_and_never_shortened(place: Place) -> None:
    for row_id in ('a', 'b'):
        place.store.add(row_id, place.definition, LONG)
    there = place.store.prolong({'a': place.now() + 2 * LONG, 'b': place.now() + LONG / 2, 'c': place.now() + LONG})
    assert there == {'a', 'b'}
    assert is_near(place.store.life_of('a'), 2 * LONG)
    assert is_near(place.store.life_of('b'), LONG)
    assert place.store.life_of('c') is None, 'what was removed does not come back'


@everywhere
def test_more_lives_than_fit_into_a_statement_are_prolonged(place: Place) -> None:
    for number in range(5):
        place.store.add(f'{number}', place.definition, LONG)
    ends = {f'{number}': place.now() + 2 * LONG for number in range(1_200)}
    assert place.store.prolong(ends) == {'0', '1', '2', '3', '4'}
    assert place.store.prolong({}) == set()


@everywhere
def test_one_that_expired_while_nobody_could_write_that_it_was_used_lives_on(place: Place) -> None:
    place.store.add('a', place.definition, LONG)
    place.expire('a')
    assert place.store.prolong({'a': place.now() + LONG}) == {'a'}
    assert is_near(place.store.life_of('a'), LONG)


@everywhere
def test_a_token_is_removed_once(place: Place) -> None:
    place.store.add('a', place.definition, LONG)
    assert place.store.remove('a', place.definition, 'jane', JANE) > 0
    assert place.store.life_of('a') is None
    assert place.store.remove('a', place.definition, 'jane', JANE) == 0


@everywhere
def test_one_that_has_expired_is_not_there_to_be_removed(place: Place) -> None:
    place.store.add('a', place.definition, LONG)
    place.expire('a')
    assert place.store.remove('a', place.definition, 'jane', JANE) == 0


@everywhere
def test_what_tokens_have_left_is_limited_by_definition(place: Place) -> None:
    for row_id, definition, seconds in (
        ('a', place.definition, LONG),
        ('b', place.definition, 50),
        ('c', place.other, LONG),
    ):
        place.store.add(row_id, definition, seconds)
    place.store.limit({place.definition: 100.0, place.other: 2 * LONG})
    for row_id, seconds in (('a', 100), ('b', 50), ('c', LONG)):
        assert is_near(place.store.life_of(row_id), seconds)


@everywhere
def test_a_definition_that_is_not_active_gives_no_tokens(place: Place) -> None:
    place.set_active(False)
    assert not place.store.add('a', place.definition, LONG)
    assert place.store.life_of('a') is None
    assert place.store.add('b', place.other, LONG)
    place.set_active(True)
    assert place.store.add('a', place.definition, LONG)


# In an ODB


def test_a_log_out_is_an_event_and_in_the_audit_trail(odb: InODB) -> None:
    odb.store.add('a', odb.definition, LONG)
    event = odb.store.remove('a', odb.definition, 'jane', JANE)
    newest = odb.open.rows(config_event, ['id'])[-1]
    assert (newest['id'], newest['kind'], newest['object_id']) == (event, 'security_jwt', odb.definition)
    last = odb.open.rows(audit, ['event'])[-1]
    assert (last['event'], last['who'], last['action'], last['name']) == (event, 'jane', 'log-out', 'jane')
    assert (last['before'], last['after']) == ('', '')


def test_what_removes_nothing_writes_no_event(odb: InODB) -> None:
    events = odb.open.rows(config_event, ['id'])
    assert odb.store.remove('a', odb.definition, 'jane', JANE) == 0
    assert odb.open.rows(config_event, ['id']) == events


def test_a_definition_that_is_deleted_takes_its_tokens_with_it(odb: InODB) -> None:
    odb.store.add('a', odb.definition, LONG)
    odb.open.apply(Change(action='delete', kind=find_kind('security_jwt'), id=odb.definition))
    assert odb.store.life_of('a') is None


def test_one_that_is_gone_gives_no_tokens(odb: InODB) -> None:
    odb.open.apply(Change(action='delete', kind=find_kind('security_jwt'), id=odb.definition))
    assert not odb.store.add('a', odb.definition, LONG)


@pytest.mark.parametrize('change', [{'is_active': False}, {'given': {'username': 'x'}}, {'given': {'password': 'x'}}])
def test_its_tokens_have_ended_once_it_has_other_credentials_or_is_not_active(odb: InODB, change: dict[str, Any]) -> None:
    odb.store.add('a', odb.definition, LONG)
    odb.store.add('b', odb.other, LONG)
    odb.open.apply(Change(action='edit', kind=find_kind('security_jwt'), id=odb.definition, **change))
    odb.open.apply(
        Change(action='edit', kind=find_kind('security_jwt'), id=odb.definition, is_active=True, given={'username': 'jane'})
    )
    assert odb.store.life_of('a') is None
    assert odb.store.life_of('b') is not None


class Blocking:
    """An ODB whose calls block their thread."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def write(self, work: Callable[[Connection], Any], timeout: float = PATIENCE) -> Any:
        with self.database.write() as connection:
            return work(connection)


def test_no_token_that_is_given_meanwhile_outlives_that(odb: InODB) -> None:
    store = TokenStore(cast(Any, Blocking(odb.open.database)), odb.open.writer)
    beginning = Barrier(3)

    def give(name: str) -> int:
        beginning.wait(PATIENCE)
        given = 0
        while store.add(f'{name}{given}', odb.definition, LONG):
            given += 1
        return given

    with ThreadPoolExecutor(2) as threads:
        givers = [threads.submit(give, name) for name in 'ab']
        beginning.wait(PATIENCE)
        odb.set_active(False)
        given = [giver.result(PATIENCE) for giver in givers]
    odb.set_active(True)
    names = [f'{name}{number}' for name, count in zip('ab', given, strict=True) for number in range(count)]
    assert not any(odb.store.life_of(name) for name in names)


def test_other_changes_of_it_end_none(odb: InODB) -> None:
    odb.store.add('a', odb.definition, LONG)
    change = Change(
        action='edit', kind=find_kind('security_jwt'), id=odb.definition, name='janet', is_active=True, given={'ttl': 5}
    )
    odb.open.apply(change)
    assert odb.store.life_of('a') is not None


def test_housekeeping_removes_what_expired_a_day_ago(odb: InODB) -> None:
    for row_id, seconds in (('old', 90_000.0), ('expired', 80_000.0)):
        odb.store.add(row_id, odb.definition, LONG)
        odb.expire(row_id, seconds)
    odb.store.add('live', odb.definition, LONG)
    Housekeeping(odb.open.odb, 'me').prune()
    assert [row['id'] for row in odb.open.rows(security_token, ['id'])] == ['expired', 'live']


def test_two_workers_that_prolong_the_same_lives_do_not_wait_for_each_other_for_ever(odb: InODB) -> None:
    ids = [f'{number:03}' for number in range(200)]
    for row_id in ids:
        odb.store.add(row_id, odb.definition, LONG)
    blocking = cast(Any, Blocking(odb.open.database))
    both = Barrier(2)

    def prolong(row_ids: list[str]) -> None:
        store = TokenStore(blocking, odb.open.writer)
        for number in range(20):
            both.wait(PATIENCE)
            assert store.prolong(dict.fromkeys(row_ids, odb.now() + LONG + number)) == set(ids)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(prolong, order) for order in (ids, ids[::-1])]:
            future.result(PATIENCE)


def test_tokens_may_be_prolonged_while_their_definition_ends_them(odb: InODB) -> None:
    ids = [f'{number:03}' for number in range(200)]
    rows = [{'id': row_id, 'object_id': odb.definition, 'expires': LONG} for row_id in ids[::-1]]
    store = TokenStore(cast(Any, Blocking(odb.open.database)), odb.open.writer)
    end = Event()

    def prolong() -> None:
        number = 0
        while not end.is_set():
            number += 1
            store.prolong(dict.fromkeys(ids, odb.now() + LONG + number))

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(prolong)
        try:
            for number in range(10):
                odb.open.odb.write(lambda connection: connection.execute(insert(security_token), rows))
                odb.open.apply(
                    Change(
                        action='edit', kind=find_kind('security_jwt'), id=odb.definition, given={'username': f'x{number}'}
                    )
                )
        finally:
            end.set()
        future.result(PATIENCE)
