"""Services that a topic names to look at its messages: see PubSubHook in zato.server.service."""

from __future__ import annotations

from typing import Protocol

from zato.common.pubsub import PubSubMessage
from zato.server.config.runtime import ConfigObject


class DeliveryHook(Protocol):
    """Of one topic. What it raises is a failure of the message at hand."""

    def before_publish(self, message: PubSubMessage, topic: ConfigObject, cid: str) -> str:
        """'skip' if it is not to be published. The message may be changed."""

    def before_delivery(self, message: PubSubMessage, subscription: ConfigObject, cid: str) -> str:
        """'deliver', 'skip' or 'delete'. The message may be changed. Raises ValueError for another answer."""
