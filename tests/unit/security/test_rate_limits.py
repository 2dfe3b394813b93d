"""What rate limits let in: windows of time, counts that go on, and what they cost in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rate_limits import MIDNIGHT, Now, limited
from zato.common.exception import Forbidden, TooManyRequests
from zato.server.security.rate_limit.limits import ApproximateCounter, RateLimits

HOME, OFFICE, AWAY = '192.168.1.7', '10.0.0.1', '172.16.0.1'


class Place:
    """The limits of a worker at a time that the test sets."""

    def __init__(self, rules: str = '', **settings: object) -> None:
        self.now = Now()
        self.limits = RateLimits(approximate=ApproximateCounter(self.now))
        if rules:
            self.limits.put(limited(rules, **settings))

    def ask(self, address: str = HOME, id: int = 1) -> str | int:
        """'in', or 'not listed', or the seconds after which there may be more."""
        return self._outcome(lambda: self.limits.check(id, address, 'cid'))

    def look(self, address: str = HOME, id: int = 1) -> str | int:
        return self._outcome(lambda: self.limits.look(id, address, 'cid'))

    def ask_service(self, name: str) -> str | int:
        return self._outcome(lambda: self.limits.check_service(name, HOME, 'cid'))

    def many(self, number: int, address: str = HOME) -> int:
        """How many of so many requests were let in."""
        return [self.ask(address) for _ in range(number)].count('in')

    @staticmethod
    def _outcome(check: Callable[[], None]) -> str | int:
        try:
            check()
        except (TooManyRequests, Forbidden) as e:
            refused = e
        else:
            return 'in'
        number, words = ('429', 'Too Many Requests') if isinstance(refused, TooManyRequests) else ('403', 'Forbidden')
        assert (str(refused), refused.cid, str(refused.status)) == (f'Error {number} {words}', 'cid', number)
        return refused.retry_after if isinstance(refused, TooManyRequests) else 'not listed'


def test_as_many_are_let_in_as_the_rate_says_until_the_window_ends() -> None:
    place = Place('*=3/m')
    assert place.many(5) == 3
    for seconds, wait in [(0.0, 60), (0.5, 60), (1.0, 59), (59.0, 1), (59.999, 1)]:
        place.now.seconds = MIDNIGHT + seconds
        assert place.ask() == wait
    place.now.seconds = MIDNIGHT + 60
    assert place.many(5) == 3


@pytest.mark.parametrize(('unit', 'seconds'), [('m', 60), ('h', 3_600), ('d', 86_400)])
def test_windows_begin_with_a_full_minute_hour_or_day_of_utc(unit: str, seconds: int) -> None:
    place = Place(f'*=1/{unit}')
    place.now.seconds = MIDNIGHT + seconds - 1
    assert (place.ask(), place.ask()) == ('in', 1)
    place.now.seconds += 1
    assert (place.ask(), place.ask()) == ('in', seconds)


def test_windows_without_requests_are_as_if_they_had_not_been() -> None:
    place = Place('*=2/m')
    assert place.many(3) == 2
    place.now.seconds += 3_600
    assert place.many(3) == 2


def test_a_clock_that_is_put_back_begins_a_window_anew_and_locks_nobody_out() -> None:
    place = Place('*=1/m')
    assert place.many(2) == 1
    place.now.seconds -= 86_400
    assert (place.ask(), place.ask()) == ('in', 60)


def test_the_first_line_that_fits_counts_each_with_a_count_of_its_own() -> None:
    place = Place('10.0.0.0/8=1/m\n10.0.0.1=5/m\n192.168.1.7=2/m')
    assert place.many(9, OFFICE) == 1
    assert place.many(9, HOME) == 2
    assert place.many(9, '10.9.9.9') == 0, 'one network is one source'


def test_after_a_first_line_for_any_address_the_others_say_nothing() -> None:
    place = Place('*=1/m\n192.168.1.7=100/m')
    assert place.many(9) == 1


def test_without_a_limit_everything_is_let_in_and_with_a_rate_of_0_nothing() -> None:
    assert Place('*=*').many(100) == 100
    assert Place('192.168.1.7=*\n*=1/m').many(100) == 100
    assert Place('*=0/m').ask() == 60


def test_an_address_that_no_line_fits_is_refused_or_left_to_the_other_limits() -> None:
    assert Place('10.0.0.0/8=5/m').ask(AWAY) == 'not listed'
    left = Place('10.0.0.0/8=0/m', rate_limit_check_parent_def=True)
    assert left.ask(AWAY) == 'in'
    assert left.ask(OFFICE) == 60


def test_an_object_without_active_limits_lets_everything_in() -> None:
    place = Place('*=0/m', is_rate_limit_active=False)
    assert place.ask() == 'in'
    assert not place.limits.is_any
    assert place.ask(id=0) == 'in'


def test_looking_counts_nothing_and_says_what_is_known() -> None:
    place = Place('192.168.1.7=2/m')
    assert [place.look() for _ in range(5)] == ['in'] * 5
    assert place.many(3) == 2
    assert place.look() == 60
    assert place.look(AWAY) == 'not listed'
    place.now.seconds += 60
    assert place.look() == 'in'
    assert place.look(id=2) == 'in'


def test_a_service_is_found_by_its_name() -> None:
    place = Place('*=1/m', kind='service', name='my.service')
    assert [place.ask_service('my.service') for _ in range(2)] == ['in', 60]
    assert place.ask_service('other') == 'in'
    place.limits.remove(limited('*=1/m', kind='service', name='my.service'))
    assert place.ask_service('my.service') == 'in'
    assert not place.limits.is_any


def test_a_channel_that_is_called_like_a_service_is_no_service() -> None:
    place = Place('*=0/m', name='my.service')
    assert place.ask_service('my.service') == 'in'


@pytest.mark.parametrize('is_replaced', [False, True], ids=['put again', 'removed and put'])
def test_when_the_rules_change_counts_of_lines_that_stay_go_on(is_replaced: bool) -> None:
    place = Place('10.0.0.0/8=5/m\n192.168.1.7=5/m')
    assert place.many(3, OFFICE) == place.many(3, HOME) == 3
    changed = limited('172.16.0.0/12=1/m\n10.0.0.0/8=4/m\n192.168.1.7=5/h')
    if is_replaced:
        place.limits.remove(changed)
    place.limits.put(changed)
    assert place.many(9, OFFICE) == 1
    assert place.many(9, HOME) == 5, 'hours are counted by themselves'


def test_counts_of_another_object_are_never_taken_over() -> None:
    place = Place('*=1/m')
    assert place.many(2) == 1
    place.limits.put(limited('*=1/m', id=2))
    assert place.ask(id=2) == 'in'


def test_there_are_no_more_counts_than_lines_however_many_addresses_there_are() -> None:
    place = Place('10.0.0.0/8=1000000/m\n*=1000000/m')
    limiter = place.limits._limiters[1]
    for number in range(10_000):
        assert place.ask(f'10.0.{number // 256}.{number % 256}') == 'in'
    assert [tally.count for tally in limiter.tallies] == [10_000, 0]
    assert limiter._find.cache_info().currsize <= 1_024


def test_counts_of_objects_that_are_gone_are_not_kept_for_ever() -> None:
    place = Place()
    for id in range(1, 3_001):
        item = limited('*=1/m', id=id)
        place.limits.put(item)
        place.limits.remove(item)
    assert len(place.limits._kept) == 1_000
    assert not place.limits.is_any


@given(st.lists(st.floats(0, 400), max_size=60), st.integers(0, 5))
def test_in_no_window_are_more_let_in_than_the_rate_and_none_is_refused_before(moments: list[float], rate: int) -> None:
    place = Place(f'*={rate}/m')
    let_in: dict[int, int] = {}
    for moment in sorted(moments):
        place.now.seconds = MIDNIGHT + moment
        window = int(moment // 60)
        if place.ask() == 'in':
            let_in[window] = let_in.get(window, 0) + 1
        else:
            assert let_in.get(window, 0) == rate
    assert all(number <= rate for number in let_in.values())
