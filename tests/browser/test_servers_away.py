"""Servers that are down, that restart, in whose place something else answers: pages say so, and work again afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site, Visit, at_once, open_site
from tests.browser.showroom import EMPTY_PAGES
from tests.support.admin import create
from tests.support.browser import Visitor
from tests.support.environment import zato
from tests.support.impostor import GARBAGE, Impostor

pytestmark = pytest.mark.xdist_group('browser-1')

#: Pages that need no server.
OWN = {'users', 'user-create', 'settings', 'totp', 'service-upload'}


@pytest.fixture
def two(site_of_two: Site) -> Iterator[Site]:
    """All servers run at the end."""
    yield site_of_two
    for server in site_of_two.environment.servers:
        if not server.running_pid():
            site_of_two.environment.start(server=server)


@pytest.fixture(scope='module')
def site_of_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    opened = open_site(tmp_path_factory.mktemp('two') / 'qs-1', servers=2)
    yield opened
    opened.environment.close()


@pytest.fixture(scope='module')
def addresses(site_of_two: Site) -> dict[str, str]:
    """Of the main pages, by what they show."""
    created = create(site_of_two.environment, 'zato.outgoing-rest', 'Seen by all', host='http://127.0.0.1:9')
    outgoing = f'/zato/kind/outgoing-rest/{created["id"]}/'
    return {
        **EMPTY_PAGES,
        'outgoing': outgoing,
        **{f'outgoing-{page}': f'{outgoing}{page}/' for page in ('delete', 'history', 'yaml')},
        **{
            f'service-{page}': f'/zato/service/{page}/demo.get-price/'
            for page in ('overview', 'source', 'versions', 'invoker', 'undeploy')
        },
    }


def test_all_servers_down_and_up_again(two: Site, addresses: dict[str, str], visit: Visit) -> None:
    admin = visit(two)
    environment = two.environment
    at_once(*(lambda server=server: environment.stop(server=server) for server in environment.servers))
    for name, path in addresses.items():
        response = admin.context.request.get(path)
        assert response.status in (200, 503), (name, response.status)
        assert name in OWN or 'server1' in response.text(), name
    admin.go('/zato/')
    admin.heading('2 things need attention')
    at_once(*(lambda server=server: environment.start(server=server) for server in environment.servers))
    admin.heading('Everything works')  # by itself
    assert failing(admin, addresses, set()) == {}


def test_one_of_two_down_is_told_and_the_rest_goes_on(two: Site, visit: Visit) -> None:
    admin = visit(two)
    created = create(two.environment, 'zato.outgoing-rest', 'Goes on', host='http://127.0.0.1:9')
    admin.go('/zato/logs/')
    log = admin.page.get_by_role('log')
    expect(log).to_contain_text('Started server1')
    two.environment.stop(server=0)
    admin.sees('does not give its records now')
    admin.go('/zato/servers/')
    expect(admin.page.get_by_role('row', name='server1')).to_contain_text('does not answer')
    expect(admin.page.get_by_role('row', name='server2')).to_contain_text('up')
    admin.go('/zato/')
    admin.heading('1 thing needs attention')
    admin.sees('server1')
    admin.go('/zato/kind/outgoing-rest/')
    admin.sees('server1 does not answer')
    admin.go(f'/zato/kind/outgoing-rest/{created["id"]}/')
    admin.fill('Host', 'http://127.0.0.1:8')
    admin.press('OK')
    admin.sees('has been saved')
    two.environment.start(server=0)
    admin.go('/zato/kind/outgoing-rest/')
    expect(admin.page.get_by_role('main')).not_to_contain_text('server1 does not answer', use_inner_text=True)


def test_a_log_is_followed_over_a_restart(two: Site, visit: Visit) -> None:
    operator = visit(two, 'operator')
    operator.go('/zato/logs/?server=server1')
    log = operator.page.get_by_role('log')
    expect(log).to_contain_text('Started server1')
    pid = two.environment.servers[0].running_pid()
    two.environment.stop(server=0)
    two.environment.start(server=0)
    new = two.environment.servers[0].running_pid()
    assert new != pid
    expect(log).to_contain_text(f'{new} zato.server.process')


def test_pages_never_fail_while_servers_restart(two: Site, addresses: dict[str, str], visit: Visit) -> None:
    admin = visit(two)
    with ThreadPoolExecutor() as threads:
        restarts = [threads.submit(zato, 'restart', server.path) for server in two.environment.servers]
        wrong = {}
        while not all(restart.done() for restart in restarts):
            wrong |= failing(admin, addresses, {503})
    assert [restart.result().code for restart in restarts] == [0, 0]
    assert wrong == {}
    assert failing(admin, addresses, set()) == {}


@pytest.mark.parametrize('name', GARBAGE)
def test_garbage_in_place_of_a_server_is_said_to_be_that(
    name: str, two: Site, addresses: dict[str, str], visit: Visit
) -> None:
    admin = visit(two)
    own = {server.address: server.address.read_text() for server in two.environment.servers}
    with Impostor(GARBAGE[name]) as impostor:
        try:
            for file in own:
                file.write_text(f'{impostor.address}\n')
            assert failing(admin, addresses, {403, 404, 502, 503}) == {}
        finally:
            for file, address in own.items():
                file.write_text(address)
    assert two.environment.web_admin.log.read_text().replace('\n', '').isprintable()


def test_a_page_says_when_the_dashboard_itself_is_away(site: Site, visit: Visit) -> None:
    viewer = visit(site, 'viewer')
    viewer.go('/zato/servers/')
    notice = viewer.page.get_by_text('The dashboard does not answer')
    expect(notice).to_be_hidden()
    viewer.context.set_offline(True)
    expect(notice).to_be_visible()
    viewer.context.set_offline(False)
    expect(notice).to_be_hidden()
    problems, viewer.watch.problems = viewer.watch.problems, []
    assert [each for each in problems if 'ERR_INTERNET_DISCONNECTED' not in each and 'htmx:sendError' not in each] == []


def failing(visitor: Visitor, addresses: Mapping[str, str], may_be: set[int]) -> dict[str, str]:
    """Pages that are neither shown nor say what is wrong."""
    found = {}
    for name, path in addresses.items():
        response = visitor.context.request.get(path, max_redirects=0)
        text = response.text()
        if response.status not in {200, *may_be} or 'Traceback' in text:
            found[name] = f'{response.status}: {text[-1500:]}'
    return found
