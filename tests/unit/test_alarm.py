"""Alarms: one ERROR line when they begin, an entry until they end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from zato.common.alarm import Alarms


class FakeClock:
    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.time.timestamp()

    def utcnow(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def test_an_alarm_is_one_error_with_its_action_and_an_entry_since_when(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    alarms = Alarms(clock)
    alarms.begin('module:x', 'it fails', 'mend it', action='load.failed')
    clock.advance(5)
    alarms.begin('module:x', 'it fails', 'mend it', action='load.failed')
    assert alarms.as_list() == [
        {'subject': 'module:x', 'what': 'it fails', 'what_to_do': 'mend it', 'since': '2030-01-01T00:00:00+00:00'}
    ]
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, 'module:x: it fails; mend it')
    assert record.__dict__['action'] == 'load.failed'


def test_another_reason_is_told_again_and_takes_the_place_of_the_first(caplog: pytest.LogCaptureFixture) -> None:
    alarms = Alarms(FakeClock())
    alarms.begin('x', 'one', 'do', action='a')
    alarms.begin('x', 'two', 'do', action='a')
    assert [alarm['what'] for alarm in alarms.as_list()] == ['two']
    assert len(caplog.records) == 2


def test_what_was_logged_already_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    alarms = Alarms()
    alarms.begin('x', 'one', 'do', action='a', log=False)
    assert len(alarms.as_list()) == 1
    assert caplog.records == []


def test_an_alarm_ends_once_and_may_begin_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock()
    alarms = Alarms(clock)
    alarms.begin('x', 'one', 'do', action='a')
    alarms.begin('y', 'two', 'do', action='a')
    alarms.end('x')
    alarms.end('x')
    alarms.end('never-there')
    assert [alarm['subject'] for alarm in alarms.as_list()] == ['y']
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.INFO] == ['x: alarm ended']
    clock.advance(60)
    alarms.begin('x', 'one', 'do', action='a')
    assert alarms.as_list()[-1]['since'] == '2030-01-01T00:01:00+00:00'
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 3


def test_a_list_that_was_taken_stays_as_it_was() -> None:
    alarms = Alarms()
    alarms.begin('x', 'one', 'do', action='a')
    taken = alarms.as_list()
    alarms.end('x')
    taken[0]['what'] = 'changed'
    assert len(taken) == 1
    assert alarms.as_list() == []


def test_an_alarm_that_says_several_things_is_one_line_that_names_its_subject_once(caplog: pytest.LogCaptureFixture) -> None:
    Alarms().begin('Basic Auth `s`', 'Basic Auth `s`: no A\nBasic Auth `s`: no B', 'it is down', action='object.down')
    assert caplog.messages == ['Basic Auth `s`: no A; no B; it is down']
