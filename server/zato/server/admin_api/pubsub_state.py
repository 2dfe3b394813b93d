"""`zato.pubsub.topic.get-state-list` and `zato.pubsub.subscription.get-state-list`: what is going on at run time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from zato.common.config.kind import Role
from zato.common.config.kinds.pubsub_subscription import NOTIFY
from zato.common.pubsub.moments import iso
from zato.server.admin_api.pubsub_request import PubSubService, bounded
from zato.server.config.runtime import ConfigObject
from zato.server.propagate.presence import Peer, live_workers
from zato.server.pubsub.failure import without_answer
from zato.server.pubsub.figures import MOST_COUNTED, QueueFigures, TopicFigures
from zato.server.pubsub.lease_names import lease_name
from zato.server.pubsub.registry import SUBSCRIPTION, as_stored
from zato.server.pubsub.task_figures import TaskState


class GetTopicStates(PubSubService):
    """Of the topics that `ids` lists, or of all: how many messages are not delivered yet, how many are published, the last
    one. Counts end at 100,000.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        registry = self.parts.registry
        ids = self.ids()
        found = registry.topics() if ids is None else [topic for id in ids if (topic := registry.topic_by_id(id))]
        subs = {topic.id: registry.subscriptions_of(topic.id) for topic in found}
        queues = [*(-topic.id for topic in found), *(sub.id for own in subs.values() for sub in own)]
        figures = self.parts.figures.queues(queues)
        published = self.parts.figures.topics()
        tasks = self.parts.task_states()
        self.response.payload = [
            {
                **self._of_topic(topic, published.get(topic.id, TopicFigures())),
                'subscriptions': len(subs[topic.id]),
                **_of_queues([figures[-topic.id], *(figures[sub.id] for sub in subs[topic.id])]),
                'delivery_rate': sum(tasks[sub.id]['rate'] or 0.0 for sub in subs[topic.id] if sub.id in tasks),
            }
            for topic in sorted(found, key=lambda topic: topic.name)
        ]

    def _of_topic(self, topic: ConfigObject, figures: TopicFigures) -> dict[str, Any]:
        return {
            'id': topic.id,
            'name': topic.name,
            'is_active': topic.is_active,
            'is_internal': topic.settings.is_internal,
            'target_service': self._name_of(topic.settings.target_service),
            'published': figures.published,
            'publish_rate': figures.rate,
            'last_time': iso(figures.last_time),
            'last_msg_id': figures.last_msg_id,
            'last_endpoint_id': figures.last_endpoint_id,
            'last_endpoint_name': self.endpoint_name(figures.last_endpoint_id) if figures.last_msg_id else '',
        }

    def _name_of(self, id: int | None) -> str:
        stored = self.context.objects.stored.get(id or 0)
        return stored.name if stored is not None else ''


class GetSubscriptionStates(PubSubService):
    """Of the subscriptions that `ids` lists, of those of a topic or of `endpoint_id`, or of all: how many messages wait, for
    how long, who delivers them and how that goes. Counts end at 100,000.
    """

    role: ClassVar[Role] = 'viewer'

    def handle(self) -> None:
        found = self._chosen()
        figures = self.parts.figures.queues([item.id for item in found])
        tasks = self.parts.task_states()
        owners = self._owners([item.id for item in found if item.settings.delivery_method == NOTIFY])
        self.response.payload = [
            self._state(item, figures[item.id], tasks.get(item.id), owners.get(item.id)) for item in found
        ]

    def _chosen(self) -> list[ConfigObject]:
        """Those that are down too."""
        up = {item.id: item for item in self.parts.registry.subscriptions()}
        stored = self.context.objects.stored
        down = (stored[id] for id in self.context.objects.down if stored[id].kind == SUBSCRIPTION)
        every = {**{item.id: as_stored(item) for item in down}, **up}
        ids = self.ids()
        if ids is not None:
            return [every[id] for id in ids if id in every]
        topic, endpoint = self.optional_topic(), self.number('endpoint_id')
        found = (item for item in every.values() if topic is None or item.settings.topic == topic.id)
        return sorted(
            (item for item in found if endpoint in (0, item.settings.endpoint)), key=lambda item: item.settings.sub_key
        )

    def _owners(self, ids: Iterable[int]) -> dict[int, tuple[Peer | None, int]]:
        """Who has the leases, None if it is not known where that one is, and their epochs."""
        names = {lease_name(id): id for id in ids}
        peers = {peer.id: peer for peer in live_workers(self.context.odb)}
        leases = self.parts.leases(list(names))
        return {names[name]: (peers.get(lease.owner), lease.epoch) for name, lease in leases.items() if lease.is_held}

    def _state(
        self, item: ConfigObject, figures: QueueFigures, task: TaskState | None, owner: tuple[Peer | None, int] | None
    ) -> dict[str, Any]:
        settings = item.settings
        peer, epoch = owner or (None, 0)
        endpoint = self.parts.registry.endpoint(settings.endpoint)
        error = self.context.objects.error_of(item.id)
        return {
            'id': item.id,
            'sub_key': settings.sub_key,
            'name': item.name,
            'topic_id': settings.topic,
            'topic_name': self.topic_name(settings.topic),
            'endpoint_id': settings.endpoint,
            'endpoint_name': self.endpoint_name(settings.endpoint),
            'endpoint_type': endpoint.settings.endpoint_type if endpoint is not None else '',
            'delivery_method': settings.delivery_method,
            'is_active': item.is_active,
            'is_paused': settings.is_paused,
            'state': 'down' if error else _state_of(item, figures, task, is_owned=owner is not None),
            'lag': figures.lag,
            **bounded('depth', figures.ready, MOST_COUNTED),
            **bounded('retry', figures.retry, MOST_COUNTED),
            **bounded('dead', figures.dead, MOST_COUNTED),
            'pulled': figures.pulled,
            **_of_task(task, figures),
            **({'error': error} if error else {}),
            'server': peer.server if peer is not None else '',
            'pid': peer.pid if peer is not None else 0,
            'epoch': epoch,
        }


def _of_queues(figures: list[QueueFigures]) -> Mapping[str, Any]:
    depth = max(one.depth for one in figures)
    dead = sum(one.dead for one in figures)
    return {**bounded('depth', depth, MOST_COUNTED), **bounded('dead', dead, MOST_COUNTED)}


def _of_task(task: TaskState | None, figures: QueueFigures) -> Mapping[str, Any]:
    """What is not known of a task in another server is None; the tables know of attempts in any case."""
    known = task or {}
    return {
        'error': known.get('error') or without_answer(figures.error),
        'in_flight': known.get('in_flight'),
        'next_attempt': iso(known.get('next_attempt') or (figures.not_before if figures.not_before > figures.now else 0)),
        'attempts': max(known.get('attempts') or 0, figures.attempts),
        'delivered': known.get('delivered'),
        'failed': known.get('failed'),
        'delivery_rate': known.get('rate'),
    }


def _state_of(item: ConfigObject, figures: QueueFigures, task: TaskState | None, *, is_owned: bool) -> str:
    if not item.is_active:
        return 'inactive'
    if item.settings.is_paused:
        return 'paused'
    if item.settings.delivery_method != NOTIFY:
        return 'pull'
    if task is not None:
        return str(task['state'])
    if not is_owned:
        return 'no-owner'
    if figures.attempts:
        return 'retrying'
    return 'delivering' if figures.ready else 'idle'
