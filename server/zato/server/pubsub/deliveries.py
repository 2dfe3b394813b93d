"""The delivery tasks of one worker: those of the subscriptions whose leases it holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Final

import gevent

from zato.common.odb.lease import Lease
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.pokes import Pokes
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.store.interface import HIGHEST, Fence, Publish, Row
from zato.server.pubsub.surroundings import Surroundings
from zato.server.pubsub.task import Task

logger = logging.getLogger('zato.pubsub')

_FAILED_PAUSE: Final = 1.0  #: seconds
_DOUBT: Final = 2.0  #: seconds; what others publish may be seen later than what was published after it, by so much at most


class Deliveries:
    """grace: seconds that a task has to finish what is in flight when its subscription goes elsewhere."""

    def __init__(self, registry: Registry, surroundings: Callable[[Deliveries], Surroundings], *, grace: float) -> None:
        self._registry = registry
        self._surroundings = surroundings(self)
        self._grace = grace
        self._tasks: dict[int, Task] = {}
        self._leaving: set[int] = set()  # let go of as soon as what is in flight is done
        self._not_begun: dict[int, tuple[Fence, bool]] = {}  # held, but not in the registry at that moment; is it clean?
        self.pokes: Pokes | None = None
        self._turn = 0  # grows when other workers have published, or may have
        self._last_seq = 0  # of what this worker has published
        self._doubt_until = 0.0

    # What the assignment asks for

    def wanted(self) -> Mapping[int, str]:
        """Subscriptions that need a task → the server that it had best run in."""
        registry = self._registry
        return {item.id: item.settings.delivery_server for item in registry.subscriptions() if registry.is_delivered(item)}

    def on_claimed(self, sub_id: int, lease: Lease, *, is_clean: bool) -> None:
        item, fence = self._registry.subscription(sub_id), Fence(sub_id, lease.owner, lease.epoch)
        if item is None:
            self._not_begun[sub_id] = fence, is_clean  # it is let go of at the next look, unless it is back by then
        else:
            self._start(item, fence, is_clean=is_clean)

    def on_release(self, sub_id: int) -> None:
        self._not_begun.pop(sub_id, None)
        task = self._tasks.get(sub_id)
        if task is None:
            return
        self._leaving.add(sub_id)
        try:
            task.stop(self._grace)
            self._forget(sub_id, task)
        finally:
            self._leaving.discard(sub_id)

    def on_lost(self, sub_id: int) -> None:
        self._not_begun.pop(sub_id, None)
        task = self._tasks.pop(sub_id, None)
        if task is not None:
            task.kill()

    # What others tell

    def published(self, publish: Publish) -> None:
        """In the event loop."""
        tasks = self._tasks
        turn = self._turn_of(publish.seqs)
        others: dict[int, int | None] = {}
        for index, subs in enumerate(publish.subs):
            message, seq = publish.messages[index], publish.seqs[index]
            rank = HIGHEST - message.priority
            due = publish.due.get(index, 0) if publish.due else 0
            for sub_id in subs:
                task = tasks.get(sub_id)
                if task is None:
                    if sub_id > 0:
                        others[sub_id] = min(rank, others.get(sub_id, rank) or 0)
                elif due:
                    task.expect(due)
                else:
                    task.offer(Row(rank, seq, 0, 0, 0, message), turn)
        if others and self.pokes is not None:
            self.pokes.tell_others(others)

    def look(self, sub_id: int, rank: int | None) -> bool:
        """Somebody has published. False if there is no task of the subscription here."""
        task = self._tasks.get(sub_id)
        if task is not None:
            task.look(rank)
        return task is not None

    def restart(self, item: ConfigObject) -> None:
        """The subscription, or where its messages go, has changed, or is there again."""
        task = self._tasks.get(item.id)
        if task is not None:
            gevent.spawn(self._replace, task)
        elif item.id in self._not_begun:
            fence, is_clean = self._not_begun.pop(item.id)
            self._start(item, fence, is_clean=is_clean)

    def failed(self, sub_id: int) -> None:
        """Its task could not go on: another one begins in a while, with what is in the store."""
        task = self._tasks.get(sub_id)
        if task is not None:
            task.kill()
            gevent.spawn_later(_FAILED_PAUSE, self._begin_again, task)

    def states(self) -> dict[str, Any]:
        """Of each task by its subscription, as JSON has it."""
        return {str(sub_id): task.as_dict() for sub_id, task in self._tasks.items()}

    def _turn_of(self, seqs: Sequence[int]) -> int:
        """The same number as before if nobody else can have published since then: seqs not given here are theirs."""
        for seq in seqs:
            if seq:
                if seq != self._last_seq + 1:
                    self._doubt_until = monotonic() + _DOUBT
                self._last_seq = seq
        if self._doubt_until:
            if monotonic() < self._doubt_until:
                self._turn += 1
            else:
                self._doubt_until = 0.0
        return self._turn

    def _start(self, item: ConfigObject, fence: Fence, *, is_clean: bool) -> None:
        task = self._tasks[item.id] = Task(item, fence, self._surroundings, is_clean=is_clean)
        task.start()

    def _replace(self, task: Task) -> None:
        sub_id = task.fence.sub_id
        task.stop(self._grace)
        if self._tasks.get(sub_id) is not task or sub_id in self._leaving:
            return  # it was let go of meanwhile
        item = self._registry.subscription(sub_id)
        if item is not None and self._registry.is_delivered(item):
            self._start(item, task.fence, is_clean=task.is_clean)
            self._tasks[sub_id].be_eager()

    def _begin_again(self, task: Task) -> None:
        item = self._registry.subscription(task.fence.sub_id)
        if item is not None and self._tasks.get(item.id) is task and item.id not in self._leaving:
            self._start(item, task.fence, is_clean=task.is_clean)

    def _forget(self, sub_id: int, task: Task) -> None:
        if self._tasks.get(sub_id) is task:
            del self._tasks[sub_id]
