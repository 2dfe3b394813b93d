"""Topics."""

from __future__ import annotations

from zato.server.config.runtime import runtime
from zato.server.pubsub.registered import Registered


@runtime('pubsub_topic')
class Topics(Registered):
    """All topics that there are, in this worker."""
