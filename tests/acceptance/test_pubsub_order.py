"""Without faults each message is delivered once and in its order, also across stops and restarts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.chaos.pubsub_books import Publishers, disorder
from tests.chaos.pubsub_cluster import Cluster, cluster, repeated
from tests.support.environment import eventually, zato
from zato.common.odb.address import ODBAddress

TARGET = 'chaos.target'
TARGETS = [TARGET, *(f'{TARGET}.{number}' for number in range(1, 8))]
SERVERS, WORKERS = 2, 4


def test_each_message_is_delivered_once_by_one_of_many_workers(environment_odb: ODBAddress | None, tmp_path: Path) -> None:
    with cluster(tmp_path, environment_odb, servers=SERVERS, workers=WORKERS) as made:
        for name in TARGETS:
            made.publish(name, n=-1)
        with Publishers(made, 16, 7, {name: [name] for name in TARGETS}) as publishers:
            eventually(lambda: len(publishers.sent) > 1_000, '1,000 messages')
        made.wait_until_empty()
        lines = made.lines('begin')
        first_of_each = len(TARGETS)
        print(f'{len(publishers.sent)} acknowledged, by {len({line.pid for line in lines})} workers, {publishers.counts}')
        assert publishers.counts['answered 503'] == 0
        assert Counter(repeated(lines)).total() == 0
        assert len(lines) == len(publishers.sent) + first_of_each
        assert {line.pid for line in lines} <= made.workers
        assert disorder(lines, publishers.sent) == []
        made.check()


def test_an_urgent_message_overtakes_a_backlog_whichever_worker_publishes_it(tmp_path: Path) -> None:
    with cluster(tmp_path, workers=2) as made:
        made.say('hold')
        made.publish_many(TARGET, 5_000)
        eventually(lambda: made.lines('begin'), 'the first delivery')
        pids = set()
        urgent = []
        while pids != made.workers:
            answer = made.try_to_publish(TARGET, options={'priority': 9}, p='urgent')
            pids.add(answer.json['pid'])
            urgent.append(answer.json['id'])
        made.take_back('hold')
        eventually(lambda: len(made.lines()) > 2_000, 'many deliveries')
        late = made.publish(TARGET, options={'priority': 9})
        before = len(made.lines('begin'))
        made.wait_until_empty()
        ids = [line.msg_id for line in made.lines('begin')]
        assert ids[1 : len(urgent) + 1] == urgent
        print(f'the late one came {ids.index(late) - before} deliveries after its publisher had its answer')
        assert len(ids) == 5_001 + len(urgent)


def test_what_is_undelivered_when_all_servers_stop_is_delivered_in_order_when_they_start(
    environment_odb: ODBAddress | None, tmp_path: Path
) -> None:
    with cluster(tmp_path, environment_odb, servers=2, workers=1) as made:
        ids = made.publish_many(TARGET, 800, seconds=0.003)
        eventually(lambda: len(made.lines()) >= 20, 'the first deliveries')
        made.environment.stop()
        left = made.undelivered()
        assert left >= 500
        assert len(made.lines('begin')) == len(made.lines()) == 800 - left
        made.environment.start()
        made.wait_until_empty()
        assert [line.msg_id for line in made.lines()] == ids
        made.check()


def test_a_rolling_restart_under_load_loses_and_repeats_nothing(environment_odb: ODBAddress | None, tmp_path: Path) -> None:
    with cluster(tmp_path, environment_odb, servers=2, workers=2) as made:
        for name in TARGETS:
            made.publish(name, n=-1)
        with Publishers(made, 16, 7, {name: [name] for name in TARGETS}) as publishers:
            for server in made.environment.servers:
                _publish_some(publishers)
                assert zato('restart', server.path).code == 0
            _publish_some(publishers)
        made.wait_until_empty()
        lines = made.lines('begin')
        moves = _moves(made)
        print(f'{len(publishers.sent)} acknowledged, {moves} moves, repeated: {repeated(lines)}, {publishers.counts}')
        assert Counter(repeated(lines)).total() == 0
        assert {sent.msg_id for sent in publishers.sent} <= {line.msg_id for line in made.lines()}
        assert disorder(lines, publishers.sent) == []
        assert publishers.wrong == []
        made.check()


def _publish_some(publishers: Publishers) -> None:
    before = len(publishers.sent)
    eventually(lambda: len(publishers.sent) > before + 200, 'publishing to go on')


def _moves(made: Cluster) -> int:
    """How often a subscription was delivered by another process than before."""
    count, last = 0, dict[str, int]()
    for line in made.lines('begin'):
        count += last.get(line.service, line.pid) != line.pid
        last[line.service] = line.pid
    return count
