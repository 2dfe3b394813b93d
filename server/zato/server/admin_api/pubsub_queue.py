"""`zato.pubsub.queue.*`, `zato.pubsub.topic.get-message-list`, `zato.pubsub.topic.clear`: messages that wait."""

from __future__ import annotations

import binascii
import logging
from base64 import b64decode
from typing import Any, ClassVar, Final, cast, get_args

import msgspec

from zato.common.config.field import shown
from zato.common.config.kind import Role
from zato.common.exception import BadRequest, NotFound
from zato.server.admin_api.pubsub_request import PAGE, PubSubService, bounded, next_place, text_of
from zato.server.pubsub.draft import mime_type
from zato.server.pubsub.figures import MOST_COUNTED
from zato.server.pubsub.listed import Listed
from zato.server.pubsub.queues import Which

logger = logging.getLogger('zato.pubsub')

_MOST_DATA: Final = 2_000_000  #: bytes of one message in an answer
_KEY_SIZE: Final = {'ready': 2, 'retry': 2, 'pulled': 1}
_JUST_TELL: Final = -1
_MOST_EXPIRATION: Final = 2**53  #: milliseconds


class QueueService(PubSubService):
    """Of a queue: a subscription's, or a topic's own one, where messages wait while nobody has subscribed."""

    def log(self, what: str, count: int, queue: int) -> None:
        """Who did what by hand."""
        logger.info(
            '%d message(s) of queue %d were %s by %s (cid: %s)',
            count,
            queue,
            what,
            self.actor.name,
            self.cid,
            extra={'action': 'pubsub.changed_by_hand', 'cid': self.cid},
        )


class GetMessages(QueueService):
    """Messages of a queue in the order of delivery. `which`: `ready`, `retry` (they wait aside until they are due), `pulled`
    (clients have them). `after` is `next` of the answer before.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        which = str(self.request.input.get('which') or 'ready')
        if which not in get_args(Which):
            rule = f'`which` must be one of: {", ".join(get_args(Which))}'
            raise BadRequest(self.cid, f'{rule}; got {shown(which)}', needs_msg=True)
        queue = self.queue()
        after = self.place('after', _KEY_SIZE[which])
        page = self.parts.queues.browse(queue, cast(Which, which), after=after, limit=self.limit())
        self.response.payload = {
            'messages': self.shown(page.messages),
            'next': next_place(page.next),
            **bounded('depth', self.parts.figures.queues([queue])[queue].ready, MOST_COUNTED),
        }


class GetMessage(QueueService):
    """One message, by `msg_id`, with its data, 2 MB of it at most; of a queue, with attempts and the last error."""

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        msg_id = self.msg_id()
        request = self.request.input
        named = any(request.get(key) for key in ('sub_key', 'sub_id', 'id', 'topic_id', 'topic_name'))
        found = self.parts.queues.find(msg_id, most=_MOST_DATA, sub_id=self.queue() if named else 0)
        if found is None:
            raise NotFound(self.cid, f'There is no message {shown(msg_id)}, or it was delivered already')
        (answer,) = self.shown([found])
        del answer['data_prefix']
        data, _ = text_of(found.part, is_cut=found.is_cut)
        self.response.payload = {**answer, 'data': data, 'form': found.form, 'meta': dict(found.meta)}


class GetTopicMessages(QueueService):
    """What there still is of a topic, in the order of publication, from the first message after `after_seq` on.

    `last_seq` is the highest that any message has; with `after_seq` -1 there is nothing else.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        topic = self.topic()
        raw = self.request.input.get('after_seq')
        just_tells = str(raw) == str(_JUST_TELL)
        after = 0 if just_tells else self.number('after_seq')
        found, last = self.parts.queues.published(topic.id, after=after, limit=0 if just_tells else self.limit(PAGE))
        self.response.payload = {'messages': self.shown(found), 'last_seq': last}


class DeleteMessage(QueueService):
    """Remove `msg_ids`, or `msg_id`, from a queue; other queues keep them. What is being delivered is delivered."""

    def handle(self) -> None:
        queue = self.queue()
        deleted = self.parts.queues.delete(queue, self.msg_ids())
        self.log('deleted', deleted, queue)
        self.response.payload = {'deleted': deleted}


