"""Clients of real servers: which credentials let them in, on every worker at once, through restarts and without the ODB."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import alarms, create, invoke, pids, refusal, stop_workers
from tests.support.environment import Answer, Environment, eventually, service_file, zato

WHO = """
import os
from zato.server.service import Service

class Who(Service):
    name = 'who'
    def handle(self):
        security = self.channel.security
        self.response.payload = {
            'pid': os.getpid(), 'id': security.id, 'name': security.name, 'type': security.type, 'user': security.username
        }
"""
JWT, BASIC, KEY, GROUP, CHANNEL = (
    'zato.security.jwt',
    'zato.security.basic-auth',
    'zato.security.apikey',
    'zato.security-group',
    'zato.channel-rest',
)
PASSWORD = 'sésame-very-secret'
LOG_IN, LOG_OUT = '/zato/jwt/log-in', '/zato/jwt/log-out'

_numbers = count(1)


def started(path: Path, **options: Any) -> Environment:
    environment = Environment(path, **options)
    environment.start()
    assert environment.deploy('who.py', WHO).code == 0
    return environment


@pytest.fixture(scope='module')
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Two servers with two workers each, shared by tests that each have objects of their own."""
    created = started(tmp_path_factory.mktemp('security') / 'qs-1', servers=2, workers=2)
    yield created
    created.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Environment]:
    """One server with two workers, for tests that harm it."""
    created = started(tmp_path / 'qs-1', workers=2)
    yield created
    created.close()


class User:
    """A JWT definition, and a channel that asks for its tokens."""

    def __init__(self, environment: Environment, **settings: Any) -> None:
        self.environment = environment
        self.name = f'jane{next(_numbers)}'
        self.path = f'/{self.name}'
        settings = {'username': self.name, 'password': PASSWORD, **settings}
        self.id = create(environment, JWT, self.name, **settings)['id']
        channel(environment, self.path, security=f'security_jwt/{self.name}')

    def try_log_in(self, password: str = PASSWORD, server: int = 0) -> Answer:
        body = json.dumps({'username': self.name, 'password': password, 'totp_code': ''}).encode()
        return self.environment.request('POST', LOG_IN, body, server=server)

    def log_in(self, password: str = PASSWORD, server: int = 0) -> str:
        answer = self.try_log_in(password, server)
        assert answer.status == 200, answer
        return str(answer.json['response']['token'])

    def log_out(self, token: str, server: int = 0) -> Answer:
        return self.environment.request('POST', LOG_OUT, b'', headers=bearer(token), server=server)

    def call(self, token: str, server: int = 0) -> Answer:
        return self.environment.request('GET', self.path, headers=bearer(token), server=server)

    def statuses(self, token: str, *, times: int = 20) -> set[int]:
        """Of many calls, of all servers."""
        servers = range(len(self.environment.servers))
        return {self.call(token, server).status for server in servers for _ in range(times)}

    def call_all_workers(self, token: str) -> None:
        """Until each has let the token in."""
        for server in range(len(self.environment.servers)):
            left = pids(self.environment, server=server)

            def is_done(server: int = server, left: set[int] = left) -> bool:
                answer = self.call(token, server)
                assert answer.status == 200, answer
                left.discard(answer.json['pid'])
                return not left

            eventually(is_done, f'an answer from {left}')


def bearer(token: str) -> dict[str, str]:
    return {'Authorization': f'Bearer {token}'}


def channel(environment: Environment, path: str, **settings: Any) -> None:
    create(environment, CHANNEL, path[1:], url_path=path, service='who', data_format='json', **settings)


def errors(environment: Environment) -> list[str]:
    logs = ''.join(environment.log(server) for server in environment.servers)
    return [line for line in logs.splitlines() if ' - ERROR - ' in line or 'Traceback' in line]


# Tokens


def test_a_client_logs_in_calls_and_logs_out_as_classic_clients_do(cluster: Environment) -> None:
    user = User(cluster)
    answer = user.try_log_in()
    assert answer.json == {'response': {'token': answer.headers['authorization']}}
    assert answer.headers['cache-control'] == 'no-store'
    token = answer.headers['authorization']
    seen = user.call(token).json
    assert (seen['id'], seen['name'], seen['type'], seen['user']) == (user.id, user.name, 'jwt', user.name)
    assert user.log_out(token).status == 200
    refused = user.call(token)
    assert (refused.status, refused.headers['www-authenticate']) == (401, 'JWT')
    assert user.path in refused.json['details']
    assert refused.headers['x-zato-cid'] in refused.json['details']
    assert user.log_out(token).status == 401


