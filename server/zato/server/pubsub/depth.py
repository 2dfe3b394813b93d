"""Is there room in a topic? Its queues are counted now and then; between counts, what this worker publishes is added."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import gevent

from zato.common.alarm import Alarms
from zato.common.exception import StoreUnavailable, TopicFull
from zato.common.odb.database import ODBUnavailable
from zato.server.config.cooperation import Places
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.store.interface import Publish

logger = logging.getLogger('zato.pubsub')

_EVERY: Final = 1.0  #: seconds between counts of a topic that is published to
_SHARE: Final = 20  #: a count may take a twentieth of the time
_ADVICE: Final = 'publishers get 503 meanwhile; see why its messages are not delivered, or raise its Max depth GD'
_NEAR: Final = 0.9  #: of the most messages: from there on whoever publishes waits for the count


@dataclass(slots=True)
class _Depth:
    """counted: as of the last count; added: what was published here since. due_at: of the next count. turn: of those who
    count, and wait for that. full: the topic, while whoever publishes to it is turned away.
    """

    counted: int = 0
    added: int = 0
    counted_at: float = 0.0
    took: float = 0.0
    due_at: float = 0.0
    is_counting: bool = False
    turn: Places = field(default_factory=lambda: Places(1))
    full: ConfigObject | None = None

    @property
    def count(self) -> int:
        return self.counted + self.added


class Depths:
    """One worker's. count: (topic, the most that is counted) → messages in the longest of its queues. Waits."""

    def __init__(self, count: Callable[[int, int], int], alarms: Alarms) -> None:
        self._count = count
        self._alarms = alarms
        self._depths: dict[int, _Depth] = {}

    def check(self, topic: ConfigObject) -> None:
        """Raises TopicFull."""
        most = topic.settings.max_depth_gd
        if not most:
            return
        depth = self._depths.get(topic.id)
        if depth is None:
            depth = self._depths[topic.id] = _Depth()
        if depth.count >= most * _NEAR:
            self._look(topic, depth, most)
        elif monotonic() > depth.due_at and not depth.is_counting:
            depth.is_counting = True
            gevent.spawn(self._update, topic.id, most, depth)

    def add(self, publish: Publish) -> None:
        """They were stored."""
        for message, seq in zip(publish.messages, publish.seqs, strict=True):
            depth = self._depths.get(message.topic_id)
            if depth is not None and seq:
                depth.added += 1

    def forget(self, topic_id: int) -> None:
        depth = self._depths.pop(topic_id, None)
        if depth is not None:
            self._has_room(depth)

    def _look(self, topic: ConfigObject, depth: _Depth, most: int) -> None:
        """What was delivered since the last count is no reason to turn anybody away. Raises TopicFull."""
        with depth.turn:
            is_doubtful = depth.counted < most <= depth.count
            if monotonic() > depth.due_at or (is_doubtful and monotonic() - depth.counted_at > depth.took * _SHARE):
                self._update(topic.id, most, depth)
        if depth.count >= most:
            text = f'has {most:,} message(s) that are not delivered yet, its most'
            depth.full = topic
            self._alarms.begin(_title(topic), text, _ADVICE, action='pubsub.topic_full')
            raise TopicFull(msg=f'Topic {topic.name} {text}')
        self._has_room(depth)

    def look(self) -> None:
        """Have topics that were full room again? Raises nothing."""
        for depth in list(self._depths.values()):
            if depth.full is not None and monotonic() > depth.due_at:
                most = depth.full.settings.max_depth_gd
                self._update(depth.full.id, most, depth)
                if depth.count < most * _NEAR:
                    self._has_room(depth)

    def _has_room(self, depth: _Depth) -> None:
        if depth.full is not None:
            self._alarms.end(_title(depth.full))
            depth.full = None

    def _update(self, topic_id: int, most: int, depth: _Depth) -> None:
        started = depth.counted_at = monotonic()
        depth.due_at = started + _EVERY
        before = depth.added
        try:
            depth.counted = self._count(topic_id, most)
            depth.added -= before
        except (ODBUnavailable, StoreUnavailable) as e:
            logger.info('Topic %d could not be counted: %s', topic_id, e)
        finally:
            depth.took = monotonic() - started
            depth.due_at = started + max(_EVERY, depth.took * _SHARE)
            depth.is_counting = False


def _title(topic: ConfigObject) -> str:
    return f'Topic {topic.name}'
