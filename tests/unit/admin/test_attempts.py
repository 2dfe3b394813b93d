"""How long to wait after failures, and what is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.dashboard import Pages
from zato.common.config.web_admin_conf import Security

CONF = Security(lockout_after=3, lockout_time=60, log_ins_per_minute=2)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **values: float) -> None:
        self.now += timedelta(**values)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counts(pages: Pages, clock: Clock) -> Any:
    from zato.admin.accounts.attempts import Attempts

    return Attempts(CONF, clock)


def rows() -> Any:
    from zato.admin.accounts.models import LogInFailures

    return LogInFailures.objects


def test_the_wait_doubles_up_to_an_hour(counts: Any, clock: Clock) -> None:
    waits = []
    for _ in range(12):
        attempt = counts.of_name('jane')
        assert attempt.wait == 0
        waits.append(attempt.next_wait)
        clock.go(seconds=attempt.next_wait)
    assert waits == [0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]


def test_attempts_while_one_waits_do_not_make_it_longer(counts: Any, clock: Clock) -> None:
    for _ in range(3):
        counts.of_name('jane')
    for _ in range(50):
        clock.go(seconds=1)
        waiting = counts.of_name('jane')
    assert waiting.wait == 10


def test_ways_to_write_a_name_count_together(counts: Any) -> None:
    for name in ('jane', ' JANE ', 'ｊａｎｅ'):
        counts.of_name(name)
    assert counts.of_name('Jane').wait == 60
    assert counts.of_name('janet').wait == 0


def test_failures_of_another_day_are_forgotten(counts: Any, clock: Clock) -> None:
    for _ in range(3):
        counts.of_name('jane')
    clock.go(days=1, seconds=61)
    assert counts.of_name('jane').next_wait == 0


def test_an_address_may_go_on_in_the_next_minute(counts: Any, clock: Clock) -> None:
    found = []
    for _ in range(4):
        found.append(counts.of_address('192.0.2.1'))
        clock.go(seconds=10)
    assert [attempt.wait for attempt in found] == [0, 0, 40, 30]
    assert [attempt.is_told for attempt in found] == [False, False, False, True]
    clock.go(seconds=20)
    assert counts.of_address('192.0.2.1').wait == 0


def test_an_ipv6_network_counts_as_one_address(counts: Any) -> None:
    for address in ('2001:db8::1', '2001:db8::2'):
        assert counts.of_address(address).wait == 0
    assert counts.of_address('2001:db8:0:0:ffff::9').wait > 0
    assert counts.of_address('2001:db8:0:1::1').wait == 0
    assert counts.of_address('::ffff:192.0.2.1').wait == 0
    assert rows().filter(key='address:192.0.2.1').exists()


def test_no_name_is_kept_as_it_was_typed(counts: Any) -> None:
    counts.of_name('my-password-by-mistake')
    assert not rows().filter(key__contains='mistake').exists()


def test_names_that_somebody_makes_up_do_not_fill_the_disk(counts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('zato.admin.accounts.attempts.MOST_KEPT', 10)
    for _ in range(3):
        counts.of_name('jane')
    for n in range(20):
        counts.of_name(f'made-up-{n}')
        counts.of_address(f'192.0.2.{n}')
    assert rows().count() <= 10
    assert counts.of_name('jane').wait > 0, 'whoever is locked stays so'


def test_what_is_old_goes(counts: Any, clock: Clock) -> None:
    for n in range(10):
        counts.of_name(f'somebody-{n}')
    clock.go(days=2)
    counts.of_name('jane')
    assert rows().count() == 1


def test_a_clock_that_was_ahead_keeps_nobody_out_once_it_is_right(counts: Any, clock: Clock) -> None:
    clock.go(days=400)
    for _ in range(3):
        counts.of_name('jane')
        counts.of_address('10.0.0.1')
    clock.go(days=-400)
    assert counts.of_name('jane').wait == 0
    assert counts.of_address('10.0.0.1').wait == 0
