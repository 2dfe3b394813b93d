"""What becomes of messages whose delivery failed: they are tried again, or are dead letters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from zato.common.exception import PubSubReject, ZatoException
from zato.common.pubsub.moments import SECOND
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.backoff import pause_after
from zato.server.pubsub.failure import described, detailed
from zato.server.pubsub.settling import Settling
from zato.server.pubsub.store.interface import Row

logger = logging.getLogger('zato.pubsub')

CRASHES: Final = 3  #: after which a message is a dead letter
_LISTED: Final = 3  #: IDs in one line of a log


class Retries:
    """Those of one task. title: how logs name the subscription, item. now: microseconds since 1970."""

    def __init__(self, item: ConfigObject, settling: Settling, *, title: Callable[[], str], now: Callable[[], int]) -> None:
        self._item = item
        self._settling = settling
        self._title = title
        self._now = now

    def settle(self, rows: Sequence[Row], e: BaseException, cid: str) -> int:
        """Returns when the first of those is due that wait aside from now on, 0 if none does. Raises Ended."""
        by_attempts: dict[int, list[Row]] = {}
        for row in rows:
            by_attempts.setdefault(row.attempts + 1, []).append(row)
        due = [self._settle(some, attempts, e, cid) for attempts, some in by_attempts.items()]
        return min(filter(None, due), default=0)

    def bury_crashed(self, row: Row) -> None:
        """Raises Ended."""
        text = f'The process ended {CRASHES} times while it was delivered'
        self._settling.bury([row], 'crash', at=self._now(), attempts=row.attempts, text=text)
        action = {'action': 'pubsub.crash'}
        logger.error('Message %s to %s is a dead letter: %s', row.message.msg_id, self._title(), text, extra=action)

    def _settle(self, rows: Sequence[Row], attempts: int, e: BaseException, cid: str) -> int:
        settings, now, text = self._item.settings, self._now(), detailed(e)
        if isinstance(e, PubSubReject):
            self._log(rows, attempts, e, cid, 'it is a dead letter, as the target wants')
            self._settling.bury(rows, 'rejected', at=now, attempts=attempts, text=text)
        elif 0 < settings.delivery_max_retry <= attempts:
            self._log(rows, attempts, e, cid, f'it is a dead letter after {attempts} attempt(s)')
            self._settling.bury(rows, 'max-retry', at=now, attempts=attempts, text=text)
        else:
            seconds = pause_after(e, attempts, settings)
            at = now + int(seconds * SECOND)
            self._log(rows, attempts, e, cid, f'it is tried again in {seconds:.1f} s')
            is_aside = not settings.delivery_err_should_block
            self._settling.retry(rows, at=at, attempts=attempts, text=text, waits_aside=is_aside)
            return at if is_aside else 0
        return 0

    def _log(self, rows: Sequence[Row], attempts: int, e: BaseException, cid: str, what: str) -> None:
        ids = ', '.join(row.message.msg_id for row in rows[:_LISTED])
        is_expected = isinstance(e, ZatoException | TimeoutError) and e.__cause__ is None
        logger.warning(
            'Message %s was not delivered to %s (cid: %s, attempt %d): %s; %s',
            f'{ids} and {len(rows) - _LISTED} more' if len(rows) > _LISTED else ids,
            self._title(),
            cid,
            attempts,
            described(e),
            what,
            exc_info=None if is_expected else e,
            extra={'action': 'pubsub.not_delivered', 'cid': cid},
        )
