"""What becomes of messages where subscriptions are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zato.admin.cluster import Calls
from zato.admin.pubsub.answers import Count
from zato.admin.pubsub.asking import SUBSCRIPTION, TOPIC, subscription_states
from zato.common.exception import ZatoException


def becomes_of_messages(zato: Calls, plan: Mapping[str, Any]) -> str:
    """A sentence, '' if no subscription and no topic is deleted. plan: as `zato.config.get-dependents` answers."""
    deleted = [change for change in plan['changes'] if change.get('action') == 'delete']
    ids = [int(change['id']) for change in deleted if change.get('kind') == SUBSCRIPTION]
    if not ids:
        has_topic = any(change.get('kind') == TOPIC for change in deleted)
        return 'Messages that wait in its own queue become dead letters.' if has_topic else ''
    try:
        states = subscription_states(zato, ids=ids).all
    except ZatoException:
        return 'Messages that were not delivered yet become dead letters. How many these are is not known now.'
    total = sum(state.undelivered for state in states)
    if not total:
        return 'No messages wait to be delivered. Those that are published until it is deleted become dead letters.'
    is_more = any(state.is_depth_more or state.is_retry_more for state in states)
    verb = (
        'message that was not delivered yet becomes a dead letter'
        if total == 1
        else ('messages that were not delivered yet become dead letters')
    )
    return f'{Count(total, is_more)} {verb}: these can be published to another topic, or deleted, later on.'
