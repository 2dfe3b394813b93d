"""The home page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages
from tests.unit.admin.server_answers import alarm, change, info, worker
from zato.admin.servers.noticed import noticed_since
from zato.client.admin import ServerError, ServerUnreachable

INFO, PEERS, AUDIT = 'zato.server.get-info', 'zato.worker.get-list', 'zato.audit.get-list'
REFUSED = ServerUnreachable('No answer from 127.0.0.1:1: refused', was_sent=False)


@pytest.fixture
def home() -> Iterator[Pages]:
    """Two servers that work."""
    with make_pages(servers=2) as pages:
        cache.clear()
        cluster = pages.cluster
        cluster.answers |= {PEERS: [{'server': 'server1'}, {'server': 'server2'}], AUDIT: [change()]}
        for name in ('server1', 'server2'):
            cluster.answers_of[name, INFO] = info(name)
        yield pages


def _text(pages: Pages, role: str = 'viewer', path: str = '/zato/') -> str:
    answer = pages.client(role).get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_where_nothing_is_wrong_it_says_so(home: Pages) -> None:
    text = _text(home)
    assert 'Everything works' in text
    assert 'attention' not in text
    assert 'my.channel' in text


def test_what_is_wrong_is_counted_and_shown(home: Pages) -> None:
    home.cluster.answers_of['server2', INFO] = REFUSED
    home.cluster.answers_of['server1', INFO] = info('server1', worker(alarms=[alarm('ODB', 'it is <away>')]))
    text = _text(home)
    assert '2 things need attention' in text
    assert 'it is &lt;away&gt;' in text
    assert 'refused' in text


def test_without_the_odb_it_says_so_and_asks_for_nothing_that_is_in_it(home: Pages) -> None:
    for name in ('server1', 'server2'):
        home.cluster.answers_of[name, INFO] = info(name, last_event=None, odb_error='timed out')
    text = _text(home)
    assert '1 thing needs attention' in text
    assert 'The ODB does not answer' in text
    assert {service for _, service, *_ in home.cluster.calls} == {INFO}


def test_what_workers_say_of_the_odb_is_said_once(home: Pages) -> None:
    away = worker(alarms=[alarm('ODB', 'it does not answer')])
    for name in ('server1', 'server2'):
        home.cluster.answers_of[name, INFO] = info(name, away, last_event=None, odb_error='timed out')
    assert '1 thing needs attention' in _text(home)


def test_one_thing_is_one(home: Pages) -> None:
    home.cluster.answers_of['server2', INFO] = REFUSED
    assert '1 thing needs attention' in _text(home)


def test_what_lasts_for_a_moment_only_is_not_shown(home: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    from zato.admin.home import views

    now = [1_000.0]
    monkeypatch.setattr(views, 'time', lambda: now[0])
    home.cluster.answers_of['server1', INFO] = info('server1', worker(applied_event=40))
    assert 'Everything works' in _text(home)
    now[0] += 20
    assert 'It has yet to apply 10 changes' in _text(home, path='/zato/state/')
    home.cluster.answers_of['server1', INFO] = info('server1')
    assert 'Everything works' in _text(home)
    home.cluster.answers_of['server1', INFO] = info('server1', worker(applied_event=40))
    assert 'Everything works' in _text(home)


def test_without_any_server_there_is_a_page_that_says_so(home: Pages) -> None:
    home.cluster.answers_of |= {('server1', INFO): REFUSED, ('server2', INFO): {'garbage': 1}}
    text = _text(home)
    assert '2 things need attention' in text
    assert 'No server answers, so nobody knows what was changed' in text


@pytest.mark.parametrize('wrong', [ServerError('c', 503, 'The ODB is away'), REFUSED], ids=['odb', 'refused'])
def test_what_only_the_odb_knows_may_be_missing(home: Pages, wrong: Exception) -> None:
    home.cluster.answers |= {PEERS: wrong, AUDIT: wrong}
    text = _text(home)
    assert 'Everything works' in text
    assert 'What was changed is not known' in text


@pytest.mark.parametrize('garbage', [None, [1], 'text', {'a': 1}], ids=['nothing', 'numbers', 'text', 'mapping'])
def test_garbage_in_place_of_lists_is_no_failure(home: Pages, garbage: Any) -> None:
    home.cluster.answers |= {PEERS: garbage, AUDIT: garbage}
    assert 'What was changed is not known' in _text(home)


def test_one_poll_is_three_calls_of_one_server_and_one_of_each_other(home: Pages) -> None:
    _text(home, path='/zato/state/')
    assert sorted(name for _, name, *_ in home.cluster.calls) == [AUDIT, INFO, INFO, PEERS]


@pytest.mark.parametrize('path', ['/zato/state/', '/zato/servers/rows/', '/zato/servers/facts/server1/', '/zato/logs/tail/'])
def test_polling_does_not_keep_the_session_alive(home: Pages, path: str) -> None:
    from django.urls import resolve

    from zato.admin.page import page_of

    declared = page_of(resolve(path).func)
    assert declared is not None
    assert declared.is_polled


@pytest.mark.parametrize(('role', 'links'), [('viewer', 0), ('operator', 1), ('admin', 3)])
def test_the_first_run_says_what_to_do_next(home: Pages, role: str, links: int) -> None:
    home.cluster.answers[AUDIT] = [change(who='server')]
    text = _text(home, role)
    assert 'What to do next' in text
    assert text.count('id="step-') == links


def test_it_is_remembered_since_when_something_is_so() -> None:
    cache.clear()
    assert noticed_since(['a'], 1.0) == {'a': 1.0}
    assert noticed_since(['a', 'b'], 2.0) == {'a': 1.0, 'b': 2.0}
    assert noticed_since(['b'], 3.0) == {'b': 2.0}
    assert noticed_since(['a'], 4.0) == {'a': 4.0}
