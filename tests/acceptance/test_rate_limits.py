"""Rate limits in running servers: exact ones of a cluster, whatever happens to it, and those of each kind of object."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.admin import alarms, create, invoke, pids, refusal
from tests.support.environment import Answer, Environment, eventually, service_file, zato
from zato.cli.odb import address_of_server
from zato.common.odb.database import Database

CHANNEL, AUTH, JWT, GROUP = 'zato.channel-rest', 'zato.security.basic-auth', 'zato.security.jwt', 'zato.groups'
RATE = 100
CLIENTS = 8
EXACT = {'is_rate_limit_active': True, 'rate_limit_type': 'EXACT'}
LIMITED = {'is_rate_limit_active': True}


@pytest.fixture
def cluster(odb_engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environment]:
    """Two servers with two workers each, running, with version 1 of a service at /my, 100 times a day."""
    odb = None if odb_engine == 'sqlite' else request.getfixturevalue('empty_odb_address')
    created = Environment(tmp_path / 'qs-1', servers=2, workers=2, odb=odb)
    try:
        created.start()
        assert created.deploy('my.py', service_file(1)).code == 0
        create(created, CHANNEL, 'my', url_path='/my', service='my.service', rate_limit_def=f'*={RATE}/d', **EXACT)
        yield created
    finally:
        created.close()


@pytest.fixture(scope='module')
def served(running: Environment) -> Environment:
    """With a service at /my."""
    assert running.deploy('my.py', service_file(1)).code == 0
    return running


class Clients:
    """`with Clients(cluster)` asks both servers all the time until the block ends. answers: by status."""

    def __init__(self, cluster: Environment, path: str = '/my') -> None:
        self.answers: Counter[int] = Counter()
        self.failed = 0
        self._cluster = cluster
        self._path = path
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number % 2,)) for number in range(CLIENTS)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_refusals(self, number: int = 50) -> None:
        eventually(lambda: self.answers[429] >= number, f'{number} refusals')

    def _run(self, server: int) -> None:
        while not self._stop.is_set():
            try:
                self.answers[self._cluster.request('GET', self._path, server=server).status] += 1
            except OSError:
                self.failed += 1


def ask(environment: Environment, path: str, number: int = 1, **options: Any) -> list[int]:
    return [environment.request('POST', path, b'{}', **options).status for _ in range(number)]


def test_workers_of_two_servers_let_in_exactly_what_the_rate_says(cluster: Environment) -> None:
    with Clients(cluster) as clients:
        clients.wait_for_refusals()
    assert set(clients.answers) == {200, 429}
    assert clients.answers[200] == RATE
    for server in (0, 1):
        answer = cluster.request('GET', '/my', server=server)
        assert answer.status == 429
        assert answer.json == {
            'result': 'Error',
            'cid': answer.headers['x-zato-cid'],
            'details': 'Error 429 Too Many Requests',
        }
        assert 0 < int(answer.headers['retry-after']) <= 86_400

    invoke(cluster, f'{CHANNEL}.edit', {'name': 'my', 'rate_limit_def': f'*={RATE + 7}/d'}, server=1)
    with Clients(cluster) as clients:
        clients.wait_for_refusals()
    assert clients.answers[200] == 7, 'a count goes on where the rate changes'
    assert zato('restart', cluster.path).code == 0
    assert [cluster.request('GET', '/my', server=server).status for server in (0, 1)] == [429, 429]


def test_a_worker_that_is_killed_in_the_middle_does_not_let_others_let_in_more(cluster: Environment) -> None:
    killed = pids(cluster).pop()
    with Clients(cluster) as clients:
        eventually(lambda: clients.answers[200] >= 10, 'some that are let in')
        os.kill(killed, signal.SIGKILL)
        clients.wait_for_refusals()
        eventually(lambda: len(found := pids(cluster)) == 2 and killed not in found, 'its successor')
        clients.wait_for_refusals(clients.answers[429] + 50)
    assert set(clients.answers) == {200, 429}
    assert RATE - CLIENTS <= clients.answers[200] <= RATE, 'each client may have lost an answer'


def test_while_the_odb_is_locked_nobody_waits_for_it_and_workers_count_for_themselves(cluster: Environment) -> None:
    with Clients(cluster) as clients:
        with locked(cluster):
            eventually(lambda: alarms_of(cluster) == ['Exact rate limits'] * 4, 'the alarms of all workers')
            clients.wait_for_refusals()
        eventually(lambda: alarms_of(cluster) == [], 'the end of the alarms')
        clients.wait_for_refusals(clients.answers[429] + 50)
    assert set(clients.answers) == {200, 429}
    assert RATE <= clients.answers[200] <= 4 * RATE
    with Clients(cluster) as clients:
        clients.wait_for_refusals()
    assert set(clients.answers) == {429}, 'what they have counted meanwhile counts now'


@contextmanager
def locked(cluster: Environment) -> Iterator[None]:
    """Nobody writes to the ODB, or to what limits are counted in, until the block ends."""
    address = address_of_server(cluster.server)
    if address.is_sqlite:
        with Path(f'{address.db_name}.lock').open('ab') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    else:
        database = Database(address)
        with database.write() as connection:
            connection.execute(text('LOCK TABLE rate_limit'))
            yield
        database.close()


def alarms_of(cluster: Environment) -> list[str]:
    """Subjects, without those that are there for the same reason."""
    found = [subject for server in (0, 1) for one in alarms(cluster, server=server).values() for subject in one]
    return [subject for subject in found if subject != 'ODB']


def test_limits_of_a_channel_are_there_with_the_answer_and_change_with_it(served: Environment) -> None:
    create(served, CHANNEL, 'limits', url_path='/limits', service='my.service', rate_limit_def='*=2/d', **LIMITED)
    assert ask(served, '/limits', 4) == [200, 200, 429, 429]
    invoke(served, f'{CHANNEL}.edit', {'name': 'limits', 'rate_limit_def': '10.0.0.0/8=2/d'})
    assert ask(served, '/limits', 1) == [403]
    invoke(served, f'{CHANNEL}.edit', {'name': 'limits', 'rate_limit_check_parent_def': True})
    assert ask(served, '/limits', 3) == [200] * 3
    invoke(served, f'{CHANNEL}.edit', {'name': 'limits', 'rate_limit_def': '127.0.0.1=*\n*=0/m'})
    assert ask(served, '/limits', 3) == [200] * 3
    invoke(served, f'{CHANNEL}.edit', {'name': 'limits', 'rate_limit_def': '*=0/m', 'is_rate_limit_active': False})
    assert ask(served, '/limits', 3) == [200] * 3
    invoke(served, f'{CHANNEL}.delete', {'name': 'limits'})


def test_rules_that_are_wrong_do_not_get_in(served: Environment) -> None:
    wrong = {'name': 'wrong', 'url_path': '/wrong', 'service': 'my.service', **LIMITED}
    refused = refusal(served, f'{CHANNEL}.create', {**wrong, 'rate_limit_def': '*=5/m\n10.0.0.0/8=many/m'})
    assert refused.status == 400
    assert '`rate_limit_def` line 2 must be `<from>=<rate>/<unit>`' in refused.text
    refused = refusal(served, f'{CHANNEL}.create', wrong)
    assert refused.status == 400
    assert '`rate_limit_def` must have a rule' in refused.text
    refused = refusal(served, f'{CHANNEL}.create', {**wrong, 'rate_limit_def': '*=5/m', 'rate_limit_type': 'MOSTLY'})
    assert (refused.status, 'APPROXIMATE' in refused.text) == (400, True)


def test_rules_from_a_variable_that_is_wrong_down_their_object_alone(environment: Environment) -> None:
    environment.start(env={'GOOD_RULES': '*=1/d', 'BAD_RULES': '*=much'})
    assert environment.deploy('my.py', service_file(1)).code == 0
    for name, rules in (('good', '$GOOD_RULES'), ('bad', '$BAD_RULES')):
        given = {'name': name, 'url_path': f'/{name}', 'service': 'my.service', 'rate_limit_def': rules, **LIMITED}
        invoke(environment, f'{CHANNEL}.create', given)
    assert ask(environment, '/good', 2) == [200, 429]
    assert ask(environment, '/bad', 2) == [503, 503]
    [found] = alarms(environment).values()
    assert 'from environment variable BAD_RULES, line 1 must be' in found['REST channel `bad`']


def test_limits_of_a_definition_count_whatever_it_lets_in_by(served: Environment) -> None:
    user = {'username': 'joe', 'password': 'secret', 'rate_limit_def': '*=3/d', **LIMITED}
    create(served, AUTH, 'joe', **user)
    create(served, GROUP, 'people', members=['joe'])
    create(served, CHANNEL, 'own', url_path='/own', service='my.service', security='joe')
    create(served, CHANNEL, 'grouped', url_path='/grouped', service='my.service', security_groups=['people'])
    joe = {'user': 'joe', 'password': 'secret'}
    assert ask(served, '/own', 2) == [401, 401]
    assert ask(served, '/own', 2, **joe) == [200, 200]
    assert ask(served, '/grouped', 2, **joe) == [200, 429]
    assert ask(served, '/own', 1, **joe) == [429]


def test_limits_of_a_jwt_definition_count_log_ins_too(served: Environment) -> None:
    create(served, JWT, 'ann', username='ann', password='secret', rate_limit_def='*=3/d', **LIMITED)
    create(served, CHANNEL, 'tokens', url_path='/tokens', service='my.service', security='ann')

    def log_in(password: str) -> Answer:
        body = json.dumps({'username': 'ann', 'password': password}).encode()
        return served.request('POST', '/zato/jwt/log-in', body)

    assert log_in('wrong').status == 401
    token = log_in('secret').headers['authorization']
    assert ask(served, '/tokens', 2, headers={'Authorization': f'Bearer {token}'}) == [200, 429]
    assert log_in('secret').status == 429


def test_limits_of_a_service_count_each_invocation_through_any_channel(served: Environment) -> None:
    caller = (
        'from zato.server.service import Service\n'
        'class Caller(Service):\n'
        "    name = 'my.caller'\n"
        '    def handle(self):\n'
        "        self.response.payload = self.invoke('my.limited')\n"
    )
    assert served.deploy('limited.py', service_file(1, name='my.limited')).code == 0
    assert served.deploy('caller.py', caller).code == 0
    invoke(served, 'zato.service.edit', {'name': 'my.limited', 'rate_limit_def': '*=2/d', **LIMITED})
    create(served, CHANNEL, 'service', url_path='/service', service='my.limited')
    assert ask(served, '/service') == [200]
    assert served.invoke('my.limited').status == 200
    assert served.invoke('my.limited').status == 429
    assert ask(served, '/service') == [429]
    assert served.invoke('my.caller').status == 200
    assert zato('service', 'invoke', served.server.path, 'my.limited').code == 0, 'administrators are not limited'


def test_administrators_cannot_lock_themselves_out(served: Environment) -> None:
    for name in ('zato.service.invoke', 'zato.service.edit'):
        invoke(served, 'zato.service.edit', {'name': name, 'rate_limit_def': '*=0/d', **LIMITED})
    for name in ('zato.service.invoke', 'zato.service.edit'):
        invoke(served, 'zato.service.edit', {'name': name, 'is_rate_limit_active': False})


def test_proxies_that_are_trusted_say_whom_a_request_is_from(environment: Environment) -> None:
    conf = environment.server.server_conf
    changed = re.sub('(?m)^trusted_proxies=.*$', 'trusted_proxies=127.0.0.1, 10.0.0.0/8', conf.read_text())
    conf.write_text(changed)
    environment.start()
    address = "import os\nfrom zato.server.service import Service\nclass A(Service):\n    name = 'my.address'\n"
    address += '    def handle(self):\n        self.response.payload = self.request.http.remote_addr\n'
    assert environment.deploy('my.py', address).code == 0
    create(environment, CHANNEL, 'a', url_path='/a', service='my.address', rate_limit_def='192.168.1.7=1/d', **LIMITED)

    def ask_from(**headers: str) -> Answer:
        names = {name.replace('_', '-'): value for name, value in headers.items()}
        return environment.request('GET', '/a', headers=names)

    assert ask_from().status == 403
    assert ask_from(X_Forwarded_For='192.168.1.7, 172.16.0.1').status == 403
    answer = ask_from(X_Forwarded_For='1.2.3.4, 192.168.1.7, 10.0.0.1')
    assert (answer.status, answer.body) == (200, b'192.168.1.7')
    assert ask_from(X_Forwarded_For='192.168.1.7').status == 429
    assert ask_from(X_Forwarded_For='1.2.3.4', X_Zato_Forwarded_For='192.168.1.7').status == 403
    log = environment.server.path / 'logs' / 'http_access.log'
    eventually(lambda: re.search(r'(?m)^192\.168\.1\.7 .* 429 ', log.read_text()), 'the address in the log')
    environment.stop()
    conf.write_text(changed.replace('forwarded_header=X-Forwarded-For', 'forwarded_header=X-Zato-Forwarded-For'))
    environment.start()
    assert ask_from(X_Forwarded_For='192.168.1.7', X_Zato_Forwarded_For='1.2.3.4').status == 403
    assert ask_from(X_Forwarded_For='1.2.3.4', X_Zato_Forwarded_For='192.168.1.7').status == 200


def test_headers_of_others_say_nothing(served: Environment) -> None:
    create(served, CHANNEL, 'claims', url_path='/claims', service='my.service', rate_limit_def='10.0.0.1=1/d', **LIMITED)
    for name in ('X-Forwarded-For', 'X-Zato-Forwarded-For'):
        assert ask(served, '/claims', headers={name: '10.0.0.1'}) == [403]