def test_a_log_out_holds_for_every_worker_of_every_server_once_it_is_answered(cluster: Environment) -> None:
    user = User(cluster)
    token, other = user.log_in(), user.log_in(server=1)
    for each in (token, other):
        user.call_all_workers(each)
    assert user.log_out(token, server=1).status == 200
    assert user.statuses(token) == {401}
    user.call_all_workers(other)
    last = invoke(cluster, 'zato.audit.get-list', {'object_id': user.id, 'limit': 1})[0]
    assert (last['who'], last['action'], last['name']) == (user.name, 'log-out', user.name)


def test_a_log_out_that_some_worker_has_not_heard_of_in_time_is_503_and_holds_once_it_has(cluster: Environment) -> None:
    user = User(cluster)
    token = user.log_in()
    user.call_all_workers(token)
    stopped = pids(cluster, server=1)
    stop_workers(cluster, stopped)
    try:
        answer = user.log_out(token)
        assert user.log_out(token).status == 401
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert (answer.status, 'void' in answer.json['details']) == (503, True)
    eventually(lambda: user.statuses(token) == {401}, 'the end of the token on all workers')


def test_many_log_ins_and_log_outs_at_once_are_each_their_own(cluster: Environment) -> None:
    user = User(cluster)

    def live(number: int) -> set[int]:
        token = user.log_in(server=number % 2)
        assert user.call(token, server=(number + 1) % 2).status == 200
        assert user.log_out(token, server=number % 2).status == 200
        return {user.call(token, server=server).status for server in (0, 1)}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(live, range(24))) == [{401}] * 24


@pytest.mark.parametrize(
    'body',
    [
        b'',
        b'{',
        b'[]',
        b'[{"username": "x", "password": "y"}]',
        b'"x"',
        b'{}',
        b'{"username": "x"}',
        b'{"username": null, "password": ""}',
    ],
)
def test_what_is_no_log_in_is_400_or_401(cluster: Environment, body: bytes) -> None:
    assert cluster.request('POST', LOG_IN, body).status in (400, 401)


def test_wrong_credentials_are_401_and_say_nothing(cluster: Environment) -> None:
    user = User(cluster)
    known, unknown = user.try_log_in('wrong'), cluster.request('POST', LOG_IN, b'{"username": "nobody", "password": "x"}')
    for answer in (known, unknown):
        assert (answer.status, answer.headers['www-authenticate']) == (401, 'JWT')
        assert answer.json['details'] == f'Unauthorized; path={LOG_IN}; cid={answer.json["cid"]}'
        assert 'authorization' not in answer.headers


def test_credentials_in_the_url_are_no_log_in_since_logs_have_urls(cluster: Environment) -> None:
    user = User(cluster)
    path = f'{LOG_IN}?username={user.name}&password={PASSWORD.encode().hex()}'
    assert cluster.request('POST', path).status == 400
    assert cluster.request('GET', path).status == 405


def test_the_service_that_gives_tokens_is_not_among_those_that_pubapi_may_call(cluster: Environment) -> None:
    user = User(cluster)
    answer = cluster.invoke('zato.security.jwt.log-in', {'username': user.name, 'password': PASSWORD})
    assert answer.status == 403


def test_tokens_of_one_definition_or_forged_ones_are_no_good_elsewhere(cluster: Environment) -> None:
    one, two = User(cluster), User(cluster)
    token = one.log_in()
    head, body, signature = token.split('.')
    before = errors(cluster)
    claims = json.loads(urlsafe_b64decode(body + '=='))
    assert 'password' not in claims
    assert two.call(token).status == 401
    assert one.call(f'{head}.{body}.').status == 401
    assert one.call(f'eyJhbGciOiJub25lIn0.{body}.').status == 401
    assert one.call(f'{head}.{body}.{signature[::-1]}').status == 401
    assert one.call('x' * 9_000).status == 401
    assert cluster.request('GET', one.path, headers={'Authorization': 'Bearer \xff\xfe.\xff.\xff'}).status == 401
    assert errors(cluster) == before


def test_a_password_that_was_changed_voids_tokens_at_once_and_for_good(cluster: Environment) -> None:
    user = User(cluster)
    token = user.log_in()
    user.call_all_workers(token)
    for password in ('new', PASSWORD):
        invoke(cluster, f'{JWT}.change-password', {'id': user.id, 'password1': password, 'password2': password})
        assert user.statuses(token, times=6) == {401}
        assert user.try_log_in(password).status == 200


def test_a_user_name_that_was_another_one_meanwhile_voids_tokens_for_good(cluster: Environment) -> None:
    user = User(cluster)
    token = user.log_in()
    user.call_all_workers(token)
    for username in ('somebody-else', user.name):
        invoke(cluster, f'{JWT}.edit', {'id': user.id, 'username': username})
        assert user.statuses(token, times=6) == {401}


