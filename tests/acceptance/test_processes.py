"""Start, stop, reload, and processes that die."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_deploy import versions
from tests.support.environment import PATIENCE, ZATO, Environment, eventually, service_file, zato
from tests.support.load import Load

SLEEPY = service_file(1).replace(
    '    def handle(self):\n',
    '    def handle(self):\n        import time\n        open("started", "w").close()\n'
    '        while not os.path.exists("go"): time.sleep(0.01)\n',
)


def call_sleepy(environment: Environment) -> tuple[threading.Thread, list[Any]]:
    """Invoke SLEEPY in a thread. Returns once it runs; it answers once there is a file `go`."""
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(environment.invoke('my.service').json['version']))
    caller.start()
    eventually((environment.server.path / 'started').exists, 'the call')
    return caller, answers


def role_holder(environment: Environment) -> int:
    """The worker that holds the deployment role, 0 if none does."""
    return next((worker['pid'] for worker in environment.info()['workers'] if worker.get('roles')), 0)


def test_start_returns_once_the_server_answers_and_stop_once_its_processes_are_gone(environment: Environment) -> None:
    environment.start()
    port = environment.port
    assert environment.request('GET', '/zato/ping').json['pong'] == 'zato'
    environment.stop()
    assert environment.processes() == []
    assert not environment.server.pidfile.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
    environment.start()
    assert environment.request('GET', '/zato/ping').status == 200


def test_a_second_start_is_refused_and_the_server_goes_on(environment: Environment) -> None:
    environment.start()
    before = environment.arbiter
    second = zato('start', environment.path)
    assert second.code == 9
    assert f'it is running already (pid {before}); zato stop' in second.err
    assert environment.arbiter == before
    assert environment.request('GET', '/zato/ping').status == 200


def test_two_starts_at_once_give_one_server(environment: Environment) -> None:
    both = [subprocess.Popen([ZATO, 'start', environment.path], stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        process.communicate(timeout=PATIENCE * 3)
    assert sorted(process.returncode for process in both) == [0, 9]
    assert len(environment.info()['workers']) == 1


def test_stop_of_what_does_not_run_says_so(environment: Environment) -> None:
    stopped = zato('stop', environment.path)
    assert stopped.code == 2
    assert 'is not running' in stopped.err


@pytest.mark.parametrize('content', ['999999999', 'no number', '', '{pid}'])
def test_a_stale_pidfile_does_not_keep_the_server_from_starting(environment: Environment, content: str) -> None:
    environment.server.pidfile.write_text(content.format(pid=os.getpid()))
    environment.start()
    assert environment.request('GET', '/zato/ping').status == 200


def test_restart_passes_the_callers_environment_on(environment: Environment, tmp_path: Path) -> None:
    text = service_file(1).replace("'version': 1", "'version': os.environ.get('CRM_ADDRESS')")
    environment.save('my.py', text)
    environment.start(env={'CRM_ADDRESS': 'one'})
    assert environment.invoke('my.service').json['version'] == 'one'
    assert zato('restart', environment.path, env={'CRM_ADDRESS': 'two'}).code == 0
    assert environment.invoke('my.service').json['version'] == 'two'
    env_file = tmp_path / 'env.ini'
    env_file.write_text('[env]\nCRM_ADDRESS=three\n')
    assert zato('restart', environment.path, '--env-file', env_file).code == 0
    assert environment.invoke('my.service').json['version'] == 'three'


def test_ctrl_c_in_the_foreground_leaves_no_process_pidfile_or_port(environment: Environment) -> None:
    process = subprocess.Popen(
        [ZATO, 'start', environment.path, '--fg'], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    lines = []
    while 'Stop with Ctrl-C' not in (lines or [''])[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], ''.join(lines)
    shown = ''.join(lines)
    assert 'Started server1, listening on' in shown, 'the log is on the terminal'
    assert str(environment.server.services) in shown
    curl = next(line.strip() for line in lines if line.strip().startswith('curl'))
    answer = subprocess.run(curl, shell=True, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert '"gross":2975' in answer.stdout
    port = environment.port
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    assert environment.processes() == []
    assert not environment.server.pidfile.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)


def test_kill_9_of_the_role_holder_gives_the_role_to_another_worker(two_workers: Environment) -> None:
    first = eventually(lambda: role_holder(two_workers), 'a holder')
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: (holder := role_holder(two_workers)) != first and holder, 'another holder')
    assert second != first
    two_workers.save('my.py', service_file(1))
    eventually(lambda: two_workers.invoke('my.service').status == 200, 'a deployment by the new holder')


def test_kill_9_of_a_worker_is_followed_by_a_new_one_that_serves_the_same(two_workers: Environment) -> None:
    assert two_workers.deploy('my.py', service_file(1)).code == 0
    before = {worker['pid'] for worker in two_workers.info()['workers']}
    killed = before.pop()
    os.kill(killed, signal.SIGKILL)

    def replaced() -> bool:
        now = {worker['pid'] for worker in two_workers.info()['workers'] if worker.get('is_ready')}
        return len(now) == 2 and killed not in now

    eventually(replaced, 'a new worker')
    assert versions(two_workers) == {1}


def test_kill_9_of_the_arbiter_ends_the_workers_and_a_start_brings_all_back(two_workers: Environment) -> None:
    assert two_workers.deploy('my.py', service_file(1)).code == 0
    os.kill(two_workers.arbiter, signal.SIGKILL)
    eventually(lambda: not two_workers.processes(), 'the end of the workers')
    two_workers.start()
    assert versions(two_workers) == {1}


def test_kill_9_of_the_checker_is_followed_by_a_new_one(environment: Environment) -> None:
    environment.start()
    workers = {worker['pid'] for worker in environment.info()['workers']}
    [checker] = set(environment.processes()) - workers - {environment.arbiter}
    os.kill(checker, signal.SIGKILL)
    eventually(lambda: environment.log_has('The checker is gone; it is replaced'), 'a new checker')
    assert environment.deploy('my.py', service_file(1)).code == 0


def test_a_worker_that_ends_with_gunicorns_boot_error_code_does_not_halt_the_server(environment: Environment) -> None:
    environment.save('my.py', service_file(1).replace('        self', '        os._exit(3)\n        self'))
    environment.save('other.py', service_file(1, name='other.service'))
    environment.start()
    with pytest.raises(ConnectionError):
        environment.invoke('my.service')
    eventually(lambda: environment.invoke('other.service').status == 200, 'an answer from a new worker')


def test_sys_exit_in_a_service_is_its_failure_and_nothing_more(environment: Environment) -> None:
    environment.save('my.py', service_file(1).replace('        self', '        raise SystemExit(1)\n        self'))
    environment.start()
    [worker] = environment.info()['workers']
    assert environment.invoke('my.service').status == 500
    assert [item['pid'] for item in environment.info()['workers']] == [worker['pid']]


def test_a_service_that_freezes_its_worker_is_named_and_the_worker_replaced(environment: Environment) -> None:
    conf = environment.server.server_conf
    conf.write_text(conf.read_text().replace('gunicorn_timeout=120', 'gunicorn_timeout=3'))
    environment.save('my.py', service_file(1).replace('        self', '        while True: pass\n        self'))
    environment.start()
    with pytest.raises(ConnectionError):
        environment.invoke('my.service')
    eventually(lambda: environment.log_has('Service my.service froze this worker'), 'the name of the service')
    eventually(lambda: environment.request('GET', '/zato/ping').status == 200, 'an answer from a new worker')


@pytest.mark.parametrize('keep_alive', [True, False], ids=['keep-alive', 'connection-per-request'])
def test_reloads_under_load_fail_and_refuse_no_request(two_workers: Environment, keep_alive: bool) -> None:
    with Load(two_workers.port, keep_alive=keep_alive) as load:
        for _ in range(2):
            before = {worker['pid'] for worker in two_workers.info()['workers']}
            os.kill(two_workers.arbiter, signal.SIGHUP)

            def replaced(before: set[int] = before) -> bool:
                now = {worker['pid'] for worker in two_workers.info()['workers'] if worker.get('is_ready')}
                return len(now) == 2 and not now & before

            eventually(replaced, 'new workers')
    print(f'{load.counts}')
    assert load.counts['failed'] == 0, load.errors
    assert load.counts['refused'] == 0
    assert load.counts['answered'] > 100


@pytest.mark.parametrize('keep_alive', [True, False], ids=['keep-alive', 'connection-per-request'])
def test_a_stop_under_load_fails_no_request_that_was_accepted(two_workers: Environment, keep_alive: bool) -> None:
    with Load(two_workers.port, keep_alive=keep_alive) as load:
        eventually(lambda: load.counts['answered'] > 100, 'some answers')
        two_workers.stop()
        two_workers.start()
    print(f'{load.counts}')
    assert load.counts['failed'] == 0, load.errors


def test_a_stop_waits_for_the_request_that_runs(environment: Environment) -> None:
    environment.save('my.py', SLEEPY)
    environment.start()
    port = environment.port
    caller, answers = call_sleepy(environment)
    stopping = threading.Thread(target=environment.stop)
    stopping.start()
    eventually(lambda: not _accepts(port), 'the stop')
    (environment.server.path / 'go').touch()
    caller.join()
    stopping.join()
    assert answers == [1]


def test_what_a_stop_has_to_cut_off_is_logged_with_its_name(environment: Environment) -> None:
    conf = environment.server.server_conf
    conf.write_text(conf.read_text().replace('graceful_timeout=30', 'graceful_timeout=1'))
    environment.save('my.py', SLEEPY)
    environment.start()
    port, password = environment.port, environment.password()
    caller = threading.Thread(target=_call_and_lose, args=(port, password))
    caller.start()
    eventually((environment.server.path / 'started').exists, 'the call')
    environment.stop()
    caller.join()
    assert environment.log_has(r'ERROR - .* - Service my\.service was cut off by the stop after')


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(('127.0.0.1', port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


def _call_and_lose(port: int, password: str) -> None:
    credentials = b64encode(f'pubapi:{password}'.encode()).decode()
    with socket.create_connection(('127.0.0.1', port), timeout=PATIENCE) as connection:
        connection.sendall(
            f'POST /zato/api/invoke/my.service HTTP/1.1\r\nHost: test\r\nAuthorization: Basic {credentials}\r\n\r\n'.encode()
        )
        try:
            connection.recv(1)
        except ConnectionResetError:
            return


def test_a_reload_with_a_broken_logging_conf_keeps_logging_and_serving(environment: Environment) -> None:
    environment.start()
    environment.server.logging_conf.write_text('version: 1\nhandlers: {oops\n')
    before = {worker['pid'] for worker in environment.info()['workers']}
    os.kill(environment.arbiter, signal.SIGHUP)
    eventually(lambda: environment.log_has(r'ERROR - .*logging\.conf:\d+: not valid YAML'), 'the error')
    eventually(lambda: not {w['pid'] for w in environment.info()['workers'] if w.get('is_ready')} & before, 'a reload')
    assert environment.request('GET', '/zato/ping').status == 200


def ready(environment: Environment) -> set[int]:
    return {worker['pid'] for worker in environment.info()['workers'] if worker.get('is_ready')}


def test_a_reload_while_the_odb_is_away_is_refused_and_the_workers_stay(two_workers: Environment) -> None:
    assert two_workers.deploy('my.py', service_file(1)).code == 0
    before = ready(two_workers)
    odb = two_workers.path / 'zato.db'
    lost = odb.rename(odb.with_name('lost.db'))
    os.kill(two_workers.arbiter, signal.SIGHUP)
    eventually(lambda: two_workers.log_has(r'ERROR - .* - Not reloaded, the workers stay: .*zato\.db'), 'the refusal')
    assert two_workers.invoke('my.service').json['pid'] in before
    assert ready(two_workers) == before
    lost.rename(odb)
    os.kill(two_workers.arbiter, signal.SIGHUP)
    eventually(lambda: len(now := ready(two_workers)) == 2 and not now & before, 'new workers')
    assert versions(two_workers) == {1}


def test_a_worker_that_cannot_get_ready_waits_and_nothing_halts_the_server(two_workers: Environment) -> None:
    assert two_workers.deploy('my.py', service_file(1)).code == 0
    stays = ready(two_workers)
    killed = stays.pop()
    odb = two_workers.path / 'zato.db'
    lost = odb.rename(odb.with_name('lost.db'))
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: two_workers.log_has(r'ERROR - .* - worker: it cannot start: .*zato\.db'), 'the alarm')
    for _ in range(20):
        assert two_workers.invoke('my.service').json['pid'] in stays
    lost.rename(odb)
    eventually(lambda: len(ready(two_workers)) == 2, 'a new worker')
    assert stays < ready(two_workers)
    assert versions(two_workers) == {1}


def remove_odb(environment: Environment) -> None:
    (environment.path / 'zato.db').unlink()


def damage_odb(environment: Environment) -> None:
    (environment.path / 'zato.db').write_bytes(b'not a database' * 1_000)


def empty_odb(environment: Environment) -> None:
    (environment.path / 'zato.db').write_bytes(b'')


def remove_messages(environment: Environment) -> None:
    (environment.path / 'pubsub.db').unlink()


def damage_messages(environment: Environment) -> None:
    for path in environment.path.glob('pubsub.db*'):
        path.unlink()
    (environment.path / 'pubsub.db').write_bytes(b'not a database' * 1_000)


def change_schema(environment: Environment) -> None:
    with closing(sqlite3.connect(environment.path / 'zato.db', isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def change_key_of_cluster(environment: Environment) -> None:
    with closing(sqlite3.connect(environment.path / 'zato.db', isolation_level=None)) as connection:
        connection.execute("UPDATE cluster SET well_known = 'gAAAAA'")


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (remove_odb, 'zato.db: reading failed: unable to open database file (the file is missing; zato create odb'),
        (damage_odb, 'zato.db: reading failed: file is not a database'),
        (empty_odb, 'zato.db has no schema; run: zato create odb'),
        (remove_messages, 'pubsub.db, which messages are published to, is missing; zato odb upgrade makes it'),
        (damage_messages, 'pubsub.db, which messages are published to, cannot be read: file is not a database'),
        (change_schema, 'zato.db has schema 9999, which is newer than'),
        (change_key_of_cluster, 'the secret key is not that of cluster'),
    ],
)
def test_a_server_whose_odb_is_not_what_it_needs_does_not_start_and_says_why(
    environment: Environment, change: Callable[[Environment], None], reason: str
) -> None:
    environment.start()
    environment.stop()
    change(environment)
    started = zato('start', environment.path)
    assert started.code == 18
    assert reason in started.err
    assert 'Traceback' not in started.err
    assert environment.processes() == []


@pytest.mark.parametrize(
    'statement',
    [
        'raise KeyboardInterrupt',
        'raise GeneratorExit',
        'import gevent; raise gevent.GreenletExit',
        'import gevent; raise gevent.Timeout(1)',
        'raise BaseException("odd")',
    ],
)
def test_whatever_a_service_raises_is_an_answer_and_the_worker_goes_on(environment: Environment, statement: str) -> None:
    environment.save('my.py', service_file(1).replace('        self', f'        {statement}\n        self'))
    environment.start()
    before = [worker['pid'] for worker in environment.info()['workers']]
    answer = environment.invoke('my.service')
    assert answer.status == 500
    assert environment.log_has(answer.json['cid'])
    assert zato('service', 'invoke', environment.path, 'my.service', '--is-async').code == 0
    eventually(lambda: environment.log_has('Service my.service failed in the background') or 'Greenlet' in statement, 'it')
    assert [worker['pid'] for worker in environment.info()['workers']] == before
    assert environment.server.address.exists()


def test_sys_exit_in_a_greenlet_of_a_service_ends_that_greenlet_only(environment: Environment) -> None:
    spawn = '        import gevent, sys\n        gevent.spawn(sys.exit, 3).join()\n        self'
    environment.save('my.py', service_file(1).replace('        self', spawn))
    environment.start()
    [worker] = environment.info()['workers']
    assert environment.invoke('my.service').json['pid'] == worker['pid']
    assert environment.invoke('my.service').json['pid'] == worker['pid']


def test_requests_that_run_when_the_arbiter_is_killed_are_answered(environment: Environment) -> None:
    environment.save('my.py', SLEEPY)
    environment.start()
    port = environment.port
    caller, answers = call_sleepy(environment)
    os.kill(environment.arbiter, signal.SIGKILL)
    eventually(lambda: not _accepts(port), 'the drain')
    started = threading.Event()
    threading.Timer(2.5, started.set).start()  # two heartbeats, at which a worker sees that its arbiter is gone
    started.wait()
    (environment.server.path / 'go').touch()
    caller.join()
    assert answers == [1]


def test_a_burst_of_reloads_ends_with_as_many_workers_as_there_should_be(two_workers: Environment) -> None:
    before = {worker['pid'] for worker in two_workers.info()['workers']}
    arbiter = two_workers.arbiter
    for _ in range(50):
        os.kill(arbiter, signal.SIGHUP)

    def settled() -> bool:
        now = {worker['pid'] for worker in two_workers.info()['workers'] if worker.get('is_ready')}
        checker_and_arbiter = 2
        return len(now) == 2 and not now & before and len(two_workers.processes()) == 2 + checker_and_arbiter

    eventually(settled, 'two new workers and nothing else')
    assert 'did not stop in time' not in two_workers.log()
    assert two_workers.arbiter == arbiter


def test_a_stop_during_a_start_stops_it(environment: Environment) -> None:
    environment.save('slow.py', 'import time\ntime.sleep(600)\n')  # the start checks it for ten seconds
    process = subprocess.Popen([ZATO, 'start', environment.path], stderr=subprocess.PIPE, text=True)
    eventually(environment.server.running_pid, 'the arbiter')
    environment.stop()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 18
    assert 'did not start' in err
    eventually(lambda: environment.processes() == [], 'the end')


def test_a_request_without_credentials_is_refused_before_its_body_is_read(environment: Environment) -> None:
    environment.start()
    with socket.create_connection(('127.0.0.1', environment.port), timeout=PATIENCE) as connection:
        connection.sendall(b'POST /zato/api/invoke/helpers.echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\nx')
        assert connection.recv(65_536).startswith(b'HTTP/1.1 401 ')


def test_a_greenlet_that_fails_with_nobody_waiting_is_in_the_log_and_prints_are_in_output_log(
    environment: Environment,
) -> None:
    code = (
        '        import gevent\n        gevent.spawn(int, "no number")\n        print("printed", flush=True)\n        self'
    )
    environment.save('my.py', service_file(1).replace('        self', code))
    environment.start()
    assert environment.invoke('my.service').status == 200
    eventually(lambda: environment.log_has('ERROR - .* - ValueError: invalid literal for int'), 'the traceback')
    eventually(lambda: 'printed\n' in (environment.server.logs / 'output.log').read_text(), 'what was printed')
