"""What servers do while the ODB is away, locked or not theirs, and while some worker does not hear of a change."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

from tests.support.admin import alarms, answers_of_all, ask_workers, create, difference, invoke, pids, refusal, stop_workers
from tests.support.environment import PATIENCE, Environment, eventually, service_file, zato
from zato.cli.odb import address_of_server
from zato.common.config.secrets import secrets_text
from zato.common.crypto import new_key
from zato.common.odb.database import Database
from zato.common.odb.tables import config_counter, config_event

CHANNEL, AUTH = 'zato.channel-rest', 'zato.security.basic-auth'


@dataclass
class Place:
    """An environment, and how to take its ODB away and give it back."""

    environment: Environment
    take_away: Callable[[], None]
    give_back: Callable[[], None]
    reason: str  #: what messages then say


@pytest.fixture
def place(odb_engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """One server with two workers, which serves version 1 at /my."""
    if odb_engine == 'sqlite':
        environment = Environment(tmp_path / 'qs-1', workers=2)
        file, away = environment.path / 'zato.db', environment.path / 'away.db'
        place = Place(environment, lambda: _move(file, away), lambda: _move(away, file), 'the file is missing')
    else:
        environment = Environment(tmp_path / 'qs-1', workers=2, odb=request.getfixturevalue('empty_odb_address'))
        server = request.getfixturevalue('postgresql')
        place = Place(
            environment, server.stop, server.start, 'Connection refused|shutting down|closed the connection|terminating'
        )
    try:
        environment.start()
        assert environment.deploy('my.py', service_file(1)).code == 0
        create(environment, CHANNEL, 'my.channel', url_path='/my', service='my.service', data_format='json')
        yield place
    finally:
        place.give_back()
        environment.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Environment]:
    """Two servers with two workers each, in SQLite, not started."""
    created = Environment(tmp_path / 'qs-1', servers=2, workers=2)
    yield created
    created.close()


def _move(source: Path, target: Path) -> None:
    if source.exists():
        source.rename(target)


def errors(environment: Environment, server: int = 0) -> list[str]:
    return [line for line in environment.log(server).splitlines() if ' - ERROR - ' in line]


def test_while_the_odb_is_away_workers_serve_what_they_have_and_say_so_once(place: Place) -> None:
    environment = place.environment
    before = pids(environment)
    place.take_away()
    eventually(lambda: all('ODB' in found for found in alarms(environment).values()), 'an alarm in each worker')
    for path in ('/zato/ping', '/my'):
        for _ in range(10):
            assert environment.request('POST' if path == '/my' else 'GET', path, b'{}').status == 200
    assert set(answers_of_all(environment, '/my')) == before
    listed = invoke(environment, f'{CHANNEL}.get-list', {})
    assert [(item['name'], item['error']) for item in listed] == [('my.channel', '')]

    for service, payload in [
        (f'{CHANNEL}.create', {'name': 'other', 'url_path': '/other'}),
        (f'{CHANNEL}.edit', {'name': 'my.channel', 'url_path': '/moved'}),
        (f'{CHANNEL}.delete', {'name': 'my.channel'}),
        ('zato.service.undeploy', {'name': 'my'}),
        ('zato.worker.get-list', None),
    ]:
        refused = refusal(environment, service, payload)
        assert refused.status == 503
        assert re.search(place.reason, refused.text), refused
    shown = zato('info', environment.path)
    assert shown.code == 0
    assert shown.out.count('subject: ODB') == len(before)

    threading.Event().wait(3)  # three polls, after which there must be no more lines
    for pid in before:
        said = [line for line in errors(environment) if f' {pid}:' in line and ' - ODB: ' in line]
        assert len(said) == 1, said
        assert re.search(place.reason, said[0])
    place.give_back()
    eventually(lambda: not any(alarms(environment).values()), 'the end of the alarms')
    assert pids(environment) == before
    create(environment, CHANNEL, 'other', url_path='/other', service='my.service', data_format='json')
    assert set(answers_of_all(environment, '/other')) == before


def test_while_the_odb_is_away_a_reload_is_refused_and_a_killed_worker_is_followed_by_one_that_waits(place: Place) -> None:
    environment = place.environment
    before, arbiter = pids(environment), environment.arbiter
    place.take_away()
    eventually(lambda: all('ODB' in found for found in alarms(environment).values()), 'an alarm in each worker')

    os.kill(arbiter, signal.SIGHUP)
    eventually(lambda: environment.log_has('Not reloaded, the workers stay: .*' + f'({place.reason})'), 'the refusal')
    assert pids(environment) == before

    killed = before.pop()
    os.kill(killed, signal.SIGKILL)
    eventually(
        lambda: environment.log_has(r'ERROR - \d+:.* - worker: it cannot start: ' + f'.*({place.reason})'), 'its alarm'
    )
    for _ in range(20):
        assert environment.request('POST', '/my', b'{}').json['pid'] in before, 'who waits must not accept'
    threading.Event().wait(3)  # some tries
    waiting = [line for line in errors(environment) if 'it cannot start' in line]
    assert len(waiting) == 1, waiting
    assert len([line for line in errors(environment) if 'Not reloaded' in line]) == 1
    assert environment.arbiter == arbiter
    assert pids(environment) == before

    place.give_back()
    eventually(lambda: len(pids(environment)) == 2, 'the worker that waited')
    eventually(lambda: not any(alarms(environment).values()), 'the end of the alarms')
    assert before < pids(environment)
    create(environment, CHANNEL, 'other', url_path='/other', service='my.service', data_format='json')
    assert set(answers_of_all(environment, '/other')) == pids(environment)
    os.kill(arbiter, signal.SIGHUP)
    eventually(lambda: len(now := pids(environment)) == 2 and not now & before, 'a reload, now that it is back')


def test_a_worker_that_could_not_say_that_it_lives_is_waited_for_when_the_odb_is_back(place: Place) -> None:
    environment = place.environment
    with closing(Database(address_of_server(environment.server))) as database, database.write() as connection:
        connection.execute(text('UPDATE worker SET heartbeat = heartbeat - 60'))
    listed = invoke(environment, 'zato.worker.get-list')
    assert {item['pid'] for item in listed} == pids(environment)


def test_while_another_program_has_locked_the_database_changes_are_refused_and_work_after_it(cluster: Environment) -> None:
    cluster.start()
    create(cluster, AUTH, 'mine', username='one')
    with _lock_of_another_program(cluster.path / 'zato.db'):
        refused = refusal(cluster, f'{AUTH}.edit', {'name': 'mine', 'username': 'two'})
        assert refused.status == 503
        assert 'database is locked (another program holds it; close that program)' in refused.text
        for server in (0, 1):
            assert cluster.request('GET', '/zato/ping', server=server).status == 200
            assert invoke(cluster, f'{AUTH}.get', {'name': 'mine'}, server=server)['username'] == 'one'
    edited = invoke(cluster, f'{AUTH}.edit', {'name': 'mine', 'username': 'three'})
    assert (edited['version'], edited['pending']) == (2, [])
    for server in (0, 1):
        assert invoke(cluster, f'{AUTH}.get', {'name': 'mine'}, server=server)['username'] == 'three'


@contextmanager
def _lock_of_another_program(path: Path) -> Iterator[None]:
    code = (
        'import sqlite3, sys\n'
        'connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n'
        'connection.execute("BEGIN EXCLUSIVE")\n'
        'print("locked", flush=True)\n'
        'sys.stdin.read()\n'
    )
    command = [sys.executable, '-c', code, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == 'locked\n'
        yield
    finally:
        process.communicate(timeout=PATIENCE)


def missing(environment: Environment) -> None:
    _move(environment.path / 'zato.db', environment.path / 'away.db')


def without_schema(environment: Environment) -> None:
    (environment.path / 'zato.db').unlink()
    sqlite3.connect(environment.path / 'zato.db').close()


def of_schema(revision: str) -> Callable[[Environment], None]:
    def change(environment: Environment) -> None:
        with closing(sqlite3.connect(environment.path / 'zato.db')) as connection, connection:
            connection.execute('UPDATE alembic_version SET version_num = ?', (revision,))

    return change


def of_another_cluster(environment: Environment) -> None:
    """The server's own key opens its secrets, but not what is in the ODB."""
    names = ('pubapi', 'admin_invoke')
    secrets = {f'{name}_password': environment.password(name) for name in names}
    environment.server.secrets_conf.write_text(secrets_text(new_key(), secrets))


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        pytest.param(missing, r'zato\.db.*the file is missing; zato create odb makes a new one', id='missing'),
        pytest.param(without_schema, r'has no schema; run: zato create odb', id='empty'),
        pytest.param(
            of_schema('0000'), r'schema 0000, and this .*; stop all servers, then run: zato odb upgrade', id='older'
        ),
        pytest.param(of_schema('9999'), r'schema 9999, which is newer .*zato odb upgrade', id='newer'),
        pytest.param(of_another_cluster, r'the secret key is not that of cluster `quickstart-\d+`', id='wrong-key'),
    ],
)
def test_a_server_whose_odb_is_not_as_it_must_be_does_not_start_and_says_what_to_do(
    environment: Environment, change: Callable[[Environment], None], reason: str
) -> None:
    change(environment)
    started = zato('start', environment.path)
    assert started.code == 18
    assert re.search(reason, started.err), started.err
    assert 'Traceback' not in started.err
    assert environment.processes() == []


