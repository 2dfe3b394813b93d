"""JWT definitions: logging in, what tokens let in, how long they live, what ends them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import HandClock
from tests.support.security import Headers, MemoryTokenStore, bearer, tokens_in
from zato.common.exception import ServiceUnavailable, Unauthorized
from zato.server.security.jwt import JWTAuth, JWTDefinition, LogIns
from zato.server.security.principal import Principal
from zato.server.security.tokens import Tokens, slack_of

TTL = 100.0
SLACK = slack_of(TTL)
JANE, JOE = 7, 8


class Worker:
    """Its part in this. Two over the same store are two workers."""

    def __init__(self, store: MemoryTokenStore) -> None:
        self.clock: Any = store.clock
        self.tokens: Tokens = tokens_in(store)
        self.log_ins = LogIns(self.tokens)
        self.jane = self.define(JANE, 'jane', 'secret')
        self.joe = self.define(JOE, 'joe', 'secret')

    def define(self, id: int, username: str, password: str, *, ttl: float = TTL, stored: str = 'x') -> JWTAuth:
        """In place of the one that has this ID. stored: the password as the ODB has it."""
        definition = JWTDefinition(
            id=id, name=f'{username}.jwt', username=username, password=password, stored_password=stored, ttl=ttl
        )
        auth = JWTAuth(definition, self.tokens)
        self.log_ins.remove(id)
        self.log_ins.put(auth)
        return auth

    def log_in(self, username: str = 'jane', password: str = 'secret') -> Headers:
        token = self.log_ins.log_in(username, password)
        assert token is not None
        return bearer(token)

    def lets_in(self, headers: Headers) -> bool:
        """And what was to be written is."""
        found = self.jane.identify(headers) is not None
        self.tokens.write()
        return found


@pytest.fixture
def store() -> MemoryTokenStore:
    return MemoryTokenStore(HandClock())


@pytest.fixture
def worker(store: MemoryTokenStore) -> Worker:
    return Worker(store)


# Logging in


def test_who_logs_in_is_let_in_by_the_token(worker: Worker) -> None:
    assert worker.jane.identify(worker.log_in()) == Principal('jane', 'viewer', JANE)


@pytest.mark.parametrize(
    ('username', 'password'), [('jane', 'Secret'), ('jane', ''), ('', 'secret'), ('nobody', 'secret'), ('', '')]
)
def test_wrong_credentials_get_no_token(worker: Worker, store: MemoryTokenStore, username: str, password: str) -> None:
    assert worker.log_ins.log_in(username, password) is None
    assert store.rows == {}


@given(st.text(), st.text())
def test_no_text_whatever_logs_in_or_is_an_error(username: str, password: str) -> None:
    log_ins = Worker(MemoryTokenStore(HandClock())).log_ins
    if (username, password) not in (('jane', 'secret'), ('joe', 'secret')):
        assert log_ins.log_in(username, password) is None


def test_a_definition_without_a_password_logs_nobody_in(worker: Worker) -> None:
    worker.define(JANE, 'jane', '')
    assert worker.log_ins.log_in('jane', '') is None


def test_each_log_in_gives_a_token_of_its_own(worker: Worker) -> None:
    first, second = worker.log_in(), worker.log_in()
    assert first != second
    assert worker.log_ins.log_out(first) > 0
    worker.log_ins.forget(JANE)
    assert not worker.lets_in(first)
    assert worker.lets_in(second)


def test_without_the_odb_logging_in_is_503(worker: Worker, store: MemoryTokenStore) -> None:
    store.is_away = True
    with pytest.raises(ServiceUnavailable, match='the database does not answer'):
        worker.log_ins.log_in('jane', 'secret')
    assert worker.log_ins.log_in('jane', 'wrong') is None


def test_a_definition_is_found_by_its_user_name_for_limits(worker: Worker) -> None:
    assert (worker.log_ins.definition_of('jane'), worker.log_ins.definition_of('nobody')) == (JANE, 0)
    worker.log_ins.remove(JANE)
    assert worker.log_ins.definition_of('jane') == 0
    assert worker.log_ins.log_in('jane', 'secret') is None


# What lets in


def test_a_token_lets_nobody_in_where_another_definition_is_asked_for(worker: Worker) -> None:
    headers = worker.log_in('joe')
    assert worker.joe.identify(headers) is not None
    assert worker.jane.identify(headers) is None


def test_the_schemes_case_and_spaces_do_not_count(worker: Worker) -> None:
    token = worker.log_in()[b'authorization'][7:]
    for scheme in (b'Bearer ', b'bearer ', b'BEARER   '):
        assert worker.jane.identify({b'authorization': scheme + token}) is not None


def test_a_token_without_the_scheme_or_with_another_one_is_refused(worker: Worker) -> None:
    token = worker.log_in()[b'authorization'][7:]
    for value in (
        token,
        b'Basic ' + token,
        b'Bearer' + token,
        b'Bearer "' + token + b'"',
        b'Bearer ' + token + b', Bearer x',
    ):
        assert worker.jane.identify({b'authorization': value}) is None
    assert worker.jane.identify({b'x-api-key': token}) is None
    assert worker.jane.identify({}) is None


@given(st.binary(max_size=100))
def test_no_bytes_whatever_let_in_or_are_an_error(data: bytes) -> None:
    worker = Worker(MemoryTokenStore(HandClock()))
    for value in (data, b'Bearer ' + data, b'bearer ' + data):
        assert worker.jane.identify({b'authorization': value}) is None
        assert worker.log_ins.log_out({b'authorization': value}) == 0


def test_what_is_refused_costs_no_look_at_the_odb_and_no_word_in_the_log(
    worker: Worker, store: MemoryTokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for token in ('', 'x', 'a.b.c', 'x' * 100_000):
        assert worker.jane.identify(bearer(token)) is None
    assert worker.jane.identify(worker.log_in('joe')) is None
    assert store.reads == 0
    assert caplog.records == []


def test_a_client_is_told_the_path_the_cid_and_the_challenge(worker: Worker) -> None:
    refusal = worker.jane.refusal(b'/a/\xff', 'c1')
    assert isinstance(refusal, Unauthorized)
    assert (refusal.status, refusal.challenge) == (401, 'JWT')
    assert '/a/\ufffd' in refusal.msg
    assert 'c1' in refusal.msg


# How long


def test_a_token_that_is_not_used_lives_for_its_ttl_and_no_longer_than_the_slack_after(store: MemoryTokenStore) -> None:
    for waits, lets_in in ((TTL - 1, True), (TTL + SLACK + 0.1, False)):
        worker = Worker(store)
        headers = worker.log_in()
        worker.clock.now += waits
        assert worker.lets_in(headers) is lets_in


def test_each_use_makes_it_live_on(worker: Worker) -> None:
    headers = worker.log_in()
    for _ in range(20):
        worker.clock.now += TTL - 1
        assert worker.lets_in(headers)
    worker.clock.now += TTL + SLACK + 0.1
    assert not worker.lets_in(headers)


def test_many_uses_are_few_writes_and_one_read(worker: Worker, store: MemoryTokenStore) -> None:
    headers = worker.log_in()
    before = store.writes
    for _ in range(1_000):
        worker.clock.now += 0.1
        assert worker.lets_in(headers)
    assert store.reads == 1
    assert store.writes - before <= 1 + 1_000 * 0.1 / (SLACK / 2)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 1.5 * TTL)), max_size=40))
def test_whichever_worker_is_asked_the_life_is_the_ttl_and_at_most_the_slack_more(steps: list[tuple[bool, float]]) -> None:
    store = MemoryTokenStore(HandClock())
    workers = [Worker(store), Worker(store)]
    headers = workers[0].log_in()
    clock = workers[0].clock
    used = clock.now
    for is_second, waits in steps:
        clock.now += waits
        lets_in = workers[is_second].lets_in(headers)
        idle = clock.now - used
        if idle < TTL - 1e-6:
            assert lets_in, idle
        if idle > TTL + SLACK + 1e-6:
            assert not lets_in, idle
        if not lets_in:
            break
        used = clock.now


def test_a_token_that_was_used_elsewhere_is_looked_at_again(store: MemoryTokenStore) -> None:
    one, two = Worker(store), Worker(store)
    headers = one.log_in()
    assert one.lets_in(headers)
    one.clock.now += TTL - 1
    assert two.lets_in(headers)
    one.clock.now += TTL - 1
    assert one.lets_in(headers), 'though this worker did not see it used'


def test_a_change_of_the_ttl_counts_from_the_next_use(worker: Worker) -> None:
    headers = worker.log_in()
    worker.jane = worker.define(JANE, 'jane', 'secret', ttl=10 * TTL)
    assert worker.lets_in(headers)
    worker.clock.now += 9 * TTL
    assert worker.lets_in(headers)


def test_a_ttl_that_was_made_shorter_counts_for_tokens_that_there_are(worker: Worker, store: MemoryTokenStore) -> None:
    headers, other = worker.log_in(), worker.log_in()
    assert worker.lets_in(headers)
    worker.jane = worker.define(JANE, 'jane', 'secret', ttl=10)
    worker.tokens.limit(JANE, 10)
    assert worker.jane.identify(headers) is not None
    worker.tokens.write()
    worker.clock.now += 10 + slack_of(10) + 0.1
    for each in (headers, other):
        assert not worker.lets_in(each)
        assert not Worker(store).lets_in(each)


def test_a_restart_ends_no_token(store: MemoryTokenStore) -> None:
    headers = Worker(store).log_in()
    assert Worker(store).lets_in(headers)


# Without the ODB


def test_a_worker_goes_by_what_it_has_seen_while_the_odb_is_away(worker: Worker, store: MemoryTokenStore) -> None:
    headers = worker.log_in()
    assert worker.lets_in(headers)
    store.is_away = True
    for _ in range(5):
        worker.clock.now += TTL - 1
        assert worker.jane.identify(headers) is not None
    store.is_away = False
    worker.tokens.write()
    worker.clock.now += TTL - 1
    assert Worker(store).lets_in(headers), 'and tells the others when it is there again'


def test_a_token_that_it_has_not_seen_is_neither_right_nor_wrong_then(worker: Worker, store: MemoryTokenStore) -> None:
    headers = worker.log_in()
    store.is_away = True
    with pytest.raises(ServiceUnavailable):
        worker.jane.identify(headers)
    with pytest.raises(ServiceUnavailable):
        worker.log_ins.log_out(headers)
    assert worker.jane.identify(bearer('x')) is None


def test_a_use_while_a_write_takes_its_time_is_written_too(worker: Worker, store: MemoryTokenStore) -> None:
    headers = worker.log_in()
    assert worker.lets_in(headers)

    def use() -> None:
        store.meanwhile = lambda: None
        worker.clock.now += TTL - 1
        assert worker.jane.identify(headers) is not None

    worker.clock.now += TTL - 1
    store.meanwhile = use
    assert worker.lets_in(headers)
    worker.tokens.write()
    worker.clock.now += TTL - 1
    assert Worker(store).lets_in(headers)


# What ends them


def test_a_token_that_was_logged_out_lets_nobody_in_any_more(store: MemoryTokenStore) -> None:
    workers = [Worker(store), Worker(store)]
    headers = workers[0].log_in()
    assert all(worker.lets_in(headers) for worker in workers)
    assert workers[1].log_ins.log_out(headers) > 0
    for worker in workers:
        worker.log_ins.forget(JANE)  # as the event makes each worker do
        assert not worker.lets_in(headers)
    assert workers[0].log_ins.log_out(headers) == 0


def test_a_token_that_ends_while_it_is_looked_at_is_not_remembered(worker: Worker, store: MemoryTokenStore) -> None:
    headers = worker.log_in()

    def end() -> None:
        store.after_read = lambda: None
        store.rows.clear()
        worker.log_ins.forget(JANE)

    store.after_read = end
    assert worker.lets_in(headers), 'the request came first'
    assert not worker.lets_in(headers)


def test_what_is_no_token_of_an_active_definition_cannot_be_logged_out(worker: Worker) -> None:
    headers = worker.log_in()
    worker.log_ins.remove(JANE)
    assert worker.log_ins.log_out(headers) == 0
    assert worker.log_ins.log_out({}) == 0


def test_an_expired_token_cannot_be_logged_out(worker: Worker) -> None:
    headers = worker.log_in()
    worker.clock.now += TTL + SLACK + 1
    assert worker.log_ins.log_out(headers) == 0


@pytest.mark.parametrize(('username', 'password'), [('jane', 'new'), ('janet', 'secret')])
def test_other_credentials_of_the_definition_void_its_tokens_for_good(worker: Worker, username: str, password: str) -> None:
    headers = worker.log_in()
    assert worker.lets_in(headers)
    worker.jane = worker.define(JANE, username, password)
    assert not worker.lets_in(headers)
    assert worker.log_ins.log_out(headers) == 0
    assert worker.lets_in(worker.log_in(username, password))


def test_a_password_that_is_set_again_voids_its_tokens_even_if_it_is_what_it_was_before(worker: Worker) -> None:
    headers = worker.log_in()
    worker.jane = worker.define(JANE, 'jane', 'secret', stored='y')
    assert not worker.lets_in(headers)


def test_a_definition_that_is_inactive_meanwhile_gives_no_token(worker: Worker, store: MemoryTokenStore) -> None:
    store.inactive = {JANE}
    assert worker.log_ins.log_in('jane', 'secret') is None
    assert worker.log_ins.log_in('joe', 'secret') is not None


def test_a_row_that_is_gone_is_noticed_when_the_life_is_to_be_written(worker: Worker, store: MemoryTokenStore) -> None:
    headers = worker.log_in()
    assert worker.lets_in(headers)
    store.rows.clear()
    worker.clock.now += SLACK
    assert worker.lets_in(headers), 'it is not known yet'
    assert not worker.lets_in(headers)


def test_what_a_worker_remembers_is_bounded(
    worker: Worker, store: MemoryTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('zato.server.security.jwt._MOST_KNOWN', 3)
    headers = [worker.log_in() for _ in range(5)]
    for each in headers:
        assert worker.lets_in(each)
    assert len(worker.jane._known) == 3
    reads = store.reads
    assert worker.lets_in(headers[4])
    assert store.reads == reads
    assert worker.lets_in(headers[0])
    assert store.reads == reads + 1


def test_neither_passwords_nor_tokens_are_shown(worker: Worker) -> None:
    worker.lets_in(worker.log_in())
    assert 'secret' not in repr(vars(worker.jane)) + repr(worker.jane)
