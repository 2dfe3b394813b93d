"""What these pages ask servers for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic

from zato.admin.cluster import Calls, Failure
from zato.admin.objects.asking import Gone, get_object, get_page
from zato.admin.objects.states import silent
from zato.admin.pubsub.answers import A, DeadCount, SubscriptionState, TopicState, read_list
from zato.client.admin import Answer
from zato.common.config.kind import Kind, kinds
from zato.common.exception import ZatoException

TOPIC: Final = 'pubsub_topic'
SUBSCRIPTION: Final = 'pubsub_subscription'
ENDPOINT: Final = 'pubsub_endpoint'

_MOST_NAMES: Final = 1_000
_PATIENCE: Final = 5.0  #: seconds that a page waits for each server


@dataclass(frozen=True, slots=True)
class Told(Generic[A]):
    """by_id: what servers say of each. away: a sentence for each server that says nothing."""

    by_id: dict[int, A]
    away: list[str]

    @property
    def all(self) -> list[A]:
        return list(self.by_id.values())


def kind_of(name: str) -> Kind:
    return kinds()[name]


def topic_states(zato: Calls, ids: Sequence[int]) -> Told[TopicState]:
    """Each server knows what its own workers deliver, which is added up. Raises ZatoException if none answers."""
    if not ids:
        return Told({}, [])
    return _ask_each(zato, TopicState, 'zato.pubsub.topic.get-state-list', {'ids': list(ids)}, _with_rate)


def subscription_states(zato: Calls, **which: Any) -> Told[SubscriptionState]:
    """which: `ids`, `topic_id` or `endpoint_id`. The server that delivers knows more than others. Raises ZatoException."""
    if which.get('ids') == []:
        return Told({}, [])
    return _ask_each(zato, SubscriptionState, 'zato.pubsub.subscription.get-state-list', which, _better)


def dead_counts(zato: Calls) -> list[DeadCount]:
    """Of each subscription that has some, of those too that are gone."""
    return read_list(DeadCount, zato.ask('zato.pubsub.dead-letter.get-count-list'))


def subscriptions_named(zato: Calls, text: str) -> Sequence[Mapping[str, Any]]:
    """Those with all words of a text in their names, keys, or names of topic or endpoint, as lists have them."""
    return get_page(zato, kind_of(SUBSCRIPTION), {'page_size': _MOST_NAMES, 'query': text}).items


def subscription_names(zato: Calls) -> dict[int, str]:
    """What people call each, of those that there are; none where they cannot be asked for."""
    try:
        items = subscriptions_named(zato, '')
    except ZatoException:
        return {}
    return {int(item['id']): str(item['endpoint'] if item['name'] == item['sub_key'] else item['name']) for item in items}


def get_topic(zato: Calls, id: int) -> dict[str, Any]:
    """Raises Gone."""
    return _get(zato, TOPIC, id)


def get_subscription(zato: Calls, id: int) -> dict[str, Any]:
    """Raises Gone."""
    return _get(zato, SUBSCRIPTION, id)


def _get(zato: Calls, kind: str, id: int) -> dict[str, Any]:
    try:
        return get_object(zato, kind_of(kind), id)
    except Gone:
        label = kind_of(kind).label.lower()
        raise Gone(msg=f'There is no {label} with this number, or no longer: somebody may have deleted it.') from None


def _ask_each(zato: Calls, cls: type[A], service: str, payload: Any, merge: Callable[[A, A], A]) -> Told[A]:
    answers = zato.each(service, payload, timeout=_PATIENCE)
    failures = {server: found for server, found in answers.items() if isinstance(found, Failure)}
    if len(failures) == len(answers):
        raise next(iter(failures.values())).error
    found: dict[int, Any] = {}
    for answer in answers.values():
        if isinstance(answer, Answer):
            for item in read_list(cls, answer.payload):
                id = getattr(item, 'id', 0)
                found[id] = merge(found[id], item) if id in found else item
    return Told(found, silent(failures))


def _with_rate(known: TopicState, other: TopicState) -> TopicState:
    rates = [rate for rate in (known.delivery_rate, other.delivery_rate) if rate is not None]
    return replace(known, delivery_rate=sum(rates) if rates else None)


def _better(known: SubscriptionState, other: SubscriptionState) -> SubscriptionState:
    return known if known.in_flight is not None else other if other.in_flight is not None else known
