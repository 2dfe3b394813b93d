"""What a delivery task counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from zato.server.pubsub.rate import Rate
from zato.server.pubsub.store.interface import Row

#: What a delivery task says of itself: `state`, `attempts` and `error` of its first message, `epoch`, and its figures.
TaskState = Mapping[str, Any]

_MANY: Final = 10  #: attempts


@dataclass(slots=True)
class TaskFigures:
    """Since the task began. next_attempt: microseconds since 1970, 0 for none. attempts: how many messages took 2, 3, …
    9 of them, and 10 or more.
    """

    delivered: int = 0
    failed: int = 0
    expired: int = 0
    in_flight: int = 0
    next_attempt: int = 0
    last_error: str = ''
    attempts: dict[int, int] = field(default_factory=dict)
    rate: Rate = field(default_factory=Rate)

    def add_delivered(self, rows: Sequence[Row]) -> None:
        self.delivered += len(rows)
        for row in rows:
            if row.attempts:
                taken = min(row.attempts + 1, _MANY)
                self.attempts[taken] = self.attempts.get(taken, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        """rate: messages delivered per second."""
        return {
            'in_flight': self.in_flight,
            'delivered': self.delivered,
            'failed': self.failed,
            'expired': self.expired,
            'attempts_taken': {str(count): many for count, many in sorted(self.attempts.items())},
            'next_attempt': self.next_attempt,
            'rate': self.rate.per_second(self.delivered),
        }