def test_a_worker_that_is_stopped_is_named_as_pending_and_catches_up_when_it_goes_on(cluster: Environment) -> None:
    cluster.start()
    stopped = min(pids(cluster, server=1))
    stop_workers(cluster, {stopped})
    answer = invoke(cluster, f'{AUTH}.create', {'name': 'mine', 'username': 'me'})
    assert answer['pending'] == [f'server2:{stopped}']
    assert answer['failed'] == {}
    os.kill(stopped, signal.SIGCONT)
    eventually(lambda: str(answer['id']) in ask_workers(cluster, 'objects', server=1)[stopped], 'it has the object')
    edited = invoke(cluster, f'{AUTH}.edit', {'id': answer['id'], 'username': 'you'})
    assert edited['pending'] == []


def test_an_object_that_only_one_server_cannot_use_is_down_there_and_up_elsewhere(cluster: Environment) -> None:
    cluster.start(server=0, env={'WHERE': '/from/environment'})
    cluster.start(server=1)
    assert cluster.deploy('my.py', service_file(1)).code == 0
    create(cluster, CHANNEL, 'good', url_path='/good', service='my.service', data_format='json')
    settings = {'url_path': '$WHERE', 'service': 'my.service', 'data_format': 'json'}
    answer = invoke(cluster, f'{CHANNEL}.create', {'name': 'bad', **settings})
    assert answer['pending'] == []
    problem = 'REST channel `bad`: `url_path` is $WHERE, and the server has no environment variable WHERE'
    failing = pids(cluster, server=1)
    assert answer['failed'] == {f'server2:{pid}': {'REST channel `bad`': problem} for pid in failing}
    assert alarms(cluster, server=1) == {pid: {'REST channel `bad`': problem} for pid in failing}
    assert not any(alarms(cluster, server=0).values())
    shown = zato('info', cluster.servers[1].path).out
    assert shown.count('subject: REST channel `bad`') == 2
    assert [item['error'] for item in invoke(cluster, f'{CHANNEL}.get-list', {}, server=1)] == [problem, '']

    assert set(answers_of_all(cluster, '/from/environment', server=0).values()) == {1}
    for server in (0, 1):
        assert set(answers_of_all(cluster, '/good', server=server)) == pids(cluster, server=server)
    for _ in range(10):
        assert cluster.request('POST', '/from/environment', b'{}', server=1).status == 404
    edited = invoke(cluster, f'{CHANNEL}.edit', {'name': 'bad', 'url_path': '/for/all'})
    assert (edited['pending'], edited['failed']) == ([], {})
    assert set(answers_of_all(cluster, '/for/all', server=1)) == failing
    assert not any(alarms(cluster, server=1).values())


