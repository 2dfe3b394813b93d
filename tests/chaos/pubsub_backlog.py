"""Very many messages that wait, and what a server needs to start with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import text

from tests.chaos.pubsub_cluster import Cluster, cluster
from tests.support.environment import eventually
from zato.common.odb.address import ODBAddress

TARGET = 'chaos.target'
_DATA = json.dumps({'p': 'backlog', 'text': 'x' * 200}).encode()
_NUMBERS = 'WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count)'
_MESSAGES = f"""INSERT INTO ps_msg (seq, msg_id, topic_id, priority, pub_time, expires_at, mime, form, size, endpoint_id,
    keep_until, refs, meta, data) {_NUMBERS}
    SELECT :first + i, 'backlog.' || (:first + i), :topic_id, 5, 1, 0, 'application/json', 'j', :size, 0, 0, 1, NULL, :data
    FROM numbers"""
_QUEUE = f'INSERT INTO ps_queue (sub_id, rank, seq) {_NUMBERS} SELECT :sub_id, 4, :first + i FROM numbers'
_FIRST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Of a server's processes from its start until it delivers. cpu: seconds; memory: MB of its worker alone."""

    cpu: float
    memory: float


def needs(path: Path, odb: ODBAddress | None, count: int) -> tuple[Need, Need]:
    """With a single message in the queue, and with so many more. Checks that these are delivered in their order."""
    with cluster(path, odb, workers=1) as made:
        made.publish(TARGET)
        _stop(made)
        _fill(made, 1, first=1_000)
        few = _measure(made)
        _stop(made)
        _fill(made, count, first=_FIRST)
        many = _measure(made)
        made.take_back('hold')
        eventually(lambda: len(made.lines()) > 1_000, 'many deliveries')
        numbers = [int(line.msg_id.rpartition('.')[2]) for line in made.lines()[2:]]
        assert numbers == list(range(_FIRST + 1, _FIRST + 1 + len(numbers)))
        made.check()
        print(f'with 1: {few}; with {count:,}: {many}')
        return few, many


def _stop(made: Cluster) -> None:
    made.take_back('hold')
    made.wait_until_empty()
    made.environment.stop()


def _fill(made: Cluster, count: int, *, first: int) -> None:
    ((sub_id, topic_id),) = made.rows('SELECT id, topic_id FROM ps_sub')
    with made.database.write() as connection:
        values = {'count': count, 'first': first, 'topic_id': topic_id, 'data': _DATA, 'size': len(_DATA)}
        connection.execute(text(_MESSAGES), values)
        connection.execute(text(_QUEUE), {'count': count, 'first': first, 'sub_id': sub_id})
        last = {'seq': first + count}
        if made.address.is_sqlite:
            connection.execute(text('UPDATE ps_state SET seq = :seq'), last)
        else:
            connection.execute(text("SELECT setval('ps_seq', :seq)"), last)


def _measure(made: Cluster) -> Need:
    """Holds the target from now on."""
    begun = len(made.lines('begin'))
    made.say('hold')
    made.environment.start()
    eventually(lambda: len(made.lines('begin')) > begun, 'the first delivery')
    (worker,) = made.workers
    times = [psutil.Process(pid).cpu_times() for pid in made.environment.processes()]
    cpu = sum(each.user + each.system for each in times)
    return Need(cpu=cpu, memory=psutil.Process(worker).memory_full_info().uss / 1e6)
