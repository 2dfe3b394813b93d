"""What becomes of a file that changed, decided over a real store with a checker that answers as each test says."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.odb import ALICE, OpenODB
from zato.common.alarm import Alarms
from zato.common.exception import Conflict, DeploymentError, IPCError, NotFound
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import ODBUnavailable
from zato.server.deploy import deployer as deployer_module
from zato.server.deploy.applier import Applier
from zato.server.deploy.checker import Checked, CheckFailed, Failure, ModuleText
from zato.server.deploy.deployer import Deployer, in_order, is_deployable
from zato.server.deploy.loader import ModuleLoader, Source, imported_names
from zato.server.deploy.seen import Seen
from zato.server.deploy.versions import ModuleStore, ServiceDeclaration, digest_of
from zato.server.service.store import ServiceStore


class FakeCheck:
    """Answers that each module has one service, named in its first line; `error` fails a text once it is in it."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[ModuleText], list[ModuleText]]] = []
        self.errors: dict[str, Exception] = {}
        self.without_handler: tuple[tuple[str, int], ...] = ()

    def __call__(self, changed: list[ModuleText], others: list[ModuleText]) -> list[Checked]:
        self.asked.append((changed, others))
        checked = []
        for item in changed:
            text = Path(item.text_path).read_text()
            for part, error in self.errors.items():
                if part in text:
                    raise error
            name = text.partition('\n')[0].removeprefix('# ')
            checked.append(
                Checked(
                    module=item.module,
                    services=(ServiceDeclaration(name, 'MyService', 1),) if name else (),
                    without_handler=self.without_handler,
                    imports=tuple(imported_names(Source(item.module, item.path, text.encode()))),
                )
            )
        return checked

    @property
    def modules(self) -> list[str]:
        """Module that each question was about."""
        return [changed[0].module for changed, _ in self.asked]


class Setup:
    """One server's deployer."""

    def __init__(self, directory: Path, address: ODBAddress, server: str = 'server1') -> None:
        self.services = directory / 'services'
        self.services.mkdir(parents=True)
        self.opened = OpenODB(address)
        self.store = ModuleStore(self.opened.odb, self.opened.writer, server, directory / 'work' / 'versions', 100)
        self.check = FakeCheck()
        self.alarms = Alarms()
        self.revisions: list[int] = []
        self.deployer = self.make()

    def make(self, max_size: int = 10_000) -> Deployer:
        internal, work = frozenset({'helpers.echo'}), self.services.parent / 'work'
        return Deployer(self.store, self.check, self.alarms, internal, self.revisions.append, work, max_size)

    def save(self, name: str, text: str) -> Path:
        path = self.services / name
        path.write_text(text)
        return path

    def deploy(self, name: str, text: str, **kwargs: Any) -> Path:
        path = self.save(name, text)
        self.deployer.deploy(path, **kwargs)
        return path

    def scan(self, *, retry: bool = False) -> None:
        self.deployer.scan([self.services], retry=retry)

    @property
    def served(self) -> dict[str, str]:
        """Module → its text."""
        modules = self.store.read().modules.values()
        texts = self.store.texts_of(version.sha256 for version in modules)
        return {version.module: texts[version.sha256].read_text() for version in modules}

    @property
    def alarmed(self) -> list[str]:
        return [Path(alarm['subject']).name for alarm in self.alarms.as_list()]


@pytest.fixture
def odb_engine() -> str:
    """What the store does on either kind of database, its own tests say."""
    return 'sqlite'


@pytest.fixture
def setup(tmp_path: Path, odb_address: ODBAddress) -> Iterator[Setup]:
    created = Setup(tmp_path / 'one', odb_address)
    yield created
    created.opened.close()


@pytest.fixture
def other(tmp_path: Path, odb_address: ODBAddress) -> Iterator[Setup]:
    """Another server of the same cluster."""
    created = Setup(tmp_path / 'two', odb_address, 'server2')
    yield created
    created.opened.close()


def failure(**kwargs: Any) -> CheckFailed:
    return CheckFailed(Failure(**{'path': '/s/x.py', 'error': 'it fails', **kwargs}))


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


