"""Messages in PostgreSQL. All of a transaction goes to the server at once, and its answers come back at once.

Used by one native thread, which waits in C: psycopg's own waiting would give a busy event loop a part in each answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import errors, waiting
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from zato.common.exception import StoreUnavailable
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import POSTGRESQL
from zato.server.pubsub.lease_names import lease_name, subscription_of
from zato.server.pubsub.store import statements
from zato.server.pubsub.store.arrays import columns, integers, register, texts
from zato.server.pubsub.store.interface import (
    RANKS,
    Ack,
    Bury,
    Fence,
    Fetch,
    Operation,
    Publish,
    Retry,
    Row,
    Settle,
    StoredMessage,
    StoreFull,
    Suspect,
)
from zato.server.pubsub.store.plan import Known, Plan, digest_of, own_ids, plan
from zato.server.pubsub.store.subscription_lock import SHARE
from zato.server.pubsub.store.turn import carry_out, fail

_TIMEOUT: Final = 45.0  #: seconds for all answers; the server ends statements earlier, if it is alive
_ATTEMPTS: Final = 5
_FRESH_AFTER: Final = 5.0  #: seconds after which a queue is read from its very beginning in any case
_EVERY_RANK: Final = integers(RANKS)
#: Queues grow and shrink too fast for statistics of them, so there is one way to read each table: by its index.
_PLANNER: Final = ' '.join(f'-c enable_{node}=off' for node in ('seqscan', 'bitmapscan', 'hashjoin', 'mergejoin'))
_OPTIONS: Final = f'{_PLANNER} -c plan_cache_mode=force_generic_plan -c jit=off'

#: Another transaction came first: with what it wrote in view, this one is made anew.
_REPEATABLE: Final = (
    errors.UniqueViolation,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.DivisionByZero,  # statements.CHECK_SUBS
)
#: What is wrong with what was given, not with the database.
_FAULTS: Final = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded)

_Cursor = psycopg.Cursor[TupleRow]


class _Connection(psycopg.Connection[TupleRow]):
    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return waiting.wait_c(gen, self.pgconn.socket, interval, _TIMEOUT if timeout is None else timeout)


class PostgreSQLStore:
    """address: of the ODB, which has the tables."""

    def __init__(self, address: ODBAddress) -> None:
        self._address = address
        self._connection: _Connection | None = None
        self._subs_version = 0
        self._subs: dict[int, tuple[int, ...]] = {}  # topic → those who have subscribed
        self._low: dict[int, _Low] = {}  # subscription → where its queue begins

    def open(self) -> None:
        address = self._address
        options: dict[str, Any] = {**POSTGRESQL, 'options': f'{POSTGRESQL["options"]} {_OPTIONS}'}
        given = {'host': address.host, 'port': address.port, 'user': address.username, 'password': address.password}
        options |= {name: value for name, value in given.items() if value}
        try:
            self._connection = _Connection.connect(dbname=address.db_name, autocommit=True, **options)
        except psycopg.Error as e:
            raise self._unavailable(e, 'nothing was written') from e
        register(self._connection.adapters)
        self._connection.execute(statements.DURABLE)
        self._subs_version = 0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def commit(self, take: Callable[[], Sequence[Operation]]) -> Sequence[Operation]:
        operations = take()
        if operations:
            carry_out(self._transaction, operations)
        return operations

    # One transaction

    def _transaction(self, operations: Sequence[Operation]) -> None:
        """Raises as turn.carry_out wants it."""
        connection = self._usable()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._write(connection, operations)
            except psycopg.Error as e:
                self._recover(connection, e, operations)
                if not isinstance(e, _REPEATABLE) or attempt == _ATTEMPTS:
                    raise self._translated(e) from e
            except Exception:
                connection.rollback()
                raise
            else:
                return

    def _write(self, connection: _Connection, operations: Sequence[Operation]) -> None:
        turn = _Turn(operations)
        turn.made = self._planned(connection, turn.published)
        try:
            self._send(connection, turn)
            self._read_again(connection, turn)
        except psycopg.Error as e:
            if not turn.is_committed:
                raise
            fail(turn.fetched, self._unavailable(e, 'nothing was read'))
            turn.fetched = []
        if turn.numbers:
            _number(turn.published, turn.numbers.fetchall()[0][0])
        if turn.leases:
            _find_lost(turn.settled, turn.leases.fetchall())
        for fetch, found in zip(turn.fetched, turn.found, strict=False):
            self._take(fetch, found.fetchall())

    def _send(self, connection: _Connection, turn: _Turn) -> None:
        """All at once. Raises the first error."""
        first: psycopg.Error | None = None
        try:
            with connection.pipeline():
                try:
                    self._put(connection, turn)
                except psycopg.Error as e:  # psycopg would log that the end of the block fails too
                    first = e
        except psycopg.Error as e:
            first = first or e
        if first is not None:
            raise first

    def _put(self, connection: _Connection, turn: _Turn) -> None:
        """What is read is read after the commit, so that nobody waits for that."""
        is_writing = turn.made or turn.settled
        if is_writing:
            connection.execute('BEGIN', prepare=True)
        if turn.made:
            turn.numbers = self._publish(connection, turn.made)
        if turn.settled:
            turn.leases = _settle(connection, turn.settled)
        turn.returned = [_run(connection, statements.BRING_BACK, (fetch.sub_id, fetch.now)) for fetch in turn.fetched]
        if is_writing:
            turn.commit = connection.execute('COMMIT', prepare=True)
        turn.found = [self._ask(connection, fetch) for fetch in turn.fetched]

    def _read_again(self, connection: _Connection, turn: _Turn) -> None:
        """What came back may be before the place where reading began."""
        for index, fetch in enumerate(turn.fetched):
            if turn.returned[index].rowcount and not fetch.is_fresh:
                fetch.is_fresh = True
                turn.found[index] = self._ask(connection, fetch)

    def _usable(self) -> _Connection:
        """Raises StoreUnavailable."""
        connection = self._connection
        if connection is not None:
            try:
                for _ in range(2):  # what the server said before it closed the connection, and that it did
                    connection.pgconn.consume_input()
            except psycopg.Error:
                self.close()
        if self._connection is None:
            self.open()
        assert self._connection is not None
        return self._connection

    def _recover(self, connection: _Connection, e: psycopg.Error, operations: Sequence[Operation]) -> None:
        """Raises StoreUnavailable if there is no connection any more."""
        if isinstance(e, errors.DivisionByZero):
            self._subs_version = 0
        try:
            if connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                connection.rollback()
        except psycopg.Error:
            self.close()
        if connection.closed or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            self.close()
            is_read_only = all(type(operation) is Fetch for operation in operations)
            known = 'nothing was written' if is_read_only else 'it is not known whether it was written'
            raise self._unavailable(e, known) from e

    def _translated(self, e: psycopg.Error) -> Exception:
        """As turn.carry_out wants it. The transaction was rolled back."""
        if isinstance(e, errors.DiskFull):
            return StoreFull(msg=f'{self._address}: {_reason(e)}; free some disk space; nothing was written')
        if isinstance(e, _FAULTS) and not isinstance(e, errors.DivisionByZero):
            return e
        self.close()
        return self._unavailable(e, 'nothing was written')

    # Publishing

    def _planned(self, connection: _Connection, operations: Sequence[Publish]) -> Plan | None:
        """None if there is nothing to write."""
        if not any(operation.messages for operation in operations):
            return None
        if not self._subs_version:
            self._read_subs(connection)
        known: Known = {}
        if ids := own_ids(operations):
            found = _run(connection, statements.KNOWN, {'ids': ids}).fetchall()
            known = {
                id: (topic_id, digest if digest is not None else digest_of(data)) for id, topic_id, digest, data in found
            }
        made = plan(operations, self._subs, known, last=0)
        return made if made.messages else None

    def _read_subs(self, connection: _Connection) -> None:
        found: dict[int, tuple[int, ...]] = {}
        for version, id, topic_id in _run(connection, statements.SUBS).fetchall():
            self._subs_version = version
            if id is not None:
                found[topic_id] = (*found.get(topic_id, ()), id)
        self._subs = found

    def _publish(self, connection: _Connection, made: Plan) -> _Cursor:
        values = [*columns(made.messages, 14, 'itiiiittiiitb'), *columns(made.queue, 3, 'iii')]
        statement = statements.PUBLISH
        if made.late or made.seen:
            values += [*columns(made.late, 4, 'iiii'), *columns(made.seen, 4, 'tiii')]
            statement = statements.PUBLISH_ALL
        _run(connection, SHARE)
        _run(connection, statements.CHECK_SUBS, (self._subs_version,))
        return _run(connection, statement, values)

    # Reading

    def _ask(self, connection: _Connection, fetch: Fetch) -> _Cursor:
        low = self._low.get(fetch.sub_id)
        if low is None or fetch.is_fresh or monotonic() - low.since >= _FRESH_AFTER:
            low = self._low[fetch.sub_id] = _Low()
        values = {
            'sub_id': fetch.sub_id,
            'limit': fetch.limit,
            'size': fetch.size,
            'every': _EVERY_RANK,
            'low': integers(low.seqs),
        }
        return _run(connection, statements.FETCH, values)

    def _take(self, fetch: Fetch, found: list[TupleRow]) -> None:
        fetch.error = None
        fetch.next_due = found[0][0] or 0
        rows = [Row._make((*row[1:6], StoredMessage._make(row[6:18]))) for row in found if row[1] is not None]
        rows.sort()
        fetch.rows = rows
        is_cut = bool(rows) and sum(row.message.size for row in rows) >= fetch.size
        fetch.is_all = len(rows) < fetch.limit and not is_cut
        seqs = self._low[fetch.sub_id].seqs
        for row in reversed(rows):
            seqs[row.rank] = row.seq

    def _unavailable(self, e: Exception, known: str) -> StoreUnavailable:
        return StoreUnavailable(msg=f'{self._address}: {_reason(e)}; {known}')


class _Turn:
    """What a transaction is to do, and its answers as far as there are any."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.published = [operation for operation in operations if type(operation) is Publish]
        self.settled = [operation for operation in operations if isinstance(operation, Settle)]
        self.fetched = [operation for operation in operations if type(operation) is Fetch]
        self.made: Plan | None = None
        self.numbers: _Cursor | None = None
        self.leases: _Cursor | None = None
        self.commit: _Cursor | None = None
        self.returned: list[_Cursor] = []
        self.found: list[_Cursor] = []

    @property
    def is_committed(self) -> bool:
        return self.commit is not None and self.commit.statusmessage == 'COMMIT'


