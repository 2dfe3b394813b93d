"""Pictures of the main pages, as docs/ has them: made anew with --screenshots DIRECTORY (`make screenshots`)."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site, Visit, open_site
from tests.browser.showroom import furnish
from tests.support.browser import PHONE, Visitor
from tests.support.documentation import ROOT

pytestmark = pytest.mark.xdist_group('browser-2')

MOST = 150_000  #: bytes of a picture
DOCUMENT = ROOT / 'docs' / 'dashboard.md'
PICTURES = ROOT / 'docs' / 'screenshots'


def home(admin: Visitor) -> None:
    admin.go('/zato/')


def list_of_channels(admin: Visitor) -> None:
    admin.go('/zato/kind/channel-rest/')


def list_of_outgoing(admin: Visitor) -> None:
    admin.go('/zato/kind/outgoing-rest/')
    expect(admin.page.get_by_role('row', name='Parcel tracking')).to_contain_text('Down')


def form(admin: Visitor) -> None:
    list_of_outgoing(admin)
    admin.follow('Parcel tracking')
    admin.sees('Missing on server1')


def form_with_errors(admin: Visitor) -> None:
    admin.go('/zato/kind/outgoing-rest/create/')
    admin.fill('Name', 'Invoices')
    admin.fill('Host', 'invoices.example.com')
    admin.fill('Timeout seconds', 'soon')
    admin.fill('Pool size', '0')
    with admin.expecting(400):
        admin.press('OK')
        admin.page.get_by_role('alert').wait_for()
    admin.page.evaluate('window.scrollTo(0, 0)')


def invoker(admin: Visitor) -> None:
    admin.go('/zato/service/invoker/customers.get-customer/')
    admin.fill('Payload', '{"customer_id": 4711}')
    admin.press('Submit')
    admin.page.get_by_role('heading', name='Response').wait_for()
    admin.page.evaluate('window.scrollTo(0, 0)')


def difference(admin: Visitor) -> None:
    admin.go('/zato/service/difference/customers.get-customer/')


def services(admin: Visitor) -> None:
    admin.go('/zato/service/')
    admin.sees('stock.py')


def logs(admin: Visitor) -> None:
    admin.go('/zato/logs/?service=invoices.send-invoice')
    expect(admin.page.get_by_role('log')).to_contain_text('Accounting has not confirmed')


def topics(admin: Visitor) -> None:
    admin.go('/zato/pubsub/topic/')


def topic(admin: Visitor) -> None:
    topics(admin)
    admin.follow('/orders/new')
    admin.sees('Retrying')


def queue(admin: Visitor) -> None:
    admin.go('/zato/pubsub/subscription/?query=reports')
    admin.page.get_by_role('main').get_by_role('link', name='8 messages wait').click()
    admin.sees('8 messages, in the order')


def dead_letters(admin: Visitor) -> None:
    admin.go('/zato/pubsub/dead-letter/')


def servers(admin: Visitor) -> None:
    admin.go('/zato/servers/')


def changes(admin: Visitor) -> None:
    admin.go('/zato/changes/?kind=channel_rest')


PAGES: dict[str, Callable[[Visitor], None]] = {
    'home': home,
    'channels': list_of_channels,
    'outgoing-connections': list_of_outgoing,
    'form': form,
    'form-with-errors': form_with_errors,
    'services': services,
    'invoker': invoker,
    'difference': difference,
    'topics': topics,
    'topic': topic,
    'queue': queue,
    'dead-letters': dead_letters,
    'servers': servers,
    'logs': logs,
    'changes': changes,
}
WHOLE = {'invoker'}  #: those of which more is shown than fits into the window
NAMES = {'log-in', 'home-dark', 'channels-on-a-phone', *PAGES}


@pytest.fixture
def asked(request: pytest.FixtureRequest) -> Path | None:
    """Where pictures are asked for, None if they are made for the test alone."""
    directory: Path | None = request.config.getoption('--screenshots', None)
    return directory


@pytest.fixture
def shown(asked: Path | None, tmp_path: Path) -> Iterator[Site]:
    """Where pictures are asked for, with a path that says nothing of this machine."""
    path = tmp_path / 'qs-1' if asked is None else Path(tempfile.gettempdir()) / 'qs-1'
    path.mkdir()  # unless somebody else has one there
    try:
        opened = open_site(path, servers=2)
        try:
            furnish(opened)
            yield opened
        finally:
            opened.environment.close()
    finally:
        shutil.rmtree(path)


def test_pictures_are_made_of_all_main_pages(shown: Site, visit: Visit, asked: Path | None, tmp_path: Path) -> None:
    directory = asked or tmp_path / 'screenshots'
    directory.mkdir(exist_ok=True)
    somebody = visit(shown, '')
    somebody.go('/')
    somebody.page.screenshot(path=directory / 'log-in.png')
    admin = visit(shown)
    admin.watch.may_show_tracebacks = True
    for name, show in PAGES.items():
        show(admin)
        admin.page.screenshot(path=directory / f'{name}.png', full_page=name in WHOLE)
    admin.page.emulate_media(color_scheme='dark')
    home(admin)
    admin.page.screenshot(path=directory / 'home-dark.png')
    admin.page.emulate_media(color_scheme='light')
    admin.page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a dict of two numbers
    list_of_channels(admin)
    admin.page.screenshot(path=directory / 'channels-on-a-phone.png')
    assert {file.stem for file in directory.glob('*.png')} == NAMES
    assert {file.name: size for file in directory.glob('*.png') if (size := file.stat().st_size) > MOST} == {}


def test_the_documentation_shows_a_picture_of_each_main_page() -> None:
    shown = re.findall(r'!\[[^\]]+\]\(screenshots/([a-z-]+)\.png\)', DOCUMENT.read_text())
    assert sorted(shown) == sorted(NAMES)
    assert {file.stem for file in PICTURES.iterdir()} == NAMES
    assert {file.name: size for file in PICTURES.iterdir() if (size := file.stat().st_size) > MOST} == {}
