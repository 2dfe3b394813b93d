"""The audit log in each database: what is kept, what is found, what goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert

from tests.support.odb import OpenODB
from zato.common.odb.address import ODBAddress
from zato.common.odb.tables import audit_message, config_object
from zato.server.audit_log import store as module
from zato.server.audit_log.store import AuditStore, Message, Query

FEW = 5


@pytest.fixture
def odb(odb_address: ODBAddress) -> Iterator[OpenODB]:
    opened = OpenODB(odb_address)
    yield opened
    opened.close()


@pytest.fixture
def store(odb: OpenODB) -> AuditStore:
    return AuditStore(odb.odb, 'server1')


def message(number: int, **options: Any) -> Message:
    given: dict[str, Any] = {
        'at': time.time(),
        'kind': 'channel_rest',
        'object_id': 1,
        'name': 'my.channel',
        'direction': 'received',
        'cid': f'cid{number}',
        'msg_id': f'cid{number}',
        'in_reply_to': '',
        'remote': '10.0.0.1',
        'what': 'POST /a',
        'status': 0,
        'size': 3,
        'encoding': 'text',
        'is_cut': False,
        'data': f'data {number}',
    }
    return Message(**{**given, **options})


def add(store: AuditStore, *messages: Message, keep: int = FEW) -> None:
    store.add(messages, {(item.object_id, item.direction): keep for item in messages})


def cids(store: AuditStore, **query: Any) -> list[str]:
    return [found['cid'] for found in store.find(Query(**{'limit': 1_000, **query}))]


def test_a_message_is_found_as_it_was_added(store: AuditStore) -> None:
    add(store, message(1, at=time.time() - 60, size=2**40, data='ä\n€', what='GET /ä'))
    (found,) = store.find(Query(limit=10))
    age = time.time() - time.mktime(time.strptime(found['timestamp'][:19], '%Y-%m-%dT%H:%M:%S')) + time.timezone
    assert 50 < age < 200
    assert found == {
        'event_id': f'zae{found["id"]}',
        'timestamp': found['timestamp'],
        'id': found['id'],
        'server': 'server1',
        'kind': 'channel_rest',
        'object_id': 1,
        'name': 'my.channel',
        'direction': 'received',
        'cid': 'cid1',
        'msg_id': 'cid1',
        'in_reply_to': '',
        'remote': '10.0.0.1',
        'what': 'GET /ä',
        'status': 0,
        'size': 2**40,
        'encoding': 'text',
        'is_cut': False,
        'is_left_out': False,
        'data': 'ä\n€',
    }


def test_messages_are_found_by_cid_object_and_direction_the_latest_first(store: AuditStore, odb: OpenODB) -> None:
    add(store, message(1), message(2), message(3, direction='sent', cid='cid1'))
    add(AuditStore(odb.odb, 'server2'), message(4, object_id=2, cid='cid1'))
    assert cids(store) == ['cid1', 'cid1', 'cid2', 'cid1']
    assert [found['object_id'] for found in store.find(Query(cid='cid1', limit=10))] == [2, 1, 1]
    assert cids(store, object_id=1) == ['cid1', 'cid2', 'cid1']
    assert cids(store, object_id=1, direction='sent') == ['cid1']
    assert cids(store, direction='received', limit=2) == ['cid1', 'cid2']
    for cid in ("' OR 1=1 --", 'a\0b', '\ud800'):
        assert cids(store, cid=cid) == []


def test_further_messages_follow(store: AuditStore) -> None:
    add(store, *(message(number) for number in range(5)))
    first = store.find(Query(limit=2))
    assert cids(store, before_id=first[-1]['id'], limit=2) == ['cid2', 'cid1']


def test_the_latest_of_each_object_and_direction_are_kept(store: AuditStore) -> None:
    for number in range(12):
        add(store, message(number), message(number, direction='sent'), message(number, object_id=2, name='other'), keep=FEW)
    for query in ({'direction': 'received', 'object_id': 1}, {'direction': 'sent'}, {'object_id': 2}):
        assert cids(store, **query) == [f'cid{number}' for number in range(11, 6, -1)]


def test_fewer_are_kept_from_when_fewer_are_wanted(store: AuditStore) -> None:
    add(store, *(message(number) for number in range(5)))
    add(store, message(5), keep=2)
    assert cids(store) == ['cid5', 'cid4']


def test_where_many_are_kept_a_hundredth_more_may_be_there(store: AuditStore) -> None:
    for number in range(250):
        add(store, message(number), keep=200)
    assert 200 <= len(cids(store)) <= 202
    assert cids(store, limit=1) == ['cid249']


def test_a_host_whose_clock_is_wrong_records_by_that_of_the_odb(store: AuditStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, message(1), keep=2)
    monkeypatch.setattr(module, 'time', lambda: time.time() - 3_600)
    add(store, message(2, at=time.time() - 3_600), keep=2)
    add(store, message(3, at=time.time() - 3_600), keep=2)
    assert set(cids(store)) == {'cid2', 'cid3'}


def test_two_workers_keep_no_more_than_one(odb: OpenODB) -> None:
    stores = [AuditStore(odb.odb, 'server1'), AuditStore(odb.odb, 'server1')]
    for number in range(10):
        add(stores[number % 2], message(number))
    assert cids(stores[0]) == [f'cid{number}' for number in range(9, 4, -1)]


def test_messages_of_one_object_are_cleared(store: AuditStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, '_AT_ONCE', 2)
    add(store, *(message(number) for number in range(5)), message(5, direction='sent'), message(6, object_id=2))
    assert store.clear(1, 'sent') == 1
    assert store.clear(1) == 5
    assert store.clear(1) == 0
    assert cids(store) == ['cid6']


def test_an_id_is_not_given_again(store: AuditStore) -> None:
    add(store, message(1))
    (first,) = store.find(Query(limit=1))
    store.clear(1)
    add(store, message(2))
    assert store.find(Query(limit=1))[0]['id'] > first['id']


def test_messages_of_objects_that_are_gone_go(store: AuditStore, odb: OpenODB) -> None:
    row = {'id': 2, 'kind': 'channel_rest', 'name': 'a', 'is_active': True, 'version': 1, 'settings': '{}'}
    odb.odb.write(lambda connection: connection.execute(insert(config_object).values(row)))
    add(store, *(message(number, object_id=number % 4) for number in range(8)))
    assert store.forget_deleted() == 6
    assert cids(store) == ['cid6', 'cid2']
    assert store.forget_deleted() == 0


def test_an_answer_has_no_more_data_than_fits_and_says_where_some_is_left_out(
    store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, '_MOST_DATA', 100)
    add(store, *(message(number, data='a' * 60) for number in range(4)))
    assert [(len(found['data']), found['is_left_out']) for found in store.find(Query(limit=10))] == [
        (60, False),
        (60, False),
        (0, True),
        (0, True),
    ]


def test_all_or_none_of_a_batch_is_written(store: AuditStore, odb: OpenODB) -> None:
    with pytest.raises(Exception, match=r'NOT NULL|not-null|null value'):
        add(store, message(1), message(2, data=None))
    assert odb.rows(audit_message) == []
