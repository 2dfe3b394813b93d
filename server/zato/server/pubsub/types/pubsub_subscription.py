"""Subscriptions."""

from __future__ import annotations

from zato.server.config.runtime import runtime
from zato.server.pubsub.registered import Registered


@runtime('pubsub_subscription')
class Subscriptions(Registered):
    """All subscriptions that there are, in this worker."""
