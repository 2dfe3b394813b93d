"""What becomes of a file that changed, decided over a real store with a checker that answers as each test says."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zato.common.alarm import Alarms
from zato.common.exception import DeploymentError, IPCError
from zato.server.deploy import deployer as deployer_module
from zato.server.deploy.applier import Applier
from zato.server.deploy.checker import Checked, CheckFailed, Failure, ModuleText
from zato.server.deploy.deployer import Deployer, in_order, is_deployable
from zato.server.deploy.loader import ModuleLoader, Source, imported_names
from zato.server.deploy.versions import DirectoryStore, ServiceDeclaration, StoreUnavailable, digest_of
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
    def __init__(self, tmp_path: Path) -> None:
        self.services = tmp_path / 'services'
        self.services.mkdir()
        self.store = DirectoryStore(tmp_path / 'work', 100)
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
        return {version.module: self.store.path_of(version.sha256).read_text() for version in modules}

    @property
    def alarmed(self) -> list[str]:
        return [Path(alarm['subject']).name for alarm in self.alarms.as_list()]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


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
    assert setup.revisions == [1, 2, 3, 4]


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
    snapshot = setup.store.read()
    rolled_back = snapshot.modules[str(path)]
    setup.store.activate(rolled_back, b'# a.one\n', snapshot.seen[str(path)], (), ())  # what a rollback does
    for deployer in (setup.deployer, setup.make()):
        deployer.scan([setup.services], retry=True)
        deployer.deploy(path)
    assert len(setup.check.asked) == 2


def test_what_was_refused_is_tried_again_when_it_is_saved_again_but_not_by_a_mere_scan(setup: Setup) -> None:
    setup.check.errors['a.x'] = failure()
    setup.deploy('a.py', '# a.x\n')
    setup.scan()
    assert len(setup.check.asked) == 1
    setup.check.errors.clear()
    setup.deploy('a.py', '# a.x\n')
    assert setup.served == {'a': '# a.x\n'}
    [seen] = setup.store.read().seen.values()
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
    assert {name: version.revision for name, version in modules.items()} == {'rates': 5, 'user': 5, 'third': 5, 'other': 4}


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
    assert setup.store.read().seen[str(path)].sha256 == digest_of(b'# a.x\n')


# What is refused


def test_a_service_name_that_another_module_has_is_refused_with_the_first_named(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    first = setup.deploy('first.py', '# same\n')
    second = setup.deploy('second.py', '# same\n# really\n')
    reason = f'{second}:1: service `same` exists already, in {first}:1 (class MyService)'
    assert errors_in(caplog) == [f'Not deployed: {reason}']
    assert setup.store.read().seen[str(second)].error == reason
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
    assert 'the name of the file cannot be printed in UTF-8; rename it' in setup.store.read().seen[str(path)].error


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
    assert setup.store.read().seen[str(path)].warnings != ()


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
    setup.deployer.end_alarms_of_gone_files()
    assert setup.alarmed == [kept.name]


# When the store cannot be read or written


def damage(setup: Setup) -> bytes:
    index = setup.services.parent / 'work' / 'index.json'
    good = index.read_bytes()
    index.write_bytes(b'{"revision": ')
    return good


def test_a_damaged_store_is_told_with_its_file_and_stays_as_it_is(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.deploy('a.py', '# a.x\n')
    good = damage(setup)
    setup.deploy('b.py', '# b.x\n')
    [error] = errors_in(caplog)
    assert 'b.py: not deployed: ' in error
    assert 'index.json is damaged' in error
    assert setup.alarmed == ['b.py']
    caplog.clear()
    setup.scan(retry=True)
    assert len(errors_in(caplog)) == 1, 'one error, not one for each file'
    (setup.services.parent / 'work' / 'index.json').write_bytes(good)
    setup.scan()
    assert set(setup.served) == {'a', 'b'}
    assert setup.alarms.as_list() == []


def test_a_full_disk_refuses_the_new_version_and_keeps_the_old_one(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.deploy('a.py', '# a.x\n')

    def full(path: Path, target: Path) -> Path:
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'replace', full)
        setup.deploy('a.py', '# a.y\n')
    assert setup.served == {'a': '# a.x\n'}
    [alarm] = setup.alarms.as_list()
    assert 'cannot be written: [Errno 28]' in alarm['what']
    setup.scan()
    assert setup.served == {'a': '# a.y\n'}


@pytest.fixture
def loader() -> Iterator[ModuleLoader]:
    created = ModuleLoader()
    created.install()
    yield created
    created.uninstall()
    sys.modules.pop('a', None)


def test_a_worker_that_serves_goes_on_with_an_alarm_when_the_store_is_damaged(
    setup: Setup, loader: ModuleLoader, caplog: pytest.LogCaptureFixture
) -> None:
    setup.deploy('a.py', '# a.x\n')
    applier = Applier(setup.store, ServiceStore({}), loader, setup.alarms, limit=10)
    applier.apply()
    assert [module['module'] for module in applier.as_list()] == ['a']
    good = damage(setup)
    for _ in range(3):
        applier.apply()
    [error] = errors_in(caplog)
    assert 'index.json is damaged' in error
    assert setup.alarmed == ['deployments']
    assert [module['module'] for module in applier.as_list()] == ['a']
    assert applier.state_of('/s/a.py')['error'] == ''
    (setup.services.parent / 'work' / 'index.json').write_bytes(good)
    applier.apply()
    assert setup.alarms.as_list() == []


def test_a_worker_that_could_never_read_the_store_does_not_pretend_that_nothing_is_deployed(
    setup: Setup, loader: ModuleLoader
) -> None:
    setup.deploy('a.py', '# a.x\n')
    damage(setup)
    store = DirectoryStore(setup.services.parent / 'work', 100)
    applier = Applier(store, ServiceStore({}), loader, setup.alarms, limit=10)
    with pytest.raises(StoreUnavailable, match=r'index\.json is damaged'):
        applier.apply()


def test_a_deployment_that_fails_in_one_worker_does_not_keep_back_others_that_came_with_it(
    setup: Setup, loader: ModuleLoader
) -> None:
    setup.deploy('a.py', '# a.x\n')
    applier = Applier(setup.store, ServiceStore({}), loader, setup.alarms, limit=10)
    applier.apply()
    setup.deploy('good.py', '# good.x\n')
    setup.deploy('bad.py', '# bad.x\n1 / 0\n')  # the fake check lets it through
    setup.deploy('last.py', '# last.x\n')
    applier.apply()
    assert {module['module'] for module in applier.as_list()} == {'a', 'good', 'last'}
    assert 'ZeroDivisionError' in applier.state_of(str(setup.services / 'bad.py'))['load_error']
    for name in ('good', 'last', 'bad'):
        sys.modules.pop(name, None)
