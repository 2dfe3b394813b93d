"""Records in the audit log what a REST channel received and what it answered."""

from __future__ import annotations

from collections.abc import Callable, Collection

from zato.common.config.kinds.channel_rest import ChannelREST
from zato.server.audit_log.recorder import ANSWER, Recorder
from zato.server.config.runtime import ConfigObject
from zato.server.http.message import Request, Response
from zato.server.service.compiled import CompiledService


class ChannelAudit:
    """That of one channel. find_service: the one that it invokes, whose declared secrets are masked, if it is there."""

    __slots__ = ('_find_service', '_item', '_keeps_received', '_keeps_sent', '_recorder')

    def __init__(self, recorder: Recorder, item: ConfigObject, find_service: Callable[[], CompiledService | None]) -> None:
        settings: ChannelREST = item.settings
        self._recorder = recorder
        self._item = item
        self._find_service = find_service
        self._keeps_received = settings.is_audit_log_received_active
        self._keeps_sent = settings.is_audit_log_sent_active

    def received(self, request: Request, cid: str) -> None:
        """Whether it will be refused or not. Its body may be compressed."""
        if self._keeps_received:
            self._recorder.record(
                self._item,
                direction='received',
                cid=cid,
                msg_id=cid,
                remote=request.peer,
                what=_what(request),
                data=request.body,
                extra_secrets=self._secrets(),
            )

    def sent(self, request: Request, response: Response) -> None:
        """An answer of any status."""
        if self._keeps_sent:
            body = response.body
            self._recorder.record(
                self._item,
                direction='sent',
                cid=response.cid,
                msg_id=f'{ANSWER}{response.cid}',
                in_reply_to=response.cid,
                remote=request.peer,
                what=_what(request),
                status=response.status,
                data=body if isinstance(body, bytes) else None,
                extra_secrets=self._secrets(),
            )

    def _secrets(self) -> Collection[str]:
        service = self._find_service()
        return service.io.masked if service is not None and service.io is not None else ()


def _what(request: Request) -> str:
    line = b'%b %b?%b' if request.query else b'%b %b%b'
    return (line % (request.method, request.shown_path, request.query)).decode('latin-1')
