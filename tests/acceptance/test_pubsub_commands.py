"""`zato pubsub`, on a real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import alarms, invoke, refusal
from tests.support.environment import PATIENCE, ZATO, Environment, eventually, zato

SERVICES = """
from zato.common.pubsub import PubSubReject
from zato.server.service import Service

class Good(Service):
    name = 'my.good'

    def handle(self):
        self.logger.info('Got %s', self.request.raw_request.data)

class Kept(Service):
    name = 'my.kept'

    def handle(self):
        self.logger.info('Kept %s', [message.data for message in self.request.raw_request])

class Rejects(Service):
    name = 'my.rejects'

    def handle(self):
        raise PubSubReject(msg='Not this one')

class RejectsToo(Rejects):
    name = 'my.rejects.too'

class Send(Service):
    name = 'my.send'

    def handle(self):
        self.response.payload = self.pubsub.publish(self.request.payload['to'], data=self.request.payload['data'])
"""


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two workers, running. Each test has topics of its own names."""
    environment = Environment(tmp_path_factory.mktemp('pubsub') / 'qs-1', workers=2)
    try:
        environment.save('pubsub_commands.py', SERVICES)
        environment.start()
        invoke(environment, 'my.send', {'to': 'my.rejects.too', 'data': 'for an alarm that is looked for at last'})
        yield environment
    finally:
        environment.close()


def run(server: Environment, command: str, *arguments: object) -> str:
    """What the command prints."""
    done = zato('pubsub', command, server.path, *arguments)
    assert done.code == 0, done.err
    return done.out


def listed(server: Environment, command: str, *arguments: object) -> Any:
    return json.loads(run(server, command, *arguments, '--format', 'json'))


def subscription(server: Environment, topic: str) -> dict[str, Any]:
    """The only one of a topic."""
    (found,) = listed(server, 'list', '--topic', topic)
    return dict(found)


def to_service(server: Environment, service: str, data: Any) -> dict[str, Any]:
    """Publish to a service. Returns what is known of its subscription."""
    invoke(server, 'my.send', {'to': service, 'data': data})
    return subscription(server, f'/zato/s/to/{service}')


def test_topics_and_endpoints_come_and_go(server: Environment) -> None:
    made = json.loads(run(server, 'create-topic', '--name', '/made', '--limit-retention', 60))
    assert made['name'] == '/made'
    again = zato('pubsub', 'create-topic', '--path', server.path, '--name', '/made')
    assert again.code == 16
    assert json.loads(again.out)['result'] == 'Error'
    run(server, 'create-endpoint', '--name', 'made.endpoint', '--endpoint-type', 'rest', '--topic-patterns', 'pub=/*')
    assert any(item['name'] == '/made' for item in listed(server, 'get-topics'))
    assert '/made' in run(server, 'get-topics')
    run(server, 'delete-topic', '--name', '/made')
    run(server, 'delete-endpoint', '--name', 'made.endpoint')
    assert not any(item['name'] == '/made' for item in listed(server, 'get-topics'))


def test_what_is_published_waits_in_the_topic_and_can_be_looked_into_and_removed(server: Environment) -> None:
    run(server, 'create-topic', '--name', '/waits')
    first = run(server, 'publish', '/waits', 'first').strip()
    urgent = run(server, 'publish', '/waits', '{"urgent": true}', '--json', '--priority', 9).strip()
    page = listed(server, 'browse', '/waits', '--limit', 1)
    assert [message['msg_id'] for message in page['messages']] == [urgent]
    rest = listed(server, 'browse', '/waits', '--after', page['next'])
    assert [(message['msg_id'], message['data_prefix']) for message in rest['messages']] == [(first, 'first')]
    assert 'There are more: --after' in zato('pubsub', 'browse', server.path, '/waits', '--limit', 1).err
    assert '2 message(s) removed' in run(server, 'clear', '/waits')
    assert listed(server, 'browse', '/waits')['messages'] == []
    hint = f'What waits for its subscribers is in their queues: zato pubsub list {server.path} --topic /waits'
    assert hint in zato('pubsub', 'browse', server.path, '/waits').err


def test_publishing_where_nothing_can_be_is_told(server: Environment) -> None:
    done = zato('pubsub', 'publish', server.path, '/no/such/topic', 'x')
    assert done.code != 0
    assert 'There is no topic `/no/such/topic`' in done.err
    assert 'DATA is not JSON' in zato('pubsub', 'publish', server.path, '/x', '{', '--json').err


def test_tail_follows_a_topic_and_takes_nothing_away(server: Environment) -> None:
    run(server, 'create-topic', '--name', '/followed')
    run(server, 'publish', '/followed', 'before')
    command = [ZATO, 'pubsub', 'tail', str(server.path), '/followed', '--from-start', '--limit', '2', '--format', 'json']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())['data_prefix'] == 'before'
        run(server, 'publish', '/followed', 'after')
        assert json.loads(process.stdout.readline())['data_prefix'] == 'after'
        assert process.wait(PATIENCE) == 0
    assert len(listed(server, 'browse', '/followed')['messages']) == 2