# Which files, in which order


@pytest.mark.parametrize('name', ['a.py', 'my-dash.py', 'ünï.py', '__init__.py'])
def test_python_files_are_deployable(name: str) -> None:
    assert is_deployable(Path('/s', name))


@pytest.mark.parametrize('name', ['.a.py', '.py', 'a.py~', 'a.pyc', 'a.txt', '.a.py.new', 'a.PY', 'py'])
def test_other_files_are_not(name: str) -> None:
    assert not is_deployable(Path('/s', name))


def test_what_others_need_comes_first_then_names_count() -> None:
    names = ['zeta.py', 'my_common.py', 'model_x.py', 'util.py', 'alpha.py', 'models.py', 'common_b.py', 'common.py']
    assert [path.name for path in in_order(map(Path, names))] == [
        'common.py',
        'common_b.py',
        'util.py',
        'model_x.py',
        'models.py',
        'alpha.py',
        'my_common.py',
        'zeta.py',
    ]


def test_a_scan_deploys_what_is_there_in_that_order(setup: Setup) -> None:
    for name in ('zeta', 'alpha', 'util', 'common'):
        setup.save(f'{name}.py', f'# {name}.x\n')
    setup.save('notes.txt', 'x')
    (setup.services / 'sub').mkdir()
    setup.scan()
    assert setup.check.modules == ['common', 'util', 'alpha', 'zeta']
    assert len(setup.revisions) == 4
    assert setup.revisions == sorted({version.revision for version in setup.store.read().modules.values()})


def test_a_directory_that_is_missing_is_skipped(setup: Setup) -> None:
    setup.save('a.py', '# a.x\n')
    setup.deployer.scan([setup.services / 'nowhere', setup.services])
    assert set(setup.served) == {'a'}


# When a file is deployed


def test_content_that_was_seen_is_not_deployed_again(setup: Setup) -> None:
    setup.deploy('a.py', '# a.x\n')
    setup.deploy('a.py', '# a.x\n')
    setup.scan(retry=True)
    assert setup.check.modules == ['a']
    setup.deploy('a.py', '# a.y\n')
    setup.deploy('a.py', '# a.x\n')
    assert setup.check.modules == ['a', 'a', 'a'], 'but going back to it is a change'


def test_a_file_is_never_deployed_because_another_version_is_active(setup: Setup) -> None:
    path = setup.deploy('a.py', '# a.one\n')
    setup.deploy('a.py', '# a.two\n')
    setup.deployer.rollback('a', 1, ALICE)
    asked = len(setup.check.asked)
    for deployer in (setup.deployer, setup.make()):
        deployer.scan([setup.services], retry=True)
        deployer.deploy(path)
    assert len(setup.check.asked) == asked
    assert setup.served == {'a': '# a.one\n'}


def test_saving_an_unchanged_file_does_not_bring_back_what_was_undeployed(setup: Setup, other: Setup) -> None:
    for server in (setup, other):
        server.deploy('a.py', '# a.x\n')
    setup.store.undeploy('a', actor=ALICE)
    for server in (setup, other):
        server.deploy('a.py', '# a.x\n')
        server.scan(retry=True)
    assert setup.served == {}
    setup.deploy('a.py', '# a.y\n')
    assert setup.served == {'a': '# a.y\n'}, 'but a change does'


def test_what_was_refused_is_tried_again_when_it_is_saved_again_but_not_by_a_mere_scan(setup: Setup) -> None:
    setup.check.errors['a.x'] = failure()
    setup.deploy('a.py', '# a.x\n')
    setup.scan()
    assert len(setup.check.asked) == 1
    setup.check.errors.clear()
    setup.deploy('a.py', '# a.x\n')
    assert setup.served == {'a': '# a.x\n'}
    [seen] = setup.store.seen().values()
    assert (seen.attempt, seen.error) == (2, '')


def test_a_start_tries_again_what_was_refused_but_not_what_took_too_long(setup: Setup) -> None:
    setup.check.errors = {'late.x': failure(is_late=True), 'bad.x': failure()}
    setup.deploy('late.py', '# late.x\n')
    setup.deploy('bad.py', '# bad.x\n')
    setup.scan(retry=True)
    assert setup.check.modules == ['late', 'bad', 'bad']


