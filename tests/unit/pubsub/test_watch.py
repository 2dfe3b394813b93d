"""Alarms about subscriptions that are not delivered, and which worker looks for them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pytest

from zato.common.alarm import Alarms
from zato.common.config.kinds.pubsub_subscription import PubSubSubscription
from zato.common.config.kinds.pubsub_topic import PubSubTopic
from zato.common.odb.lease import Lease, LeaseState
from zato.server.config.runtime import ConfigObject
from zato.server.pubsub.figures import QueueFigures
from zato.server.pubsub.registry import INTERNAL, SUBSCRIPTION, TOPIC, Registry
from zato.server.pubsub.tidying import Tidying
from zato.server.pubsub.watch import Watch

NAME = 'Subscription zpsk.7 to /a'
NOW = 1_000_000_000


def subscription(**settings: Any) -> ConfigObject:
    given = {'topic': 3, 'endpoint': INTERNAL.id, 'sub_key': 'zpsk.7', **settings}
    made = PubSubSubscription(**given)
    return ConfigObject(id=7, kind=SUBSCRIPTION, name='zpsk.7', is_active=True, version=1, settings=made)


class World:
    """What a watch sees. queue: of the only subscription."""

    def __init__(self) -> None:
        self.now = 100.0
        self.queue = QueueFigures()
        self.is_held = True
        self.registry = Registry()
        self.registry.put(ConfigObject(id=3, kind=TOPIC, name='/a', is_active=True, version=1, settings=PubSubTopic()))
        self.registry.put(subscription())
        self.alarms = Alarms()
        self.watch = Watch(
            self.registry,
            self,  # type: ignore[arg-type]  # as much of Figures as it needs
            leases=self.leases,
            alarms=self.alarms,
            max_lag=60.0,
            clock=lambda: self.now,
        )

    def queues(self, ids: Collection[int]) -> dict[int, QueueFigures]:
        return dict.fromkeys(ids, self.queue)

    def leases(self, names: Collection[str]) -> Mapping[str, LeaseState]:
        return {name: LeaseState('w1', 1, 5.0 if self.is_held else -5.0) for name in names}

    def look(self) -> dict[str, str]:
        """Subject → what is wrong."""
        self.watch.look()
        return {alarm['subject']: alarm['what'] for alarm in self.alarms.as_list()}


@pytest.fixture
def world() -> Iterator[World]:
    logging.disable(logging.ERROR)
    yield World()
    logging.disable(logging.NOTSET)


def test_where_all_is_well_there_is_no_alarm(world: World) -> None:
    assert world.look() == {}


def test_dead_letters_are_an_alarm_until_they_are_gone(world: World) -> None:
    world.queue = QueueFigures(dead=2)
    assert world.look() == {NAME: 'it has dead letters'}
    world.queue = QueueFigures(dead=3)
    assert world.look() == {NAME: 'it has dead letters'}
    world.queue = QueueFigures()
    assert world.look() == {}


def test_messages_that_wait_too_long_are_an_alarm(world: World) -> None:
    world.queue = QueueFigures(ready=1, oldest=NOW, now=NOW + 61_000_000)
    assert world.look() == {NAME: 'messages wait for more than 60 s'}
    world.queue = QueueFigures(ready=1, oldest=NOW, now=NOW + 59_000_000)
    assert world.look() == {}


def test_a_subscription_without_an_owner_is_an_alarm_after_a_while(world: World) -> None:
    world.is_held = False
    assert world.look() == {}
    world.now += 14
    assert world.look() == {}
    world.now += 2
    assert world.look() == {NAME: 'no worker delivers it'}
    world.is_held = True
    assert world.look() == {}
    world.is_held = False
    assert world.look() == {}, 'the time begins anew'


def test_several_problems_are_one_alarm(world: World) -> None:
    world.queue = QueueFigures(dead=1, ready=1, oldest=NOW, now=NOW + 61_000_000)
    assert world.look() == {NAME: 'it has dead letters, messages wait for more than 60 s'}


@pytest.mark.parametrize('settings', [{'is_paused': True}, {'delivery_method': 'pull'}], ids=str)
def test_what_is_not_to_be_delivered_may_wait(world: World, settings: dict[str, Any]) -> None:
    world.registry.put(subscription(**settings))
    world.is_held = False
    world.queue = QueueFigures(ready=1, oldest=NOW, now=NOW + 61_000_000)
    world.look()
    world.now += 60
    assert world.look() == {}


def test_the_alarm_of_a_subscription_that_is_deleted_ends(world: World) -> None:
    world.queue = QueueFigures(dead=2)
    world.look()
    world.registry.remove(subscription(), is_gone=True)
    assert world.look() == {}


class Leases:
    """One lease that somebody may have."""

    def __init__(self) -> None:
        self.holder = ''

    def acquire(self, name: str, owner: str, ttl: float) -> Lease | None:
        self.holder = self.holder or owner
        return Lease(name, owner, 1) if self.holder == owner else None

    def release(self, lease: Lease) -> None:
        self.holder = ''


class Sweeper:
    def __init__(self) -> None:
        self.sweeps = 0

    def sweep(self) -> None:
        self.sweeps += 1


def test_one_worker_tidies_and_another_takes_over(world: World) -> None:
    leases, sweepers = Leases(), [Sweeper(), Sweeper()]
    others = World()
    first, second = (
        Tidying(leases, name, sweeper=sweeper, watch=own.watch)  # type: ignore[arg-type]  # as much of them as it needs
        for name, sweeper, own in zip(('w1', 'w2'), sweepers, (world, others), strict=True)
    )
    world.queue = others.queue = QueueFigures(dead=1)
    for _ in range(7):
        first.step()
        second.step()
    assert [sweeper.sweeps for sweeper in sweepers] == [2, 0], 'a sweep is not in each round'
    assert (len(world.alarms.as_list()), len(others.alarms.as_list())) == (1, 0)
    first.release()
    first.release()
    second.step()
    first.step()
    assert (len(world.alarms.as_list()), len(others.alarms.as_list())) == (0, 1)
