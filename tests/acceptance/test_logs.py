"""Logs of servers, and what servers say of themselves, over the admin API."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.admin import invoke, pids, refusal, stop_workers
from tests.support.environment import Environment, eventually, service_file
from zato.cli.component import client_of
from zato.client.admin import ServerError

READ, LIST, INFO = 'zato.log.read', 'zato.log.get-list', 'zato.server.get-info'

NOISY = """
import logging
from zato.server.service import Service

logger = logging.getLogger(__name__)

class Noisy(Service):
    name = 'my.noisy'

    def handle(self):
        self.logger.info('Number %s %s', self.request.payload['number'], 'x' * 2_000)
        logger.warning('From the module')
        self.invoke('my.quiet')

class Quiet(Service):
    name = 'my.quiet'

    def handle(self):
        self.logger.info('My request is %s', self.request.input)
"""


@pytest.fixture(scope='module')
def noisy(running: Environment) -> Environment:
    assert running.deploy('noisy.py', NOISY).code == 0
    return running


@pytest.fixture(scope='module')
def two_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    created = Environment(tmp_path_factory.mktemp('two') / 'qs-2', servers=2)
    try:
        created.start()
        yield created
    finally:
        created.close()


def call(environment: Environment, number: int = 0, *, server: int = 0) -> str:
    """A call of NOISY. Returns its cid."""
    answer = environment.invoke('my.noisy', {'number': number}, server=server)
    assert answer.status == 200, answer.body
    return answer.headers['x-zato-cid']


def read(environment: Environment, *, server: int = 0, **request: Any) -> list[dict[str, Any]]:
    return list(invoke(environment, READ, request, server=server)['records'])


def test_a_call_is_found_by_its_cid_in_all_logs(noisy: Environment) -> None:
    call(noisy)
    cid = call(noisy)
    records = read(noisy, cid=cid)
    assert [(record['logger'], record['level'], record['text'][:12]) for record in records] == [
        ('my.noisy', 'INFO', 'Number 0 xxx'),
        ('noisy', 'WARNING', 'From the mod'),
        ('my.quiet', 'INFO', 'My request i'),
    ]
    assert {record['cid'] for record in records} == {cid}
    assert {record['process'] for record in records} == pids(noisy)
    lines = eventually(lambda: read(noisy, file='http_access.log', cid=cid), 'the line of the access log')
    assert len(lines) == 1
    assert '"POST /zato/api/invoke/my.noisy HTTP/1.1" 200' in lines[0]['text']


def test_records_are_chosen_by_level_service_and_text(noisy: Environment) -> None:
    call(noisy, 77)
    assert read(noisy, level='WARNING', service='my.noisy', limit=1)[0]['text'] == 'From the module'
    assert read(noisy, query='NUMBER 77')[0]['logger'] == 'my.noisy'
    assert read(noisy, service='my.quiet', limit=1)[0]['text'] == 'My request is {}'
    assert read(noisy, level='CRITICAL') == []


def test_only_log_files_can_be_read(noisy: Environment) -> None:
    names = [file['name'] for file in invoke(noisy, LIST)]
    assert {'http_access.log', 'ibm-mq.log', 'output.log', 'server.log'} <= set(names)
    for name in ('../config/repo/secrets.conf', '/etc/passwd', '..', 'no.log'):
        assert refusal(noisy, READ, {'file': name}) == (404, f'There is no log file `{name}` on this server')
    assert refusal(noisy, READ, {'after': 'x'}).status == 400


@pytest.mark.parametrize('service', [READ, LIST])
def test_logs_are_not_for_viewers_who_see_what_the_server_does(noisy: Environment, service: str) -> None:
    client = client_of(noisy.server)
    viewer = replace(client, user='bob', role='viewer')
    with pytest.raises(ServerError, match='User `bob` has role viewer'):
        viewer.invoke(service, {})
    assert replace(client, user='bob', role='operator').invoke(service, {})
    assert viewer.invoke(INFO)['server'] == 'server1'


def test_a_tail_has_each_record_once_while_several_processes_log_and_rotate(environment: Environment) -> None:
    conf = environment.server.logging_conf
    text = conf.read_text().replace('max_bytes: 1000000000\n    backup_count: 2', 'max_bytes: 20000\n    backup_count: 90')
    conf.write_text(text)
    server_conf = environment.server.server_conf
    server_conf.write_text(re.sub('gunicorn_workers=1', 'gunicorn_workers=2', server_conf.read_text()))
    environment.start()
    assert environment.deploy('noisy.py', NOISY).code == 0
    seen: list[str] = []
    last = invoke(environment, READ, {})['last']

    def tail() -> None:
        nonlocal last
        answer = invoke(environment, READ, {'after': last, 'limit': 7})
        assert not answer['was_reset']
        last = answer['last']
        seen.extend(record['text'].split()[1] for record in answer['records'] if record['text'].startswith('Number'))

    sent = 0

    def send() -> bool:
        nonlocal sent
        for _ in range(10):
            call(environment, sent)
            sent += 1
        tail()
        return (environment.server.logs / 'server.log.3').exists()

    eventually(send, 'three rotations')
    eventually(lambda: tail() or len(seen) >= sent, 'all that was logged')
    assert Counter(seen) == Counter(str(number) for number in range(sent))


def test_each_server_has_its_own_log_and_says_which_it_is(two_servers: Environment) -> None:
    assert two_servers.deploy('noisy.py', NOISY).code == 0
    cid = eventually(lambda: _called(two_servers, server=1), 'the deployment')
    assert len(read(two_servers, server=1, cid=cid)) == 3
    assert read(two_servers, server=0, cid=cid) == []
    infos = [invoke(two_servers, INFO, server=server) for server in (0, 1)]
    assert [info['server'] for info in infos] == ['server1', 'server2']
    assert [{worker['pid'] for worker in info['workers']} for info in infos] == [
        pids(two_servers, server=server) for server in (0, 1)
    ]
    assert infos[0]['cluster'] == infos[1]['cluster']


def _called(environment: Environment, *, server: int) -> str:
    answer = environment.invoke('my.noisy', {'number': 0}, server=server)
    return answer.headers['x-zato-cid'] if answer.status == 200 else ''


def test_a_server_says_what_it_does_though_a_worker_hangs_and_the_odb_is_away(two_workers: Environment) -> None:
    assert two_workers.deploy('my.py', service_file(1)).code == 0
    info = invoke(two_workers, INFO, {'with_modules': True})
    first, second = info['workers']
    assert {first['pid'], second['pid']} == pids(two_workers)
    assert info['pid'] == two_workers.arbiter
    assert info['address'].endswith(f':{two_workers.port}')
    assert first['applied_event'] == second['applied_event'] == info['last_event']
    assert 'my' in [module['module'] for module in first['modules']]
    assert first['server'] == 'server1'
    assert 1_000_000 < first['memory'] <= first['max_memory']
    assert (first['running'], second['running'], info['odb_error']) == ([], [], '')

    stopped = first['pid']
    stop_workers(two_workers, {stopped})
    try:
        odb = two_workers.path / 'zato.db'
        odb.rename(two_workers.path / 'away.db')
        info = invoke(two_workers, INFO)
    finally:
        os.kill(stopped, signal.SIGCONT)
    by_pid = {worker['pid']: worker for worker in info['workers']}
    assert 'timed out' in by_pid[stopped]['error']
    assert by_pid[second['pid']]['is_ready']
    assert info['last_event'] is None
    assert 'the file is missing' in info['odb_error']