def test_what_lacked_a_module_is_tried_again_once_that_is_deployed(setup: Setup) -> None:
    setup.check.errors['user.x'] = failure(missing='rates')
    setup.deploy('user.py', '# user.x\nimport rates\n')
    setup.deploy('other.py', '# other.x\n')
    assert setup.check.modules == ['user', 'other']
    setup.check.errors.clear()
    setup.deploy('rates.py', '')
    assert setup.check.modules == ['user', 'other', 'rates', 'user']
    assert setup.alarms.as_list() == []


# What is asked and remembered


def test_dependants_are_checked_and_loaded_anew_with_the_module(setup: Setup) -> None:
    setup.deploy('rates.py', '# rates.x\n')
    setup.deploy('user.py', '# user.x\nimport rates, json\n')
    setup.deploy('third.py', '# third.x\nimport user\n')
    setup.deploy('other.py', '# other.x\n')
    setup.deploy('rates.py', '# rates.y\n')
    changed, others = setup.check.asked[-1]
    assert [item.module for item in changed] == ['rates', 'user', 'third']
    assert [item.module for item in others] == ['other']
    modules = {version.module: version for version in setup.store.read().modules.values()}
    assert modules['user'].imports == ('rates',), 'only deployed modules count'
    revisions = {name: version.revision for name, version in modules.items()}
    last = setup.store.read().revision
    assert {name for name, revision in revisions.items() if revision == last} == {'rates', 'user', 'third'}


