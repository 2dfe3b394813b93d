"""Pages of the dashboard in front of what a real server answers: neither may change without the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.admin import create, invoke, pids
from tests.support.dashboard import Pages, pages
from tests.support.environment import Environment, eventually
from tests.unit.admin.server_answers import change, info, log, record

SERVICES = (
    'zato.server.get-info',
    'zato.worker.get-list',
    'zato.audit.get-list',
    'zato.log.get-list',
    'zato.log.read',
)


@pytest.fixture
def dashboard(running: Environment) -> Iterator[Pages]:
    with pages() as found:
        for name in SERVICES:
            found.cluster.answers[name] = lambda payload, name=name: invoke(running, name, payload)
        yield found


def _get(dashboard: Pages, path: str) -> str:
    answer = dashboard.client('operator').get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_home_page_says_that_everything_works(dashboard: Pages) -> None:
    text = _get(dashboard, '/zato/')
    assert 'Everything works' in text
    assert 'What to do next' in text


def test_an_object_that_is_down_needs_attention(running: Environment, dashboard: Pages) -> None:
    name = 'dashboard.crm'
    invoke(running, 'zato.outgoing-rest.create', {'name': name, 'host': '$NO_SUCH_VARIABLE', 'url_path': '/'})
    text = eventually(
        lambda: found if 'needs attention' in (found := _get(dashboard, '/zato/state/')) else '', 'the alarm on the page'
    )
    assert 'the server has no environment variable NO_SUCH_VARIABLE' in text
    assert f'/zato/kind/outgoing-rest/?query={name}' in text
    assert 'up, with problems' in _get(dashboard, '/zato/servers/')
    invoke(running, 'zato.outgoing-rest.delete', {'name': name})
    assert 'Everything works' in _get(dashboard, '/zato/')


def test_a_server_shows_its_workers(running: Environment, dashboard: Pages) -> None:
    text = _get(dashboard, '/zato/servers/server/server1/')
    for pid in pids(running):
        assert f'<th scope="row">{pid}</th>' in text
    assert 'hot-deploy' in text


def test_changes_show_who_changed_what(running: Environment, dashboard: Pages) -> None:
    create(running, 'zato.channel-rest', 'dashboard.channel', url_path='/dashboard', service='zato.ping')
    text = _get(dashboard, '/zato/changes/?name=dashboard.channel')
    for part in ('admin.invoke', 'create', 'REST channel', 'URL path', '/dashboard', 'zato.ping'):
        assert part in text


def test_a_request_is_found_in_the_log_by_its_cid(running: Environment, dashboard: Pages) -> None:
    cid = running.request('GET', '/zato/ping').headers['x-zato-cid']
    path = f'/zato/logs/?file=http_access.log&cid={cid}'
    text = eventually(
        lambda: found if cid in (found := _get(dashboard, path)) and 'class="record' in found else '', 'its line'
    )
    assert 'GET /zato/ping' in text


def test_a_log_is_followed(running: Environment, dashboard: Pages) -> None:
    text = _get(dashboard, '/zato/logs/?file=http_access.log')
    tail = text.partition('hx-get="/zato/logs/tail/')[2].partition('"')[0].replace('&amp;', '&')
    cid = running.request('GET', '/zato/ping').headers['x-zato-cid']
    found = eventually(lambda: text if cid in (text := _get(dashboard, f'/zato/logs/tail/{tail}')) else '', 'the new line')
    assert found.count('class="record') == found.count('/zato/ping') + found.count('/zato/admin/invoke')


def test_what_servers_say_is_what_tests_of_pages_make_them_say(running: Environment) -> None:
    real = invoke(running, 'zato.server.get-info')
    assert real.keys() >= info().keys()
    assert real['workers'][0].keys() >= info()['workers'][0].keys()
    assert invoke(running, 'zato.audit.get-list', {'limit': 1})[0].keys() >= change().keys()
    read = invoke(running, 'zato.log.read', {'limit': 1})
    assert read.keys() >= log().keys()
    assert read['records'][0].keys() >= record('').keys()
