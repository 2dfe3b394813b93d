"""What built-in services of publish/subscribe work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zato.server.pubsub.copies import Moves
from zato.server.pubsub.dead import DeadLetters
from zato.server.pubsub.figures import Figures
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.pull import Pulls
from zato.server.pubsub.pulled import PulledMessages
from zato.server.pubsub.queues import Queues
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.replay import Replay
from zato.server.pubsub.task_figures import TaskState
from zato.server.pubsub.watch import FindLeases


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubContext:
    """One worker's. task_states: of the delivery tasks in all workers of this server, by subscription.

    leases: of subscriptions. security_id: of the Basic Auth definition of a name, None if there is none.
    """

    registry: Registry
    publisher: Publisher
    pulls: Pulls
    pulled: PulledMessages
    figures: Figures
    queues: Queues
    moves: Moves
    dead: DeadLetters
    replay: Replay
    task_states: Callable[[], Mapping[int, TaskState]]
    leases: FindLeases
    security_id: Callable[[str], int | None]