def test_a_module_that_would_break_a_dependant_is_refused(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.deploy('rates.py', '# rates.x\n')
    setup.deploy('user.py', '# user.x\nimport rates\n')
    setup.check.errors['user.x'] = failure(path='/s/user.py', line=2, error='ImportError: no VALUE')
    setup.deploy('rates.py', '# rates.y\n')
    assert setup.served['rates'] == '# rates.x\n'
    assert errors_in(caplog) == ['Not deployed: /s/user.py:2: ImportError: no VALUE']


def test_a_text_is_checked_as_it_was_read_whatever_happens_to_the_file(setup: Setup) -> None:
    path = setup.save('a.py', '# a.x\n')
    check = setup.check

    def saved_again_meanwhile(changed: list[ModuleText], others: list[ModuleText]) -> list[Checked]:
        path.unlink()
        return check(changed, others)

    setup.check = saved_again_meanwhile  # type: ignore[assignment]  # a function does it too
    setup.make().deploy(path)
    assert setup.served == {'a': '# a.x\n'}
    assert setup.store.seen()[str(path)].sha256 == digest_of(b'# a.x\n')


# What is refused


def test_a_service_name_that_another_module_has_is_refused_with_the_first_named(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    first = setup.deploy('first.py', '# same\n')
    second = setup.deploy('second.py', '# same\n# really\n')
    reason = f'{second}:1: service `same` exists already, in {first}:1 (class MyService)'
    assert errors_in(caplog) == [f'Not deployed: {reason}']
    assert setup.store.seen()[str(second)].error == reason
    assert set(setup.served) == {'first'}
    setup.deploy('first.py', '# other\n')
    setup.deploy('second.py', '# same\n# really\n')
    assert set(setup.served) == {'first', 'second'}, 'once it is free it can be taken'


@pytest.mark.parametrize('name', ['zato.ping', 'Pub.Zato.x', 'helpers.echo'])
def test_a_built_in_services_name_is_refused(setup: Setup, caplog: pytest.LogCaptureFixture, name: str) -> None:
    setup.deploy('a.py', f'# {name}\n')
    assert setup.served == {}
    assert f'a.py:1: `{name}` is reserved for built-in services' in errors_in(caplog)[0]


def test_a_module_name_that_another_directory_has_is_refused(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    first = setup.deploy('a.py', '# a.x\n')
    other = setup.services.parent / 'more'
    other.mkdir()
    (other / 'a.py').write_text('# a.y\n')
    setup.deployer.scan([other])
    assert errors_in(caplog) == [f'Not deployed: {other}/a.py: there is a module `a` already, from {first}']
    assert setup.served == {'a': '# a.x\n'}


@pytest.mark.parametrize('name', [b'\xff\xfe.py', b'a\nb.py'], ids=['bytes', 'newline'])
def test_a_file_name_that_nobody_could_read_is_refused(setup: Setup, monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    monkeypatch.setattr(deployer_module.logger, 'disabled', True)  # pytest-xdist dies of such a name in captured lines
    path = setup.deploy(os.fsdecode(name), '# a.x\n')
    assert setup.served == {}
    seen = setup.store.seen_at(str(path))
    assert seen is not None
    assert 'the name of the file cannot be printed in UTF-8; rename it' in seen.error


def test_a_service_that_loses_its_handler_is_refused_and_one_that_never_had_one_is_a_warning(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    setup.check.without_handler = (('Base', 7),)
    setup.deploy('a.py', '# a.x\n')
    assert 'a.py:7: class Base has no method `handle`, so it is not a service' in caplog.text
    setup.check.without_handler = (('MyService', 1),)
    setup.deploy('a.py', '# a.y\n')
    assert 'a.py:1: class MyService no longer has a method `handle`' in errors_in(caplog)[0]
    assert setup.served == {'a': '# a.x\n'}


def test_services_that_are_gone_from_a_file_are_named(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    path = setup.deploy('a.py', '# a.x\n')
    setup.deploy('a.py', '\n')
    assert "no longer in the file, so no longer deployed: ['a.x']" in caplog.text
    assert setup.store.seen()[str(path)].warnings != ()


@pytest.mark.parametrize(
    ('error', 'reason'),
    [
        (IPCError(msg='No answer from checker.sock'), 'it could not be checked: No answer from checker.sock; save it again'),
        (DeploymentError('it is bad', path='/s/a.py', line=3), '/s/a.py:3: it is bad'),
        (RuntimeError('surprise'), 'RuntimeError: surprise'),
    ],
)
def test_whatever_the_check_raises_is_told_and_what_is_served_stays(
    setup: Setup, caplog: pytest.LogCaptureFixture, error: Exception, reason: str
) -> None:
    setup.deploy('a.py', '# a.x\n')
    setup.check.errors['a.y'] = error
    setup.deploy('a.py', '# a.y\n')
    assert setup.served == {'a': '# a.x\n'}
    assert len(errors_in(caplog)) == 1
    [alarm] = setup.alarms.as_list()
    assert reason in alarm['what']


def test_a_file_that_fails_in_an_unforeseen_way_does_not_keep_others_from_being_deployed(setup: Setup) -> None:
    setup.check.errors['a.x'] = RuntimeError('surprise')
    setup.save('a.py', '# a.x\n')
    setup.save('b.py', '# b.x\n')
    setup.scan()
    assert set(setup.served) == {'b'}
    assert setup.alarmed == ['a.py']


# Files that are no good


def make_directory(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.relpath(path))


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize('make', [make_directory, make_fifo, make_socket, make_loop])
def test_what_is_no_file_is_told_once_and_does_not_block(
    setup: Setup, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    make(setup.services / 'a.py')
    setup.save('b.py', '# b.x\n')
    setup.scan()
    setup.scan()
    assert set(setup.served) == {'b'}
    assert setup.alarmed == ['a.py']
    [error] = errors_in(caplog)
    assert f'{setup.services}/a.py: not deployed: ' in error


def test_an_unreadable_file_is_an_alarm_until_it_can_be_read(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    path = setup.deploy('a.py', '# a.x\n')

    def no_access(self: Path) -> bytes:
        raise PermissionError(13, 'Permission denied', str(self))

    with monkeypatch.context() as patch:  # even root's tests see it
        patch.setattr(Path, 'read_bytes', no_access)
        setup.deployer.deploy(path)
    [alarm] = setup.alarms.as_list()
    assert 'Permission denied' in alarm['what']
    setup.deployer.deploy(path)
    assert setup.alarms.as_list() == []
    assert len(setup.check.asked) == 1


def test_a_file_that_is_too_large_is_not_even_read(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.deployer = setup.make(max_size=10)
    setup.deploy('a.py', '# a.x\n12345')
    assert 'it has more than 10 bytes' in errors_in(caplog)[0]
    setup.deploy('a.py', '# a.x\n1234')
    assert set(setup.served) == {'a'}
    assert setup.alarms.as_list() == []


def test_a_file_that_is_gone_changes_nothing(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    path = setup.deploy('a.py', '# a.x\n')
    path.unlink()
    setup.deployer.deploy(path)
    setup.scan(retry=True)
    assert setup.served == {'a': '# a.x\n'}
    assert errors_in(caplog) == []


# Files that moved


def test_a_renamed_file_takes_the_place_of_the_old_one(setup: Setup) -> None:
    path = setup.deploy('old.py', '# x\n')
    setup.deployer.deploy(path.rename(setup.services / 'new.py'))
    assert setup.served == {'new': '# x\n'}
    assert [item.module for item in setup.check.asked[-1][1]] == [], 'the old one is not there when the new one is checked'


def test_a_file_that_moved_to_another_directory_is_the_same_module_even_if_it_changed(setup: Setup) -> None:
    path = setup.deploy('a.py', '# a.x\n')
    other = setup.services.parent / 'more'
    other.mkdir()
    path.rename(other / 'a.py').write_text('# a.y\n')
    setup.deployer.scan([other])
    assert [(version.path, version.module) for version in setup.store.read().modules.values()] == [(f'{other}/a.py', 'a')]


def test_a_copy_is_no_move(setup: Setup) -> None:
    setup.deploy('old.py', '')
    setup.deploy('new.py', '')
    assert set(setup.served) == {'old', 'new'}


def test_a_renamed_module_that_others_import_stays_under_its_old_name_too(setup: Setup) -> None:
    path = setup.deploy('rates.py', '')
    setup.deploy('user.py', '# user.x\nimport rates\n')
    setup.deployer.deploy(path.rename(setup.services / 'prices.py'))
    assert set(setup.served) == {'rates', 'prices', 'user'}, 'or user.py could not be loaded at the next start'


# Alarms


def test_an_alarm_lasts_until_the_file_is_deployed(setup: Setup) -> None:
    setup.check.errors['bad'] = failure(error='it fails')
    setup.deploy('a.py', '# bad\n')
    [alarm] = setup.alarms.as_list()
    assert alarm['subject'] == f'deploy:{setup.services}/a.py'
    assert 'it fails' in alarm['what']
    setup.deploy('a.py', '# a.x\n')
    assert setup.alarms.as_list() == []


def test_going_back_to_the_content_that_is_served_ends_the_alarm(setup: Setup) -> None:
    setup.check.errors['bad'] = failure()
    setup.deploy('a.py', '# a.x\n')
    setup.deploy('a.py', '# bad\n')
    setup.deploy('a.py', '# a.x\n')
    assert setup.alarms.as_list() == []


def test_who_takes_over_has_the_alarms_of_refused_files_without_another_error(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    setup.check.errors['bad'] = failure()
    setup.deploy('a.py', '# bad\n')
    caplog.clear()
    setup.alarms = Alarms()
    setup.make().scan([setup.services])
    assert setup.alarmed == ['a.py']
    assert errors_in(caplog) == []


def test_the_alarm_of_a_refused_file_ends_when_the_file_is_gone(setup: Setup) -> None:
    setup.check.errors['bad'] = failure()
    gone, kept = setup.deploy('gone.py', '# bad\n'), setup.deploy('kept.py', '# bad\n')
    gone.unlink()
    setup.deployer.tend()
    assert setup.alarmed == [kept.name]


# More than one server


def test_what_another_server_has_deployed_already_is_only_remembered(setup: Setup, other: Setup) -> None:
    setup.deploy('a.py', '# a.x\n')
    path = other.deploy('a.py', '# a.x\n')
    assert other.check.asked == []
    assert other.revisions == []
    assert [version.number for version in other.store.versions_of('a')] == [1]
    assert other.store.seen() == {str(path): Seen(sha256=digest_of(b'# a.x\n'), attempt=1)}


def test_a_module_of_another_server_is_changed_by_saving_it_here(setup: Setup, other: Setup) -> None:
    setup.deploy('a.py', '# a.x\n')
    path = other.deploy('a.py', '# a.y\n')
    assert setup.served == other.served == {'a': '# a.y\n'}
    version = setup.store.read().modules['a']
    assert (version.number, version.server, version.path, version.who) == (2, 'server2', str(path), 'pickup on server2')
    assert setup.alarms.as_list() == other.alarms.as_list() == []


def test_a_renamed_file_that_came_from_another_server_takes_no_ones_place(setup: Setup, other: Setup) -> None:
    setup.deploy('old.py', '').unlink()
    other.deploy('new.py', '')
    assert set(setup.served) == {'old', 'new'}, 'nobody knows whether it is to go there, too'


class Meanwhile:
    """A check during which something else happens, each time or the first one only."""

    def __init__(self, check: FakeCheck, happens: Callable[[int], object], times: int = 1) -> None:
        self.check = check
        self.happens = happens
        self.left = times

    def __call__(self, changed: list[ModuleText], others: list[ModuleText]) -> list[Checked]:
        if self.left:
            self.left -= 1
            self.happens(self.left)
        return self.check(changed, others)


def test_what_was_decided_while_another_server_deployed_is_decided_again(setup: Setup, other: Setup) -> None:
    setup.check = Meanwhile(setup.check, lambda _: other.deploy('b.py', '# b.x\n'))  # type: ignore[assignment]
    setup.deployer = setup.make()
    setup.deploy('a.py', '# a.x\n')
    asked = setup.check.check.asked  # type: ignore[attr-defined]
    assert [[item.module for item in others] for _, others in asked] == [[], ['b']]
    assert set(setup.served) == {'a', 'b'}
    assert setup.store.seen_at(str(setup.services / 'a.py')) == Seen(sha256=digest_of(b'# a.x\n'), attempt=1)


def test_of_two_servers_that_deploy_one_service_name_at_once_the_second_is_refused(
    setup: Setup, other: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    setup.check = Meanwhile(setup.check, lambda _: other.deploy('b.py', '# same\n'))  # type: ignore[assignment]
    setup.deployer = setup.make()
    setup.deploy('a.py', '# same\n# here\n')
    assert set(setup.served) == {'b'}
    assert f'service `same` exists already, in {other.services}/b.py:1 (class MyService)' in errors_in(caplog)[0]
    assert setup.alarmed == ['a.py']


def test_who_is_too_late_again_and_again_gives_up_and_says_so(
    setup: Setup, other: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    happens = Meanwhile(setup.check, lambda left: other.deploy('b.py', f'# b.x{left}\n'), times=100)
    setup.check = happens  # type: ignore[assignment]
    setup.deployer = setup.make()
    setup.deploy('a.py', '# a.x\n')
    assert set(setup.served) == {'b'}
    assert 'a.py: other modules were deployed again and again meanwhile; save it again' in errors_in(caplog)[0]
    happens.left = 0
    setup.deploy('a.py', '# a.x\n')
    assert set(setup.served) == {'a', 'b'}


# Going back


def test_a_rollback_is_to_the_version_before_or_to_the_one_that_is_named(setup: Setup) -> None:
    for i in (1, 2, 3):
        setup.deploy('a.py', f'# a.x{i}\n')
    version, event = setup.deployer.rollback('a', 0, ALICE)
    assert (version.number, setup.served) == (2, {'a': '# a.x2\n'})
    assert event == setup.store.read().revision
    assert setup.deployer.rollback('a', 0, ALICE)[0].number == 1
    assert setup.deployer.rollback('a', 3, ALICE)[0].number == 3
    assert setup.served == {'a': '# a.x3\n'}


def test_a_rollback_of_what_is_undeployed_is_to_its_newest_version(setup: Setup) -> None:
    setup.deploy('a.py', '# a.x1\n')
    setup.deploy('a.py', '# a.x2\n')
    setup.store.undeploy('a', actor=ALICE)
    assert setup.deployer.rollback('a', 0, ALICE)[0].number == 2
    assert setup.served == {'a': '# a.x2\n'}


@pytest.mark.parametrize(
    ('name', 'number', 'error', 'reason'),
    [
        ('b', 0, NotFound, 'There is no module `b`'),
        ('a', 9, NotFound, 'Module `a` has no version 9; it has: 2, 1'),
        ('a', 1, Conflict, 'Version 1 of module `a` is the active one already'),
        ('a', 0, NotFound, 'Module `a` has no earlier version; it has: 2, 1'),
    ],
)
def test_a_rollback_to_what_is_not_there_says_what_is(
    setup: Setup, name: str, number: int, error: type[Exception], reason: str
) -> None:
    setup.deploy('a.py', '# a.x1\n')
    setup.deploy('a.py', '# a.x2\n')
    setup.deployer.rollback('a', 1, ALICE)
    with pytest.raises(error, match=re.escape(reason)):
        setup.deployer.rollback(name, number, ALICE)
    assert setup.served == {'a': '# a.x1\n'}


def test_a_version_that_no_longer_works_is_not_rolled_back_to(setup: Setup) -> None:
    setup.deploy('rates.py', '# rates.old\n')
    setup.deploy('rates.py', '# rates.new\n')
    setup.deploy('user.py', '# user.x\nimport rates\n')
    setup.check.errors['rates.old'] = failure(error='ImportError: no VALUE')
    with pytest.raises(DeploymentError, match='ImportError: no VALUE'):
        setup.deployer.rollback('rates', 0, ALICE)
    changed, others = setup.check.asked[-1]
    assert [item.module for item in changed] == ['rates', 'user'], 'with what imports it'
    assert others == []
    assert setup.served['rates'] == '# rates.new\n'
    assert setup.alarms.as_list() == [], 'who asked for it is told'


def test_what_imports_the_module_is_loaded_anew_after_a_rollback(setup: Setup) -> None:
    setup.deploy('rates.py', '# rates.old\n')
    setup.deploy('rates.py', '# rates.new\n')
    setup.deploy('user.py', '# user.x\nimport rates\n')
    _, event = setup.deployer.rollback('rates', 0, ALICE)
    assert {version.revision for version in setup.store.read().modules.values()} == {event}


def test_a_version_whose_service_another_module_has_now_is_not_rolled_back_to(setup: Setup) -> None:
    setup.deploy('a.py', '# same\n')
    setup.deploy('a.py', '# other\n')
    setup.deploy('b.py', '# same\n# in b\n')
    with pytest.raises(DeploymentError, match=r'service `same` exists already, in .*/b\.py:1'):
        setup.deployer.rollback('a', 0, ALICE)
    assert setup.served['a'] == '# other\n'


def test_a_rollback_that_was_decided_while_another_server_deployed_is_decided_again(setup: Setup, other: Setup) -> None:
    setup.deploy('a.py', '# a.x1\n')
    setup.deploy('a.py', '# a.x2\n')
    setup.check = Meanwhile(setup.check, lambda _: other.deploy('b.py', '# b.x\n'))  # type: ignore[assignment]
    setup.make().rollback('a', 0, ALICE)
    assert setup.served == {'a': '# a.x1\n', 'b': '# b.x\n'}
    asked = setup.check.check.asked  # type: ignore[attr-defined]
    assert [item.module for item in asked[-1][1]] == ['b']


# When the store cannot be read or written


def lose(setup: Setup) -> Path:
    """The database is gone from its place."""
    path = Path(setup.opened.database.address.db_name)
    setup.opened.database.close()
    return path.rename(path.with_suffix('.lost'))


def bring_back(lost: Path) -> None:
    lost.rename(lost.with_suffix('.db'))


def test_a_lost_store_is_told_with_its_file_and_nothing_is_deployed(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.deploy('a.py', '# a.x\n')
    lost = lose(setup)
    setup.deploy('b.py', '# b.x\n')
    [error] = errors_in(caplog)
    assert 'b.py: not deployed: ' in error
    assert 'zato.db: reading failed: unable to open database file' in error
    assert setup.alarmed == ['b.py']
    caplog.clear()
    setup.scan(retry=True)
    assert len(errors_in(caplog)) == 1, 'one error, not one for each file'
    setup.save('c.py', '# c.x\n')
    bring_back(lost)
    setup.deployer.tend()
    assert set(setup.served) == {'a', 'b', 'c'}, 'what had to wait is deployed without being saved again'
    assert setup.alarms.as_list() == []


def test_a_full_disk_refuses_the_new_version_and_keeps_the_old_one(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.deploy('a.py', '# a.x\n')

    def full(path: Path, data: bytes) -> int:
        raise OSError(28, 'No space left on device')

    path = setup.save('a.py', '# a.y\n')
    with monkeypatch.context() as patch:
        patch.setattr(Path, 'write_bytes', full)
        setup.deployer.deploy(path)
    assert setup.served == {'a': '# a.x\n'}
    [alarm] = setup.alarms.as_list()
    assert 'not deployed: [Errno 28]' in alarm['what']
    setup.scan()
    assert setup.served == {'a': '# a.y\n'}


@pytest.fixture
def loader() -> Iterator[ModuleLoader]:
    created = ModuleLoader()
    created.install()
    yield created
    created.uninstall()
    sys.modules.pop('a', None)


def test_a_worker_goes_on_serving_what_it_has_loaded_while_the_store_is_away(setup: Setup, loader: ModuleLoader) -> None:
    setup.deploy('a.py', '# a.x\n')
    applier = Applier(setup.store, ServiceStore(), loader, setup.alarms, limit=10)
    assert applier.apply() == {}
    assert [module['module'] for module in applier.as_list()] == ['a']
    assert applier.state_of(str(setup.services / 'a.py'))['store_error'] == ''
    lost = lose(setup)
    with pytest.raises(ODBUnavailable, match='unable to open'):
        applier.apply()
    assert [module['module'] for module in applier.as_list()] == ['a']
    state = applier.state_of(str(setup.services / 'a.py'))
    assert 'unable to open' in state['store_error']
    assert state['served']['module'] == 'a'
    bring_back(lost)
    assert applier.apply() == {}
    assert applier.state_of(str(setup.services / 'a.py'))['store_error'] == ''


def test_a_deployment_that_fails_in_one_worker_does_not_keep_back_others_that_came_with_it(
    setup: Setup, loader: ModuleLoader
) -> None:
    setup.deploy('a.py', '# a.x\n')
    applier = Applier(setup.store, ServiceStore(), loader, setup.alarms, limit=10)
    applier.apply()
    setup.deploy('good.py', '# good.x\n')
    setup.deploy('bad.py', '# bad.x\n1 / 0\n')  # the fake check lets it through
    setup.deploy('last.py', '# last.x\n')
    errors = applier.apply()
    assert {module['module'] for module in applier.as_list()} == {'a', 'good', 'last'}
    assert 'ZeroDivisionError' in applier.state_of(str(setup.services / 'bad.py'))['load_error']
    assert [*errors] == ['Module `bad`']
    assert [alarm['subject'] for alarm in setup.alarms.as_list()] == ['module:bad']
    setup.store.undeploy('bad', actor=ALICE)
    assert applier.apply() == {}
    assert setup.alarms.as_list() == []
    for name in ('good', 'last', 'bad'):
        sys.modules.pop(name, None)


def test_a_worker_no_longer_serves_what_was_undeployed(setup: Setup, loader: ModuleLoader) -> None:
    services = ServiceStore()
    applier = Applier(setup.store, services, loader, setup.alarms, limit=10)
    text = 'from zato.server.service import Service\nclass X(Service):\n    def handle(self): pass\n'
    setup.deploy('a.py', f'# a.x\n{text}')
    applier.apply()
    assert services.get('a.x') is not None
    setup.store.undeploy('a', actor=ALICE)
    assert applier.apply() == {}
    assert services.get('a.x') is None
    assert applier.as_list() == []
