"""What services log has the cid of their call in its head."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.service.invoking import PATIENCE, answering, call_of, finish, invoker_of, service
from zato.common.log.cid import name_calls, running_cid
from zato.server.security.principal import Principal
from zato.server.service.data import Request
from zato.server.service.invoker import Invoker

logger = logging.getLogger('my_mod')


class Threads(logging.Handler):
    """By what is logged, the name of the thread in its head."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.names[record.getMessage()] = str(record.threadName)


@pytest.fixture
def threads() -> Iterator[Threads]:
    before = logging.getLogRecordFactory()
    handler = Threads()
    logging.root.addHandler(handler)
    level = logging.root.level
    logging.root.setLevel(logging.INFO)
    name_calls()
    yield handler
    logging.setLogRecordFactory(before)
    logging.root.removeHandler(handler)
    logging.root.setLevel(level)


def run(invoker: Invoker, name: str, cid: str = 'c1') -> Any:
    call = call_of(invoker, name, cid=cid)
    response = invoker.run(call, Request('', ''))
    return invoker.running_while(call, response.payload) if hasattr(response.payload, '__next__') else response.payload


def test_a_service_and_those_it_invokes_log_with_their_cid_and_nobody_does_after_them(threads: Threads) -> None:
    def outer(self: Any) -> None:
        self.invoke('inner')
        logger.info('outer')

    def inner(self: Any) -> None:
        self.logger.info('inner')

    invoker = invoker_of(service('outer', outer), service('inner', inner))
    run(invoker, 'outer')
    logger.info('after')
    assert threads.names == {'inner': 'c1', 'outer': 'c1', 'after': 'MainThread'}


def test_a_service_that_fails_leaves_no_cid_behind(threads: Threads) -> None:
    def fail(self: Any) -> None:
        raise ValueError('no')

    with pytest.raises(ValueError, match='no'):
        run(invoker_of(service('fail', fail)), 'fail')
    assert running_cid.get() == ''


def test_a_call_of_its_own_inside_another_has_its_own_cid(threads: Threads) -> None:
    def outer(self: Any) -> None:
        self._invoker.invoke_apart(Principal('x', 'admin'), 'inner', '', cid='c2', channel='invoke')
        logger.info('outer')

    def inner(self: Any) -> None:
        logger.info('inner')

    run(invoker_of(service('outer', outer), service('inner', inner)), 'outer')
    assert threads.names == {'inner': 'c2', 'outer': 'c1'}


def test_what_a_service_spawns_logs_with_its_cid(threads: Threads) -> None:
    def spawn(self: Any) -> None:
        self.spawn(logger.info, 'spawned').get(timeout=PATIENCE)

    run(invoker_of(service('spawn', spawn)), 'spawn')
    assert threads.names == {'spawned': 'c1'}


def test_what_is_invoked_in_the_background_logs_with_the_cid_that_its_caller_got(threads: Threads) -> None:
    def start(self: Any) -> None:
        self.response.payload = self.invoke_async('later')

    invoker = invoker_of(service('start', start), service('later', lambda self: logger.info('later')))
    cid = run(invoker, 'start')
    finish(invoker)
    assert threads.names == {'later': cid}


def test_pieces_of_a_streamed_response_are_made_with_the_cid(threads: Threads) -> None:
    def pieces() -> Iterator[bytes]:
        logger.info('piece')
        yield b'x'

    assert list(run(invoker_of(answering('stream', pieces())), 'stream')) == [b'x']
    logger.info('after')
    assert threads.names == {'piece': 'c1', 'after': 'MainThread'}


@pytest.mark.parametrize('cid', ['two words', 'new\nline', 'x' * 65, 'ü', ''])
def test_a_cid_that_does_not_fit_into_a_head_is_left_out(threads: Threads, cid: str) -> None:
    run(invoker_of(service('log', lambda self: logger.info('logged'))), 'log', cid)
    assert threads.names == {'logged': 'MainThread'}