def test_workers_that_were_stopped_while_the_log_was_pruned_read_everything_anew(cluster: Environment) -> None:
    cluster.start()
    assert cluster.deploy('my.py', service_file(1)).code == 0
    for name in ('kept', 'deleted', 'edited'):
        create(cluster, CHANNEL, name, url_path=f'/{name}', service='my.service', data_format='json')
    stopped = pids(cluster, server=1)
    stop_workers(cluster, stopped)
    changes: list[dict[str, Any]] = [
        {'action': 'delete', 'name': 'deleted'},
        {'action': 'edit', 'name': 'edited', 'url_path': '/moved'},
        {'action': 'create', 'name': 'new', 'url_path': '/new', 'service': 'my.service', 'data_format': 'json'},
    ]
    answer = invoke(cluster, 'zato.config.apply', {'changes': [{'kind': 'channel_rest', **change} for change in changes]})
    assert set(answer['pending']) == {f'server2:{pid}' for pid in stopped}
    cluster.save('my.py', service_file(2))
    eventually(lambda: cluster.invoke('my.service').json['version'] == 2, 'the deployment')
    with closing(Database(address_of_server(cluster.server))) as database:
        with database.write() as connection:
            newest = select(config_counter.c.event).scalar_subquery()
            connection.execute(update(config_counter).values(pruned=newest))
            connection.execute(delete(config_event))
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)

        def is_even() -> bool:
            with database.read() as connection:
                return difference(cluster, connection, workers=2) == ''

        eventually(is_even, 'all workers to have what the ODB has')
    assert pids(cluster, server=1) == stopped
    for path in ('/kept', '/moved', '/new'):
        eventually(lambda path=path: set(answers_of_all(cluster, path, server=1).values()) == {2}, 'the new version')
    for path in ('/deleted', '/edited'):
        for _ in range(10):
            assert cluster.request('POST', path, b'{}', server=1).status == 404


def test_of_two_edits_of_one_version_the_second_is_refused_and_told_who_was_faster(cluster: Environment) -> None:
    cluster.start()
    created = create(cluster, AUTH, 'mine', username='me')
    answers: list[Any] = []

    def edit(server: int) -> None:
        change = {'id': created['id'], 'version': 1, 'username': f'user-{server}'}
        try:
            answers.append(invoke(cluster, f'{AUTH}.edit', change, server=server)['version'])
        except Exception as e:
            answers.append(str(e))

    editors = [threading.Thread(target=edit, args=(server,)) for server in (0, 1)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    refused, version = sorted(answers, key=lambda answer: isinstance(answer, int))
    assert version == 2
    assert refused == (
        '409: Basic Auth `mine` has been changed meanwhile: version 1 was edited, and it is version 2 now, '
        'last changed by admin.invoke; load it again'
    )
