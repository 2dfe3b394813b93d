"""Users and log-ins of a dashboard's own processes, with its database in a file: many at once, restarts, damage."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import time

import pyotp
import pytest

from tests.support.dashboard_process import PASSWORD, DashboardProcess


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[DashboardProcess]:
    made = DashboardProcess(tmp_path / 'web-admin')
    yield made
    made.stop()


def at_once(count: int, call: Callable[[int], object]) -> list[object]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(call, range(count)))


def test_many_wrong_log_ins_at_once_get_no_more_guesses_than_one_after_the_other(dashboard: DashboardProcess) -> None:
    dashboard.configure(log_ins_per_minute=1000, lockout_time=600)
    dashboard.create_user()
    dashboard.start()
    answers = at_once(200, lambda n: dashboard.log_in(password=f'guess-{n}')[0])
    assert Counter(answers) == {403: 5, 429: 195}
    assert dashboard.log().count("Log-in of user 'jane' from 127.0.0.1 failed") == 5
    assert dashboard.log_in()[0] == 429
    dashboard.stop()
    dashboard.start()
    assert dashboard.log_in()[0] == 429, 'a restart ends no wait'
    assert dashboard.command('update-password', 'JANE').returncode == 0
    assert dashboard.log_in()[0] == 302


def test_many_log_ins_of_one_address_at_once_are_counted_right(dashboard: DashboardProcess) -> None:
    dashboard.configure(log_ins_per_minute=7)
    dashboard.start()
    answers = at_once(40, lambda n: dashboard.log_in(f'user-{n}')[0])
    assert Counter(answers) == {403: 7, 429: 33}


def test_of_two_log_ins_at_once_with_the_same_code_one_is_refused(dashboard: DashboardProcess) -> None:
    dashboard.create_user()
    key = dashboard.command('reset-totp-key', 'jane').stdout.split()[2]
    dashboard.start()
    code = pyotp.TOTP(key).at(int(time()))
    answers = at_once(4, lambda _: dashboard.log_in(code=code)[0])
    assert Counter(answers) == {302: 1, 403: 3}


def test_a_new_password_by_command_ends_sessions_while_the_dashboard_runs(dashboard: DashboardProcess) -> None:
    dashboard.create_user()
    dashboard.start()
    _, session = dashboard.log_in()
    assert dashboard.has_session(session)
    assert dashboard.command('update-password', 'jane', given='battery-staple-7').returncode == 0
    assert not dashboard.has_session(session)
    assert [dashboard.log_in()[0], dashboard.log_in(password='battery-staple-7')[0]] == [403, 302]


def test_two_commands_at_once_make_one_database(dashboard: DashboardProcess) -> None:
    done = at_once(4, lambda n: dashboard.command('create-user', '--username', f'user-{n}').stderr)
    assert done == ['', '', '', '']
    with closing(sqlite3.connect(dashboard.directory.database)) as database:
        assert database.execute('SELECT count(*) FROM accounts_user').fetchone() == (4,)
    assert dashboard.directory.database.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ('arguments', 'given', 'text'),
    [
        (('create-user', '--username', 'JANE'), PASSWORD, 'There is a user JANE already'),
        (('create-user', '--username', 'joe'), 'short', 'too short'),
        (('create-user', '--username', 'joe'), '', 'too short'),
        (('create-user', '--username', 'x' * 151), PASSWORD, 'A user name has 1 to 150 printable characters'),
        (('create-user', '--username', 'a\nb'), PASSWORD, 'A user name has'),
        (('create-user', '--username', 'joe', '--role', 'root'), PASSWORD, 'A role is one of'),
        (('create-user', '--username', 'joe', '--email', 'x'), PASSWORD, 'An e-mail address is like'),
        (('update-password', 'nobody'), PASSWORD, "There is no user 'nobody'"),
        (('update-password', 'jane'), 'password123', 'too common'),
        (('reset-totp-key', 'nobody'), '', "There is no user 'nobody'"),
    ],
    ids=['taken', 'short', 'empty', 'long', 'two lines', 'role', 'e-mail', 'nobody', 'common', 'no key'],
)
def test_what_a_command_refuses_it_says_in_one_line(
    shared: DashboardProcess, arguments: tuple[str, ...], given: str, text: str
) -> None:
    done = shared.command(*arguments, given=given)
    assert done.returncode == 16
    assert done.stdout == ''
    assert done.stderr.startswith('Error: ')
    assert done.stderr.count('\n') == 1
    assert text in done.stderr


@pytest.fixture(scope='module')
def shared(tmp_path_factory: pytest.TempPathFactory) -> DashboardProcess:
    """With user jane, for commands that change nothing."""
    made = DashboardProcess(tmp_path_factory.mktemp('dashboard') / 'web-admin')
    made.create_user()
    return made


def _make_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('accounts', '0099_more', '2030-01-01')")
        database.commit()


def _overwrite(file: Path) -> None:
    file.write_bytes(b'This is no database. ' * 1_000)


def _damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for start in range(8_192, len(content) - 4_096, 4_096):
        content[start : start + 200] = os.urandom(200)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ('damage', 'text'),
    [
        (_make_newer, 'newer version of Zato (accounts.0099_more)'),
        (_overwrite, "not a database; this is the dashboard's database"),
        (_damage, 'damaged'),
    ],
    ids=['newer', 'overwritten', 'damaged'],
)
def test_a_database_that_cannot_be_used_is_named(
    dashboard: DashboardProcess, damage: Callable[[Path], None], text: str
) -> None:
    dashboard.create_user()
    damage(dashboard.directory.database)
    done = dashboard.command('update-password', 'jane')
    assert done.returncode != 0
    assert str(dashboard.directory.database) in done.stderr
    assert text in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_full_disk_is_named(dashboard: DashboardProcess) -> None:
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    done = dashboard.command('create-user', '--username', 'jane', preexec_fn=full)
    assert done.returncode != 0
    assert 'Traceback' not in done.stderr
    assert str(dashboard.directory.database) in done.stderr
    dashboard.create_user()


def test_keys_and_passwords_are_not_in_the_database_or_the_log(dashboard: DashboardProcess) -> None:
    dashboard.create_user()
    key = dashboard.command('reset-totp-key', 'jane').stdout.split()[2]
    dashboard.start()
    code = pyotp.TOTP(key).at(int(time()))
    status, session = dashboard.log_in(code=code)
    assert status == 302
    dashboard.log_in(password='hunter2-hunter2', code='424242')
    dashboard.stop()
    kept = b''.join(file.read_bytes() for file in dashboard.directory.work.iterdir())
    logged = ''.join(file.read_text() for file in dashboard.directory.logs.iterdir())
    for secret in (PASSWORD, key, 'hunter2'):
        assert secret.encode() not in kept
        assert secret not in logged
    assert session not in logged
