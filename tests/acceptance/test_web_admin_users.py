"""The dashboard's users, as commands handle them, while it does not run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.test_web_admin_commands import stored
from tests.support.environment import ZATO, Environment, zato


@pytest.fixture(scope='module')
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Not started; each test has users of its own."""
    created = Environment(tmp_path_factory.mktemp('shared') / 'qs-1', web_admin=True)
    yield created
    created.close()


def test_a_user_is_created_with_a_password_that_is_shown_once(users: Environment) -> None:
    created = zato('create', 'user', users.path, '--username', 'jane', '--email', 'jane@example.com', '--role', 'viewer')
    assert re.fullmatch(r'User: jane, password: \S{20,}\n', created.out), created.err
    assert stored(users, 'jane')[0] == 'viewer'
    again = zato('create', 'user', users.path, '--username', 'jane')
    assert again.code != 0
    assert re.fullmatch(r'Error: .*jane.*\n', again.err), again.err


def test_a_password_comes_from_standard_input_and_is_not_shown(users: Environment) -> None:
    command = [ZATO, 'create', 'user', users.web_admin.path, '--username', 'joe', '--password', '-', '--role', 'operator']
    done = subprocess.run(command, input='a long secret\n', capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, 'OK\n'), done.stderr
    role, before = stored(users, 'joe')
    assert role == 'operator'
    command = [ZATO, 'update', 'password', users.path, 'joe']
    done = subprocess.run(command, input='another long secret\n', capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, 'OK\n'), done.stderr
    assert stored(users, 'joe')[1] not in ('', before)


@pytest.mark.parametrize(
    'command',
    [('update', 'password', '{}', 'nobody', '--password', 'a long secret'), ('reset-totp-key', '{}', 'nobody')],
    ids=['password', 'totp'],
)
def test_a_user_who_is_not_there_is_named(users: Environment, command: tuple[str, ...]) -> None:
    refused = zato(*(str(users.path) if word == '{}' else word for word in command))
    assert refused.code != 0
    assert re.fullmatch(r'Error: .*nobody.*\n', refused.err), refused.err


def test_an_empty_password_and_an_unknown_role_are_refused(users: Environment) -> None:
    command = [ZATO, 'update', 'password', users.path, 'admin']
    done = subprocess.run(command, input='\n', capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (15, 'Error: There is no password on standard input\n')
    refused = zato('create', 'user', users.path, '--username', 'x', '--role', 'root')
    assert refused.code == 2
    assert 'root' in refused.err
    assert stored(users, 'x') == ('', '')


def test_a_totp_key_is_made_and_turned_off(users: Environment) -> None:
    made = zato('reset-totp-key', users.path, 'admin')
    assert made.code == 0, made.err
    assert re.search(r'\b[A-Z2-7]{16,}\b', made.out)
    assert zato('reset-totp-key', users.path, 'admin', '--off').out == 'OK\n'


@pytest.mark.parametrize(
    'command',
    [
        ('service', 'list', '{}'),
        ('object', 'list', '{}', 'channel_rest'),
        ('ping', '{}'),
        ('hot-deploy', '{}', __file__),
        ('odb', 'upgrade', '{}'),
        ('enmasse', '{}', '--export'),
        ('dev', '{}'),
    ],
    ids=lambda command: command[0],
)
def test_commands_about_servers_say_that_a_dashboard_is_none(users: Environment, command: tuple[str, ...]) -> None:
    path = users.web_admin.path
    refused = zato(*(str(path) if word == '{}' else word for word in command))
    assert (refused.code, refused.err) == (
        23,
        f'Error: {path} is a dashboard; this needs a server, or an environment, such as: {users.path}\n',
    )
