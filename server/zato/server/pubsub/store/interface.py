"""What the store of messages does on the hot path: publish, acknowledge, read what is next. Two databases implement it.

Operations are made in the event loop, carried out in the store's own thread, many in one transaction, and tell what came of
them in the event loop again. Times: microseconds since 1970. A key is (rank, seq): rank = 9 - priority, and what has the
smaller key is delivered first.
Not here: what is not hot, such as browsing and dead letters (queues.py), and when things are written (writer.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, NamedTuple, Protocol, Self

from greenlet import greenlet

from zato.common.exception import StoreUnavailable, ZatoException
from zato.common.pubsub.dead_letter import Reason
from zato.common.pubsub.message import MAX_PRIORITY

HIGHEST: Final = MAX_PRIORITY
RANKS: Final = range(HIGHEST)  #: the most urgent first

_NOTHING: Final[Mapping[int, Any]] = MappingProxyType({})
_NONE: Final[frozenset[int]] = frozenset()

Key = tuple[int, int]

#: Text, bytes, or JSON of a Python value.
Form = Literal['t', 'b', 'j']


class StoreFull(StoreUnavailable):
    """There is no space left for messages. Deliveries go on"""


class StoredMessage(NamedTuple):
    """A row of ps_msg as it is published. expires_at, keep_until: 0 for never. meta: JSON of what few messages have.

    size: bytes of data.
    """

    msg_id: str
    topic_id: int
    priority: int
    pub_time: int
    expires_at: int
    mime: str
    form: Form
    size: int
    endpoint_id: int
    keep_until: int
    meta: str | None
    data: bytes


class Row(NamedTuple):
    """A message in the queue of a subscription. not_before: it is not delivered before that. Rows compare as their keys."""

    rank: int
    seq: int
    attempts: int
    crashes: int
    not_before: int
    message: StoredMessage

    @property
    def key(self) -> Key:
        return (self.rank, self.seq)


class Fence(NamedTuple):
    """The lease under which a subscription is delivered: what its former holders do changes nothing."""

    sub_id: int
    owner: str
    epoch: int


def _ignore(operation: Operation) -> None:
    """Nobody waits for it."""


def storable(text: str) -> str:
    """Without what one database or the other cannot store: NUL, halves of surrogate pairs."""
    return text.encode(errors='backslashreplace').decode().replace('\0', '\\x00')


class Operation:
    """Carried out at most once. `done` is called in the event loop, whatever came of it, and must not raise.

    error: why it was not carried out; with StoreUnavailable nothing was written unless its text says so.
    waiter: the greenlet that goes on once it is finished.
    """

    order: ClassVar[int] = 1  #: of those that were carried out together, whoever has the smaller one is told first

    done: Callable[[Any], None] = staticmethod(_ignore)
    error: ZatoException | None = None
    is_wanted = True  #: does somebody still wait? It is not begun otherwise
    has_begun = False
    is_finished = False
    waiter: greenlet | None = None

    def begin(self) -> bool:
        """Called in the store's thread once it is about to be carried out. False if nobody waits for it any more."""
        self.has_begun = True  # before it is asked: who gives up, and then sees that it has not begun, is right
        self.has_begun = self.is_wanted
        return self.has_begun


class Publish(Operation):
    """Messages that are stored together or not at all.

    due: message's index → when it may be delivered, where that is not at once. only: index → subscriptions that get it.
    own_ids: indices of messages whose IDs the caller gave: those that there are already are not stored again.
    drops: topics whose messages are dropped while nobody subscribes.
    Results, by index: seqs (0 if it was not stored: nobody subscribes, or it was there), subs that have it now. repeated:
    indices of those that were there already.
    """

    order = 0

    due: Mapping[int, int] = _NOTHING
    only: Mapping[int, frozenset[int]] = _NOTHING
    own_ids: frozenset[int] = _NONE
    drops: frozenset[int] = _NONE
    seqs: Sequence[int] = ()
    subs: Sequence[Sequence[int]] = ()
    repeated: frozenset[int] = _NONE

    def __init__(self, messages: Sequence[StoredMessage]) -> None:
        self.messages = messages


class Settle(Operation):
    """What becomes of messages in one subscription's queue, if its lease still stands; is_lost: it did not."""

    def __init__(self, fence: Fence, keys: list[Key]) -> None:
        self.fence = fence
        self.keys = keys
        self.is_lost = False

    def again(self) -> Self:
        """The same, which was not carried out, to be put once more."""
        new = copy(self)
        new.done, new.error, new.is_wanted, new.has_begun, new.is_finished = _ignore, None, True, False, False
        return new


class Ack(Settle):
    """They were delivered, or are not to be: they leave the queue. `more`: what is added until it is carried out."""

    def __init__(self, fence: Fence, keys: list[Key] | None = None) -> None:
        super().__init__(fence, keys if keys is not None else [])
        self.more: deque[Key] = deque()

    def begin(self) -> bool:
        more = self.more
        while more:
            self.keys.append(more.popleft())
        return super().begin()


class Retry(Settle):
    """They were not delivered and are to be tried again from `at` on: in their place, or aside so that others go first."""

    def __init__(self, fence: Fence, keys: list[Key], *, at: int, attempts: int, text: str, waits_aside: bool) -> None:
        super().__init__(fence, keys)
        self.at = at
        self.attempts = attempts
        self.text = storable(text)
        self.waits_aside = waits_aside


class Bury(Settle):
    """They become dead letters."""

    def __init__(self, fence: Fence, keys: list[Key], *, at: int, attempts: int, reason: Reason, text: str) -> None:
        super().__init__(fence, keys)
        self.at = at
        self.attempts = attempts
        self.reason = reason
        self.text = storable(text)


class Suspect(Settle):
    """Each has so many crashes from now on, all of them: a process ended while they may have been running, or this one
    will have if it ends now. A Retry takes one back: it did not end.
    """

    def __init__(self, fence: Fence, keys: list[Key], *, crashes: int) -> None:
        super().__init__(fence, keys)
        self.crashes = crashes


class Fetch(Operation):
    """The first `limit` rows of a queue, or fewer if their data has more than `size` bytes; what is due by `now` is in it.

    is_fresh: look from the very beginning. Results: rows; is_all: there are no more; next_due: when the next one that waits
    aside is due, 0 for none.
    """

    order = 2  # whoever reads a queue has been told of all that was written before

    def __init__(self, sub_id: int, *, limit: int, size: int, now: int, is_fresh: bool = True) -> None:
        self.sub_id = sub_id
        self.limit = limit
        self.size = size
        self.now = now
        self.is_fresh = is_fresh
        self.rows: list[Row] = []
        self.is_all = True
        self.next_due = 0


class Store(Protocol):
    """Used by one thread. What blocks may block here."""

    def open(self) -> None:
        """Raises StoreUnavailable."""

    def close(self) -> None:
        """Twice is safe."""

    def commit(self, take: Callable[[], Sequence[Operation]]) -> Sequence[Operation]:
        """Carry out what `take` gives once it is this process's turn to write, and return it, with results and errors.

        In one transaction, but where one operation is at fault: the others are written without it. Acknowledgements are
        written even if there is no space for messages. Raises nothing; without a connection each operation has an error.
        """
