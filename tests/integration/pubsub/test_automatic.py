"""What appears by itself as a service is published to or a client subscribes, also where two workers make it at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gevent
import pytest

from tests.support.odb import KEY, OpenODB
from tests.support.runtimes import runtimes_of
from zato.common.alarm import Alarms
from zato.common.crypto import Cipher
from zato.common.exception import BadRequest, ServiceUnavailable
from zato.common.odb.address import ODBAddress
from zato.server.config.objects import ConfigObjects
from zato.server.config.runtime import ConfigObject
from zato.server.propagate.change import Change, parse_change
from zato.server.propagate.follower import Follower
from zato.server.propagate.ledger import Actor
from zato.server.pubsub import automatic
from zato.server.pubsub.automatic import ensure_service_subscription, subscribe
from zato.server.pubsub.registry import ENDPOINT, SUBSCRIPTION, TOPIC, Registry


class Worker:
    """One of those over an ODB, without the others' sockets: `apply` is that of a Configuration that waits for none."""

    def __init__(self, address: ODBAddress) -> None:
        self.opened = OpenODB(address)
        self.registry = Registry()
        self.objects = ConfigObjects({}, Cipher(KEY).decrypt, Alarms())
        self.objects.use(runtimes_of([TOPIC, ENDPOINT, SUBSCRIPTION], [self.registry, self.objects]))
        self.follower = Follower(self.opened.odb, self.objects, dict, lambda: None, Alarms())
        self.follower.load()
        self.applied = 0

    def apply(self, changes: Sequence[Change], actor: Actor, *, is_system: bool = False) -> None:
        self.applied += 1
        self.opened.apply(*changes, actor=actor, is_system=is_system)
        self.follower.catch_up()

    def give(self, *raw: dict[str, Any]) -> None:
        """Something that users do."""
        self.opened.apply(*map(parse_change, raw))
        self.follower.catch_up()

    def ensure(self, name: str = 'my.service') -> ConfigObject:
        return ensure_service_subscription(self, self.registry, self.service(name))  # type: ignore[arg-type]

    def subscribe(self, topic: str, endpoint: str, **settings: Any) -> ConfigObject:
        found, by = self.registry.topic(topic), self.registry.endpoint_by_name(endpoint)
        assert found is not None
        assert by is not None
        return subscribe(self, self.registry, found, by, **settings)  # type: ignore[arg-type]

    def service(self, name: str) -> ConfigObject:
        stored = self.objects.find_stored('service', name)
        assert stored is not None
        found = self.objects.get(stored.id)
        assert found is not None
        return found

    def only_subscription(self, topic: ConfigObject) -> ConfigObject:
        [found] = self.registry.subscriptions_of(topic.id)
        return found

    def counts(self) -> list[int]:
        """Of topics, endpoints and subscriptions."""
        kinds = [item.kind for item in self.objects.stored.values()]
        return [kinds.count(kind) for kind in (TOPIC, ENDPOINT, SUBSCRIPTION)]

    def close(self) -> None:
        self.follower.stop()
        self.opened.close()


@pytest.fixture
def workers(odb_address: ODBAddress) -> Iterator[list[Worker]]:
    made = [Worker(odb_address) for _ in range(2)]
    services = [
        {'action': 'create', 'kind': 'service', 'name': name, 'impl_name': 'my.MyService'}
        for name in ('my.service', 'my-service', 'my_service')
    ]
    made[0].opened.apply(*map(parse_change, services), is_system=True)
    for worker in made:
        worker.follower.catch_up()
    yield made
    for worker in made:
        worker.close()


@pytest.fixture
def worker(workers: list[Worker]) -> Worker:
    return workers[0]


def create(kind: str, name: str, **settings: Any) -> dict[str, Any]:
    return {'action': 'create', 'kind': kind, 'name': name, **settings}


def test_a_service_that_is_published_to_has_a_topic_an_endpoint_and_a_subscription(worker: Worker) -> None:
    topic = worker.ensure()
    assert topic.name == '/zato/s/to/my.service'
    assert topic.settings.target_service == worker.service('my.service').id
    found = worker.only_subscription(topic)
    assert found.name == found.settings.sub_key
    assert found.name.startswith('zpsk.srv.')
    assert (found.settings.delivery_max_retry, found.settings.delivery_batch_size) == (0, 1)
    assert (found.settings.wrap_one_msg_in_list, found.settings.delivery_method) == (False, 'notify')
    endpoint = worker.registry.endpoint(found.settings.endpoint)
    assert endpoint is not None
    assert endpoint.name == 'zato.pubsub.service.my.service'
    assert all(item.settings.is_internal for item in (topic, found, endpoint))


def test_services_whose_names_differ_in_punctuation_alone_do_not_share_a_topic(worker: Worker) -> None:
    topics = {worker.ensure(name).id for name in ('my.service', 'my-service', 'my_service')}
    assert len(topics) == 3
    assert worker.counts() == [3, 3, 3]


