"""What becomes of uploads, decided over a real store with a checker that answers as each test says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_deployer import FakeCheck, Meanwhile, Setup, errors_in, failure
from tests.support.odb import ALICE
from zato.common.exception import BadRequest, Conflict, ContentTooLarge, DeploymentError, IPCError, ServiceUnavailable
from zato.common.odb.address import ODBAddress
from zato.server.deploy import upload as upload_module
from zato.server.deploy.pickup import PickupFolders
from zato.server.deploy.upload import Uploaded, Uploads


class UploadSetup(Setup):
    """One server's deployer, which the watcher feeds, and uploads, which another worker makes."""

    def uploads(self, *, max_size: int = 10_000) -> Uploads:
        return Uploads(self.make(), self.store, self.services, max_size)

    def upload(self, name: str, text: str) -> Uploaded:
        return self.uploads().upload(name, text.encode(), ALICE)

    @property
    def versions(self) -> list[int]:
        """Of module `a`."""
        return [version.number for version in self.store.versions_of('a')]

    def states(self) -> dict[str, str]:
        found = PickupFolders(self.store, [self.services, self.services / 'nowhere'], 10_000).files()
        return {Path(item.path).name: item.state for item in found}


@pytest.fixture
def odb_engine() -> str:
    """What the store does on either kind of database, its own tests say."""
    return 'sqlite'


@pytest.fixture
def setup(tmp_path: Path, odb_address: ODBAddress) -> Iterator[UploadSetup]:
    created = UploadSetup(tmp_path / 'one', odb_address)
    yield created
    created.opened.close()


@pytest.fixture
def other(tmp_path: Path, odb_address: ODBAddress) -> Iterator[UploadSetup]:
    """Another server of the same cluster."""
    created = UploadSetup(tmp_path / 'two', odb_address, 'server2')
    yield created
    created.opened.close()


def test_an_upload_is_a_version_of_whoever_made_it_and_the_watcher_finds_nothing_new(setup: UploadSetup) -> None:
    uploaded = setup.upload('a.py', '# a.x\n')
    assert (uploaded.module, uploaded.event > 0, uploaded.warnings) == ('a', True, ())
    asked = len(setup.check.asked)
    setup.deployer.deploy(setup.services / 'a.py')
    assert len(setup.check.asked) == asked
    version = setup.store.read().modules['a']
    assert (version.number, version.who, version.path) == (1, 'alice', str(setup.services / 'a.py'))
    assert [path.name for path in setup.services.iterdir()] == ['a.py'], 'and nothing is left over'


def test_a_watcher_that_saw_the_file_before_the_upload_was_committed_deploys_it_no_second_time(setup: UploadSetup) -> None:
    check = FakeCheck()
    setup.check = Meanwhile(check, lambda _: commit())  # type: ignore[assignment]

    def commit() -> None:
        setup.check = check
        setup.upload('a.py', '# a.x\n')

    watcher = setup.make()
    watcher.deploy(setup.save('a.py', '# a.x\n'))
    assert (setup.versions, setup.store.read().modules['a'].who) == ([1], 'alice')
    assert setup.alarmed == []


def test_a_watcher_that_saw_what_is_there_no_more_does_not_undo_an_upload(setup: UploadSetup) -> None:
    check = FakeCheck()
    setup.check = Meanwhile(check, lambda _: commit())  # type: ignore[assignment]

    def commit() -> None:
        setup.check = check
        setup.upload('a.py', '# a.new\n')

    watcher = setup.make()
    watcher.deploy(setup.save('a.py', '# a.old\n'))
    assert (setup.served, setup.versions) == ({'a': '# a.new\n'}, [1])
    assert (setup.services / 'a.py').read_text() == '# a.new\n'


def test_what_was_decided_while_others_deployed_is_decided_again(setup: UploadSetup, other: UploadSetup) -> None:
    happens = Meanwhile(setup.check, lambda left: other.deploy('b.py', f'# b.x{left}\n'), times=2)
    setup.check = happens  # type: ignore[assignment]
    setup.upload('a.py', '# a.x\n')
    assert set(setup.served) == {'a', 'b'}
    happens.left = 100
    with pytest.raises(Conflict, match=r'again and again meanwhile; upload a\.py again'):
        setup.upload('a.py', '# a.y\n')
    assert (setup.served['a'], (setup.services / 'a.py').read_text()) == ('# a.x\n', '# a.x\n')


