"""What the store of modules promises, whichever database it is over."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import seen_of, version_of
from tests.support.odb import ALICE, OpenODB
from zato.common.config.kind import find_kind
from zato.common.exception import Conflict, NotFound
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import ODBUnavailable
from zato.common.odb.tables import audit, config_event, config_object, module_source
from zato.server.deploy.versions import ModuleStore, ModuleVersion, Outdated, ServiceDeclaration, Snapshot, digest_of
from zato.server.propagate.change import make_change
from zato.server.propagate.ledger import Actor, Ledger

Start = Callable[..., subprocess.Popen[str]]

ONE, TWO, THREE, FOUR = b'# one\n', b'# two\n', b'# three\n', b'# four\n'
BOB = Actor('bob', 'operator')


class Cluster:
    """Opens stores over one ODB, as workers of several servers do. Their copies of texts are apart by server."""

    def __init__(self, address: ODBAddress, directory: Path) -> None:
        self.address = address
        self._directory = directory
        self._opened: list[OpenODB] = []
        self.odb = self._open()

    def store(self, server: str = 'server1', history: int = 100) -> ModuleStore:
        opened = self._open()
        return ModuleStore(opened.odb, opened.writer, server, self.texts(server), history)

    def texts(self, server: str = 'server1') -> Path:
        return self._directory / server

    def close(self) -> None:
        for opened in self._opened:
            opened.close()

    def _open(self) -> OpenODB:
        self._opened.append(OpenODB(self.address))
        return self._opened[-1]

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """Objects of the kind `service`: name → its row."""
        return {row['name']: row for row in self.odb.rows(config_object, ['id']) if row['kind'] == 'service'}

    @property
    def sources(self) -> set[str]:
        """SHA-256 of all texts in the ODB."""
        return {row['sha256'] for row in self.odb.rows(module_source)}

    def add_channel(self, service: str) -> None:
        raw = {'name': f'to {service}', 'url_path': f'/{service}', 'service': service}
        self.odb.apply(make_change('create', find_kind('channel_rest'), raw))

    def remove_channel(self, service: str) -> None:
        self.odb.apply(make_change('delete', find_kind('channel_rest'), {'name': f'to {service}'}))


@pytest.fixture
def cluster(odb_address: ODBAddress, tmp_path: Path) -> Iterator[Cluster]:
    opened = Cluster(odb_address, tmp_path / 'texts')
    yield opened
    opened.close()


@pytest.fixture
def store(cluster: Cluster) -> ModuleStore:
    return cluster.store()


def activate(
    store: ModuleStore,
    path: str,
    source: bytes,
    *,
    reload: Iterable[str] = (),
    removed: Iterable[str] = (),
    actor: Actor = ALICE,
    **kwargs: Any,
) -> int:
    version = version_of(path, source, server=store.server, **kwargs)
    based_on = store.read().revision
    return store.activate(version, source, seen_of(source), reload, removed, based_on=based_on, actor=actor)


def roll_back(store: ModuleStore, version: ModuleVersion) -> int:
    return store.activate(version, b'', None, (), (), based_on=store.read().revision, actor=BOB)


def services(*names: str) -> tuple[ServiceDeclaration, ...]:
    return tuple(ServiceDeclaration(name, name.title(), i) for i, name in enumerate(names, 1))


def text_of(store: ModuleStore, source: bytes) -> bytes:
    digest = digest_of(source)
    return store.texts_of([digest])[digest].read_bytes()


def numbers(store: ModuleStore, name: str = 'a') -> list[int]:
    return [version.number for version in store.versions_of(name)]


# What is active


def test_a_new_store_is_empty(store: ModuleStore) -> None:
    assert store.read() == Snapshot()
    assert store.seen() == {}


def test_what_is_activated_is_there_with_its_text_and_who_deployed_it_when_and_where(store: ModuleStore) -> None:
    revision = activate(store, '/s/a.py', ONE, imports=('x', 'y'))
    snapshot = store.read()
    assert snapshot.revision == revision > 0
    found = snapshot.modules['a']
    assert datetime.now(UTC) - datetime.fromisoformat(found.deployed) < timedelta(minutes=10)
    expected = version_of('/s/a.py', ONE, number=1, revision=revision, imports=('x', 'y'), who='alice')
    assert replace(found, deployed='') == expected
    assert expected.server == 'server1'
    assert store.seen() == {'/s/a.py': seen_of(ONE)}
    assert text_of(store, ONE) == ONE


def test_each_change_has_a_higher_revision_and_each_version_of_a_module_a_higher_number(store: ModuleStore) -> None:
    revisions = [
        activate(store, '/s/a.py', ONE),
        activate(store, '/s/a.py', TWO),
        activate(store, '/s/b.py', ONE),
        activate(store, '/s/a.py', ONE),
    ]
    assert revisions == sorted(set(revisions))
    modules = store.read().modules
    assert (modules['a'].number, modules['b'].number) == (3, 1)


def test_only_what_is_to_be_loaded_anew_gets_the_new_revision(store: ModuleStore) -> None:
    for name in 'abc':
        activate(store, f'/s/{name}.py', ONE)
    before = store.read().modules
    revision = activate(store, '/s/a.py', TWO, reload=['b'])
    after = store.read().modules
    assert after['a'].revision == after['b'].revision == revision
    assert after['b'].number == before['b'].number
    assert after['c'] == before['c']


def test_a_module_that_replaces_another_removes_it_in_the_same_step(store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/b.py', ONE, removed=['a', 'never-there'])
    assert set(store.read().modules) == {'b'}
    assert numbers(store, 'a') == [1], 'it can be brought back'
    assert text_of(store, ONE) == ONE


def test_a_snapshot_stays_as_it_was_read(store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    snapshot = store.read()
    activate(store, '/s/a.py', TWO)
    assert snapshot.modules['a'].sha256 == digest_of(ONE)


def test_reading_again_when_nothing_has_changed_gives_the_very_same_snapshot(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE, services=services('x'))
    before = store.read()
    cluster.add_channel('x')
    assert store.read() is before


@pytest.mark.parametrize('path', ['/s/ünï.py', '/s/a b\n.py'], ids=['utf8', 'newline'])
def test_any_path_comes_back_as_it_was(cluster: Cluster, path: str) -> None:
    activate(cluster.store(), path, ONE, module='m', services=())
    store = cluster.store()
    assert store.read().modules['m'].path == path
    assert list(store.seen()) == [path]


@pytest.mark.parametrize('source', [b'', b'\xff\0', b'x' * 1_000_000], ids=['empty', 'binary', 'long'])
def test_any_text_comes_back_as_it_was(cluster: Cluster, source: bytes) -> None:
    activate(cluster.store(), '/s/a.py', source)
    assert text_of(cluster.store(), source) == source


def test_another_server_reads_the_same_modules_and_has_seen_nothing(cluster: Cluster, store: ModuleStore) -> None:
    other = cluster.store('server2')
    activate(store, '/s/a.py', ONE, imports=('b',))
    activate(store, '/s/b.py', TWO)
    assert other.read() == store.read()
    assert {version.server for version in other.read().modules.values()} == {'server1'}
    assert text_of(other, ONE) == ONE
    assert other.versions_of('a') == store.versions_of('a')
    assert other.seen() == {}


def test_an_open_reader_sees_each_later_change(cluster: Cluster, store: ModuleStore) -> None:
    reader = cluster.store('server2')
    assert reader.read() == Snapshot()
    for source in (ONE, TWO, THREE, ONE):
        activate(store, '/s/a.py', source)
        assert reader.read() == store.read()
    store.undeploy('a', actor=ALICE)
    assert reader.read().modules == {}
    assert reader.read().revision == store.read().revision


# Who decides by what is no longer so


def test_who_decided_by_an_old_snapshot_is_outdated_and_nothing_is_changed(cluster: Cluster, store: ModuleStore) -> None:
    other = cluster.store('server2')
    old = other.read().revision
    activate(store, '/s/a.py', ONE)
    before = store.read(), cluster.services, cluster.odb.rows(audit)
    version = version_of('/s/b.py', TWO, server='server2')
    with pytest.raises(Outdated):
        other.activate(version, TWO, seen_of(TWO), (), (), based_on=old, actor=BOB)
    assert (store.read(), cluster.services, cluster.odb.rows(audit)) == before
    assert other.seen() == {}
    assert cluster.sources == {digest_of(ONE)}
    other.activate(version, TWO, seen_of(TWO), (), (), based_on=other.read().revision, actor=BOB)
    assert set(store.read().modules) == {'a', 'b'}


def test_changes_of_other_objects_do_not_make_a_deployment_outdated(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE, services=services('x'))
    based_on = store.read().revision
    cluster.add_channel('x')
    store.activate(version_of('/s/b.py', TWO), TWO, None, (), (), based_on=based_on, actor=ALICE)
    assert set(store.read().modules) == {'a', 'b'}


WRITER = """
from pathlib import Path
from tests.support.modules import version_of
from tests.support.odb import ALICE, OpenODB
from zato.server.deploy.versions import ModuleStore, Outdated

