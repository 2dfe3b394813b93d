"""What the audit log is told of an outgoing REST connection's calls, where that is switched on."""

from __future__ import annotations

from urllib.parse import urlsplit

from zato.server.audit_log.recorder import Recorder
from zato.server.config.runtime import ConfigObject
from zato.server.connection.rest.message import Inbound, Outbound

_ANSWER = 'zrp'  #: begins IDs of answers (source: classic Zato)


class CallAudit:
    """item: of kind outgoing_rest. Each call is a message sent, and its answer one received; retries are not."""

    def __init__(self, item: ConfigObject, recorder: Recorder) -> None:
        self._item = item
        self._recorder = recorder

    def sent(self, request: Outbound, cid: str) -> None:
        item = self._item
        if item.settings.is_audit_log_sent_active:
            self._recorder.record(
                kind=item.kind,
                object_id=item.id,
                name=item.name,
                settings=item.settings,
                direction='sent',
                cid=cid,
                msg_id=cid,
                remote=urlsplit(request.url).netloc,
                what=_what(request),
                data=request.body,
            )

    def received(self, request: Outbound, inbound: Inbound, cid: str) -> None:
        item = self._item
        if item.settings.is_audit_log_received_active:
            self._recorder.record(
                kind=item.kind,
                object_id=item.id,
                name=item.name,
                settings=item.settings,
                direction='received',
                cid=cid,
                msg_id=f'{_ANSWER}{cid}',
                in_reply_to=cid,
                remote=urlsplit(inbound.url).netloc,
                what=_what(request),
                status=inbound.status,
                data=inbound.body,
            )


def _what(request: Outbound) -> str:
    """The method and the path with its query string; secrets are masked where it is written."""
    parts = urlsplit(request.url)
    return f'{request.method} {parts.path or "/"}{"?" if parts.query else ""}{parts.query}'
