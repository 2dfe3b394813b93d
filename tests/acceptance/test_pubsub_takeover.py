"""Who delivers when the process that did is stopped, or dies."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.chaos.pubsub_books import Publishers
from tests.chaos.pubsub_cluster import TOPIC, Cluster, cluster, first_ones, kill
from tests.chaos.pubsub_freeze import freeze_with_lock, freeze_without_lock, thaw
from tests.support.admin import create
from tests.support.environment import eventually
from zato.common.odb.address import ODBAddress

TARGET, BATCH = 'chaos.target', 'chaos.batch'


def test_a_holder_that_was_stopped_and_goes_on_changes_nothing(environment_odb: ODBAddress | None, tmp_path: Path) -> None:
    with cluster(tmp_path, environment_odb, workers=2) as made:
        made.say('hold')
        first = made.publish(TARGET, n=0)
        eventually(lambda: made.lines('begin', service=TARGET), 'the first delivery')
        others = [made.publish(TARGET, n=number) for number in (1, 2)]
        old = made.owner(TARGET)
        freeze_without_lock(made, old)
        eventually(lambda: made.owner(TARGET) != old, 'another worker to take over')
        made.say('fail', made.owner(TARGET))
        made.take_back('hold')
        eventually(lambda: made.value('SELECT max(attempts) FROM ps_queue') > 0, 'the new holder to fail')
        thaw(old)  # in the middle of what it was delivering
        eventually(lambda: [line for line in made.lines() if line.pid == old], 'the end of what it was delivering')
        made.publish_through(old)
        made.take_back('fail')
        made.wait_until_empty()
        ends = made.lines(service=TARGET)
        assert [line.msg_id for line in ends] == [first, first, *others]
        assert ends[0].pid == old
        assert [line.attempts > 0 for line in ends] == [False, True, False, False]
        made.check()


def test_publishers_are_told_that_the_writers_lock_is_held_and_all_goes_on_when_its_holder_does_or_dies(
    tmp_path: Path,
) -> None:
    with cluster(tmp_path, workers=2) as made:
        made.publish(TARGET, n=-1)
        with Publishers(made, 8, 7, {TARGET: [TARGET]}) as publishers:
            for how in (signal.SIGCONT, signal.SIGKILL):
                stopped = freeze_with_lock(made)
                if how == signal.SIGCONT:
                    eventually(lambda: publishers.counts['answered 503'], 'publishers to be told')
                before = len(publishers.sent)
                kill([stopped], how)
                eventually(lambda before=before: len(publishers.sent) > before + 100, 'publishing to go on')
        made.wait_until_empty()
        delivered = {line.msg_id for line in made.lines()}
        print(f'{len(publishers.sent)} acknowledged, {publishers.counts}')
        assert {sent.msg_id for sent in publishers.sent} <= delivered
        assert publishers.wrong == []
        made.check()


def test_another_worker_goes_on_when_the_one_that_delivers_is_killed(
    environment_odb: ODBAddress | None, tmp_path: Path
) -> None:
    with cluster(tmp_path, environment_odb, workers=3) as made:
        made.say('hold')
        ids = made.publish_many(TARGET, 50)
        eventually(lambda: made.lines('begin'), 'the first delivery')
        killed = made.owner(TARGET)
        kill([killed])
        begun = time.monotonic()
        eventually(lambda: made.owner(TARGET) != killed, 'another worker to take over')
        print(f'taken over after {made.lines("begin")[-1].at - begun:.3f} s')
        made.take_back('hold')
        made.wait_until_empty()
        assert [line.msg_id for line in made.lines()] == ids
        made.check()


@pytest.mark.parametrize('service', [TARGET, BATCH])
def test_a_message_that_kills_its_process_is_a_dead_letter_in_the_end_and_no_other_is(service: str, tmp_path: Path) -> None:
    with cluster(tmp_path, workers=2) as made:
        to = _destination(made, service)
        made.say('hold')
        before = made.publish_many(to, 60, p='before')
        bad = made.publish(to, die=True)
        after = made.publish_many(to, 60, p='after')
        made.take_back('hold')
        urgent = [_publish_after_death(made, to, bad, deaths) for deaths in (1, 2)]
        eventually(lambda: made.rows('SELECT seq FROM ps_dead'), 'a dead letter')
        made.wait_until_empty()
        dead = made.rows('SELECT m.msg_id, d.reason FROM ps_dead d JOIN ps_msg m ON m.seq = d.seq')
        assert dead == [(bad, 'crash')]
        assert _deaths(made, bad) == 3
        ended = {line.msg_id for line in made.lines()}
        assert ended == {*before, *after, *urgent}
        assert [one.msg_id for one in first_ones(made.lines()) if one.publisher] == [*before, *after]
        made.check()


def _destination(made: Cluster, service: str) -> str:
    """Whose messages the service gets: its own, or, in batches, a topic's."""
    if service == TARGET:
        return TARGET
    create(made.environment, 'zato.pubsub.topic', TOPIC)
    made.subscribe(service, delivery_batch_size=50)
    return TOPIC


def _deaths(made: Cluster, msg_id: str) -> int:
    return sum(line.msg_id == msg_id for line in made.lines('begin'))


def _publish_after_death(made: Cluster, to: str, bad: str, deaths: int) -> str:
    """A message that goes first; it is published once the bad one has ended so many processes."""
    eventually(lambda: _deaths(made, bad) >= deaths, f'{deaths} deaths')
    ids: list[str] = []

    def publish() -> bool:
        try:
            ids.append(made.publish(to, options={'priority': 9, 'msg_id': f'urgent.{deaths}'}))
        except OSError:  # that process was about to end
            return False
        return True

    eventually(publish, 'a worker to publish')
    return ids[0]
