"""Basic Auth definitions."""

from __future__ import annotations

from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.basic_auth import BasicAuth
from zato.server.security.definitions import NobodyAuth, SecurityDefinitions
from zato.server.security.rate_limit.limits import RateLimits


@runtime('security_basic_auth')
class BasicAuthDefinitions(Runtime):
    def __init__(self, definitions: SecurityDefinitions, limits: RateLimits) -> None:
        self._definitions = definitions
        self._limits = limits

    def start(self, item: ConfigObject) -> None:
        settings = item.settings
        auth = BasicAuth(settings.username, settings.password, settings.realm, item.id)
        self._definitions.put(item.id, auth if item.is_active else NobodyAuth(auth))
        self._limits.put(item)

    def stop(self, item: ConfigObject) -> None:
        self._definitions.remove(item.id)
        self._limits.remove(item)
