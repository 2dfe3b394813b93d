"""Endpoints."""

from __future__ import annotations

from zato.server.config.runtime import runtime
from zato.server.pubsub.registered import Registered


@runtime('pubsub_endpoint')
class Endpoints(Registered):
    """All endpoints that there are, in this worker."""
