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

from tests.support.environment import Environment, Result, service_file, zato
from zato.common.crypto import new_key
from zato.common.odb.address import ODBAddress


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
    replace_in_conf('[odb]', '[odb]\npool_size=9')(environment)
    append_to_conf('\n[kvdb]\nhost=y\n')(environment)
    environment.start()
    warnings = [line for line in environment.log().splitlines() if 'not used by this version' in line]
    assert len(warnings) == 1
    assert ' - WARNING - ' in warnings[0]
    for name in ('[odb] pool_size', '[kvdb]', '[main] ipc_port_start', '[main] debugger_enabled'):
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


@pytest.mark.parametrize(
    ('options', 'code', 'reason'),
    [
        (['--odb-type=postgresql'], 14, '--odb-host, --odb-user, --odb-db-name must be given with --odb-type postgresql'),
        (['--odb-db-name=/tmp/my.db'], 13, '--odb-db-name has no meaning here'),
        (['--odb-type=mysql'], 2, "'mysql' is not one of 'sqlite', 'postgresql'"),
        (['mysql'], 15, 'The type of the ODB must be sqlite or postgresql, not mysql'),
        (['--servers=0'], 2, '0 is not in the range x>=1'),
        (['--odb-type=postgresql', '--odb-host=127.0.0.1', '--odb-port=1', '--odb-user=x', '--odb-db-name=y'], 16, 'port 1'),
    ],
)
def test_quickstart_refuses_what_makes_no_sense_and_leaves_nothing(
    tmp_path: Path, options: list[str], code: int, reason: str
) -> None:
    refused = zato('quickstart', 'create', tmp_path / 'a', *options)
    assert (refused.code, reason in refused.err) == (code, True), refused.err
    assert [path.name for path in tmp_path.iterdir()] in ([], ['a'])
    assert not list(tmp_path.glob('a/*'))


def test_servers_of_one_quickstart_have_one_odb_one_key_and_ports_of_their_own(tmp_path: Path) -> None:
    created = zato('quickstart', 'create', tmp_path / 'qs', '--servers', '3', '--http-port', '18010', '--no-web-admin')
    assert created.code == 0, created.err
    assert '[6/7] Sample services created' in created.out
    servers = [tmp_path / 'qs' / f'server{number}' / 'config/repo' for number in (1, 2, 3)]
    texts = [(server / 'server.conf').read_text() for server in servers]
    ports = [re.findall(r'gunicorn_bind=0\.0\.0\.0:(.*)', text) for text in texts]
    assert ports == [['18010'], ['18011'], ['18012']]
    assert {text.partition('[odb]')[2] for text in texts} == {texts[0].partition('[odb]')[2]}
    assert 'db_name=../../../zato.db' in texts[0]
    keys = {re.findall('key1=.*', (server / 'secrets.conf').read_text())[0] for server in servers}
    assert len(keys) == 1


@pytest.mark.parametrize('odb_engine', ['postgresql'], indirect=True)
def test_a_quickstart_over_postgresql_starts_and_keeps_the_password_encrypted(
    empty_odb_address: ODBAddress, tmp_path: Path
) -> None:
    environment = Environment(tmp_path / 'qs', servers=2, odb=empty_odb_address)
    try:
        environment.start()
        assert environment.deploy('my.py', service_file(1), server=1).code == 0
        assert [environment.invoke('my.service', server=server).json['version'] for server in (0, 1)] == [1, 1]
        for path in environment.path.rglob('*'):
            assert not path.is_file() or empty_odb_address.password.encode() not in path.read_bytes(), path
    finally:
        environment.close()


def test_quickstart_takes_the_old_form_and_refuses_a_directory_with_something_in_it(tmp_path: Path) -> None:
    assert zato('quickstart', 'create', tmp_path / 'a', 'sqlite', 'localhost', '6379', '--no-web-admin').code == 0
    assert zato('quickstart', tmp_path / 'b', '--threads-per-server', '3', '--no-web-admin').code == 0
    assert 'gunicorn_workers=3' in (tmp_path / 'b/server1/config/repo/server.conf').read_text()
    again = zato('quickstart', 'create', tmp_path / 'a')
    assert again.code == 5
    assert 'is not empty' in again.err


