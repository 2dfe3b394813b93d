"""Services that publish messages to services."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.chaos.pubsub_cluster import Cluster, cluster
from tests.support.admin import invoke
from tests.support.environment import Environment, eventually

TARGET = 'chaos.target'

ARTICLE = """
from zato.server.service import Service

# For code completion
if 0:
    from zato.common.pubsub import PubSubMessage
    PubSubMessage = PubSubMessage # For flake8

class MySource(Service):
    name = 'my.source'

    def handle(self):
        self.pubsub.publish('my.target', data={'abc':'Hello World'})

class MyTarget(Service):
    name = 'my.target'

    def handle(self):

        # Our message read from a topic ..
        msg = self.request.raw_request # type: PubSubMessage

        # .. let's log its contents now.
        self.logger.info('My message is %s', msg.data)
"""

MIXED = """
from zato.server.service import Service

class Start(Service):
    name = 'mixed.start'

    def handle(self):
        self.patterns.parallel.invoke({'mixed.part-1': {'n': 1}, 'mixed.part-2': {'n': 2}}, 'mixed.callback')

class Part1(Service):
    name = 'mixed.part-1'

    def handle(self):
        self.pubsub.publish('mixed.target', data={'part': self.name, 'n': self.request.input.n})

class Part2(Part1):
    name = 'mixed.part-2'

class Callback(Service):
    name = 'mixed.callback'

    def handle(self):
        self.logger.info('Part %s is done: %s', self.request.input.target, self.request.input.ok)

class Target(Service):
    name = 'mixed.target'

    def handle(self):
        found = self.invoke('mixed.double', {'n': self.request.raw_request.data['n']})
        self.logger.info('%s became %s', self.request.raw_request.data['part'], found['n'])

class Double(Service):
    name = 'mixed.double'

    def handle(self):
        self.response.payload = {'n': self.request.payload['n'] * 2}
"""

FRAGILE = """
from zato.server.service import Service

class Fragile(Service):
    name = 'my.fragile'

    def handle(self):
        {action}
"""


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, shared by the tests of this module."""
    with cluster(tmp_path_factory.mktemp('shared')) as running:
        yield running


@pytest.fixture
def environment(made: Cluster) -> Environment:
    return made.environment


def test_the_service_of_the_article_gets_the_message_of_the_other(environment: Environment) -> None:
    assert environment.deploy('article.py', ARTICLE).code == 0
    assert environment.invoke('my.source', {}).status == 200
    eventually(lambda: environment.log_has(r"INFO - .*My message is \{'abc': 'Hello World'\}\n"), 'the message')


def test_what_fails_three_times_is_delivered_again_after_growing_pauses(made: Cluster) -> None:
    msg_id = made.publish(TARGET, fail=3)
    eventually(lambda: made.lines(service=TARGET), 'the delivery that succeeds')
    made.wait_until_empty()
    lines = made.lines('begin', service=TARGET)
    assert [(line.msg_id, line.attempts) for line in lines] == [(msg_id, attempts) for attempts in range(4)]
    pauses = [after.at - before.at for before, after in pairwise(lines)]
    assert 0.5 < pauses[0] < pauses[1] < pauses[2]
    made.check()


def test_parallel_calls_whose_targets_publish_to_a_service_that_invokes_another(environment: Environment) -> None:
    assert environment.deploy('mixed.py', MIXED).code == 0
    assert environment.invoke('mixed.start', {}).status == 200
    for expected in ('Part mixed.part-1 is done: True', 'mixed.part-1 became 2', 'mixed.part-2 became 4'):
        eventually(lambda expected=expected: environment.log_has(expected), expected)


def test_a_target_that_is_active_again_is_tried_at_once(made: Cluster) -> None:
    name = 'chaos.target.1'
    made.publish(name, n=0)
    eventually(lambda: made.lines(service=name), 'the first delivery')
    id = next(item['id'] for item in invoke(made.environment, 'zato.service.get-list') if item['name'] == name)
    invoke(made.environment, 'zato.service.edit', {'id': id, 'is_active': False})
    made.publish(name, n=1)
    due = _time_of_attempt(made, 5)
    invoke(made.environment, 'zato.service.edit', {'id': id, 'is_active': True})
    eventually(lambda: [line for line in made.lines(service=name) if line.number == 1], 'the delivery')
    assert time.time() < due, 'it was not tried before it was due'
    made.wait_until_empty()


def test_a_target_that_is_deployed_is_tried_at_once(made: Cluster, tmp_path: Path) -> None:
    environment = made.environment
    assert environment.deploy('fragile.py', FRAGILE.format(action="raise ValueError('not ready')")).code == 0
    made.publish('my.fragile')
    due = _time_of_attempt(made, 5)
    assert environment.deploy('fragile.py', FRAGILE.format(action="self.logger.info('It is ready')")).code == 0
    eventually(lambda: environment.log_has('It is ready'), 'the delivery')
    assert time.time() < due, 'it was not tried before it was due'
    made.wait_until_empty()


def _time_of_attempt(made: Cluster, number: int) -> float:
    """When the only message that waits is tried for that time, seconds since 1970. It has failed each time before."""
    sql = 'SELECT not_before FROM ps_queue WHERE attempts = :attempts'
    ((found,),) = eventually(lambda: made.rows(sql, attempts=number - 1), f'attempt {number - 1}')
    return float(found) / 1e6
