"""Services as objects of configuration: whether they may be invoked."""

from __future__ import annotations

from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.rate_limit.limits import RateLimits
from zato.server.service.store import ServiceStore


@runtime('service')
class Services(Runtime):
    def __init__(self, store: ServiceStore, limits: RateLimits) -> None:
        self._store = store
        self._limits = limits

    def start(self, item: ConfigObject) -> None:
        self._store.set_active(item.name, is_active=item.is_active)
        self._limits.put(item)

    def stop(self, item: ConfigObject) -> None:
        self._store.set_active(item.name, is_active=True)
        self._limits.remove(item)
