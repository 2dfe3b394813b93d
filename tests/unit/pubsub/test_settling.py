"""What a task says of its messages once it may not say anything any more."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.unit.pubsub.rows import row
from zato.common.exception import StoreUnavailable
from zato.server.config.cooperation import Bell
from zato.server.pubsub import settling as module
from zato.server.pubsub.head import Head
from zato.server.pubsub.settling import Ended, Settling
from zato.server.pubsub.store.interface import Fence, Operation, Settle, Suspect
from zato.server.pubsub.writer import Writer


class FakeWriter:
    """is_lost: what each operation finds."""

    def __init__(self) -> None:
        self.put_ones: list[Operation] = []
        self.is_lost = True
        self.errors: list[StoreUnavailable] = []

    def put(self, operation: Operation) -> None:
        self.put_ones.append(operation)

    def run(self, operation: Settle) -> Settle:
        self.put_ones.append(operation)
        if self.errors:
            raise self.errors.pop()
        operation.is_lost = self.is_lost
        return operation


class Bench:
    def __init__(self) -> None:
        self.writer = FakeWriter()
        self.lost: list[int] = []
        self.settling = Settling(Fence(3, 'me', 1), Head(), cast(Writer, self.writer), Bell(), lambda: self.lost.append(3))


def lose(ack: Any) -> None:
    ack.is_lost = True
    ack.done(ack)


def test_a_lease_that_is_lost_is_told_of() -> None:
    bench = Bench()
    bench.settling.acknowledge([(4, 1)])
    lose(bench.writer.put_ones[0])
    assert bench.lost == [3]


def test_of_a_lease_that_was_given_up_before_nothing_is_told_since_it_may_be_another_by_now() -> None:
    bench = Bench()
    bench.settling.acknowledge([(4, 1)])
    bench.settling.is_ended = True
    lose(bench.writer.put_ones[0])
    assert bench.lost == []


def test_nothing_is_written_of_a_failure_once_it_has_ended() -> None:
    bench = Bench()
    bench.settling.is_ended = True
    with pytest.raises(Ended):
        bench.settling.retry([row(1)], at=1, attempts=1, text='no', waits_aside=False)
    assert bench.writer.put_ones == []
    assert bench.lost == []


def test_a_suspicion_counts_once_however_often_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'STORE_PAUSE', 0.001)
    bench = Bench()
    bench.writer.is_lost = False
    bench.writer.errors = [StoreUnavailable(msg='It is not known whether it was written')]
    (marked,) = bench.settling.mark([row(1, crashes=1)])
    assert marked.crashes == 2
    assert [cast(Suspect, one).crashes for one in bench.writer.put_ones] == [2, 2]
