"""The page of logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages
from tests.unit.admin.server_answers import log, record
from zato.client.admin import ServerError, ServerUnreachable

LIST, READ = 'zato.log.get-list', 'zato.log.read'
FILES = [{'name': name, 'size': 1, 'modified': ''} for name in ('http_access.log', 'server.log', 'server.log.1')]
AWAY = ServerUnreachable('No answer: refused', was_sent=False)
TAIL = '/zato/logs/tail/?file=server.log&after=a-1%40server1&after=b-1%40server2'


@pytest.fixture
def logs() -> Iterator[Pages]:
    """Two servers, each with one record."""
    with make_pages(servers=2) as pages:
        pages.cluster.answers |= {LIST: FILES}
        pages.cluster.answers_of['server1', READ] = log(record('from one', 1, cid='abc1'), last='a-9')
        pages.cluster.answers_of['server2', READ] = log(record('from two', 2, level='ERROR'), last='b-9')
        yield pages


def _get(pages: Pages, path: str = '/zato/logs/') -> str:
    answer = pages.client('operator').get(path)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_the_latest_records_of_all_servers_are_shown(logs: Pages) -> None:
    text = _get(logs)
    assert text.index('from one') < text.index('from two')
    assert '2026-11-22 11:00:01.000' in text
    assert 'class="record ERROR"' in text
    assert 'role="log" aria-live="off"' in text
    assert '<option>http_access.log</option>' in text


def test_times_are_those_of_the_user(logs: Pages) -> None:
    user = logs.user('operator')
    user.time_zone = 'Asia/Tokyo'
    user.save()
    assert '2026-11-22 20:00:01.000' in logs.client(user=user).get('/zato/logs/').content.decode()


def test_what_is_logged_is_escaped(logs: Pages) -> None:
    logs.cluster.answers_of['server1', READ] = log(record('<script>alert(1)</script>', cid='"><b>', logger='<i>'))
    text = logs.client('operator').get('/zato/logs/').content.decode()
    assert '<script>alert' not in text
    assert '"><b>' not in text
    assert '<i>' not in text


def test_filters_are_passed_on_and_kept(logs: Pages) -> None:
    text = _get(logs, '/zato/logs/?server=server2&file=server.log.1&level=ERROR&service=my.service&cid=%20c1%20&query=a+b')
    assert [(server, payload) for server, name, payload, *_ in logs.cluster.calls if name == READ] == [
        (
            'server2',
            {'file': 'server.log.1', 'level': 'ERROR', 'service': 'my.service', 'cid': 'c1', 'query': 'a b', 'limit': 200},
        )
    ]
    for part in ('<option selected>server2', 'value="ERROR" selected', 'value="my.service"', 'value="c1"', 'value="a b"'):
        assert part in text


@pytest.mark.parametrize(
    ('query', 'is_without'),
    [('', True), ('&has_own=yes', False), ('&cid=c1', False)],
    ids=['usually', 'if wanted', 'of one call'],
)
def test_calls_of_clients_do_not_drown_in_the_dashboards_own(logs: Pages, query: str, *, is_without: bool) -> None:
    text = _get(logs, f'/zato/logs/?server=server2&file=http_access.log{query}')
    [payload] = [payload for _, name, payload, *_ in logs.cluster.calls if name == READ]
    assert payload.get('without') == ('"admin.invoke.json"' if is_without else None)
    assert 'name="has_own"' in text
    assert 'has_own' not in payload


def test_the_page_follows_from_where_it_ends(logs: Pages) -> None:
    text = _get(logs, '/zato/logs/?level=INFO')
    found = re.search(r'hx-get="(/zato/logs/tail/[^"]+)"', text)
    assert found is not None
    assert found[1] == '/zato/logs/tail/?file=server.log&level=INFO&after=a-9%40server1&after=b-9%40server2'
    assert 'hx-trigger="every 2s"' in text


def test_following_adds_what_is_new(logs: Pages) -> None:
    text = _get(logs, TAIL)
    assert sorted(logs.cluster.asked(READ), key=lambda payload: str(payload['after'])) == [
        {'file': 'server.log', 'after': 'a-1', 'limit': 1_000},
        {'file': 'server.log', 'after': 'b-1', 'limit': 1_000},
    ]
    assert 'hx-swap-oob="beforeend:#log"' in text
    assert 'from one' in text
    assert 'after=a-9%40server1&after=b-9%40server2' in text
    assert '<html' not in text


def test_following_without_anything_new_adds_nothing(logs: Pages) -> None:
    for server in ('server1', 'server2'):
        logs.cluster.answers_of[server, READ] = log()
    text = _get(logs, TAIL)
    assert 'hx-swap-oob' not in text
    assert 'id="tail"' in text


def test_a_server_that_goes_away_while_it_is_followed_is_told(logs: Pages) -> None:
    logs.cluster.answers_of['server2', READ] = AWAY
    text = _get(logs, TAIL)
    assert 'server2</strong> does not give its records now' in text
    assert 'from one' in text
    assert 'after=a-9%40server1&after=b-1%40server2' in text


def test_a_server_that_was_away_begins_with_its_last_records(logs: Pages) -> None:
    _get(logs, '/zato/logs/tail/?after=%40server2')
    assert logs.cluster.asked(READ) == [{'file': 'server.log', 'limit': 20}]


def test_a_log_that_was_emptied_while_it_is_followed_is_told(logs: Pages) -> None:
    logs.cluster.answers_of['server1', READ] = log(was_reset=True)
    assert 'The log of server1 was emptied or removed' in _get(logs, TAIL)


def test_a_log_that_is_written_faster_than_it_can_be_followed_is_followed_from_its_end(logs: Pages) -> None:
    def answer(payload: Any) -> Any:
        if 'after' not in payload:
            return log(record('the latest', 3_000 / 60), last='a-99')
        return log(*(record(f'old {i}', i / 1_000) for i in range(1_000)), is_complete=False, last='a-50')

    logs.cluster.answers_of['server1', READ] = answer
    logs.cluster.answers_of['server2', READ] = log(last='b-2')
    text = _get(logs, TAIL)
    assert 'server1 writes more than can be followed' in text
    assert 'old 999' in text
    assert 'the latest' in text
    assert 'after=a-99%40server1&after=b-2%40server2' in text


def test_older_records_are_a_page_that_does_not_follow(logs: Pages) -> None:
    logs.cluster.answers_of['server1', READ] = log(record('old', 1), is_complete=False, first='a-0')
    text = _get(logs)
    found = re.search(r'href="([^"]+)">(Older|Search further back)', text)
    assert found is not None
    older = _get(logs, found[1])
    assert logs.cluster.asked(READ)[-1] == {'file': 'server.log', 'limit': 200, 'before': 'a-0'}
    assert 'hx-trigger="every 2s"' not in older
    assert '>Newest</a>' in older


def test_without_any_server_there_is_a_page_that_says_so(logs: Pages) -> None:
    logs.cluster.answers |= {LIST: AWAY}
    logs.cluster.answers_of = {('server1', READ): AWAY, ('server2', READ): ServerError('c', 200, 'garbage')}
    text = _get(logs)
    assert 'There is nothing to show' in text
    assert text.count('does not give its records now') == 2


def test_nothing_found_says_so(logs: Pages) -> None:
    logs.cluster.answers_of = {(server, READ): log() for server in ('server1', 'server2')}
    assert 'No records fit what you search for' in _get(logs, '/zato/logs/?query=x')
    assert 'Nothing is in this log' in _get(logs)


def test_a_cid_leads_to_all_that_the_call_logged(logs: Pages) -> None:
    assert 'href="/zato/logs/?file=server.log&cid=abc1"' in _get(logs)


def test_a_cid_leads_to_the_other_log_too(logs: Pages) -> None:
    assert 'href="/zato/logs/?file=http_access.log&cid=abc1"' in _get(logs, '/zato/logs/?cid=abc1')
    assert 'href="/zato/logs/?file=server.log&cid=abc1"' in _get(logs, '/zato/logs/?cid=abc1&file=http_access.log')


def test_a_download_is_text(logs: Pages) -> None:
    answer = logs.client('operator').get('/zato/logs/download/?level=INFO&file=server.log')
    assert answer.headers['Content-Type'] == 'text/plain; charset=utf-8'
    assert answer.headers['Content-Disposition'] == 'attachment; filename="server.log.txt"'
    lines = answer.content.decode().splitlines()
    assert lines[0] == 'server1 - 2026-11-22 11:00:01.000 - INFO - 101:abc1 - my.module:5 - from one'
    assert len(lines) == 2


def test_viewers_see_no_logs(logs: Pages) -> None:
    for path in ('/zato/logs/', TAIL, '/zato/logs/download/'):
        assert logs.client('viewer').get(path).status_code == 403
    assert logs.cluster.calls == []


def test_a_server_that_is_not_configured_is_not_found(logs: Pages) -> None:
    assert logs.client('operator').get('/zato/logs/?server=elsewhere').status_code == 404


def test_positions_of_servers_that_are_not_configured_are_passed_over(logs: Pages) -> None:
    _get(logs, '/zato/logs/tail/?after=a-1%40elsewhere&after=nonsense')
    assert logs.cluster.calls == []


def test_a_download_of_whatever_file_is_asked_for_has_a_name_that_is_one_line(logs: Pages) -> None:
    answer = logs.client('operator').get('/zato/logs/download/', {'file': 'a\r\nX-Own: b"c.log'})
    assert answer.status_code == 200
    assert answer.headers['Content-Disposition'] == 'attachment; filename="a__X-Own: b\\"c.log.txt"'
