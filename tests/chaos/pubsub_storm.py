"""Processes are killed at random moments while clients publish; then the books are balanced.

Bounded in time; everything random comes from one seed, which is printed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Literal

from tests.chaos.pubsub_books import Limits, Publishers, balance
from tests.chaos.pubsub_cluster import LOOSE, TOPIC, Cluster, kill
from tests.chaos.pubsub_freeze import freeze_without_lock, thaw
from tests.support.admin import create
from tests.support.environment import eventually
from tests.support.postgresql import PostgreSQL

PUBLISHERS = 64
_LONG = 15.0  #: seconds; longer than leases last
SUBSCRIBED = {'chaos.target': ['chaos.target'], TOPIC: ['chaos.batch', 'chaos.wide'], LOOSE: ['chaos.target.1']}
BATCHES = {
    'chaos.target': 1,
    'chaos.batch': 50,
    'chaos.wide': 4,
    'chaos.target.1': 1,
}  #: messages that are in flight at once


def subscribe(cluster: Cluster) -> None:
    """To a service, in batches, several at once with an ordering key, and with errors that do not block."""
    for topic in (TOPIC, LOOSE):
        create(cluster.environment, 'zato.pubsub.topic', topic)
    loose = {
        'topic': LOOSE,
        'delivery_batch_size': 1,
        'delivery_err_should_block': False,
        'wait_non_sock_err': 0.05,
        'wait_sock_err': 0.05,
    }
    cluster.subscribe('chaos.target.1', **loose)
    cluster.subscribe('chaos.batch', delivery_batch_size=BATCHES['chaos.batch'])
    cluster.subscribe('chaos.wide', delivery_batch_size=1, max_in_flight=BATCHES['chaos.wide'])
    cluster.publish('chaos.target', p=-1, n=0)  # its subscription comes with the first message


def storm(
    cluster: Cluster, *, seed: int, rounds: int, most: float = 1.0, what: Literal['all', 'worker'] = 'all'
) -> list[str]:
    """kill -9 of everything, or of a worker, so many times, each up to `most` seconds after the one before.

    Returns what went wrong.
    """
    print(f'seed {seed}')
    own = random.Random(seed)
    subscribe(cluster)
    with Publishers(cluster, PUBLISHERS, seed, SUBSCRIBED) as publishers:
        for _ in range(rounds):
            time.sleep(own.uniform(0.05, most))  # kills are to hit any moment
            if what == 'all':
                cluster.environment.kill_all()
                cluster.environment.start()
            else:
                kill(own.sample(sorted(cluster.workers), 1))
        time.sleep(own.uniform(0.05, most))
    alone = rounds if what == 'worker' else 0
    return balance(cluster, publishers, SUBSCRIBED, Limits(kills=rounds, batches=BATCHES, alone=alone))


def freezes(cluster: Cluster, *, seed: int, rounds: int) -> list[str]:
    """Workers are stopped for longer than their leases last, one at a time, and go on. Returns what went wrong."""
    print(f'seed {seed}')
    own = random.Random(seed)
    subscribe(cluster)
    with Publishers(cluster, 16, seed, SUBSCRIBED) as publishers:
        for _ in range(rounds):
            (pid,) = own.sample(sorted(cluster.workers), 1)
            freeze_without_lock(cluster, pid)
            time.sleep(_LONG)
            thaw(pid)
            time.sleep(own.uniform(0, 2.0))
    return balance(cluster, publishers, SUBSCRIBED, Limits(kills=rounds, batches=BATCHES, alone=rounds))


def outages(cluster: Cluster, postgresql: PostgreSQL, *, seed: int, how: Sequence[str]) -> list[str]:
    """PostgreSQL is restarted, so many times and in these ways, while clients publish. Returns what went wrong."""
    print(f'seed {seed}')
    own = random.Random(seed)
    subscribe(cluster)
    with Publishers(cluster, 16, seed, SUBSCRIBED) as publishers:
        for one in how:
            time.sleep(own.uniform(0.2, 1.0))  # it is to hit any moment
            if one == 'crash':
                postgresql.crash()
            else:
                postgresql.stop('immediate' if one == 'immediate' else 'fast')
            if one == 'long':
                time.sleep(_LONG)
            postgresql.start()
            before = len(publishers.sent)
            eventually(lambda before=before: len(publishers.sent) > before + 100, 'publishing to go on')
    return balance(cluster, publishers, SUBSCRIBED, Limits(kills=len(how), batches=BATCHES))