def test_other_changes_of_a_definition_leave_its_tokens_alone(cluster: Environment) -> None:
    user = User(cluster)
    token = user.log_in()
    invoke(cluster, f'{JWT}.edit', {'id': user.id, 'ttl': 7_200, 'password': PASSWORD})
    user.call_all_workers(token)


def test_a_definition_that_was_inactive_has_no_tokens(cluster: Environment) -> None:
    user = User(cluster)
    token = user.log_in()
    user.call_all_workers(token)
    invoke(cluster, f'{JWT}.edit', {'id': user.id, 'is_active': False})
    assert user.statuses(token, times=6) == {401}
    assert user.try_log_in().status == 401

    invoke(cluster, f'{JWT}.edit', {'id': user.id, 'is_active': True})
    assert user.statuses(token, times=6) == {401}
    assert user.call(user.log_in()).status == 200


def test_a_definition_that_is_used_cannot_be_deleted_and_one_that_is_takes_its_tokens_along(cluster: Environment) -> None:
    user = User(cluster)
    token = user.log_in()
    assert refusal(cluster, f'{JWT}.delete', {'id': user.id}).status == 409
    invoke(cluster, f'{CHANNEL}.delete', {'name': user.name})
    invoke(cluster, f'{JWT}.delete', {'id': user.id})
    assert user.log_out(token).status == 401
    assert user.try_log_in().status == 401


def test_neither_passwords_nor_tokens_are_logged_or_shown(cluster: Environment) -> None:
    user = User(cluster)
    token = user.log_in()
    user.call(token)
    user.try_log_in('wrong-secret')
    user.log_out(token)
    shown = json.dumps([invoke(cluster, f'{JWT}.get', {'id': user.id}), cluster.info()])
    for server in cluster.servers:
        for log in server.server_log.parent.glob('*.log'):
            shown += log.read_text(encoding='utf-8')
    for secret in (PASSWORD, 'wrong-secret', token, token.rpartition('.')[2]):
        assert secret not in shown


# What servers live through


def test_tokens_outlive_a_restart_and_kill_9(alone: Environment) -> None:
    user = User(alone)
    token = user.log_in()
    user.call_all_workers(token)
    alone.stop()
    alone.start()
    user.call_all_workers(token)
    alone.kill_all()
    alone.start()
    user.call_all_workers(token)
    assert user.log_out(token).status == 200
    assert user.statuses(token) == {401}


def test_a_worker_that_dies_takes_no_token_with_it(alone: Environment) -> None:
    user = User(alone, ttl=600)
    token = user.log_in()
    user.call_all_workers(token)
    victim = min(pids(alone))
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(pids(alone)) == 2 and victim not in pids(alone), 'another worker')
    user.call_all_workers(token)


def test_without_the_odb_tokens_that_workers_know_go_on_and_others_are_503(alone: Environment) -> None:
    user = User(alone)
    known, unknown = user.log_in(), user.log_in()
    user.call_all_workers(known)
    file, away = alone.path / 'zato.db', alone.path / 'away.db'
    file.rename(away)
    try:
        eventually(lambda: all('ODB' in found for found in alarms(alone).values()), 'an alarm in each worker')
        user.call_all_workers(known)
        assert user.statuses(unknown, times=4) == {503}
        assert user.statuses('x.y.z', times=4) == {401}
        assert user.try_log_in().status == 503
        assert user.try_log_in('wrong').status == 401
        assert user.log_out(known).status == 503
    finally:
        away.rename(file)
    eventually(lambda: not any(alarms(alone).values()), 'the end of the alarms')
    user.call_all_workers(unknown)
    assert user.log_out(known).status == 200
    assert user.statuses(known) == {401}


def test_a_life_ends_where_the_token_is_not_used_and_goes_on_on_all_workers_where_it_is(alone: Environment) -> None:
    user = User(alone, ttl=4)
    used, unused = user.log_in(), user.log_in()

    def has_one_expired() -> bool:
        assert user.call(used).status == 200
        with closing(sqlite3.connect(alone.path / 'zato.db')) as odb:
            query = "SELECT count(*) FROM security_token WHERE expires < (julianday('now') - 2440587.5) * 86400"
            return bool(odb.execute(query).fetchone()[0])

    eventually(has_one_expired, 'the end of the token that is not used')
    assert user.call(unused).status == 401
    user.call_all_workers(used)


# API keys and groups


