"""What those who administer publish/subscribe work with, in one worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from zato.common.odb.lease import LeaseState
from zato.common.pubsub.ids import MessageIDs
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.copies import Copies, Moves
from zato.server.pubsub.dead import DeadLetters
from zato.server.pubsub.figures import Figures
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.queues import Queues
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.replay import Replay

#: What a delivery task says of itself: `state`, `in_flight`, `delivered`, `failed`, `next_attempt` (microseconds since
#: 1970), `attempts`, `error`, `epoch`, `rate`.
TaskState = Mapping[str, Any]


class Publish(Protocol):
    """Publishes one message. As Publisher.publish does."""

    def __call__(
        self, topic: ConfigObject, endpoint: ConfigObject, data: Any, cid: str = '', /, **options: Any
    ) -> str | None: ...


class FindLeases(Protocol):
    """What is known of leases, by name. Raises ODBUnavailable."""

    def __call__(self, names: Collection[str]) -> Mapping[str, LeaseState]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrationParts:
    """task_states: of the delivery tasks in all workers of this server, by subscription. changed: tells delivery tasks.

    leases: of subscriptions. security_id: of the Basic Auth definition of a name.
    """

    registry: Registry
    publish: Publish
    task_states: Callable[[], Mapping[int, TaskState]]
    changed: Callable[[Collection[int]], None]
    leases: FindLeases
    security_id: Callable[[str], int | None]


class Administration:
    """One worker's."""

    def __init__(self, tables: MessageTables, parts: AdministrationParts) -> None:
        copies = Copies(tables, MessageIDs().new)
        changed = parts.changed
        self.registry = parts.registry
        self.publish = parts.publish
        self.task_states = parts.task_states
        self.leases = parts.leases
        self.security_id = parts.security_id
        self.figures = Figures(tables)
        self.queues = Queues(tables, changed)
        self.moves = Moves(tables, copies, changed)
        self.dead = DeadLetters(tables, copies, changed)
        self.replay = Replay(tables, changed)
