"""Which messages go next."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tests.unit.pubsub.rows import row
from zato.server.pubsub.choice import next_apart, next_batch, suspects
from zato.server.pubsub.store.interface import Row

NOW = 1_000


def batch(rows: Sequence[Row], limit: int = 4) -> list[int]:
    return [one.seq for one in next_batch(rows, NOW, limit)]


def apart(rows: Sequence[Row], busy: Collection[str] = (), *, blocks: bool = True, is_alone: bool = True) -> list[int]:
    return [one.seq for one in next_apart(rows, NOW, busy, blocks=blocks, is_alone=is_alone)]


def test_as_many_as_may_be_delivered_at_once_are() -> None:
    assert batch([row(seq) for seq in range(1, 8)]) == [1, 2, 3, 4]


def test_the_first_one_that_waits_holds_back_the_rest() -> None:
    assert batch([row(1, not_before=NOW + 1), row(2)]) == []
    assert batch([row(1), row(2, not_before=NOW + 1), row(3)]) == [1]


def test_what_has_failed_is_not_delivered_together_with_what_has_not() -> None:
    assert batch([row(1, attempts=1), row(2, attempts=1), row(3)]) == [1, 2]


def test_what_has_failed_twice_is_delivered_in_halves_and_alone_in_the_end() -> None:
    assert batch([row(seq, attempts=2) for seq in range(1, 9)], limit=8) == [1, 2, 3, 4]
    assert batch([row(seq, attempts=4) for seq in range(1, 9)], limit=8) == [1]
    assert batch([row(seq, attempts=40) for seq in range(1, 9)], limit=8) == [1]


def test_what_may_have_ended_a_process_is_delivered_alone() -> None:
    assert batch([row(1, crashes=1), row(2)]) == [1]
    assert batch([row(1), row(2, crashes=1)]) == [1]


def test_no_two_of_one_ordering_key_are_in_flight() -> None:
    rows = [row(1, group='a'), row(2, group='b'), row(3)]
    assert apart(rows) == [1]
    assert apart(rows, {'a'}) == [2]
    assert apart(rows, {'a', 'b'}) == [3]


def test_a_later_one_of_a_key_does_not_overtake_one_that_waits() -> None:
    rows = [row(1, group='a', not_before=NOW + 1), row(2, group='a'), row(3, group='b')]
    assert apart(rows) == [3]


def test_one_without_a_key_that_waits_holds_back_the_rest_if_errors_block() -> None:
    rows = [row(1, not_before=NOW + 1), row(2)]
    assert apart(rows) == []
    assert apart(rows, blocks=False) == [2]


def test_what_may_have_ended_a_process_waits_until_nothing_else_is_in_flight() -> None:
    rows = [row(1, crashes=1), row(2)]
    assert apart(rows, is_alone=False) == []
    assert apart(rows) == [1]


def test_any_of_those_that_were_on_their_way_may_have_ended_a_process() -> None:
    rows = [row(1), row(2), row(3, not_before=NOW + 1), row(4)]
    assert [one.seq for one in suspects(rows, NOW, 2)] == [1, 2]
    assert [one.seq for one in suspects(rows, NOW, 9)] == [1, 2, 4]


def test_where_one_did_before_it_was_that_one_which_was_noted_or_what_came_before_it() -> None:
    rows = [row(9, rank=0), row(1, crashes=2), row(2, crashes=1), row(3)]
    assert [one.seq for one in suspects(rows, NOW, 9)] == [9]
    assert suspects(rows[1:], NOW, 9) == []