def test_commands_make_keys_groups_and_channels_that_ask_for_them(cluster: Environment) -> None:
    new_channel = ('create-rest-channel', cluster.path, '--service', 'who', '--data-format', 'json')
    for command in (
        ('create', 'api-key', cluster.path, '--name', 'cli.key', '--header', 'X-Key', '--password', PASSWORD),
        ('create', 'basic-auth', cluster.path, '--name', 'cli.basic', '--username', 'joe', '--password', PASSWORD),
        ('object', 'create', cluster.path, 'security_group', '--name', 'cli.group', '--members', 'cli.key,cli.basic'),
        (*new_channel, '--name', 'cli.inline', '--url-path', '/cli/inline', '--api-key', 'X-Inline,abc'),
        (*new_channel, '--name', 'cli.channel', '--url-path', '/cli/group', '--security-groups', 'cli.group'),
    ):
        done = zato(*command)
        assert done.code == 0, done.err + done.out
    for server in (0, 1):
        key = cluster.request('GET', '/cli/inline', headers={'X-Inline': 'abc'}, server=server)
        assert (key.status, key.json['name'], key.json['type']) == (200, 'cli.inline', 'apikey')
        joe = cluster.request('GET', '/cli/group', user='joe', password=PASSWORD, server=server)
        assert (joe.status, joe.json['name'], joe.json['user']) == (200, 'cli.basic', 'joe')
        member = cluster.request('GET', '/cli/group', headers={'X-Key': PASSWORD.encode().decode('latin-1')}, server=server)
        assert (member.status, member.json['name']) == (200, 'cli.key')
        assert cluster.request('GET', '/cli/group', server=server).status == 403
        both = cluster.request('GET', '/cli/group', user='joe', password=PASSWORD, headers={'X-Key': 'x'}, server=server)
        assert (both.status, both.json['details']) == (400, 'Bad request')
        none = cluster.request('GET', '/cli/inline', server=server)
        assert (none.status, none.json['details'], 'www-authenticate' in none.headers) == (401, '401 Unauthorized', False)


def test_who_leaves_a_group_is_out_on_every_worker(cluster: Environment) -> None:
    create(cluster, BASIC, 'group.joe', username='joe', password='x')
    create(cluster, KEY, 'group.key', password='y')
    create(cluster, GROUP, 'group.all', members=['group.joe', 'group.key'])
    channel(cluster, '/group.channel', security_groups=['group.all'])

    def statuses(**credentials: Any) -> set[int]:
        servers = [number % 2 for number in range(20)]
        return {cluster.request('GET', '/group.channel', server=server, **credentials).status for server in servers}

    joe, key = {'user': 'joe', 'password': 'x'}, {'headers': {'X-API-Key': 'y'}}
    assert statuses(**joe) == statuses(**key) == {200}
    invoke(cluster, f'{GROUP}.edit', {'name': 'group.all', 'members': ['group.key']})
    assert (statuses(**joe), statuses(**key)) == ({403}, {200})
    invoke(cluster, f'{KEY}.change-password', {'name': 'group.key', 'password1': 'z', 'password2': 'z'})
    assert (statuses(**key), statuses(headers={'X-API-Key': 'z'})) == ({403}, {200})
    assert refusal(cluster, f'{KEY}.delete', {'name': 'group.key'}).status == 409
    invoke(cluster, f'{GROUP}.edit', {'name': 'group.all', 'members': []})
    assert statuses(headers={'X-API-Key': 'z'}) == {403}


def test_a_member_that_is_down_is_not_let_in_and_keeps_no_other_member_out(alone: Environment) -> None:
    create(alone, KEY, 'good', password='abc')
    invoke(alone, f'{KEY}.create', {'name': 'down', 'password': '$X_NO_SUCH_VARIABLE'})
    invoke(alone, f'{GROUP}.create', {'name': 'all', 'members': ['good', 'down']})
    assert alone.deploy('my.py', service_file()).code == 0
    settings = {'name': 'c', 'url_path': '/c', 'service': 'my.service', 'security_groups': ['all']}
    invoke(alone, f'{CHANNEL}.create', settings)
    assert alone.request('GET', '/c', headers={'X-API-Key': 'abc'}).status == 200
    for headers in ({}, {'X-API-Key': ''}, {'X-API-Key': '$X_NO_SUCH_VARIABLE'}):
        assert alone.request('GET', '/c', headers=headers).status == 403
    invoke(alone, f'{GROUP}.edit', {'name': 'all', 'members': ['down']})
    assert alone.request('GET', '/c', headers={'X-API-Key': 'abc'}).status == 403
    invoke(alone, f'{KEY}.edit', {'name': 'down', 'password': 'def'})
    assert alone.request('GET', '/c', headers={'X-API-Key': 'def'}).status == 200
