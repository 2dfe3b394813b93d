"""The audit log without an ODB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from zato.common.alarm import Alarms
from zato.common.odb.database import ODBUnavailable
from zato.server.audit_log.known import KnownSecrets
from zato.server.audit_log.masking import Masker
from zato.server.audit_log.recorder import Bounds, Recorder
from zato.server.audit_log.store import AuditStore, Message


class MemoryAuditStore:
    """Keeps `batches` as they were written. is_away: is the ODB? tries: of writes. meanwhile: is called in each of them."""

    def __init__(self) -> None:
        self.batches: list[list[Message]] = []
        self.is_away = False
        self.tries = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def add(self, messages: Sequence[Message], keep: Mapping[tuple[int, str], int]) -> None:
        self.tries += 1
        self.meanwhile()
        if self.is_away:
            raise ODBUnavailable(msg='The ODB is away')
        assert {(message.object_id, message.direction) for message in messages} == set(keep)
        self.batches.append(list(messages))

    @property
    def messages(self) -> list[Message]:
        return [message for batch in self.batches for message in batch]


def masker(secrets: Iterable[str] = (), names: Iterable[str] = ()) -> Masker:
    """secrets: that the worker knows. names: of further ones."""
    return Masker(KnownSecrets(lambda: secrets, lambda: 1), names)


def recorder(
    store: MemoryAuditStore | None = None,
    *,
    secrets: Iterable[str] = (),
    alarms: Alarms | None = None,
    bounds: Bounds | None = None,
) -> Recorder:
    """A worker's, not started."""
    return Recorder(cast(AuditStore, store or MemoryAuditStore()), masker(secrets), alarms or Alarms(), bounds)
