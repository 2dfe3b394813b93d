"""`zato.pubsub.dead-letter.*`: messages that are not delivered any more, until somebody says what becomes of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from zato.common.config.field import is_id, shown
from zato.common.config.kind import Role
from zato.common.exception import BadRequest
from zato.common.pubsub.dead_letter import REASONS
from zato.common.pubsub.moments import iso
from zato.server.admin_api.pubsub_request import PAGE, PubSubService, bounded, next_place, text_of
from zato.server.pubsub.dead import Chosen, Letter
from zato.server.pubsub.figures import MOST_COUNTED
from zato.server.pubsub.listed import PREFIX, Listed

logger = logging.getLogger('zato.pubsub')

_MOST_LETTERS: Final = 1_000
_MOST_LINES: Final = 1_000  #: of one download, unless the request says
_MOST_DATA: Final = 16_000_000  #: bytes of all data in one download
_MOST_EACH: Final = 10_000_000


class DeadLetterService(PubSubService):
    """Chooses by topic, by subscription, one that is gone too if it is named by `sub_id`, and by `reason`."""

    def chosen(self) -> Chosen:
        """Raises BadRequest, NotFound."""
        reason = str(self.request.input.get('reason') or '')
        if reason and reason not in REASONS:
            rule = f'`reason` must be one of: {", ".join(REASONS)}'
            raise BadRequest(self.cid, f'{rule}; got {shown(reason)}', needs_msg=True)
        return Chosen(self._topic_id(), self._sub_id(), reason)

    def letters(self) -> list[Letter]:
        """Raises BadRequest."""
        raw = self.require('letters')
        if isinstance(raw, list) and len(raw) <= _MOST_LETTERS and all(map(_is_letter, raw)):
            return [(int(letter['sub_id']), int(letter['seq'])) for letter in raw]
        rule = f'`letters` must be a list of at most {_MOST_LETTERS:,} objects, each with numbers `sub_id` and `seq`'
        raise BadRequest(self.cid, rule, needs_msg=True)

    def shown_letters(self, letters: Iterable[Listed]) -> list[dict[str, Any]]:
        """As answers have them."""
        registry = self.parts.registry
        letters = list(letters)
        return [
            {
                **answer,
                'sub_key': letter.sub_key,
                'reason': letter.reason,
                'died_at_iso': iso(letter.died_at),
                'is_subscribed': registry.subscription(letter.sub_id) is not None,
            }
            for letter, answer in zip(letters, self.shown(letters), strict=True)
        ]

    def log(self, what: str, count: int) -> None:
        """Who did what by hand."""
        logger.info(
            '%d dead letter(s) were %s by %s (cid: %s)',
            count,
            what,
            self.actor.name,
            self.cid,
            extra={'action': 'pubsub.dead_letters_changed', 'cid': self.cid},
        )

    def _topic_id(self) -> int:
        topic = self.optional_topic() if self.request.input.get('topic_name') else None
        return topic.id if topic is not None else self.number('topic_id')

    def _sub_id(self) -> int:
        """Topics' own queues are below zero."""
        raw = self.request.input.get('sub_id')
        if raw not in (None, '', 0):
            if not is_id(str(raw).removeprefix('-')):
                raise BadRequest(self.cid, f'`sub_id` must be a number; got {shown(raw)}', needs_msg=True)
            return int(raw)
        found = self.optional_subscription()
        return found.id if found is not None else 0


class GetList(DeadLetterService):
    """Dead letters, the latest published first. `before` is `next` of the answer before."""

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        before = self.place('before', 2)
        letters, following = self.parts.dead.browse(self.chosen(), before=before, limit=self.limit(PAGE), prefix=PREFIX)
        self.response.payload = {'messages': self.shown_letters(letters), 'next': next_place(following)}


class GetCounts(DeadLetterService):
    """How many dead letters each subscription has, those that are gone too. Counts end at 100,000."""

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        self.response.payload = [
            {
                'sub_id': group.sub_id,
                'sub_key': group.sub_key,
                'topic_id': group.topic_id,
                'topic_name': self.topic_name(group.topic_id),
                'is_subscribed': group.is_subscribed,
                **bounded('count', group.count, MOST_COUNTED),
            }
            for group in self.parts.dead.groups()
        ]


class Requeue(DeadLetterService):
    """Have `letters` delivered again: in their old place of the order, or `as_new` at its end; or to whoever has subscribed
    to the topic `to_topic`, which is the only way for those whose subscription is gone.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        letters, to = self.letters(), self.destination()
        gone = sorted({sub_id for sub_id, _ in letters if self.parts.registry.subscription(sub_id) is None})
        if gone and to is None:
            text = f'These subscriptions are gone, so give `to_topic`: {", ".join(map(str, gone))}'
            raise BadRequest(self.cid, text, needs_msg=True)
        requeued = self.parts.dead.requeue(letters, as_new=bool(self.boolean('as_new')), to=to)
        self.log('requeued', requeued)
        self.response.payload = {'requeued': requeued}


class RequeueAll(DeadLetterService):
    """The same with all that are chosen. Without `to_topic` those stay whose subscription is gone; `left` says how many."""

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        as_new = bool(self.boolean('as_new'))
        requeued, left = self.parts.dead.requeue_all(self.chosen(), as_new=as_new, to=self.destination())
        self.log('requeued', requeued)
        self.response.payload = {'requeued': requeued, 'left': left}


class Delete(DeadLetterService):
    """Delete `letters`."""

    def handle(self) -> None:
        deleted = self.parts.dead.delete(self.letters())
        self.log('deleted', deleted)
        self.response.payload = {'deleted': deleted}


class DeleteAll(DeadLetterService):
    """Delete all that are chosen."""

    def handle(self) -> None:
        deleted = self.parts.dead.delete_all(self.chosen())
        self.log('deleted', deleted)
        self.response.payload = {'deleted': deleted}


class Download(DeadLetterService):
    """Dead letters with all their data, as lines of JSON in `content`. There are more until `next`, which the next request
    has as `before`, is empty.
    """

    role: ClassVar[Role] = 'operator'

    def handle(self) -> None:
        letters, following = self.parts.dead.browse(
            self.chosen(), before=self.place('before', 2), limit=self.limit(_MOST_LINES), prefix=_MOST_EACH, size=_MOST_DATA
        )
        lines = map(json.dumps, map(self._line, letters, self.shown_letters(letters)))
        self.response.payload = {
            'content': ''.join(f'{line}\n' for line in lines),
            'file_name': 'dead-letters.jsonl',
            'next': next_place(following),
        }

    def _line(self, letter: Listed, answer: dict[str, Any]) -> dict[str, Any]:
        data, encoding = text_of(letter.part, is_cut=letter.is_cut)
        del answer['data_prefix']
        return {**answer, 'data': data, 'data_encoding': encoding, 'meta': dict(letter.meta)}


def _is_letter(raw: Any) -> bool:
    return isinstance(raw, dict) and type(raw.get('sub_id')) is int and is_id(raw.get('seq'))