def test_quickstart_makes_the_layout_that_users_know(tmp_path: Path) -> None:
    assert zato('quickstart', 'create', tmp_path / 'qs').code == 0
    server = tmp_path / 'qs' / 'server1'
    for name in ('server.conf', 'logging.conf', 'secrets.conf', 'pickup.conf', 'user.conf'):
        assert (server / 'config/repo' / name).is_file()
    for name in ('server.log', 'ibm-mq.log', 'pubsub.log'):
        assert (server / 'logs' / name).is_file()
    assert (server / 'pickup/incoming/services/demo.py').is_file()
    dashboard = tmp_path / 'qs' / 'web-admin'
    for name in ('web-admin.conf', 'logging.conf', 'secrets.conf'):
        assert (dashboard / 'config/repo' / name).is_file()
    for path in (server, dashboard):
        assert (path / 'config/repo/secrets.conf').stat().st_mode & 0o077 == 0
        assert path.stat().st_mode & 0o007 == 0
    assert (dashboard / 'work/web-admin.db').stat().st_mode & 0o077 == 0
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


def test_an_odb_a_cluster_and_servers_that_are_created_one_by_one_make_what_starts(tmp_path: Path) -> None:
    key = zato('create', 'secret-key').out.strip()
    odb = f'--odb-db-name={tmp_path / "my.db"}'
    one, two = tmp_path / 'one', tmp_path / 'two'
    for command in (
        ['odb', odb],
        ['cluster', 'mine', f'--secret-key={key}', odb],
        ['server', one, 'mine', 'one', '--http-port=0', f'--secret-key={key}', odb],
        ['server', two, 'mine', 'two', '--http-port=0', f'--like={one}'],
    ):
        created = zato('create', *command)
        assert (created.code, created.out) == (0, 'OK\n'), created.err
    try:
        for path in (one, two):
            assert zato('start', path).code == 0
            assert zato('ping', path).code == 0
    finally:
        assert zato('stop', one).code == zato('stop', two).code == 0


def test_what_does_not_fit_the_cluster_is_refused_and_leaves_no_directory(tmp_path: Path) -> None:
    key, other_key = (zato('create', 'secret-key').out.strip() for _ in range(2))
    odb, path = f'--odb-db-name={tmp_path / "my.db"}', tmp_path / 'one'

    def server(name: str, key: str, cluster: str = 'mine') -> Result:
        return zato('create', 'server', path, cluster, name, f'--secret-key={key}', odb)

    assert 'the file is missing; zato create odb' in zato('create', 'cluster', 'mine', f'--secret-key={key}', odb).err
    assert zato('create', 'odb', odb).code == 0
    assert 'has no cluster; run: zato create cluster' in server('one', key).err
    assert zato('create', 'cluster', 'mine', f'--secret-key={key}', odb).code == 0
    for refused, code, reason in (
        (zato('create', 'odb', odb), 1, 'has a schema already'),
        (zato('create', 'cluster', 'mine', f'--secret-key={key}', odb), 6, 'has the cluster `mine` already'),
        (server('one', other_key), 16, 'the secret key is not that of cluster `mine`'),
        (server('one', key, 'yours'), 8, 'has cluster `mine`, not `yours`'),
        (server('one', ''), 14, '--secret-key, that of the cluster, is required'),
    ):
        assert (refused.code, reason in refused.err) == (code, True), refused.err
        assert not path.exists()
    assert zato('create', 'odb', odb, '--skip-if-exists').code == 0
    assert zato('create', 'cluster', 'mine', f'--secret-key={key}', odb, '--skip-if-exists').code == 0
    assert server('one', key).code == 0
    path.rename(tmp_path / 'elsewhere')
    again = server('one', key)
    assert (again.code, 'there is a server `one` in this cluster already' in again.err) == (7, True)


def test_a_server_directory_in_the_usual_place_works() -> None:
    path = Path('/opt/zato/env/dev/server1')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        pytest.fail(f'this test needs to write to {path.parent}: run it as root, or create that directory for yourself')
    shutil.rmtree(path.parent)
    assert zato('quickstart', 'create', path.parent, '--http-port', '0', '--no-web-admin').code == 0
    try:
        assert zato('start', path).code == 0
        assert zato('service', 'invoke', path, 'zato.ping').code == 0
    finally:
        zato('stop', path)
        shutil.rmtree(path.parent)


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
