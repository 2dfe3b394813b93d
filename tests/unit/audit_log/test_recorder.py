"""Messages are written in batches, in order, with what waits bounded, and nothing is lost without a word."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.support.audit_log import MemoryAuditStore, recorder
from zato.common.alarm import Alarms
from zato.common.config.audit_log import Audited
from zato.server.audit_log import recorder as module
from zato.server.audit_log.masking import MARGIN
from zato.server.audit_log.recorder import Bounds, Recorder
from zato.server.config.runtime import ConfigObject

ALWAYS = Audited(max_len_messages_received=100_000, max_len_messages_sent=100_000)
ITEM = ConfigObject(id=1, kind='channel_rest', name='c', is_active=True, version=1, settings=ALWAYS)
FAST = {'interval': 0.001, 'pause': 0.001}
PATIENCE = 10.0  #: seconds


class Log:
    """A recorder, its alarms, and what has come of it."""

    def __init__(self, **bounds: Any) -> None:
        self.store = MemoryAuditStore()
        self.alarms = Alarms()
        self.recorder: Recorder = recorder(
            self.store, secrets=['planted'], alarms=self.alarms, bounds=Bounds(**{**FAST, **bounds})
        )

    def record(self, number: int = 1, settings: Audited = ALWAYS, id: int = 1, **options: Any) -> None:
        item = replace(ITEM, id=id, settings=settings)
        self.recorder.record(item, **{'direction': 'received', 'data': b'x', 'cid': f'cid{number}', **options})

    @property
    def cids(self) -> list[str]:
        return [message.cid for message in self.store.messages]

    @property
    def alarm(self) -> str:
        return next((alarm['what'] for alarm in self.alarms.as_list()), '')

    def wait(self, count: int) -> None:
        """Until so many messages are written."""
        until(lambda: len(self.store.messages) >= count)


def until(is_so: Callable[[], Any]) -> None:
    with gevent.Timeout(PATIENCE):
        while not is_so():
            gevent.sleep(0.001)


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    made.recorder.start()
    yield made
    made.recorder.stop()


def test_messages_are_written_in_their_order(log: Log) -> None:
    for number in range(1_200):
        log.record(number)
    log.wait(1_200)
    assert log.cids == [f'cid{number}' for number in range(1_200)]
    assert max(map(len, log.store.batches)) == 500


def test_what_comes_while_a_batch_is_written_is_in_the_next_one(log: Log) -> None:
    few = Audited(max_len_messages_received=2)

    def record_more() -> None:
        log.store.meanwhile = lambda: None
        for number in range(10, 20):
            log.record(number, settings=few)

    log.store.meanwhile = record_more
    log.record(1, settings=few)
    log.wait(3)
    assert log.cids == ['cid1', 'cid18', 'cid19']


def test_messages_that_would_not_stay_are_not_written(log: Log) -> None:
    few = Audited(max_len_messages_received=3, max_len_messages_sent=2)
    for number in range(10):
        log.record(number, settings=few)
        log.record(number, settings=few, direction='sent')
        log.record(number, settings=few, id=2)
    log.wait(8)
    kept = [(message.object_id, message.direction, message.cid) for message in log.store.messages]
    assert sorted(kept) == [
        *((1, 'received', f'cid{number}') for number in (7, 8, 9)),
        *((1, 'sent', f'cid{number}') for number in (8, 9)),
        *((2, 'received', f'cid{number}') for number in (7, 8, 9)),
    ]


def test_each_message_is_kept_with_what_there_is_to_know_of_it(log: Log) -> None:
    log.record(
        id=7,
        direction='sent',
        msg_id='m1',
        in_reply_to='m0',
        remote='10.0.0.1',
        what='POST /a?token=abc&x=planted',
        status=201,
        data='{"password": "abc", "magic": 1, "x": "planted"}',
        extra_secrets={'magic'},
    )
    log.wait(1)
    (message,) = log.store.messages
    assert (message.kind, message.object_id, message.name, message.direction) == ('channel_rest', 7, 'c', 'sent')
    assert (message.cid, message.msg_id, message.in_reply_to, message.remote) == ('cid1', 'm1', 'm0', '10.0.0.1')
    assert (message.what, message.status) == ('POST /a?token=******&x=******', 201)
    assert message.data == '{"password": "******", "magic": "******", "x": "******"}'
    assert (message.size, message.encoding, message.is_cut) == (47, 'text', False)


def test_of_a_long_message_the_beginning_is_kept_and_its_size(log: Log) -> None:
    settings = Audited(max_bytes_per_message_received=1, max_bytes_per_message_sent=2)
    log.record(data=b'a' * (3 * MARGIN), settings=settings)
    log.record(data='ä' * 2_000, settings=settings, direction='sent')
    log.wait(2)
    received, sent = log.store.messages
    assert (len(received.data), received.size, received.is_cut) == (1_000, 3 * MARGIN, True)
    assert (len(sent.data), sent.size, sent.is_cut) == (1_000, 4_000, True)


def test_what_is_streamed_is_told_without_its_data(log: Log) -> None:
    log.record(data=None)
    log.wait(1)
    (message,) = log.store.messages
    assert (message.encoding, message.data, message.size) == ('streamed', '', 0)


def test_nothing_is_kept_that_databases_refuse(log: Log) -> None:
    log.record(cid='a\0b\ud800', remote='\0', what='GET /\0', data='\ud800')
    log.wait(1)
    (message,) = log.store.messages
    assert (message.cid, message.remote, message.data) == ('ab?', '', '?')
    assert '\0' not in message.what


def test_while_the_odb_is_away_messages_wait(log: Log) -> None:
    log.store.is_away = True
    for number in range(10):
        log.record(number)
    until(lambda: log.store.tries > 1)
    assert log.alarm == ''
    log.store.is_away = False
    log.wait(10)
    assert log.cids == [f'cid{number}' for number in range(10)]


def test_the_oldest_are_dropped_where_too_many_wait_and_an_alarm_counts_them_until_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log(messages=600)
    log.store.is_away = True
    for number in range(1_000):
        log.record(number)
    log.recorder.start()
    until(lambda: log.alarm == '400 message(s) could not be recorded: The ODB is away')
    log.store.is_away = False
    log.wait(600)
    until(lambda: not log.alarm)
    log.recorder.stop()
    assert log.cids == [f'cid{number}' for number in range(400, 1_000)]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert errors[1] == '400 message(s) are missing in the audit log'


def test_the_alarm_does_not_wait_for_a_write_that_takes_long() -> None:
    log = Log(messages=10)
    goes_on = Event()
    log.store.meanwhile = lambda: goes_on.wait(PATIENCE)
    log.recorder.start()
    for number in range(12):
        log.record(number)
    assert log.alarm == '1 message(s) could not be recorded: they come faster than they can be written'
    goes_on.set()
    until(lambda: not log.alarm)
    log.recorder.stop()


def test_what_would_not_stay_anyway_is_not_missing(caplog: pytest.LogCaptureFixture) -> None:
    log = Log(messages=10)
    for number in range(100):
        log.record(number, settings=Audited(max_len_messages_received=5))
    log.recorder.start()
    log.wait(5)
    log.recorder.stop()
    assert log.cids == [f'cid{number}' for number in range(95, 100)]
    assert caplog.records == []


def test_bytes_that_wait_are_bounded_too() -> None:
    log = Log(bytes=200_000)
    for number in range(100):
        log.record(number, data=b'a' * 10_000)
    log.recorder.start()
    log.wait(20)
    log.recorder.stop()
    assert log.cids == [f'cid{number}' for number in range(80, 100)]


def test_a_stop_writes_what_waits() -> None:
    log = Log(interval=60.0)
    log.recorder.start()
    for number in range(3):
        log.record(number)
    log.recorder.stop()
    assert log.cids == ['cid0', 'cid1', 'cid2']
    log.recorder.stop()


def test_a_stop_does_not_wait_for_an_odb_that_is_away_and_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    log.store.is_away = True
    log.recorder.start()
    log.record()
    until(lambda: log.store.tries)
    log.record()
    log.recorder.stop(0.01)
    assert '2 message(s) are missing in the audit log' in caplog.text


def test_a_recorder_that_was_never_started_stops(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    log.recorder.stop()
    assert caplog.records == []


def test_what_cannot_be_masked_is_recorded_without_its_data(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError('broken')

    monkeypatch.setattr(log.recorder.masker, 'mask', fail)
    log.record(data=b'abc', what='GET /abc')
    log.wait(1)
    (message,) = log.store.messages
    assert (message.data, message.what, message.is_cut) == ('', '', True)
    assert 'cid1' in caplog.text


def test_a_batch_that_fails_for_no_known_reason_is_told_of_and_the_next_one_is_written(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        log.store.meanwhile = lambda: None
        raise RuntimeError('broken')

    log.store.meanwhile = fail
    log.record(1)
    until(lambda: 'broken' in caplog.text)
    log.record(2)
    log.wait(1)
    assert log.cids == ['cid2']


def test_messages_that_come_while_a_batch_is_written_are_written_next(log: Log) -> None:
    def meanwhile() -> None:
        log.store.meanwhile = lambda: None
        log.record(2)
        gevent.sleep(0.005)
        log.record(3)

    log.store.meanwhile = meanwhile
    log.record(1)
    log.wait(3)
    assert log.cids == ['cid1', 'cid2', 'cid3']


def test_a_batch_has_no_more_data_than_fits(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, '_BATCH', 1_000)
    for number in range(10):
        log.record(number, data=b'a' * 400)
    log.wait(10)
    assert max(map(len, log.store.batches)) == 3