class _Low:
    """By rank, the first seq of a subscription's queue as it was last read: before it there are only entries of an index
    that lead nowhere any more, which take long to pass. What comes in there is told by is_fresh, or found in time.
    """

    __slots__ = ('seqs', 'since')

    def __init__(self) -> None:
        self.seqs = [0] * len(RANKS)
        self.since = monotonic()


def _run(connection: _Connection, statement: str, values: Any = None) -> _Cursor:
    return connection.execute(statement, values, prepare=True, binary=True)


def _settle(connection: _Connection, operations: Sequence[Settle]) -> _Cursor:
    """Returns the leases as they are, whose rows are locked."""
    names = sorted({lease_name(operation.fence.sub_id) for operation in operations})
    leases = _run(connection, statements.LOCK_LEASES, (texts(names),))
    acks = [operation for operation in operations if type(operation) is Ack]
    if acks:
        _run(connection, statements.ACK, _these(acks))
    for operation in operations:
        if type(operation) is not Ack:
            statement, values = _statement_for(operation)
            _run(connection, statement, _these([operation]) | values)
    return leases


def _statement_for(operation: Settle) -> tuple[str, dict[str, Any]]:
    if isinstance(operation, Retry):
        statement = statements.RETRY_ASIDE if operation.waits_aside else statements.RETRY
        return statement, {'attempts': operation.attempts, 'at': operation.at, 'text': operation.text}
    if isinstance(operation, Bury):
        values = {'attempts': operation.attempts, 'at': operation.at, 'text': operation.text, 'reason': operation.reason}
        return statements.BURY, values
    assert isinstance(operation, Suspect)
    return statements.SUSPECT, {'crashes': operation.crashes}


