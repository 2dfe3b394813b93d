"""Processes are killed at random moments while clients publish; then the books are balanced.

Bounded in time; everything random comes from one seed, which is printed.
"""

from __future__ import annotations

import random
import time

from tests.chaos.pubsub_books import Limits, Publishers, balance
from tests.chaos.pubsub_cluster import TOPIC, Cluster
from tests.support.admin import create

PUBLISHERS = 64
SUBSCRIBED = {'chaos.target': ['chaos.target'], TOPIC: ['chaos.batch', 'chaos.wide']}
_BATCH, _WIDE = 50, 4


def subscribe(cluster: Cluster) -> None:
    """One subscription of each kind: to a service, in batches, several at once with an ordering key."""
    create(cluster.environment, 'zato.pubsub.topic', TOPIC)
    cluster.subscribe('chaos.batch', delivery_batch_size=_BATCH)
    cluster.subscribe('chaos.wide', delivery_batch_size=1, max_in_flight=_WIDE)
    cluster.publish('chaos.target', p=-1, n=0)  # its subscription comes with the first message


def storm(cluster: Cluster, *, seed: int, rounds: int, most: float = 1.0) -> list[str]:
    """kill -9 of everything, so many times, each up to `most` seconds after the start. Returns what went wrong."""
    print(f'seed {seed}')
    own = random.Random(seed)
    subscribe(cluster)
    with Publishers(cluster, PUBLISHERS, seed, SUBSCRIBED) as publishers:
        for _ in range(rounds):
            time.sleep(own.uniform(0.05, most))  # kills are to hit any moment
            cluster.environment.kill_all()
            cluster.environment.start()
        time.sleep(own.uniform(0.05, most))
    batches = {'chaos.target': 1, 'chaos.batch': _BATCH, 'chaos.wide': _WIDE}
    return balance(cluster, publishers, SUBSCRIBED, Limits(kills=rounds, batches=batches))
