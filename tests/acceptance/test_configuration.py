"""What a wrong directory, file or option leads to: one line that says what, where and what to do; nothing half done."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import Environment, zato
from zato.common.crypto import new_key


def replace_in_conf(old: str, new: str) -> Callable[[Environment], None]:
    def change(environment: Environment) -> None:
        conf = environment.server.server_conf
        text = conf.read_text()
        assert old in text
        conf.write_text(text.replace(old, new))

    return change


def append_to_conf(text: str) -> Callable[[Environment], None]:
    def change(environment: Environment) -> None:
        with environment.server.server_conf.open('a') as conf:
            conf.write(text)

    return change


def wrong_key(environment: Environment) -> None:
    conf = environment.server.secrets_conf
    conf.write_text(re.sub('key1=.*', f'key1={new_key()}', conf.read_text()))


def unset_key(environment: Environment) -> None:
    conf = environment.server.secrets_conf
    conf.write_text(re.sub('key1=.*', 'key1=$NOT_SET_ANYWHERE', conf.read_text()))


def broken_logging(environment: Environment) -> None:
    environment.server.logging_conf.write_text('version: 1\nhandlers: {oops\n')


def broken_pickup(environment: Environment) -> None:
    environment.server.pickup_conf.write_text('[hot-deploy.user.x]\npickup_form=/tmp\n')


CASES = [
    pytest.param(replace_in_conf('[main]', '[main'), r'server\.conf:4: .*`\[main`', id='broken-stanza'),
    pytest.param(
        replace_in_conf('gunicorn_workers=1', 'gunicorn_workers=many'),
        r'server\.conf:\d+: \[main\] gunicorn_workers must be a number from 1 to 256, not `many`',
        id='no-number',
    ),
    pytest.param(
        replace_in_conf('gunicorn_timeout=120', 'gunicorn_timeout=0'),
        r'server\.conf:\d+: \[main\] gunicorn_timeout must be a number of 1 seconds or more, not `0`',
        id='out-of-range',
    ),
    pytest.param(
        replace_in_conf('ibm_mq=False', 'ibm_mq=maybe'),
        r'server\.conf:\d+: \[component_enabled\] ibm_mq must be True or False, not `maybe`',
        id='no-boolean',
    ),
    pytest.param(
        replace_in_conf('gunicorn_workers=1', 'gunicorn_wrokers=1'),
        r'server\.conf:\d+: unknown key `gunicorn_wrokers` in \[main\]; did you mean `gunicorn_workers`\?',
        id='unknown-key',
    ),
    pytest.param(append_to_conf('\n[mian]\n'), r'unknown stanza \[mian\]; did you mean `main`\?', id='unknown-stanza'),
    pytest.param(
        replace_in_conf('gunicorn_bind=0.0.0.0:0', 'gunicorn_bind=nowhere'),
        r'gunicorn_bind must be host:port, not `nowhere`',
        id='bad-address',
    ),
    pytest.param(
        replace_in_conf('gunicorn_bind=0.0.0.0:0', 'gunicorn_bind=0.0.0.0:99999'),
        r'gunicorn_bind must be host:port, not `0.0.0.0:99999`',
        id='bad-port',
    ),
    pytest.param(wrong_key, r'secrets\.conf: the secret key is wrong', id='wrong-key'),
    pytest.param(unset_key, r'secrets\.conf: environment variable NOT_SET_ANYWHERE is not set', id='unset-key'),
    pytest.param(broken_logging, r'logging\.conf:\d+: not valid YAML', id='broken-logging'),
    pytest.param(
        broken_pickup, r'pickup\.conf:2: unknown key `pickup_form`; did you mean `pickup_from`\?', id='broken-pickup'
    ),
    pytest.param(
        lambda environment: environment.server.server_conf.unlink(), r'server\.conf: the file is missing', id='missing'
    ),
    pytest.param(replace_in_conf('use_tls=False', 'use_tls=True'), r'TLS files cannot be loaded', id='no-certificates'),
]


@pytest.mark.parametrize(('change', 'reason'), CASES)
def test_a_server_with_wrong_configuration_does_not_start_and_says_why(
    environment: Environment, change: Callable[[Environment], None], reason: str
) -> None:
    change(environment)
    started = zato('start', environment.path)
    assert started.code == 18
    assert re.search(reason, started.err), started.err
    assert started.err.startswith('Error: ')
    assert 'Traceback' not in started.err
    assert environment.processes() == []
    assert not environment.server.pidfile.exists()
    checked = zato('check-config', environment.path)
    assert checked.code != 0
    assert re.search(reason, checked.err), checked.err


def test_check_config_of_a_good_server_says_ok(environment: Environment) -> None:
    assert zato('check-config', environment.path).out == 'OK\n'


def test_all_errors_of_a_file_are_reported_at_once(environment: Environment) -> None:
    replace_in_conf('gunicorn_workers=1', 'gunicorn_workers=many')(environment)
    append_to_conf('\n[mian]\n')(environment)
    started = zato('start', environment.path)
    assert 'gunicorn_workers' in started.err
    assert 'mian' in started.err


def test_keys_of_classic_zato_are_one_warning_and_the_start_goes_on(environment: Environment) -> None:
    replace_in_conf('[main]', '[main]\nipc_port_start=17050\ndebugger_enabled=False')(environment)
    append_to_conf('\n[odb]\ndb_name=x\n[kvdb]\nhost=y\n')(environment)
    environment.start()
    warnings = [line for line in environment.log().splitlines() if 'not used by this version' in line]
    assert len(warnings) == 1
    assert ' - WARNING - ' in warnings[0]
    for name in ('[odb]', '[kvdb]', '[main] ipc_port_start', '[main] debugger_enabled'):
        assert name in warnings[0]


def test_a_port_in_use_is_named_with_what_to_do(environment: Environment) -> None:
    with socket.socket() as taken:
        taken.bind(('0.0.0.0', 0))
        taken.listen()
        port = taken.getsockname()[1]
        replace_in_conf('gunicorn_bind=0.0.0.0:0', f'gunicorn_bind=0.0.0.0:{port}')(environment)
        started = zato('start', environment.path)
    assert started.code == 18
    assert f'port {port} is in use; stop what uses it or change [main] gunicorn_bind' in started.err
    assert environment.processes() == []


def test_environment_variables_override_the_file(environment: Environment) -> None:
    replace_in_conf('gunicorn_workers=1', 'gunicorn_workers=$MY_WORKERS')(environment)
    environment.start(env={'MY_WORKERS': '2', 'Zato_Config_Server_server__conf_misc_http_server_header': 'Mine'})
    assert len(environment.info()['workers']) == 2
    assert environment.request('GET', '/zato/ping').headers['server'] == 'Mine'
    environment.stop()
    started = zato('start', environment.path)
    assert 'gunicorn_workers must be a number from 1 to 256, not `$MY_WORKERS`' in started.err


def test_secrets_can_be_referred_to_from_server_conf(environment: Environment) -> None:
    token = zato('encrypt', '--path', environment.path, '--data', 'Hidden').out.strip()
    with environment.server.secrets_conf.open('a') as conf:
        conf.write(f'my_header={token}\n')
    replace_in_conf('http_server_header=Zato', 'http_server_header=zato+secret://zato.my_header')(environment)
    environment.start()
    assert environment.request('GET', '/zato/ping').headers['server'] == 'Hidden'


def test_a_secret_key_given_to_start_takes_the_place_of_the_files(environment: Environment) -> None:
    conf = environment.server.secrets_conf
    text = conf.read_text()
    found = re.search('key1=(.*)', text)
    assert found
    conf.write_text(text.replace(found[1], '$NOT_SET_ANYWHERE'))
    environment.start('--secret-key', found[1])


def test_a_read_only_directory_is_named(environment: Environment) -> None:
    lock = environment.server.lock
    lock.unlink(missing_ok=True)
    lock.mkdir()  # what even root cannot open for writing
    started = zato('start', environment.path)
    assert started.code == 18
    assert str(lock) in started.err


def test_the_pidfile_and_the_sockets_of_a_long_path_work(tmp_path: Path) -> None:
    environment = Environment(tmp_path / ('long-' * 20) / 'qs-1')
    try:
        environment.start()
        assert len(environment.info()['workers']) == 1
    finally:
        environment.close()


def test_a_directory_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    for command in ('start', 'stop', 'info', 'check-config', 'component-version', 'ping'):
        result = zato(command, tmp_path)
        assert result.code == 3, command
        assert 'is not a component' in result.err


def test_quickstart_refuses_what_is_not_in_this_version(tmp_path: Path) -> None:
    refused = zato('quickstart', 'create', tmp_path / 'a', '--servers', '2')
    assert (refused.code, 'not in this version' in refused.err) == (15, True)
    refused = zato('quickstart', 'create', tmp_path / 'a', '--odb-type', 'postgresql')
    assert (refused.code, 'not in this version' in refused.err) == (15, True)
    assert not (tmp_path / 'a').exists()


def test_quickstart_takes_the_old_form_and_refuses_a_directory_with_something_in_it(tmp_path: Path) -> None:
    assert zato('quickstart', 'create', tmp_path / 'a', 'sqlite', 'localhost', '6379').code == 0
    assert zato('quickstart', tmp_path / 'b', '--threads-per-server', '3').code == 0
    assert 'gunicorn_workers=3' in (tmp_path / 'b/server1/config/repo/server.conf').read_text()
    again = zato('quickstart', 'create', tmp_path / 'a')
    assert again.code == 5
    assert 'is not empty' in again.err


def test_quickstart_makes_the_layout_that_users_know(tmp_path: Path) -> None:
    assert zato('quickstart', 'create', tmp_path / 'qs').code == 0
    server = tmp_path / 'qs' / 'server1'
    for name in ('server.conf', 'logging.conf', 'secrets.conf', 'pickup.conf', 'user.conf'):
        assert (server / 'config/repo' / name).is_file()
    assert (server / 'logs/ibm-mq.log').is_file()
    assert (server / 'pickup/incoming/services/demo.py').is_file()
    assert (server / 'config/repo/secrets.conf').stat().st_mode & 0o077 == 0
    for name in ('zato-qs-start.sh', 'zato-qs-stop.sh', 'zato-qs-restart.sh'):
        assert os.access(tmp_path / 'qs' / name, os.X_OK)
    assert zato('component-version', server).out == zato('--version').out.split()[-1] + '\n'


def test_the_management_scripts_start_and_stop_the_environment(environment: Environment) -> None:
    for name in ('start', 'restart', 'stop'):
        done = subprocess.run([environment.path / f'zato-qs-{name}.sh'], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert environment.processes() == []


def test_encrypt_and_decrypt_undo_each_other(environment: Environment) -> None:
    key = zato('create', 'secret-key').out.strip()
    for options in (['--secret-key', key], ['--path', environment.path]):
        token = zato('encrypt', '--data', 'secret ü', *options).out.strip()
        assert token.startswith('gAAA')
        assert zato('decrypt', '--data', token, *options).out == 'secret ü\n'
    failed = zato('decrypt', '--data', token, '--secret-key', key)
    assert failed.code != 0
    assert 'not encrypted with this key' in failed.err
    assert zato('encrypt', '--data', 'x').code == 13


def test_create_server_makes_a_server_that_starts(tmp_path: Path) -> None:
    path = tmp_path / 'my-server'
    assert zato('create', 'server', path, 'my-cluster', 'my-server', '--http-port', '0').out == 'OK\n'
    try:
        assert zato('start', path).code == 0
        assert zato('ping', path).code == 0
    finally:
        assert zato('stop', path).code == 0


def test_a_server_directory_in_the_usual_place_works() -> None:
    path = Path('/opt/zato/env/dev/server1')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        pytest.fail(f'this test needs to write to {path.parent}: run it as root, or create that directory for yourself')
    assert zato('create', 'server', path, 'dev', 'server1', '--http-port', '0').code == 0
    try:
        assert zato('start', path).code == 0
        assert zato('service', 'invoke', path, 'zato.ping').code == 0
    finally:
        zato('stop', path)
        shutil.rmtree(path)


def test_an_unknown_command_is_answered_with_the_nearest_one() -> None:
    result = zato('strat')
    assert result.code == 2
    assert 'did you mean `start`?' in result.err


def test_wait_gives_up_with_its_own_exit_code(environment: Environment) -> None:
    waited = zato('wait', '--address', 'http://127.0.0.1:1', '--timeout', '0.3')
    assert waited.code == 28
    assert 'No answer from 127.0.0.1:1' in waited.err
    refused = zato('ping', environment.path)
    assert refused.code != 0
    assert 'start it with: zato start' in refused.err
