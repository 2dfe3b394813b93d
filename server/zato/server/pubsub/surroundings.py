"""What all delivery tasks of a worker share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import time

from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.hook import DeliveryHook
from zato.server.pubsub.target import Target
from zato.server.pubsub.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """target_of: makes where messages go. hook_of: of a topic, None for none.

    lost: the lease of a subscription turned out to be somebody else's. failed: a task cannot go on; another one may.
    now: seconds since 1970.
    """

    writer: Writer
    target_of: Callable[[ConfigObject], Target]
    topic_of: Callable[[int], ConfigObject | None]
    hook_of: Callable[[int], DeliveryHook | None]
    new_cid: Callable[[], str]
    lost: Callable[[int], None]
    failed: Callable[[int], None]
    now: Callable[[], float] = time
