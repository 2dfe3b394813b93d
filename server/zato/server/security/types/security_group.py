"""Security groups."""

from __future__ import annotations

from zato.server.config.runtime import ConfigObject, Runtime, runtime
from zato.server.security.apikey import APIKeyAuth
from zato.server.security.basic_auth import BasicAuth
from zato.server.security.definitions import SecurityDefinitions
from zato.server.security.groups import Group, Groups


@runtime('security_group')
class SecurityGroups(Runtime):
    def __init__(self, definitions: SecurityDefinitions, groups: Groups) -> None:
        self._definitions = definitions
        self._groups = groups

    def start(self, item: ConfigObject) -> None:
        """Members that are down, or not active, are not in it, and nobody is in a group that is not active."""
        members = [self._definitions.find(id) for id in item.settings.members] if item.is_active else []
        self._groups.put(item.id, Group(member for member in members if isinstance(member, BasicAuth | APIKeyAuth)))

    def stop(self, item: ConfigObject) -> None:
        self._groups.remove(item.id)
