"""Records messages in the audit log. Whoever has one hands it over and goes on; a greenlet masks and writes them in batches.

What waits is bounded: while the ODB is away the oldest messages are dropped, and an alarm says how many. A worker that is
killed loses what has not been written yet, that of the last fraction of a second.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from time import time
from typing import Final, NamedTuple

import gevent
from gevent.event import Event

from zato.common.alarm import Alarms
from zato.common.config.audit_log import Audited
from zato.common.odb.database import ODBUnavailable
from zato.server.audit_log.masking import MARGIN, Masker
from zato.server.audit_log.store import AuditStore, Direction, Message, storable
from zato.server.config.cooperation import Slices
from zato.server.config.runtime import ConfigObject

logger = logging.getLogger(__name__)

_KB: Final = 1_000
_SUBJECT: Final = 'Audit log'
_WHAT_TO_DO: Final = 'see to it that the ODB can be written to, or turn the audit log off where there is too much for it'
_LONGEST: Final = 8_192  #: bytes of `what`
_ROWS: Final = 500  #: in a batch
_MANY: Final = 10_000  #: messages that are not waited for further ones with
_BATCH: Final = 8_000_000  #: bytes of data in one

#: Before the cid of a request, in the ID of what answers it (source: classic Zato).
ANSWER: Final = 'zrp'


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """interval: seconds between batches. pause: seconds after one that could not be written. messages, bytes: that wait."""

    interval: float = 0.2
    pause: float = 1.0
    messages: int = 20_000
    bytes: int = 64_000_000


class _Waiting(NamedTuple):
    """As it was handed over. at: seconds since 1970. data: no more of it than is looked at.

    limit: bytes of it that are kept. keep: messages of its object and direction that are. names: of secrets in it.
    """

    at: float
    item: ConfigObject
    direction: Direction
    cid: str
    msg_id: str
    in_reply_to: str
    remote: str
    what: str
    status: int
    size: int
    data: bytes | None
    limit: int
    keep: int
    names: Collection[str]

    @property
    def key(self) -> tuple[int, str]:
        return self.item.id, self.direction


class Recorder:
    """One worker's. Until it is started and after it was stopped, messages wait."""

    def __init__(self, store: AuditStore, masker: Masker, alarms: Alarms, bounds: Bounds | None = None) -> None:
        self.masker = masker
        self._store = store
        self._alarms = alarms
        self._bounds = bounds or Bounds()
        self._many, self._much = min(_MANY, self._bounds.messages), min(_BATCH, self._bounds.bytes)
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0  # of data in the queue
        self._waiting: dict[tuple[int, str], int] = {}  # messages in the queue
        self._batch: list[Message] = []
        self._keep: dict[tuple[int, str], int] = {}  # of the batch
        self._lost = self._told = 0  # since there was last nothing to tell; how many of them the alarm tells of
        self._reason = ''
        self._woken, self._filled = Event(), Event()
        self._is_stopping = False
        self._greenlet: gevent.Greenlet[[], None] = gevent.Greenlet(self._run)

    def record(
        self,
        item: ConfigObject,
        *,
        direction: Direction,
        cid: str,
        msg_id: str = '',
        in_reply_to: str = '',
        remote: str = '',
        what: str = '',
        status: int = 0,
        data: bytes | str | None = b'',
        extra_secrets: Collection[str] = (),
    ) -> None:
        """Keep a message of an object whose settings are Audited; the caller has looked whether they want that.

        Never waits, never raises. remote: address of the other side. what: such as 'POST /path?query'. status: HTTP's.
        data: None if it is streamed. extra_secrets: names of what is to be masked besides what always is.
        """
        settings: Audited = item.settings
        if direction == 'received':
            limit, keep = settings.max_bytes_per_message_received * _KB, settings.max_len_messages_received
        else:
            limit, keep = settings.max_bytes_per_message_sent * _KB, settings.max_len_messages_sent
        if isinstance(data, str):
            data = data.encode('utf-8', 'replace')
        size = len(data) if data else 0
        if data and size > limit + MARGIN:
            data = data[: limit + MARGIN]
        self._append(
            _Waiting(
                time(), item, direction, cid, msg_id, in_reply_to, remote, what, status, size, data, limit, keep,
                extra_secrets,
            )
        )  # fmt: skip

    def start(self) -> None:
        self._greenlet.start()

    def stop(self, timeout: float = 5.0) -> None:
        """What waits is written, if that takes no longer than `timeout` seconds. Twice is safe."""
        self._is_stopping = True
        self._woken.set()
        self._filled.set()
        if self._greenlet:  # it was started
            self._greenlet.join(timeout)
        self._greenlet.kill()
        lost = self._lost + len(self._queue) + len(self._batch)
        self._queue.clear()
        self._waiting.clear()
        self._bytes = 0
        self._batch, self._lost, self._told = [], 0, 0
        if lost:
            logger.error('%d message(s) are missing in the audit log', lost, extra={'action': 'audit_log.lost'})

    def _append(self, waiting: _Waiting) -> None:
        queue = self._queue
        queue.append(waiting)
        self._bytes += len(waiting.data) if waiting.data else 0
        key = waiting.key
        self._waiting[key] = self._waiting.get(key, 0) + 1
        if len(queue) == 1:
            self._woken.set()
        if len(queue) >= self._many or self._bytes >= self._much:
            self._filled.set()
            while len(queue) > self._bounds.messages or self._bytes > self._bounds.bytes:
                taken = self._take()
                self._lost += 0 if self._is_outlived(taken) else 1
            if self._lost and not self._told:  # at once: a write may wait long for an ODB that is locked
                self._tell()

    def _take(self) -> _Waiting:
        taken = self._queue.popleft()
        self._bytes -= len(taken.data) if taken.data else 0
        self._waiting[taken.key] -= 1
        return taken

    def _is_outlived(self, taken: _Waiting) -> bool:
        """Do so many newer ones wait that it would not stay?"""
        return self._waiting[taken.key] >= taken.keep

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._woken.wait()
            self._filled.wait(self._bounds.interval)
            self._woken.clear()
            self._filled.clear()
            is_last = self._is_stopping
            try:
                self._write_all()
            except Exception:
                logger.exception('The audit log cannot be written', extra={'action': 'audit_log.failed'})
                self._lost += len(self._batch)
                self._batch = []
                if self._queue:
                    self._woken.set()

    def _write_all(self) -> None:
        """Up to a point where it is worth waiting: of what comes meanwhile, newer messages may push much out."""
        is_more = bool(self._queue or self._batch)
        while is_more:
            if not self._batch:
                self._fill_batch()
            try:
                self._store.add(self._batch, self._keep)
            except ODBUnavailable as e:
                self._reason = str(e)
                self._tell()
                gevent.sleep(self._bounds.pause)
            else:
                self._batch = []
                self._tell()
            is_much = len(self._queue) >= self._many or self._bytes >= self._much
            is_more = bool(self._batch) or is_much or (self._is_stopping and bool(self._queue))
        self._recovered()
        if self._queue:
            self._woken.set()

    def _fill_batch(self) -> None:
        slices = Slices()
        total = 0
        self._keep = {}
        while self._queue and len(self._batch) < _ROWS and total < _BATCH:
            slices.now_and_then()
            waiting = self._take()
            if self._is_outlived(waiting):
                continue
            message = self._masked(waiting, slices)
            total += len(message.data)
            self._keep[waiting.key] = waiting.keep
            self._batch.append(message)

    def _masked(self, waiting: _Waiting, slices: Slices) -> Message:
        encoding, is_cut, data, what = 'streamed', False, '', ''
        try:
            pause = slices.now_and_then
            what = self.masker.mask(waiting.what.encode('utf-8', 'replace'), _LONGEST, pause, waiting.names).data
            if waiting.data is not None:
                masked = self.masker.mask(waiting.data, waiting.limit, pause, waiting.names)
                encoding, is_cut, data = masked.encoding, masked.is_cut, masked.data
        except Exception:
            logger.exception(
                'A message is in the audit log without its data, in which secrets could not be masked (cid: %s)',
                waiting.cid,
                extra={'action': 'audit_log.not_masked', 'cid': waiting.cid},
            )
            encoding, is_cut = 'text', True
        return Message(
            at=waiting.at,
            kind=waiting.item.kind,
            object_id=waiting.item.id,
            name=waiting.item.name,
            direction=waiting.direction,
            cid=storable(waiting.cid),
            msg_id=storable(waiting.msg_id),
            in_reply_to=storable(waiting.in_reply_to),
            remote=storable(waiting.remote),
            what=what,
            status=waiting.status,
            size=waiting.size,
            encoding=encoding,
            is_cut=is_cut,
            data=data,
        )

    def _tell(self) -> None:
        """The alarm begins with the first message that is lost, and counts on without further lines in the log."""
        if self._lost == self._told:
            return
        reason = self._reason or 'they come faster than they can be written'
        what = f'{self._lost} message(s) could not be recorded: {reason}'
        self._alarms.begin(_SUBJECT, what, _WHAT_TO_DO, action='audit_log.lost', log=not self._told)
        self._told = self._lost

    def _recovered(self) -> None:
        self._tell()
        self._reason = ''
        if self._told:
            logger.error('%d message(s) are missing in the audit log', self._told, extra={'action': 'audit_log.lost'})
            self._alarms.end(_SUBJECT)
            self._lost = self._told = 0
