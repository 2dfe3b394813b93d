"""What built-in services of publish/subscribe work with."""

from __future__ import annotations

from dataclasses import dataclass

from zato.server.pubsub.administration import Administration
from zato.server.pubsub.publisher import Publisher
from zato.server.pubsub.pull import Pulls
from zato.server.pubsub.pulled import PulledMessages
from zato.server.pubsub.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSubContext:
    """One worker's."""

    registry: Registry
    publisher: Publisher
    pulls: Pulls
    pulled: PulledMessages
    administration: Administration
