"""`zato.pubsub.subscription.pause`, `.resume` and `.reset`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import ClassVar

from zato.common.config.field import shown
from zato.common.config.kind import Role, kinds
from zato.common.exception import BadRequest
from zato.common.pubsub.moments import SECOND
from zato.server.admin_api.pubsub_request import PubSubService
from zato.server.propagate.change import make_change
from zato.server.pubsub.registry import SUBSCRIPTION

logger = logging.getLogger('zato.pubsub')


class Pause(PubSubService):
    """Deliver nothing to a subscription until it is resumed. What is being delivered is finished; messages wait."""

    role: ClassVar[Role] = 'operator'
    is_paused: ClassVar[bool] = True

    def handle(self) -> None:
        item = self.subscription()
        change = make_change('edit', kinds()[SUBSCRIPTION], {'id': item.id, 'is_paused': self.is_paused})
        outcome = self.context.configuration.apply([change], self.actor)
        self.response.payload = {
            'id': item.id,
            'sub_key': item.settings.sub_key,
            'is_paused': self.is_paused,
            **outcome.as_dict(),
        }


class Resume(Pause):
    """Deliver to a subscription that was paused."""

    is_paused: ClassVar[bool] = False


class Reset(PubSubService):
    """Deliver to a subscription once more what its topic kept: from message `seq` on, or what was published since `time`,
    which is UTC. The topic keeps messages for `limit_retention` seconds.
    """

    def handle(self) -> None:
        item = self.subscription()
        topic = self.parts.registry.topic_by_id(item.settings.topic)
        if topic is None or not topic.settings.limit_retention:
            name = topic.name if topic is not None else 'of the subscription'
            text = f'Topic {name} does not keep messages once they are delivered: its limit_retention is 0'
            raise BadRequest(self.cid, text, needs_msg=True)
        seq, time = self.number('seq'), self._time()
        if bool(seq) == bool(time):
            raise BadRequest(self.cid, 'Give either `seq` or `time`', needs_msg=True)
        added = self.parts.replay.reset(item.id, topic.id, seq=seq, time=time)
        logger.info(
            '%d message(s) are delivered to %s once more, by %s (cid: %s)',
            added,
            item.settings.sub_key,
            self.actor.name,
            self.cid,
            extra={'action': 'pubsub.reset', 'cid': self.cid},
        )
        self.response.payload = {'added': added}

    def _time(self) -> int:
        """Microseconds since 1970, 0 if there is none. Raises BadRequest."""
        raw = self.request.input.get('time')
        if raw in (None, ''):
            return 0
        try:
            found = datetime.fromisoformat(str(raw))
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
            return max(1, int(found.timestamp() * SECOND))
        except (ValueError, OverflowError):
            text = f'`time` must be a time such as 2026-05-01T10:00:00, in UTC; got {shown(raw)}'
            raise BadRequest(self.cid, text, needs_msg=True) from None
