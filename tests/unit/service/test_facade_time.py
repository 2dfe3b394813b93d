"""`self.time`: the formats and zones that services ask for, and Arrow only where it is needed."""

from __future__ import annotations

import subprocess
import sys
import time as system_time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from arrow import Arrow

from zato.server.service.facade.time import Time


class FakeClock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def monotonic(self) -> float:
        return 0.0

    def utcnow(self) -> datetime:
        return self.now


def time_at(*numbers: int) -> Time:
    return Time(FakeClock(datetime(*numbers, tzinfo=UTC)))  # type: ignore[arg-type,misc]  # year, month and so on


LATE = (2030, 6, 30, 22, 45, 7, 123456)  #: tomorrow, already, in Warsaw


@pytest.fixture(autouse=True)
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv('TZ', 'Europe/Warsaw')
    system_time.tzset()
    yield
    monkeypatch.undo()
    system_time.tzset()


@pytest.mark.parametrize(
    ('call', 'expected'),
    [
        (lambda time: time.now(), '2030-07-01T00:45:07'),
        (lambda time: time.now(tz='UTC'), '2030-06-30T22:45:07'),
        (lambda time: time.now(tz='utc'), '2030-06-30T22:45:07'),
        (lambda time: time.now(tz='Asia/Kathmandu'), '2030-07-01T04:30:07'),
        (lambda time: time.now(tz='+02:30'), '2030-07-01T01:15:07'),
        (lambda time: time.now('DD/MM/YY HH:mm:ss.SSS ZZ'), '01/07/30 00:45:07.123 +02:00'),
        (lambda time: time.now('dddd', 'America/New_York'), 'Sunday'),
        (lambda time: time.now('X', 'UTC'), '1909089907.123456'),
        (lambda time: time.utcnow(), '2030-06-30T22:45:07'),
        (lambda time: time.utcnow('HH'), '22'),
        (lambda time: time.today(), '2030-07-01'),
        (lambda time: time.yesterday(), '2030-06-30'),
        (lambda time: time.tomorrow(), '2030-07-02'),
        (lambda time: time.today(tz='UTC'), '2030-06-30'),
        (lambda time: time.yesterday(tz='UTC'), '2030-06-29'),
        (lambda time: time.tomorrow(tz='America/New_York'), '2030-07-01'),
        (lambda time: time.today('D.M.'), '1.7.'),
        (lambda time: time.yesterday('D.M.', 'UTC'), '29.6.'),
        (lambda time: time.tomorrow('D.M. HH:mm'), '2.7. 00:00'),
    ],
)
def test_a_time_is_in_its_format_and_zone(call: Callable[[Time], str], expected: str) -> None:
    assert call(time_at(*LATE)) == expected


@pytest.mark.parametrize(
    ('call', 'expected'),
    [
        (lambda time: time.now(needs_format=False), '2030-07-01T00:45:07.123456+02:00'),
        (lambda time: time.now('HH', 'UTC', False), '2030-06-30T22:45:07.123456+00:00'),
        (lambda time: time.now(tz='Asia/Kathmandu', needs_format=False), '2030-07-01T04:30:07.123456+05:45'),
        (lambda time: time.utcnow(needs_format=False), '2030-06-30T22:45:07.123456+00:00'),
        (lambda time: time.today(needs_format=False), '2030-07-01T00:00:00+02:00'),
        (lambda time: time.yesterday(tz='UTC', needs_format=False), '2030-06-29T00:00:00+00:00'),
        (lambda time: time.tomorrow(needs_format=False), '2030-07-02T00:00:00+02:00'),
    ],
)
def test_without_a_format_it_is_an_arrow(call: Callable[[Time], Arrow], expected: str) -> None:
    found = call(time_at(*LATE))
    assert isinstance(found, Arrow)
    assert found.isoformat() == expected


@pytest.mark.parametrize('tz', ['local', 'Europe/Warsaw'])
def test_days_are_those_of_the_calendar_even_if_they_have_23_hours(tz: str) -> None:
    time = time_at(2030, 3, 30, 23, 30)  # the clocks go forward in two and a half hours
    assert time.now(tz=tz) == '2030-03-31T00:30:00'
    assert time.yesterday(tz=tz) == '2030-03-30'
    assert time.tomorrow(tz=tz) == '2030-04-01'
    assert time.tomorrow(tz=tz, needs_format=False).isoformat() == '2030-04-01T00:00:00+02:00'
    assert time.now(tz=tz, needs_format=False).shift(days=1).isoformat() == '2030-04-01T00:30:00+02:00'


@pytest.mark.parametrize('tz', ['Mars/Olympus', '../etc/passwd', '', 'Europe', '\0'])
@pytest.mark.parametrize('call', [lambda time, tz: time.now(tz=tz), lambda time, tz: time.today('D', tz)])
def test_a_zone_that_is_none_is_an_error(call: Callable[[Time, str], str], tz: str) -> None:
    with pytest.raises(ValueError, match='There is no time zone'):
        call(time_at(*LATE), tz)


@pytest.mark.parametrize(
    ('value', 'from_', 'to', 'expected'),
    [
        ('23-03-2013', 'DD-MM-YYYY', 'YYYY-MM-DD', '2013-03-23'),
        ('03/23/13', 'MM/DD/YY', 'D MMMM YYYY', '23 March 2013'),
        ('2013-03-23T10:11:12', 'YYYY-MM-DDTHH:mm:ss', 'HH.mm', '10.11'),
    ],
)
def test_a_time_is_put_into_another_format(value: str, from_: str, to: str, expected: str) -> None:
    assert time_at(*LATE).reformat(value, from_, to) == expected


@pytest.mark.parametrize('value', ['23.03.2013', '', '99-99-2013'])
def test_a_time_in_another_format_than_said_is_an_error(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the text is Arrow's
        time_at(*LATE).reformat(value, 'DD-MM-YYYY', 'YYYY')


def test_the_formats_that_there_are_by_default_do_not_import_arrow() -> None:
    program = """
import sys
from zato.server.service.facade.time import Time
time = Time()
for tz in ('local', 'UTC', 'Europe/Warsaw'):
    time.now(tz=tz), time.today(tz=tz), time.yesterday(tz=tz), time.tomorrow(tz=tz)
time.utcnow()
assert not {'arrow', 'dateutil'} & set(sys.modules)
time.now('HH')
assert 'arrow' in sys.modules
"""
    done: Any = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
