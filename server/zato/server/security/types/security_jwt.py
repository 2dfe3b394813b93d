"""JWT definitions."""

from __future__ import annotations

from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.definitions import NobodyAuth, SecurityDefinitions
from zato.server.security.jwt import JWTAuth, JWTDefinition, LogIns
from zato.server.security.rate_limit.limits import RateLimits


@runtime('security_jwt')
class JWTDefinitions(Runtime):
    def __init__(
        self, definitions: SecurityDefinitions, log_ins: LogIns, limits: RateLimits, objects: ConfigObjects
    ) -> None:
        self._definitions = definitions
        self._objects = objects
        self._limits = limits
        self._log_ins = log_ins

    def start(self, item: ConfigObject) -> None:
        settings, tokens = item.settings, self._log_ins.tokens
        definition = JWTDefinition(
            id=item.id,
            name=item.name,
            username=settings.username,
            password=settings.password,
            stored_password=self._objects.stored[item.id].settings['password'],
            ttl=settings.ttl,
        )
        auth = JWTAuth(definition, tokens)
        if item.is_active:
            tokens.limit(item.id, settings.ttl)
            self._log_ins.put(auth)
            self._definitions.put(item.id, auth)
        else:
            self._definitions.put(item.id, NobodyAuth(auth))
        self._limits.put(item)

    def replace(self, old: ConfigObject, new: ConfigObject) -> None:
        """Where nothing was changed, one of its tokens has ended."""
        if old == new:
            self._log_ins.forget(new.id)
        else:
            super().replace(old, new)

    def stop(self, item: ConfigObject) -> None:
        self._log_ins.remove(item.id)
        self._definitions.remove(item.id)
        self._limits.remove(item)
