"""What the audit log of one worker is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zato.common.config.kind import kinds
from zato.server.audit_log.known import KnownSecrets
from zato.server.audit_log.masking import Masker
from zato.server.audit_log.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zato.common.alarm import Alarms
    from zato.server.audit_log.store import AuditStore
    from zato.server.config.objects import ConfigObjects
    from zato.server.process.settings import Settings


def make_recorder(settings: Settings, store: AuditStore, objects: ConfigObjects, alarms: Alarms) -> Recorder:
    known = KnownSecrets(lambda: _secrets(settings, objects), lambda: objects.generation)
    return Recorder(store, Masker(known, settings.conf.audit_log.mask), alarms)


def _secrets(settings: Settings, objects: ConfigObjects) -> Iterator[str]:
    """All that this server knows in plain text: its own, and those of objects that are up."""
    yield from (settings.pubapi.password, settings.admin.own.password, settings.odb.password)
    fields = {kind.name: kind.secrets for kind in kinds().values() if kind.secrets}
    for stored in objects.stored.values():
        item = objects.get(stored.id) if stored.kind in fields else None
        if item is not None:
            yield from (getattr(item.settings, name) or '' for name in fields[item.kind])
