"""Servers of one cluster: what is changed or deployed through one of them is so on all, now and after they were down."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.admin import answers_of_all, create, invoke, pids, refusal
from tests.support.environment import Environment, eventually, service_file, zato
from zato.common.component import ServerDirectory, read_info
from zato.common.crypto import new_key

CHANNEL = 'zato.channel-rest'
BOTH = (0, 1)


@pytest.fixture
def cluster(odb_engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environment]:
    """Two servers with two workers each, running."""
    odb = None if odb_engine == 'sqlite' else request.getfixturevalue('empty_odb_address')
    created = Environment(tmp_path / 'qs-1', servers=2, workers=2, odb=odb)
    try:
        created.start()
        yield created
    finally:
        created.close()


def add_channel(cluster: Environment, *, server: int = 0, name: str = 'my.channel', path: str = '/my') -> None:
    create(cluster, CHANNEL, name, server=server, url_path=path, service='my.service', data_format='json')


def versions(cluster: Environment, path: str = '/my') -> list[set[Any]]:
    """What the workers of each server answer."""
    return [set(answers_of_all(cluster, path, server=server).values()) for server in BOTH]


def test_a_channel_created_on_one_server_answers_on_every_worker_of_both(cluster: Environment) -> None:
    assert cluster.deploy('my.py', service_file(1)).code == 0
    add_channel(cluster, server=0)
    found = [answers_of_all(cluster, '/my', server=server) for server in BOTH]
    assert [set(answers) for answers in found] == [pids(cluster, server=server) for server in BOTH]

    add_channel(cluster, server=1, name='other.channel', path='/other/{id}')
    assert versions(cluster, '/other/1') == [{1}, {1}]
    invoke(cluster, f'{CHANNEL}.edit', {'name': 'my.channel', 'url_path': '/moved'}, server=1)
    assert versions(cluster, '/moved') == [{1}, {1}]
    invoke(cluster, f'{CHANNEL}.delete', {'name': 'my.channel'}, server=0)
    for server in BOTH:
        for _ in range(10):
            assert cluster.request('POST', '/moved', b'{}', server=server).status == 404
    assert 'cannot be used' not in cluster.log(0) + cluster.log(1)


def test_a_version_deployed_through_one_server_is_served_by_all_and_rolled_back_by_one_command_for_good(
    cluster: Environment,
) -> None:
    assert cluster.deploy('my.py', service_file(1)).code == 0
    add_channel(cluster)
    receipt = cluster.deploy('my.py', service_file(2))
    assert receipt.code == 0, receipt.err
    for server in BOTH:
        for pid in pids(cluster, server=server):
            assert f'server{server + 1}:{pid}' in receipt.out
    assert versions(cluster) == [{2}, {2}]

    done = zato('service', 'rollback', cluster.servers[1].path, 'my')
    assert done.code == 0, done.err
    assert versions(cluster) == [{1}, {1}]

    saved = cluster.server.services / 'my.py'
    assert saved.read_text() == service_file(2)
    cluster.save('my.py', saved.read_bytes())  # with the same content: no deployment
    assert zato('restart', cluster.path).code == 0
    assert versions(cluster) == [{1}, {1}]
    again = cluster.deploy('my.py', service_file(2))
    assert again.code != 0
    assert 'has been rolled back or undeployed since' in again.err
    assert cluster.deploy('my.py', service_file(3)).code == 0
    assert versions(cluster) == [{3}, {3}]


def test_a_module_is_not_undeployed_while_a_channel_uses_its_service(cluster: Environment) -> None:
    assert cluster.deploy('my.py', service_file(1)).code == 0
    add_channel(cluster, server=1)
    refused = refusal(cluster, 'zato.service.undeploy', {'name': 'my'})
    assert refused == (409, 'Service `my.service` cannot be deleted: it is used by REST channel `my.channel`')
    assert versions(cluster) == [{1}, {1}]

    invoke(cluster, f'{CHANNEL}.delete', {'name': 'my.channel'})
    undeployed = invoke(cluster, 'zato.service.undeploy', {'name': 'my'}, server=1)
    assert (undeployed['pending'], undeployed['failed']) == ([], {})
    for server in BOTH:
        for _ in range(10):
            assert cluster.invoke('my.service', server=server).status == 404
    assert (cluster.server.services / 'my.py').exists(), 'the file is the user’s'
    assert zato('restart', cluster.path).code == 0
    assert [cluster.invoke('my.service', server=server).status for server in BOTH] == [404, 404]


def test_a_server_that_was_down_catches_up_at_its_start(cluster: Environment) -> None:
    assert cluster.deploy('my.py', service_file(1)).code == 0
    add_channel(cluster)
    add_channel(cluster, name='old.channel', path='/old')
    cluster.stop(1)
    assert cluster.deploy('my.py', service_file(2)).code == 0
    assert cluster.deploy('new.py', service_file(7, name='new.service')).code == 0
    create(cluster, CHANNEL, 'new.channel', url_path='/new', service='new.service', data_format='json')
    invoke(cluster, f'{CHANNEL}.edit', {'name': 'my.channel', 'url_path': '/moved'})
    invoke(cluster, f'{CHANNEL}.delete', {'name': 'old.channel'})
    cluster.save('late.py', service_file(5, name='late.service'), server=1)  # into the folder of the one that is down
    cluster.start(server=1)
    assert versions(cluster, '/moved') == [{2}, {2}]
    assert versions(cluster, '/new') == [{7}, {7}]
    for path in ('/my', '/old'):
        assert [cluster.request('POST', path, b'{}', server=server).status for server in BOTH] == [404, 404]
    create(cluster, CHANNEL, 'late.channel', url_path='/late', service='late.service', data_format='json')
    assert versions(cluster, '/late') == [{5}, {5}]


def test_a_server_made_like_another_one_joins_and_serves_everything(cluster: Environment, tmp_path: Path) -> None:
    assert cluster.deploy('my.py', service_file(1)).code == 0
    add_channel(cluster)
    name = read_info(cluster.server.path)['cluster_name']
    path = tmp_path / 'elsewhere' / 'third'
    arguments = ('--http-port', 0, '--workers', 2, '--like', cluster.server.path)
    made = zato('create', 'server', path, name, 'server3', *arguments)
    assert made.code == 0, made.err
    cluster.servers.append(ServerDirectory(path))
    cluster.start(server=2)
    assert set(answers_of_all(cluster, '/my', server=2).values()) == {1}

    assert cluster.deploy('my.py', service_file(2), server=2).code == 0
    assert versions(cluster) == [{2}, {2}]
    add_channel(cluster, server=2, name='other.channel', path='/other')
    assert versions(cluster, '/other') == [{2}, {2}]
    listed = invoke(cluster, 'zato.worker.get-list')
    assert sorted(item['server'] for item in listed) == ['server1', 'server1', 'server2', 'server2', 'server3', 'server3']


def test_a_server_with_another_key_cluster_or_a_name_that_is_taken_does_not_join(
    cluster: Environment, tmp_path: Path
) -> None:
    path = tmp_path / 'third'
    name = read_info(cluster.server.path)['cluster_name']
    like = ('--http-port', 0, '--like', cluster.server.path)

    taken = zato('create', 'server', path, name, 'server2', *like)
    assert taken.code == 7
    assert '`server2`' in taken.err
    other = zato('create', 'server', path, 'another', 'server3', *like)
    assert other.code == 8
    assert f'has cluster `{name}`, not `another`' in other.err
    wrong_key = zato('create', 'server', path, name, 'server3', '--secret-key', new_key(), *odb_options(cluster))
    assert wrong_key.code != 0
    assert f'the secret key is not that of cluster `{name}`' in wrong_key.err
    assert not path.exists() or os.listdir(path) == []

    in_use = zato('create', 'server', cluster.servers[1].path, name, 'server3', *like)
    assert in_use.code == 5
    eventually(lambda: len(pids(cluster, server=1)) == 2, 'both workers, as before')
    assert [item['server'] for item in invoke(cluster, 'zato.worker.get-list')].count('server3') == 0


def odb_options(cluster: Environment) -> list[object]:
    """That say where its ODB is."""
    from zato.cli.odb import address_of_server

    odb = address_of_server(cluster.server)
    options: list[object] = ['--odb-type', odb.engine, '--odb-db-name', odb.db_name]
    if not odb.is_sqlite:
        options += ['--odb-host', odb.host, '--odb-port', odb.port, '--odb-user', odb.username]
        options += ['--odb-password', odb.password]
    return options
