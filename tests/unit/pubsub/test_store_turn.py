"""Which operations fail when their transaction does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from zato.common.exception import BadRequest, Conflict, StoreUnavailable
from zato.server.pubsub.store.interface import Ack, Fence, Operation, Publish, StoreFull
from zato.server.pubsub.store.turn import carry_out


class Transactions:
    """Fails where one of the operations has an error."""

    def __init__(self, errors: dict[Operation, Exception]) -> None:
        self.errors = errors
        self.written: list[Operation] = []
        self.attempts = 0

    def __call__(self, operations: Sequence[Operation]) -> None:
        self.attempts += 1
        for operation in operations:
            if operation in self.errors:
                raise self.errors[operation]
        self.written += operations


def publishes(count: int) -> list[Operation]:
    return [Publish([]) for _ in range(count)]


def ack() -> Ack:
    return Ack(Fence(1, 'me', 1), [])


def test_what_is_not_at_fault_is_written_in_its_order(caplog: pytest.LogCaptureFixture) -> None:
    operations = publishes(100)
    bad = operations[17], operations[18], operations[99]
    transactions = Transactions({operation: ValueError('mine') for operation in bad})
    carry_out(transactions, operations)
    assert transactions.written == [operation for operation in operations if operation not in bad]
    assert [type(operation.error) for operation in bad] == [BadRequest] * 3
    assert all(operation.error is None for operation in transactions.written)
    assert transactions.attempts < 50
    assert caplog.messages == ['Publish of messages cannot be carried out: ValueError: mine'] * 3


def test_an_error_of_ours_is_told_as_it_is() -> None:
    (operation,) = publishes(1)
    carry_out(Transactions({operation: Conflict(msg='mine')}), [operation])
    assert isinstance(operation.error, Conflict)


def test_where_nothing_can_be_written_all_are_told_at_once() -> None:
    operations = publishes(10)
    transactions = Transactions({operations[5]: StoreUnavailable(msg='away')})
    carry_out(transactions, operations)
    assert [str(operation.error) for operation in operations] == ['away'] * 10
    assert transactions.attempts == 1


def test_where_there_is_no_space_others_are_written() -> None:
    needing, others = publishes(3), [ack(), ack()]
    transactions = Transactions({operation: StoreFull(msg='full') for operation in needing})
    carry_out(transactions, [needing[0], others[0], *needing[1:], others[1]])
    assert transactions.written == others
    assert [str(operation.error) for operation in needing] == ['full'] * 3


def test_where_there_is_no_space_for_those_either_they_are_told() -> None:
    full = StoreFull(msg='full')
    operations = [*publishes(1), ack()]
    carry_out(Transactions(dict.fromkeys(operations, full)), operations)
    assert [operation.error for operation in operations] == [full, full]


@pytest.mark.parametrize('error', [ValueError('mine'), StoreUnavailable(msg='away'), StoreFull(msg='full')], ids=repr)
def test_nothing_to_do_is_no_error(error: Exception) -> None:
    def transaction(operations: Sequence[Operation]) -> None:
        raise error

    carry_out(transaction, [])
