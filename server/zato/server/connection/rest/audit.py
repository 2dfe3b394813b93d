"""What the audit log is told of an outgoing REST connection's calls, where that is switched on."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from zato.common.exception import CallFailed
from zato.server.audit_log.recorder import ANSWER, Recorder
from zato.server.config.runtime import ConfigObject
from zato.server.connection.rest.message import Inbound, Outbound


class CallAudit:
    """item: of kind outgoing_rest. Each call is a message sent, and its answer one received; retries are not."""

    def __init__(self, item: ConfigObject, recorder: Recorder, params: Iterable[str]) -> None:
        """params: names of those that each call fills into the path."""
        self._item = item
        self._recorder = recorder
        settings = item.settings
        has_secrets = any(map(recorder.masker.is_secret, params))
        self._path = urlsplit(settings.host).path.rstrip('/') + settings.url_path if has_secrets else ''

    def sent(self, request: Outbound, cid: str) -> None:
        item = self._item
        if item.settings.is_audit_log_sent_active:
            self._recorder.record(
                item,
                direction='sent',
                cid=cid,
                msg_id=cid,
                remote=urlsplit(request.url).netloc,
                what=self._what(request),
                data=request.body,
            )

    def received(self, request: Outbound, inbound: Inbound, cid: str) -> None:
        self._received(request, cid, inbound.url, inbound.status, inbound.body)

    def failed(self, request: Outbound, error: CallFailed, cid: str) -> None:
        """There was no answer: the error is what was received, with status 0."""
        self._received(request, cid, request.url, 0, error.msg.encode())

    def _received(self, request: Outbound, cid: str, url: str, status: int, data: bytes) -> None:
        item = self._item
        if item.settings.is_audit_log_received_active:
            self._recorder.record(
                item,
                direction='received',
                cid=cid,
                msg_id=f'{ANSWER}{cid}',
                in_reply_to=cid,
                remote=urlsplit(url).netloc,
                what=self._what(request),
                status=status,
                data=data,
            )

    def _what(self, request: Outbound) -> str:
        """The method and the path with its query string; secrets in that are masked where it is written.

        Of a path such as /reset/{token}, only that is told.
        """
        parts = urlsplit(request.url)
        query = parts.query if '?' not in self._path else ''
        return f'{request.method} {self._path or parts.path or "/"}{"?" if query else ""}{query}'
