"""What the audit log of one worker is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zato.common.config.kind import kinds
from zato.server.audit_log.known import KnownSecrets
from zato.server.audit_log.masking import Masker
from zato.server.audit_log.recorder import Recorder
from zato.server.audit_log.store import AuditStore
from zato.server.process.loop import Loop
from zato.server.process.propagation import unless_away
from zato.server.propagate.housekeeping import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zato.common.alarm import Alarms
    from zato.server.config.objects import ConfigObjects
    from zato.server.process.settings import Settings
    from zato.server.propagate.odb import ODB


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    store: AuditStore
    recorder: Recorder

    def loops(self) -> list[Loop]:
        """What goes on in the background; they are not started."""
        return [Loop('audit log of deleted objects', unless_away(self.store.forget_deleted), INTERVAL)]


def make_audit_log(settings: Settings, odb: ODB, *, objects: ConfigObjects, alarms: Alarms) -> AuditLog:
    store = AuditStore(odb, settings.name)
    known = KnownSecrets(lambda: _secrets(settings, objects), lambda: objects.generation)
    return AuditLog(store=store, recorder=Recorder(store, Masker(known, settings.conf.audit_log.mask), alarms))


def _secrets(settings: Settings, objects: ConfigObjects) -> Iterator[str]:
    """All that this server knows in plain text: its own, and those of objects that are up."""
    yield from (*settings.own_secrets, settings.odb.password)
    fields = {kind.name: kind.secrets for kind in kinds().values() if kind.secrets}
    for stored in objects.stored.values():
        item = objects.get(stored.id) if stored.kind in fields else None
        if item is not None:
            yield from (getattr(item.settings, name) or '' for name in fields[item.kind])
