"""What every ModuleStore must do. A new implementation gets its class at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import seen_of, version_of
from zato.server.deploy.versions import DirectoryStore, ModuleStore, Snapshot, StoreUnavailable, digest_of

ONE, TWO, THREE = b'# one\n', b'# two\n', b'# three\n'


class Places:
    """Opens the same store again and again, as other processes do."""

    def open(self) -> ModuleStore:
        raise NotImplementedError

    def python(self) -> str:
        """Statements that make it the variable `store` in another process."""
        raise NotImplementedError

    def break_writing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let what makes a change visible fail, at the last moment."""
        raise NotImplementedError


def activate(
    store: ModuleStore, path: str, source: bytes, *, reload: Iterable[str] = (), removed: Iterable[str] = (), **kwargs: Any
) -> int:
    return store.activate(version_of(path, source, **kwargs), source, seen_of(source), reload, removed)


class ModuleStoreContract(ABC):
    @pytest.fixture
    @abstractmethod
    def places(self, tmp_path: Path) -> Places: ...

    @pytest.fixture
    def store(self, places: Places) -> ModuleStore:
        return places.open()

    def test_a_new_store_is_empty(self, store: ModuleStore) -> None:
        assert store.read() == Snapshot()

    def test_what_is_activated_is_there_with_its_text(self, store: ModuleStore) -> None:
        revision = activate(store, '/s/a.py', ONE, imports=('x', 'y'))
        snapshot = store.read()
        assert snapshot.revision == revision > 0
        assert snapshot.modules == {'/s/a.py': version_of('/s/a.py', ONE, number=1, revision=revision, imports=('x', 'y'))}
        assert snapshot.seen == {'/s/a.py': seen_of(ONE)}
        assert store.path_of(digest_of(ONE)).read_bytes() == ONE

    def test_each_change_has_a_higher_revision_and_each_version_of_a_module_a_higher_number(
        self, store: ModuleStore
    ) -> None:
        revisions = [
            activate(store, '/s/a.py', ONE),
            activate(store, '/s/a.py', TWO),
            activate(store, '/s/b.py', ONE),
            activate(store, '/s/a.py', ONE),
        ]
        assert revisions == sorted(set(revisions))
        modules = store.read().modules
        assert (modules['/s/a.py'].number, modules['/s/b.py'].number) == (3, 1)

    def test_only_what_is_to_be_loaded_anew_gets_the_new_revision(self, store: ModuleStore) -> None:
        for name in 'abc':
            activate(store, f'/s/{name}.py', ONE)
        before = store.read().modules
        revision = activate(store, '/s/a.py', TWO, reload=['/s/b.py'])
        after = store.read().modules
        assert after['/s/a.py'].revision == after['/s/b.py'].revision == revision
        assert after['/s/b.py'].number == before['/s/b.py'].number
        assert after['/s/c.py'] == before['/s/c.py']

    def test_a_module_that_replaces_another_removes_it_in_the_same_step(self, store: ModuleStore) -> None:
        activate(store, '/s/a.py', ONE)
        activate(store, '/s/b.py', ONE, removed=['/s/a.py', '/s/never-there.py'])
        assert set(store.read().modules) == {'/s/b.py'}
        assert store.path_of(digest_of(ONE)).read_bytes() == ONE

    def test_what_is_refused_is_remembered_and_changes_nothing_that_is_deployed(self, store: ModuleStore) -> None:
        activate(store, '/s/a.py', ONE)
        before = store.read()
        refused = seen_of(TWO, attempt=2, error='line 1: no', warnings=('w',), missing='rates', is_late=True)
        store.refuse('/s/a.py', refused)
        after = store.read()
        assert after.seen == {'/s/a.py': refused}
        assert (after.revision, after.modules) == (before.revision, before.modules)

    def test_a_snapshot_stays_as_it_was_read(self, store: ModuleStore) -> None:
        activate(store, '/s/a.py', ONE)
        snapshot = store.read()
        activate(store, '/s/a.py', TWO)
        assert snapshot.modules['/s/a.py'].sha256 == digest_of(ONE)

    def test_reading_again_when_nothing_has_changed_gives_the_very_same_snapshot(self, store: ModuleStore) -> None:
        activate(store, '/s/a.py', ONE)
        assert store.read() is store.read()

    @pytest.mark.parametrize(
        'path', ['/s/ünï.py', '/s/a b\n.py', os.fsdecode(b'/s/\xff.py')], ids=['utf8', 'newline', 'bytes']
    )
    def test_any_path_comes_back_as_it_was(self, places: Places, path: str) -> None:
        activate(places.open(), path, ONE, module='m')
        store = places.open()
        assert list(store.read().modules) == [path]
        assert store.read().modules[path].path == path

    @pytest.mark.parametrize('source', [b'', b'\xff\0', b'x' * 1_000_000], ids=['empty', 'binary', 'long'])
    def test_any_text_comes_back_as_it_was(self, places: Places, source: bytes) -> None:
        activate(places.open(), '/s/a.py', source)
        assert places.open().path_of(digest_of(source)).read_bytes() == source

    def test_another_instance_reads_the_same(self, places: Places, store: ModuleStore) -> None:
        activate(store, '/s/a.py', ONE, imports=('b',))
        activate(store, '/s/b.py', TWO)
        store.refuse('/s/c.py', seen_of(THREE, error='no', warnings=('w', 'v')))
        assert places.open().read() == store.read()

    def test_an_open_reader_sees_each_later_change(self, places: Places, store: ModuleStore) -> None:
        reader = places.open()
        assert reader.read() == Snapshot()
        for source in (ONE, TWO, THREE, ONE):
            activate(store, '/s/a.py', source)
            assert reader.read() == store.read()
            store.refuse('/s/b.py', seen_of(source, error='no'))
            assert reader.read() == store.read()

    def test_who_writes_next_goes_on_from_what_the_last_one_wrote(self, places: Places) -> None:
        first, second = places.open(), places.open()
        second.read()
        activate(first, '/s/a.py', ONE)
        activate(second, '/s/b.py', TWO)
        activate(first, '/s/c.py', THREE)
        assert set(second.read().modules) == {'/s/a.py', '/s/b.py', '/s/c.py'}
        assert second.read().revision == 3

    def test_another_process_reads_whole_states_only_while_this_one_writes(self, places: Places) -> None:
        store = places.open()
        activate(store, '/s/a.py', ONE)
        activate(store, '/s/b.py', ONE)
        reader = subprocess.Popen(
            [sys.executable, '-c', places.python() + READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert reader.stdout is not None
        assert reader.stdout.readline() == b'ready\n'
        for i in range(50):
            source = b'# %d\n' % i
            activate(store, '/s/a.py', source, reload=['/s/b.py'])
        out, _ = reader.communicate(timeout=30)
        assert reader.returncode == 0
        assert json.loads(out) == {'torn': 0, 'last': store.read().revision}

    def test_a_change_that_fails_at_the_last_moment_changes_nothing(
        self, places: Places, store: ModuleStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        activate(store, '/s/a.py', ONE)
        before = store.read()
        with monkeypatch.context() as patch:
            places.break_writing(patch)
            with pytest.raises(StoreUnavailable, match='No space'):
                activate(store, '/s/a.py', TWO, removed=['/s/a.py'])
            with pytest.raises(StoreUnavailable, match='No space'):
                store.refuse('/s/a.py', seen_of(TWO, error='no'))
        assert store.read() == places.open().read() == before
        assert store.path_of(digest_of(ONE)).read_bytes() == ONE
        activate(store, '/s/a.py', TWO)
        assert places.open().read().modules['/s/a.py'].sha256 == digest_of(TWO), 'and the next one works again'


READER = """
import json
from zato.server.deploy.versions import digest_of
store.read()
print('ready', flush=True)
torn = 0
while True:
    snapshot = store.read()
    a, b = snapshot.modules['/s/a.py'], snapshot.modules['/s/b.py']
    torn += snapshot.revision > 2 and not a.revision == b.revision == snapshot.revision
    torn += digest_of(store.path_of(a.sha256).read_bytes()) != a.sha256
    if a.number == 51:
        break
print(json.dumps(dict(torn=torn, last=snapshot.revision)))
"""


class DirectoryPlaces(Places):
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self) -> DirectoryStore:
        return DirectoryStore(self.directory, history=100)

    def python(self) -> str:
        return (
            'from pathlib import Path\n'
            'from zato.server.deploy.versions import DirectoryStore\n'
            f'store = DirectoryStore(Path({str(self.directory)!r}), 100)\n'
        )

    def break_writing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        replace = Path.replace

        def fail(path: Path, target: Path) -> Path:
            if target.name == 'index.json':
                raise OSError(28, 'No space left on device')
            return replace(path, target)

        monkeypatch.setattr(Path, 'replace', fail)


class TestDirectoryStore(ModuleStoreContract):
    @pytest.fixture
    def places(self, tmp_path: Path) -> Places:
        return DirectoryPlaces(tmp_path / 'work' / 'hot-deploy')
