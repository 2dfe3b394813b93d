"""Is there room in a topic? Its queues are counted now and then; between counts, what this worker publishes is added."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import gevent

from zato.common.exception import StoreUnavailable, TopicFull
from zato.common.odb.database import ODBUnavailable
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.store.interface import Publish

logger = logging.getLogger('zato.pubsub')

_EVERY: Final = 1.0  #: seconds between counts of a topic that is published to
_SHARE: Final = 20  #: a count may take a twentieth of the time
_NEAR: Final = 0.9  #: of the most messages: from there on whoever publishes waits for the count


@dataclass(slots=True)
class _Depth:
    """As of the last count, with what was published here since."""

    count: int = 0
    counted_at: float = 0.0
    took: float = 0.0
    is_counting: bool = False


class Depths:
    """One worker's. count: (topic, the most that is counted) → messages in the longest of its queues. Waits."""

    def __init__(self, count: Callable[[int, int], int]) -> None:
        self._count = count
        self._depths: dict[int, _Depth] = {}

    def check(self, topic: ConfigObject) -> None:
        """Raises TopicFull."""
        most = topic.settings.max_depth_gd
        if not most:
            return
        depth = self._depths.get(topic.id)
        if depth is None:
            depth = self._depths[topic.id] = _Depth()
        now = monotonic()
        if not depth.is_counting and now - depth.counted_at > max(_EVERY, depth.took * _SHARE):
            if depth.count >= most * _NEAR:
                self._update(topic.id, most, depth)
            else:
                depth.is_counting = True
                gevent.spawn(self._update, topic.id, most, depth)
        if depth.count >= most:
            raise TopicFull(msg=f'Topic {topic.name} has {most:,} message(s) that are not delivered yet, its most')

    def add(self, publish: Publish) -> None:
        """They were stored."""
        for message, seq in zip(publish.messages, publish.seqs, strict=True):
            depth = self._depths.get(message.topic_id)
            if depth is not None and seq:
                depth.count += 1

    def forget(self, topic_id: int) -> None:
        self._depths.pop(topic_id, None)

    def _update(self, topic_id: int, most: int, depth: _Depth) -> None:
        started = monotonic()
        depth.counted_at = started
        try:
            depth.count = self._count(topic_id, most)
        except (ODBUnavailable, StoreUnavailable) as e:
            logger.info('Topic %d could not be counted: %s', topic_id, e)
        finally:
            depth.took = monotonic() - started
            depth.is_counting = False
