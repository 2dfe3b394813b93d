"""Names of the leases by which workers agree who delivers what."""

from __future__ import annotations

from typing import Final

#: What those of subscriptions begin with, before the ID.
SUBSCRIPTIONS: Final = 'pubsub:'
#: What those begin with that workers take part by, before the ID.
WORKERS: Final = 'pubsub:worker:'


def lease_name(sub_id: int) -> str:
    """Of the lease that the delivery of a subscription is held by."""
    return f'{SUBSCRIPTIONS}{sub_id}'


def subscription_of(name: str) -> int:
    """The ID that `lease_name` made it of."""
    return int(name[len(SUBSCRIPTIONS) :])


def worker_lease_name(worker_id: str) -> str:
    """Of the lease that a worker takes part by."""
    return f'{WORKERS}{worker_id}'
