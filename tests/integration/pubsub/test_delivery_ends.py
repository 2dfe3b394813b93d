"""How delivery goes on beside what takes long, is large, or does not end when it should."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import gevent
import pytest

from tests.integration.pubsub.test_delivery import PATIENCE, Bench, Target, until
from zato.common.pubsub import PubSubMessage
from zato.server.pubsub import task as module
from zato.server.pubsub.head import MOST_BYTES


@pytest.fixture(name='bench')
def make_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / 'pubsub.db')
    yield made
    made.close()


class Stubborn:
    """A target that does not let itself be ended."""

    def __init__(self) -> None:
        self.may_end = gevent.event.Event()
        self.has_ended = gevent.event.Event()

    def __call__(self, messages: Sequence[PubSubMessage]) -> tuple[()]:
        while not self.may_end.is_set():
            try:
                self.may_end.wait()
            except gevent.GreenletExit:
                pass
        self.has_ended.set()
        return ()


def test_a_stop_ends_though_what_is_in_flight_does_not_and_that_changes_nothing_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, '_LAST_WORD', 0.01)
    bench.publish('a')
    answer = Stubborn()
    target = Target(answer)
    task = bench.task(target)
    until(lambda: target.calls)
    gevent.spawn(task.stop, 0.01).get(timeout=PATIENCE)
    answer.may_end.set()
    assert answer.has_ended.wait(PATIENCE)
    bench.publish('b')  # what was to be written before is written before
    assert bench.left() == 2


def test_large_messages_are_in_flight_together_too(bench: Bench) -> None:
    for letter in 'abc':
        bench.publish(letter * (MOST_BYTES + 1))
    may_end = gevent.event.Event()
    target = Target(lambda messages: may_end.wait() and ())
    bench.task(target, max_in_flight=3)
    until(lambda: len(target.calls) == 3)
    may_end.set()
    until(lambda: not bench.left())


def test_nothing_is_delivered_beside_what_may_have_ended_a_process(bench: Bench) -> None:
    bench.publish('suspect', 'a', 'b')
    bench.sql('UPDATE ps_queue SET crashes = 1 WHERE seq = 1')
    beside: list[int] = []

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        if messages[0].data == 'suspect':
            gevent.sleep(0.05)
            beside.append(len(target.calls) - 1)
        return ()

    target = Target(answer)
    bench.task(target, max_in_flight=3)
    until(lambda: not bench.left())
    assert beside == [0]
    assert target.data[0] == 'suspect'


def test_what_fails_holds_back_what_is_behind_it_also_while_others_publish(bench: Bench) -> None:
    bench.publish('a', 'b')

    def answer(messages: Sequence[PubSubMessage]) -> tuple[()]:
        if len(target.calls) == 1:
            task.look(4)
            raise ValueError('no')
        return ()

    target = Target(answer)
    task = bench.task(target)
    until(lambda: not bench.left())
    assert target.data == ['a', 'a', 'b']


@pytest.mark.parametrize(('form', 'data'), [('j', "CAST('[NaN]' AS BLOB)"), ('t', "x'ff'")], ids=['not JSON', 'not text'])
def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_is_delivered(bench: Bench, form: str, data: str) -> None:
    bench.publish('a', 'b')
    bench.sql(f"UPDATE ps_msg SET form = '{form}', data = {data} WHERE seq = 1")
    target = Target()
    bench.task(target, delivery_batch_size=2, delivery_max_retry=0)
    until(lambda: not bench.left())
    assert target.data == ['b']
    assert bench.sql('SELECT seq, reason, attempts FROM ps_dead') == [(1, 'rejected', 1)]
    assert not bench.failed
