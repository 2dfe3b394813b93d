"""What hooks and services do with messages in a server of two workers."""

from __future__ import annotations

import re

from tests.support.admin import create, invoke
from tests.support.environment import Environment, eventually

SERVICES = """
from zato.server.service import PubSubHook, Service

class Hook(PubSubHook):
    name = 'my.hook'

    def before_publish(self):
        message = self.request.input.ctx.msg
        if message.data == 'no':
            self.response.payload.hook_action = 'skip'
        message.user_ctx = {'from': 'hook'}

    def before_delivery(self):
        ctx = self.request.input.ctx
        self.logger.info('Before delivery of %s', ctx.msg.data)
        if ctx.msg.data == 'old':
            self.response.payload.hook_action = 'delete'

    def on_subscribed(self):
        ctx = self.request.input.ctx
        self.logger.info('Subscribed: %s to %s', ctx.sub.sub_key, ctx.topic.name)

    def on_unsubscribed(self):
        ctx = self.request.input.ctx
        self.logger.info('Unsubscribed: %s to %s', ctx.sub.sub_key, ctx.topic.name)
        raise ValueError('which harms nothing')

class Target(Service):
    name = 'my.target'

    def handle(self):
        msg = self.request.raw_request
        self.logger.info('Got %s %s', msg.data, msg.user_ctx)

class Run(Service):
    name = 'my.run'

    def handle(self):
        given = self.request.payload
        self.response.payload = {'result': getattr(self.pubsub, given['method'])(*given['args'], **given.get('options', {}))}
"""


def prepared(environment: Environment) -> None:
    assert environment.deploy('my_services.py', SERVICES).code == 0
    create(environment, 'zato.pubsub.topic', '/a', hook_service='my.hook')
    create(environment, 'zato.pubsub.endpoint', 'targets', endpoint_type='service', service='my.target')
    create(environment, 'zato.pubsub.endpoint', 'clients', endpoint_type='service', service='my.run')


def run(environment: Environment, method: str, *args: object, **options: object) -> object:
    return invoke(environment, 'my.run', {'method': method, 'args': args, 'options': options})['result']


def lines(environment: Environment, pattern: str) -> list[str]:
    return re.findall(pattern, environment.log())


def test_one_worker_tells_the_hook_who_has_subscribed_and_who_no_longer_has(two_workers: Environment) -> None:
    prepared(two_workers)
    keys = [run(two_workers, 'subscribe', '/a', name) for name in ('targets', 'clients')]
    for key in keys:
        eventually(lambda key=key: lines(two_workers, f'Subscribed: {key} to /a'), 'the hook is told')
    run(two_workers, 'unsubscribe', keys[0])
    eventually(lambda: two_workers.log_has('ValueError: which harms nothing'), 'the hook is told')
    two_workers.stop()
    two_workers.start()
    assert [len(lines(two_workers, f'- Subscribed: {key} ')) for key in keys] == [1, 1]
    assert [len(lines(two_workers, f'- Unsubscribed: {key} ')) for key in keys] == [1, 0]


def test_a_hook_skips_changes_and_deletes_messages_also_those_in_memory_only(two_workers: Environment) -> None:
    prepared(two_workers)
    run(two_workers, 'subscribe', '/a', 'targets', delivery_batch_size=1, wrap_one_msg_in_list=False)
    for options in ({}, {'has_gd': False}):
        assert run(two_workers, 'publish', '/a', 'no', **options) is None
        run(two_workers, 'publish_many', '/a', ['old', 'new'], **options)
    eventually(lambda: len(lines(two_workers, r"- Got new \{'from': 'hook'\}")) == 2, 'messages arrive')
    assert len(lines(two_workers, 'Before delivery of')) == 4
    assert not two_workers.log_has('Got (no|old)')