opened = OpenODB(address)
server, texts, times = arguments
store = ModuleStore(opened.odb, opened.writer, server, Path(texts), 100)
outdated = 0
for i in range(int(times)):
    source = f'# {server} {i}'.encode()
    while True:
        based_on = store.read().revision
        version = version_of('/s/a.py', source, server=server)
        try:
            store.activate(version, source, None, (), (), based_on=based_on, actor=ALICE)
            break
        except Outdated:
            outdated += 1
print(json.dumps(outdated))
"""


def test_of_servers_that_deploy_at_once_none_writes_over_what_it_has_not_seen(
    cluster: Cluster, odb_process: Start, tmp_path: Path
) -> None:
    times = 15
    writers = [odb_process(cluster.address, WRITER, name, tmp_path / name, times) for name in ('one', 'two', 'three')]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    versions = cluster.store().versions_of('a')
    assert [version.number for version in versions] == list(range(3 * times, 0, -1))
    for name in ('one', 'two', 'three'):
        own = [version for version in versions if version.server == name]
        assert [version.sha256 for version in reversed(own)] == [digest_of(f'# {name} {i}'.encode()) for i in range(times)]


READER = """
from pathlib import Path
from tests.support.odb import OpenODB
from zato.server.deploy.versions import ModuleStore, digest_of

