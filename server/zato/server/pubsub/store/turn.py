"""What is done with operations whose transaction fails: those that are not at fault are carried out without the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from zato.common.exception import BadRequest, StoreUnavailable, ZatoException
from zato.server.pubsub.store.interface import Operation, Publish, StoreFull

logger = logging.getLogger('zato.pubsub')


def carry_out(transaction: Callable[[Sequence[Operation]], None], operations: Sequence[Operation]) -> None:
    """transaction: writes all or nothing. It raises StoreUnavailable if none of them could be written now, StoreFull if
    those that need more space could not, and anything else if one of them is at fault. Raises nothing.
    """
    try:
        transaction(operations)
    except StoreFull as e:
        needing = [operation for operation in operations if isinstance(operation, Publish)]
        others = [operation for operation in operations if not isinstance(operation, Publish)]
        fail(needing, e)
        if not needing:
            fail(others, e)
        elif others:
            carry_out(transaction, others)
    except StoreUnavailable as e:
        fail(operations, e)
    except Exception as e:
        if len(operations) > 1:
            half = len(operations) // 2
            carry_out(transaction, operations[:half])
            carry_out(transaction, operations[half:])
        elif operations:
            operations[0].error = _refusal(operations[0], e)


def fail(operations: Iterable[Operation], error: ZatoException) -> None:
    for operation in operations:
        operation.error = error


def _refusal(operation: Operation, e: Exception) -> ZatoException:
    if isinstance(e, ZatoException):
        return e
    reason = f'{type(e).__name__}: {str(e).splitlines()[0] if str(e) else "no more is known"}'
    name = type(operation).__name__
    logger.error('%s of messages cannot be carried out: %s', name, reason, extra={'action': 'pubsub.operation_refused'})
    if isinstance(operation, Publish):
        return BadRequest(msg=f'The message cannot be stored: {reason}')
    return StoreUnavailable(msg=f'{name} of messages cannot be carried out: {reason}; nothing was written')
