"""Many processes that publish, subscribe and acknowledge at once, and are killed, lose and contradict nothing."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.environment import PATIENCE, eventually
from tests.support.odb import OpenODB
from tests.support.pubsub_store import TOPIC, Messages
from zato.common.odb.address import ODBAddress
from zato.common.odb.database import Database
from zato.common.pubsub.schema import store_address
from zato.server.pubsub.messages import MessageTables
from zato.server.pubsub.subs import SubRow, SubscriptionRows

Start = Callable[..., subprocess.Popen[str]]

A, B = 7, 8

#: Writes a line for each turn whose messages were stored: for each, its ID and who has it.
PUBLISHER = """
from tests.support.pubsub_store import *

name, path = arguments
store = open_store(address)
with open(path, 'a', buffering=1) as told:
    turn = 0
    while True:
        turn += 1
        operations = [
            Publish([StoredMessage(f'{name}.{turn}.{i}', TOPIC, 5, 1, 0, 'text/plain', 't', 3, 5, 0, None, b'one')])
            for i in range(8)
        ]
        operations[0].own_ids = frozenset({0})
        store.commit(lambda: operations)
        assert all(operation.error is None for operation in operations), operations[0].error
        told.write(json.dumps({each.messages[0].msg_id: list(each.subs[0]) for each in operations}) + '\\n')
"""

#: Writes what it delivers before it acknowledges that, as one line.
DELIVERER = """
from tests.support.pubsub_store import *
from zato.server.pubsub.store.interface import Retry

sub_id, epoch, path = int(arguments[0]), int(arguments[1]), arguments[2]
store = open_store(address)
lease = fence(sub_id, 'owner', epoch)
with open(path, 'a', buffering=1) as told:
    turn = 0
    while True:
        turn += 1
        fetch = Fetch(sub_id, limit=20, size=MEGABYTE, now=turn, is_fresh=turn % 10 == 0)
        store.commit(lambda: [fetch])
        assert fetch.error is None, fetch.error
        if not fetch.rows:
            continue
        told.write(json.dumps(ids(fetch.rows)) + '\\n')
        operation = Ack(lease, keys(fetch.rows))
        if turn % 7 == 0:
            operation = Retry(lease, keys(fetch.rows), at=turn + 3, attempts=1, text='no', waits_aside=turn % 2 == 0)
        store.commit(lambda: [operation])
        assert operation.error is None, operation.error
        assert not operation.is_lost
"""


@pytest.fixture
def messages(odb_address: ODBAddress) -> Iterator[Messages]:
    opened = Messages(odb_address)
    yield opened
    opened.check()
    opened.close()


@pytest.fixture
def subscriptions(odb_address: ODBAddress) -> Iterator[SubscriptionRows]:
    opened = OpenODB(odb_address)
    opened.odb.database.close()
    opened.odb.database = Database(store_address(odb_address))
    yield SubscriptionRows(MessageTables(opened.odb))
    opened.close()


def lines(path: Path) -> list[str]:
    """Whole ones: whoever writes may be killed in the middle."""
    text = path.read_text() if path.exists() else ''
    return text.splitlines() if text.endswith('\n') else text.splitlines()[:-1]


def turns_of(path: Path, turns: int) -> None:
    """Wait for as many more."""
    before = len(lines(path))
    eventually(lambda: len(lines(path)) >= before + turns, f'{turns} turns in {path.name}')


def places(messages: Messages) -> dict[str, list[tuple[str, int]]]:
    """Where each message is: tables, and subscriptions."""
    found = defaultdict[str, list[tuple[str, int]]](list)
    for table in ('ps_queue', 'ps_retry', 'ps_dead'):
        for msg_id, sub_id in messages.run(f'SELECT m.msg_id, r.sub_id FROM {table} r JOIN ps_msg m ON m.seq = r.seq'):
            found[msg_id].append((table, sub_id))
    return found


def test_who_subscribes_while_others_publish_misses_nothing_and_leaves_nothing_behind(
    messages: Messages, subscriptions: SubscriptionRows, odb_address: ODBAddress, odb_process: Start, tmp_path: Path
) -> None:
    """Each message is where it was said to be: with those who had subscribed, or with who came first after that."""
    paths = [tmp_path / f'publisher{number}' for number in range(2)]
    started = [odb_process(odb_address, PUBLISHER, path.name, path) for path in paths]
    for path in paths:
        turns_of(path, 1)
    for first in range(10, 30, 2):
        subs = [SubRow(id, TOPIC, f'k{id}') for id in (first, first + 1)]
        subscriptions.ensure(subs)
        turns_of(paths[0], 2)
        for sub in subs:
            subscriptions.remove(sub.id)
        turns_of(paths[1], 2)
    for process in started:
        process.kill()
        process.wait()

    found = places(messages)
    told = {msg_id: subs for path in paths for line in lines(path) for msg_id, subs in json.loads(line).items()}
    counts = Counter(min(subs) < 0 for subs in told.values())
    print(f'{odb_address.engine}: {counts[False]} messages to subscriptions, {counts[True]} to the topic')
    assert min(counts[False], counts[True]) > 0
    for msg_id, subs in told.items():
        if min(subs) > 0:
            assert sorted(found[msg_id]) == [('ps_dead', sub_id) for sub_id in subs], msg_id
        else:
            assert len(found[msg_id]) == 1, msg_id
    assert all(table == 'ps_dead' or sub_id == -TOPIC for where in found.values() for table, sub_id in where)


def test_processes_that_are_killed_at_random_lose_nothing(
    messages: Messages, odb_address: ODBAddress, odb_process: Start, tmp_path: Path
) -> None:
    seed = 20260101
    chance = random.Random(seed)
    messages.subscribe(A, B)
    paths = {name: tmp_path / name for name in ('one', 'two', 'A', 'B')}
    epochs = Counter[str]()
    running: dict[str, subprocess.Popen[str]] = {}

    def start(name: str) -> None:
        epochs[name] += 1
        if name in ('A', 'B'):
            sub_id = {'A': A, 'B': B}[name]
            messages.lease(sub_id, 'owner', epochs[name])
            running[name] = odb_process(odb_address, DELIVERER, sub_id, epochs[name], paths[name])
        else:
            running[name] = odb_process(odb_address, PUBLISHER, f'{name}{epochs[name]}', paths[name])

    for name in paths:
        start(name)
    for _ in range(6):
        name = chance.choice(list(paths))
        turns_of(paths[name], chance.randint(1, 12))
        running[name].kill()
        running[name].wait()
        start(name)
    for path in paths.values():
        turns_of(path, 1)
    assert [process.poll() for process in running.values()] == [None] * 4
    for process in running.values():
        process.kill()
        process.wait(PATIENCE)

    acknowledged = {msg_id for name in ('one', 'two') for line in lines(paths[name]) for msg_id in json.loads(line)}
    delivered = {name: {msg_id for line in lines(paths[name]) for msg_id in json.loads(line)} for name in ('A', 'B')}
    found = places(messages)
    print(
        f'{odb_address.engine}: seed {seed}, kills {sum(epochs.values())}, {len(acknowledged)} acknowledged, delivered '
        f'{len(delivered["A"])} and {len(delivered["B"])}, {len(found)} left'
    )
    assert acknowledged
    for name, sub_id in (('A', A), ('B', B)):
        left = {msg_id for msg_id, where in found.items() if any(sub_id == id for _, id in where)}
        assert acknowledged <= delivered[name] | left, name