def test_dead_letters_are_listed_written_requeued_and_deleted(server: Environment, tmp_path: Path) -> None:
    sub_key = to_service(server, 'my.rejects', {'number': 1})['sub_key']
    (letter,) = eventually(lambda: listed(server, 'dead', '--sub-key', sub_key)['messages'], 'a dead letter')
    assert (letter['reason'], letter['sub_key'], letter['topic_name']) == ('rejected', sub_key, '/zato/s/to/my.rejects')
    assert 'Not this one' in letter['error']
    output = tmp_path / 'dead.jsonl'
    assert '1 dead letter(s) written' in run(server, 'dead', '--sub-key', sub_key, '--output', output)
    assert json.loads(json.loads(output.read_text())['data']) == {'number': 1}

    assert '1 dead letter(s) requeued' in run(server, 'requeue', '--letter', f'{letter["sub_id"]}/{letter["seq"]}')
    eventually(lambda: listed(server, 'dead', '--sub-key', sub_key)['messages'], 'the same once more')
    run(server, 'create-topic', '--name', '/for/later')
    assert '1 dead letter(s) requeued' in run(server, 'requeue', '--sub-key', sub_key, '--to-topic', '/for/later')
    assert len(listed(server, 'browse', '/for/later')['messages']) == 1

    to_service(server, 'my.rejects', {'number': 2})
    eventually(lambda: listed(server, 'dead', '--sub-key', sub_key)['messages'], 'another dead letter')
    assert '1 dead letter(s) deleted' in run(server, 'delete-dead', '--sub-key', sub_key)


def test_which_dead_letters_must_be_said(server: Environment) -> None:
    assert 'Say which dead letters' in zato('pubsub', 'requeue', server.path).err
    assert 'must be SUB_ID/SEQ' in zato('pubsub', 'delete-dead', server.path, '--letter', '7').err
    assert 'Give --letter, or --all' in zato('pubsub', 'requeue', server.path, '--all', '--letter', '7/1').err


def test_what_is_paused_is_not_delivered_until_it_is_resumed(server: Environment) -> None:
    sub_key = to_service(server, 'my.good', {'number': 1})['sub_key']
    eventually(lambda: "Got {'number': 1}" in server.log(), 'the first message')
    assert 'is paused' in run(server, 'pause', sub_key)
    found = to_service(server, 'my.good', {'number': 2})
    assert (found['state'], found['is_paused']) == ('paused', True)
    eventually(lambda: subscription(server, '/zato/s/to/my.good')['depth'] == 1, 'a message that waits')
    run(server, 'resume', sub_key)
    eventually(lambda: "Got {'number': 2}" in server.log(), 'the second message')
    eventually(lambda: subscription(server, '/zato/s/to/my.good')['state'] == 'idle', 'a subscription that has all')
    assert subscription(server, '/zato/s/to/my.good')['server'] == 'server1'


def test_what_a_topic_kept_is_delivered_once_more(server: Environment) -> None:
    run(server, 'create-topic', '--name', '/kept', '--limit-retention', 600)
    run(server, 'create-endpoint', '--name', 'kept', '--endpoint-type', 'service', '--service', 'my.kept')
    run(
        server, 'create-subscription', '--name', 'kept', '--topic', '/kept', '--endpoint', 'kept', '--delivery-batch-size', 1
    )
    sub_key = subscription(server, '/kept')['sub_key']
    for word in ('one', 'two'):
        run(server, 'publish', '/kept', word)
    eventually(lambda: subscription(server, '/kept')['depth'] == 0, 'an empty queue')
    run(server, 'pause', sub_key)
    first, second = (message['seq'] for message in json.loads(f'[{_tail(server, "/kept", 2)}]'))
    assert first < second
    assert '1 message(s) are delivered once more' in run(server, 'reset', sub_key, '--to', second)
    assert '1 message(s) are delivered once more' in run(server, 'reset', sub_key, '--to', '2020-01-01')
    assert [message['seq'] for message in listed(server, 'browse', sub_key)['messages']] == [first, second]
    assert zato('pubsub', 'reset', server.path, sub_key, '--to', 'yesterday').code != 0
    kept = refusal(
        server, 'zato.pubsub.subscription.reset', {'sub_key': to_service(server, 'my.good', 3)['sub_key'], 'seq': 1}
    )
    assert 'its limit_retention is 0' in str(kept)


def test_a_message_is_edited_moved_and_deleted_by_hand(server: Environment) -> None:
    for name in ('/by/hand', '/other/hand'):
        run(server, 'create-topic', '--name', name)
    first, second = (run(server, 'publish', '/by/hand', word).strip() for word in ('one', 'two'))
    invoke(server, 'zato.pubsub.queue.edit-message', {'msg_id': second, 'data': 'TWO', 'priority': 9, 'expiration': 60_000})
    found = invoke(server, 'zato.pubsub.queue.get-message', {'msg_id': second, 'topic_name': '/by/hand'})
    assert (found['data'], found['priority'], found['size']) == ('TWO', 9, 3)
    assert found['expiration_time_iso']
    assert [message['msg_id'] for message in listed(server, 'browse', '/by/hand')['messages']] == [second, first]
    move = {'topic_name': '/by/hand', 'msg_ids': [second], 'to_topic': '/other/hand'}
    assert invoke(server, 'zato.pubsub.queue.move', move) == {'moved': 1}
    assert [message['data_prefix'] for message in listed(server, 'browse', '/other/hand')['messages']] == ['TWO']
    delete = {'topic_name': '/by/hand', 'msg_id': first}
    assert invoke(server, 'zato.pubsub.queue.delete-message', delete) == {'deleted': 1}
    assert listed(server, 'browse', '/by/hand')['messages'] == []
    assert 'There is no message' in str(refusal(server, 'zato.pubsub.queue.get-message', {'msg_id': first}))


def test_dead_letters_are_an_alarm_of_one_worker(server: Environment) -> None:
    title = f'Subscription {subscription(server, "/zato/s/to/my.rejects.too")["sub_key"]} to /zato/s/to/my.rejects.too'

    def found() -> list[str]:
        return [alarms_of[title] for alarms_of in alarms(server).values() if title in alarms_of]

    assert eventually(found, 'the alarm') == ['it has dead letters']


def _tail(server: Environment, topic: str, number: int) -> str:
    out = run(server, 'tail', topic, '--from-start', '--limit', number, '--format', 'json')
    return ','.join(out.strip().splitlines())