def test_a_refused_upload_is_neither_written_nor_remembered_nor_an_alarm(
    setup: UploadSetup, caplog: pytest.LogCaptureFixture
) -> None:
    setup.upload('a.py', '# a.x\n')
    before = setup.store.seen()
    setup.check.errors['a.y'] = failure(path='a.py', line=7, error='it fails', details='Traceback …')
    with pytest.raises(DeploymentError) as raised:
        setup.upload('a.py', '# a.y\n')
    assert (raised.value.msg, raised.value.line, raised.value.details) == ('a.py:7: it fails', 7, 'Traceback …')
    assert (setup.services / 'a.py').read_text() == '# a.x\n'
    assert (setup.store.seen(), setup.alarmed, errors_in(caplog)) == (before, [], [])


def test_without_a_checker_it_may_be_tried_again(setup: UploadSetup) -> None:
    setup.check.errors['a.x'] = IPCError(msg='No answer from checker.sock')
    with pytest.raises(
        ServiceUnavailable, match=r'a\.py could not be checked: No answer from checker\.sock; upload it again'
    ):
        setup.upload('a.py', '# a.x\n')


def test_a_file_that_cannot_be_written_is_not_deployed_either(setup: UploadSetup) -> None:
    (setup.services / 'a.py').mkdir()
    with pytest.raises(DeploymentError, match=r'a\.py: it cannot be put there: Is a directory'):
        setup.upload('a.py', '# a.x\n')
    assert (setup.served, setup.store.seen()) == ({}, {})
    assert [path.name for path in setup.services.iterdir()] == ['a.py']


