"""The dashboard's directory and processes, as commands handle them. What its pages do is not here."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.certificate import make_certificate
from tests.support.environment import PATIENCE, ZATO, Environment, eventually, zato
from tests.support.ports import free_ports
from zato.admin.cluster import make_server
from zato.client.admin import AdminClient
from zato.common.config.secrets import Secrets
from zato.common.crypto import new_key


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """One server and a dashboard, not started."""
    created = Environment(tmp_path / 'qs-1', web_admin=True)
    yield created
    created.close()


def status(environment: Environment, path: str = '/accounts/login/') -> int:
    """What the dashboard answers."""
    connection = http.client.HTTPConnection('127.0.0.1', environment.web_admin_port, timeout=PATIENCE)
    try:
        connection.request('GET', path)
        return connection.getresponse().status
    finally:
        connection.close()


def change_conf(environment: Environment, old: str, new: str) -> None:
    conf = environment.web_admin.web_admin_conf
    text = conf.read_text()
    assert old in text
    conf.write_text(text.replace(old, new))


def stored(environment: Environment, username: str) -> tuple[str, str]:
    """Role and hash of the password of a user, '' if there is none."""
    with closing(sqlite3.connect(environment.web_admin.database)) as database:
        found = database.execute('SELECT role, password FROM accounts_user WHERE username = ?', (username,)).fetchone()
    return found or ('', '')


# Start and stop


def test_an_environment_starts_and_stops_with_its_dashboard(environment: Environment) -> None:
    environment.start()
    assert environment.request('GET', '/zato/ping').status == 200
    assert status(environment) == 200
    port = environment.web_admin_port
    assert int(environment.web_admin.pidfile.read_text()) in environment.web_admin_processes()
    environment.stop()
    assert environment.processes() == []
    assert not environment.web_admin.pidfile.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
    environment.start()
    assert status(environment) == 200


def test_a_dashboard_starts_and_stops_without_servers_and_knows_what_it_is(environment: Environment) -> None:
    path = environment.web_admin.path
    assert zato('check-config', path).out == 'OK\n'
    assert zato('start', path).out == 'OK\n'
    assert zato('wait', '--path', path).out == 'OK\n'
    shown = json.loads(zato('info', path, '--format', 'json').out)
    assert shown['component_running'] is True
    assert shown['address'] == f'127.0.0.1:{environment.web_admin_port}'
    assert shown['component_details']['component'] == 'WEB_ADMIN'
    assert shown['master_proc_pid'] in environment.web_admin_processes()
    both = json.loads(zato('info', environment.path, '--format', 'json').out)
    assert [item['component_running'] for item in both] == [False, True]
    assert zato('component-version', path).out == zato('--version').out.split()[-1] + '\n'
    second = zato('start', path)
    assert (second.code, 'it is running already (pid' in second.err) == (9, True)
    assert zato('stop', path).out == 'OK\n'
    assert environment.processes() == []
    again = zato('stop', path)
    assert (again.code, 'is not running' in again.err) == (2, True)


def test_a_restart_passes_the_callers_environment_on(environment: Environment) -> None:
    environment.start()
    port = free_ports()
    env = {'Zato_Config_Dashboard_web__admin__conf_main_gunicorn_bind': f'127.0.0.1:{port}'}
    assert zato('restart', environment.path, env=env).code == 0
    assert environment.web_admin_port == port
    assert status(environment) == 200


def test_a_dashboard_whose_port_is_taken_says_so_and_the_servers_run(environment: Environment) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        change_conf(environment, 'gunicorn_bind=0.0.0.0:0', f'gunicorn_bind=127.0.0.1:{port}')
        started = zato('start', environment.path)
        assert started.code == 18
        assert f'web-admin.conf: port {port} is in use; stop what uses it or change [main] gunicorn_bind' in started.err
        assert started.err.endswith('\nRunning: server1\n')
        assert 'Traceback' not in started.err
        assert environment.web_admin_processes() == []
        assert environment.request('GET', '/zato/ping').status == 200
        checked = zato('check-config', environment.path)
        assert (checked.code, f'port {port} is in use' in checked.err) == (16, True)
    assert zato('start', environment.web_admin.path).code == 0
    assert status(environment) == 200


def test_kill_9_of_the_dashboards_parent_ends_it_and_a_start_brings_it_back(environment: Environment) -> None:
    environment.start()
    os.kill(int(environment.web_admin.pidfile.read_text()), signal.SIGKILL)
    assert zato('start', environment.web_admin.path).code == 0
    assert status(environment) == 200
    assert environment.request('GET', '/zato/ping').status == 200


def test_kill_9_of_all_its_processes_is_followed_by_a_start(environment: Environment) -> None:
    path = environment.web_admin.path
    assert zato('start', path).code == 0
    for pid in environment.web_admin_processes():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not environment.web_admin_processes(), 'the end of the processes')
    assert json.loads(zato('info', path, '--format', 'json').out)['component_running'] is False
    assert zato('start', path).code == 0
    assert status(environment) == 200


def foreground(environment: Environment) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [ZATO, 'start', environment.path, '--fg'],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def lines_until(process: subprocess.Popen[str], text: str) -> str:
    """What it prints up to a line with that text. Fails if there is none in time."""
    assert process.stdout is not None
    lines: list[str] = []
    watchdog = threading.Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        while text not in (lines or [''])[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], ''.join(lines)
    finally:
        watchdog.cancel()
    return ''.join(lines)


def test_in_the_foreground_the_dashboards_address_and_log_are_shown_and_ctrl_c_ends_all(environment: Environment) -> None:
    with foreground(environment) as process:
        shown = lines_until(process, 'Stop with Ctrl-C')
        assert f'http://127.0.0.1:{environment.web_admin_port}/' in shown
        assert f'zato update password {environment.web_admin.path} admin' in shown
        assert 'Started web-admin, listening on' in shown
        assert 'Started server1, listening on' in shown
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert environment.processes() == []


def test_in_the_foreground_a_dashboard_that_fails_is_told_and_the_servers_stay(environment: Environment) -> None:
    change_conf(environment, 'gunicorn_threads=8', 'gunicorn_threads=x')
    with foreground(environment) as process:
        shown = lines_until(process, 'Running: server1')
        assert re.search('Error: .*/web-admin did not start: .*gunicorn_threads must be a number', shown), shown
        assert environment.request('GET', '/zato/ping').status == 200
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 18
    assert environment.processes() == []


def test_a_dashboard_with_tls_is_waited_for(environment: Environment) -> None:
    files = make_certificate(environment.web_admin.repo, 'mine')
    change_conf(environment, 'use_tls=False', 'use_tls=True')
    change_conf(environment, '=zato-web-admin-priv-key.pem', '=mine.key')
    change_conf(environment, '=zato-web-admin-cert.pem', '=mine.pem')
    path = environment.web_admin.path
    assert zato('check-config', path).out == 'OK\n'
    assert zato('start', path).code == 0
    assert zato('wait', '--path', path).out == 'OK\n'
    context = ssl.create_default_context(cafile=files['certificate'])
    connection = http.client.HTTPSConnection('127.0.0.1', environment.web_admin_port, timeout=PATIENCE, context=context)
    with closing(connection):
        connection.request('GET', '/accounts/login/')
        assert connection.getresponse().status == 200


def test_a_server_with_tls_is_reached_through_its_directory(environment: Environment) -> None:
    make_certificate(environment.server.repo, 'mine')
    conf = environment.server.server_conf
    text = conf.read_text().replace('use_tls=False', 'use_tls=True')
    text = text.replace('=zato-server-priv-key.pem', '=mine.key').replace('=zato-server-cert.pem', '=mine.pem')
    conf.write_text(text)
    environment.start(server=environment.server)
    host, port, tls = make_server('server1', '../server1', environment.web_admin.path, None).locate()
    client = AdminClient(host=host, port=port, tls=tls, password=environment.password('admin_invoke'))
    assert client.invoke('zato.ping') == {'pong': 'zato'}


def wrong_key(environment: Environment) -> None:
    conf = environment.web_admin.secrets_conf
    conf.write_text(re.sub('key1=.*', f'key1={new_key()}', conf.read_text()))


def no_secret(environment: Environment) -> None:
    conf = environment.web_admin.secrets_conf
    conf.write_text(re.sub('admin_invoke_password=.*', '', conf.read_text()))


def no_authorities(environment: Environment) -> None:
    change_conf(environment, 'ca_certs_location=', 'ca_certs_location=x.pem')
    change_conf(environment, 'server1=../server1', 'server1=https://127.0.0.1:1')


def broken_database(environment: Environment) -> None:
    environment.web_admin.database.write_bytes(b'no database at all, but long enough to be taken for one' * 100)


CASES = [
    pytest.param(
        lambda environment: change_conf(environment, 'gunicorn_threads', 'gunicorn_thraeds'),
        r'web-admin\.conf:\d+: unknown key `gunicorn_thraeds` in \[main\]; did you mean `gunicorn_threads`\?',
        id='unknown-key',
    ),
    pytest.param(
        lambda environment: change_conf(environment, 'gunicorn_bind=0.0.0.0:0', 'gunicorn_bind=nowhere'),
        r'gunicorn_bind must be host:port, not `nowhere`',
        id='bad-address',
    ),
    pytest.param(
        lambda environment: change_conf(environment, 'server1=../server1', ''), r'\[servers\] must have one', id='no-server'
    ),
    pytest.param(
        lambda environment: change_conf(environment, 'use_tls=False', 'use_tls=True'), r'TLS files cannot be', id='no-tls'
    ),
    pytest.param(no_authorities, r'x\.pem', id='no-authorities'),
    pytest.param(
        lambda environment: environment.web_admin.web_admin_conf.write_text('{"host": "0.0.0.0"}'),
        r'it is the JSON of classic Zato',
        id='classic',
    ),
    pytest.param(wrong_key, r'secrets\.conf: the secret key is wrong', id='wrong-key'),
    pytest.param(no_secret, r'secrets\.conf: \[zato\] admin_invoke_password is missing', id='no-secret'),
    pytest.param(broken_database, r'web-admin\.db: .*not a database', id='broken-database'),
    pytest.param(
        lambda environment: environment.web_admin.logging_conf.write_text('version: 1\nhandlers: {oops\n'),
        r'logging\.conf:\d+: not valid YAML',
        id='broken-logging',
    ),
]


@pytest.mark.parametrize(('change', 'reason'), CASES)
def test_a_dashboard_with_wrong_configuration_does_not_start_and_says_why(
    environment: Environment, change: Callable[[Environment], None], reason: str
) -> None:
    change(environment)
    path = environment.web_admin.path
    started = zato('start', path)
    assert started.code == 18
    assert re.search(reason, started.err), started.err
    assert started.err.startswith('Error: ')
    assert 'Traceback' not in started.err
    assert environment.processes() == []
    assert not environment.web_admin.pidfile.exists()
    checked = zato('check-config', path)
    assert checked.code == 16
    assert re.search(reason, checked.err), checked.err


def test_a_directory_that_cannot_be_used_is_named_and_the_servers_run(environment: Environment) -> None:
    logs = environment.web_admin.logs
    shutil.rmtree(logs)
    logs.write_text('no directory')
    started = zato('start', environment.path)
    assert started.code == 18
    assert f'{environment.web_admin.path} did not start: ' in started.err
    assert str(logs) in started.err
    assert started.err.endswith('\nRunning: server1\n')
    assert environment.request('GET', '/zato/ping').status == 200


def test_without_its_database_a_dashboard_starts_with_a_new_one_that_has_no_users(environment: Environment) -> None:
    environment.web_admin.database.unlink()
    path = environment.web_admin.path
    assert zato('check-config', path).out == 'OK\n'
    assert zato('start', path).code == 0
    assert status(environment) == 200
    assert environment.web_admin.database.stat().st_mode & 0o077 == 0
    created = zato('create', 'user', path, '--username', 'admin')
    assert created.code == 0, created.err
    assert stored(environment, 'admin')[0] == 'admin'


# Creation


def test_quickstart_shows_the_password_once_and_keeps_it_nowhere(tmp_path: Path) -> None:
    created = zato('quickstart', 'create', tmp_path / 'qs', '--http-port', '18010', '--servers', '2')
    assert '[6/7] Dashboard created' in created.out
    [password] = re.findall(r'^Dashboard user: admin, password: (\S{20,})$', created.out, re.MULTILINE)
    for path in (tmp_path / 'qs').rglob('*'):
        assert not path.is_file() or password.encode() not in path.read_bytes(), path
    conf = (tmp_path / 'qs/web-admin/config/repo/web-admin.conf').read_text()
    assert 'gunicorn_bind=0.0.0.0:8183' in conf
    assert conf.endswith('[servers]\nserver1=http://127.0.0.1:18010\nserver2=http://127.0.0.1:18011\n')
    server, dashboard = (
        Secrets(tmp_path / 'qs' / name / 'config/repo/secrets.conf', {}) for name in ('server1', 'web-admin')
    )
    assert dashboard.key == server.key
    assert dashboard.get('zato.admin_invoke_password') == server.get('zato.admin_invoke_password')


def test_an_environment_without_a_dashboard_has_none_and_gets_one_of_its_own_servers(tmp_path: Path) -> None:
    environment = Environment(tmp_path / 'qs', servers=2)
    try:
        assert not environment.web_admin.path.exists()
        refused = zato('create', 'user', environment.path, '--username', 'jane')
        assert refused.code == 3
        assert f'There is no dashboard in {environment.path}; zato create web-admin makes one' in refused.err
        path = environment.web_admin.path
        created = zato('create', 'web-admin', path, '--like', environment.path, '--http-port', '0')
        assert created.code == 0, created.err
        assert re.fullmatch(rf'Dashboard user: admin, password: \S{{20,}}\nStart it with: zato start {path}\n', created.out)
        assert (
            (path / 'config/repo/web-admin.conf').read_text().endswith('[servers]\nserver1=../server1\nserver2=../server2\n')
        )
        environment.start()
        assert status(environment) == 200
        again = zato('create', 'web-admin', path, '--like', environment.path)
        assert (again.code, 'is not empty' in again.err) == (5, True)
    finally:
        environment.close()


def test_a_dashboard_of_servers_elsewhere_is_created_of_their_addresses(tmp_path: Path) -> None:
    path = tmp_path / 'dashboard'
    servers = ['--server', 'a=https://a.example.com', '--server', 'b=http://10.0.0.7:17010']
    created = zato('create', 'web-admin', path, *servers, env={'ZATO_ADMIN_INVOKE_PASSWORD': 'theirs'})
    assert created.code == 0, created.err
    conf = (path / 'config/repo/web-admin.conf').read_text()
    assert conf.endswith('[servers]\na=https://a.example.com\nb=http://10.0.0.7:17010\n')
    secrets = Secrets(path / 'config/repo/secrets.conf', {})
    assert secrets.get('zato.admin_invoke_password') == 'theirs'
    assert zato('set-admin-invoke-password', path, '--password', 'theirs now').out == 'OK\n'
    secrets = Secrets(path / 'config/repo/secrets.conf', {})
    assert secrets.get('zato.admin_invoke_password') == 'theirs now'


@pytest.mark.parametrize(
    ('options', 'code', 'reason'),
    [
        ([], 14, '--like, a server or an environment, is required, or --server with --admin-invoke-password'),
        (['--server', 'a=http://b'], 14, 'is required, or --server with --admin-invoke-password'),
        (['--admin-invoke-password', 'x', '--server', 'http://b:1'], 15, '--server http://b:1 is not like server1='),
        (['--admin-invoke-password', 'x', '--server', 'a=b:1'], 15, '--server a must be like http://127.0.0.1:17010'),
        (['--admin-invoke-password', 'x', '--server', 'a=http://b', '--server', 'a=http://c'], 13, 'is given twice'),
        (['--admin-invoke-password', 'x', '--server', 'a=/nowhere'], 3, '/nowhere does not exist'),
        (['--admin-invoke-password', 'x', '--like', '/nowhere'], 13, 'Give either --like or --admin-invoke-password'),
        (['--like', '/nowhere'], 3, '/nowhere does not exist'),
        (['--admin-invoke-password', 'x', '--server', 'a=http://b', '--secret-key', 'x'], 15, 'not a Fernet key'),
    ],
    ids=['nothing', 'no-password', 'no-name', 'no-address', 'twice', 'no-directory', 'both', 'like-nothing', 'key'],
)
def test_a_dashboard_that_cannot_be_created_leaves_nothing(
    tmp_path: Path, options: list[str], code: int, reason: str
) -> None:
    refused = zato('create', 'web-admin', tmp_path / 'dashboard', *options)
    assert (refused.code, reason in refused.err) == (code, True), refused.err
    assert not list(tmp_path.rglob('*'))