def _these(operations: Sequence[Settle]) -> dict[str, Any]:
    """Rows, and the leases that they are settled under."""
    nos = [no for no, operation in enumerate(operations) for _ in operation.keys]
    keys = [key for operation in operations for key in operation.keys]
    fences = [operation.fence for operation in operations]
    return {
        'fences': integers(range(len(fences))),
        'sub_ids': integers([fence.sub_id for fence in fences]),
        'owners': texts([fence.owner for fence in fences]),
        'epochs': integers([fence.epoch for fence in fences]),
        'nos': integers(nos),
        'ranks': integers([rank for rank, _ in keys]),
        'seqs': integers([seq for _, seq in keys]),
    }


def _number(operations: Sequence[Publish], seqs: Sequence[int]) -> None:
    """Places in the plan become seqs."""
    for operation in operations:
        operation.seqs = [seqs[place - 1] if place else 0 for place in operation.seqs]


def _find_lost(operations: Sequence[Settle], leases: Sequence[TupleRow]) -> None:
    held = {Fence(subscription_of(name), owner, epoch) for name, owner, epoch in leases}
    for operation in operations:
        operation.is_lost, operation.error = operation.fence not in held, None


def _reason(e: Exception) -> str:
    text = e.diag.message_primary if isinstance(e, psycopg.Error) and e.diag.message_primary else str(e)
    return ' '.join(text.split()) or type(e).__name__
