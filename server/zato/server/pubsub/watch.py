"""Alarms about messages that are not delivered: dead letters, what waits too long, subscriptions without an owner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from time import monotonic
from typing import Final

from zato.common.alarm import Alarms
from zato.common.odb.lease import LeaseState
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.figures import Figures, QueueFigures
from zato.server.pubsub.lease_names import lease_name
from zato.server.pubsub.registry import Registry

#: What is known of leases, by name. Raises ODBUnavailable.
FindLeases = Callable[[Collection[str]], Mapping[str, LeaseState]]

_OWNERLESS: Final = 15.0  #: seconds without an owner


class Watch:
    """One worker of the cluster looks. max_lag: seconds that a message may wait to be delivered, 0 for any."""

    def __init__(
        self,
        registry: Registry,
        figures: Figures,
        *,
        leases: FindLeases,
        alarms: Alarms,
        max_lag: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._registry = registry
        self._figures = figures
        self._leases = leases
        self._alarms = alarms
        self._max_lag = max_lag
        self._clock = clock
        self._ownerless: dict[int, float] = {}  # since when
        self._begun: set[str] = set()

    def look(self) -> None:
        """Begin and end alarms. Raises ODBUnavailable."""
        items = {item.id: item for item in self._registry.subscriptions()}
        figures = self._figures.queues(list(items))
        ownerless = set(self._without_owner(items.values()))
        problems = {self._title(item): [*self._problems(item, figures[id], ownerless)] for id, item in items.items()}
        for subject in self._begun - {title for title, found in problems.items() if found}:
            self._alarms.end(subject)
        self._begun = {title for title, found in problems.items() if found}
        for subject in sorted(self._begun):
            what, what_to_do = (', '.join(parts) for parts in zip(*problems[subject], strict=True))
            self._alarms.begin(subject, what, what_to_do, action='pubsub.not_delivered')

    def stop(self) -> None:
        """Another worker looks from now on."""
        for subject in self._begun:
            self._alarms.end(subject)
        self._begun = set()
        self._ownerless = {}

    def _title(self, item: ConfigObject) -> str:
        topic = self._registry.topic_by_id(item.settings.topic)
        return f'Subscription {item.settings.sub_key} to {topic.name if topic is not None else "a topic that is down"}'

    def _problems(self, item: ConfigObject, figures: QueueFigures, ownerless: Collection[int]) -> Iterator[tuple[str, str]]:
        """What there is, and what to do."""
        if figures.dead:
            yield 'it has dead letters', f'see why: zato pubsub dead PATH --sub-key {item.settings.sub_key}'
        if item.id in ownerless:
            yield 'no worker delivers it', 'see the logs of the servers'
        elif self._max_lag and self._registry.is_delivered(item) and figures.lag > self._max_lag:
            yield f'messages wait for more than {self._max_lag:g} s', 'see why its target does not take them, or is too slow'

    def _without_owner(self, items: Collection[ConfigObject]) -> Iterator[int]:
        """Subscriptions that nobody has delivered for a while."""
        wanted = {lease_name(item.id): item.id for item in items if self._registry.is_delivered(item)}
        held = {name for name, lease in self._leases(list(wanted)).items() if lease.is_held}
        now = self._clock()
        self._ownerless = {id: self._ownerless.get(id, now) for name, id in wanted.items() if name not in held}
        return (id for id, since in self._ownerless.items() if now - since > _OWNERLESS)