class Clear(QueueService):
    """Remove all that waits in a queue, but for what clients have pulled."""

    def handle(self) -> None:
        queue = self.queue()
        deleted = self.parts.queues.clear(queue)
        self.log('deleted', deleted, queue)
        self.response.payload = {'deleted': deleted}


class ClearTopic(QueueService):
    """Remove all that waits in the queues of a topic, but for what clients have pulled. Dead letters stay."""

    def handle(self) -> None:
        topic = self.topic()
        deleted = 0
        for queue in (-topic.id, *(item.id for item in self.parts.registry.subscriptions_of(topic.id))):
            cleared = self.parts.queues.clear(queue)
            self.log('deleted', cleared, queue)
            deleted += cleared
        self.response.payload = {'deleted': deleted}


class Move(QueueService):
    """Publish what waits in a queue to the topic `to_topic`: `msg_ids`, or `all`; with `is_copy` it stays here too."""

    def handle(self) -> None:
        queue = self.queue()
        to = self.destination()
        if to is None:
            raise BadRequest(self.cid, 'Element missing: to_topic', needs_msg=True)
        is_copy = bool(self.boolean('is_copy'))
        moves = self.parts.moves
        if self.boolean('all'):
            moved = moves.move_all(queue, to, is_copy=is_copy)
        else:
            moved = moves.move(queue, self.msg_ids(), to, is_copy=is_copy)
        self.log('copied' if is_copy else 'moved', moved, queue)
        self.response.payload = {'moved': moved}


class EditMessage(QueueService):
    """Change a message, by `msg_id`, in all queues that have it: `data`, `priority`, `expiration` (milliseconds after its
    publication, 0 for never), `mime_type`. `data_encoding` is `base64` for data that is no text.
    """

    def handle(self) -> None:
        msg_id = self.msg_id()
        found = self.parts.queues.find(msg_id, most=1)
        if found is None:
            raise NotFound(self.cid, f'There is no message {shown(msg_id)}, or it was delivered already')
        request = self.request.input
        values: dict[str, Any] = {}
        if request.get('data') is not None:
            data = self._data(found)
            values = {'data': data, 'size': len(data)}
        if mime := mime_type(request):
            values['mime'] = mime
        if request.get('expiration') not in (None, ''):
            expiration = self.number('expiration', most=_MOST_EXPIRATION)
            values['expires_at'] = found.pub_time + expiration * 1_000 if expiration else 0
        priority = self.number('priority', most=9) or None
        changed = [name for name in ('data', 'mime_type', 'expiration', 'priority') if request.get(name) not in (None, '')]
        if not values and priority is None:
            raise BadRequest(self.cid, 'Nothing changes: give data, priority, expiration or mime_type', needs_msg=True)
        if not self.parts.queues.edit(msg_id, priority=priority, **values):
            raise NotFound(self.cid, f'Message {shown(msg_id)} was delivered meanwhile')
        self.log('edited', 1, -found.topic_id)
        self.response.payload = {'msg_id': msg_id, 'changed': changed}

    def _data(self, found: Listed) -> bytes:
        """Of the form that the message has. Raises BadRequest."""
        data = self.request.input['data']
        if not isinstance(data, str):
            raise BadRequest(self.cid, '`data` must be text', needs_msg=True)
        if self.request.input.get('data_encoding') == 'base64':
            if found.form != 'b':
                raise BadRequest(self.cid, '`data` must be text, as the message is', needs_msg=True)
            try:
                return b64decode(data, validate=True)
            except (binascii.Error, ValueError):
                raise BadRequest(self.cid, '`data` is not base64', needs_msg=True) from None
        if found.form == 'j':
            try:
                msgspec.json.decode(data)  # by which it is read when it is delivered
            except (msgspec.DecodeError, UnicodeEncodeError) as e:
                raise BadRequest(self.cid, f'`data` must be JSON, as the message is: {e}', needs_msg=True) from None
        try:
            return data.encode()
        except UnicodeEncodeError:
            raise BadRequest(self.cid, '`data` must be text of valid Unicode', needs_msg=True) from None
