"""Basic Auth definitions."""

from __future__ import annotations

from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.basic_auth import BasicAuth
from zato.server.security.definitions import NobodyAuth, SecurityDefinitions


@runtime('security_basic_auth')
class BasicAuthDefinitions(Runtime):
    def __init__(self, definitions: SecurityDefinitions) -> None:
        self._definitions = definitions

    def start(self, item: ConfigObject) -> None:
        settings = item.settings
        auth = BasicAuth(settings.username, settings.password, settings.realm) if item.is_active else NobodyAuth()
        self._definitions.put(item.id, auth)

    def stop(self, item: ConfigObject) -> None:
        self._definitions.remove(item.id)
