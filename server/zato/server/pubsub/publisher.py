"""Publishing: who may, what is stored, and who is told. It returns once the message cannot be lost any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from zato.common.exception import Forbidden, ServiceUnavailable, ZatoException
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.content import as_message
from zato.server.pubsub.depth import Depths
from zato.server.pubsub.draft import Draft, Drafting
from zato.server.pubsub.hook import DeliveryHook
from zato.server.pubsub.published import Published
from zato.server.pubsub.ram import RAMQueues
from zato.server.pubsub.registry import Registry
from zato.server.pubsub.store.interface import Operation, Publish, Row
from zato.server.pubsub.writer import Writer

_SKIP = 'skip'


class Deliveries(Protocol):
    """Takes what was published to where it is delivered."""

    def published(self, publish: Publish) -> None:
        """In the event loop; must not raise."""


class Publisher:
    """One worker's. hook_of: of a topic, by its ID."""

    def __init__(
        self,
        registry: Registry,
        writer: Writer,
        *,
        drafting: Drafting,
        depths: Depths,
        ram: RAMQueues,
        deliveries: Deliveries,
        published: Published,
        hook_of: Callable[[int], DeliveryHook | None],
    ) -> None:
        self._registry = registry
        self._writer = writer
        self._drafting = drafting
        self._depths = depths
        self._ram = ram
        self._deliveries = deliveries
        self._published = published
        self._hook_of = hook_of

    def publish(
        self, topic: ConfigObject, endpoint: ConfigObject, data: Any, options: Mapping[str, Any], cid: str = ''
    ) -> str | None:
        """The message's ID; None if it was dropped, as nobody has subscribed and the topic drops, or as a hook skipped it.

        Raises BadRequest, Forbidden, ServiceUnavailable (the topic is inactive), TopicFull, ContentTooLarge, Conflict,
        StoreUnavailable.
        """
        try:
            draft = self.draft(topic, endpoint, data, options, cid)
            if draft is None:
                return None
            message = draft.message
            if not draft.has_gd and not self._ram.put((draft,)):
                return message.msg_id
            publish = Publish((message,))
            if draft.is_special:
                self._add_options(publish, 0, draft)
            publish.done = self._done
            self._writer.run(publish)
        except ZatoException:
            self._published.rejected += 1
            raise
        return message.msg_id if publish.seqs[0] or publish.repeated else None

    def publish_many(
        self, topic: ConfigObject, endpoint: ConfigObject, drafts: Sequence[Mapping[str, Any]], cid: str = ''
    ) -> list[str | None]:
        """As `publish`, all of them or none, in one commit. drafts: `data` and options of each."""
        made = self.drafts(topic, endpoint, drafts, cid)
        ids = iter(self.send([draft for draft in made if draft is not None]))
        return [next(ids) if draft is not None else None for draft in made]

    def drafts(
        self, topic: ConfigObject, endpoint: ConfigObject, drafts: Sequence[Mapping[str, Any]], cid: str = ''
    ) -> list[Draft | None]:
        """As `draft`, of each."""
        made = []
        for given in drafts:
            options = dict(given)
            made.append(self.draft(topic, endpoint, options.pop('data', ''), options, cid))
        return made

    def draft(
        self, topic: ConfigObject, endpoint: ConfigObject, data: Any, options: Mapping[str, Any], cid: str = ''
    ) -> Draft | None:
        """What `send` takes; None if a hook skips it. Raises as `publish` does."""
        if not topic.is_active:
            raise ServiceUnavailable(cid, f'Topic {topic.name} is inactive')
        if not self._registry.may_publish(endpoint, topic.name):
            raise Forbidden(cid, f'Endpoint {endpoint.name} may not publish to topic {topic.name}')
        # Who publishes from outside finds the request in logs by it.
        draft = self._drafting.make(topic, endpoint.id, data, options, cid=cid if endpoint.id else '')
        self._depths.check(topic)
        if topic.settings.hook_service is not None:
            return self._hooked(topic, draft, cid)
        return draft

    def send(self, drafts: Sequence[Draft]) -> list[str | None]:
        """Store them, all or none; what needs no guarantee stays in memory.

        Raises TopicFull, Conflict, StoreUnavailable; what is in memory only is delivered also if the others are not stored.
        """
        kept = self._ram.put(drafts)
        if not kept:
            return [draft.message.msg_id for draft in drafts]
        publish = Publish([draft.message for draft in kept])
        for index, draft in enumerate(kept):
            if draft.is_special:
                self._add_options(publish, index, draft)
        publish.done = self._done
        self._writer.run(publish)
        dropped = {id(kept[index]) for index, seq in enumerate(publish.seqs) if not seq and index not in publish.repeated}
        return [None if id(draft) in dropped else draft.message.msg_id for draft in drafts]

    def _add_options(self, publish: Publish, index: int, draft: Draft) -> None:
        if draft.due:
            publish.due = {**publish.due, index: draft.due}
        if draft.only:
            found = (self._registry.subscription_by_key(key) for key in draft.only)
            publish.only = {**publish.only, index: frozenset(item.id for item in found if item is not None)}
        if draft.has_own_id:
            publish.own_ids |= {index}
        if draft.drops:
            publish.drops |= {draft.message.topic_id}

    def _done(self, operation: Operation) -> None:
        assert isinstance(operation, Publish)
        if operation.error is None:
            self._published.add(operation)
            self._depths.add(operation)
            self._deliveries.published(operation)

    def _hooked(self, topic: ConfigObject, draft: Draft, cid: str) -> Draft | None:
        hook = self._hook_of(topic.id)
        if hook is None:
            return draft
        message = as_message(Row(0, 0, 0, 0, 0, draft.message), '', topic, draft.message.pub_time)
        if hook.before_publish(message, topic, cid) == _SKIP:
            return None
        self._drafting.changed(draft, message)
        return draft
