"""What publishing writes, by rules that all databases share: who gets a message, and which ones are there already.

Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from zato.common.exception import Conflict
from zato.server.pubsub.store.interface import HIGHEST, Publish, StoredMessage

MESSAGE_COLUMNS: Final = (
    'seq, refs, msg_id, topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id, keep_until, meta, data'
)
QUEUE_COLUMNS: Final = 'sub_id, rank, seq'
LATE_COLUMNS: Final = 'sub_id, due_at, rank, seq'
SEEN_COLUMNS: Final = 'msg_id, topic_id, digest, at'

#: IDs that are taken: topic of their messages, and digest of the data.
Known = dict[str, tuple[int, int]]

_NOBODY: Final[tuple[int, ...]] = ()


class Plan:
    """Rows of ps_msg, ps_queue, ps_retry and ps_seen, the values of one after those of another."""

    __slots__ = ('late', 'messages', 'queue', 'seen')

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.queue: list[int] = []
        self.late: list[int] = []
        self.seen: list[Any] = []


def plan(operations: Sequence[Publish], subs: Mapping[int, tuple[int, ...]], known: Known, *, last: int) -> Plan:
    """subs: by topic, those that have subscribed. last: the last seq that was given. known: grows by the IDs published here.

    Sets results of the operations, or the error of one whose ID another message has.
    """
    made = Plan()
    messages, queue = made.messages, made.queue
    seq = last
    for operation in operations:
        seqs: list[int] = []
        getting: list[Sequence[int]] = []
        operation.seqs, operation.subs, operation.error = seqs, getting, None
        repeated = operation.repeated = frozenset()
        if operation.own_ids:
            repeated = _repeated(operation, subs, known)
            if operation.error:
                continue
            operation.repeated = repeated
        for index, message in enumerate(operation.messages):
            found = _subs_for(operation, index, message.topic_id, subs)
            if not found or index in repeated:
                seqs.append(0)
                getting.append(_NOBODY)
                continue
            seq += 1
            seqs.append(seq)
            getting.append(found)
            messages += (seq, len(found), *message)
            if operation.own_ids and index in operation.own_ids:
                made.seen += (message.msg_id, message.topic_id, digest_of(message.data), message.pub_time)
            rank = HIGHEST - message.priority
            if operation.due and index in operation.due:
                for sub in found:
                    made.late += (sub, operation.due[index], rank, seq)
            else:
                for sub in found:
                    queue += (sub, rank, seq)
    return made


def own_ids(operations: Sequence[Publish]) -> list[str]:
    """Those that callers gave."""
    return [operation.messages[index].msg_id for operation in operations for index in operation.own_ids]


def _subs_for(operation: Publish, index: int, topic_id: int, subs: Mapping[int, tuple[int, ...]]) -> tuple[int, ...]:
    """Who gets a message. Where nobody has subscribed it waits for the first who does, in the queue of the topic."""
    found = subs.get(topic_id, _NOBODY)
    if operation.only and index in operation.only:
        return tuple(id for id in found if id in operation.only[index])
    if found:
        return found
    return _NOBODY if topic_id in operation.drops else (-topic_id,)


def _repeated(operation: Publish, subs: Mapping[int, tuple[int, ...]], known: Known) -> frozenset[int]:
    """Which of its messages are there already. Sets its error if another message has one's ID.

    What nobody gets is not stored, so its ID remains free.
    """
    repeated = set()
    mine: Known = {}
    for index in sorted(operation.own_ids):
        message = operation.messages[index]
        this = (message.topic_id, digest_of(message.data))
        found = known.get(message.msg_id) or mine.get(message.msg_id)
        if found == this:
            repeated.add(index)
        elif found:
            operation.error = taken(message)
            return frozenset()
        elif _subs_for(operation, index, message.topic_id, subs):
            mine[message.msg_id] = this
    known.update(mine)
    return frozenset(repeated)


def digest_of(data: bytes) -> int:
    """64 bits, by which the same message is told from another one with its ID."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), signed=True)


def taken(message: StoredMessage) -> Conflict:
    return Conflict(msg=f'There is another message with ID `{message.msg_id}`')
