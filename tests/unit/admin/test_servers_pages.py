"""Pages of servers."""

from __future__ import annotations

import pytest

from tests.support.dashboard import Pages
from tests.support.dashboard import pages as make_pages
from tests.unit.admin.server_answers import alarm, info, worker
from zato.client.admin import ServerError, ServerUnreachable

INFO, CANCEL = 'zato.server.get-info', 'zato.service.cancel'
REFUSED = ServerUnreachable('No answer from 127.0.0.1:1: refused', was_sent=False)


def test_the_list_has_servers_that_are_away_beside_those_that_work() -> None:
    with make_pages(servers=3) as pages:
        pages.cluster.answers_of['server1', INFO] = info()
        pages.cluster.answers_of['server2', INFO] = REFUSED
        pages.cluster.answers_of['server3', INFO] = {'some': 'garbage'}
        text = pages.client('viewer').get('/zato/servers/').content.decode()
    for part in ('60.0 MB', '1 min 30 s', '1 of 1', 'does not answer', 'refused', 'does not work', 'cannot be read'):
        assert part in text
    assert 'hx-trigger="every 5s"' in text


def test_the_part_that_is_polled_is_no_whole_page(pages: Pages) -> None:
    pages.cluster.answers[INFO] = info()
    for path in ('/zato/servers/rows/', '/zato/servers/facts/server1/'):
        text = pages.client('viewer').get(path, headers={'HX-Request': 'true'}).content.decode()
        assert '<html' not in text
        assert 'up' in text


def test_a_server_shows_workers_alarms_and_calls(pages: Pages) -> None:
    call = {'service': 'my.service', 'cid': 'c-1', 'seconds': 61.5}
    broken = {'module': 'my_module', 'error': 'it is <broken>', 'services': []}
    pages.cluster.answers[INFO] = info(
        'server1',
        worker(11, alarms=[alarm('ODB', 'away')], running=[call], modules=[broken], roles=['hot-deploy']),
        worker(12, is_ready=False),
        {'pid': 13, 'error': 'no answer in 2 s'},
    )
    text = pages.client('operator').get('/zato/servers/server/server1/').content.decode()
    for part in (
        'ODB',
        'away',
        'Put it right',
        'c-1',
        '1 min 1 s',
        'hot-deploy',
        'not ready',
        'no answer in 2 s',
        '&lt;broken&gt;',
    ):
        assert part in text
    assert 'action="/zato/servers/cancel/server1/"' in text
    assert '/zato/logs/?server=server1' in text


def test_viewers_see_no_way_to_cancel_or_to_logs(pages: Pages) -> None:
    pages.cluster.answers[INFO] = info('server1', worker(running=[{'service': 's', 'cid': 'c-1', 'seconds': 1}]))
    text = pages.client('viewer').get('/zato/servers/server/server1/').content.decode()
    assert 'c-1' in text
    assert 'Cancel' not in text
    assert '/zato/logs/' not in text


def test_a_server_that_is_away_has_a_page_too(pages: Pages) -> None:
    pages.cluster.answers[INFO] = REFUSED
    answer = pages.client('viewer').get('/zato/servers/server/server1/')
    assert answer.status_code == 200
    assert 'Start the server if it does not run' in answer.content.decode()


def test_only_the_server_that_is_shown_is_asked() -> None:
    with make_pages(servers=3) as pages:
        pages.cluster.answers[INFO] = info('server2')
        pages.client('viewer').get('/zato/servers/server/server2/')
        assert [server for server, *_ in pages.cluster.calls] == ['server2']


def test_a_server_that_is_not_configured_is_not_found(pages: Pages) -> None:
    answer = pages.client('viewer').get('/zato/servers/server/elsewhere/')
    assert answer.status_code == 404
    assert 'There is no server `elsewhere`' in answer.content.decode()


def test_cancelling_is_asked_of_the_server_that_runs_the_call() -> None:
    with make_pages(servers=2) as pages:
        pages.cluster.answers |= {INFO: info(), CANCEL: {'cid': 'c-1', 'cancelled': 1}}
        answer = pages.client('operator').post('/zato/servers/cancel/server2/', {'cid': 'c-1'}, follow=True)
        assert [(server, payload) for server, name, payload, *_ in pages.cluster.calls if name == CANCEL] == [
            ('server2', {'cid': 'c-1'})
        ]
    assert 'Call c-1 was told to end' in answer.content.decode()


@pytest.mark.parametrize('error', [ServerError('c', 404, 'No call with cid c-1'), REFUSED], ids=['ended', 'away'])
def test_a_call_that_cannot_be_cancelled_is_told(pages: Pages, error: Exception) -> None:
    pages.cluster.answers |= {INFO: info(), CANCEL: error}
    answer = pages.client('operator').post('/zato/servers/cancel/server1/', {'cid': 'c-1'}, follow=True)
    assert answer.status_code == 200
    assert 'Call c-1 was not cancelled' in answer.content.decode()


def test_viewers_cannot_cancel(pages: Pages) -> None:
    assert pages.client('viewer').post('/zato/servers/cancel/server1/', {'cid': 'c-1'}).status_code == 403
    assert pages.cluster.calls == []