opened = OpenODB(address)
store = ModuleStore(opened.odb, opened.writer, 'server2', Path(arguments[0]), 100)
store.read()
print('ready', flush=True)
torn = 0
while True:
    snapshot = store.read()
    a, b = snapshot.modules['a'], snapshot.modules['b']
    torn += a.number > 1 and not a.revision == b.revision == snapshot.revision
    torn += digest_of(store.texts_of([a.sha256])[a.sha256].read_bytes()) != a.sha256
    if a.number == 31:
        break
print(json.dumps(dict(torn=torn, last=snapshot.revision)))
"""


def test_another_process_reads_whole_states_only_while_this_one_writes(
    cluster: Cluster, store: ModuleStore, odb_process: Start
) -> None:
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/b.py', ONE)
    reader = odb_process(cluster.address, READER, cluster.texts('server2'))
    assert reader.stdout is not None
    assert reader.stdout.readline() == 'ready\n'
    for i in range(30):
        activate(store, '/s/a.py', b'# %d\n' % i, reload=['b'])
    out, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0
    assert json.loads(out) == {'torn': 0, 'last': store.read().revision}


def test_a_change_that_fails_at_the_last_moment_changes_nothing(
    cluster: Cluster, store: ModuleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate(store, '/s/a.py', ONE)
    before = store.read(), cluster.services, store.seen(), cluster.sources

    def fail(ledger: Ledger) -> None:
        raise ODBUnavailable(msg='the connection was lost')

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, 'close', fail)
        with pytest.raises(ODBUnavailable, match='lost'):
            activate(store, '/s/b.py', TWO, removed=['a'])
        with pytest.raises(ODBUnavailable, match='lost'):
            store.undeploy('a', actor=ALICE)
    assert (store.read(), cluster.services, store.seen(), cluster.sources) == before
    assert text_of(store, ONE) == ONE
    activate(store, '/s/a.py', TWO)
    assert cluster.store().read().modules['a'].sha256 == digest_of(TWO), 'and the next one works again'


# What was found at a path


def test_what_is_refused_is_remembered_and_changes_nothing_that_is_deployed(store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    before = store.read()
    refused = seen_of(TWO, attempt=2, error='line 1: no', warnings=('w', 'v'), missing='rates', is_late=True)
    store.remember('/s/a.py', refused)
    store.remember('/s/b.py', seen_of(THREE))
    assert store.seen() == {'/s/a.py': refused, '/s/b.py': seen_of(THREE)}
    assert (store.seen_at('/s/a.py'), store.seen_at('/s/nowhere.py')) == (refused, None)
    assert store.read() is before


def test_a_path_that_is_not_utf8_can_be_remembered(store: ModuleStore) -> None:
    path = os.fsdecode(b'/s/\xff.py')
    for i in (1, 2):
        store.remember(path, seen_of(ONE, attempt=i, error='rename it'))
        assert store.seen_at(path) == seen_of(ONE, attempt=i, error='rename it')
    assert len(store.seen()) == 1


def test_any_error_of_a_module_can_be_remembered(store: ModuleStore) -> None:
    store.remember('/s/a.py', seen_of(ONE, error='a\0b\ud800', missing='m\0', warnings=('w\0\ud800',)))
    assert store.seen_at('/s/a.py') == seen_of(ONE, error=r'a\x00b\ud800', missing=r'm\x00', warnings=('w\0\ud800',))


def test_each_server_remembers_its_own_paths(cluster: Cluster, store: ModuleStore) -> None:
    other = cluster.store('server2')
    activate(store, '/s/a.py', ONE)
    other.remember('/s/a.py', seen_of(TWO, error='no'))
    assert store.seen_at('/s/a.py') == seen_of(ONE)
    assert other.seen() == {'/s/a.py': seen_of(TWO, error='no')}


def test_what_is_activated_without_a_file_leaves_what_is_remembered_as_it_is(store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/a.py', TWO)
    roll_back(store, store.versions_of('a')[-1])
    assert store.seen() == {'/s/a.py': seen_of(TWO)}


# Copies of texts


def copies(cluster: Cluster, server: str = 'server1') -> set[str]:
    return {path.stem for path in cluster.texts(server).glob('*.py')}


@pytest.mark.parametrize('damage', [Path.unlink, lambda path: path.write_bytes(b'# on'), lambda path: path.write_bytes(b'')])
def test_a_lost_or_damaged_copy_of_a_text_is_fetched_again(
    cluster: Cluster, store: ModuleStore, damage: Callable[[Path], None]
) -> None:
    activate(store, '/s/a.py', ONE)
    [path] = store.texts_of([digest_of(ONE)]).values()
    damage(path)
    assert text_of(store, ONE) == ONE


def test_what_a_crash_left_of_a_copy_is_ignored(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    cluster.texts().mkdir(parents=True)
    (cluster.texts() / f'.{digest_of(ONE)}.py.1').write_bytes(b'# o')
    assert text_of(store, ONE) == ONE


def test_a_directory_that_cannot_be_written_to_is_an_error_that_names_it(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    cluster.texts().parent.mkdir(exist_ok=True)
    cluster.texts().touch()
    with pytest.raises(OSError, match=str(cluster.texts())):
        text_of(store, ONE)


def test_all_texts_that_are_asked_for_are_given_however_many_they_are(store: ModuleStore) -> None:
    sources = [b'# %d' % i for i in range(5)]
    for i, source in enumerate(sources):
        activate(store, f'/s/m{i}.py', source)
    unknown = [digest_of(b'unknown %d' % i) for i in range(1_200)]
    found = store.texts_of([*unknown, *map(digest_of, sources), digest_of(sources[0])])
    assert {digest: path.read_bytes() for digest, path in found.items()} == {digest_of(text): text for text in sources}


def test_copies_of_what_has_not_been_active_for_long_are_discarded(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/b.py', TWO)
    store.texts_of(map(digest_of, (ONE, TWO)))
    activate(store, '/s/a.py', THREE)
    assert copies(cluster) == {digest_of(ONE), digest_of(TWO)}, 'somebody may be about to read it'
    for path in cluster.texts('server1').glob('*.py'):
        os.utime(path, (0, 0))
    activate(store, '/s/a.py', FOUR)
    assert copies(cluster) == {digest_of(TWO)}
    assert text_of(store, ONE) == ONE, 'the ODB has it'


# Earlier versions


def test_versions_of_a_module_are_listed_from_the_newest_and_stay_when_it_is_undeployed(store: ModuleStore) -> None:
    for source in (ONE, TWO, ONE):
        activate(store, '/s/a.py', source, actor=BOB)
    store.undeploy('a', actor=ALICE)
    versions = store.versions_of('a')
    assert [(version.number, version.sha256, version.who) for version in versions] == [
        (3, digest_of(ONE), 'bob'),
        (2, digest_of(TWO), 'bob'),
        (1, digest_of(ONE), 'bob'),
    ]


def test_there_are_no_versions_of_a_module_that_was_never_deployed(store: ModuleStore) -> None:
    with pytest.raises(NotFound, match='There is no module `a`'):
        store.versions_of('a')


def test_an_earlier_version_is_activated_as_it_was_with_its_own_number(store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/a.py', TWO)
    first = store.versions_of('a')[-1]
    event = roll_back(store, first)
    assert store.read().modules['a'] == replace(first, revision=event)
    assert numbers(store) == [2, 1]
    activate(store, '/s/a.py', THREE)
    assert numbers(store) == [3, 2, 1]


def test_an_undeployed_module_is_gone_until_a_version_of_it_is_activated(store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/b.py', TWO)
    event = store.undeploy('a', actor=BOB)
    snapshot = store.read()
    assert set(snapshot.modules) == {'b'}
    assert snapshot.revision == event
    roll_back(store, store.versions_of('a')[0])
    assert set(store.read().modules) == {'a', 'b'}


def test_as_many_earlier_versions_of_a_module_stay_as_history_says(cluster: Cluster) -> None:
    store = cluster.store(history=2)
    sources = [b'# %d\n' % i for i in range(5)]
    for source in sources:
        activate(store, '/s/a.py', source)
    assert numbers(store) == [5, 4, 3]
    assert cluster.sources == {digest_of(source) for source in sources[-3:]}


def test_what_is_active_is_never_pruned_however_old(cluster: Cluster) -> None:
    store = cluster.store(history=1)
    activate(store, '/s/old.py', ONE)
    for i in range(5):
        activate(store, '/s/a.py', b'# %d\n' % i)
    assert numbers(store, 'old') == [1]
    oldest = store.versions_of('a')[-1]
    roll_back(store, oldest)
    roll_back(store, store.versions_of('a')[0])
    assert numbers(store) == [5, 4], 'no version is pruned by going back and forth'
    assert text_of(store, ONE) == ONE


def test_a_text_that_two_modules_share_stays_while_one_of_them_keeps_it(cluster: Cluster) -> None:
    store = cluster.store(history=1)
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/b.py', ONE)
    for source in (TWO, THREE, b'# four'):
        activate(store, '/s/a.py', source)
    assert digest_of(ONE) in cluster.sources
    for source in (TWO, THREE):
        activate(store, '/s/b.py', source)
    assert digest_of(ONE) not in cluster.sources


# Services as objects


def test_services_are_objects_as_long_as_they_are_deployed(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE, services=services('x', 'y'))
    assert {name: json.loads(row['settings'])['impl_name'] for name, row in cluster.services.items()} == {
        'x': 'a.X',
        'y': 'a.Y',
    }
    x = cluster.services['x']
    activate(store, '/s/a.py', TWO, services=services('x', 'z'))
    assert set(cluster.services) == {'x', 'z'}
    assert cluster.services['x'] == x, 'it has not changed'
    store.undeploy('a', actor=ALICE)
    assert cluster.services == {}


def test_a_service_that_moves_to_another_module_is_the_same_object(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/old.py', ONE, services=services('x'))
    cluster.odb.apply(make_change('edit', find_kind('service'), {'name': 'x', 'is_active': False}))
    id = cluster.services['x']['id']
    activate(store, '/s/new.py', ONE, services=services('x'), removed=['old'])
    row = cluster.services['x']
    assert (row['id'], row['is_active'], json.loads(row['settings'])['impl_name']) == (id, False, 'new.X')


def test_a_service_that_a_channel_refers_to_stays_an_object_when_it_goes_from_its_module(
    cluster: Cluster, store: ModuleStore
) -> None:
    activate(store, '/s/a.py', ONE, services=services('x', 'y'))
    cluster.add_channel('x')
    id = cluster.services['x']['id']
    activate(store, '/s/a.py', TWO, services=())
    assert set(cluster.services) == {'x'}
    activate(store, '/s/b.py', ONE, services=services('x'))
    assert cluster.services['x']['id'] == id


def test_a_module_is_not_undeployed_while_a_channel_refers_to_a_service_of_it(cluster: Cluster, store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE, services=services('x', 'y'))
    cluster.add_channel('x')
    before = store.read()
    with pytest.raises(Conflict, match='`x` cannot be deleted: it is used by REST channel `to x`'):
        store.undeploy('a', actor=ALICE)
    assert store.read() is before
    assert set(cluster.services) == {'x', 'y'}
    cluster.remove_channel('x')
    store.undeploy('a', actor=ALICE)
    assert cluster.services == {}


def test_a_module_is_not_undeployed_while_others_import_it(store: ModuleStore) -> None:
    activate(store, '/s/a.py', ONE)
    activate(store, '/s/b.py', TWO, imports=('a',))
    activate(store, '/s/c.py', THREE, imports=('b',))
    with pytest.raises(Conflict, match='Module `a` cannot be undeployed: it is imported by b, c'):
        store.undeploy('a', actor=ALICE)
    for name in 'cba':
        store.undeploy(name, actor=ALICE)
    assert store.read().modules == {}


@pytest.mark.parametrize('is_known', [True, False])
def test_what_is_not_deployed_cannot_be_undeployed(store: ModuleStore, *, is_known: bool) -> None:
    if is_known:
        activate(store, '/s/a.py', ONE)
        store.undeploy('a', actor=ALICE)
    with pytest.raises(NotFound, match='No module `a` is deployed'):
        store.undeploy('a', actor=ALICE)


# Who did it


def test_deployments_are_events_and_in_the_audit_trail_with_who_made_them(cluster: Cluster, store: ModuleStore) -> None:
    deployed = activate(store, '/s/a.py', ONE, services=())
    changed = activate(store, '/s/a.py', TWO, services=())
    rolled_back = roll_back(store, store.versions_of('a')[-1])
    undeployed = store.undeploy('a', actor=BOB)
    one, two = (json.dumps({'number': i, 'sha256': digest_of(source)}) for i, source in ((1, ONE), (2, TWO)))
    columns = ('event', 'who', 'action', 'name', 'before', 'after')
    trail = [row for row in cluster.odb.rows(audit, ['event']) if row['kind'] == 'module']
    assert [tuple(row[name] for name in columns) for row in trail] == [
        (deployed, 'alice', 'deploy', 'a', '', one),
        (changed, 'alice', 'deploy', 'a', one, two),
        (rolled_back, 'bob', 'rollback', 'a', two, one),
        (undeployed, 'bob', 'undeploy', 'a', one, ''),
    ]
    events = [row for row in cluster.odb.rows(config_event, ['id']) if row['kind'] == 'module']
    assert [row['id'] for row in events] == [deployed, changed, rolled_back, undeployed]
    assert len({row['object_id'] for row in events}) == 1