def test_a_file_that_was_written_before_the_end_of_the_process_is_deployed_at_the_next_start(
    setup: UploadSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = upload_module._place

    def die(path: Path, source: bytes) -> None:
        place(path, source)
        raise SystemExit  # as good as a kill -9: nothing is committed

    with monkeypatch.context() as patch:
        patch.setattr(upload_module, '_place', die)
        with pytest.raises(SystemExit):
            setup.upload('a.py', '# a.x\n')
    assert setup.served == {}
    setup.scan(retry=True)
    assert setup.served == {'a': '# a.x\n'}


def test_a_text_that_is_served_already_is_put_back_if_it_is_not_there(setup: UploadSetup) -> None:
    path = setup.services / 'a.py'
    setup.upload('a.py', '# a.x\n')
    setup.check.errors['bad'] = failure()
    setup.deploy('a.py', '# bad\n')
    assert setup.alarmed == ['a.py']
    again = setup.upload('a.py', '# a.x\n')
    assert (again.event, path.read_text(), setup.versions) == (0, '# a.x\n', [1])
    setup.deployer.deploy(path)
    assert setup.alarmed == []
    path.unlink()
    setup.upload('a.py', '# a.x\n')
    assert (path.read_text(), setup.versions) == ('# a.x\n', [1])


def test_an_upload_may_be_of_what_was_undeployed_or_rolled_back(setup: UploadSetup) -> None:
    for text in ('# a.x\n', '# a.y\n'):
        setup.upload('a.py', text)
    setup.deployer.rollback('a', 1, ALICE)
    setup.upload('a.py', '# a.y\n')
    assert (setup.served, setup.versions) == ({'a': '# a.y\n'}, [3, 2, 1])
    setup.store.undeploy('a', actor=ALICE)
    setup.upload('a.py', '# a.y\n')
    assert (setup.served, setup.versions) == ({'a': '# a.y\n'}, [4, 3, 2, 1])


def test_a_module_that_another_folder_has_is_not_taken(setup: UploadSetup) -> None:
    other = setup.services.parent / 'more'
    other.mkdir()
    (other / 'a.py').write_text('# a.x\n')
    setup.deployer.scan([other])
    with pytest.raises(DeploymentError, match=r'there is a module `a` already, from .*/more/a\.py'):
        setup.upload('a.py', '# a.x\n')
    assert not (setup.services / 'a.py').exists()


@pytest.mark.parametrize(
    'name', ['../a.py', 'sub/a.py', '.a.py', 'a.txt', '', 'a\n.py', 'a\0.py', '\udcff.py', 'ä' * 99 + '.py']
)
def test_names_of_other_files_are_refused(setup: UploadSetup, name: str) -> None:
    with pytest.raises(BadRequest, match=r'must be that of a Python file, such as my_services\.py'):
        setup.upload(name, '')
    assert list(setup.services.iterdir()) == []


def test_a_text_that_is_too_large_is_refused(setup: UploadSetup) -> None:
    with pytest.raises(ContentTooLarge, match=r'a\.py has 6 bytes, and \[hot_deploy\] max_size is 5'):
        setup.uploads(max_size=5).upload('a.py', b'# a.x\n', ALICE)


# What lacked a module


def test_what_lacked_a_module_is_tried_again_whoever_deploys_that(setup: UploadSetup, other: UploadSetup) -> None:
    setup.scan()
    setup.check.errors['user.x'] = failure(missing='rates')
    setup.deploy('user.py', '# user.x\nimport rates\n')
    other.deploy('else.py', '')
    setup.deployer.tend()
    assert setup.check.modules == ['user'], 'that was another module'
    other.deploy('rates.py', '')
    setup.deployer.tend()
    assert setup.check.modules == ['user', 'user']
    setup.deployer.tend()
    assert setup.check.modules == ['user', 'user'], 'once for each deployment'
    setup.check.errors.clear()
    setup.upload('rates.py', '# changed\n')
    setup.deployer.tend()
    assert setup.check.modules[-1] == 'user'
    assert (set(setup.served), setup.alarmed) == ({'user', 'rates', 'else'}, [])


def test_a_file_that_lacks_a_part_of_a_module_is_tried_once_a_deployment(setup: UploadSetup) -> None:
    setup.scan()
    setup.check.errors['user.x'] = failure(missing='rates', error='ImportError: cannot import name X from rates')
    setup.deploy('rates.py', '')
    setup.deploy('user.py', '# user.x\nfrom rates import X\n')
    setup.deployer.tend()
    setup.deploy('rates.py', '# again\n')
    setup.deployer.tend()
    assert setup.check.modules == ['rates', 'user', 'rates', 'user']


# What lies in the folders


def test_files_are_told_with_what_came_of_them(setup: UploadSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.check.errors['bad'] = failure()
    for name in ('fine', 'gone', 'rolled', 'undone', 'changed'):
        setup.deploy(f'{name}.py', f'# {name}\n')
    setup.deploy('bad.py', '# bad\n')
    setup.deploy('rolled.py', '# rolled.y\n')
    setup.deployer.rollback('rolled', 1, ALICE)
    setup.store.undeploy('undone', actor=ALICE)
    (setup.services / 'gone.py').unlink()
    setup.save('changed.py', '# not seen yet\n')
    setup.save('new.py', '# new\n')
    setup.save('large.py', 'x' * 10_001)
    os.mkfifo(setup.services / 'fifo.py')
    setup.save('notes.txt', '')
    assert setup.states() == {
        'fine.py': 'deployed',
        'gone.py': 'gone',
        'rolled.py': 'replaced',
        'undone.py': 'undeployed',
        'changed.py': 'pending',
        'bad.py': 'refused',
        'new.py': 'pending',
        'large.py': 'refused',
        'fifo.py': 'refused',
    }


def test_what_was_refused_is_told_as_long_as_the_file_is_there(setup: UploadSetup) -> None:
    setup.check.errors['bad'] = failure(error='it fails')
    path = setup.deploy('a.py', '# bad\n')
    folders = PickupFolders(setup.store, [setup.services], 10_000)
    assert list(folders.refused()) == ['a']
    assert 'it fails' in folders.refused()['a']
    [told] = folders.files()
    assert (told.error, told.deployed, told.number, told.saved > '2026') == (folders.refused()['a'], '', 0, True)
    path.unlink()
    assert (folders.refused(), folders.files()) == ({}, [])