def test_what_is_there_is_not_made_again(workers: list[Worker]) -> None:
    first = workers[0].ensure()
    assert workers[0].ensure() == first
    assert workers[0].applied == 1
    workers[1].follower.catch_up()
    assert workers[1].ensure() == first
    assert workers[1].applied == 0


def test_a_worker_that_does_not_know_yet_what_another_one_made_finds_it(workers: list[Worker]) -> None:
    first = workers[0].ensure()
    workers[1].follower.start()
    assert workers[1].ensure() == first
    assert workers[1].counts() == [1, 1, 1]


def test_two_workers_at_once_make_it_once(workers: list[Worker]) -> None:
    for worker in workers:
        worker.follower.start()
    running = [
        gevent.spawn(worker.ensure, name) for name in ('my.service', 'my-service') for worker in workers for _ in 'ab'
    ]
    topics = [one.get(timeout=60) for one in running]
    assert {topic.name for topic in topics} == {'/zato/s/to/my.service', '/zato/s/to/my-service'}
    assert workers[0].counts() == [2, 2, 2]


def test_only_what_is_missing_is_made(worker: Worker) -> None:
    topic = worker.ensure()
    before = worker.only_subscription(topic)
    worker.give({'action': 'delete', 'kind': SUBSCRIPTION, 'id': before.id})
    assert worker.ensure() == topic
    assert worker.only_subscription(topic).id != before.id
    assert worker.counts() == [1, 1, 1]


def test_an_endpoint_that_a_user_made_for_the_service_is_the_one_that_subscribes(worker: Worker) -> None:
    worker.give(create(ENDPOINT, 'mine', endpoint_type='service', service='my.service'))
    topic = worker.ensure()
    endpoint = worker.registry.endpoint(worker.only_subscription(topic).settings.endpoint)
    assert endpoint is not None
    assert endpoint.name == 'mine'
    assert worker.counts() == [1, 1, 1]


def test_a_service_that_may_only_publish_is_not_subscribed(worker: Worker) -> None:
    worker.give(create(ENDPOINT, 'mine', endpoint_type='service', service='my.service', role='pub-only'))
    with pytest.raises(BadRequest, match='the role of `mine` is pub-only'):
        worker.ensure()
    assert worker.counts() == [0, 1, 0]


@pytest.mark.parametrize(
    ('kind', 'settings'),
    [
        (TOPIC, {'max_depth_gd': '$NOWHERE'}),
        (ENDPOINT, {'topic_patterns': '$NO'}),
        (SUBSCRIPTION, {'delivery_timeout': '$NO'}),
    ],
    ids=['topic', 'endpoint', 'subscription'],
)
def test_what_cannot_be_used_as_it_is_configured_is_not_made_again(
    worker: Worker, kind: str, settings: dict[str, Any]
) -> None:
    worker.ensure()
    [broken] = [item for item in worker.objects.stored.values() if item.kind == kind]
    worker.give({'action': 'edit', 'kind': kind, 'id': broken.id, **settings})
    with pytest.raises(ServiceUnavailable, match='cannot be used as it is configured now') as raised:
        worker.ensure()
    assert raised.value.retryable
    assert worker.counts() == [1, 1, 1]
    assert worker.applied == 1


def test_a_worker_that_never_gets_to_know_what_was_made_says_so(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, '_PATIENCE', 0.001)
    monkeypatch.setattr(worker.follower, 'catch_up', lambda: None)
    with pytest.raises(ServiceUnavailable, match=r'Topic /zato/s/to/my\.service is not there in this worker'):
        worker.ensure()


def test_a_client_subscribes_once(workers: list[Worker]) -> None:
    worker = workers[0]
    worker.give(create(TOPIC, '/a'), create(ENDPOINT, 'e', topic_patterns='sub=/*'))
    first = worker.subscribe('/a', 'e', delivery_method='pull')
    assert first.settings.sub_key.startswith('zpsk.rest.')
    assert first.settings.delivery_method == 'pull'
    assert not first.settings.is_internal
    assert worker.subscribe('/a', 'e', delivery_method='pull') == first
    workers[1].follower.catch_up()
    assert workers[1].subscribe('/a', 'e', delivery_method='pull') == first


def test_a_client_that_subscribes_through_two_workers_at_once_has_one_subscription(workers: list[Worker]) -> None:
    workers[0].give(create(TOPIC, '/a'), create(ENDPOINT, 'e', topic_patterns='sub=/*'))
    workers[1].follower.catch_up()
    for worker in workers:
        worker.follower.start()
    running = [gevent.spawn(worker.subscribe, '/a', 'e', delivery_method='pull') for worker in workers for _ in range(3)]
    assert len({one.get(timeout=60).id for one in running}) == 1
    assert workers[0].counts() == [1, 1, 1]


def test_settings_of_a_new_subscription_must_fit(worker: Worker) -> None:
    worker.give(create(TOPIC, '/a'), create(ENDPOINT, 'e', topic_patterns='sub=/b'))
    with pytest.raises(BadRequest, match='none of its patterns is for `/a`'):
        worker.subscribe('/a', 'e', delivery_method='pull')
