"""DirectoryStore beyond the contract: its files, pruning, damage; and what Snapshot finds out."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.modules import seen_of, version_of
from zato.server.deploy.versions import DirectoryStore, Snapshot, StoreUnavailable, digest_of

ONE, TWO, THREE = b'# one\n', b'# two\n', b'# three\n'


def activate(store: DirectoryStore, path: str, source: bytes) -> None:
    store.activate(version_of(path, source), source, seen_of(source), (), ())


def kept(directory: Path) -> set[str]:
    return {file.stem for file in (directory / 'versions').glob('*.py')}


def age(directory: Path) -> None:
    """Make all files a bit older, as if time had passed."""
    for file in directory.rglob('*'):
        status = file.stat()
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns - 10_000_000_000))


# Which versions are kept


def test_of_one_module_as_many_earlier_versions_stay_as_history_says(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, history=2)
    sources = [b'# %d\n' % i for i in range(5)]
    for source in sources:
        age(tmp_path)
        activate(store, '/s/a.py', source)
    assert kept(tmp_path) == {digest_of(source) for source in sources[-3:]}


def test_what_is_active_is_never_pruned_however_old(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, history=1)
    activate(store, '/s/old.py', ONE)
    for i in range(5):
        age(tmp_path)
        activate(store, '/s/a.py', b'# %d\n' % i)
    assert digest_of(ONE) in kept(tmp_path)


def test_the_version_that_was_active_last_is_the_last_to_go(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, history=1)
    activate(store, '/s/old.py', ONE)
    for i in range(4):
        age(tmp_path)
        activate(store, '/s/a.py', b'# %d\n' % i)
    age(tmp_path)
    activate(store, '/s/old.py', TWO)
    assert digest_of(ONE) in kept(tmp_path)


def test_a_text_that_two_modules_share_stays_while_one_is_active(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, history=1)
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/b.py', ONE)
    for i in range(5):
        age(tmp_path)
        activate(store, '/s/a.py', b'# %d\n' % i)
    assert digest_of(ONE) in kept(tmp_path)


# Crashes and damage


def test_what_a_crash_left_between_writing_and_renaming_is_ignored(tmp_path: Path) -> None:
    activate(DirectoryStore(tmp_path, 9), '/s/a.py', ONE)
    (tmp_path / '.index.json.new').write_bytes(b'{"revision": 9, "modu')
    (tmp_path / 'versions' / f'.{digest_of(TWO)}.py.new').write_bytes(b'# tw')
    store = DirectoryStore(tmp_path, 9)
    assert set(store.read().modules) == {'/s/a.py'}
    activate(store, '/s/a.py', TWO)
    assert DirectoryStore(tmp_path, 9).read().modules['/s/a.py'].sha256 == digest_of(TWO)
    assert store.path_of(digest_of(TWO)).read_bytes() == TWO


@pytest.mark.parametrize(
    'content', [b'', b'{', b'[]', b'null', b'{}', b'\xff', b'{"revision": 1, "modules": {"/s/a.py": {}}, "seen": {}}']
)
def test_a_damaged_index_is_an_error_that_names_it_and_is_never_written_over(tmp_path: Path, content: bytes) -> None:
    store = DirectoryStore(tmp_path, 9)
    activate(store, '/s/a.py', ONE)
    good = (tmp_path / 'index.json').read_bytes()
    (tmp_path / 'index.json').write_bytes(content)
    for opened in (store, DirectoryStore(tmp_path, 9)):
        with pytest.raises(StoreUnavailable, match=r'index\.json is damaged .*; put a good copy back, or delete it'):
            opened.read()
        with pytest.raises(StoreUnavailable, match='damaged'):
            activate(opened, '/s/b.py', TWO)
        with pytest.raises(StoreUnavailable, match='damaged'):
            opened.refuse('/s/b.py', seen_of(TWO))
    assert (tmp_path / 'index.json').read_bytes() == content
    (tmp_path / 'index.json').write_bytes(good)
    assert set(store.read().modules) == {'/s/a.py'}


def test_an_index_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / 'index.json').mkdir()
    with pytest.raises(StoreUnavailable, match=r'index\.json cannot be read'):
        DirectoryStore(tmp_path, 9).read()


def test_a_directory_that_cannot_be_written_to_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / 'versions').touch()
    with pytest.raises(StoreUnavailable, match=r'versions/.*\.py cannot be written'):
        activate(DirectoryStore(tmp_path, 9), '/s/a.py', ONE)


def test_who_has_read_the_index_goes_on_with_it_when_it_is_deleted(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, 9)
    activate(store, '/s/a.py', ONE)
    store.read()
    (tmp_path / 'index.json').unlink()
    assert set(store.read().modules) == {'/s/a.py'}
    activate(store, '/s/b.py', TWO)
    assert set(DirectoryStore(tmp_path, 9).read().modules) == {'/s/a.py', '/s/b.py'}


# Who imports whom


def snapshot_of(imports: dict[str, tuple[str, ...]]) -> Snapshot:
    return Snapshot(1, {f'/s/{name}.py': version_of(f'/s/{name}.py', ONE, imports=of) for name, of in imports.items()})


@pytest.mark.parametrize(
    ('imports', 'expected'),
    [
        ({'a': (), 'b': ()}, []),
        ({'a': (), 'b': ('a',), 'c': ('b',), 'd': ('c', 'a')}, ['b', 'd', 'c']),
        ({'a': ('b',), 'b': ('a',)}, ['b']),
        ({'a': ('a',)}, []),
        ({'a': ('c',), 'b': ('a',), 'c': ('b',)}, ['b', 'c']),
        ({'a': (), 'b': ('c', 'a'), 'c': ('b',)}, ['b', 'c']),
        ({'b': ('a',)}, ['b']),
    ],
    ids=['none', 'chain', 'two', 'itself', 'three', 'cycle-beyond', 'not-deployed'],
)
def test_dependants_are_found_through_others_nearest_first(imports: dict[str, tuple[str, ...]], expected: list[str]) -> None:
    assert [version.module for version in snapshot_of(imports).dependants('a')] == expected


@given(st.integers())
def test_dependants_of_any_graph_are_those_that_reach_the_module_each_once(seed: int) -> None:
    chance = random.Random(seed)
    names = 'abcdef'
    imports = {name: tuple(other for other in names if chance.random() < 0.3) for name in names}
    reach = {'a'}
    while more := {name for name in names if reach & set(imports[name])} - reach:
        reach |= more
    found = [version.module for version in snapshot_of(imports).dependants('a')]
    assert sorted(found) == sorted(reach - {'a'})
